"""LinkCluster: real nodes in network namespaces on one bridge: real links, own addresses, and faults by nft: lost packets
and cut links. Needs root."""

import contextlib
import ctypes
import os
import shutil
import subprocess
import tempfile

from cluster import NAMES, SHOAL, Node, NodeGroup, at, wait_in_step

TRACKER, SYNC, ADMIN = 6969, 6970, 9697
CLONE_NEWNET = 0x40000000
CLIENT = 99  # last byte of the client's addresses
_libc = ctypes.CDLL(None, use_errno=True)


def available():
    return os.geteuid() == 0 and shutil.which("ip") is not None and shutil.which("nft") is not None


def run(*command, text=None):
    done = subprocess.run(command, check=False, capture_output=True, text=True, input=text)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.stderr.strip()}")


@contextlib.contextmanager
def inside(namespace):
    """The calling thread, and what it starts, runs in that namespace; its sockets stay there."""
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _setns(there)
        yield
    finally:
        _setns(here)
        os.close(here)
        os.close(there)


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class LinkCluster(NodeGroup):
    """Nodes a, b, c, ... at 10.88.0.1, .2, ..., trackers on port 6969, admin endpoints reachable. Clients run in
    `with cluster.client():`, at 10.88.0.99."""

    def __init__(self, nodes=3, settings=None):
        self.folder = tempfile.mkdtemp(prefix="shoal-links-")
        self.mark = f"sl{os.getpid()}-{os.urandom(2).hex()}"
        self.key = os.path.join(self.folder, "cluster.key")
        self.namespaces = []
        self.nodes = []
        try:
            self._lay_out(nodes, settings or {})
        except BaseException:
            self.stop()
            raise

    def _lay_out(self, nodes, settings):
        run(SHOAL, "keygen", self.key)
        bridge = self._namespace("bridge")
        run("ip", "-n", bridge, "link", "add", "br0", "type", "bridge")
        run("ip", "-n", bridge, "link", "set", "br0", "up")
        self._connect(bridge, "client", CLIENT)
        for number in range(1, nodes + 1):
            name = NAMES[number - 1]
            space = self._connect(bridge, name, number)
            options = {
                "node": {"name": name, "workers": 1, "drain_s": 0},
                "tracker": {"udp": [at("0.0.0.0", TRACKER)], "http": []},
                "sync": {"listen": at(self.address(number - 1), SYNC), "key_files": [self.key],
                         "peers": [at(self.address(other), SYNC) for other in range(nodes)]},
                "admin": {"listen": at("0.0.0.0", ADMIN)},
            }
            for section, keys in settings.items():
                options.setdefault(section, {}).update(keys)
            node = Node(name, self.folder, options, TRACKER, at(self.address(number - 1), ADMIN),
                        ["ip", "netns", "exec", space])
            node.space = space
            self.nodes.append(node)

    @staticmethod
    def address(number):
        return f"10.88.0.{number + 1}"

    def _namespace(self, name):
        name = f"{self.mark}-{name}"
        run("ip", "netns", "add", name)
        self.namespaces.append(name)
        return name

    def _connect(self, bridge, name, number):
        space = self._namespace(name)
        run("ip", "-n", space, "link", "set", "lo", "up")
        self._plug(bridge, name, number)
        return space

    def _plug(self, bridge, name, number):
        space = f"{self.mark}-{name}"
        run("ip", "-n", bridge, "link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", space)
        run("ip", "-n", bridge, "link", "set", f"to-{name}", "master", "br0", "up")
        run("ip", "-n", space, "addr", "add", f"10.88.0.{number}/24", "dev", "eth0")
        run("ip", "-n", space, "link", "set", "eth0", "up")

    def unplug(self, number):
        """Removes the interface of a node."""
        run("ip", "-n", self.bridge, "link", "del", f"to-{NAMES[number]}")

    def plug(self, number):
        """Gives it another one of the same name and address."""
        self._plug(self.bridge, NAMES[number], number + 1)

    def targets(self):
        """The trackers' addresses, for the client."""
        return [(self.address(number), TRACKER) for number in range(len(self.nodes))]

    def client(self):
        return inside(f"{self.mark}-client")

    @property
    def bridge(self):
        """The namespace that all datagrams pass."""
        return f"{self.mark}-bridge"

    def more_clients(self, count):
        """Gives the client's side this many more addresses, and returns them."""
        out = [f"10.88.0.{CLIENT + 1 + number}" for number in range(count)]
        for address in out:
            run("ip", "-n", f"{self.mark}-client", "addr", "add", f"{address}/24", "dev", "eth0")
        return out

    def lose(self, percent):
        """Makes every node lose this share of the sync datagrams that reach it. 0: none."""
        for node in self.nodes:
            self._filter(node, f"udp dport {SYNC} numgen random mod 100 < {percent} drop" if percent else "")

    def cut(self, *numbers):
        """Cuts these nodes off from the others, for every protocol; clients still reach them."""
        for number, node in enumerate(self.nodes):
            far = [self.address(other) for other in range(len(self.nodes)) if (other in numbers) != (number in numbers)]
            self._filter(node, f"ip saddr {{ {', '.join(far)} }} drop")

    def cut_one_way(self, sender, receiver):
        self._filter(self.nodes[receiver], f"ip saddr {self.address(sender)} drop")

    def drop_datagrams(self, sender, receiver):
        self._filter(self.nodes[receiver], f"ip saddr {self.address(sender)} udp dport {SYNC} drop")

    def block_tcp(self, number):
        """Nobody gets a connection to the sync port of this node; nothing is answered."""
        self._filter(self.nodes[number], f"tcp dport {SYNC} drop")

    def heal(self):
        for node in self.nodes:
            self._filter(node, "")

    @staticmethod
    def _filter(node, rule):
        lines = ["table inet faults", "delete table inet faults", "table inet faults {", "chain input {",
                 "type filter hook input priority 0", rule, "}", "}"]
        with inside(node.space):
            run("nft", "-f", "-", text="\n".join(lines) + "\n")

    def start(self, timeout_s=30):
        with self.client():
            for node in self.nodes:
                node.start()
            for node in self.nodes:
                self.wait_ready(node, timeout_s)
        return self

    def wait_ready(self, node, timeout_s=30):
        """Waits until the node is ready and sees all others. Call it from the client's side."""
        wait_in_step(node, len(self.nodes) - 1, timeout_s)

    def stop(self):
        for node in self.nodes:
            if node.process and node.process.poll() is None:
                node.signal()
        codes = [node.stop() for node in self.nodes]
        for name in self.namespaces:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        return codes


def peers_known(node):
    """Live peers in a node's store."""
    peers = node.status()["peers"]
    return sum(count for key, count in peers.items() if not key.startswith("stopped"))
