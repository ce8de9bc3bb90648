"""The second implementation of sketches (tests/lib/sketch.py) finds what the first one does, and pulls from a live node by one."""

import random
import unittest

from nodes import ClusterCase, fresh_hash
from sketch import Sketch, record_hash
from sync_member import SyncMember


class SketchTest(unittest.TestCase):
    def test_golden(self):
        # As in tests/unit/proto/record_sketch_test.cc.
        sketch = Sketch((0x0123456789ABCDEF, 0xFEDCBA9876543210), 4)
        port = (6881).to_bytes(2, "big")
        state = 5 << 3 | 1 << 1 | 1
        v6 = bytes.fromhex("20010db8") + bytes(11) + b"\x09" + port
        web = bytes.fromhex("0123456789abcdef") + (77).to_bytes(8, "big") + b"\0\1"
        for endpoint, is_web in ((bytes.fromhex("cb007109") + port, False), (v6, False), (web, True)):
            sketch.add(sketch.id(record_hash(bytes(range(20)), endpoint, state, is_web), 200))
        self.assertEqual({at: counter for at, counter in enumerate(sketch.counters) if counter}, {9: 1, 19: 0xFFFF, 40: 0xFFFF})
        self.assertEqual(sketch.bytes()[256:].hex(), "12d7eb2ef53ae692cb87acfd70ba09256f0a957b165e4f33c3fdc1249285896cee3187e3")

    def test_both_ways(self):
        draw = random.Random(1)
        salt = (draw.getrandbits(64), draw.getrandbits(64))
        ours, theirs = Sketch(salt, 120), Sketch(salt, 120)
        ids = [draw.getrandbits(48) for _ in range(560)]
        for record in ids[:530]:
            ours.add(record)
        for record in ids[30:]:
            theirs.add(record)
        ours = Sketch.read(salt, ours.bytes())
        ours.subtract(theirs)
        self.assertTrue(30 < ours.estimate() < 120)
        self.assertEqual(sorted(ours.decode()), sorted(ids[:30] + ids[530:]))


class Reconciliation(ClusterCase):
    nodes = 1

    def test_pulls_what_it_lacks(self):
        address = ("127.0.0.1", int(self.node(0).settings["sync"]["listen"].rsplit(":", 1)[1]))
        member = SyncMember([address], self.cluster.key)
        self.addCleanup(member.__exit__)
        member.run_until(lambda: any(m["state"] == "alive" for m in self.node(0).status()["members"]), 10, "a member")
        hashes = [fresh_hash() for _ in range(20)]
        for family in ("IPv4", "IPv6"):
            client = self.client(family=family)
            for number in range(300):
                client.announce(hashes[number % 20], 7001 + number, event="started", left=number % 2)
            client.close()
        # It knows all records, as it hears them.
        member.run_until(lambda: len(member.records) == 600, 10, "all records")
        records = [(info_hash, endpoint, state, tick % 256, web) for (info_hash, endpoint, web), (state, tick) in
                   member.records.items()]
        self.assertEqual(member.pull("a", records, 20), ([], None))
        # Of these it lacks some, holds some in another state, and some that the node does not have.
        draw = random.Random(2)
        draw.shuffle(records)
        held = records[25:]
        altered, held[:10] = held[:10], [(of, at, state ^ 1, stamp, web) for of, at, state, stamp, web in held[:10]]
        held += [(fresh_hash(), bytes([192, 0, 2, 1, 26, 225]), 2, records[0][3], 0) for _ in range(15)]
        found, _ = member.pull("a", held, 150)
        self.assertEqual(sorted(found), sorted(records[:25] + altered))
        # Too many differ: the node says how many, about.
        found, differing = member.pull("a", [], 100)
        self.assertIsNone(found)
        self.assertTrue(300 < differing < 1000, differing)


if __name__ == "__main__":
    unittest.main()
