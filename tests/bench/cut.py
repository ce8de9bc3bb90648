#!/usr/bin/python3
"""A cluster is cut in two, both sides go on, the cut heals.

Three nodes in network namespaces (needs root): a on one side, b and c on the other; nothing passes between the sides
(nft), clients reach all. New peers are announced on each side at a steady rate until the heal. Then: the time from the
heal until every node knows every peer that was announced.

  cmake --preset release && cmake --build --preset release --target shoal
  tests/bench/cut.py --minutes 5 --rate 2000
"""

import contextlib
import math
import time

from figure import arguments, background, linked_cluster, result, row
from link_cluster import peers_known


def one_round(options):
    """Seconds from heal to equal."""
    with linked_cluster() as (cluster, targets):
        nodes = cluster.nodes
        cluster.cut(0)
        with contextlib.ExitStack() as stack:
            sides = [stack.enter_context(background(side, options.rate, salt))
                     for side, salt in ((targets[:1], b"one side"), (targets[1:], b"other side"))]
            time.sleep(options.minutes * 60)
        announced = sum(side.answered for side in sides)
        apart = [announced - peers_known(node) for node in nodes]
        healed = time.monotonic()
        cluster.heal()
        missing = apart
        while any(missing) and time.monotonic() - healed < options.patience:
            time.sleep(0.05)
            missing = [announced - peers_known(node) for node in nodes]
        seconds = time.monotonic() - healed if not any(missing) else math.inf
    row(options.minutes, announced, *apart, seconds, max(missing))
    return seconds


def main():
    options = arguments(__doc__, minutes=(5.0, "length of the cut"), rate=(2000, "announces per second and side"),
                        rounds=(1, "clusters"), patience=(300.0, "seconds to wait after the heal"))
    row("minutes", "announced", "apart: a", "b", "c", "s to equal", "left")
    rounds = [one_round(options) for _ in range(options.rounds)]
    result("cut", ("from heal to equal", rounds, "s", 10))


if __name__ == "__main__":
    main()
