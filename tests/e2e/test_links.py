"""Links that lose and links that are cut, between real processes: every node ends up with every peer. Once on real links
between network namespaces, where root is to be had, and once through a relay, which everybody may run."""

import time
import unittest

import link_cluster
from announcer import Announcer, numbered_peer
from link_cluster import LinkCluster, peers_known
from relay_cluster import RelayCluster
from wait import wait_for


class LinkCase(unittest.TestCase):
    """Each test has a cluster of its own."""

    make_cluster = LinkCluster
    cluster = None

    def setUp(self):
        if self.make_cluster is LinkCluster and not link_cluster.available():
            self.skipTest("network namespaces and nft need root")
        self.cluster = self.make_cluster()
        self.addCleanup(self.cluster.stop)
        self.cluster.start()
        here = self.cluster.client()
        here.__enter__()
        self.addCleanup(here.__exit__, None, None, None)
        self.nodes = self.cluster.nodes
        self.targets = self.cluster.targets()

    def announce(self, count, rate=2000, targets=None, first=0):
        """Peers first to first + count, each to one of the targets."""
        with Announcer(targets or self.targets, rate, peer=lambda i: numbered_peer(first + i), limit=count) as load:
            load.wait(count / rate + 30)
        self.assertEqual(load.unanswered, [])

    def assert_all_known(self, count, within_s):
        def known():
            counts = [peers_known(node) for node in self.nodes]
            if counts != [count] * len(counts):
                raise AssertionError(f"peers known: {counts}, should be {count}")
            return True
        wait_for(known, within_s, "every node to know every peer", interval_s=0.1)


class Loss(LinkCase):
    def test_20_percent(self):
        self.lossy(20, 15)

    def test_40_percent(self):
        self.lossy(40, 30)

    def lossy(self, percent, within_s):
        self.cluster.lose(percent)
        self.announce(10_000)
        self.assert_all_known(10_000, within_s)
        for node in self.nodes:
            self.assertTrue(node.ready())
        # A node that goes is heard to go, and what it was told last is not lost with it.
        self.announce(500, rate=5000, targets=self.targets[:1], first=10_000)
        start = time.monotonic()
        self.assertEqual(self.nodes[0].stop(), 0)
        self.assertLess(time.monotonic() - start, 5)
        self.nodes = self.nodes[1:]
        self.assert_all_known(10_500, 15)


class LossByRelay(Loss):
    make_cluster = RelayCluster


class Cut(LinkCase):
    def test_cut_that_heals(self):
        a, b = self.nodes[:2]
        self.announce(1000)
        self.assert_all_known(1000, 10)
        self.cluster.cut(0)
        wait_for(lambda: a.members_alive() == 0 and b.members_alive() == 1, 60)
        # Each side goes on, and both are left alone with what the other learns.
        self.announce(2000, targets=self.targets[:1], first=1000)
        self.announce(2000, targets=self.targets[1:], first=3000)
        wait_for(lambda: [peers_known(node) for node in self.nodes] == [3000, 3000, 3000], 10)
        for node in self.nodes:
            self.assertTrue(node.ready(), "a node that is cut off serves what it has")
        self.cluster.heal()
        self.assert_all_known(5000, 30)
        for node in self.nodes:
            wait_for(lambda n=node: n.members_alive() == 2, 20)

    def test_one_way_cut(self):
        self.cluster.cut_one_way(0, 1)
        self.announce(2000)
        wait_for(lambda: self.nodes[1].members_alive() == 1 and self.nodes[0].members_alive() == 2, 60,
                 "the deaf node alone to take the other for gone")
        self.cluster.heal()
        self.assert_all_known(2000, 30)


class CutByRelay(Cut):
    make_cluster = RelayCluster
