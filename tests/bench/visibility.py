#!/usr/bin/python3
"""How long from an announce answered by node a until node b hands the peer out: visibility.py [ANNOUNCES].

Three nodes on loopback, one announce at a time over UDP, each of a swarm of its own; node b is scraped without pause
until it knows it. So the figure includes up to one scrape's round trip.
"""

import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from cluster import Cluster  # noqa: E402
from udp_client import UdpClient  # noqa: E402


def measure(sync, announces):
    """Seconds, sorted."""
    with Cluster(nodes=3, sync=sync) as cluster:
        a, b = (UdpClient(("127.0.0.1", node.tracker_port)) for node in cluster.nodes[:2])
        with a, b:
            taken = []
            for _ in range(announces):
                info_hash = os.urandom(20)
                a.announce(info_hash, 1000, event="started")
                start = time.perf_counter()
                while b.scrape(info_hash)[0][2] == 0:
                    if time.perf_counter() - start > 10:
                        raise SystemExit(f"{sync}: an announce is not visible after 10 s")
                taken.append(time.perf_counter() - start)
    return sorted(taken)


def main():
    announces = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    for sync in ("unicast", "multicast", "mixed"):
        taken = measure(sync, announces)
        p99 = taken[int(len(taken) * 0.99)]
        print(f"{sync:10} {announces} announces: median {statistics.median(taken) * 1000:.1f} ms, "
              f"p99 {p99 * 1000:.1f} ms, longest {taken[-1] * 1000:.1f} ms", flush=True)


if __name__ == "__main__":
    main()
