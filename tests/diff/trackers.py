"""Plays requests to a tracker and turns its answers into fields that can be compared.

A request is bytes and how they are sent. Over UDP the tracker's own connection id is put in where the request wants one,
and silence is known by the answer to a connect that was sent after it. Over HTTP each request has a connection of its own,
whose sending side is closed after it: so a tracker that waits for more is seen to answer nothing."""

import dataclasses
import os
import re
import socket
import struct

import bencode
from udp_client import PEER_SIZE, PROTOCOL_ID, connect_packet

SOURCES = [f"127.0.0.{host}" for host in range(2, 8)]  # where the clients are
CONNECT, ANNOUNCE, SCRAPE, ERROR = 0, 1, 2, 3
IDS_GOOD_FOR = 20_000  # requests; shoal's connection ids last some minutes


@dataclasses.dataclass(frozen=True)
class Request:
    protocol: str  # "udp" or "http"
    data: bytes
    source: int = 0  # which client: an index of SOURCES
    own_id: bool = False  # UDP: the first eight bytes are replaced by the connection id that the tracker gave


class Tracker:
    """One address of a tracker. `play` returns an answer: a dictionary of fields."""

    def __init__(self, address):
        self.address = address
        self.sockets = {}
        self.ids = {}
        self.played = 0

    def close(self):
        for one in self.sockets.values():
            one.close()
        self.sockets.clear()

    def play(self, request):
        self.played += 1
        if self.played % IDS_GOOD_FOR == 0:
            self.ids.clear()
        fields = self._udp(request) if request.protocol == "udp" else self._http(request)
        if isinstance(peers := fields.get("peers"), frozenset):
            itself = SOURCES[request.source], port_of(request)
            if itself in peers:
                fields.update(peers=peers - {itself}, itself="listed")
        return fields

    def _socket(self, source):
        if source not in self.sockets:
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            one.bind((SOURCES[source], 0))
            one.connect(self.address)
            one.settimeout(2)
            self.sockets[source] = one
        return self.sockets[source]

    def _udp(self, request):
        one = self._socket(request.source)
        data = request.data
        if request.own_id:
            if request.source not in self.ids:
                self.ids[request.source] = self._connect(one)
            data = self.ids[request.source] + data[8:]
        for _ in range(3):
            marker = connect_packet(b"\xffEND")
            one.send(data)
            one.send(marker)
            answers = []
            try:
                while True:
                    got = one.recv(65536)
                    if got[:8] == b"\0\0\0\0\xffEND":
                        return udp_fields(answers)
                    answers.append(got)
            except TimeoutError:
                continue  # loopback drops under load; what was asked may have been stored, and asking twice changes nothing
        raise TimeoutError(f"{self.address} does not answer")

    @staticmethod
    def _connect(one):
        for _ in range(3):
            transaction = os.urandom(4)
            one.send(connect_packet(transaction))
            try:
                while True:
                    got = one.recv(2048)
                    if got[4:8] == transaction:
                        return got[8:16]
            except TimeoutError:
                continue
        raise TimeoutError("no connection id")

    def _http(self, request):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
            one.settimeout(5)
            one.bind((SOURCES[request.source], 0))
            one.connect(self.address)
            received = []
            try:
                one.sendall(request.data)
                one.shutdown(socket.SHUT_WR)
                while data := one.recv(65536):
                    received.append(data)
            except (ConnectionResetError, BrokenPipeError):
                pass
            return http_fields(b"".join(received))


def peers_of(data):
    size = PEER_SIZE[socket.AF_INET]
    if len(data) % size:
        return f"{len(data)} bytes"
    return frozenset((socket.inet_ntoa(data[i : i + 4]), *struct.unpack(">H", data[i + 4 : i + 6]))
                     for i in range(0, len(data), size))


def port_of(request):
    if request.protocol == "udp":
        return struct.unpack(">H", request.data[96:98])[0] if len(request.data) >= 98 else 0
    ports = re.findall(rb"[?&]port=([0-9]+)", request.data)
    return int(ports[-1]) if ports else 0


def range_of(interval):
    """Two trackers need not agree to the second."""
    if isinstance(interval, int) and 900 <= interval <= 3600:
        return "15 to 60 minutes"
    if isinstance(interval, int) and 54 <= interval <= 66:
        return "a minute"
    return f"{interval} s"


def udp_fields(answers):
    if not answers:
        return {"answer": "none"}
    if len(answers) > 1:
        return {"answer": f"{len(answers)} datagrams"}
    data = answers[0]
    if len(data) < 8:
        return {"answer": f"{len(data)} bytes"}
    action, = struct.unpack(">I", data[:4])
    fields = {"transaction": data[4:8].hex()}
    if action == CONNECT and len(data) == 16:
        return {**fields, "answer": "connect"}
    if action == ANNOUNCE and len(data) >= 20:
        interval, leechers, seeders = struct.unpack(">III", data[8:20])
        return {**fields, "answer": "announce", "interval": range_of(interval), "leechers": leechers, "seeders": seeders,
                "peers": peers_of(data[20:])}
    if action == SCRAPE and len(data) % 12 == 8:
        return {**fields, "answer": "scrape", "counts": [s[::2] for s in struct.iter_unpack(">III", data[8:])],
                "downloaded": [s[1] for s in struct.iter_unpack(">III", data[8:])]}
    if action == ERROR:
        return {**fields, "answer": "error"}
    return {**fields, "answer": f"action {action}, {len(data)} bytes"}


def http_fields(data):
    if not data:
        return {"answer": "none"}
    head, separator, body = data.partition(b"\r\n\r\n")
    words = head.split(b"\r\n")[0].split(b" ")
    if not separator or len(words) < 2 or not words[0].startswith(b"HTTP/1."):
        return {"answer": "no HTTP"}
    fields = {"answer": f"status {words[1].decode('latin-1')}"}
    if words[1] != b"200":
        return fields
    if length := re.search(rb"\r\ncontent-length: *([0-9]+)", head, re.IGNORECASE):
        body = body[: int(length[1])]  # more answers may follow
    try:
        answer = bencode.decode(body, strict=False)
    except (ValueError, RecursionError):
        return {**fields, "body": f"{len(body)} bytes" if b"<" not in body else "HTML"}
    if not isinstance(answer, dict):
        return {**fields, "body": "no dictionary"}
    if bencode.encode(answer) != body:
        fields["keys"] = "not sorted"
    if b"failure reason" in answer:
        return {"answer": "failure"}
    if b"files" in answer:
        files = answer[b"files"]
        fields["counts"] = {h.hex(): (f[b"complete"], f[b"incomplete"]) for h, f in files.items()}
        fields["downloaded"] = {h.hex(): f[b"downloaded"] for h, f in files.items()}
        return {**fields, "body": "scrape"}
    fields["body"] = "announce"
    for key, value in answer.items():
        name = key.decode("latin-1")
        if name == "peers":
            fields["form"] = "compact" if isinstance(value, bytes) else "dictionaries"
            value = peers_of(value) if isinstance(value, bytes) else frozenset(
                (peer[b"ip"].decode("latin-1"), peer[b"port"]) for peer in value)
        elif name in ("interval", "min interval"):
            value = range_of(value)
        elif isinstance(value, bytes):
            value = value.hex()
        fields[{"complete": "seeders", "incomplete": "leechers"}.get(name, name)] = value
    return fields


def is_connect(data):
    return len(data) >= 16 and data[:8] == struct.pack(">Q", PROTOCOL_ID) and data[8:12] == b"\0\0\0\0"
