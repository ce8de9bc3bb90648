"""Plays requests to a tracker and turns its answers into fields that can be compared.

A request is bytes and how they are sent. Over UDP the tracker's own connection id is put in where the request wants one,
and silence is known by the answer to a connect that was sent after it. Over HTTP each request has a connection of its own,
whose sending side is closed after it: so a tracker that waits for more is seen to answer nothing. Requests that do not depend
on each other are sent together: then nobody waits for each answer by itself."""

import dataclasses
import ipaddress
import os
import re
import socket
import struct
import urllib.parse

import bencode
from udp_client import PEER_SIZE, PROTOCOL_ID, connect_packet

LOOPBACK = tuple(f"127.0.0.{host}" for host in range(2, 8))  # where the clients of a tracker on loopback are
CONNECT, ANNOUNCE, SCRAPE, ERROR = 0, 1, 2, 3
IDS_GOOD_FOR = 20_000  # requests; shoal's connection ids last some minutes
TRIES, ANSWER_S = 3, 2
LATE_S = 0.1  # from another machine an answer may come after that to what was sent later


@dataclasses.dataclass(frozen=True)
class Request:
    protocol: str  # "udp" or "http"
    data: bytes
    source: int = 0  # which client: an index of the target's sources
    own_id: bool = False  # UDP: the first eight bytes are replaced by the connection id that the tracker gave


@dataclasses.dataclass(frozen=True)
class Target:
    """A tracker: where it serves each protocol, and the addresses of its clients, which are this machine's."""

    addresses: dict  # of "udp", "http" or both, each (host, port)
    sources: tuple
    path: str = "/announce"  # of its announce URL, perhaps with a query
    host: str = ""  # what HTTP requests name; as they do if empty

    @property
    def family(self):
        return socket.AF_INET6 if ":" in self.sources[0] else socket.AF_INET


def target_of(urls, sources=()):
    """By `udp://HOST:PORT,http://HOST:PORT/announce`, or one of the two. Without sources: all that loopback has, or the
    address from which this machine would ask. ValueError says what is wrong."""
    addresses, path, host = {}, "/announce", ""
    for text in urls.split(","):
        url = urllib.parse.urlsplit(text)
        if url.scheme not in ("udp", "http") or url.scheme in addresses or not url.hostname or not url.port:
            raise ValueError(f"{text} is not udp://HOST:PORT or http://HOST:PORT/announce")
        try:
            addresses[url.scheme] = socket.getaddrinfo(url.hostname, url.port, type=socket.SOCK_DGRAM)[0][4][:2]
        except OSError as error:
            raise ValueError(f"{url.hostname}: {error}") from None
        if url.scheme == "http":
            path = (url.path or "/announce") + (f"?{url.query}" if url.query else "")
            host = url.netloc
    hosts = {ipaddress.ip_address(address[0]) for address in addresses.values()}
    if not sources:
        own = {LOOPBACK if one.is_loopback and one.version == 4 else own_address(address)
               for one, address in ((ipaddress.ip_address(address[0]), address) for address in addresses.values())}
        if len(own) > 1:
            raise ValueError(f"{urls} is reached from several addresses: say from which (--from)")
        sources = own.pop()
    if len({ipaddress.ip_address(one).version for one in sources} | {one.version for one in hosts}) > 1:
        raise ValueError("the addresses must be all IPv4 or all IPv6")
    for one in sources:
        with socket.socket(socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((one, 0))
            except OSError:
                raise ValueError(f"{one} is no address of this machine") from None
    return Target(addresses, tuple(sources), path, host)


def own_address(address):
    """From where this machine asks there."""
    with socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM) as one:
        try:
            one.connect(address)
        except OSError as error:
            raise ValueError(f"{address[0]}: {error}") from None
        return (one.getsockname()[0],)


