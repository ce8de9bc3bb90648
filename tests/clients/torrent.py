"""Makes .torrent files (BEP 3)."""

import hashlib
import os

import bencode

PIECE_BYTES = 64 * 1024


def make_content(path, size):
    with open(path, "wb") as file:
        file.write(os.urandom(size))


def info_of(path):
    """The info dictionary of a single file. Private (BEP 27): clients then use the tracker only."""
    pieces, size = [], 0
    with open(path, "rb") as file:
        while piece := file.read(PIECE_BYTES):
            pieces.append(hashlib.sha1(piece).digest())
            size += len(piece)
    return {
        "length": size,
        "name": os.path.basename(path),
        "piece length": PIECE_BYTES,
        "pieces": b"".join(pieces),
        "private": 1,
    }


def info_hash(info):
    return hashlib.sha1(bencode.encode(info)).digest()


def write_torrent(path, announce_url, info):
    with open(path, "wb") as file:
        file.write(bencode.encode({"announce": announce_url, "info": info}))
