"""The memory for swarms and peers: what is allowed, what happens when it is full, and afterwards."""

import os
import time
import unittest

from memory_group import MemoryGroup
from nodes import ClusterCase, fresh_hash
from report import Skip
from udp_client import UdpClient
from udp_flooder import UdpFlooder
from wait import wait_for

MIB = 1 << 20


def resident_bytes(node):
    with open(f"/proc/{node.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def pairs(node, count):
    """Swarms of two addresses."""
    hashes = [fresh_hash() for _ in range(count)]
    for source in ("127.0.3.1", "127.0.4.1"):
        with UdpClient(("127.0.0.1", node.tracker_port), source=source) as client:
            for info_hash in hashes:
                client.announce(info_hash, 6881)
    return hashes


def kept(node, hashes):
    with UdpClient(("127.0.0.1", node.tracker_port)) as client:
        found = 0
        for at in range(0, len(hashes), 50):
            found += sum(seeders + leechers == 2 for seeders, _, leechers in client.scrape(*hashes[at : at + 50]))
        return found


def flood_until_full(node, swarms, timeout_s=90):
    with UdpFlooder(("127.0.0.1", node.tracker_port), ["127.0.2.1"]) as flooder:
        deadline = time.monotonic() + timeout_s
        while flooder.sent < swarms or not node.metric("shoal_store_giving_up"):
            flooder.announce(20_000)
            if time.monotonic() > deadline:
                raise AssertionError(f"not full after {flooder.sent} announces: {node.status()['swarms']} swarms")


class TheLimitOfTheSystem(ClusterCase):
    """Half of what the control group allows."""

    nodes = 1
    sync = "off"
    group = None

    @classmethod
    def setUpClass(cls):
        cls.group = MemoryGroup(100 * MIB)
        try:
            cls.group.__enter__()
        except Skip as reason:
            raise unittest.SkipTest(str(reason)) from reason
        cls.addClassCleanup(cls.group.__exit__)
        super().setUpClass()

    @classmethod
    def prepare(cls):
        cls.cluster.nodes[0].run_in = cls.group.run_in

    def test_is_read_and_said(self):
        node = self.node(0)
        self.assertEqual(node.status()["memory_limit_bytes"], 50 * MIB)
        self.assertEqual(node.metric("shoal_store_memory_limit_bytes"), 50 * MIB)
        line = next(line for line in node.log_text().splitlines() if "memory for swarms and peers" in line)
        self.assertIn("50", line)
        self.assertIn("100", line)
        self.assertIn("cgroup memory.", line)


NO_RATES = {"requests_per_s_per_address": 0, "requests_per_s_per_prefix": 0}


class Full(ClusterCase):
    nodes = 1
    sync = "off"
    settings = {"limits": {"memory_mb": 8, **NO_RATES}, "node": {"workers": 1, "log_level": "info"}}

    def test_honest_swarms_stay_and_newcomers_get_in(self):
        node = self.node(0)
        hashes = pairs(node, 300)
        flood_until_full(node, 200_000)
        self.assertEqual(kept(node, hashes), 300)
        with UdpClient(("127.0.0.1", node.tracker_port), source="127.0.5.1") as newcomer:
            newcomer.announce(fresh_hash(), 6881)
        status = node.status()
        self.assertGreater(status["evicted"]["records"], 0)
        self.assertTrue(any("memory for swarms and peers" in problem["text"] for problem in status["problems"]))
        self.assertLess(status["memory_bytes"], 16 * MIB)
        self.assertTrue(node.ready())
        self.assertGreater(node.metric("shoal_limit_hits_total", limit="memory"), 0)
        self.assertGreater(node.metric("shoal_store_evicted_records_total"), 0)


class AfterAFlood(ClusterCase):
    nodes = 1
    sync = "off"
    settings = {"limits": {"memory_mb": 24, **NO_RATES}, "node": {"workers": 1, "log_level": "info"},
                "tracker": {"interval_s": 20, "interval_jitter": 0, "interval_max_s": 20, "peer_timeout_s": 40}}

    def test_the_memory_goes_back_to_the_system(self):
        node = self.node(0)
        with UdpFlooder(("127.0.0.1", node.tracker_port), ["127.0.2.1"]) as flooder:
            # The first clients make the tables of fixed size, which stay.
            flooder.announce(10_000)
            before = resident_bytes(node)
            deadline = time.monotonic() + 25
            while resident_bytes(node) < before + 16 * MIB and time.monotonic() < deadline:
                flooder.announce(20_000)
        full = resident_bytes(node)
        self.assertGreater(full, before + 10 * MIB)
        wait_for(lambda: node.status()["swarms"] == 0, 90)
        wait_for(lambda: resident_bytes(node) <= before * 1.2 + 2 * MIB, 10,
                 f"the memory to go back: {before >> 20} MiB before, {full >> 20} MiB with the flood")


class OneNodeHasLessMemory(ClusterCase):
    """What it gives up is not sent to it again and again, and nobody pulls from it because it differs."""

    nodes = 2
    settings = {"tracker": {"peer_timeout_s": 180, "interval_s": 60, "interval_max_s": 120},
                "limits": NO_RATES}

    @classmethod
    def prepare(cls):
        cls.cluster.nodes[1].settings["limits"] = {"memory_mb": 1, **NO_RATES}

    def test_no_pulls_in_vain(self):
        more, less = self.node(0), self.node(1)
        with UdpFlooder(("127.0.0.1", more.tracker_port), ["127.0.2.1"]) as flooder:
            for _ in range(20):
                flooder.announce(4096)
                time.sleep(0.1)
        wait_for(lambda: less.metric("shoal_store_giving_up") == 1, 20)
        # Of newcomers a few may go before their second peer comes.
        hashes = pairs(more, 200)
        wait_for(lambda: kept(less, hashes) >= 190, 20, "the honest swarms to be on the smaller node")
        wait_for(lambda: more.status()["members"][0]["partial"], 10)
        # What was under way has come.
        time.sleep(3)
        pulls = [node.status()["pulls"]["pulls_started"] for node in (more, less)]
        compared = more.status()["pulls"]["digests_sent"]
        wait_for(lambda: more.status()["pulls"]["digests_sent"] >= compared + 4, 60)
        self.assertEqual([node.status()["pulls"]["pulls_started"] for node in (more, less)], pulls)
        self.assertGreater(more.status()["swarms"], 2 * less.status()["swarms"])
        self.assertGreaterEqual(kept(less, hashes), 190)
        self.assertTrue(any("short of memory" in problem["text"] for problem in more.status()["problems"]))
        # It starts again, and takes what matters of what it cannot hold.
        less.stop()
        less.start()
        wait_for(less.ready, 60, "the smaller node to be ready")
        self.assertGreaterEqual(kept(less, hashes), 195)
        self.assertGreater(more.status()["swarms"], 2 * less.status()["swarms"])
        time.sleep(3)
        pulls = less.status()["pulls"]
        wait_for(lambda: less.status()["pulls"]["digests_sent"] >= pulls["digests_sent"] + 4, 60)
        self.assertEqual(less.status()["pulls"]["pulls_started"], pulls["pulls_started"])


if __name__ == "__main__":
    unittest.main()