class Tracker:
    """Requests of one batch do not depend on each other: `begin` sends them, `end` returns their answers, which are dictionaries
    of fields, in the same order."""

    def __init__(self, target):
        self.target = target
        self.family = target.family
        self.near = all(ipaddress.ip_address(host).is_loopback or host in target.sources for host, _ in target.addresses.values())
        self.own = [socket.inet_pton(self.family, source).hex() for source in target.sources]
        self.sockets = {}
        self.ids = {}
        self.played = 0
        self.markers = 0

    def close(self):
        for one in self.sockets.values():
            one.close()
        self.sockets.clear()

    def begin(self, requests):
        self.played += len(requests)
        if self.played > IDS_GOOD_FOR:
            self.ids.clear()
            self.played = 0
        groups, alone, connections = {}, [], []
        for number, request in enumerate(requests):
            if request.protocol == "http":
                connections.append((number, self._ask_http(request)))
                continue
            group = groups.setdefault(request.source, Group())
            transaction = request.data[12:16]
            if (request.own_id or len(request.data) == 16 and is_connect(request.data)) and len(transaction) == 4 \
                    and transaction not in group.numbers:
                group.numbers[transaction] = number
            else:
                alone.append(number)  # it has no answer that could be known
        for source, group in groups.items():
            if group.numbers:
                self._ask_udp(source, group, requests)
        return requests, groups, alone, connections

    def end(self, begun):
        requests, groups, alone, connections = begun
        answers = [None] * len(requests)
        for source, group in groups.items():
            if group.numbers:
                self._hear_udp(source, group, requests)
                for transaction, number in group.numbers.items():
                    answers[number] = udp_fields(group.answers.get(transaction, ()), self.family)
        for number in alone:
            answers[number] = udp_fields(self._udp(requests[number]), self.family)
        for number, connection in connections:
            answers[number] = http_fields(self._hear_http(connection), self.family)
        for request, fields in zip(requests, answers):
            self._name_the_client(request, fields)
        return answers

    def _name_the_client(self, request, fields):
        if fields.get("peers"):
            itself = self.target.sources[request.source], port_of(request)
            if itself in fields["peers"]:
                fields.update(peers=fields["peers"] - {itself}, itself="listed")
        if fields.get("external ip") == self.own[request.source]:
            fields["external ip"] = "the client's"

    # --- UDP

    def _socket(self, source):
        if source not in self.sockets:
            one = socket.socket(self.family, socket.SOCK_DGRAM)
            one.bind((self.target.sources[source], 0))
            one.connect(self.target.addresses["udp"])
            one.settimeout(ANSWER_S)
            self.sockets[source] = one
        return self.sockets[source]

    def _with_id(self, one, request):
        if not request.own_id:
            return request.data
        if request.source not in self.ids:
            self.ids[request.source] = self._connect(one)
        return self.ids[request.source] + request.data[8:]

    def _mark(self, one):
        """A connect, whose answer says that what was sent before has been seen. Returns how that answer begins."""
        self.markers += 1
        transaction = b"\xff" + (self.markers & 0xFFFFFF).to_bytes(3, "big")
        one.send(connect_packet(transaction))
        return b"\0\0\0\0" + transaction

    def _ask_udp(self, source, group, requests):
        one = self._socket(source)
        for transaction, number in group.numbers.items():
            if transaction not in group.answers:
                one.send(self._with_id(one, requests[number]))
        group.mark = self._mark(one)

    def _hear_udp(self, source, group, requests):
        one = self._socket(source)
        for _ in range(TRIES):
            if self._heard(one, group):
                break
            # Loopback drops under load. What was asked may have been stored, and asking twice changes nothing.
            group.again = True
            self._ask_udp(source, group, requests)
        else:
            raise TimeoutError(f"udp://{self.target.addresses['udp']} does not answer")
        if not self.near and len(group.answers) < len(group.numbers):
            one.settimeout(LATE_S)
            self._heard(one, group)
            one.settimeout(ANSWER_S)

    @staticmethod
    def _heard(one, group):
        """Whether the marker was heard, or, after it, all answers."""
        try:
            while True:
                got = one.recv(65536)
                if got[:8] == group.mark:
                    return True
                if got[4:8] in group.numbers and not (group.again and got[4:8] in group.answers):
                    group.answers.setdefault(got[4:8], []).append(got)
        except TimeoutError:
            return False

    def _udp(self, request):
        """The datagrams that answer a request which may have none."""
        one = self._socket(request.source)
        for _ in range(TRIES):
            one.send(self._with_id(one, request))
            mark = self._mark(one)
            answers = []
            try:
                while (got := one.recv(65536))[:8] != mark:
                    answers.append(got)
                return answers
            except TimeoutError:
                continue
        raise TimeoutError(f"udp://{self.target.addresses['udp']} does not answer")

    @staticmethod
    def _connect(one):
        for _ in range(TRIES):
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

    # --- HTTP

    def _ask_http(self, request):
        one = socket.socket(self.family, socket.SOCK_STREAM)
        try:
            one.settimeout(5)
            one.bind((self.target.sources[request.source], 0))
            one.connect(self.target.addresses["http"])
            try:
                one.sendall(addressed(request.data, self.target))
                one.shutdown(socket.SHUT_WR)
            except (ConnectionResetError, BrokenPipeError):
                pass
            return one
        except BaseException:
            one.close()
            raise

    @staticmethod
    def _hear_http(one):
        received = []
        with one:
            try:
                while data := one.recv(65536):
                    received.append(data)
            except ConnectionResetError:
                pass
        return b"".join(received)


