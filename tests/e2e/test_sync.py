"""The sync channel against strangers: no key, another key, another cluster, forged and replayed datagrams."""

import os
import socket
import subprocess
import tempfile
import time

from cluster import SHOAL, Cluster, at, free_port
from nodes import ClusterCase, fresh_hash
from udp_client import UdpClient
from wait import wait_for

HEADER_BYTES = 36


def sync_address(node):
    host, port = node.settings["sync"]["listen"].rsplit(":", 1)
    return host, int(port)


class SyncStrangers(ClusterCase):
    nodes = 2

    def stranger(self, **sync):
        """A node that names ours as its peer; `sync` overrides its settings."""
        other = Cluster(nodes=1, settings={"node": {"name": "stranger"}, "sync": {
            "peers": [self.node(0).settings["sync"]["listen"]], **sync}})
        node = other.nodes[0]
        node.start()
        self.addCleanup(other.stop)
        # It waits 15 s for the peers it names.
        wait_for(lambda: node.ready() or node.status()["node"]["alone"], 25, "the stranger to have started")
        return node

    def dropped(self):
        return sum(node.metric("shoal_sync_dropped_total") for node in self.cluster.nodes)

    def assert_strange(self, stranger):
        """The stranger was heard and dropped, is no member, knows that it is alone, and shares no peers."""
        self.assertFalse(stranger.ready())
        self.assertIn(stranger.settings["sync"]["listen"],
                      [one["address"] for one in self.node(0).status()["strangers"]])
        wait_for(lambda: self.dropped() > 0, 10, "datagrams of the stranger to be dropped")
        info_hash = fresh_hash()
        with UdpClient(("127.0.0.1", stranger.tracker_port)) as client:
            client.announce(info_hash, 1000)
        ours = fresh_hash()
        self.client(0).announce(ours, 1000)
        # By the time our peer has reached the other node, the stranger's could have too.
        wait_for(lambda: self.client(1).scrape(ours) == [(0, 0, 1)], 5)
        for node in self.cluster.nodes:
            self.assertNotIn("stranger", [m["name"] for m in node.status()["members"] if m["state"] == "alive"])
        self.assertEqual(self.client(1).scrape(info_hash), [(0, 0, 0)])
        with UdpClient(("127.0.0.1", stranger.tracker_port)) as client:
            self.assertEqual(client.scrape(ours), [(0, 0, 0)])
        for node in self.cluster.nodes:
            self.assertEqual(node.members_alive(), 1)

    def test_another_key(self):
        self.assert_strange(self.stranger())

    def test_another_cluster_with_our_key(self):
        self.assert_strange(self.stranger(cluster="other", key_files=[self.cluster.key]))

    def test_no_key_but_insecure(self):
        stranger = self.stranger(key_files=[], insecure=True)
        self.assert_strange(stranger)
        self.assertIn("anyone can make up connection ids", stranger.log_text())

    def test_our_key_joins(self):
        """The control: the same with the right key."""
        node = self.stranger(key_files=[self.cluster.key])
        wait_for(lambda: node.members_alive() == 2, 10)
        info_hash = fresh_hash()
        self.client(1).announce(info_hash, 1000)
        with UdpClient(("127.0.0.1", node.tracker_port)) as client:
            wait_for(lambda: client.scrape(info_hash) == [(0, 0, 1)], 5)
        node.stop()
        wait_for(lambda: self.node(0).members_alive() == 1, 20, "the node that left to be gone")


