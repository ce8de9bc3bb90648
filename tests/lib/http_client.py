"""An HTTP/1.x client for tests that controls every byte: any request, one or many at a time, whole or in pieces."""

import os
import socket
import urllib.parse

import bencode
from udp_client import family_of, unpack_peers


class Response:
    def __init__(self, version, status, headers, body):
        self.version = version
        self.status = status
        self.headers = headers  # names in lower case
        self.body = body

    def bencoded(self):
        if self.status != 200:
            raise AssertionError(f"status {self.status}: {self.body!r}")
        return bencode.decode(self.body)


class HttpClient:
    """One connection to one tracker address."""

    def __init__(self, address, source=None, timeout_s=5.0):
        self.address = tuple(address[:2])
        self.family = family_of(address)
        self.socket = socket.socket(self.family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout_s)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect(self.address)
        self.buffer = b""

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.socket.sendall(data)

    def _more(self):
        data = self.socket.recv(65536)
        self.buffer += data
        return bool(data)

    def read_response(self, head=False):
        """The next response; one without a length ends with the connection."""
        while b"\r\n\r\n" not in self.buffer:
            if not self._more():
                raise ConnectionError(f"closed with {self.buffer!r} of a response")
        top, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        status_line, *lines = top.decode("latin-1").split("\r\n")
        version, status = status_line.split(" ")[:2]
        headers = {}
        for line in lines:
            name, value = line.split(":", 1)
            headers[name.lower()] = value.strip()
        body = b""
        if head:
            pass
        elif headers.get("transfer-encoding") == "chunked":
            body = self._chunks()
        elif "content-length" in headers:
            body = self._exactly(int(headers["content-length"]))
        else:
            while self._more():
                pass
            body, self.buffer = self.buffer, b""
        return Response(version, int(status), headers, body)

    def _exactly(self, length):
        while len(self.buffer) < length:
            if not self._more():
                raise ConnectionError("closed inside a body")
        taken, self.buffer = self.buffer[:length], self.buffer[length:]
        return taken

    def _chunks(self):
        body = []
        while True:
            while b"\r\n" not in self.buffer:
                if not self._more():
                    raise ConnectionError("closed between two chunks")
            size, self.buffer = self.buffer.split(b"\r\n", 1)
            body.append(self._exactly(int(size, 16)))
            if self._exactly(2) != b"\r\n":
                raise AssertionError("a chunk is longer than it says")
            if not body[-1]:
                return b"".join(body)

    def is_closed(self):
        """Waits for the other side to close; True if it does so without another byte."""
        try:
            return self.buffer == b"" and not self._more()
        except ConnectionResetError:
            return True

    def get(self, target, version="HTTP/1.1", headers=()):
        lines = [f"GET {target} {version}", "Host: localhost", *headers]
        self.send("".join(line + "\r\n" for line in lines).encode("latin-1") + b"\r\n")
        return self.read_response()

    def announce(self, info_hash, port, **fields):
        return parse_announce(self.get(announce_target(info_hash, port, **fields)).bencoded(), self.family)

    def scrape(self, *hashes):
        """{info_hash: (seeders, completed, leechers)}"""
        files = self.get(scrape_target(*hashes)).bencoded()[b"files"]
        return {h: (f[b"complete"], f[b"downloaded"], f[b"incomplete"]) for h, f in files.items()}


def announce_target(info_hash, port, *, left=1, event="", numwant=None, compact=1, extra=""):
    query = {
        "info_hash": info_hash, "peer_id": b"-SH0000-" + os.urandom(12), "port": port, "uploaded": 0, "downloaded": 0,
        "left": left, "compact": compact,
    }
    if event:
        query["event"] = event
    if numwant is not None:
        query["numwant"] = numwant
    # Not the default quote_plus: a tracker reads '+' as a plus.
    return "/announce?" + urllib.parse.urlencode(query, quote_via=urllib.parse.quote) + extra


def scrape_target(*hashes):
    return "/scrape?" + "&".join("info_hash=" + urllib.parse.quote(h, safe="") for h in hashes)


def parse_announce(answer, family):
    """The same dictionary as the UDP client's; peers are of the family of the request."""
    if b"failure reason" in answer:
        raise AssertionError(f"failure reason: {answer[b'failure reason'].decode()}")
    compact = {socket.AF_INET: answer[b"peers"], socket.AF_INET6: answer[b"peers6"]}
    peers = {key: unpack_peers(value, key) for key, value in compact.items() if isinstance(value, bytes)}
    return {
        "interval": answer[b"interval"],
        "leechers": answer[b"incomplete"],
        "seeders": answer[b"complete"],
        "peers": peers.get(family),
        "all peers": set().union(*peers.values()),
        "raw": answer,
    }
