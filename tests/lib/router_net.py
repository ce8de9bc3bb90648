"""RouterNet: nodes behind two routers in network namespaces, all with one anycast address. BIRD 2 speaks BGP between
them, and compose/anycast/shoal-anycast watches each node. Needs root, ip, nft and bird.

    client - r1 - r2 - b
             |     |
             a     c

The client is nearest to a. Nodes have the addresses 10.90.N.2 and fd90:N::2; the anycast ones are those of
compose/anycast."""

import os
import re
import shutil
import subprocess
import tempfile

from cluster import NAMES, ROOT, SHOAL, Node, at, wait_in_step
from link_cluster import inside, run
from wait import wait_for

TRACKER, SYNC, ADMIN = 6969, 6970, 9697
ANYCAST_V4, ANYCAST_V6 = "203.0.113.53", "2001:db8:53::53"
EXAMPLE = os.path.join(ROOT, "compose", "anycast")
CLIENT_LINK, ROUTER_LINK = 8, 9
ROUTER_OF = {"a": "r1", "b": "r2", "c": "r2"}
ROUTER_AS = {"r1": 64601, "r2": 64602}
NODE_AS = 64700
TOOLS = ("ip", "nft", "bird", "birdc")


def missing():
    """Why this cannot run here; "" when it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    absent = [tool for tool in TOOLS if not shutil.which(tool)]
    return f"not installed: {', '.join(absent)}" if absent else ""


class RouterNet:
    """`timings` are shoal-anycast's EVERY_S, RISE and FALL."""

    def __init__(self, drain_s=4, timings=("0.3", "2", "2")):
        self.timings = timings
        self.folder = tempfile.mkdtemp(prefix="shoal-anycast-")
        self.mark = f"sa{os.getpid()}"
        self.namespaces = []
        self.processes = []
        self.nodes = []
        self.checks = {}
        self.birds = {}
        self.key = os.path.join(self.folder, "cluster.key")
        try:
            self._lay_out(drain_s)
        except BaseException:
            self.stop()
            raise

    def space(self, name):
        return f"{self.mark}-{name}"

    def _lay_out(self, drain_s):
        run(SHOAL, "keygen", self.key)
        for name in ("client", "r1", "r2", *NAMES[:3]):
            run("ip", "netns", "add", self.space(name))
            self.namespaces.append(self.space(name))
            run("ip", "-n", self.space(name), "link", "set", "lo", "up")
        for router in ("r1", "r2"):
            for sysctl in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
                run("ip", "netns", "exec", self.space(router), "sh", "-c", f"echo 1 > /proc/sys/net/{sysctl}")
        self._link("r1", "client", CLIENT_LINK)
        self._link("r1", "r2", ROUTER_LINK)
        for number, name in enumerate(NAMES[:3], 1):
            self._link(ROUTER_OF[name], name, number)
            for address in (f"{ANYCAST_V4}/32", f"{ANYCAST_V6}/128"):
                run("ip", "-n", self.space(name), "addr", "add", address, "dev", "lo",
                    *(["nodad"] if ":" in address else []))
            self.nodes.append(self._node(number, name, drain_s))

    def _link(self, upper, lower, number):
        """Links two spaces: .1 and ::1 at the upper end, .2 and ::2 at the lower, whose default route it is."""
        run("ip", "-n", self.space(upper), "link", "add", f"to-{lower}", "type", "veth", "peer", "name",
            f"to-{upper}", "netns", self.space(lower))
        for name, device, last in ((upper, f"to-{lower}", 1), (lower, f"to-{upper}", 2)):
            run("ip", "-n", self.space(name), "addr", "add", f"10.90.{number}.{last}/24", "dev", device)
            run("ip", "-n", self.space(name), "addr", "add", f"fd90:{number}::{last}/64", "dev", device, "nodad")
            run("ip", "-n", self.space(name), "link", "set", device, "up")
        if not lower.startswith("r"):
            run("ip", "-n", self.space(lower), "route", "add", "default", "via", f"10.90.{number}.1")
            run("ip", "-n", self.space(lower), "-6", "route", "add", "default", "via", f"fd90:{number}::1")

    def _node(self, number, name, drain_s):
        everywhere = [at("0.0.0.0", TRACKER), at("::", TRACKER)]
        own = f"10.90.{number}.2"
        settings = {
            "node": {"name": name, "workers": 1, "drain_s": drain_s},
            "tracker": {"udp": everywhere, "http": everywhere},
            "sync": {"listen": at(own, SYNC), "key_files": [self.key],
                     "peers": [at(f"10.90.{n}.2", SYNC) for n in (1, 2, 3)]},
            "admin": {"listen": at("0.0.0.0", ADMIN)},
        }
        return Node(name, self.folder, settings, TRACKER, at(own, ADMIN), ["ip", "netns", "exec", self.space(name)])

    def client(self):
        return inside(self.space("client"))

    # BIRD

    def _control(self, name):
        return os.path.join(self.folder, f"bird-{name}.ctl")

    def _start_bird(self, name, text):
        config = os.path.join(self.folder, f"bird-{name}.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(text)
        self.birds[name] = self._spawn(name, f"bird-{name}", "bird", "-f", "-c", config, "-s", self._control(name),
                                       "-P", os.path.join(self.folder, f"bird-{name}.pid"))

    def _spawn(self, name, log, *command, **more):
        with open(os.path.join(self.folder, f"{log}.log"), "ab") as file:
            process = subprocess.Popen(["ip", "netns", "exec", self.space(name), *command],
                                       stdin=subprocess.DEVNULL, stdout=file, stderr=file, **more)
        self.processes.append(process)
        return process

    def _node_bird(self, number, name):
        """The example with this node's neighbors, as an operator would fill it in."""
        router_as = ROUTER_AS[ROUTER_OF[name]]
        with open(os.path.join(EXAMPLE, "bird.conf"), encoding="utf-8") as file:
            text = file.read()
        for old, new in (("log syslog all;", "log stderr all;"), ("192.0.2.1", f"10.90.{number}.2"),
                         ("192.0.2.254 as 64601", f"10.90.{number}.1 as {router_as}"),
                         ("2001:db8:1::fffe as 64601", f"fd90:{number}::1 as {router_as}")):
            if old not in text:
                raise AssertionError(f"compose/anycast/bird.conf no longer contains {old!r}")
            text = text.replace(old, new)
        return text

    @staticmethod
    def _router_bird(name, number):
        lines = ["log stderr all;", f"router id 10.90.255.{number};", "protocol device { }", "protocol direct { ipv4; ipv6; }",
                 "protocol bfd { interface \"*\" { interval 300 ms; multiplier 3; }; }"]
        for family in ("ipv4", "ipv6"):
            lines.append(f"protocol kernel {{ {family} {{ export where source = RTS_BGP; }}; }}")
        neighbors = [(n, node) for n, node in enumerate(NAMES[:3], 1) if ROUTER_OF[node] == name]
        for link, node in neighbors:
            for family, address in (("ipv4", f"10.90.{link}.2"), ("ipv6", f"fd90:{link}::2")):
                anycast = f"{ANYCAST_V4}/32" if family == "ipv4" else f"{ANYCAST_V6}/128"
                lines.append(f"protocol bgp {node}_{family} {{ local as {ROUTER_AS[name]}; neighbor {address} as {NODE_AS}; "
                             "bfd on; hold time 9; keepalive time 3; connect retry time 2; connect delay time 1; "
                             f"error wait time 1, 5; {family} {{ import where net = {anycast}; export none; }}; }}")
        other, last = ("r2", 2) if name == "r1" else ("r1", 1)
        for family, address in (("ipv4", f"10.90.{ROUTER_LINK}.{last}"), ("ipv6", f"fd90:{ROUTER_LINK}::{last}")):
            lines.append(f"protocol bgp {other}_{family} {{ local as {ROUTER_AS[name]}; neighbor {address} as {ROUTER_AS[other]}; "
                         f"bfd on; {family} {{ import all; export all; next hop self; }}; }}")
        return "\n".join(lines) + "\n"

    # Up and down

    def start(self):
        for number, name in enumerate(("r1", "r2"), 1):
            self._start_bird(name, self._router_bird(name, number))
        for number, name in enumerate(NAMES[:3], 1):
            self.start_node_bird(number, name)
        for node in self.nodes:
            node.start()
            self.start_check(node)
        with self.client():
            for node in self.nodes:
                wait_in_step(node, 2)
        return self

    def start_node_bird(self, number, name):
        self._start_bird(name, self._node_bird(number, name))

    def start_check(self, node):
        environment = dict(os.environ, SHOAL=SHOAL, BIRDC=f"birdc -s {self._control(node.name)}",
                           **dict(zip(("EVERY_S", "RISE", "FALL"), self.timings)))
        self.checks[node.name] = self._spawn(node.name, f"check-{node.name}", os.path.join(EXAMPLE, "shoal-anycast"),
                                             "anycast4", "anycast6", env=environment)

    def way(self, family=4):
        """The node or router to which r1 sends packets for the anycast address; None: nowhere."""
        address = ANYCAST_V4 if family == 4 else ANYCAST_V6
        found = subprocess.run(["ip", "-n", self.space("r1"), f"-{family}", "route", "show", address], check=True,
                               capture_output=True, text=True).stdout
        device = re.search(r"dev to-(\w+)", found)
        return device.group(1) if device else None

    def wait_way(self, name, timeout_s=20):
        for family in (4, 6):
            wait_for(lambda f=family: self.way(f) == name, timeout_s, f"r1 to send IPv{family} anycast to {name}")

    def cut_off(self, name, cut=True):
        """Drops everything between that node and its router, though the link stays up."""
        rules = ["table inet faults", "delete table inet faults"]
        if cut:
            rules += ["table inet faults {", "chain i { type filter hook input priority 0; iifname != \"lo\" drop; }",
                      "chain o { type filter hook output priority 0; oifname != \"lo\" drop; }", "}"]
        with inside(self.space(name)):
            run("nft", "-f", "-", text="\n".join(rules) + "\n")

    def stop(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for node in self.nodes:
            if node.process and node.process.poll() is None:
                node.process.kill()
                node.process.wait()
        for name in self.namespaces:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def dump_logs(self, lines=15):
        for name in sorted(os.listdir(self.folder)):
            if name.endswith(".log"):
                with open(os.path.join(self.folder, name), encoding="utf-8", errors="replace") as file:
                    print(f"--- {name}", "".join(file.readlines()[-lines:]), sep="\n", flush=True)
