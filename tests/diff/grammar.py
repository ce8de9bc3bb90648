"""Makes requests by seed: mostly what clients send, now and then one thing that is odd. BEPs 3, 7, 15, 23, 41, 48.

Requests come in scenes: some clients, one or two swarms of their own. So one answer that differs does not make all later
ones differ. `oddities` names what is odd about a request by reading its bytes, whoever made it; the rules refer to these
names."""

import random
import re
import struct
import urllib.parse

from trackers import Request, is_connect
from udp_client import EVENTS, announce_packet, connect_packet

EVENT_WORDS = ["", "started", "stopped", "completed"]
USUAL_PORTS = range(1024, 65536)


class Grammar:
    """`sources` is how many addresses the clients have. Clients of a scene with one address differ by their ports."""

    def __init__(self, sources):
        self.random = random.Random()
        self.sources = sources

    def scene(self, seed, hashes, size):
        """So many requests of some clients for these swarms."""
        chance = self.random
        chance.seed(seed)
        clients = [(chance.randrange(self.sources), chance.choice(USUAL_PORTS)) for _ in range(chance.randint(1, 5))]
        over_udp = chance.random() < 0.5
        for _ in range(size):
            source, port = chance.choice(clients)
            make = self.udp if over_udp else self.http
            yield make(source, port, hashes)
            if chance.random() < 0.1:
                over_udp = not over_udp

    def crowd(self, seed, info_hash, size):
        """So many peers join one swarm; then some of them do what clients do."""
        chance = self.random
        chance.seed(seed)
        clients = [(chance.randrange(self.sources), port) for port in chance.sample(USUAL_PORTS, size)]
        for source, port in clients:
            left, numwant = chance.choice([0, 1]), chance.choice(["1", "30", "50", "200", None])
            if chance.random() < 0.5:
                yield Request("udp", announce_packet(bytes(8), info_hash, port, left=left, event=EVENTS["started"],
                                                     numwant=int(numwant or -1), transaction=chance.randbytes(4),
                                                     peer_id=self.peer_id()), source, own_id=True)
            else:
                target = f"/announce?info_hash={self.escaped(info_hash)}&peer_id={self.peer_id().decode()}&port={port}&left={left}"
                target += "&uploaded=0&downloaded=0&compact=1&event=started" + (f"&numwant={numwant}" if numwant else "")
                yield Request("http", f"GET {target} HTTP/1.1\r\nHost: tracker.test\r\n\r\n".encode("latin-1"), source)
        for source, port in chance.choices(clients, k=size // 3):
            yield chance.choice([self.udp, self.http])(source, port, [info_hash])

    def peer_id(self):
        return b"-SH0000-" + bytes(self.random.choices(b"abcdefghijklmnopqrstuvwxyz0123456789", k=12))

    # --- UDP, BEP 15

    def udp(self, source, port, hashes):
        chance = self.random
        transaction = chance.randbytes(4)
        if chance.random() < 0.05:
            return Request("udp", connect_packet(transaction) + self.rarely(chance.randbytes(chance.randint(1, 8)), b""),
                           source)
        if chance.random() < 0.2:
            wanted = [chance.choice(hashes) if chance.random() < 0.7 else chance.randbytes(20)
                      for _ in range(self.rarely(chance.choice([0, 74, 75, 80]), chance.randint(1, 5)))]
            data = bytes(8) + struct.pack(">I", 2) + transaction + b"".join(wanted)
            data += self.rarely(chance.randbytes(chance.randint(1, 19)), b"")
        else:
            data = announce_packet(
                bytes(8), chance.choice(hashes), self.rarely(0, port), transaction=transaction, peer_id=self.peer_id(),
                left=self.rarely(chance.choice([2**63 - 1, 2**63, 2**64 - 1]), chance.choice([0, 0, 1, 1 << 20])),
                event=self.rarely(chance.choice([4, 5, 99, 0xFFFFFFFF]), chance.randrange(4)),
                numwant=self.rarely(chance.choice([-(1 << 31), (1 << 31) - 1, 201]), chance.choice([-1, 0, 1, 2, 30, 50, 200])),
                ip=self.rarely(chance.getrandbits(32), 0),
                options=self.rarely(chance.choice([b"\0", b"\1\1", b"\2\5/path", b"\2\xff/", chance.randbytes(20)]), b""))
        if chance.random() < 0.01:
            data = data[: chance.randrange(len(data))]
        if chance.random() < 0.01 and len(data) >= 12:
            data = data[:8] + struct.pack(">I", chance.choice([3, 4, 7, 0x01000000])) + data[12:]
        if chance.random() < 0.01:
            return Request("udp", chance.randbytes(8) + data[8:], source)
        return Request("udp", data, source, own_id=True)

    # --- HTTP, BEPs 3, 23 and 48

    def http(self, source, port, hashes):
        chance = self.random
        if chance.random() < 0.2:
            pairs = [("info_hash", self.escaped(chance.choice(hashes) if chance.random() < 0.7 else chance.randbytes(20)))
                     for _ in range(self.rarely(chance.choice([0, 64, 65, 100, 101]), chance.randint(1, 5)))]
            path = self.rarely(chance.choice(["/scrape/", "//scrape", "/scrape.php", "/sc", "/s", "/SCRAPE"]), "/scrape")
        else:
            pairs = self.announce_pairs(port, hashes)
            path = self.rarely(chance.choice(["/announce/", "//announce", "/announce.php", "/a", "/about", "/ANNOUNCE",
                                              "/0123456789abcdef/announce", "/announce/0123456789abcdef", "/", "/x"]), "/announce")
        separator = self.rarely(chance.choice([";", "&&", "& "]), "&")
        query = separator.join(f"{key}={value}" for key, value in pairs)
        return Request("http", self.framed(path + self.rarely("", "?") + query), source)

    def announce_pairs(self, port, hashes):
        chance = self.random
        info_hash = chance.choice(hashes)
        usual = {
            "info_hash": self.escaped(self.rarely(chance.choice([info_hash[:19], info_hash + b"x", b""]), info_hash)),
            "peer_id": self.escaped(self.rarely(chance.choice([b"short", b""]), self.peer_id())),
            "port": self.rarely(chance.choice(["0", "65536", "x", "", "-1", "1.5", " 1", "0x50"]), str(port)),
            "uploaded": "0",
            "downloaded": self.rarely(chance.choice(["x", "-1", ""]), str(chance.getrandbits(30))),
            "left": self.rarely(chance.choice(["x", "-1", "", "9223372036854775808", "18446744073709551616", "00"]),
                                chance.choice(["0", "0", "1", "1048576"])),
            "compact": self.rarely(chance.choice(["0", "x", "2", ""]), "1"),
        }
        if chance.random() < 0.7:
            usual["event"] = self.rarely(chance.choice(["paused", "x", "Started", "stopped%20"]), chance.choice(EVENT_WORDS))
        if chance.random() < 0.7:
            usual["numwant"] = self.rarely(chance.choice(["x", "-1", "201", "99999999999"]),
                                           chance.choice(["0", "1", "2", "30", "50", "200"]))
        if chance.random() < 0.02:
            usual["ip"] = chance.choice(["1.2.3.4", "::1", "example.org", "", "256.1.1.1"])
        if chance.random() < 0.3:
            usual["key"] = "%08x" % chance.getrandbits(32)
        if chance.random() < 0.2:
            usual.update(no_peer_id="1", supportcrypto="1", trackerid="x")
        pairs = list(usual.items())
        if chance.random() < 0.02:
            pairs.remove(chance.choice(pairs))
        if chance.random() < 0.02:
            pairs.append(chance.choice(pairs))
        if chance.random() < 0.3:
            chance.shuffle(pairs)
        return pairs

    def escaped(self, data):
        """As clients do: some escape everything, some only what they must, with digits of either case."""
        way = self.random.randrange(3)
        if way == 0:
            return "".join(f"%{byte:02x}" for byte in data)
        text = urllib.parse.quote(data, safe="")
        return text if way == 1 else re.sub("%..", lambda code: code[0].lower(), text)

    def framed(self, target):
        chance = self.random
        method = self.rarely(chance.choice(["POST", "HEAD", "get", "GETT", ""]), "GET")
        version = self.rarely(chance.choice([" HTTP/2.0", "", " HTTP/1.2", " x"]), chance.choice([" HTTP/1.1", " HTTP/1.0"]))
        lines = [f"{method} {target}{version}"]
        if chance.random() > 0.02:
            lines.append("Host: tracker.test")
        lines += chance.sample(["User-Agent: test/1.0", "Accept: */*", "Accept-Encoding: gzip", "Connection: close",
                                "X-Long: " + "x" * 300], chance.randint(0, 3))
        if chance.random() < 0.01:
            lines.append(chance.choice(["Host: second", "Content-Length: 3", "Broken", "Transfer-Encoding: chunked", " folded"]))
        end = self.rarely("\n", "\r\n")
        data = end.join(lines) + self.rarely("", end + end)
        return data.encode("latin-1")

    def rarely(self, odd, usual):
        return odd if self.random.random() < 0.006 else usual


# --- what is odd about a request

def unescaped(value):
    return urllib.parse.unquote_to_bytes(value) if b"%" in value else value


# What clients do every day.
USUAL = {"connect", "announce", "scrape", "stopped", "completed", "seeder", "numwant", "numwant 0", "no numwant"}


def is_usual(about):
    return about <= USUAL or about <= USUAL | {"several info_hashes"} and "scrape" in about


def oddities(request, known):
    """A set of names. `known`: the info_hashes that are on the trackers' lists."""
    return udp_oddities(request, known) if request.protocol == "udp" else http_oddities(request.data, known)


def udp_oddities(request, known):
    data, found = request.data, set()
    if is_connect(data):
        return {"longer connect"} if len(data) > 16 else {"connect"}
    if not request.own_id:
        found.add("foreign connection id")
    if len(data) < 16:
        return found | {"cut short"}
    action, = struct.unpack(">I", data[8:12])
    if action == 2:
        hashes = (len(data) - 16) // 20
        found |= {name for name, odd in {
            "scrape of nothing": not hashes, "scrape of more than 74": hashes > 74, "torn scrape": (len(data) - 16) % 20,
            "scrape of an unlisted swarm": any(data[16 + 20 * i : 36 + 20 * i] not in known for i in range(hashes)),
            "scrape": True}.items() if odd}
    elif action == 1:
        if len(data) < 98:
            return found | {"cut short"}
        left, = struct.unpack(">Q", data[64:72])
        event, = struct.unpack(">I", data[80:84])
        numwant, port = struct.unpack(">iH", data[92:98])
        found |= {name for name, odd in {
            "announce": True, "unlisted": data[16:36] not in known, "left not known": left >= 1 << 63,
            "unknown event": event > 3, "stopped": event == EVENTS["stopped"], "completed": event == EVENTS["completed"],
            "port 0": port == 0, "numwant 0": numwant == 0, "no numwant": numwant < 0, "numwant": numwant not in (-1, 50),
            "ip": data[84:88] != bytes(4),
            "seeder": left == 0, "more than 98 bytes": len(data) > 98}.items() if odd}
    else:
        found.add("unknown action")
    return found


def http_oddities(data, known):
    found = set()
    if b"\r\n\r\n" not in data:
        found.add("lines end in LF" if b"\n\n" in data else "unfinished")
    head = re.split(rb"\r?\n\r?\n", data, maxsplit=1)[0]
    lines = re.split(rb"\r?\n", head)
    words = lines[0].split(b" ")
    if words[0] != b"GET":
        found.add("not GET")
    if re.search(rb"[\x00-\x1f\x7f]", lines[0]) or len(words) != 3 or words[2] not in (b"HTTP/1.1", b"HTTP/1.0"):
        found.add("odd request line")
    names = [line.split(b":")[0].lower() for line in lines[1:] if line]
    if names.count(b"host") > 1 or any(line[:1] in (b" ", b"\t") or b":" not in line or b"\r" in line or b" :" in line for line in lines[1:] if line):
        found.add("odd headers")
    if len(lines) > 40 or len(head) > 4096:
        found.add("large head")
    if length := re.search(rb"\ncontent-length: *([0-9]{1,9})", head, re.IGNORECASE):
        if len(head) + 4 + int(length[1]) > len(data):
            found.add("unfinished")
    if b"content-length" in names or b"transfer-encoding" in names:
        found.add("body")
    target = words[1] if len(words) > 1 else b""
    path, question, query = target.partition(b"?")
    if path not in (b"/announce", b"/scrape"):
        found.add("odd path")
    if not question:
        found.add("no query")
    segments = [part for part in path.split(b"/") if part]
    verb = "scrape" if segments and any(part.startswith((b"sc", b"s")) for part in segments) else "announce"
    return found | {verb} | query_oddities(query, known, verb)


def query_oddities(query, known, verb):
    found, values = set(), {}
    if b";" in query or b"&&" in query or b" " in query:
        found.add("odd separators")
    if re.search(rb"[^A-Za-z0-9%&=;:@/?~$_.+!*'(), -]", query):
        found.add("a character that should be escaped")
    hashes = []
    for pair in query.split(b"&"):
        key, equals, value = pair.partition(b"=")
        if key in values and key != b"info_hash":
            found.add("a key twice")
        if equals:
            values[key] = unescaped(value)
        if key == b"info_hash":
            hashes.append(unescaped(value))
    bad = [h for h in hashes if len(h) != 20]
    number = re.compile(rb"[0-9]+\Z")

    def odd_number(key, limit):
        value = values.get(key, b"0")
        return not number.match(value) or int(value) >= limit

    found |= {name for name, odd in {
        "no info_hash": not hashes, "several info_hashes": len(hashes) > 1, "bad info_hash": bad,
        "unlisted": any(h not in known for h in hashes if len(h) == 20), "scrape of more than 64": len(hashes) > 64}.items() if odd}
    if verb == "scrape":
        return found
    found |= {name for name, odd in {
        "bad peer_id": len(values.get(b"peer_id", b"")) != 20, "no port": b"port" not in values,
        "port 0": number.match(values.get(b"port", b"x")) and int(values[b"port"]) == 0,
        "bad port": odd_number(b"port", 65536), "bad left": odd_number(b"left", 1 << 63), "no left": b"left" not in values,
        "seeder": values.get(b"left") in (b"0", b"00"), "bad numwant": odd_number(b"numwant", 1 << 31),
        "numwant 0": values.get(b"numwant") == b"0", "numwant": values.get(b"numwant", b"50") != b"50",
        "compact is not 1": values.get(b"compact") != b"1", "ip": b"ip" in values,
        "stopped": values.get(b"event") == b"stopped", "completed": values.get(b"event") == b"completed",
        "unknown event": values.get(b"event", b"").decode("latin-1") not in EVENT_WORDS,
        "bad downloaded": odd_number(b"downloaded", 1 << 63)}.items() if odd}
    return found
