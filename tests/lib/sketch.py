"""Sketches of records, written from docs/protocol/sketches.md and digests.md alone: a second implementation."""

import math

MASK = (1 << 64) - 1
A, B = 0x6A09E667F3BCC909, 0xBB67AE8584CAA73B
C, D = 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1
COUNTERS = 128


def f(x, y):
    product = (x & MASK) * (y & MASK)
    return (product & MASK) ^ product >> 64


def record_hash(info_hash, endpoint, state, web=False):
    """`endpoint`: 6 or 18 bytes."""
    def word(data):
        return int.from_bytes(data, "little")

    s = f(word(info_hash[0:8]) ^ A, word(info_hash[8:16]) ^ B) ^ word(info_hash[16:20])
    if web:
        s ^= D
    if len(endpoint) == 6:
        w = word(endpoint) << 8 | state
    else:
        w = f(word(endpoint[0:8]) ^ C, word(endpoint[8:16]) ^ D) ^ (word(endpoint[16:18]) << 8 | state)
    return f(f(w ^ s, A) + s, C)


class Sketch:
    def __init__(self, salt, symbols):
        self.salt = salt
        self.counters = [0] * COUNTERS
        self.ids = [0] * symbols
        self.checks = [0] * symbols

    @classmethod
    def read(cls, salt, data):
        head = 2 * COUNTERS
        sketch = cls(salt, (len(data) - head) // 9)
        sketch.counters = [int.from_bytes(data[i:i + 2], "big") for i in range(0, head, 2)]
        sketch.ids = [int.from_bytes(data[i:i + 6], "big") for i in range(head, len(data), 9)]
        sketch.checks = [int.from_bytes(data[i + 6:i + 9], "big") for i in range(head, len(data), 9)]
        return sketch

    def bytes(self):
        out = b"".join(counter.to_bytes(2, "big") for counter in self.counters)
        return out + b"".join(i.to_bytes(6, "big") + c.to_bytes(3, "big") for i, c in zip(self.ids, self.checks))

    def id(self, hashed, stamp):
        inner = f(hashed ^ self.salt[0], A) + stamp
        return f(inner, self.salt[1] ^ B) & (1 << 48) - 1

    def _mixed(self, record):
        return f(f(record ^ self.salt[1], B) + self.salt[0], A)

    def _covered(self, mixed):
        at, state, covered = 0, mixed, []
        while at < len(self.ids):
            covered.append(at)
            state = (state * 0xD1342543DE82EF95 + 1) & MASK
            u = (state >> 32) + 1
            at += max(1, math.ceil((at + 1.5) * (65536 / math.sqrt(u) - 1)))
        return covered

    def _toggle(self, record, mixed):
        for at in self._covered(mixed):
            self.ids[at] ^= record
            self.checks[at] ^= mixed & 0xFFFFFF

    def add(self, record):
        mixed = self._mixed(record)
        counter = mixed >> 24 & COUNTERS - 1
        self.counters[counter] = self.counters[counter] + (1 if mixed >> 31 & 1 else -1) & 0xFFFF
        self._toggle(record, mixed)

    def subtract(self, other):
        self.counters = [a - b & 0xFFFF for a, b in zip(self.counters, other.counters)]
        self.ids = [a ^ b for a, b in zip(self.ids, other.ids)]
        self.checks = [a ^ b for a, b in zip(self.checks, other.checks)]

    def estimate(self):
        return sum(min(c, 0x10000 - c) ** 2 for c in self.counters)

    def decode(self):
        """The ids that differ, or None."""
        found, suspects = [], set(range(len(self.ids)))
        while suspects and len(found) < len(self.ids):
            at = suspects.pop()
            record, mixed = self.ids[at], self._mixed(self.ids[at])
            if (record, self.checks[at]) == (0, 0) or mixed & 0xFFFFFF != self.checks[at]:
                continue
            covered = self._covered(mixed)
            if at not in covered:
                continue
            found.append(record)
            self._toggle(record, mixed)
            suspects.update(covered)
        return None if any(self.ids) or any(self.checks) else found
