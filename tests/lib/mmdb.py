"""Writes small MaxMind DB files (.mmdb): https://maxmind.github.io/MaxMind-DB/. Of the types it knows dictionaries, lists,
texts, booleans and whole numbers."""

import ipaddress
import struct

MARK = b"\xab\xcd\xefMaxMind.com"


def _head(kind, size):
    extended = b"" if kind <= 7 else bytes([kind - 7])
    first = kind if kind <= 7 else 0
    if size < 29:
        return bytes([first << 5 | size]) + extended
    if size < 285:
        return bytes([first << 5 | 29]) + extended + bytes([size - 29])
    return bytes([first << 5 | 30]) + extended + struct.pack(">H", size - 285)


def encode(value):
    """One value of the data section, without pointers."""
    if isinstance(value, bool):
        return _head(14, int(value))
    if isinstance(value, int):
        digits = value.to_bytes((value.bit_length() + 7) // 8, "big")
        return _head(6 if value < 1 << 32 else 9, len(digits)) + digits
    if isinstance(value, str):
        return _head(2, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return _head(11, len(value)) + b"".join(encode(one) for one in value)
    return _head(7, len(value)) + b"".join(encode(key) + encode(one) for key, one in value.items())


def build(networks, record_bits=28, ip_version=6, kind="Test", aliases=False):
    """`networks`: pairs of a network and what is said of it; a longer prefix wins. With `aliases`, IPv4 also lies at
    2002::/16 and ::ffff:0:0/96, as in MaxMind's own files."""
    tree = [[None, None]]  # a child: a node's number, a bytes of data, or None

    def bits_of(network):
        address = ipaddress.ip_network(network)
        value, length, width = int(address.network_address), address.prefixlen, address.max_prefixlen
        if ip_version == 6 and width == 32:
            length, width = length + 96, 128
        return [value >> (width - 1 - i) & 1 for i in range(length)]

    def put(bits, child):
        node = 0
        for bit in bits[:-1]:
            if not isinstance(tree[node][bit], int):
                # What was said of the whole is said of both halves.
                tree.append([tree[node][bit], tree[node][bit]])
                tree[node][bit] = len(tree) - 1
            node = tree[node][bit]
        tree[node][bits[-1]] = child

    for network, value in sorted(networks, key=lambda pair: len(bits_of(pair[0]))):
        put(bits_of(network), encode(value))
    if aliases:
        root = 0
        for _ in range(96):
            root = tree[root][0]
        put(bits_of("2002::/16"), root)
        put(bits_of("::ffff:0:0/96"), root)
    data, places = b"", {}
    for node in tree:
        for child in node:
            if isinstance(child, bytes) and child not in places:
                places[child] = len(data)
                data += child

    def record(child):
        if child is None:
            return len(tree)
        return child if isinstance(child, int) else len(tree) + 16 + places[child]

    out = b""
    for left, right in (map(record, node) for node in tree):
        if record_bits == 28:
            out += (left & 0xffffff).to_bytes(3, "big") + bytes([left >> 24 << 4 | right >> 24])
            out += (right & 0xffffff).to_bytes(3, "big")
        else:
            out += left.to_bytes(record_bits // 8, "big") + right.to_bytes(record_bits // 8, "big")
    metadata = {"binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": 1_900_000_000,
                "database_type": kind, "description": {"en": "a test's own"}, "ip_version": ip_version,
                "languages": ["en"], "node_count": len(tree), "record_size": record_bits}
    return out + bytes(16) + data + MARK + encode(metadata)


def country(code, name="Somewhere"):
    return {"continent": {"code": "EU", "names": {"en": "Europe"}},
            "country": {"geoname_id": 1, "is_in_european_union": True, "iso_code": code, "names": {"en": name}}}


def asn(number):
    return {"autonomous_system_number": number, "autonomous_system_organization": "Somebody"}
