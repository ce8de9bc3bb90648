"""Bencoding (BEP 3), strict: the tests must notice an answer that is only nearly correct."""


def encode(value):
    if isinstance(value, bool):
        raise TypeError("bencoding has no booleans")
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, (list, tuple)):
        return b"l" + b"".join(encode(item) for item in value) + b"e"
    if isinstance(value, dict):
        items = sorted((k.encode() if isinstance(k, str) else k, v) for k, v in value.items())
        return b"d" + b"".join(encode(k) + encode(v) for k, v in items) + b"e"
    raise TypeError(f"cannot bencode {type(value)}")


def decode(data, strict=True):
    """One value that fills `data` exactly; dictionary keys are bytes, and if strict sorted and unique."""
    value, end = _decode(data, 0, strict)
    if end != len(data):
        raise ValueError(f"{len(data) - end} bytes after the value")
    return value


def _decode(data, at, strict):
    kind = data[at : at + 1]
    if kind == b"i":
        end = data.index(b"e", at)
        digits = data[at + 1 : end]
        if encode(int(digits)) != data[at : end + 1]:
            raise ValueError(f"integer {digits!r} is not in the shortest form")
        return int(digits), end + 1
    if kind == b"l":
        items, at = [], at + 1
        while data[at : at + 1] != b"e":
            item, at = _decode(data, at, strict)
            items.append(item)
        return items, at + 1
    if kind == b"d":
        items, at = {}, at + 1
        last = None
        while data[at : at + 1] != b"e":
            key, at = _decode(data, at, strict)
            if not isinstance(key, bytes) or (strict and last is not None and key <= last):
                raise ValueError(f"key {key!r} after {last!r}")
            last = key
            items[key], at = _decode(data, at, strict)
        return items, at + 1
    if kind.isdigit():
        colon = data.index(b":", at)
        length = int(data[at:colon])
        end = colon + 1 + length
        if end > len(data):
            raise ValueError("string longer than the data")
        return data[colon + 1 : end], end
    raise ValueError(f"no bencoding at offset {at}: {data[at:at + 20]!r}")
