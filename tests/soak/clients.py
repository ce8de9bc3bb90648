"""Clients that send events, and know what every node must answer: each of some thousand peers starts, announces again,
completes, becomes a leecher again, stops, and starts again after a while, by UDP or HTTP at a node of its own; in calm
minutes now and then at another. And a few WebTorrent clients."""

import contextlib
import heapq
import itertools
import math
import os
import random
import threading
import time

from http_client import HttpClient
from udp_client import UdpClient, announce_packet, parse_announce
from web_client import Closed, WebPeer

RATE = 10  # events a second at each node
PER_SWARM = 25  # peers, of all nodes; an answer has room for all
FIRST_PORT = 2000
HTTP, ROAM, DROP = 0.2, 0.25, 0.05  # shares of events: by HTTP, at another node in calm minutes; of connections closed after one
ID_LIFE_S = 60
LOST_WITH_NODE_S = 60  # what a node was told so long before it was killed may be lost
BROWSERS = 2  # WebTorrent clients at each node
DEAD, LEECHER, SEEDER = "stopped", "leecher", "seeder"


class Peer:
    """Its info_hash and port are given to it by Everybody."""

    def __init__(self, node):
        self.info_hash, self.port, self.node = None, 0, node
        self.state = DEAD
        self.said = -math.inf  # when its last word was answered
        self.doubtful = False  # whether it is not known what the cluster holds of it

    def event(self, chance):
        """What it says next: (event, left, state after it)."""
        if self.state == DEAD:
            return ("started", 0, SEEDER) if chance.random() < 0.3 else ("started", 1, LEECHER)
        drawn = chance.random()
        if drawn < 0.4:
            return "stopped", int(self.state == LEECHER), DEAD
        if drawn < 0.6:
            return ("completed", 0, SEEDER) if self.state == LEECHER else ("", 1, LEECHER)
        return "", int(self.state == LEECHER), self.state


class Waits:
    """How long answers took, in ms, and how many did not come."""

    def __init__(self):
        self._lock = threading.Lock()
        self._waits, self._lost = [], 0

    def add(self, wait_s):
        with self._lock:
            self._waits.append(1000 * wait_s)

    def lose(self):
        with self._lock:
            self._lost += 1

    def take(self):
        """(p99, asked, unanswered) since the last call."""
        with self._lock:
            waits, lost, self._waits, self._lost = sorted(self._waits), self._lost, [], 0
        return (waits[int(0.99 * len(waits))] if waits else math.nan), len(waits) + lost, lost


class Asker(UdpClient):
    """Sends once: what is not answered counts. Takes a new connection id before the old one is refused."""

    def __init__(self, address):
        super().__init__(address, timeout_s=1)
        self._connected = -math.inf

    def announce(self, info_hash, port, **fields):
        if not self.connection_id or time.monotonic() - self._connected > ID_LIFE_S:
            self.connect()
            self._connected = time.monotonic()
        return parse_announce(self.ask(announce_packet(self.connection_id, info_hash, port, **fields), tries=1), self.family)


class Worker(threading.Thread):
    """Runs step() again and again; while paused, not, and then let_go() has been called."""

    def __init__(self):
        super().__init__(daemon=True)
        self.over, self.wanted, self.resting = threading.Event(), threading.Event(), threading.Event()
        self.error = None

    def run(self):
        try:
            while not self.over.is_set():
                if self.wanted.is_set():
                    self.let_go()
                    self.resting.set()
                    self.over.wait(0.1)
                else:
                    self.resting.clear()
                    self.step()
        except Exception as error:  # shown by check()
            self.error = error
        self.let_go()
        self.resting.set()

    def check(self):
        if self.error:
            raise self.error


class Clients(Worker):
    """Those of one node: node `number` of `targets`. `up` has a flag for each node."""

    def __init__(self, number, targets, up, interval_s, chance):
        super().__init__()
        self.number, self.targets, self.up, self.interval_s, self.chance = number, targets, up, interval_s, chance
        self.roam = False
        self.udp, self.http = Waits(), Waits()
        self._udp = [Asker(target) for target in targets]
        self._http = None
        count = int(RATE * 0.65 * interval_s)
        self.peers = [Peer(number) for _ in range(count)]
        now = time.monotonic()
        self._due = [(now + chance.random() * 0.65 * interval_s, i) for i in range(count)]
        heapq.heapify(self._due)

    def let_go(self):
        if self._http:
            self._http.close()
            self._http = None

    def step(self):
        due, index = self._due[0]
        if (wait := due - time.monotonic()) > 0:
            self.over.wait(min(wait, 0.1))
            return
        if not self.up[self.number]:
            self.over.wait(0.1)
            return
        peer = self.peers[index]
        event, left, state = peer.event(self.chance)
        node = self.number
        if self.roam and self.chance.random() < ROAM:
            node = self.chance.choice([n for n, up in enumerate(self.up) if up])
        if self._say(peer, node, event, left):
            peer.state, peer.node, peer.said, peer.doubtful = state, node, time.monotonic(), False
            pause = self.chance.uniform(0.3, 1) * self.interval_s
        else:
            peer.doubtful = True
            pause = self.chance.uniform(2, 5)
        heapq.heapreplace(self._due, (time.monotonic() + pause, index))
        self.over.wait(0.02)  # late after a pause: no burst

    def _say(self, peer, node, event, left):
        by_http = node == self.number and self.chance.random() < HTTP
        waits = self.http if by_http else self.udp
        start = time.monotonic()
        try:
            if by_http:
                self._by_http(peer, event, left)
            else:
                self._by_udp(peer, node, event, left)
        except (OSError, AssertionError):
            self._udp[node].connection_id = None
            self.let_go()
            if self.up[node]:
                waits.lose()
            return False
        waits.add(time.monotonic() - start)
        return True

    def _by_udp(self, peer, node, event, left):
        self._udp[node].announce(peer.info_hash, peer.port, left=left, event=event, numwant=30)

    def _by_http(self, peer, event, left):
        kept = self._http is not None
        try:
            self._http = self._http or HttpClient(self.targets[self.number], timeout_s=2)
            self._http.announce(peer.info_hash, peer.port, left=left, event=event, numwant=30)
        except ConnectionError:
            self.let_go()
            if not kept:
                raise
            self._by_http(peer, event, left)  # the node may close one that waits
        if self.chance.random() < DROP:
            self.let_go()


