#!/usr/bin/python3
"""A new node pulls everything from another: how long that takes, and what it costs the donor.

Node a on loopback is filled with peers, evenly over many swarms. Then node b starts; the time runs until b is ready and
has as many peers. Meanwhile a gets announces at a steady rate: "p99 ms" is of those sent between b's start and its
readiness, "p99 before" of those sent before. The donor's extra memory is its largest resident size meanwhile, less that
before. --donate is sync.donate_mbit_s of node a; 0: no limit.

  cmake --preset release && cmake --build --preset release --target shoal udp_load_bench
  tests/bench/bootstrap.py --swarms 1000000 --peers 5000000
"""

import os
import select
import subprocess
import sys
import time

from figure import arguments, loopback_cluster, percentile, result, row, udp_load

from background import Background
from link_cluster import peers_known
from udp_client import UdpClient, announce_packet
from wait import wait_for

# Announced to the donor during the pull: too few to matter, and in swarms of their own.
PROBE_HASHES = 1000


class Probe(Background):
    """Announces to one node from a thread; records (when sent, milliseconds to the answer) for each."""

    def __init__(self, target, rate):
        super().__init__()
        self.target = target
        self.rate = rate
        self.times = []
        self.lost = 0

    def _run(self):
        hashes = [os.urandom(20) for _ in range(PROBE_HASHES)]
        with UdpClient(self.target) as client:
            client.connect()
            connected = start = time.monotonic()
            number = 0
            while not self._over.is_set():
                number += 1
                time.sleep(max(0.0, start + number / self.rate - time.monotonic()))
                if time.monotonic() - connected > 60:
                    client.connect()
                    connected = time.monotonic()
                self._ask(client, hashes[number % PROBE_HASHES])

    def _ask(self, client, info_hash):
        packet = announce_packet(client.connection_id, info_hash, 1000, numwant=0)
        sent = time.monotonic()
        client.send(packet)
        while select.select([client.socket], [], [], 2.0)[0]:
            if client.receive()[4:8] == packet[12:16]:
                self.times.append((sent, (time.monotonic() - sent) * 1000))
                return
        self.lost += 1

    def between(self, start, end):
        return [took for sent, took in self.times if start <= sent <= end]


def resident_bytes(node):
    with open(f"/proc/{node.process.pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS:"))


class MemoryWatch(Background):
    """The largest resident size of a node, sampled every 20 ms."""

    def __init__(self, node):
        super().__init__()
        self.node = node
        self.largest = resident_bytes(node)

    def _run(self):
        while not self._over.wait(0.02):
            self.largest = max(self.largest, resident_bytes(self.node))


def one_round(options):
    with loopback_cluster(nodes=2, settings={"sync": {"donate_mbit_s": options.donate}}) as (cluster, targets):
        donor, taker = cluster.nodes
        taker.stop()
        subprocess.run(udp_load(targets[0], "--even", "--torrents", options.swarms, "--fill", options.peers,
                                "--seconds", 0, "--warmup", 0), check=True)
        wait_for(lambda: peers_known(donor) >= options.peers, 10, "the donor to be filled")
        with Probe(targets[0], options.rate) as probe:
            quiet = time.monotonic()
            time.sleep(options.quiet)
            before = resident_bytes(donor)
            with MemoryWatch(donor) as memory:
                start = time.monotonic()
                taker.start()
                wait_for(taker.ready, options.patience, "the new node to be ready", interval_s=0.02)
                ready = time.monotonic()
                missing = peers_known(donor) - peers_known(taker)
            during, calm = probe.between(start, ready), probe.between(quiet, start)
        if probe.lost:
            sys.exit(f"{probe.lost} announces were not answered")
        extra = (memory.largest - before) / 2**20
        row(options.peers, ready - start, missing, extra, before / 2**20, percentile(calm, 0.99), percentile(during, 0.99),
            max(during))
    return ready - start, missing, extra, percentile(during, 0.99)


def main():
    options = arguments(__doc__, swarms=(1_000_000, "swarms"), peers=(5_000_000, "peers in all"),
                        rate=(500, "announces per second to the donor during the pull"), rounds=(1, "clusters"),
                        quiet=(5.0, "seconds of announces before, for comparison"),
                        donate=(0, "megabits per second that the donor sends; 0: no limit"),
                        patience=(300.0, "seconds until the new node must be ready"))
    row("peers", "s to ready", "missing", "extra MiB", "donor MiB", "p99 before", "p99 ms", "max ms")
    rounds = [one_round(options) for _ in range(options.rounds)]
    seconds, missing, extra, p99 = zip(*rounds)
    # The probe's announces underway are missing when peers are counted.
    result(f"bootstrap of {options.peers} peers", ("time", seconds, "s", 15), ("donor's extra memory", extra, "MiB", 64),
           ("donor's p99", p99, "ms", 10), ("missing", missing, "peers", options.rate / 10))


if __name__ == "__main__":
    main()
