"""Attacks on the store: what strangers can make it hold, and how long it then takes to find anything."""

import os
import time

from attack import Bystander, Cost, attack, cpu_seconds, one_node, rss_bytes
from memory_group import MemoryGroup
from report import Skip
from udp_client import Refused, UdpClient
from udp_flooder import UdpFlooder
from wait import wait_for

GROUP_BYTES = 100 << 20
STORE_BYTES = GROUP_BYTES // 2
# Fills what the store may take with lonely IPv4 swarms, and a third more.
FLOOD = 4 * (STORE_BYTES // 53) // 3
FLOOD_S_MAX = 120  # ten on an idle machine
HONEST = 500
# What the rates would spare the node is not measured here.
NO_RATES = {"requests_per_s_per_address": 0, "requests_per_s_per_prefix": 0}


def in_group(cluster, group):
    for node in cluster.nodes:
        node.run_in = group.run_in
    return cluster


def honest_swarms(node, count):
    """Swarms of two addresses each; returns their info_hashes."""
    hashes = [os.urandom(20) for _ in range(count)]
    for source in ("127.0.3.1", "127.0.4.1"):
        with UdpClient(("127.0.0.1", node.tracker_port), source=source) as client:
            client.connect()
            for info_hash in hashes:
                client.announce(info_hash, 6881)
    return hashes


def kept(node, hashes):
    """How many of the swarms still have two peers."""
    found = 0
    with UdpClient(("127.0.0.1", node.tracker_port)) as client:
        client.connect()
        for at in range(0, len(hashes), 50):
            found += sum(counts[0] + counts[2] == 2 for counts in client.scrape(*hashes[at : at + 50]))
    return found


def flooded(sources):
    with MemoryGroup(GROUP_BYTES) as group, in_group(one_node(limits=NO_RATES), group) as node, Bystander(node, rate=20) as bystander:
        hashes = honest_swarms(node, HONEST)
        with UdpFlooder(("127.0.0.1", node.tracker_port), sources) as flooder:
            deadline = time.monotonic() + FLOOD_S_MAX
            # Some datagrams are lost on the way, so until the node says that it is full.
            while flooder.sent < FLOOD or not node.metric("shoal_store_giving_up"):
                flooder.announce(50_000)
                if time.monotonic() > deadline:
                    raise Skip(f"this machine is too busy: {flooder.sent:,} announces in {FLOOD_S_MAX} s do not fill the node")
            refused = 0
            with UdpClient(("127.0.0.1", node.tracker_port), source="127.0.5.1") as newcomer:
                newcomer.connect()
                for _ in range(100):
                    try:
                        newcomer.announce(os.urandom(20), 6881)
                    except Refused:
                        refused += 1
            stayed = kept(node, hashes)
            full = node.metric("shoal_store_giving_up") == 1
            said = any("memory" in problem["text"] for problem in node.status()["problems"])
            used, kills, sent = group.used_bytes(), group.kills(), flooder.sent
        return Cost(attacker=f"{sent:,} datagrams of 98 bytes from {len(sources)} addresses",
                    node=f"{used >> 20} MiB, killed {kills} times, {stayed} of {HONEST} honest swarms kept, {refused} of 100 newcomers "
                         f"refused, {bystander.answered} of {bystander.asked} honest requests answered",
                    held=kills == 0 and stayed == HONEST and refused <= 2 and full and said)


@attack("random info_hashes from one address, in a control group of 100 MiB",
        bound="never killed, every swarm of two addresses stays, newcomers are let in, the status says so")
def random_hashes():
    return flooded(["127.0.2.1"])


@attack("random info_hashes from 200 networks, in a control group of 100 MiB",
        bound="the same")
def random_hashes_from_many():
    return flooded([f"127.1.{i}.1" for i in range(200)])


@attack("a swarm of 60,000 peers, of which all but 1,000 stop",
        bound="an announce takes at most 3 times the CPU that one of the full swarm takes")
def scattered_swarm():
    peers, asked = 60_000, 20_000
    with one_node(tracker={"numwant_max": 200}, limits=NO_RATES) as node:
        info_hash = os.urandom(20)
        with UdpFlooder(("127.0.0.1", node.tracker_port), ["127.0.2.1"]) as flooder:
            sender, connection_id = flooder._sockets[0]

            def announce(port, event, numwant):
                sender.send(connection_id + b"\0\0\0\1abcd" + info_hash + b"-SH0000-012345678901" + bytes(7) + b"\0" + bytes(7) + b"\1"
                            + bytes(8) + event.to_bytes(4, "big") + bytes(8) + numwant.to_bytes(4, "big") + port.to_bytes(2, "big"))

            def stored(state):
                status = node.status()["peers"]
                return status[state + "_v4"]

            def each(ports, event, state, wanted):
                for _ in range(20):
                    for number, port in enumerate(ports):
                        announce(port, event, 0)
                        if number % 64 == 0:
                            time.sleep(0.0005)
                    if stored(state) == wanted:
                        return
                raise AssertionError(f"{stored(state)} peers instead of {wanted}")

            def cost():
                before = cpu_seconds(node.process.pid)
                answers = node.metric("shoal_udp_datagrams_sent_total")
                for number in range(asked):
                    announce(1 + number % 1000, 0, 200)
                    if number % 64 == 0:
                        time.sleep(0.0005)
                wait_for(lambda: node.metric("shoal_udp_datagrams_received_total") > 0, 5)
                done = node.metric("shoal_udp_datagrams_sent_total") - answers
                return (cpu_seconds(node.process.pid) - before) / done * 1e6

            each(range(1, peers + 1), 2, "leechers", peers)
            full = cost()
            each(range(1001, peers + 1), 3, "leechers", 1000)
            left = cost()
        return Cost(attacker=f"{2 * peers:,} announces", node=f"{left:.1f} us of CPU an announce, {full:.1f} before",
                    held=left <= 3 * full + 2)


@attack("100,000 info_hashes with the same leading 10 bits", bound="the CPU of as many random ones, and a half; the same memory and a tenth")
def one_bucket():
    def flood(make):
        with one_node(limits=NO_RATES) as node:
            with UdpFlooder(("127.0.0.1", node.tracker_port)) as flooder:
                # The first make tables of fixed size.
                flooder.announce(4096, make)
                time.sleep(0.2)
                first, sent = node.metric("shoal_swarms"), flooder.sent
                before, rss = cpu_seconds(node.process.pid), rss_bytes(node.process.pid)
                for _ in range(25):
                    flooder.announce(4096, make)
                    time.sleep(0.02)
                sent = flooder.sent - sent
            time.sleep(0.2)
            stored = node.metric("shoal_swarms") - first
            return (cpu_seconds(node.process.pid) - before) / stored * 1e6, (rss_bytes(node.process.pid) - rss) / stored, sent

    random_us, random_bytes, _ = flood(lambda random: random)
    chosen_us, chosen_bytes, sent = flood(lambda random: bytes([0, random[1] & 0x3F]) + random[2:])
    return Cost(attacker=f"{sent:,} datagrams, no search for a key",
                node=f"{chosen_us:.1f} us of CPU and {chosen_bytes:.0f} bytes a swarm; random ones {random_us:.1f} us and {random_bytes:.0f} bytes",
                held=chosen_us <= 1.5 * random_us + 2 and chosen_bytes <= 1.1 * random_bytes + 10)