class Browser(WebPeer):
    offers_heard = 0

    def hear(self, wanted=lambda message: True):
        def note(message):
            self.offers_heard += "offer" in message
            return wanted(message)
        return super().hear(note)


class Browsers(Worker):
    """WebTorrent clients, some at each node, all in one swarm: one announces each half second, with an offer."""

    def __init__(self, targets, up):
        super().__init__()
        self.targets, self.up = targets, up
        self.info_hash = os.urandom(20)
        self.offers_heard = self.broken = 0
        self._turn = itertools.cycle(range(len(targets) * BROWSERS))
        self._open = {}

    def let_go(self):
        for one in self._open.values():
            one.close()
        self._open = {}

    def step(self):
        self.over.wait(0.5)
        number = next(self._turn)
        node = number % len(self.targets)
        if not self.up[node]:
            return
        try:
            if number not in self._open:
                self._open[number] = Browser(self.targets[node], timeout_s=2)
            one = self._open[number]
            before = one.offers_heard
            one.announce(self.info_hash, offers=1)
            self.offers_heard += one.offers_heard - before
        except (OSError, AssertionError, Closed):
            self.broken += 1
            if one := self._open.pop(number, None):
                one.close()


class Everybody:
    """All of them, and what they have told."""

    def __init__(self, targets, interval_s, peer_timeout_s, chance):
        self.targets, self.peer_timeout_s = targets, peer_timeout_s
        self.up = [True] * len(targets)
        self.of_nodes = [Clients(number, targets, self.up, interval_s, random.Random(chance.getrandbits(60)))
                         for number in range(len(targets))]
        self.browsers = Browsers(targets, self.up)
        self.peers = list(itertools.chain.from_iterable(zip(*(one.peers for one in self.of_nodes))))
        # Swarms are of peers of all nodes, and a peer's endpoint is its port: they have one address.
        hashes = [os.urandom(20) for _ in range(max(1, len(self.peers) // PER_SWARM))]
        for i, peer in enumerate(self.peers):
            peer.info_hash, peer.port = hashes[i % len(hashes)], FIRST_PORT + i
        self._workers = [*self.of_nodes, self.browsers]
        for worker in self._workers:
            worker.start()

    def stop(self):
        for worker in self._workers:
            worker.over.set()

    def check(self):
        for worker in self._workers:
            worker.check()

    def roam(self, allowed):
        for one in self.of_nodes:
            one.roam = allowed

    @contextlib.contextmanager
    def resting(self):
        """Nobody says anything, nor has a connection."""
        try:
            for worker in self._workers:
                worker.wanted.set()
            for worker in self._workers:
                if not worker.resting.wait(15):
                    raise AssertionError("clients do not rest")
            yield
        finally:
            for worker in self._workers:
                worker.wanted.clear()

    def killed(self, number):
        """What this node was told lately may be lost."""
        since = time.monotonic() - LOST_WITH_NODE_S
        for peer in self.peers:
            if peer.node == number and peer.said > since:
                peer.doubtful = True

    def judge(self, names):
        """Asks every node for every swarm while nobody talks. Returns how many peers were looked for, and how many were
        left out as doubtful; fails with what a node hands out that stopped, or does not that is alive, or counts wrongly."""
        swarms, now = {}, time.monotonic()
        for peer in self.peers:
            swarms.setdefault(peer.info_hash, []).append(peer)
            # The node was down, or this machine slow: it may expire.
            peer.doubtful |= peer.state != DEAD and now - peer.said > 0.6 * self.peer_timeout_s
        wrong, doubtful = [], sum(peer.doubtful for peer in self.peers)
        for number, target in enumerate(self.targets):
            with UdpClient(target) as client:
                for info_hash, peers in swarms.items():
                    answer = client.announce(info_hash, 1, numwant=200)  # port 1: a leecher that nobody looks for
                    for text in differences(peers, answer):
                        wrong.append(f"node {names[number]} {text}")
        if wrong:
            raise AssertionError(f"{len(wrong)} differences, such as:\n" + "\n".join(wrong[:8]))
        return len(self.peers) - doubtful, doubtful


def differences(peers, answer):
    """Of one swarm's peers and what a node answers about it."""
    ports, now = {port for _, port in answer["peers"]}, time.monotonic()
    for peer in peers:
        if not peer.doubtful and peer.said > -math.inf and (peer.port in ports) == (peer.state == DEAD):
            yield (f"{'hands out' if peer.port in ports else 'does not hand out'} port {peer.port} of {peer.info_hash.hex()}: "
                   f"{peer.state} since {now - peer.said:.0f} s, as node {peer.node} was told")
    doubtful = sum(peer.doubtful for peer in peers)
    for name, state, more in (("seeders", SEEDER, 0), ("leechers", LEECHER, 1)):
        least = sum(peer.state == state and not peer.doubtful for peer in peers)
        if not least <= answer[name] <= least + doubtful + more:
            yield f"counts {answer[name]} {name} in {peers[0].info_hash.hex()}, not {least}" + (f" to {least + doubtful}" if doubtful else "")
