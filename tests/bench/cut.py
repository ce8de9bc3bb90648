#!/usr/bin/python3
"""A cluster is cut in two, both sides go on, the cut heals.

Three nodes in network namespaces (needs root): a on one side, b and c on the other; nothing passes between the sides
(nft), clients reach all. New peers are announced on each side at a steady rate and go on after the heal. Then: the time
from the heal until every node knows every peer that was announced before it (the load stops at the heal, so that the
counts can be equal at all), and until all are in step by their own account, if they say so.

  cmake --preset release && cmake --build --preset release --target shoal
  tests/bench/cut.py --seconds 300 --rate 2000
"""

import time

from figure import arguments, background, linked_cluster, row
from link_cluster import peers_known


def main():
    options = arguments(__doc__, seconds=(300, "length of the cut"), rate=(2000, "announces per second and side"),
                        patience=(300.0, "seconds to wait after the heal"))
    with linked_cluster() as (cluster, targets):
        nodes = cluster.nodes
        cluster.cut(0)
        sides = [background(targets[:1], options.rate, b"one side"), background(targets[1:], options.rate, b"other side")]
        for side in sides:
            side.__enter__()
        time.sleep(options.seconds)
        for side in sides:
            side.stop()
        announced = sum(side.answered for side in sides)
        apart = [announced - peers_known(node) for node in nodes]
        healed = time.monotonic()
        cluster.heal()
        missing = apart
        while any(missing) and time.monotonic() - healed < options.patience:
            time.sleep(0.05)
            missing = [announced - peers_known(node) for node in nodes]
        seconds = time.monotonic() - healed
    row("cut s", "announced", "missing a", "missing b", "missing c", "s to equal")
    row(options.seconds, announced, *apart, seconds if not any(missing) else f"never {missing}")


if __name__ == "__main__":
    main()
