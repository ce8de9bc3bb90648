"""Links that lose and links that are cut, between real processes in network namespaces: every node ends up with
every peer."""

import unittest

import link_cluster
from announcer import Announcer, numbered_peer
from link_cluster import LinkCluster, peers_known
from wait import wait_for


@unittest.skipUnless(link_cluster.available(), "needs root, iproute2 and nftables")
class LinkCase(unittest.TestCase):
    def setUp(self):
        self.cluster = LinkCluster()
        self.addCleanup(self.cluster.stop)
        self.cluster.start()
        here = self.cluster.client()
        here.__enter__()
        self.addCleanup(here.__exit__, None, None, None)
        self.nodes = self.cluster.nodes
        self.targets = [(self.cluster.address(number), link_cluster.TRACKER) for number in range(3)]

    def announce(self, count, rate=2000, targets=None, first=0):
        """Peers first to first + count, each to one of the targets."""
        with Announcer(targets or self.targets, rate, peer=lambda i: numbered_peer(first + i), limit=count) as load:
            load.wait(count / rate + 30)
        self.assertEqual(load.unanswered, [])

    def assert_all_known(self, count, within_s):
        def known():
            counts = [peers_known(node) for node in self.nodes]
            if counts != [count] * 3:
                raise AssertionError(f"peers known: {counts}, should be {count}")
            return True
        wait_for(known, within_s, "every node to know every peer", interval_s=0.1)


class Loss(LinkCase):
    def test_5_percent(self):
        self.lossy(5, 10)

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


class Cut(LinkCase):
    def test_cut_that_heals(self):
        self.announce(1000)
        self.assert_all_known(1000, 10)
        self.cluster.cut(0)
        wait_for(lambda: self.nodes[0].members_alive() == 0 and self.nodes[1].members_alive() == 1, 60)
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
