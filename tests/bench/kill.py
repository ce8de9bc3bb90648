#!/usr/bin/python3
"""kill -9 of one of three nodes: the other two serve its peers, and its clients continue with the others.

Three nodes on loopback under load. Node a is killed; then b and c are asked for every peer that a answered at least half a
second earlier. Peers that a answered in its last moments may be lost, and are counted.

  cmake --preset release && cmake --build --preset release --target shoal
  tests/bench/kill.py --rate 2000 --seconds 10 --rounds 3
"""

import time

from figure import arguments, background, loopback_cluster, result, row

from announcer import PEERS_PER_SWARM
from link_cluster import peers_known
from rolling_restart import count_peers
from wait import wait_for


def one_round(options):
    """The number of peers missing on the worse of the two."""
    with loopback_cluster() as (cluster, targets):
        victim = cluster.nodes[0]
        with background(targets[:1], options.rate, b"load") as load:
            time.sleep(options.seconds - 0.5)
            settled = load.answered
            time.sleep(0.5)
            victim.process.kill()
            killed = time.monotonic()
            wait_for(lambda: all(n.members_alive() == 1 for n in cluster.nodes[1:]), 60, "the others to notice")
            noticed = time.monotonic() - killed
        swarms = settled // PEERS_PER_SWARM
        lacking = [swarms * PEERS_PER_SWARM - count_peers(target, swarms, b"load") for target in targets[1:]]
        last = [load.answered - peers_known(node) for node in cluster.nodes[1:]]
    row(load.answered, noticed, *lacking, *last)
    return max(lacking)


def main():
    options = arguments(__doc__, rate=(2000, "announces per second on the node that is killed"),
                        seconds=(10, "seconds of load before the kill"), rounds=(1, "clusters"))
    row("answered", "noticed s", "missing b", "missing c", "last b", "last c")
    rounds = [one_round(options) for _ in range(options.rounds)]
    result("kill -9", ("missing of the dead node's", rounds, "peers", 0))


if __name__ == "__main__":
    main()
