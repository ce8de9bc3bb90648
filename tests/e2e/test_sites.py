"""Nodes at two sites: a change crosses once and is passed on there; another node does it when that one is gone."""

from nodes import ClusterCase, fresh_hash
from wait import wait_for


class Sites(ClusterCase):
    nodes = 5

    @classmethod
    def prepare(cls):
        for number, node in enumerate(cls.cluster.nodes):
            node.settings["sync"]["site"] = "fra" if number < 2 else "nyc"

    def forwarder(self):
        """The node of the other site that passes on what node 0 sends, or None."""
        names = [m["name"] for m in self.node(0).status()["members"] if m["forwards"]]
        self.assertLessEqual(len(names), 1)
        return next((node for node in self.cluster.nodes if node.name in names), None)

    def announce_and_see(self):
        info_hash, port = fresh_hash(), 4001
        self.client(0).announce(info_hash, port, event="started")
        for number, node in enumerate(self.cluster.nodes):
            if node.process.poll() is None:
                wait_for(lambda n=number: ("127.0.0.1", port) in self.peers_seen(n, info_hash), 5, f"the peer at {number}")

    def test_passed_on_and_by_another(self):
        sites = {node.name: node.settings["sync"]["site"] for node in self.cluster.nodes[1:]}
        wait_for(lambda: {m["name"]: m["site"] for m in self.node(0).status()["members"]} == sites, 10, "all sites to be known")
        first = wait_for(self.forwarder, 20, "a node that passes on")
        others = [node for node in self.cluster.nodes[2:] if node is not first]

        def received():
            self.announce_and_see()
            return all(node.metric("shoal_sync_forwards_total", result="received") > 0 for node in others)
        wait_for(received, 20, "packets that were passed on")
        self.assertGreater(first.metric("shoal_sync_forwards_total", result="sent"), 0)
        first.stop()
        wait_for(lambda: self.forwarder() in others, 10, "another node to pass on")
        self.announce_and_see()
        first.start()
        wait_for(lambda: self.node(0).members_alive() == 4, 20, "it to be back")
        self.announce_and_see()
