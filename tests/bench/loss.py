#!/usr/bin/python3
"""How long peers are missing when sync datagrams are lost.

Three nodes in network namespaces (needs root). Each drops a share of the sync datagrams that reach it (by nft, so that the
sender does not notice). New peers are announced to all nodes at a steady rate; the time runs from the last answer until
every node knows every peer (status.json of each, polled every 50 ms).

  cmake --preset release && cmake --build --preset release --target shoal
  tests/bench/loss.py --announces 100000 --percent 1,5,20,40 --rounds 3
"""

import math
import time

from figure import arguments, background, linked_cluster, result, row
from link_cluster import peers_known

BARS_S = {1: 1, 5: 2, 20: 5, 40: 15}


def one_round(percent, options):
    """Seconds until no peer is missing, and the number missing in the end."""
    with linked_cluster() as (cluster, targets):
        cluster.lose(percent)
        load = background(targets, options.rate, limit=options.announces)
        start = time.monotonic()
        with load:
            load.wait(options.announces / options.rate * 3 + 60)
        took = time.monotonic() - start
        last = time.monotonic()
        first_missing = [load.answered - peers_known(node) for node in cluster.nodes]
        missing = first_missing
        while any(missing) and time.monotonic() - last < options.patience:
            time.sleep(0.05)
            missing = [load.answered - peers_known(node) for node in cluster.nodes]
        seconds = time.monotonic() - last if not any(missing) else math.inf
        row(f"{percent} %", load.answered, load.answered / took, max(first_missing), seconds, max(missing))
    return seconds, max(missing)


def main():
    options = arguments(__doc__, announces=(100_000, "peers"), rate=(5000, "announces per second"),
                        percent=("1,5,20,40", "shares of datagrams lost"), rounds=(1, "clusters for each share"),
                        patience=(120.0, "seconds to wait for the last peer"))
    row("lost", "announces", "per s", "missing", "s until none", "left")
    for percent in map(int, options.percent.split(",")):
        rounds = [one_round(percent, options) for _ in range(options.rounds)]
        result(f"{percent} % loss", ("until none is missing", [one[0] for one in rounds], "s", BARS_S.get(percent, 15)),
               ("missing in the end", [one[1] for one in rounds], "peers", 0))


if __name__ == "__main__":
    main()