class Group:
    """Datagrams of one client that were sent together; each answer is known by its transaction id."""

    def __init__(self):
        self.numbers = {}  # {transaction id: which request of the batch}
        self.answers = {}  # {transaction id: datagrams}
        self.mark = None
        self.again = False  # asked twice, so two answers are no wonder


def addressed(data, target):
    """An HTTP request for /announce or /scrape, as this tracker's URLs are."""
    if target.path != "/announce":
        path, _, query = target.path.partition("?")
        rest, _, verb = path.rpartition("/")
        for word, there in (("announce", verb), ("scrape", verb.replace("announce", "scrape", 1))):
            data = data.replace(f" /{word}?".encode(), f" {rest}/{there}?{query}{'&' if query else ''}".encode(), 1)
    return data.replace(b"Host: tracker.test\r", f"Host: {target.host}\r".encode(), 1) if target.host else data


class Names(dict):
    """Addresses as text, by their bytes."""

    def __missing__(self, data):
        self[data] = socket.inet_ntop(socket.AF_INET6 if len(data) == 16 else socket.AF_INET, data)
        return self[data]


_names = Names()
PEER = {socket.AF_INET: struct.Struct(">4sH"), socket.AF_INET6: struct.Struct(">16sH")}


def peers_of(data, family):
    if len(data) % PEER_SIZE[family]:
        return f"{len(data)} bytes"
    return frozenset([(_names[host], port) for host, port in PEER[family].iter_unpack(data)])


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


def udp_fields(answers, family):
    """Of the datagrams that answer one request."""
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
                "peers": peers_of(data[20:], family)}
    if action == SCRAPE and len(data) % 12 == 8:
        return {**fields, "answer": "scrape", "counts": [s[::2] for s in struct.iter_unpack(">III", data[8:])],
                "downloaded": [s[1] for s in struct.iter_unpack(">III", data[8:])]}
    if action == ERROR:
        return {**fields, "answer": "error"}
    return {**fields, "answer": f"action {action}, {len(data)} bytes"}


def http_fields(data, family):
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
        answer = bencode.decode(body)
    except (ValueError, RecursionError):
        try:
            answer = bencode.decode(body, strict=False)
            fields["keys"] = "not sorted"
        except (ValueError, RecursionError):
            return {**fields, "body": f"{len(body)} bytes" if b"<" not in body else "HTML"}
    if not isinstance(answer, dict):
        return {"answer": fields["answer"], "body": "no dictionary"}
    if b"failure reason" in answer:
        return {"answer": "failure"}
    if b"files" in answer:
        files = answer[b"files"]
        fields["counts"] = {h.hex(): (f[b"complete"], f[b"incomplete"]) for h, f in files.items()}
        fields["downloaded"] = {h.hex(): f[b"downloaded"] for h, f in files.items()}
        return {**fields, "body": "scrape"}
    fields["body"] = "announce"
    if family == socket.AF_INET6 and isinstance(answer.get(b"peers"), bytes) and b"peers6" in answer:
        answer[b"peers"], answer[b"peers4"] = answer.pop(b"peers6"), answer[b"peers"]  # BEP 7; those of its own family are `peers`
    for key, value in answer.items():
        name = key.decode("latin-1")
        if name == "peers":
            fields["form"] = "compact" if isinstance(value, bytes) else "dictionaries"
            value = peers_of(value, family) if isinstance(value, bytes) else frozenset(
                (peer[b"ip"].decode("latin-1"), peer[b"port"]) for peer in value)
        elif name == "interval":
            value = range_of(value)
        elif name == "min interval":
            value = "13 to 60 minutes" if isinstance(value, int) and 780 <= value <= 3600 else f"{value} s"
        elif isinstance(value, bytes):
            value = value.hex()
        fields[{"complete": "seeders", "incomplete": "leechers"}.get(name, name)] = value
    return fields


def is_connect(data):
    return len(data) >= 16 and data[:8] == struct.pack(">Q", PROTOCOL_ID) and data[8:12] == b"\0\0\0\0"
