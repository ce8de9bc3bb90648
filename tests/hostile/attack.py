"""What attacks are made of. An attack is a function with a line that says what it is and what the node may lose by it:

    @attack("2,000 connections that never read", bound="64 MiB in the process")
    def connections_that_never_read():
        with one_node() as node, Bystander(node) as bystander:
            ...
            return Cost(attacker="2,000 connections, one request each", node=f"{grown >> 20} MiB", held=grown <= 64 << 20)

Bounds are counts, bytes and ratios with room for a busy machine. `raise Skip(reason)` (report.py) where it cannot run.
"""

import dataclasses
import os
import threading
import time

from cluster import Cluster
from udp_client import UdpClient

ATTACKS = []


@dataclasses.dataclass
class Cost:
    attacker: str  # packets, bytes, connections, seconds
    node: str  # what was measured
    held: bool  # within the bound


@dataclasses.dataclass
class Attack:
    name: str
    title: str
    bound: str
    function: object
    cost: Cost = None


def attack(title, *, bound):
    def register(function):
        ATTACKS.append(Attack(f"{function.__module__}.{function.__name__}", title, bound, function))
        return function

    return register


class OneNode(Cluster):
    """A node alone, with one worker, so that all of its clients share one loop. `with` gives the node."""

    def __init__(self, **settings):
        node = {"workers": 1, "log_level": "info", **settings.pop("node", {})}
        super().__init__(nodes=1, hosts=("127.0.0.1",), sync="off", settings={"node": node, **settings})

    def __enter__(self):
        return super().__enter__().nodes[0]


def one_node(**settings):
    """Settings are sections: one_node(limits={"connections": 100})."""
    return OneNode(**settings)


class Bystander:
    """An honest UDP client in a thread of its own: announces `rate` times a second while the attack runs."""

    def __init__(self, node, rate=100, timeout_s=1.0):
        self.asked = self.answered = 0
        self.waits_ms = []
        self._pause_s = 1 / rate
        self._client = UdpClient(("127.0.0.1", node.tracker_port), timeout_s=timeout_s)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._announce, daemon=True)

    def _announce(self):
        info_hash = os.urandom(20)
        while not self._done.wait(self._pause_s):
            self.asked += 1
            start = time.monotonic()
            try:
                self._client.announce(info_hash, 6881)
            except OSError:  # a time-out too
                continue
            self.answered += 1
            self.waits_ms.append((time.monotonic() - start) * 1000)

    @property
    def longest_ms(self):
        """The longest wait for an answer so far."""
        return max(self.waits_ms, default=float("inf"))

    def waited_ms(self, share):
        """The wait that this share of the answers (0.99) did not exceed."""
        waits = sorted(self.waits_ms)
        return waits[min(len(waits) - 1, int(share * len(waits)))] if waits else float("inf")

    def __enter__(self):
        self._client.connect()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()
        self._client.close()


def rss_bytes(pid):
    """The resident memory of a process."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) << 10
    raise AssertionError(f"process {pid} has no VmRSS")


def cpu_seconds(pid):
    """User and system time that the process has used."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def tcp_memory_bytes():
    """What the kernel holds in the buffers of all TCP sockets of this network namespace's machine."""
    with open("/proc/net/sockstat", encoding="ascii") as file:
        for line in file:
            if line.startswith("TCP:"):
                fields = line.split()
                return int(fields[fields.index("mem") + 1]) * os.sysconf("SC_PAGE_SIZE")
    raise AssertionError("no TCP line in /proc/net/sockstat")
