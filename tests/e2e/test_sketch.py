"""The second implementation of sketches (tests/lib/sketch.py) finds what the first one does."""

import random
import unittest

from sketch import Sketch, record_hash


class SketchTest(unittest.TestCase):
    def test_golden(self):
        # As in tests/unit/proto/record_sketch_test.cc.
        sketch = Sketch((0x0123456789ABCDEF, 0xFEDCBA9876543210), 4)
        port = (6881).to_bytes(2, "big")
        for endpoint in (bytes.fromhex("cb007109") + port, bytes.fromhex("20010db8") + bytes(11) + b"\x09" + port):
            hashed = record_hash(bytes(range(20)), endpoint, 5 << 3 | 1 << 1 | 1)
            sketch.add(sketch.id(hashed, 200))
        symbols = "249285896cee3187e3b1e993d723ddf27a22957b165e4f33c3fdc1249285896cee3187e3"
        self.assertEqual(sketch.bytes()[256:].hex(), symbols)

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


if __name__ == "__main__":
    unittest.main()
