"""Three nodes in three network namespaces on one bridge: real links, own addresses, packets that can be lost."""

import itertools
import os
import subprocess
import sys
import tempfile
import unittest

from cluster import NAMES, SHOAL, Node, at, wait_in_step
from nodes import fresh_hash
from wait import wait_for

_marks = itertools.count()
TRACKER, SYNC, ADMIN = 6969, 6970, 9697
LIB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


class NamespacedCluster:
    """Nodes a, b, c at 10.88.0.1 to .3 and fd88::1 to ::3, and also at fd88::1:1 to ::1:3. A fourth namespace holds
    the bridge. `groups` are the multicast groups; their family is the sync channel's."""

    def __init__(self, sync, groups):
        self.folder = tempfile.mkdtemp(prefix="shoal-test-")
        self.mark = f"shoal{os.getpid()}{sync[:2]}{next(_marks)}"
        self.sync = sync
        self.groups = groups
        self.sync_host = "fd88::{}" if ":" in groups[0] else "10.88.0.{}"
        self.namespaces = []
        self.nodes = []

    def lay_out(self):
        key = os.path.join(self.folder, "cluster.key")
        subprocess.run([SHOAL, "keygen", key], check=True, capture_output=True)
        bridge = self.namespace("bridge")
        ip("-n", bridge, "link", "add", "br0", "type", "bridge")
        ip("-n", bridge, "link", "set", "br0", "up")
        for number in range(1, 4):
            name = NAMES[number - 1]
            space = self.namespace(name)
            ip("-n", bridge, "link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", space)
            ip("-n", bridge, "link", "set", f"to-{name}", "master", "br0", "up")
            ip("-n", space, "addr", "add", f"10.88.0.{number}/24", "dev", "eth0")
            ip("-n", space, "addr", "add", f"fd88::{number}/64", "dev", "eth0", "nodad")
            # Deprecated: it receives, but nobody here sends from it by default.
            ip("-n", space, "addr", "add", f"fd88::1:{number}/64", "dev", "eth0", "nodad", "preferred_lft", "0")
            ip("-n", space, "link", "set", "lo", "up")
            ip("-n", space, "link", "set", "eth0", "up")
            everywhere = [at("0.0.0.0", TRACKER), at("::", TRACKER)]
            settings = {
                "node": {"name": name, "workers": 1, "log_level": "debug", "drain_s": 0},
                "tracker": {"udp": everywhere, "http": everywhere},
                "sync": {"listen": at(self.sync_host.format(number), SYNC), "key_files": [key]},
                "admin": {"listen": at("127.0.0.1", ADMIN)},
            }
            if self.sync in ("unicast", "mixed"):
                settings["sync"]["peers"] = [at(self.sync_host.format(1), SYNC)]
            if self.sync in ("multicast", "mixed"):
                settings["sync"]["multicast"] = [at(group, SYNC) + "%eth0" for group in self.groups]
            node = NamespacedNode(name, self.folder, settings, TRACKER, at("127.0.0.1", ADMIN),
                                  ["ip", "netns", "exec", space])
            self.nodes.append(node)

    def namespace(self, name):
        name = f"{self.mark}-{name}"
        ip("netns", "add", name)
        self.namespaces.append(name)
        return name

    def start(self):
        self.lay_out()
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            wait_in_step(node, 2)

    def stop(self):
        for node in self.nodes:
            if node.process:
                node.stop()
        for name in self.namespaces:
            ip("netns", "del", name)


class NamespacedNode(Node):
    """Reachable only from inside its namespace: by a Python process there."""

    def inside(self, code, *arguments):
        run = subprocess.run([*self.run_in, sys.executable, "-c", f"import sys; sys.path.insert(0, {LIB!r})\n{code}",
                              *arguments], check=False, capture_output=True, text=True, timeout=30)
        if run.returncode:
            raise AssertionError(run.stderr.strip().splitlines()[-1])
        return run.stdout

    def get(self, path, timeout_s=5.0):
        # Two processes a request, but nothing else reaches the loopback of another namespace.
        answer = self.inside("from http_client import HttpClient\n"
                             "host, port = sys.argv[1].split(':')\n"
                             "with HttpClient((host, int(port))) as client:\n"
                             "    response = client.get(sys.argv[2])\n"
                             "print(response.status)\n"
                             "print(response.body.decode(), end='')", self.admin, path)
        status, body = answer.split("\n", 1)
        return int(status), body

    def announce(self, protocol, host, info_hash, port, event="started"):
        """Announces to `host` from this node's namespace; returns the peers in the answer, sorted."""
        return self.inside("from udp_client import UdpClient\n"
                           "from http_client import HttpClient\n"
                           "with {'udp': UdpClient, 'http': HttpClient}[sys.argv[1]]((sys.argv[2], 6969)) as client:\n"
                           "    answer = client.announce(bytes.fromhex(sys.argv[3]), int(sys.argv[4]), event=sys.argv[5])\n"
                           "print(sorted(answer['peers']))", protocol, host, info_hash.hex(), str(port), event).strip()


@unittest.skipUnless(os.geteuid() == 0, "network namespaces need root")
class NamespacesUnicast(unittest.TestCase):
    sync = "unicast"
    groups = ("239.192.0.42",)
    cluster = None

    @classmethod
    def setUpClass(cls):
        cls.cluster = NamespacedCluster(cls.sync, cls.groups)
        try:
            cls.cluster.start()
        except BaseException:
            cls.cluster.stop()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.cluster.stop()

    def test_announce_on_one_seen_on_another(self):
        a, b, c = self.cluster.nodes
        for protocol in ("udp", "http"):
            for form in ("10.88.0.{}", "fd88::{}"):
                with self.subTest(protocol, form=form):
                    info_hash = fresh_hash()
                    # Across the bridge: node b's host asks node a, node a's host asks node c.
                    b.announce(protocol, form.format(1), info_hash, 1000)
                    expected = str([(form.format(2), 1000)])
                    wait_for(lambda: a.announce(protocol, form.format(3), info_hash, 1001) == expected, 10)
                    b.announce(protocol, form.format(1), info_hash, 1000, "stopped")
                    wait_for(lambda: c.announce(protocol, form.format(2), info_hash, 1002) ==
                             str([(form.format(1), 1001)]), 10)


class NamespacesMulticast(NamespacesUnicast):
    sync = "multicast"


class NamespacesMixed(NamespacesUnicast):
    sync = "mixed"


class NamespacesMulticastIpv6(NamespacesUnicast):
    """Sync over IPv6: a site-local group and a link-local one."""

    sync = "multicast"
    groups = ("ff15::42", "ff12::42")

    def test_both_groups_are_heard(self):
        for node in self.cluster.nodes:
            wait_for(lambda n=node: [m["multicast"] for m in n.status()["members"]] == [True, True], 10)

    def test_answers_leave_from_the_address_that_was_asked(self):
        """The second address of a wildcard socket: the client accepts no answer from another one."""
        b = self.cluster.nodes[1]
        for protocol in ("udp", "http"):
            for host in ("fd88::1", "fd88::1:1"):
                with self.subTest(protocol, host=host):
                    self.assertEqual(b.announce(protocol, host, fresh_hash(), 1000), "[]")
