"""Lossy and cut links between real processes: every node ends up with every peer. Once on real links between network
namespaces, which needs root, and once through a relay, which needs nothing."""

import contextlib
import socket
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
    settings = None
    cluster = None

    def setUp(self):
        if self.make_cluster is LinkCluster and not link_cluster.available():
            self.skipTest("network namespaces and nft need root")
        self.cluster = self.make_cluster(settings=self.settings)
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

    def wait_down(self, node, *names):
        """Waits until that node counts exactly these as down; from then on it sends them nothing."""
        wait_for(lambda: {m["name"] for m in node.status()["members"] if m["state"] == "down"} == set(names), 30,
                 f"node {node.name} to take {names} for gone", interval_s=0.1)


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
        # The others hear a node leave, and its last deltas are not lost.
        self.announce(500, rate=5000, targets=self.targets[:1], first=10_000)
        start = time.monotonic()
        self.assertEqual(self.nodes[0].stop(), 0)
        self.assertLess(time.monotonic() - start, 5)
        self.nodes = self.nodes[1:]
        self.assert_all_known(10_500, 15)


class LossByRelay(Loss):
    make_cluster = RelayCluster


class Cut(LinkCase):
    # Ticks of 5 s: digests cover ticks that ended at least one tick ago.
    settings = {"tracker": {"peer_timeout_s": 900, "interval_s": 600}}

    def test_cut_that_heals(self):
        a, b, c = self.nodes
        self.announce(1000)
        self.assert_all_known(1000, 10)
        self.cluster.cut(0)
        self.wait_down(a, "b", "c")
        self.wait_down(b, "a")
        self.wait_down(c, "a")
        # Both sides go on, and neither hears what the other learns. Nobody keeps it for resending: after the heal only
        # the digests show the difference.
        self.announce(2000, targets=self.targets[:1], first=1000)
        self.announce(2000, targets=self.targets[1:], first=3000)
        wait_for(lambda: [peers_known(node) for node in self.nodes] == [3000, 3000, 3000], 10)
        for node in self.nodes:
            self.assertTrue(node.ready(), "a node that is cut off must serve what it has")
        self.cluster.heal()
        self.assert_all_known(5000, 30)
        for node in self.nodes:
            wait_for(lambda n=node: n.members_alive() == 2, 20)

    def test_one_way_cut(self):
        self.cluster.cut_one_way(0, 1)
        self.announce(2000)
        wait_for(lambda: self.nodes[1].members_alive() == 1 and self.nodes[0].members_alive() == 1, 60,
                 "the deaf node to count the other as down, and that one to know it is not heard")
        self.assertEqual([m["state"] for m in self.nodes[0].status()["members"] if m["name"] == "b"], ["one_way"])
        self.cluster.heal()
        self.assert_all_known(2000, 30)


class CutByRelay(Cut):
    make_cluster = RelayCluster


class Late(LinkCase):
    def test_late_node_gets_everything(self):
        self.nodes[2].stop()
        self.announce(5000, targets=self.targets[:2])
        self.nodes[2].start()
        self.cluster.wait_ready(self.nodes[2])
        self.assertEqual(peers_known(self.nodes[2]), 5000)


class LateByRelay(Late):
    make_cluster = RelayCluster

    def test_a_request_played_again_gets_nothing(self):
        self.announce(500)
        self.assert_all_known(500, 10)
        c = self.nodes[2]
        c.stop()
        self.cluster.relay.requests.clear()
        c.start()
        self.cluster.wait_ready(c)
        request = self.cluster.relay.requests[0]
        for node, address in zip(self.nodes, self.cluster.relay.nodes):
            before = node.status()["pulls"]["dropped_requests"]
            with socket.create_connection(address, timeout=5) as stranger:
                stranger.sendall(request)
                # Not a byte, and what was sent after the request is no reason to keep the connection: it may be reset.
                with contextlib.suppress(ConnectionResetError):
                    self.assertEqual(stranger.recv(100), b"")
            self.assertEqual(node.status()["pulls"]["dropped_requests"], before + 1)
