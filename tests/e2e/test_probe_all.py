"""shoal probe --all: whether many addresses behave as one tracker."""

import json
import os
import random
import unittest

from cluster import Cluster, at, free_port
from nodes import ClusterCase, shoal
from wait import wait_for


def probe(*arguments):
    return shoal("probe", "--all", *arguments, timeout_s=60)


class ProbeAll(unittest.TestCase):
    """Three nodes on their own addresses with the same port, as in a real cluster; and a stranger."""

    @classmethod
    def setUpClass(cls):
        net = random.randrange(1, 250)
        hosts = [f"127.0.{net}.{number}" for number in (1, 2, 3, 4)]
        port, sync_port = free_port(hosts), free_port(hosts)
        cls.addresses = [at(host, port) for host in hosts]
        cls.cluster = Cluster(nodes=3)
        cls.stranger = Cluster(nodes=1)
        nodes = cls.cluster.nodes + cls.stranger.nodes
        for number, (node, address) in enumerate(zip(nodes, cls.addresses)):
            node.settings["tracker"].update(udp=[address], http=[address])
            node.settings["sync"]["listen"] = at(hosts[number], sync_port)
            node.settings["sync"]["peers"] = [at(hosts[0], sync_port)] if number in (1, 2) else []
        for cluster in (cls.cluster, cls.stranger):
            cls.addClassCleanup(cluster.stop)
            cluster.start()

    def test_a_cluster_is_one_tracker(self):
        run = probe(*self.addresses[:3], "--json")
        self.assertEqual((run.returncode, run.stderr), (0, ""), run.stdout)
        told = json.loads(run.stdout)
        self.assertTrue(told["ok"])
        self.assertEqual([one["address"] for one in told["addresses"]], self.addresses[:3])
        for one in told["addresses"]:
            self.assertTrue(one["udp"]["ok"] and one["http"]["ok"], one)
            self.assertEqual((one["announced"], one["seen"], one["unseen"]), (3, 3, []))
        self.assertEqual([one["shares_connection_id"] for one in told["addresses"]], [None, True, True])

    def test_the_members_that_a_node_knows(self):
        run = probe(self.addresses[0], "--admin", self.cluster.nodes[0].admin)
        self.assertEqual((run.returncode, run.stderr), (0, ""), run.stdout)
        rows = {line.split()[0]: line for line in run.stdout.splitlines()}
        self.assertEqual(set(rows), {"ADDRESS", *self.addresses[:3]})
        self.assertRegex(rows[self.addresses[1]], r" b +[\d.]+ ms +[\d.]+ ms +3 of 3 +\d+ ms +shared$")

    def test_a_swarm_that_is_given(self):
        swarm = os.urandom(20).hex()
        run = probe(*self.addresses[:3], "--hash", swarm, "--json")
        self.assertEqual(run.returncode, 0, run.stdout)
        self.assertEqual([one["seen"] for one in json.loads(run.stdout)["addresses"]], [3, 3, 3])

    def test_no_peer_stays(self):
        swarm = os.urandom(20).hex()
        self.assertEqual(probe(self.addresses[0], "--hash", swarm).returncode, 0)
        told = json.loads(self.cluster.nodes[0].get(f"/v1/swarms/{swarm}")[1])
        self.assertEqual((told["seeders"], told["leechers"], told["ipv4"]["stopped"]), (0, 0, 1))

    def test_a_stranger_is_no_part_of_it(self):
        run = probe(self.addresses[0], self.addresses[3], "--agree-ms", "500", "--json")
        self.assertEqual(run.returncode, 1)
        a, stranger = json.loads(run.stdout)["addresses"]
        self.assertTrue(stranger["udp"]["ok"] and stranger["http"]["ok"])
        self.assertEqual((a["seen"], a["unseen"]), (1, [self.addresses[3]]))
        self.assertEqual((stranger["seen"], stranger["unseen"]), (1, [self.addresses[0]]))
        self.assertIs(stranger["shares_connection_id"], False)
        shown = probe(self.addresses[0], self.addresses[3], "--agree-ms", "200").stdout
        self.assertIn(f"{self.addresses[0]}: does not know what was announced to {self.addresses[3]}", shown)
        self.assertIn("NOT SHARED", shown)

    def test_an_address_that_does_not_answer(self):
        nobody = at("127.0.0.1", free_port())
        run = probe(self.addresses[0], self.addresses[1], nobody, "--timeout-ms", "300", "--json")
        self.assertEqual(run.returncode, 1)
        told = json.loads(run.stdout)["addresses"]
        self.assertEqual([one["ok"] for one in told], [True, True, False])
        self.assertEqual([one["announced"] for one in told], [2, 2, 0])
        self.assertIn("refused", told[2]["http"]["error"])

    def test_one_protocol(self):
        run = probe(*self.addresses[:2], "--protocol", "http", "--json")
        self.assertEqual(run.returncode, 0, run.stdout)
        for one in json.loads(run.stdout)["addresses"]:
            self.assertIsNone(one["udp"])
            self.assertEqual(one["seen"], 2)


