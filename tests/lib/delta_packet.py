"""Reads packets of the sync channel, those with deltas whole: a second implementation, written from docs/protocol (packets,
keys, deltas) and proto/sync.proto alone. What is malformed raises Malformed or IndexError."""

import ctypes
import hashlib

SODIUM = ctypes.CDLL("libsodium.so.23")
HEAD, NONCE = 36, slice(12, 36)
HEARTBEAT, DELTAS, NUMBERED, CHALLENGE, HASHES = 1, 2, 4, 10, 15  # fields of Packet
FAMILIES = {2: 6, 3: 18, 5: 18}  # fields of DeltaBatch with columns, and their sizes of an endpoint
WEB = 5


class Malformed(Exception):
    pass


def need(holds, what):
    if not holds:
        raise Malformed(what)


def derive(key, use, text, size=32):
    return hashlib.blake2b(use.encode() + b"\0" + text.encode(), key=key, digest_size=32).digest()[:size]


def number(data):
    return int.from_bytes(data, "big")


def decrypt(sealed, clear, nonce, key):
    """What was sealed, or None if the key does not open it."""
    out = ctypes.create_string_buffer(len(sealed) - 16)
    failed = SODIUM.crypto_aead_xchacha20poly1305_ietf_decrypt(
        out, None, None, sealed, ctypes.c_ulonglong(len(sealed)), clear, ctypes.c_ulonglong(len(clear)), nonce, key)
    return None if failed else out.raw


def open_datagram(datagram, secret, cluster):
    """(node id, incarnation, stream, sequence, body), or None: not of this cluster, or the key does not open it."""
    if datagram[:8] != b"shl\x01" + derive(b"", "shoal 1 cluster tag", cluster, 4) or len(datagram) <= HEAD + 16:
        return None
    body = decrypt(datagram[HEAD:], datagram[:HEAD], datagram[NONCE], derive(secret, "shoal 1 seal", cluster))
    return body and (number(datagram[12:20]), number(datagram[20:28]), datagram[28], number(datagram[29:36]), body)


def lz4_block(block, size):
    out, at = bytearray(), 0

    def length(total):
        nonlocal at
        more = 255 if total == 15 else 0
        while more == 255:
            more, at = block[at], at + 1
            total += more
        return total

    while True:
        token, at = block[at], at + 1
        literals = length(token >> 4)
        out += block[at:at + literals]
        at += literals
        if at >= len(block):
            break
        back, at = int.from_bytes(block[at:at + 2], "little"), at + 2
        need(0 < back <= len(out), "LZ4")
        for _ in range(length(token & 15) + 4):
            out.append(out[-back])
    need(len(out) == size, "raw size")
    return bytes(out)


def varint(data, at):
    value = shift = 0
    while data[at] > 127:
        value, shift, at = value | (data[at] & 127) << shift, shift + 7, at + 1
    return value | data[at] << shift, at + 1


def fields(data):
    """{field: [value, ...]} of a message: a number, or bytes."""
    out, at = {}, 0
    while at < len(data):
        tag, at = varint(data, at)
        size = {1: 8, 5: 4}.get(tag & 7)
        if size is None:
            size, at = varint(data, at)  # of bytes; of a number it is the value
        if tag & 7 == 0:
            value = size
        else:
            need(at + size <= len(data), "length")
            value, at = data[at:at + size], at + size
        out.setdefault(tag >> 3, []).append(value)
    return out


def numbers(values):
    """Of a repeated number, packed or not."""
    out = []
    for value in values:
        at = 0
        while at < (1 if isinstance(value, int) else len(value)):
            one, at = (value, 1) if isinstance(value, int) else varint(value, at)
            out.append(one)
    return out


def columns(data, size, first_told, told):
    """[(info_hash or None, number or None, endpoint, state, stamp)]; `told`: so many info_hashes went before in full."""
    found = fields(data)
    hashes, ends, changes, codes = (found.get(i, [b""])[-1] for i in (1, 3, 4, 5))
    runs, back = numbers(found.get(2, [])), numbers(found.get(6, [])) if first_told else []
    need(sum(runs) * size == len(ends) and min(runs) > 0 and 20 * (len(runs) - len(back)) == len(hashes), "columns")
    width = (len(changes) // 2 - 1).bit_length()
    bits = int.from_bytes(codes, "little")
    need(len(codes) == (sum(runs) * width + 7) // 8, "codes")
    out, named = [], first_told
    for run, deltas in enumerate(runs):
        if run < len(back):
            named -= back[run]
            need(back[run] > 0 and named > 0, "back")
            name = None, named
        else:
            at = 20 * (run - len(back))
            need(at == 0 or hashes[at - 20:at] < hashes[at:at + 20], "order")
            name, told = (hashes[at:at + 20], first_told + told if first_told else None), told + 1
        for i in range(len(out), len(out) + deltas):
            code = 2 * (bits >> i * width & (1 << width) - 1)
            out.append((*name, ends[i * size:(i + 1) * size], changes[code], changes[code + 1]))
    return out, told


def read_body(body):
    """(kind, content): of batches a list of deltas, of Hashes (oldest, {number: info_hash}), of others their fields."""
    need(body[0] < 2, "flags")
    packet = fields(lz4_block(body[3:], number(body[1:3])) if body[0] else body[1:])
    kind = min(packet, default=0)
    content = fields(packet[kind][-1]) if kind else {}
    if kind in (DELTAS, NUMBERED):
        first_told, told, deltas = content.get(6, [0])[-1] if kind == NUMBERED else 0, 0, []
        for field, size in FAMILIES.items():
            if field in content:
                more, told = columns(content[field][-1], size, first_told, told)
                deltas += [(*delta, field == WEB) for delta in more]
        need(deltas and (kind == DELTAS or first_told > 0), "batch")
        return kind, deltas
    if kind == HASHES:
        named, at, hashes = {}, 0, content.get(3, [b""])[-1]
        for i, step in enumerate(numbers(content.get(2, []))):
            at += step
            named[at] = hashes[20 * i:20 * i + 20]
        return kind, (content.get(1, [0])[-1], named)
    return kind, content
