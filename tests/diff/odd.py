"""Requests that were not made by chance: what real clients sent, the corpora of the fuzz targets, and odd ones by hand."""

import dataclasses
import hashlib
import os
import re
import struct

from cluster import ROOT
from swarms import info_hashes_of
from trackers import Request, is_connect
from udp_client import EVENTS, announce_packet, connect_packet, scrape_packet

HERE = os.path.dirname(os.path.abspath(__file__))
RECORDED = os.path.join(HERE, "recorded")
WHO = ("seeder", "leecher")
CORPORA = os.path.join(ROOT, "tests", "fuzz", "corpus")


def scenes(hashes, listed, sources, salt=None):
    """Lists of requests from clients of so many addresses. hashes() gives the info_hashes of one scene and has them listed;
    what clients sent is added to the set `listed`, as is what the corpora hold. With a salt those ask for other swarms."""
    for scene in found_and_recorded(sources):
        if salt:
            scene = [salted(request, salt) for request in scene]
        listed.update(info_hash for request in scene for info_hash in info_hashes_of(request) if len(info_hash) == 20)
        yield scene
    yield from life_of_a_swarm(hashes, sources)
    yield from counts(hashes)
    yield [salted(request, salt) if salt else request for request in not_served()]


def salted(request, salt):
    """The same request for another swarm, written in the same way."""
    data = request.data
    if request.protocol == "http":
        return dataclasses.replace(request, data=re.sub(
            rb"(?<=[?&]info_hash=)[^& \r\n]*", lambda found: salted_text(found[0], salt), data))
    if data[8:12] == b"\0\0\0\1":
        data = data[:16] + salted_hash(data[16:36], salt) + data[36:]
    elif data[8:12] == b"\0\0\0\2":
        data = data[:16] + b"".join(salted_hash(data[i : i + 20], salt) for i in range(16, len(data), 20))
    return dataclasses.replace(request, data=data)


def salted_hash(info_hash, salt):
    return hashlib.sha1(salt + info_hash).digest()[: len(info_hash)]


def salted_text(value, salt):
    """An info_hash as a query has it: what is escaped stays so, letters and digits stay such, all else stays."""
    parts = re.findall(rb"%[0-9a-fA-F]{2}|.", value, re.DOTALL)
    made = hashlib.sha512(salt + value).digest()
    letters = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    for number, part in enumerate(parts[: len(made)]):
        if len(part) == 3:
            parts[number] = (b"%%%02x" if part == part.lower() else b"%%%02X") % made[number]
        elif part.isalnum():
            parts[number] = letters[made[number] % len(letters) :][:1]
    return b"".join(parts)


def found_and_recorded(sources):
    for folder, make in (("udp_tracker_fuzz", from_udp), ("http_request_fuzz", from_http), ("http_query_fuzz", from_query)):
        for name in sorted(os.listdir(os.path.join(CORPORA, folder))):
            with open(os.path.join(CORPORA, folder, name), "rb") as file:
                yield from make(file.read())
    for _, scene in recordings(sources):
        yield scene


def recordings(sources=2):
    """The names of the files, and their scenes."""
    for name in sorted(os.listdir(RECORDED)):
        yield name, recorded(os.path.join(RECORDED, name), sources)


def from_udp(data):
    yield [Request("udp", data)]
    yield [Request("udp", data, own_id=True)]


def from_http(data):
    yield [Request("http", data)]


def from_query(query):
    for verb in (b"announce", b"scrape"):
        yield [Request("http", b"GET /" + verb + b"?" + query.rstrip(b"\n") + b" HTTP/1.1\r\nHost: x\r\n\r\n")]


def recorded(path, sources):
    """A file of `record`: lines of udp or http, which of the two clients, and the request in hex."""
    with open(path, encoding="ascii") as file:
        return [Request(protocol, data, WHO.index(who) % sources, protocol == "udp" and not is_connect(data))
                for protocol, who, data in ((protocol, who, bytes.fromhex(code)) for protocol, who, code in map(str.split, file))]


def get(target, version="HTTP/1.1", more=""):
    return Request("http", f"GET {target} {version}\r\nHost: tracker.test\r\n{more}\r\n".encode("latin-1"))


def escaped(info_hash):
    return "".join(f"%{byte:02X}" for byte in info_hash)


def life_of_a_swarm(hashes, sources):
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
                                                                transaction=b"life"), client % sources, own_id=True))
                else:
                    target = f"/announce?info_hash={escaped(info_hash)}&peer_id={'x' * 20}&port={port}&left={left}&compact=1"
                    target += f"&uploaded=0&downloaded=0&event={event}" if event else "&uploaded=0&downloaded=0"
                    scene.append(Request("http", get(target).data, client % sources))
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


def not_served():
    """All that is asked of a swarm that is on no list."""
    info_hash = b"on no list at all..."
    scene = [Request("udp", announce_packet(bytes(8), info_hash, 6881, left=7, event=EVENTS[event], transaction=b"none"), own_id=True)
             for event in ("started", "", "completed", "stopped")]
    scene += [get(f"/announce?info_hash={escaped(info_hash)}&peer_id={'x' * 20}&port=6881&left=7&uploaded=0&downloaded=0&compact=1"
                  + event) for event in ("&event=started", "", "&event=completed", "&event=stopped")]
    scene.append(Request("udp", scrape_packet(bytes(8), [info_hash], b"scrp"), own_id=True))
    scene.append(get(f"/scrape?info_hash={escaped(info_hash)}"))
    return scene
