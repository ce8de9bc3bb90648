"""A rolling restart under load: each node in turn gets SIGTERM, drains and is started again; the next follows when it is
ready. Clients use only ready nodes, as behind a load balancer that checks every 100 ms. As soon as a node is ready, its
peers are counted by scrape."""

import time

from announcer import PEERS_PER_SWARM, Announcer, Ready, numbered_peer, swarm_hash
from udp_client import UdpClient
from wait import wait_for

BASE, LOAD = b"base", b"load"
SCRAPE_MAX = 70
# Peers announced this long ago have reached every node, unless they were lost.
SETTLE_S = 2.0


def count_peers(target, swarms, salt):
    """Counts the live peers of the swarms 0 to `swarms` on that node."""
    total = 0
    with UdpClient(target) as client:
        for first in range(0, swarms, SCRAPE_MAX):
            numbers = range(first, min(swarms, first + SCRAPE_MAX))
            total += sum(s + l for s, _, l in client.scrape(*(swarm_hash(number, salt) for number in numbers)))
    return total


class RollingRestart:
    """`base` peers exist from the start, `rate` new ones are announced every second."""

    def __init__(self, nodes, targets, base, rate):
        self.nodes = nodes
        self.targets = targets
        self.base_swarms = base // PEERS_PER_SWARM
        self.rate = rate
        self.history = []  # (when, announces answered by then)
        self.load = None
        self.checks = []  # (node's name, seconds from start to ready, peers missing of the base, of the load)
        self.ends = []  # the same at the end, without seconds

    def run(self, rounds=1, drain_s=0):
        base = self.base_swarms * PEERS_PER_SWARM
        with Announcer(self.targets, 5000, peer=lambda i: numbered_peer(i, BASE), limit=base) as fill:
            fill.wait(base / 5000 + 60)
        for target in self.targets:
            wait_for(lambda t=target: count_peers(t, self.base_swarms, BASE) == base, 30, "all peers on all nodes")
        with Ready(self.nodes) as ready, Announcer(self.targets, self.rate, peer=lambda i: numbered_peer(i, LOAD),
                                                   choose=ready.numbers) as self.load:
            for number in [n for _ in range(rounds) for n in range(len(self.nodes))]:
                self._restart(number, drain_s)
                # Long enough for the load to use it too.
                until = time.monotonic() + SETTLE_S
                wait_for(lambda end=until: self._remember() and time.monotonic() > end, 10, interval_s=0.1)
        settled = time.monotonic()
        time.sleep(SETTLE_S)
        self.history.append((settled, self.load.answered))
        self.ends = [(node.name, *self._missing(target)) for node, target in zip(self.nodes, self.targets)]

    def _restart(self, number, drain_s):
        node = self.nodes[number]
        node.signal()
        wait_for(lambda: self._remember() and node.process.poll() is not None, drain_s + 30, interval_s=0.1)
        node.start()
        start = time.monotonic()
        wait_for(lambda: self._remember() and node.ready(), 120, "the node to be ready again", interval_s=0.02)
        self.checks.append((node.name, time.monotonic() - start, *self._missing(self.targets[number])))

    def _remember(self):
        self.history.append((time.monotonic(), self.load.answered))
        return True

    def _missing(self, target):
        before = time.monotonic() - SETTLE_S
        announced = max((answered for when, answered in self.history if when <= before), default=0)
        swarms = announced // PEERS_PER_SWARM  # whole swarms, so that a later peer cannot stand in for a missing one
        return (self.base_swarms * PEERS_PER_SWARM - count_peers(target, self.base_swarms, BASE),
                swarms * PEERS_PER_SWARM - count_peers(target, swarms, LOAD))

    def worst_missing(self):
        return max(check[-2] + check[-1] for check in self.checks + self.ends)
