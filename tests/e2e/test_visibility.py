"""An announce on any node is seen on every other one: by protocol, family and way of sync."""

from nodes import CLIENTS, LOOPBACK, ClusterCase, fresh_hash
from wait import wait_for

COMBINATIONS = [(protocol, family) for protocol in CLIENTS for family in LOOPBACK]


class Visibility(ClusterCase):
    sync = "unicast"

    def scrape(self, number, info_hash, family):
        with CLIENTS["UDP"]((LOOPBACK[family], self.node(number).tracker_port)) as client:
            return client.scrape(info_hash)[0]

    def start_complete_stop(self, protocol, family):
        info_hash, port = fresh_hash(), 4001
        peer = (LOOPBACK[family], port)
        announcer = self.client(0, protocol, family)
        announcer.announce(info_hash, port, left=100, event="started")
        for number in (1, 2):
            wait_for(lambda n=number: self.scrape(n, info_hash, family) == (0, 0, 1), 5, f"a leecher on node {number}")
            for asked in CLIENTS:
                # The observer of another node may still be counted here.
                wait_for(lambda n=number, a=asked: self.peers_seen(n, info_hash, a, family) == {peer}, 5,
                         f"the leecher to be handed out by node {number} over {asked}")
        announcer.announce(info_hash, port, left=0, event="completed")
        for number in (1, 2):
            wait_for(lambda n=number: self.scrape(n, info_hash, family)[:2] == (1, 1), 5, f"a seeder on node {number}")
            wait_for(lambda n=number: self.peers_seen(n, info_hash, protocol, family) == {peer}, 5)
        announcer.announce(info_hash, port, left=0, event="stopped")
        for number in (1, 2):
            wait_for(lambda n=number: self.scrape(n, info_hash, family)[0] == 0, 5, f"no seeder on node {number}")
            wait_for(lambda n=number: self.peers_seen(n, info_hash, protocol, family) == set(), 5)

    def test_members_are_where_they_listen(self):
        for node in self.cluster.nodes:
            others = {n.name: n.settings["sync"]["listen"] for n in self.cluster.nodes if n is not node}
            self.assertEqual({m["name"]: m["address"] for m in node.status()["members"]}, others)

    def test_every_node_to_every_other(self):
        info_hash = fresh_hash()
        expected = set()
        for number in range(self.nodes):
            self.client(number).announce(info_hash, 5000 + number, event="started")
            expected.add((LOOPBACK["IPv4"], 5000 + number))
        for number in range(self.nodes):
            wait_for(lambda n=number: self.peers_seen(n, info_hash) == expected, 5, f"all peers on node {number}")


for _protocol, _family in COMBINATIONS:
    def _test(self, protocol=_protocol, family=_family):
        self.start_complete_stop(protocol, family)

    setattr(Visibility, f"test_start_complete_stop_{_protocol}_{_family}", _test)


class VisibilityMulticast(Visibility):
    """Only a group: no node is given another's address."""

    sync = "multicast"


class VisibilityMixed(Visibility):
    sync = "mixed"


class VisibilityOverIpv6(Visibility):
    """The nodes sync over IPv6, whatever the clients use."""

    hosts = ("::1", "127.0.0.1")


class VisibilityFar(ClusterCase):
    """More nodes than sync.peers lists: the other members must be learnt."""

    nodes = 5

    def test_across_the_ring(self):
        info_hash = fresh_hash()
        self.client(0).announce(info_hash, 6001, event="started")
        self.client(2).announce(info_hash, 6002, event="started")
        for number in range(self.nodes):
            wait_for(lambda n=number: len(self.peers_seen(n, info_hash)) == 2, 5, f"both peers on node {number}")


class MulticastSavesUnicast(ClusterCase):
    """In a group each datagram of deltas goes out once, however many listen."""

    nodes = 4
    sync = "mixed"

    def test_sent_once(self):
        node = self.node(0)
        # Wait until all report that they hear the group.
        wait_for(lambda: all(m["multicast"] for m in node.status()["members"]), 10, "all members on multicast")
        before = node.metric("shoal_sync_bytes_total", direction="sent")
        client = self.client(0)
        announces = 3000
        for number in range(announces):
            client.announce(fresh_hash(), 1 + number, event="started")
        wait_for(lambda: self.node(3).metric("shoal_sync_deltas_applied_total") >= announces, 10, "all deltas on node d")
        sent = node.metric("shoal_sync_bytes_total", direction="sent") - before
        # One copy is about 28 bytes a delta, three would be more than 84; heartbeats are extra.
        self.assertLess(sent / announces, 60)
