"""docs/DEPLOY-VPS.md with its own files: three servers in network namespaces, with compose/vps/shoal.toml and the
firewall compose/vps/nftables.conf, joined by one network that reaches every address. Over IPv4, with the third server
behind address translation, and over IPv6."""

import os
import shutil
import socket
import subprocess
import tempfile
import tomllib
import unittest

from cluster import ROOT, SHOAL, Node, at, wait_in_step
from http_client import HttpClient
from link_cluster import available, inside, run
from nodes import fresh_hash
from udp_client import UdpClient
from wait import wait_for

VPS = os.path.join(ROOT, "compose", "vps")
NAMES = ("one", "two", "three")
# The ports in the shipped files.
V4 = ("192.0.2.1", "198.51.100.1", "203.0.113.1")
V6 = ("2001:db8:1::1", "2001:db8:2::1", "2001:db8:3::1")
STRANGER = {4: "198.18.0.9", 6: "2001:db8:99::9"}
TRACKER, SYNC, ADMIN = 6969, 6970, 9697
INNER_ROUTER, INNER = "10.99.0.1", "10.99.0.2"

TRANSLATION = f"""
table ip translation {{
  chain in {{
    type nat hook prerouting priority dstnat;
    iif "eth0" meta l4proto {{ tcp, udp }} th dport {{ {TRACKER}, {SYNC} }} dnat to {INNER}
  }}
  chain out {{
    type nat hook postrouting priority srcnat;
    oif "eth0" masquerade
  }}
}}
"""


@unittest.skipUnless(available(), "network namespaces and a firewall need root, ip and nft")
class Vps(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="shoal-vps-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.mark = f"sv{os.getpid()}-{os.urandom(2).hex()}"
        self.key = os.path.join(self.folder, "cluster.key")
        run(SHOAL, "keygen", self.key)
        self.nodes = []
        self.add_space("net")
        run("ip", "-n", self.space("net"), "link", "add", "br0", "type", "bridge")
        run("ip", "-n", self.space("net"), "link", "set", "br0", "up")
        self.addCleanup(self.end)

    def space(self, name):
        return f"{self.mark}-{name}"

    def add_space(self, name):
        run("ip", "netns", "add", self.space(name))
        self.addCleanup(subprocess.run, ["ip", "netns", "del", self.space(name)], check=False, capture_output=True)
        run("ip", "-n", self.space(name), "link", "set", "lo", "up")

    def add_machine(self, name, *addresses):
        """Adds a server to the network, with these addresses; it reaches all others through it."""
        self.add_space(name)
        run("ip", "-n", self.space("net"), "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", self.space(name))
        run("ip", "-n", self.space("net"), "link", "set", name, "master", "br0", "up")
        run("ip", "-n", self.space(name), "link", "set", "eth0", "up")
        for address in addresses:
            v6 = ":" in address
            run("ip", "-n", self.space(name), "addr", "add", f"{address}/{128 if v6 else 32}", "dev", "eth0",
                *(["nodad"] if v6 else []))
            run("ip", "-n", self.space(name), "-6" if v6 else "-4", "route", "add", "default", "dev", "eth0")

    def add_translated(self, name, outer):
        """Adds a server behind a router that has the outer address."""
        self.add_machine("nat", outer)
        self.add_space(name)
        run("ip", "-n", self.space("nat"), "link", "add", "inner", "type", "veth", "peer", "name", "eth0", "netns", self.space(name))
        for space, device, address in (("nat", "inner", INNER_ROUTER), (name, "eth0", INNER)):
            run("ip", "-n", self.space(space), "addr", "add", f"{address}/24", "dev", device)
            run("ip", "-n", self.space(space), "link", "set", device, "up")
        run("ip", "-n", self.space(name), "route", "add", "default", "via", INNER_ROUTER)
        run("ip", "netns", "exec", self.space("nat"), "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        run("ip", "netns", "exec", self.space("nat"), "nft", "-f", "-", text=TRANSLATION)

    def start_node(self, name, peers, listen, advertise=None):
        run("ip", "netns", "exec", self.space(name), "nft", "-f", os.path.join(VPS, "nftables.conf"))
        with open(os.path.join(VPS, "shoal.toml"), "rb") as file:
            settings = tomllib.load(file)
        settings["node"].update(name=name, snapshot=os.path.join(self.folder, f"{name}.snapshot"), drain_s=1, workers=1)
        settings["sync"].update(listen=at(listen, SYNC), peers=[at(peer, SYNC) for peer in peers], advertise=advertise,
                                key_files=[self.key])
        node = Node(name, self.folder, settings, TRACKER, at("127.0.0.1", ADMIN), ["ip", "netns", "exec", self.space(name)])
        self.nodes.append(node)
        node.start()

    def end(self):
        for node in self.nodes:
            if node.process.poll() is None:
                node.signal()
        for node in self.nodes:
            node.wait()

    def wait_in_step(self):
        for node in self.nodes:
            with inside(self.space(node.name)):
                wait_in_step(node, 2)

    def check(self, addresses):
        self.wait_in_step()
        family = 6 if ":" in addresses[0] else 4
        info_hash = fresh_hash()
        with inside(self.space("stranger")):
            for number, address in enumerate(addresses):
                with UdpClient((address, TRACKER)) as client:
                    client.announce(info_hash, 4000 + number)
                with HttpClient((address, TRACKER)) as client:
                    client.announce(info_hash, 4010 + number)
            expected = {(STRANGER[family], port) for number in range(3) for port in (4000 + number, 4010 + number)}
            for address in addresses:
                wait_for(lambda a=address: self.known(a, info_hash) == expected, 10, f"{address} to know {expected}")
            # Strangers reach nothing else through the firewall.
            for port in (SYNC, ADMIN):
                with socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_STREAM) as probe:
                    probe.settimeout(0.5)
                    self.assertRaises(TimeoutError, probe.connect, (addresses[1], port))
        # A node that comes back pulls its peers over TCP, through firewall and translation.
        node = self.nodes[2]
        self.assertEqual(node.stop(), 0)
        os.unlink(os.path.join(self.folder, f"{node.name}.snapshot"))
        node.start()
        self.wait_in_step()
        with inside(self.space("stranger")):
            self.assertEqual(self.known(addresses[2], info_hash), expected)

    @staticmethod
    def known(address, info_hash):
        with UdpClient((address, TRACKER)) as client:
            return {peer for peer in client.announce(info_hash, 1, numwant=50)["peers"] if peer[1] != 1}

    def test_ipv4_and_one_behind_translation(self):
        self.add_machine("stranger", STRANGER[4])
        self.add_machine("one", V4[0])
        self.add_machine("two", V4[1])
        self.add_translated("three", V4[2])
        self.start_node("one", V4, V4[0])
        self.start_node("two", V4, V4[1])
        self.start_node("three", V4, INNER, at(V4[2], SYNC))
        self.check(V4)

    def test_ipv6(self):
        self.add_machine("stranger", STRANGER[6])
        for name, address in zip(NAMES, V6):
            self.add_machine(name, address)
        for name, address in zip(NAMES, V6):
            self.start_node(name, V6, address)
        self.check(V6)
