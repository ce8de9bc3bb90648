"""SyncMember: takes part in a cluster of real nodes as one more member, which announces nothing: it hears the delta packets,
asks for what is missing, and pulls by sketches. It speaks by the second implementation (delta_packet.py, sketch.py)."""

import ctypes
import os
import select
import socket
import time

import sketch
from delta_packet import (CHALLENGE, DELTAS, HASHES, HEAD, HEARTBEAT, NONCE, NUMBERED, SODIUM, derive, number, open_datagram,
                          read_body)

CLUSTER = "default"
TIMEOUT_S = 2700
TICK_MS = TIMEOUT_S * 1000 // 180
MOMENTS = 32  # of a tick
CONTROL, REQUESTS = 1, 2
ECHO, NACK, HASHES_ASK, LEAVE, PULL = 11, 12, 14, 3, 23  # fields of Packet
HASHES_MAX = 45
NACK_RANGES_MAX = 64
ASK_AFTER_S = 0.02


def varint(value):
    out = b""
    while value > 127:
        value, out = value >> 7, out + bytes([value & 127 | 128])
    return out + bytes([value])


def field(tag, value):
    """Of a message: a number or, if `value` is bytes, text or a message."""
    if isinstance(value, int):
        return varint(tag << 3) + varint(value)
    return varint(tag << 3 | 2) + varint(len(value)) + value


def fixed64(tag, value):
    return varint(tag << 3 | 1) + value.to_bytes(8, "little")


def steps(values):
    return b"".join(varint(value - before) for before, value in zip([0, *values], values))


def endpoint_of(address):
    return socket.inet_aton(address[0]) + address[1].to_bytes(2, "big")


def node_id(name):
    return derive(derive(b"", "shoal 1 node id", CLUSTER), "shoal 1 node id", name, 8)


class Stream:
    """The delta stream of one run of a node."""

    def __init__(self):
        self.base = None  # up to here nothing is missed
        self.seen = set()
        self.announced = 0
        self.told = {}
        self.aside = {}  # by number: deltas
        self.asked = 0.0

    def missing(self):
        if self.base is None:
            return []
        return [i for i in range(self.base + 1, max(self.seen | {self.announced}) + 1) if i not in self.seen]