class SyncGarbage(ClusterCase):
    nodes = 2

    @classmethod
    def prepare(cls):
        """A relay between the two nodes records real datagrams."""
        cls.relay = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        cls.relay.bind(("127.0.0.1", free_port()))
        cls.relay.settimeout(5)
        # Node b takes the relay for a third node, so it sends its datagrams there too.
        cls.cluster.nodes[1].settings["sync"]["peers"].append(at(*cls.relay.getsockname()))

    @classmethod
    def tearDownClass(cls):
        cls.relay.close()
        super().tearDownClass()

    def dropped(self, reason):
        return self.node(0).metric("shoal_sync_dropped_total", reason=reason)

    def send(self, data):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(data, sync_address(self.node(0)))

    def captured(self):
        data, _ = self.relay.recvfrom(65536)
        self.assertEqual(data[:3], b"shl")
        return data

    def assert_unharmed(self):
        info_hash = fresh_hash()
        self.client(1).announce(info_hash, 1000)
        wait_for(lambda: self.client(0).scrape(info_hash) == [(0, 0, 1)], 5)
        self.assertEqual(self.node(0).members_alive(), 1)

    def test_garbage(self):
        before = self.dropped("malformed") + self.dropped("foreign")
        for length in (1, 2, 35, 36, 52, 100, 1200, 1201, 9000, 65507):
            self.send(os.urandom(length))
        wait_for(lambda: self.dropped("malformed") + self.dropped("foreign") >= before + 10, 5)
        self.assert_unharmed()

    def test_truncated_at_every_length(self):
        real = self.captured()
        reasons = ("malformed", "unauthentic", "replayed")
        before = sum(self.dropped(reason) for reason in reasons)
        for length in range(1, len(real)):
            self.send(real[:length])
        wait_for(lambda: sum(self.dropped(reason) for reason in reasons) >= before + len(real) - 1, 5)
        self.assert_unharmed()

    def test_forged(self):
        """A real datagram with any one byte changed."""
        real = self.captured()
        before = self.node(0).metric("shoal_sync_dropped_total")
        for place in range(len(real)):
            self.send(real[:place] + bytes([real[place] ^ 0x80]) + real[place + 1 :])
        wait_for(lambda: self.node(0).metric("shoal_sync_dropped_total") >= before + len(real), 5)
        self.assertGreater(self.dropped("unauthentic"), 0)
        self.assert_unharmed()

    def test_replayed(self):
        real = self.captured()
        before = self.dropped("replayed")
        for _ in range(100):
            self.send(real)
        # Only the first may be news to node a.
        wait_for(lambda: self.dropped("replayed") >= before + 99, 5)
        self.assert_unharmed()

    def test_nothing_unauthentic_is_answered(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.settimeout(0.3)
            for data in (os.urandom(100), b"shl\x01" + os.urandom(200), self.captured()[:-1] + b"\0"):
                sender.sendto(data, sync_address(self.node(0)))
            with self.assertRaises(TimeoutError):
                sender.recvfrom(65536)
        self.assert_unharmed()


class SyncRestart(ClusterCase):
    nodes = 3

    def test_a_restarted_node_is_the_same_member(self):
        node = self.node(1)
        before = node.status()["node"]
        node.stop()
        wait_for(lambda: self.node(0).members_alive() == 1, 20, "the stopped node to be gone")
        node.start()
        wait_for(lambda: self.node(0).members_alive() == 2 and self.node(2).members_alive() == 2, 20)
        after = node.status()["node"]
        self.assertEqual(before["id"], after["id"])
        self.assertGreater(int(after["incarnation"], 16), int(before["incarnation"], 16))
        info_hash = fresh_hash()
        self.client(1).announce(info_hash, 1000)
        wait_for(lambda: self.client(2).scrape(info_hash) == [(0, 0, 1)], 5)

    def test_peers_outlive_the_node_they_announced_to(self):
        info_hash = fresh_hash()
        self.client(2).announce(info_hash, 1000)
        wait_for(lambda: self.client(0).scrape(info_hash) == [(0, 0, 1)], 5)
        self.node(2).process.kill()
        self.node(2).process.wait()
        wait_for(lambda: self.node(0).members_alive() < 2, 30, "the killed node to be missed")
        self.assertEqual(self.client(0).scrape(info_hash), [(0, 0, 1)])
        self.node(2).start()
        wait_for(lambda: self.node(0).members_alive() == 2, 20)


class SyncWithoutKey(ClusterCase):
    nodes = 1

    def test_refuses_to_start(self):
        with tempfile.TemporaryDirectory() as folder:
            for extra in ((), ("--sync.key_files", os.path.join(folder, "missing.key"))):
                with self.subTest(extra):
                    start = time.monotonic()
                    run = subprocess.run(
                        [SHOAL, "node", "--sync.listen", at("127.0.0.1", free_port()), "--tracker.udp",
                         at("127.0.0.1", free_port()), "--tracker.http", "", "--admin.listen", "", *extra],
                        check=False, capture_output=True, text=True, timeout=10)
                    self.assertEqual(run.returncode, 1)
                    self.assertIn("key", run.stderr)
                    self.assertLess(time.monotonic() - start, 5)
