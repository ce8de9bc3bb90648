"""Announcer: announces peers at a steady rate from a thread, as clients behind a load balancer would: each to a ready
node. Records what was not answered."""

import collections
import hashlib
import os
import random
import select
import socket
import struct
import threading
import time

from udp_client import UdpClient, announce_packet, connect_packet
from wait import wait_for

PATIENCE_S = 3.0
PEERS_PER_SWARM = 50


def swarm_hash(number, salt=b""):
    return hashlib.sha1(salt + number.to_bytes(8, "big")).digest()


def numbered_peer(number, salt=b""):
    """(info_hash, port) of peer `number`; every number gives another peer."""
    return swarm_hash(number // PEERS_PER_SWARM, salt), 1000 + number % PEERS_PER_SWARM


def all_known(trackers, salt, announces, timeout_s=30):
    """Waits until each of the trackers, {name: (host, port)}, knows the first `announces` numbered peers."""
    for name, address in trackers.items():
        for first in range(0, announces, PEERS_PER_SWARM):
            info_hash, _ = numbered_peer(first, salt)
            wanted = min(PEERS_PER_SWARM, announces - first)
            wait_for(lambda a=address, h=info_hash, w=wanted: leechers(a, h) == w, timeout_s,
                     f"node {name} to know the {wanted} peers of swarm {first // PEERS_PER_SWARM}")


def leechers(address, info_hash):
    with UdpClient(address) as client:
        return client.scrape(info_hash)[0][2]


class Ready:
    """Which nodes are ready, polled by a thread, as by a load balancer's health check."""

    def __init__(self, nodes, interval_s=0.1):
        self.nodes = nodes
        self.interval_s = interval_s
        self.ready = [True] * len(nodes)
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._watch, args=(n,), daemon=True) for n in range(len(nodes))]

    def _watch(self, number):
        while not self._over.wait(self.interval_s):
            try:
                self.ready[number] = self.nodes[number].ready()
            except Exception:  # whatever it is: a watch that ended would report "ready" for ever
                self.ready[number] = False

    def numbers(self):
        return [number for number, ready in enumerate(self.ready) if ready]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join()


class Announcer:
    """`peer(i)` returns (info_hash, port) of announce i and, as an optional third, other fields of the packet; `choose()`
    the numbers of the targets that may be asked."""

    def __init__(self, targets, rate, peer=numbered_peer, choose=None, left=1, limit=None,
                 id_life_s=60.0):
        self.targets = targets
        self.rate = rate
        self.peer = peer
        self.choose = choose or (lambda: range(len(targets)))
        self.left = left
        self.limit = limit  # announces; None: until stopped
        self.id_life_s = id_life_s  # age at which a new connection id is requested
        self.sent = self.answered = 0
        self.unanswered = []  # (target, when sent)
        self.error = None
        self._over = threading.Event()
        self._pending = collections.OrderedDict()  # transaction: (target, when sent)
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in targets]
        for one in self._sockets:
            one.setblocking(False)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._id = None
        self._id_time = 0.0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Stops it once everything sent is answered or overdue."""
        self._over.set()
        self._thread.join()
        for one in self._sockets:
            one.close()
        if self.error:
            raise self.error

    def wait(self, timeout_s):
        """Waits until `limit` announces are sent and answered."""
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise AssertionError(f"{self.sent} of {self.limit} announces sent in {timeout_s} s")

    def _run(self):
        try:
            self._announce()
            wait_for(self._all_settled, PATIENCE_S + 2, interval_s=0.01)
        except Exception as error:  # shown by stop()
            self.error = error

    def _announce(self):
        start = time.monotonic()
        while not self._over.is_set() and (self.limit is None or self.sent < self.limit):
            due = int((time.monotonic() - start) * self.rate)
            if self.limit is not None:
                due = min(due, self.limit)
            while self.sent < due:
                targets = list(self.choose())
                if not targets:
                    start = time.monotonic() - self.sent / self.rate  # nobody to ask: wait
                    break
                self._send(random.choice(targets))
            self._receive(0.002)

    def _send(self, target):
        if self._id is None or time.monotonic() - self._id_time > self.id_life_s:
            self._connect(target)
        info_hash, port, *fields = self.peer(self.sent)
        transaction = struct.pack(">I", self.sent & 0xFFFFFFFF)
        packet = announce_packet(self._id, info_hash, port, numwant=0, transaction=transaction,
                                 peer_id=b"-SH0000-000000000000", **{"left": self.left, **dict(*fields)})
        self._pending[transaction] = (target, time.monotonic())
        self.sent += 1
        try:
            self._sockets[target].sendto(packet, self.targets[target])
        except BlockingIOError:
            pass  # counts as not answered

    def _connect(self, target):
        packet = connect_packet(os.urandom(4))
        one = self._sockets[target]
        for _ in range(50):
            one.sendto(packet, self.targets[target])
            deadline = time.monotonic() + 0.2
            while time.monotonic() < deadline:
                if select.select([one], [], [], 0.05)[0]:
                    answer = one.recv(2048)
                    if answer[:4] == b"\0\0\0\0" and answer[4:8] == packet[12:16]:
                        self._id, self._id_time = answer[8:16], time.monotonic()
                        return
                    self._take(answer)
        raise AssertionError(f"{self.targets[target]} gives no connection id")

    def _receive(self, timeout_s):
        for one in select.select(self._sockets, [], [], timeout_s)[0]:
            try:
                for _ in range(256):
                    self._take(one.recv(2048))
            except BlockingIOError:
                pass
        now = time.monotonic()
        while self._pending:
            transaction, (target, when) = next(iter(self._pending.items()))
            if now - when < PATIENCE_S:
                return
            del self._pending[transaction]
            self.unanswered.append((target, when))

    def _take(self, answer):
        if answer[:4] == b"\0\0\0\1" and self._pending.pop(answer[4:8], None):
            self.answered += 1

    def _all_settled(self):
        self._receive(0.01)
        return not self._pending
