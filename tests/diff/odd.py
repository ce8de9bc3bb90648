"""Requests that were not made by chance: what real clients sent, the corpora of the fuzz targets, and odd ones by hand."""

import os
import re
import struct

from cluster import ROOT
from grammar import unescaped
from trackers import Request, is_connect
from udp_client import EVENTS, announce_packet, connect_packet, scrape_packet

HERE = os.path.dirname(os.path.abspath(__file__))
CORPORA = os.path.join(ROOT, "tests", "fuzz", "corpus")


def scenes(hashes, listed):
    """Lists of requests. hashes() gives the info_hashes of one scene and has them listed; what clients sent is added to the
    set `listed`."""
    for folder, make in (("udp_tracker_fuzz", from_udp), ("http_request_fuzz", from_http), ("http_query_fuzz", from_query)):
        for name in sorted(os.listdir(os.path.join(CORPORA, folder))):
            with open(os.path.join(CORPORA, folder, name), "rb") as file:
                yield from make(file.read())
    for name in sorted(os.listdir(os.path.join(HERE, "recorded"))):
        scene = recorded(os.path.join(HERE, "recorded", name))
        listed.update(filter(None, map(info_hash_of, scene)))
        yield scene
    yield from life_of_a_swarm(hashes)
    yield from counts(hashes)


def from_udp(data):
    yield [Request("udp", data)]
    yield [Request("udp", data, own_id=True)]


def from_http(data):
    yield [Request("http", data)]


def from_query(query):
    for verb in (b"announce", b"scrape"):
        yield [Request("http", b"GET /" + verb + b"?" + query.rstrip(b"\n") + b" HTTP/1.1\r\nHost: x\r\n\r\n")]


def recorded(path):
    """A file of `record`: lines of udp or http, a blank, the request in hex."""
    with open(path, encoding="ascii") as file:
        return [Request(protocol, data, own_id=protocol == "udp" and not is_connect(data))
                for protocol, data in ((word, bytes.fromhex(code)) for word, code in map(str.split, file))]


def info_hash_of(request):
    if request.protocol == "udp":
        return request.data[16:36] if len(request.data) >= 36 else None
    found = re.search(rb"[?&]info_hash=([^& ]*)", request.data)
    return unescaped(found[1]) if found else None


def get(target, version="HTTP/1.1", more=""):
    return Request("http", f"GET {target} {version}\r\nHost: tracker.test\r\n{more}\r\n".encode("latin-1"))


def escaped(info_hash):
    return "".join(f"%{byte:02X}" for byte in info_hash)


def life_of_a_swarm(hashes):
    """Peers come, complete, pause and go, over both protocols in turn."""
    for order in range(8):
        info_hash, other = hashes()
        scene = []
        for step, (event, left) in enumerate([("started", 5), ("", 3), ("completed", 0), ("completed", 0), ("", 0),
                                              ("stopped", 0), ("stopped", 0), ("started", 0)]):
            for client in range(3):
                port = 7000 + client
                if (order >> client) & 1 ^ step % 2:
                    scene.append(Request("udp", announce_packet(bytes(8), info_hash, port, left=left, event=EVENTS[event],
                                                                transaction=b"life"), client, own_id=True))
                else:
                    target = f"/announce?info_hash={escaped(info_hash)}&peer_id={'x' * 20}&port={port}&left={left}&compact=1"
                    target += f"&uploaded=0&downloaded=0&event={event}" if event else "&uploaded=0&downloaded=0"
                    scene.append(Request("http", get(target).data, client))
            scene.append(Request("udp", scrape_packet(bytes(8), [info_hash, other], b"scrp"), own_id=True))
            scene.append(get(f"/scrape?info_hash={escaped(info_hash)}&info_hash={escaped(other)}"))
        yield scene


def counts(hashes):
    """Numbers at their limits."""
    info_hash, _ = hashes()
    yield [Request("udp", scrape_packet(bytes(8), [info_hash] * count, struct.pack(">I", count)), own_id=True)
           for count in (0, 1, 2, 73, 74, 75, 76, 80)]
    yield [get("/scrape?" + "&".join(["info_hash=" + escaped(info_hash)] * count)) for count in (0, 1, 2, 64, 65, 100, 101)]
    yield [Request("udp", connect_packet(b"abcd")[:size]) for size in range(1, 17)]
    info_hash, _ = hashes()
    whole = announce_packet(bytes(8), info_hash, 6881, left=7, transaction=b"size")
    yield [Request("udp", whole[:size], own_id=True) for size in (15, 16, 20, 36, 56, 80, 96, 97)]
    yield [Request("udp", announce_packet(bytes(8), info_hash, 6881, left=7, transaction=b"want", numwant=numwant), own_id=True)
           for numwant in (-(1 << 31), -1, 0, 1, 200, 201, (1 << 31) - 1)]
