"""Attacks on the port of the sync channel by somebody without a key: floods of what does not open, datagrams that were
recorded and are played again, connections that say nothing."""

import os
import random
import socket
import struct
import time

from attack import Cost, attack, cpu_seconds, rss_bytes
from cluster import Cluster, free_port
from wait import wait_for

DATAGRAMS = 40_000
CONNECTIONS = 600


def address_of(node):
    host, port = node.settings["sync"]["listen"].rsplit(":", 1)
    return host, int(port)


def all_alive(nodes):
    return all(node.members_alive() == len(nodes) - 1 for node in nodes)


def listener():
    """A socket at an address that nodes can be told to send to."""
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.bind(("127.0.0.1", free_port(("127.0.0.1",))))
    out.settimeout(0.2)
    return out


def record(eavesdropper, seconds):
    """What arrives there, as somebody would record it who sees the line."""
    recorded = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            recorded.append(eavesdropper.recv(2048))
        except TimeoutError:
            pass
    return recorded


def send_all(source, datagrams, targets):
    """Sends them in turn, DATAGRAMS in all, and lets the kernel's buffers empty now and then."""
    sent = 0
    while sent < DATAGRAMS:
        for datagram in datagrams:
            source.sendto(datagram, targets[sent % len(targets)])
            sent += 1
            if sent % 200 == 0:
                time.sleep(0.005)
    return sent


def attacked(eavesdropped, make):
    """Runs a pair of nodes, one of which also sends to the attacker, while the attacker sends what `make` makes of that."""
    eavesdropper = listener()
    with eavesdropper, Cluster(nodes=2, hosts=("127.0.0.1",)) as pair:
        nodes = pair.nodes
        nodes[0].settings["sync"]["peers"].append(f"127.0.0.1:{eavesdropper.getsockname()[1]}")
        nodes[0].stop()
        nodes[0].start()
        wait_for(lambda: all_alive(nodes), 30, "both nodes to meet")
        recorded = record(eavesdropper, eavesdropped)
        before = [node.status() for node in nodes]
        memory = [rss_bytes(node.process.pid) for node in nodes]
        cpu = sum(cpu_seconds(node.process.pid) for node in nodes)
        start = time.monotonic()
        sent = send_all(eavesdropper, make(recorded), [address_of(node) for node in nodes])
        took = time.monotonic() - start
        met = all_alive(nodes)
        cpu = sum(cpu_seconds(node.process.pid) for node in nodes) - cpu
        grown = max(rss_bytes(node.process.pid) - was for node, was in zip(nodes, memory))
        after = [node.status() for node in nodes]
        same = all([member["incarnation"] for member in now["members"]] == [member["incarnation"] for member in was["members"]]
                   and now["node"]["ready"] for now, was in zip(after, before))
        strangers = max(len(now["strangers"]) for now in after)
        return Cost(attacker=f"{sent:,} datagrams in {took:.1f} s",
                    node=f"{cpu * 1e6 / sent:.0f} us of CPU each, {grown >> 10} KiB, {strangers} strangers listed",
                    held=met and same and grown <= 16 << 20 and strangers <= 64)


BOUND = "no member lost, won or changed, ready; 16 MiB; 64 strangers"


@attack("datagrams at the sync port that no key opens: noise, and headers that look right", bound=BOUND)
def garbage():
    def make(recorded):
        generator = random.Random(1)
        datagrams = []
        for number in range(2000):
            noise = generator.randbytes(generator.randrange(1, 1200))
            head = bytearray(recorded[0][:36])
            head[12:20] = struct.pack(">Q", generator.getrandbits(64))  # another sender each time
            head[29:36] = (number + 1).to_bytes(7, "big")
            datagrams.append(noise if number % 2 else bytes(head) + noise)
        return datagrams

    return attacked(1.5, make)


@attack("datagrams of a node that were recorded, played again to it and to the others from elsewhere", bound=BOUND)
def replays():
    return attacked(4, lambda recorded: recorded)


@attack("recorded datagrams, cut short or with one bit wrong", bound=BOUND)
def damaged_replays():
    def make(recorded):
        generator = random.Random(2)
        out = []
        for datagram in recorded * 20:
            changed = bytearray(datagram)
            changed[generator.randrange(len(changed))] ^= 1 << generator.randrange(8)
            out += [bytes(changed), datagram[:generator.randrange(len(datagram))]]
        return out

    return attacked(2, make)


@attack(f"{CONNECTIONS} connections to the sync port that say nothing", bound="32 descriptors, 8 MiB; a node that starts is ready in 30 s")
def silent_connections():
    with Cluster(nodes=2, hosts=("127.0.0.1",)) as pair:
        donor, starter = pair.nodes
        starter.stop()
        pid = donor.process.pid
        descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        memory = rss_bytes(pid)
        held = []
        try:
            for number in range(CONNECTIONS):
                # From other addresses of the loopback network, as from many machines.
                connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                connection.bind((f"127.0.0.{2 + number % 200}", 0))
                connection.settimeout(2)
                try:
                    connection.connect(address_of(donor))
                except OSError:
                    connection.close()
                    continue
                held.append(connection)
            time.sleep(0.5)
            more = len(os.listdir(f"/proc/{pid}/fd")) - descriptors
            grown = rss_bytes(pid) - memory
            start = time.monotonic()
            starter.start()
            wait_for(starter.ready, 30, "a node to start from the one that is attacked")
            took = time.monotonic() - start
        finally:
            for connection in held:
                connection.close()
        return Cost(attacker=f"{len(held)} connections", node=f"{more} descriptors, {grown >> 10} KiB; a start takes {took:.1f} s",
                    held=more <= 32 and grown <= 8 << 20)
