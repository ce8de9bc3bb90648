#!/usr/bin/python3
"""A rolling restart under load: each of three nodes in turn is told to stop (SIGTERM), drains, is started again, and
the next follows when it is ready.

Three nodes on loopback. Some peers are there from the beginning; the load then announces new ones to the nodes that say
they are ready, as a load balancer would that looks every 100 ms. At the moment a node says it is ready again, and at
the end on every node, the peers of the beginning and those announced 2 s ago or earlier are counted by scrape.

  cmake --preset release && cmake --build --preset release --target shoal
  tests/bench/rolling.py --peers 20000 --rate 2000
"""

import time

from figure import arguments, background, loopback_cluster, result, row

from announcer import PEERS_PER_SWARM, Ready, swarm_hash
from udp_client import UdpClient
from wait import wait_for

BASE = b"base"
SCRAPE_MAX = 70
SETTLE_S = 2.0


def count(target, swarms, salt):
    """Live peers of the swarms 0 to `swarms` on that node."""
    total = 0
    with UdpClient(target) as client:
        for first in range(0, swarms, SCRAPE_MAX):
            numbers = range(first, min(swarms, first + SCRAPE_MAX))
            total += sum(s + l for s, _, l in client.scrape(*(swarm_hash(number, salt) for number in numbers)))
    return total


def missing(target, base, load_history):
    """Peers that this node should know and does not: of the beginning, and of the load."""
    before = time.monotonic() - SETTLE_S
    announced = max((sent for when, sent in load_history if when <= before), default=0)
    swarms = announced // PEERS_PER_SWARM  # whole swarms, so that a later peer cannot stand in for a missing one
    lacking = base - count(target, base // PEERS_PER_SWARM, BASE)
    return lacking, swarms * PEERS_PER_SWARM - count(target, swarms, b"load")


def main():
    options = arguments(__doc__, peers=(20_000, "peers at the beginning"), rate=(2000, "announces per second"),
                        drain=(3, "node.drain_s"), rounds=(1, "restarts of each node"))
    base = options.peers // PEERS_PER_SWARM * PEERS_PER_SWARM
    row("restarted", "s to ready", "missing", "of the load")
    with loopback_cluster(drain_s=options.drain) as (cluster, targets):
        with background(targets, 5000, BASE, limit=base) as fill:
            fill.wait(base / 5000 + 60)
        for target in targets:
            wait_for(lambda t=target: count(t, base // PEERS_PER_SWARM, BASE) == base, 30, "all peers on all nodes")
        worst = 0
        history = []
        with Ready(cluster.nodes) as ready, background(targets, options.rate, b"load", choose=ready.numbers) as load:

            def remember():
                history.append((time.monotonic(), load.answered))
                return True

            for number in [n for _ in range(options.rounds) for n in range(3)]:
                node = cluster.nodes[number]
                node.signal()
                wait_for(lambda n=node: remember() and n.process.poll() is not None, options.drain + 30, interval_s=0.1)
                node.start()
                start = time.monotonic()
                wait_for(lambda n=node: remember() and n.ready(), 120, "the node to be ready again", interval_s=0.05)
                took = time.monotonic() - start
                lacking = missing(targets[number], base, history)
                worst = max(worst, sum(lacking))
                row(node.name, took, *lacking)
                # Long enough for the load to ask it as well.
                until = time.monotonic() + 3
                wait_for(lambda end=until: remember() and time.monotonic() > end, 10, interval_s=0.1)
        time.sleep(SETTLE_S)
        history.append((time.monotonic() - SETTLE_S, load.answered))
        for number, target in enumerate(targets):
            lacking = missing(target, base, history)
            worst = max(worst, sum(lacking))
            row(f"end: {cluster.nodes[number].name}", "", *lacking)
    row("announces", "unanswered", "worst missing")
    row(load.sent, len(load.unanswered), worst)
    result("rolling restart", ("missing on a ready node", [worst], "peers", 0),
           ("unanswered", [len(load.unanswered)], "announces", 0))


if __name__ == "__main__":
    main()
