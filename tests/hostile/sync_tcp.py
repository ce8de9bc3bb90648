"""Attacks on the TCP side of the sync port by strangers, while a node that starts pulls everything through it."""

import collections
import os
import socket
import struct
import threading
import time

from attack import Bystander, Cost, attack, cpu_seconds
from cluster import Cluster, wait_in_step
from udp_client import UdpClient
from wait import wait_for

SWARMS = 2000
PATIENCE_S = 30


class Flood:
    """Connects as fast as it can, from several addresses of loopback, says `words` on each connection, and lets the
    oldest go when `open_most` are open."""

    def __init__(self, port, words, open_most=400):
        self.connections = 0
        self.refused = 0
        self._to = ("127.0.0.1", port)
        self._words = words
        self._open_most = open_most
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        held = collections.deque()
        while not self._done.is_set():
            stranger = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            stranger.settimeout(0.05)
            try:
                stranger.bind((f"127.0.0.{2 + self.connections % 50}", 0))
                stranger.connect(self._to)
                if self._words:
                    stranger.send(self._words)
                self.connections += 1
                held.append(stranger)
            except OSError:
                self.refused += 1
                stranger.close()
            if len(held) > self._open_most:
                held.popleft().close()
        for stranger in held:
            stranger.close()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()


def bootstrap_under(words):
    """A node restarts without anything while the other, its only donor, is flooded."""
    with Cluster(nodes=2, hosts=("127.0.0.1",), settings={"node": {"workers": 1, "log_level": "info", "drain_s": 0}}) as cluster:
        donor, starter = cluster.nodes
        with UdpClient(("127.0.0.1", donor.tracker_port)) as client:
            client.connect()
            for _ in range(SWARMS):
                client.announce(os.urandom(20), 6881)
        wait_for(lambda: starter.metric("shoal_swarms") == SWARMS, PATIENCE_S, "the swarms to be on both nodes")
        starter.stop()
        port = int(donor.settings["sync"]["listen"].rsplit(":", 1)[1])
        with Flood(port, words) as flood, Bystander(donor) as bystander:
            time.sleep(1)
            cpu, start = cpu_seconds(donor.process.pid), time.monotonic()
            starter.start()
            wait_in_step(starter, 1, timeout_s=PATIENCE_S)
            took_s = time.monotonic() - start
            cpu = (cpu_seconds(donor.process.pid) - cpu) / took_s
            rate = flood.connections / (took_s + 1)
            swarms = starter.metric("shoal_swarms")
            descriptors = len(os.listdir(f"/proc/{donor.process.pid}/fd"))
        pulled = donor.metric("shoal_sync_donations_total", result="finished")
        return Cost(attacker=f"{rate:.0f} connections a second, {len(words)} bytes each",
                    node=f"ready after {took_s:.1f} s with {swarms:.0f} swarms of {SWARMS}, {pulled:.0f} donations; "
                         f"{descriptors} descriptors, {cpu:.0%} of a CPU; {bystander.answered} of {bystander.asked} honest requests answered",
                    held=swarms >= SWARMS and pulled >= 1 and descriptors <= 120 and bystander.answered >= 0.9 * bystander.asked - 1)


BOUND = "a node that starts pulls everything meanwhile; 120 descriptors; 9 of 10 honest requests are answered"


@attack("connections to the sync port that say nothing", bound=BOUND)
def silent_connections():
    return bootstrap_under(b"")


@attack("connections to the sync port with half a request", bound=BOUND)
def half_requests():
    return bootstrap_under(struct.pack(">H", 100) + b"x" * 20)


@attack("connections to the sync port with a whole request that no key made", bound=BOUND)
def forged_requests():
    return bootstrap_under(struct.pack(">H", 100) + b"x" * 100)
