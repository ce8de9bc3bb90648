"""A cluster upgraded one node at a time to a build that reports a higher minor version of the sync protocol:

  cmake --preset dev -B build/next -DSHOAL_SYNC_MINOR=200 && cmake --build build/next --target shoal
  SHOAL_NEXT=$PWD/build/next/shoal tests/e2e/run.py test_upgrade
"""

import os
import unittest

from nodes import ClusterCase, fresh_hash
from wait import wait_for

NEXT = os.environ.get("SHOAL_NEXT", "")
PEERS = 60


@unittest.skipUnless(NEXT, "SHOAL_NEXT names no build of a higher minor version")
class Upgrade(ClusterCase):
    settings = {"node": {"drain_s": 1}}

    def minors(self, number):
        """The minor versions that a node reports of the others, by name."""
        return {m["name"]: int(m["protocol"].split(".")[1]) for m in self.node(number).status()["members"]
                if m["state"] == "alive"}

    def announce_everywhere(self):
        """Announces peers to every node and waits until every other one knows them; returns the info_hashes."""
        hashes = [fresh_hash() for _ in self.cluster.nodes]
        for number, info_hash in enumerate(hashes):
            client = self.client(number)
            for port in range(1, PEERS + 1):
                client.announce(info_hash, port)
        self.all_are_known(hashes)
        return hashes

    def all_are_known(self, hashes):
        for number in range(len(self.cluster.nodes)):
            for info_hash in hashes:
                wait_for(lambda n=number, h=info_hash: self.client(n).scrape(h) in ([(0, 0, PEERS)], {h: (0, 0, PEERS)}), 10,
                         "all peers to be known")

    def test_one_at_a_time_and_one_back(self):
        hashes = self.announce_everywhere()
        old = self.node(0).program
        for number, program in ((0, NEXT), (1, NEXT), (2, NEXT), (1, old)):
            node = self.node(number)
            self.assertEqual(node.stop(), 0)
            node.program = program
            node.start()
            wait_for(node.ready, 20)
            for each in self.cluster.nodes:
                wait_for(lambda n=each: n.members_alive() == 2, 20)
            # It pulled everything from nodes of the other version, and they hear each other.
            self.all_are_known(hashes)
            hashes += self.announce_everywhere()
            for each in self.cluster.nodes:
                self.assertEqual([m["refused"] for m in each.status()["members"] if m["state"] == "alive"], ["", ""])
                for reason in ("malformed", "foreign"):
                    self.assertEqual(each.metric("shoal_sync_dropped_total", reason=reason), 0)
        self.assertEqual(set(self.minors(0).values()), {2, 200})
