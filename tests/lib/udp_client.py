"""A BEP 15 client for tests: sends well-formed packets by default, and any bytes if asked to."""

import os
import socket
import struct

PROTOCOL_ID = 0x41727101980
CONNECT, ANNOUNCE, SCRAPE, ERROR = 0, 1, 2, 3
EVENTS = {"": 0, "completed": 1, "started": 2, "stopped": 3, "paused": 4}
PEER_SIZE = {socket.AF_INET: 6, socket.AF_INET6: 18}


class Refused(AssertionError):
    """The tracker answered with an error (action 3)."""


def family_of(address):
    return socket.AF_INET6 if ":" in address[0] else socket.AF_INET


def unpack_peers(data, family):
    size = PEER_SIZE[family]
    if len(data) % size:
        raise AssertionError(f"{len(data)} bytes are no whole number of peers of {size}")
    return {
        (socket.inet_ntop(family, data[i : i + size - 2]), struct.unpack(">H", data[i + size - 2 : i + size])[0])
        for i in range(0, len(data), size)
    }


def connect_packet(transaction=None):
    return struct.pack(">QI", PROTOCOL_ID, CONNECT) + (transaction or os.urandom(4))


def announce_packet(connection_id, info_hash, port, *, left=1, event="", numwant=-1, ip=0, transaction=None,
                    peer_id=None, options=b""):
    event = EVENTS.get(event, event)
    return (
        connection_id
        + struct.pack(">I", ANNOUNCE)
        + (transaction or os.urandom(4))
        + info_hash
        + (peer_id or b"-SH0000-" + os.urandom(12))
        + struct.pack(">QQQIII", 0, left, 0, event, ip, 0x5EED)
        + struct.pack(">iH", numwant, port)
        + options
    )


def scrape_packet(connection_id, hashes, transaction=None):
    return connection_id + struct.pack(">I", SCRAPE) + (transaction or os.urandom(4)) + b"".join(hashes)


class UdpClient:
    """One socket to one tracker address. `source` is the address to send from."""

    def __init__(self, address, source=None, timeout_s=2.0):
        self.address = tuple(address[:2])
        self.family = family_of(address)
        self.socket = socket.socket(self.family, socket.SOCK_DGRAM)
        if source:
            self.socket.bind((source, 0))
        self.socket.settimeout(timeout_s)
        self.connection_id = None

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, packet):
        self.socket.sendto(packet, self.address)

    def receive(self):
        """The next datagram; fails the test if it is not from the address we asked."""
        data, sender = self.socket.recvfrom(65536)
        if sender[:2] != self.address:
            raise AssertionError(f"asked {self.address}, answered by {sender[:2]}")
        return data

    def ask(self, packet, tries=3):
        """Sends the packet and returns the answer with its transaction id. Loopback may drop under load, so it is sent
        again, as clients do."""
        for left in reversed(range(tries)):
            self.send(packet)
            try:
                while True:
                    answer = self.receive()
                    if len(answer) >= 8 and answer[4:8] == packet[12:16]:
                        return answer
            except TimeoutError:
                if not left:
                    raise
        raise AssertionError("not reached")

    def is_silent(self, packet):
        """True if `packet` is not answered: a scrape sent after it is answered first. Not a connect: the kernel may answer
        that (xdp.interfaces) before the node has seen what was sent before."""
        marker = scrape_packet(self.connection_id or self.connect(), [os.urandom(20)])
        self.send(packet)
        self.send(marker)
        while True:
            answer = self.receive()
            if answer[4:8] == marker[12:16]:
                return True
            if len(packet) >= 16 and answer[4:8] == packet[12:16]:
                return False
            raise AssertionError(f"unexpected answer {answer!r}")

    def connect(self):
        answer = self.ask(connect_packet())
        action, = struct.unpack(">I", answer[:4])
        if action != CONNECT or len(answer) != 16:
            raise AssertionError(f"no connect answer: {answer!r}")
        self.connection_id = answer[8:16]
        return self.connection_id

    def announce(self, info_hash, port, **fields):
        if not self.connection_id:
            self.connect()
        return parse_announce(self.ask(announce_packet(self.connection_id, info_hash, port, **fields)), self.family)

    def scrape(self, *hashes):
        """[(seeders, completed, leechers)] in the order asked."""
        if not self.connection_id:
            self.connect()
        answer = self.ask(scrape_packet(self.connection_id, hashes))
        check_action(answer, SCRAPE)
        if len(answer) != 8 + 12 * len(hashes):
            raise AssertionError(f"scrape of {len(hashes)} answered with {len(answer)} bytes")
        return list(struct.iter_unpack(">III", answer[8:]))


def check_action(answer, action):
    got, = struct.unpack(">I", answer[:4])
    if got == ERROR:
        raise Refused(answer[8:].decode())
    if got != action:
        raise AssertionError(f"action {got} instead of {action}: {answer!r}")


def parse_announce(answer, family):
    check_action(answer, ANNOUNCE)
    interval, leechers, seeders = struct.unpack(">III", answer[8:20])
    return {
        "interval": interval,
        "leechers": leechers,
        "seeders": seeders,
        "peers": unpack_peers(answer[20:], family),
        "size": len(answer),
    }
