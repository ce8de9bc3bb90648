#!/usr/bin/python3
"""From an announce on one node until another node hands the peer out, with announces going on all the while.

Three nodes on loopback. A new peer is announced on node a; from then on b or c is asked in a tight loop (by scrape,
which changes nothing) until it knows the peer. The time is from sending the announce to having the first answer that
counts it, so it includes two round trips of this script.

  cmake --preset release && cmake --build --preset release --target shoal
  tests/bench/propagate.py --samples 500 --rate 5000
"""

import os
import sys
import time

from figure import arguments, background, loopback_cluster, percentile, row

from udp_client import UdpClient


def measure(clients, samples):
    """Milliseconds, a number per sample."""
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


def main():
    options = arguments(__doc__, samples=(500, "peers announced one after the other"),
                        rate=(5000, "announces per second in the background, over all nodes"))
    with loopback_cluster() as (_, targets):
        clients = [UdpClient(target) for target in targets]
        load = background(targets, options.rate) if options.rate else None
        if load:
            load.__enter__()
            time.sleep(1)  # so that the load is there when the first sample is taken
        start, before = time.monotonic(), load.sent if load else 0
        times = measure(clients, options.samples)
        rate = (load.sent - before) / (time.monotonic() - start) if load else 0
        if load:
            load.stop()
        for client in clients:
            client.close()
    row("background/s", "samples", "median ms", "p99 ms", "max ms")
    row(round(rate), len(times), percentile(times, 0.5), percentile(times, 0.99), max(times))


if __name__ == "__main__":
    main()
