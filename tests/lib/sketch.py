"""Sketches of records, and the answer to a request with one: a second implementation, written from docs/protocol (sketches,
digests, pulls) alone."""

import math

from delta_packet import decrypt, lz4_block, number

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


def records_of(raw):
    """(info_hash, endpoint, state, stamp, web) of each record in a frame."""
    at = 10
    while at < len(raw):
        info_hash, counts = raw[at:at + 20], (number(raw[at + 24:at + 28]), number(raw[at + 28:at + 32]))
        web = counts[1] >> 31
        sizes = [6] * counts[0] + [18] * (counts[1] & 0x7FFFFFFF)
        stamps = at + 32 + sum(sizes)
        at += 32
        for i, size in enumerate(sizes):
            yield info_hash, raw[at:at + size], raw[stamps + len(sizes) + i], raw[stamps + i], web
            at += size
        at = stamps + 2 * len(sizes)


def read_answer(stream, request_nonce, donor, key):
    """(records, None), or (None, how many differ about) where the sketch was too small. `stream`: what the donor, its id and
    incarnation, has sent; `key`: that of sealing."""
    records, at, last = [], 0, False
    for index in range(1 << 32):
        if at == len(stream):
            break
        size = number(stream[at:at + 4])
        frame, at = stream[at + 4:at + 4 + size], at + 4 + size
        nonce = donor[0].to_bytes(8, "big") + donor[1].to_bytes(8, "big") + frame[:8]
        plain = decrypt(frame[8:], nonce + request_nonce + index.to_bytes(4, "big"), nonce, key)
        assert frame[0] == 3 and plain and not last
        raw = lz4_block(plain[5:], number(plain[1:5])) if plain[0] & 1 else plain[5:]
        if plain[0] & 4:
            return None, number(raw[10:14])
        last = plain[0] & 2
        records += records_of(raw)
    assert last, "broken off"
    return records, None
