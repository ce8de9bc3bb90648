"""A WebSocket client (RFC 6455) that controls every byte, and a WebTorrent client upon it: what a browser says to a tracker."""

import base64
import hashlib
import json
import os
import socket
import ssl
import struct

from udp_client import family_of

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Closed(Exception):
    """The connection is over; `code` is what the server's close frame said, None: there was none."""

    def __init__(self, code):
        super().__init__(f"closed with {code}")
        self.code = code


def frame(opcode, payload, final=True, mask=b"\x37\xfa\x21\x3d"):
    """A client's frame; mask=None: none."""
    size = len(payload)
    head = bytes([opcode | (0x80 if final else 0)])
    bit = 0x80 if mask else 0
    if size < 126:
        head += bytes([bit | size])
    elif size < 65536:
        head += bytes([bit | 126]) + struct.pack(">H", size)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", size)
    if not mask:
        return head + payload
    key = (mask * (size // 4 + 1))[:size]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")
    return head + mask + masked


class WebsocketClient:
    """One connection. `headers`: more lines of the request, such as "Origin: https://example.org"."""

    def __init__(self, address, path="/announce", headers=(), tls=None, source=None, timeout_s=5.0, before=b"", key=None):
        self.socket = socket.socket(family_of(address), socket.SOCK_STREAM)
        self.socket.settimeout(timeout_s)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect(tuple(address[:2]))
        self.buffer = b""
        self.status, self.headers = None, {}
        if before:
            self.socket.sendall(before)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.key = key or base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade",
                 f"Sec-WebSocket-Key: {self.key}", "Sec-WebSocket-Version: 13",
                 "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits", *headers]
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        self._read_opening()

    def _read_opening(self):
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        top, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        first, *lines = top.decode("latin-1").split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}

    def is_open(self):
        """Whether the opening was as RFC 6455 wants it."""
        wanted = base64.b64encode(hashlib.sha1(self.key.encode() + GUID).digest()).decode()
        return (self.status == 101 and self.headers.get("upgrade", "").lower() == "websocket"
                and self.headers.get("connection", "").lower() == "upgrade"
                and self.headers.get("sec-websocket-accept") == wanted
                and "sec-websocket-extensions" not in self.headers)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.socket.sendall(data)

    def send_text(self, text):
        self.send(frame(TEXT, text.encode()))

    def _more(self):
        try:
            data = self.socket.recv(65536)
        except (ConnectionResetError, ssl.SSLError) as error:
            raise Closed(None) from error
        if not data:
            raise Closed(None)
        self.buffer += data

    def _take(self, size):
        while len(self.buffer) < size:
            self._more()
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def read_frame(self):
        """(opcode, payload) of the next frame."""
        first, second = self._take(2)
        if first & 0x70 or second & 0x80 or not first & 0x80:
            raise AssertionError(f"no frame of a server: {first:#x} {second:#x}")
        size = second & 0x7f
        if size == 126:
            size, = struct.unpack(">H", self._take(2))
        elif size == 127:
            size, = struct.unpack(">Q", self._take(8))
        return first & 15, self._take(size)

    def read_text(self):
        """The next message; answers pings. Raises Closed."""
        while True:
            opcode, payload = self.read_frame()
            if opcode == PING:
                self.send(frame(PONG, payload))
            elif opcode == CLOSE:
                raise Closed(struct.unpack(">H", payload[:2])[0] if payload else None)
            elif opcode == TEXT:
                return payload.decode()

    def close_code(self):
        """What the server closes the connection with, whatever it says before; None: it did without a word."""
        try:
            while True:
                self.read_text()
        except Closed as closed:
            return closed.code


def binary(data):
    """Bytes as the tracker's JSON has them."""
    return data.decode("latin-1")


class WebPeer(WebsocketClient):
    """A browser with one peer_id. Its session descriptions are made up: the tracker passes them on as they are."""

    def __init__(self, address, peer_id=None, **more):
        super().__init__(address, **more)
        self.peer_id = peer_id or b"-WW0200-" + os.urandom(12)
        self.offers = {}  # offer_id: what was offered

    def say(self, **message):
        self.send_text(json.dumps(message))

    def hear(self, wanted=lambda message: True):
        """The next message of the kind; others are skipped."""
        while True:
            message = json.loads(self.read_text())
            if wanted(message):
                return message

    def quiet(self, timeout_s=0.3):
        """Whether nothing comes for so long."""
        before = self.socket.gettimeout()
        self.socket.settimeout(timeout_s)
        try:
            self.read_text()
            return False
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(before)

    def announce(self, info_hash, offers=0, left=1, event=None, hear=True, sdp=None, **more):
        """The tracker's answer to an announce."""
        made = []
        for _ in range(offers):
            offer_id = os.urandom(20)
            self.offers[offer_id] = sdp or f"v=0\r\no=- {offer_id.hex()} \u00fc\r\n"
            made.append({"offer": {"type": "offer", "sdp": self.offers[offer_id]}, "offer_id": binary(offer_id)})
        message = {"action": "announce", "info_hash": binary(info_hash), "peer_id": binary(self.peer_id), "left": left,
                   "numwant": offers, "uploaded": 0, "downloaded": 0, "offers": made, **more}
        if event:
            message["event"] = event
        self.say(**message)
        if not hear:
            return None
        return self.hear(lambda m: "offer" not in m and "answer" not in m)

    def hear_offer(self):
        return self.hear(lambda m: "offer" in m)

    def answer(self, offer, sdp="v=0\r\nanswer\r\n"):
        self.say(action="announce", info_hash=offer["info_hash"], peer_id=binary(self.peer_id),
                 to_peer_id=offer["peer_id"], offer_id=offer["offer_id"], answer={"type": "answer", "sdp": sdp})

    def hear_answer(self):
        return self.hear(lambda m: "answer" in m)

    def scrape(self, *hashes):
        """{info_hash: counts}"""
        self.say(action="scrape", info_hash=[binary(h) for h in hashes])
        answer = self.hear(lambda m: m.get("action") == "scrape")
        return {name.encode("latin-1"): counts for name, counts in answer["files"].items()}