class ProbeAllNames(ClusterCase):
    nodes = 1

    def test_every_address_of_a_name(self):
        run = probe(f"localhost:{self.node(0).tracker_port}", "--json")
        found = {one["address"] for one in json.loads(run.stdout)["addresses"]}
        self.assertIn(f"127.0.0.1:{self.node(0).tracker_port}", found)
        self.assertEqual(run.returncode, 0, run.stdout)

    def test_mistakes(self):
        for arguments, code, text in [
                ((), 2, "at least one name or --admin is needed"),
                (("a b",), 1, "NAME or NAME:PORT"),
                (("127.0.0.1:1", "--hash", "12"), 1, "40 hexadecimal digits"),
                (("name.invalid",), 1, "name.invalid:6969: "),
                (("127.0.0.1:1", "--admin", "127.0.0.1:1"), 1, "127.0.0.1:1: Connection refused"),
                (("--admin", self.node(0).admin), 1, "no address to ask"),
                (("127.0.0.1:1", "--protocol", "tcp"), 2, "tcp")]:
            run = probe(*arguments)
            self.assertEqual(run.returncode, code, arguments)
            self.assertIn(text, run.stderr)
        self.assertEqual(shoal("probe", "a", "b").returncode, 2)


class AllowList(ClusterCase):
    nodes = 1
    sync = "off"
    settings = {"access": {"mode": "allow"}}

    def test_a_random_hash_is_refused_and_the_hint_says_why(self):
        hint = "the info_hash was random: a tracker that serves only the swarms on its list needs --hash"
        address = f"127.0.0.1:{self.node(0).tracker_port}"
        urls = (f"udp://{address}", f"http://{address}/announce")
        for arguments in (["--all", address], *([url] for url in urls)):
            with self.subTest(arguments):
                run = shoal("probe", *arguments)
                self.assertEqual(run.returncode, 1)
                self.assertIn(f"\nshoal: {hint}", run.stderr)
                self.assertIn(hint, json.loads(shoal("probe", *arguments, "--json").stdout)["hint"])
        swarm = os.urandom(20).hex()
        self.assertNotIn(hint, shoal("probe", "--all", address, "--hash", swarm).stderr)
        self.assertEqual(shoal("access", "add", swarm, "--admin", self.node(0).admin).returncode, 0)

        def served():  # from a moment after the change on
            run = shoal("probe", "--all", address, "--hash", swarm)
            self.assertEqual((run.returncode, run.stderr), (0, ""), run.stdout)
            return True

        wait_for(served, 5, "the added swarm to be served")
        # A tracker that does not answer does not need a hash.
        self.assertNotIn(hint, shoal("probe", "--all", "127.0.0.1:1", "--timeout-ms", "50", "--agree-ms", "1").stderr)
