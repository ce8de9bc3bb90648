"""Nodes that die and nodes that restart: the others have every peer, and so do they once they are ready."""

from announcer import Announcer, numbered_peer
from link_cluster import peers_known
from nodes import ClusterCase
from rolling_restart import RollingRestart
from wait import wait_for


class Killed(ClusterCase):
    def announce(self, number, count, first=0):
        target = ("127.0.0.1", self.node(number).tracker_port)
        with Announcer([target], 2000, peer=lambda i: numbered_peer(first + i), limit=count) as load:
            load.wait(60)
        self.assertEqual(load.unanswered, [])

    def test_the_others_serve_its_peers_and_give_them_back(self):
        a, b, c = self.cluster.nodes
        self.announce(2, 3000)
        # Nobody else can know what was announced to it in its last moments.
        wait_for(lambda: peers_known(a) == peers_known(b) == 3000, 10)
        c.process.kill()
        c.process.wait()
        self.assertEqual([peers_known(a), peers_known(b)], [3000, 3000])
        self.announce(1, 1000, first=3000)
        wait_for(lambda: peers_known(a) == 4000, 10)
        wait_for(lambda: a.members_alive() == b.members_alive() == 1, 20)
        self.assertEqual([peers_known(a), peers_known(b)], [4000, 4000])
        c.start()
        wait_for(c.ready, 30)
        self.assertEqual(peers_known(c), 4000)


class Rolling(ClusterCase):
    settings = {"node": {"drain_s": 1}}

    def test_no_peer_is_missing_and_no_announce_unanswered(self):
        targets = [("127.0.0.1", node.tracker_port) for node in self.cluster.nodes]
        restart = RollingRestart(self.cluster.nodes, targets, base=2000, rate=300)
        restart.run(drain_s=1)
        self.assertEqual(restart.worst_missing(), 0, f"{restart.checks} {restart.ends}")
        self.assertEqual(restart.load.unanswered, [])
        self.assertGreater(restart.load.answered, 1000)
