"""A node that starts pulls everything from another, and reports its progress."""

import os
import unittest

from announcer import Announcer, numbered_peer
from cluster import Cluster
from link_cluster import peers_known
from wait import wait_for


class Bootstrap(unittest.TestCase):
    cluster = None

    def start(self, settings=None):
        self.cluster = Cluster(hosts=("127.0.0.1",), settings=settings)
        self.addCleanup(self.cluster.stop)
        self.cluster.start()
        return self.cluster.nodes

    def announce(self, nodes, count, first=0):
        targets = [("127.0.0.1", node.tracker_port) for node in nodes]
        with Announcer(targets, 5000, peer=lambda i: numbered_peer(first + i), limit=count) as load:
            load.wait(60)
        self.assertEqual(load.unanswered, [])
        for node in nodes:
            wait_for(lambda n=node: peers_known(n) == first + count, 20, f"node {node.name} to know all peers")

    def test_says_what_it_does_and_survives_its_donor(self):
        """Slow enough to watch: about two seconds."""
        a, b, c = self.start({"sync": {"donate_mbit_s": 1}})
        c.stop()
        self.announce([a, b], 20_000)
        c.start()

        def reason():
            return c.status()["node"]["reason"]

        said = wait_for(lambda: reason() if "bootstrapping from" in reason() else None, 20)
        code, text = c.get("/readyz")
        if code != 200:
            self.assertIn("not ready: ", text)
        donor, other = (a, b) if said.startswith("bootstrapping from a (") else (b, a)
        self.assertRegex(said, rf"^bootstrapping from {donor.name} \(\d+ %\)$")
        donor.process.kill()
        donor.process.wait()
        wait_for(c.ready, 60)
        self.assertEqual(peers_known(c), peers_known(other))

    def test_after_a_snapshot(self):
        a, b, c = self.start()
        c.settings["node"]["snapshot"] = os.path.join(self.cluster.folder, "c.snapshot")
        c.stop()
        c.start()
        wait_for(c.ready, 20)
        self.announce([a, b, c], 3000)
        c.stop()
        self.announce([a, b], 1000, first=3000)
        c.start()
        wait_for(c.ready, 20)
        self.assertEqual(peers_known(c), 4000)
        self.assertEqual(c.metric("shoal_snapshot_refused"), 0)
        self.assertEqual(c.status()["snapshot"]["loaded"], 3000)
