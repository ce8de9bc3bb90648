#!/usr/bin/python3
"""The time from an announce on one node until another node hands the peer out, under load.

Three nodes on loopback. A new peer is announced on node a; then b or c is asked in a tight loop (by scrape, which changes
nothing) until it knows the peer. The time runs from sending the announce to the first answer that counts it, so it
includes two round trips of this script. --sync is a list of unicast, multicast, mixed.

  cmake --preset release && cmake --build --preset release --target shoal udp_load_bench
  tests/bench/visibility.py --samples 500 --rate 5000 --rounds 3
"""

import contextlib
import os
import sys
import time

from figure import arguments, loopback_cluster, native_background, percentile, result, row

from udp_client import UdpClient


def measure(clients, samples):
    """The milliseconds of each sample."""
    times = []
    for sample in range(samples):
        info_hash = os.urandom(20)
        start = time.monotonic()
        clients[0].announce(info_hash, 1000, numwant=0)
        asked = clients[1 + sample % 2]
        while asked.scrape(info_hash) != [(0, 0, 1)]:
            if time.monotonic() - start > 10:
                sys.exit("a peer was not handed out within 10 s")
        times.append((time.monotonic() - start) * 1000)
    return times


def one_round(sync, options):
    with loopback_cluster(sync=sync) as (cluster, targets), contextlib.ExitStack() as stack:
        clients = [stack.enter_context(UdpClient(target)) for target in targets]
        if options.rate:
            stack.enter_context(native_background(targets, options.rate))
        time.sleep(2)  # lets the load start before the first sample
        answered = sum(node.metric("shoal_announces_total") for node in cluster.nodes)
        start = time.monotonic()
        times = measure(clients, options.samples)
        seconds = time.monotonic() - start
        answered = sum(node.metric("shoal_announces_total") for node in cluster.nodes) - answered
    row(sync, round((answered - len(times)) / seconds), len(times), percentile(times, 0.5), percentile(times, 0.99),
        max(times))
    return percentile(times, 0.5), percentile(times, 0.99)


def main():
    options = arguments(__doc__, samples=(500, "peers announced one after the other, in each round"),
                        rate=(5000, "announces per second in the background, over all nodes"),
                        rounds=(3, "clusters"), sync=("unicast", "ways to spread, separated by commas"))
    row("sync", "background/s", "samples", "median ms", "p99 ms", "max ms")
    for sync in options.sync.split(","):
        rounds = [one_round(sync, options) for _ in range(options.rounds)]
        result(f"visibility, {sync}", ("median", [one[0] for one in rounds], "ms", 60),
               ("p99", [one[1] for one in rounds], "ms", 150))


if __name__ == "__main__":
    main()
