"""The second implementation of delta packets (tests/lib/delta_packet.py) reads those of a live cluster, as a member of it."""

import unittest

from delta_packet import DELTAS, HASHES, NUMBERED, Malformed, open_datagram, read_body
from nodes import ClusterCase, fresh_hash
from sync_member import SyncMember
from wait import wait_for


class GoldenTest(unittest.TestCase):
    # As in tests/unit/proto/sync_packet_golden_test.cc.
    HASH = bytes(range(0xA0, 0xB4))

    def test_by_number(self):
        body = bytes.fromhex(
            "00223b088c1512340a14a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3120201011a0cc00002011ae1c00002021ae22204"
            "032a002a2a01023201023007")
        self.assertEqual(read_body(body), (NUMBERED, [
            (None, 5, bytes.fromhex("c00002011ae1"), 3, 42, False), (self.HASH, 7, bytes.fromhex("c00002021ae2"), 0, 42, False)]))
        for end in range(2, len(body)):
            with self.assertRaises((Malformed, IndexError)):
                read_body(body[:end])

    def test_sealed(self):
        datagram = bytes.fromhex(
            "73686c01c109203b65c645c91ec63ccd26b5b8090199f1c2d3e44242000000000000000174d3fc727961eb4c4e5fdb7fe924"
            "4e5a6a8b4e780d7e88baa30af09a93d20931de60dcfb74d3541f59a9dcf3639be045d2d3f650aff585f018d5abd3e2d21950"
            "f26aadbc052e61b70da747d649ded11e199c9476ee657fbe20aa0d9b4019ffb192650a02d6154cb8a3a58cb9881ba2cf64cc"
            "6a9166f75368f86b8e")
        node, incarnation, stream, sequence, body = open_datagram(datagram, bytes(range(32)), "golden")
        self.assertEqual((node, incarnation, stream, sequence), (2217526718341953545, 115389084555559490, 0, 1))
        kind, deltas = read_body(body)
        self.assertEqual(kind, DELTAS)
        self.assertEqual(deltas[0], (self.HASH, None, bytes.fromhex("c00002011ae1"), 3, 42, False))
        self.assertEqual(len(deltas), 3)
        self.assertIsNone(open_datagram(datagram, bytes(32), "golden"))


class Listening(ClusterCase):
    nodes = 2
    swarms = 8

    def listen(self, **more):
        addresses = [("127.0.0.1", int(node.settings["sync"]["listen"].rsplit(":", 1)[1])) for node in self.cluster.nodes]
        member = SyncMember(addresses, self.cluster.key, **more)
        self.addCleanup(member.__exit__)

        def joined():
            return all(any(m["name"] == member.name and m["state"] == "alive" for m in node.status()["members"])
                       for node in self.cluster.nodes)
        member.run_until(joined, 10, "the listener to be a member")
        return member

    def announce(self, hashes, ports):
        """At both nodes, so that each is an origin. Of every four one stops again. Returns those that stay, by swarm."""
        left = {info_hash: set() for info_hash in hashes}
        for at, info_hash in enumerate(hashes):
            for port in ports:
                client = self.client((at + port) % 2)
                client.announce(info_hash, port, event="started")
                if port % 4 == 0:
                    client.announce(info_hash, port, event="stopped")
                else:
                    left[info_hash].add(("127.0.0.1", port))
                client.close()
        return left

    def hears(self, member, expected, first_port=0):
        """What it has heard of these swarms, of ports from the first on, is exactly that."""
        member.run_until(lambda: all(member.peers(info_hash) >= peers for info_hash, peers in expected.items()), 10, "all peers")
        member.run_for(0.3)
        # Also of those that stopped, and what the nodes themselves hand out.
        for info_hash, peers in expected.items():
            self.assertEqual({peer for peer in member.peers(info_hash) if peer[1] >= first_port}, peers)
            for number in range(2):
                wait_for(lambda n=number, of=info_hash: self.peers_seen(n, of) >= member.peers(of), 5, "the same at the nodes")
        for stream in member.streams.values():
            self.assertEqual((stream.aside, stream.missing()), ({}, []))

    def test_in_full_then_by_number(self):
        hashes = [fresh_hash() for _ in range(self.swarms)]
        before = self.listen(name="before", numbered=False)
        self.hears(before, self.announce(hashes, range(4001, 4009)))
        self.assertGreater(before.kinds[DELTAS], 0)
        self.assertEqual(before.kinds[NUMBERED], 0)
        # As if it had been upgraded.
        before.numbered = True
        before.run_for(1.5)
        told = self.announce(hashes, range(4011, 4019))
        full = before.kinds[DELTAS]
        before.run_for(1.2)
        more = self.announce(hashes, range(4021, 4029))
        self.hears(before, {of: {p for p in before.peers(of) if p[1] < 4011} | told[of] | more[of] for of in hashes})
        self.assertEqual(before.kinds[DELTAS], full)
        self.assertGreater(before.kinds[NUMBERED], 0)
        self.assertGreater(before.named, 0)
        self.assertEqual(before.kinds[HASHES], 0)

    def test_late_and_with_loss(self):
        hashes = [fresh_hash() for _ in range(self.swarms)]
        self.announce(hashes, range(5001, 5005))
        late = self.listen(name="late", loses=lambda sequence: sequence % 3 == 0)
        late.run_for(1.2)
        # Of those before it may have heard some that were sent again.
        self.hears(late, self.announce(hashes, range(5011, 5019)), 5011)
        # It did not know the numbers, and was told.
        self.assertGreater(late.named, 0)
        self.assertGreater(late.kinds[HASHES], 0)
        self.assertGreater(len(late.lost), 0)


if __name__ == "__main__":
    unittest.main()
