#!/usr/bin/python3
"""An attacker without a key, from many addresses, against all nodes of a LinkCluster for a while; tests/soak/run starts it.

  attacker.py SECONDS --nodes ADDRESS... --sources ADDRESS... --bridge NAMESPACE --recorded FILE

UDP: announces and scrapes with forged connection ids, malformed announces with a good one, bytes. Sync: datagrams that it
records on the bridge, played again as they were and with one bit changed, by their sender and by itself; those of the last
attack as well, which FILE keeps. TCP, to the tracker and to the sync port: garbage, and requests that never end. Prints how
many of each as JSON."""

import argparse
import collections
import contextlib
import itertools
import json
import os
import random
import socket
import struct
import sys
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")]

from http_client import announce_target  # noqa: E402
from link_cluster import SYNC, TRACKER, inside  # noqa: E402
from udp_client import UdpClient, announce_packet, scrape_packet  # noqa: E402

ROUND_S = 0.02
ROUND = 40  # datagrams in a round: 2,000 a second, which takes little of a CPU here
CONNECT_EVERY = 5  # rounds
HELD = 60  # connections that are kept open, the oldest is closed
RECORD_S, RECORDED = 3, 2000
ETH_P_ALL, ETH_P_IP = 3, 0x800


def record(bridge, seconds):
    """[(sender, receiver, datagram)] of the sync channel, as somebody at the bridge sees them."""
    with inside(bridge):
        line = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    out, until = [], time.monotonic() + seconds
    with line:
        line.settimeout(0.2)
        while time.monotonic() < until:
            try:
                packet, (_, protocol, kind, *_) = line.recvfrom(2048)
            except TimeoutError:
                continue
            if kind == socket.PACKET_OUTGOING or protocol != ETH_P_IP or packet[9] != socket.IPPROTO_UDP:
                continue
            head = (packet[0] & 15) * 4
            if struct.unpack_from(">H", packet, head + 2)[0] == SYNC:
                out.append((socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20]), packet[head + 8:]))
    return out


def spoofed(sender, receiver, datagram):
    """The IP packet by which `sender` seems to send it. The kernel fills in length and checksum of the IP header; that of
    UDP is 0: none."""
    udp = struct.pack(">HHHH", SYNC, SYNC, 8 + len(datagram), 0) + datagram
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0, socket.inet_aton(sender),
                       socket.inet_aton(receiver)) + udp


def changed(data, chance):
    out = bytearray(data)
    out[chance.randrange(len(out))] ^= 1 << chance.randrange(8)
    return bytes(out)


