"""Datagrams arrive on every path from an MTU of 1280 on, whole, in both families: a node, a router, and behind its narrow
link a client and another node, in network namespaces. What is fragmented does not arrive, as on many networks."""

import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import unittest

from cluster import SHOAL, Node, at, wait_in_step
from link_cluster import available, inside, peers_known, run
from nodes import fresh_hash
from udp_client import UdpClient
from wait import wait_for

TRACKER, SYNC, ADMIN = 6969, 6970, 9697
MTUS = (1280, 1420, 1480, 1492)  # the least of IPv6, WireGuard, 6in4, PPPoE
NEAR = {"IPv4": "10.95.1.2", "IPv6": "fd95:1::2"}
FAR = {"IPv4": "10.95.2.2", "IPv6": "fd95:2::2"}
FORGED_MTU = 576
NO_FRAGMENTS = """
table inet narrow {
  counter fragments { }
  chain in {
    type filter hook prerouting priority -450
    ip frag-off & 0x3fff != 0 counter name fragments drop
    exthdr frag exists counter name fragments drop
  }
}
"""


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def forge_too_big(here, there, port, our_port):
    """Tells `there` that its datagrams from `port` to `our_port` here are too big. Anybody can send that."""
    if ":" in here:
        inner = struct.pack(">IHBB", 6 << 28, 1240, 17, 64) + socket.inet_pton(socket.AF_INET6, there)
        inner += socket.inet_pton(socket.AF_INET6, here) + struct.pack(">HHHH", port, our_port, 1240, 0)
        packet = struct.pack(">BBHI", 2, 0, 0, 1280) + inner
        kind = socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6  # the kernel makes the checksum
    else:
        inner = struct.pack(">BBHHHBBH", 0x45, 0, 1248, 1, 0x4000, 64, 17, 0) + socket.inet_aton(there) + socket.inet_aton(here)
        inner = inner[:10] + struct.pack(">H", checksum(inner)) + inner[12:] + struct.pack(">HHHH", port, our_port, 1228, 0)
        packet = struct.pack(">BBHHH", 3, 4, 0, 0, FORGED_MTU) + inner
        packet = packet[:2] + struct.pack(">H", checksum(packet)) + packet[4:]
        kind = socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP
    with socket.socket(*kind) as raw:
        raw.sendto(packet, (there, 0))