class SyncMember:
    def __init__(self, nodes, key_file, name="listener", numbered=True, loses=lambda sequence: False):
        """`nodes`: addresses of sync channels. `loses`: which delta packets it loses the first time."""
        with open(key_file, encoding="ascii") as file:
            self.secret = bytes.fromhex(file.read().split(":")[-1].strip())
        self.nodes, self.name, self.numbered, self.loses = nodes, name, numbered, loses
        self.started = time.time()
        self.incarnation = int(self.started * 1000) << 16
        self.sequences = {CONTROL: 0, REQUESTS: 0}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.next_heartbeat = 0.0
        self.members = {}  # by id: incarnation, address
        self.streams = {}  # by (id, incarnation)
        self.records = {}  # by (info_hash, endpoint, web): state, tick
        self.kinds = {DELTAS: 0, NUMBERED: 0, HASHES: 0}  # packets read
        self.named = 0  # deltas that came by number
        self.lost = set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.send(field(LEAVE, b""))
        self.socket.close()

    def now_tick(self):
        return int(time.time() * 1000) // TICK_MS

    def seal(self, stream, packet):
        self.sequences[stream] += 1
        head = (b"shl\x01" + derive(b"", "shoal 1 cluster tag", CLUSTER, 4) + derive(self.secret, "shoal 1 key id", CLUSTER, 4)
                + node_id(self.name) + self.incarnation.to_bytes(8, "big") + bytes([stream])
                + self.sequences[stream].to_bytes(7, "big"))
        body = b"\0" + packet
        out = ctypes.create_string_buffer(len(body) + 16)
        SODIUM.crypto_aead_xchacha20poly1305_ietf_encrypt(
            out, None, body, ctypes.c_ulonglong(len(body)), head, ctypes.c_ulonglong(HEAD), None, head[NONCE],
            derive(self.secret, "shoal 1 seal", CLUSTER))
        return head + out.raw

    def send(self, packet, to=None):
        datagram = self.seal(CONTROL, packet)
        for address in [to] if to else self.nodes:
            self.socket.sendto(datagram, address)

    def heartbeat(self):
        out = (field(1, self.name.encode()) + field(2, int(time.time() * 1000)) + field(3, int((time.time() - self.started) * 1000))
               + field(4, TIMEOUT_S) + field(7, 1) + field(13, derive(self.secret, "shoal 1 key id", CLUSTER, 4)) + field(14, 3)
               + field(44, 1) + field(47, int(self.numbered)))
        for member, (incarnation, address) in self.members.items():
            out += field(8, fixed64(1, member) + fixed64(2, incarnation) + field(3, endpoint_of(address)))
        self.send(field(HEARTBEAT, out))

    def run_until(self, condition, timeout_s, what):
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {timeout_s:g} s: {what}")
            self.step()

    def run_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.step()

    def step(self):
        if time.monotonic() >= self.next_heartbeat:
            self.heartbeat()
            self.next_heartbeat = time.monotonic() + 0.5
        if select.select([self.socket], [], [], 0.01)[0]:
            datagram, address = self.socket.recvfrom(2048)
            self.receive(datagram, address)
        for (member, incarnation), stream in self.streams.items():
            if time.monotonic() - stream.asked > ASK_AFTER_S:
                self.ask(stream, incarnation, self.members[member][1])

    def ask(self, stream, incarnation, address):
        stream.asked = time.monotonic()
        if missing := stream.missing():
            spans, end = [], 0
            for at in missing:
                if at == end:
                    spans[-1] += 1
                elif len(spans) < 2 * NACK_RANGES_MAX:
                    spans += [at - end, 1]
                else:
                    break
                end = at + 1
            spans = b"".join(map(varint, spans))
            self.send(field(NACK, fixed64(1, incarnation) + field(2, spans)), address)
        if stream.aside:
            numbers = sorted(stream.aside)[:HASHES_MAX]
            self.send(field(HASHES_ASK, fixed64(1, incarnation) + field(2, steps(numbers))), address)

    def receive(self, datagram, address):
        opened = open_datagram(datagram, self.secret, CLUSTER)
        if opened is None:
            return
        member, incarnation, stream_number, sequence, body = opened
        self.members[member] = incarnation, address
        stream = self.streams.setdefault((member, incarnation), Stream())
        if stream_number == 0:
            if self.loses(sequence) and (member, sequence) not in self.lost:
                self.lost.add((member, sequence))
                return
            if sequence in stream.seen:
                return
            stream.seen.add(sequence)
        kind, content = read_body(body)
        if stream.base is None and kind in (DELTAS, NUMBERED, HEARTBEAT):
            stream.base = content.get(6, [0])[-1] if kind == HEARTBEAT else sequence - 1
        if kind in self.kinds:
            self.kinds[kind] += 1
        if kind == CHALLENGE and int.from_bytes(content[1][-1], "little") == self.incarnation:
            echo = field(1, content[2][-1]) + field(3, int((time.time() - self.started) * 1000)) + field(4, int(time.time() * 1000))
            self.send(field(ECHO, echo), address)
        elif kind == HEARTBEAT:
            stream.announced = max(stream.announced, content.get(6, [0])[-1])
        elif kind in (DELTAS, NUMBERED):
            for info_hash, named, *delta in content:
                self.take(stream, info_hash, named, delta)
        elif kind == HASHES:
            for named, info_hash in content[1].items():
                self.learn(stream, named, info_hash)

    def take(self, stream, info_hash, named, delta):
        if info_hash and named:
            self.learn(stream, named, info_hash)
        if not info_hash:
            self.named += 1
            info_hash = stream.told.get(named)
        if info_hash:
            self.merge(info_hash, *delta)
        else:
            stream.aside.setdefault(named, []).append(delta)

    def learn(self, stream, named, info_hash):
        stream.told[named] = info_hash
        for delta in stream.aside.pop(named, []):
            self.merge(info_hash, *delta)

    def merge(self, info_hash, endpoint, state, stamp, web):
        """The later moment wins, then who is not stopped, then the seeder; completed stays."""
        now = self.now_tick()
        tick = now - ((now - stamp + 128) % 256 - 128)
        key = info_hash, endpoint, web
        before = self.records.get(key, (0, 0))
        role = state >> 1 & 3
        order = tick * MOMENTS + (state >> 3), (1, 2, 0)[role]
        old = before[1] * MOMENTS + (before[0] >> 3), (1, 2, 0)[before[0] >> 1 & 3]
        completed = (state | before[0]) & 1
        kept = (state, tick) if order > old else before
        self.records[key] = kept[0] | completed, kept[1]

    def peers(self, info_hash):
        """(address, port) of those that are not stopped."""
        return {(socket.inet_ntoa(endpoint[:4]), number(endpoint[4:])) for (of, endpoint, _), (state, _) in self.records.items()
                if of == info_hash and len(endpoint) == 6 and state >> 1 & 3 != 2}

    def pull(self, donor, held, symbols, ticks=40):
        """What node `donor` (its name) has and `held` lacks of the newest ticks, as sketch.read_answer() says; each of `held`
        is (info_hash, endpoint, state, stamp, web)."""
        member = number(node_id(donor))
        incarnation, address = self.members[member]
        salt = number(os.urandom(8)), number(os.urandom(8))
        ours = sketch.Sketch(salt, symbols)
        for info_hash, endpoint, state, stamp, web in held:
            ours.add(ours.id(sketch.record_hash(info_hash, endpoint, state, web), stamp))
        part = field(1, self.now_tick() - ticks + 2) + field(2, ticks)
        request = self.seal(REQUESTS, field(PULL, fixed64(1, member) + fixed64(2, incarnation) + field(3, part) + field(4, 1)
                                            + field(5, ours.bytes()) + fixed64(6, salt[0]) + fixed64(7, salt[1])))
        with socket.create_connection(address, timeout=10) as connection:
            connection.sendall(len(request).to_bytes(2, "big") + request)
            stream = b"".join(iter(lambda: connection.recv(65536), b""))
        return sketch.read_answer(stream, request[NONCE], (member, incarnation), derive(self.secret, "shoal 1 seal", CLUSTER))
