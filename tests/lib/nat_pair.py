"""NatPair: two nodes in network namespaces, b behind a router that translates its addresses and ports. Needs root.

    a - router - b        a is 10.89.0.1, the router 10.89.0.2 and 192.168.89.1, b 192.168.89.2, and advertises the router"""

import os
import shutil
import subprocess
import tempfile

from cluster import SHOAL, Node, at
from link_cluster import ADMIN, SYNC, TRACKER, inside, run


class NatPair:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="shoal-nat-")
        self.mark = f"sn{os.getpid()}"
        self.key = os.path.join(self.folder, "cluster.key")
        self.nodes = []
        try:
            self._lay_out()
        except BaseException:
            self.stop()
            raise

    def _space(self, name):
        return f"{self.mark}-{name}"

    def _lay_out(self):
        run(SHOAL, "keygen", self.key)
        for name in ("a", "router", "b"):
            run("ip", "netns", "add", self._space(name))
            run("ip", "-n", self._space(name), "link", "set", "lo", "up")
        self._link("a", "10.89.0.1", "10.89.0.2")
        self._link("b", "192.168.89.2", "192.168.89.1")
        run("ip", "-n", self._space("b"), "route", "add", "default", "via", "192.168.89.1")
        run("ip", "netns", "exec", self._space("router"), "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        # A rule that looks at flows makes the kernel keep them.
        self._rules("chain i { type filter hook input priority 0; ct state new counter; }")
        for name, own, advertise, other in (("a", "10.89.0.1", None, "10.89.0.2"),
                                            ("b", "192.168.89.2", at("10.89.0.2", SYNC), "10.89.0.1")):
            options = {
                "node": {"name": name, "workers": 1, "drain_s": 0},
                "tracker": {"udp": [at("0.0.0.0", TRACKER)], "http": []},
                "sync": {"listen": at(own, SYNC), "key_files": [self.key], "peers": [at(other, SYNC)], "advertise": advertise},
                "admin": {"listen": at("127.0.0.1", ADMIN)},
            }
            self.nodes.append(Node(name, self.folder, options, TRACKER, at("127.0.0.1", ADMIN),
                                   ["ip", "netns", "exec", self._space(name)]))

    def _link(self, name, own, router):
        run("ip", "-n", self._space("router"), "link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0",
            "netns", self._space(name))
        for space, device, address in (("router", f"to-{name}", router), (name, "eth0", own)):
            run("ip", "-n", self._space(space), "addr", "add", f"{address}/24", "dev", device)
            run("ip", "-n", self._space(space), "link", "set", device, "up")

    def _rules(self, *chains):
        with inside(self._space("router")):
            run("nft", "-f", "-", text="\n".join(["table ip nat", "delete table ip nat", "table ip nat {", *chains, "}"]) + "\n")

    def translate(self):
        """What is sent to the router's sync port goes to b, and what b sends comes from the router."""
        self._rules("chain i { type filter hook input priority 0; ct state new counter; }",
                    f"chain pre {{ type nat hook prerouting priority -100; iifname \"to-a\" udp dport {SYNC} dnat to 192.168.89.2; "
                    f"iifname \"to-a\" tcp dport {SYNC} dnat to 192.168.89.2; }}",
                    "chain post { type nat hook postrouting priority 100; oifname \"to-a\" masquerade; }")

    def inside_a(self):
        return inside(self._space("a"))

    def inside_b(self):
        return inside(self._space("b"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        for node in self.nodes:
            node.stop()
        for name in ("a", "router", "b"):
            subprocess.run(["ip", "netns", "del", self._space(name)], check=False, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)