@unittest.skipUnless(available(), "network namespaces need root, ip and nft")
class PathMtu(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="shoal-mtu-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.mark = f"sm{os.getpid()}-{os.urandom(2).hex()}"
        self.key = os.path.join(self.folder, "cluster.key")
        run(SHOAL, "keygen", self.key)
        for name in ("near", "router", "far"):
            run("ip", "netns", "add", self.space(name))
            self.addCleanup(subprocess.run, ["ip", "netns", "del", self.space(name)], check=False, capture_output=True)
            run("ip", "-n", self.space(name), "link", "set", "lo", "up")
        for number, name in ((1, "near"), (2, "far")):
            run("ip", "-n", self.space("router"), "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns",
                self.space(name))
            for space, device, last in (("router", name, 1), (name, "eth0", 2)):
                run("ip", "-n", self.space(space), "addr", "add", f"10.95.{number}.{last}/24", "dev", device)
                run("ip", "-n", self.space(space), "addr", "add", f"fd95:{number}::{last}/64", "dev", device, "nodad")
                run("ip", "-n", self.space(space), "link", "set", device, "up")
            run("ip", "-n", self.space(name), "route", "add", "default", "via", f"10.95.{number}.1")
            run("ip", "-n", self.space(name), "-6", "route", "add", "default", "via", f"fd95:{number}::1")
        for sysctl in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            run("ip", "netns", "exec", self.space("router"), "sh", "-c", f"echo 1 > /proc/sys/net/{sysctl}")
        run("ip", "netns", "exec", self.space("far"), "nft", "-f", "-", text=NO_FRAGMENTS)
        self.nodes = []
        self.addCleanup(self.stop)

    def space(self, name):
        return f"{self.mark}-{name}"

    def stop(self):
        self.assertEqual([node.stop() for node in self.nodes], [0] * len(self.nodes))

    def start_node(self, name, sync=None):
        everywhere = [at("0.0.0.0", TRACKER), at("::", TRACKER)]
        settings = {"node": {"name": name, "workers": 1, "drain_s": 0},
                    "tracker": {"udp": everywhere, "http": [], "numwant_max": 1000},
                    "admin": {"listen": at("127.0.0.1", ADMIN)}}
        if sync:
            settings["sync"] = {"listen": at(sync[name], SYNC), "key_files": [self.key],
                                "peers": [at(address, SYNC) for address in sync.values()]}
        node = Node(name, self.folder, settings, TRACKER, at("127.0.0.1", ADMIN), ["ip", "netns", "exec", self.space(name)])
        self.nodes.append(node)
        node.start()
        return node

    def narrow(self, mtu):
        run("ip", "-n", self.space("router"), "link", "set", "far", "mtu", str(mtu))
        run("ip", "-n", self.space("far"), "link", "set", "eth0", "mtu", str(mtu))

    def fragments(self):
        listed = subprocess.run(["ip", "netns", "exec", self.space("far"), "nft", "-j", "list", "counters"], check=True,
                                capture_output=True, text=True).stdout
        return sum(one["counter"]["packets"] for one in json.loads(listed)["nftables"] if "counter" in one)

    def near(self, family):
        return UdpClient((NEAR[family], TRACKER), timeout_s=3)

    def check_answers(self, family, info_hash):
        """The largest answers: the peers that libtorrent asks for by default, more than fit, and a scrape of 74."""
        with inside(self.space("far")), self.near(family) as client:
            most = 67 if family == "IPv6" else 205
            self.assertEqual(len(client.announce(info_hash, 1, numwant=200)["peers"]), min(200, most))
            self.assertEqual(len(client.announce(info_hash, 1, numwant=1000)["peers"]), most)
            self.assertEqual(len(client.scrape(info_hash, *(fresh_hash() for _ in range(73)))), 74)
        self.assertEqual(self.fragments(), 0)

    def test_answers(self):
        node = self.start_node("near")
        with inside(self.space("near")):
            wait_for(node.ready, 10)
        hashes = {family: fresh_hash() for family in NEAR}
        for family, info_hash in hashes.items():
            with inside(self.space("near")), self.near(family) as client:
                for port in range(1000, 1300):
                    client.announce(info_hash, port, numwant=0)
        for mtu in MTUS:
            self.narrow(mtu)
            for family, info_hash in hashes.items():
                with self.subTest(mtu=mtu, family=family):
                    self.check_answers(family, info_hash)

        # A forged message about the very datagrams changes nothing.
        for family, info_hash in hashes.items():
            with self.subTest("forged", family=family), inside(self.space("far")), self.near(family) as client:
                client.connect()
                our_port = client.socket.getsockname()[1]
                forge_too_big(FAR[family], NEAR[family], TRACKER, our_port)
                answer = client.announce(info_hash, 1, numwant=200)
                self.assertEqual(len(answer["peers"]), 67 if family == "IPv6" else 200)
                self.assertEqual(self.fragments(), 0)

    def check_sync(self, family):
        self.narrow(MTUS[0])
        addresses = {"near": NEAR[family], "far": FAR[family]}
        for name in addresses:
            self.start_node(name, addresses)
        for node in self.nodes:
            with inside(self.space(node.name)):
                wait_in_step(node, 1)
        for here, there in (("near", "far"), ("far", "near")):
            with inside(self.space(here)):
                forge_too_big(addresses[here], addresses[there], SYNC, SYNC)
        peers = 0
        for sender, receiver in ((0, 1), (1, 0)):
            node = self.nodes[sender]
            with inside(self.space(node.name)), UdpClient((NEAR["IPv4"] if sender == 0 else FAR["IPv4"], TRACKER)) as client:
                info_hash = fresh_hash()
                for port in range(1000, 2500):
                    client.announce(info_hash, port, numwant=0)
            peers += 1500
            with inside(self.space(self.nodes[receiver].name)):
                wait_for(lambda n=self.nodes[receiver], p=peers: peers_known(n) == p, 10, f"{peers} peers at the other node")
                self.assertEqual(self.nodes[receiver].metric("shoal_sync_delta_packets_lost_total"), 0)
        self.assertEqual(self.fragments(), 0)

    def test_sync_ipv4(self):
        self.check_sync("IPv4")

    def test_sync_ipv6(self):
        self.check_sync("IPv6")
