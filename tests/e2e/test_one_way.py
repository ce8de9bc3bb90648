"""Links that pass one way, a blocked TCP port, NAT mappings that one side does not have, and interfaces that come back:
real nodes in network namespaces. Needs root."""

import unittest

import link_cluster
from announcer import Announcer, numbered_peer
from link_cluster import SYNC, LinkCluster, peers_known
from nat_pair import NatPair
from wait import wait_for


class OneWayCase(unittest.TestCase):
    cluster = None

    def start(self, nodes, settings=None, wait=True):
        if not link_cluster.available():
            self.skipTest("network namespaces and nft need root")
        self.cluster = LinkCluster(nodes=nodes, settings=settings)
        self.addCleanup(self.cluster.stop)
        here = self.cluster.client()
        here.__enter__()
        self.addCleanup(here.__exit__, None, None, None)
        if wait:
            self.cluster.start()
        return self.cluster.nodes

    def announce(self, number, first, count=200):
        with Announcer([self.cluster.targets()[number]], 500, peer=lambda i: numbered_peer(first + i), limit=count) as load:
            load.wait(30)
        self.assertEqual(load.unanswered, [])

    @staticmethod
    def member(node, name):
        return next(member for member in node.status()["members"] if member["name"] == name)

    @staticmethod
    def problems(node):
        return "\n".join(problem["text"] for problem in node.status()["problems"])

    def wait_state(self, node, name, state, timeout_s=20):
        wait_for(lambda: self.member(node, name)["state"] == state, timeout_s, f"node {node.name} to say that {name} is {state}")

    def wait_known(self, node, count, timeout_s):
        wait_for(lambda: peers_known(node) == count, timeout_s, f"node {node.name} to know {count} peers")


class OneWay(OneWayCase):
    # Ticks of 2 s: digests compare what is two ticks old.
    settings = {"tracker": {"peer_timeout_s": 360, "interval_s": 240}}

    def test_two_nodes_exchange_by_the_way_that_passes_and_by_tcp(self):
        a, b = self.start(2, self.settings)
        self.cluster.drop_datagrams(0, 1)
        self.wait_state(a, "b", "one_way")
        self.wait_state(b, "a", "down")
        wait_for(lambda: self.member(b, "a")["answers_pulls"], 40, "b to pull from a")
        self.announce(1, 0)
        self.wait_known(a, 200, 5)
        self.announce(0, 200)
        self.wait_known(b, 400, 25)
        self.assertIn("is heard, but does not hear this node", self.problems(a))
        self.assertIn("none of its datagrams arrives", self.problems(b))
        self.assertEqual(a.metric("shoal_sync_member_state", member="b", state="one_way"), 1)
        self.assertEqual(a.metric("shoal_sync_member_up", member="b"), 0)
        self.assertIn("member is heard, but does not hear this node", a.log_text())
        self.cluster.heal()
        self.wait_state(a, "b", "alive", 60)
        self.wait_state(b, "a", "alive", 60)

    def test_a_third_node_carries_what_does_not_pass(self):
        a, b, c = self.start(3, self.settings)
        self.cluster.cut_one_way(0, 1)
        self.wait_state(a, "b", "one_way")
        wait_for(lambda: self.member(b, "a")["heard_by"] == ["c"], 20, "b to say that c hears a")
        self.announce(0, 0)
        self.wait_known(c, 200, 5)
        self.wait_known(b, 200, 30)
        self.announce(1, 200)
        self.wait_known(a, 400, 5)
        self.assertIn("changes go by c", self.problems(a))
        self.assertIn("is not heard by this node", self.problems(b))


class BlockedTcp(OneWayCase):
    def test_a_node_that_starts_says_that_tcp_is_blocked(self):
        a, b = self.start(2, wait=False)
        a.settings["node"]["ready_alone"] = "always"
        a.start()
        wait_for(a.ready, 30, "the first node to be ready")
        self.announce(0, 0)
        self.cluster.block_tcp(0)
        b.start()
        wait_for(lambda: "TCP to a (10.88.0.1:6970) fails: " in b.get("/readyz")[1], 20, "/readyz to say why it is not ready")
        self.assertFalse(b.ready())
        self.assertIn("a (10.88.0.1:6970) cannot be pulled from, TCP to its sync.listen fails: ", self.problems(b))
        wait_for(lambda: b.metric("shoal_sync_pulls_total", result="unconnected") > 0, 10)
        self.assertEqual(b.metric("shoal_sync_pulls_total", result="refused"), 0)
        self.assertEqual(b.metric("shoal_sync_member_pull_blocked", member="a"), 1)
        self.assertIn("member a cannot be pulled from: TCP to its sync.listen fails", b.log_text())
        self.cluster.heal()
        wait_for(b.ready, 30, "the node to be ready once TCP passes")
        self.assertEqual(peers_known(b), 200)
        self.assertEqual(b.metric("shoal_sync_member_pull_blocked", member="a"), 0)


class Nat(unittest.TestCase):
    def test_a_dnat_rule_that_comes_after_the_first_packet(self):
        """a has sent to the router before it had the rule: conntrack keeps that flow, so nothing reaches b at the
        address that it advertises."""
        if not link_cluster.available():
            self.skipTest("network namespaces and nft need root")
        with NatPair() as pair:
            a, b = pair.nodes
            with pair.inside_a():
                a.start()
                wait_for(lambda: a.status()["sync"]["datagrams_sent"] > 4, 20, "a to send to the router")
            pair.translate()
            with pair.inside_b():
                b.start()
            with pair.inside_a():
                wait_for(lambda: a.members_alive() == 1, 60, "a to meet b both ways")
            with pair.inside_b():
                wait_for(lambda: b.members_alive() == 1, 60, "b to meet a both ways")


class Replugged(OneWayCase):
    def test_a_group_is_joined_again_when_its_interface_comes_back(self):
        a, b = self.start(2, {"sync": {"multicast": [f"239.88.1.2:{SYNC + 1}%eth0"], "peers": []}})
        wait_for(lambda: self.member(a, "b")["multicast"] and self.member(b, "a")["multicast"], 20, "each to hear the group")
        self.cluster.unplug(1)
        wait_for(lambda: "a multicast group is not heard" in b.log_text(), 20, "b to miss its interface")
        self.cluster.plug(1)
        wait_for(lambda: "joined a multicast group again" in b.log_text(), 20, "b to join again")
        wait_for(lambda: self.member(a, "b")["multicast"] and self.member(a, "b")["state"] == "alive", 30,
                 "a to know that b hears the group")
        self.assertEqual(b.log_text().count("a multicast group is not heard"), 1)