class Attacker:
    def __init__(self, nodes, sources, recorded):
        self.nodes, self.sources, self.recorded = nodes, sources, recorded
        self.chance = random.Random()
        self.counts = collections.Counter()
        self.sockets = [self._udp(source) for source in sources]
        self.raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.ids = {}
        self.held = collections.deque()

    @staticmethod
    def _udp(source):
        out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        out.bind((source, 0))
        out.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)  # answers are not read
        return out

    def learn_ids(self):
        for source in self.sources:
            for node in self.nodes:
                with contextlib.suppress(OSError, AssertionError), UdpClient((node, TRACKER), source=source, timeout_s=0.5) as one:
                    self.ids[source, node] = one.connect()

    def forged(self):
        packet = announce_packet(os.urandom(8), os.urandom(20), 6881)
        return self.chance.choice([packet, scrape_packet(os.urandom(8), [os.urandom(20)] * 70)])

    def malformed(self, connection_id):
        whole = announce_packet(connection_id, os.urandom(20), 6881)
        return self.chance.choice([
            whole[:self.chance.randrange(16, len(whole))],
            announce_packet(connection_id, os.urandom(20), 0, event=self.chance.getrandbits(32), numwant=-2**31),
            announce_packet(connection_id, os.urandom(20), 6881, options=b"\2\xff/"),  # BEP 41: longer than what is there
            announce_packet(connection_id, os.urandom(20), 6881, options=os.urandom(800)),
            scrape_packet(connection_id, [os.urandom(7)]), connection_id + os.urandom(self.chance.randrange(90))])

    def datagrams(self, node):
        """One round against a node."""
        for _ in range(ROUND // 4):
            number = self.chance.randrange(len(self.sockets))
            one = self.sockets[number]
            self._send("forged", one, self.forged(), (node, TRACKER))
            if connection_id := self.ids.get((self.sources[number], node)):
                self._send("malformed", one, self.malformed(connection_id), (node, TRACKER))
            self._send("bytes", one, os.urandom(self.chance.randrange(1, 1200)), (node, self.chance.choice([TRACKER, SYNC])))
            if self.recorded:
                sender, receiver, datagram = self.chance.choice(self.recorded)
                if self.chance.random() < 0.3:
                    datagram = changed(datagram, self.chance)
                if self.chance.random() < 0.5:
                    self._send("replayed", one, datagram, (node, SYNC))
                else:
                    receiver = self.chance.choice([receiver, node])
                    if receiver != sender:
                        self._send("spoofed", self.raw, spoofed(sender, receiver, datagram), (receiver, 0))

    def _send(self, name, one, data, to):
        with contextlib.suppress(OSError):  # a node that is down says so by ICMP; buffers may be full
            one.sendto(data, to)
            self.counts[name] += 1

    def connection(self, node):
        """Says something wrong by TCP, and does not close."""
        port = self.chance.choice([TRACKER, TRACKER, SYNC])
        target = announce_target(os.urandom(20), 6881)
        said = self.chance.choice([
            os.urandom(self.chance.randrange(1, 3000)), b"GET " + b"/" * 20000, b"",
            f"GET {target} HTTP/1.1\r\nHost: x\r\n".encode() + b"x: y\r\n" * 2000,
            f"GET {target.replace('%', '%%')} HTTP/1.1\r\n\r\n".encode() * 20, b"POST /announce HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
            f"GET {target} HTTP/1.1\r\nHost: x\r\n".encode(), b"\x16\x03\x01\x02\x00\x01\x00" + os.urandom(300)])
        with contextlib.suppress(OSError):
            one = socket.create_connection((node, port), 0.5, (self.chance.choice(self.sources), 0))
            one.setblocking(False)
            self.held.append(one)
            one.send(said)
            self.counts["connections"] += 1
        while len(self.held) > HELD:
            self.held.popleft().close()

    def run(self, seconds):
        self.learn_ids()
        start = time.monotonic()
        for number in itertools.count():
            now = time.monotonic() - start
            if now > seconds:
                return
            node = self.nodes[number % len(self.nodes)]
            self.datagrams(node)
            if number % CONNECT_EVERY == 0:
                self.connection(self.chance.choice(self.nodes))
            time.sleep(max(ROUND_S / 4, start + (number + 1) * ROUND_S - time.monotonic()))  # late: no burst after it


def load(file):
    try:
        with open(file, encoding="ascii") as data:
            return [(sender, receiver, bytes.fromhex(text)) for sender, receiver, text in json.load(data)]
    except FileNotFoundError:
        return []


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("seconds", type=float)
    parser.add_argument("--nodes", nargs="+", required=True)
    parser.add_argument("--sources", nargs="+", required=True)
    parser.add_argument("--bridge", required=True)
    parser.add_argument("--recorded", required=True)
    arguments = parser.parse_args()
    old = load(arguments.recorded)
    fresh = record(arguments.bridge, RECORD_S)[-RECORDED:]
    with open(arguments.recorded, "w", encoding="ascii") as file:
        json.dump([(sender, receiver, datagram.hex()) for sender, receiver, datagram in fresh], file)
    attacker = Attacker(arguments.nodes, arguments.sources, old + fresh)
    attacker.run(arguments.seconds - RECORD_S)
    print(json.dumps(attacker.counts))


if __name__ == "__main__":
    main()
