"""The shield (xdp.interfaces): nodes and clients on two machines, joined by a wire, and the kernel answers connects. The
tests of the UDP tracker run here once more, through it."""

import contextlib
import os
import re
import socket
import subprocess
import threading
import time
import unittest

import test_udp
import xdp_link
from announcer import Announcer, numbered_peer
from cluster import ROOT, SHOAL, Cluster, at
from link_cluster import inside, run
from nodes import ClusterCase, fresh_hash, shoal
from reloads import hang_up
from udp_client import UdpClient, announce_packet, connect_packet
from wait import wait_for
from xdp_link import CLIENTS_V4, CLIENTS_V6, NODES_END, NODES_V4, NODES_V6, XdpLink


def missing():
    """Why these tests cannot run; empty: they can."""
    reason = xdp_link.available()
    if not reason and "built without" in shoal("config", "--check", environment={"SHOAL_XDP_INTERFACES": "lo"}).stderr:
        reason = "this shoal was built without clang or libbpf"
    return reason


MISSING = missing()


class Link:
    """The place of a ClusterCase: a wire between its nodes and its clients."""

    nodes = {"IPv4": NODES_V4.format(1), "IPv6": NODES_V6.format(1)}
    clients = {"IPv4": CLIENTS_V4.format(1), "IPv6": CLIENTS_V6.format(1)}
    node_address = staticmethod(NODES_V4.format)
    client_address = staticmethod(CLIENTS_V4.format)


class OnLink:
    """For a ClusterCase: node a has a shield on the wire. The other nodes, at the same addresses, have none."""

    mode = "native"
    attaches = True
    place = Link
    hosts = tuple(Link.nodes.values())
    link = None

    @classmethod
    def setUpClass(cls):
        if MISSING:
            raise unittest.SkipTest(MISSING)
        cls.link = XdpLink()
        try:
            with inside(cls.link.nodes):
                super().setUpClass()
                if cls.attaches:
                    try:
                        wait_for(lambda: cls.is_up(cls.cluster.nodes[0]), 20, "the shield")
                    except BaseException:
                        cls.cluster.dump_logs()
                        cls.cluster.stop()
                        raise
            cls.there = contextlib.ExitStack()
            cls.there.enter_context(inside(cls.link.clients))
        except BaseException:
            cls.link.remove()
            raise

    @classmethod
    def make_cluster(cls):
        return Cluster(nodes=cls.nodes, hosts=cls.hosts, sync=cls.sync, settings=cls.settings, admin_host=cls.hosts[0])

    @classmethod
    def prepare(cls):
        super().prepare()
        for node in cls.cluster.nodes:
            node.run_in = ["ip", "netns", "exec", cls.link.nodes]
        cls.cluster.nodes[0].settings["xdp"] = {"interfaces": [NODES_END], "mode": cls.mode}

    @classmethod
    def is_up(cls, node):
        return (node.metric("shoal_xdp_attached", interface=NODES_END, mode=cls.mode) == 1
                and node.metric("shoal_xdp_addresses", handled_by="shield") >= 2)

    @classmethod
    def tearDownClass(cls):
        try:
            if cls.attaches:
                # Or it has tested nothing.
                wait_for(lambda: sum(cls.decided(cls.cluster.nodes[0], decision) for decision in
                                     ("connect_answered", "passed_stale_id")), 5, "the shield to have done anything")
        finally:
            cls.there.close()
            try:
                super().tearDownClass()
            finally:
                cls.link.remove()

    @staticmethod
    def decided(node, decision):
        return node.metric("shoal_xdp_packets_total", decision=decision)

    def shield(self, decision):
        return self.decided(self.node(0), decision)


def through_both(case):
    """Two classes of the tests of `case`: through the driver, and after it."""
    for mode in ("native", "generic"):
        name = case.__name__ + mode.capitalize()
        globals()[name] = type(name, (OnLink, case), {"mode": mode, "__module__": __name__, "__qualname__": name})


for reused in (test_udp.UdpAnnounce, test_udp.UdpBadInput, test_udp.UdpForeignCluster, test_udp.UdpWildcard):
    through_both(reused)


class Shielded(OnLink, ClusterCase):
    """One node; each test leaves it as it was."""

    nodes = 1
    sync = "off"
    settings = {"stats": {"path": "/stats", "networks": [CLIENTS_V4.format(0) + "/24"]}}

    @classmethod
    def prepare(cls):
        super().prepare()
        node = cls.cluster.nodes[0]
        node.settings["tracker"]["udp"] = [at(host, node.tracker_port) for host in ("0.0.0.0", "::")]
        node.settings["sync"] = {"key_files": [cls.cluster.key]}

    def setUp(self):
        settings = {section: dict(keys) for section, keys in self.node(0).settings.items()}
        self.addCleanup(self.reload, settings)

    def reload(self, settings):
        node = self.node(0)
        node.settings = settings
        node.write_config()
        self.assertTrue(hang_up(node))

    def change(self, section, **keys):
        settings = {name: dict(values) for name, values in self.node(0).settings.items()}
        settings.setdefault(section, {}).update(keys)
        self.reload(settings)

    def connects(self, client, packet=None):
        """Whether a connect is answered, and soon."""
        client.socket.settimeout(0.3)
        try:
            client.ask(packet or connect_packet(), tries=1)
            return True
        except TimeoutError:
            return False


class Counts(Shielded):
    def test_what_it_answers_counts_as_answered(self):
        node, client = self.node(0), self.client()

        def counts():
            return (node.metric("shoal_requests_total", protocol="udp", family="ipv4", action="connect", result="ok"),
                    node.status()["requests"]["udp_connects"], self.shield("connect_answered"),
                    node.metric("shoal_udp_datagrams_received_total", family="ipv4"),
                    node.metric("shoal_udp_sent_bytes_total", family="ipv4"))

        before = counts()
        for _ in range(10):
            client.connect()
        wanted = tuple(old + more for old, more in zip(before, (10, 10, 10, 10, 160)))
        wait_for(lambda: counts() == wanted, 5)
        self.assertEqual(node.status()["xdp"]["interfaces"],
                         [{"interface": NODES_END, "mode": self.mode, "attached": True, "trouble": ""}])
        # opentracker's page.
        text = self.client(0, "HTTP").get("/stats?mode=conn").body.split()
        self.assertGreaterEqual(int(text[0]), 10)

    def test_what_it_drops_counts_as_dropped(self):
        node, client = self.node(0), self.client()
        for packet, decision, reason in ((connect_packet()[:15], "dropped_too_short", "malformed"),
                                         (os.urandom(8) + b"\0\0\0\7" + os.urandom(90), "dropped_unknown_action", "malformed"),
                                         (os.urandom(8) + bytes(4) + os.urandom(4), "dropped_wrong_magic", "malformed")):
            with self.subTest(decision):
                before = self.shield(decision), node.metric("shoal_udp_dropped_total", reason=reason, family="ipv4")
                client.send(packet)
                wait_for(lambda d=decision, r=reason, b=before: (
                    self.shield(d), node.metric("shoal_udp_dropped_total", reason=r, family="ipv4"))
                    == (b[0] + 1, b[1] + 1), 5)

    def test_command_and_page_tell(self):
        with inside(self.link.nodes):
            told = shoal("status", "--admin", self.node(0).admin).stdout
        self.assertIn(f"shield on {NODES_END} ({self.mode})", told)
        self.assertIn("UDP connects answered by the shield", self.node(0).get("/")[1])
        self.assertEqual(self.node(0).status()["problems"], [])


class Follows(Shielded):
    """What a reload changes holds in the shield, too."""

    def test_denied_networks(self):
        for family, network in (("IPv4", CLIENTS_V4.format(8) + "/31"), ("IPv6", CLIENTS_V6.format(8) + "/127")):
            with self.subTest(family):
                client = self.client(family=family, source={"IPv4": CLIENTS_V4, "IPv6": CLIENTS_V6}[family].format(9))
                wait_for(lambda: self.connects(client), 10)
                self.change("access", deny_networks=[network])
                before = self.shield("dropped_network")
                self.assertFalse(self.connects(client))
                wait_for(lambda b=before: self.shield("dropped_network") == b + 1, 5)
                wait_for(lambda: self.connects(self.client(family=family)), 10)
                self.change("access", deny_networks=[])
                wait_for(lambda: self.connects(client), 10)

    def test_many_denied_networks(self):
        """More than are prepared at once."""
        path = os.path.join(self.cluster.folder, "networks")
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(f"172.{16 + n // 16384 % 16}.{n // 64 % 256}.{n % 64 * 4}/31\n" for n in range(100_000))
            file.write(CLIENTS_V4.format(9) + "\n")
        client = self.client(source=CLIENTS_V4.format(9))
        wait_for(lambda: self.connects(client), 10)
        self.change("access", deny_network_files=[path])
        wait_for(lambda: not self.connects(client), 5)
        wait_for(lambda: self.connects(self.client()), 10)
        self.change("access", deny_network_files=[])
        wait_for(lambda: self.connects(client), 5)

    def test_rates(self):
        source = CLIENTS_V4.format(11)
        self.change("limits", requests_per_s_per_address=1)
        client = self.client(source=source)
        before = self.node(0).metric("shoal_limit_hits_total", limit="requests_per_s_per_address")
        connection_id = client.connect()
        # A burst of ten. Connects do not use it up, since anybody may have sent them, but need it.
        for port in range(1000, 1040):
            client.send(announce_packet(connection_id, fresh_hash(), port, numwant=0))
        wait_for(lambda: self.node(0).metric("shoal_limit_hits_total", limit="requests_per_s_per_address") >= before + 25, 5)
        self.assertGreaterEqual(self.shield("dropped_rate_address"), 25)
        for port in range(2000, 2010):  # what has come back meanwhile
            client.send(announce_packet(connection_id, fresh_hash(), port, numwant=0))
        self.assertFalse(self.connects(self.client(source=source)))
        wait_for(lambda: self.connects(self.client()), 10)
        self.change("limits", requests_per_s_per_address=0)
        wait_for(lambda: self.connects(self.client(source=source)), 10)

    def test_networks_of_a_feed(self):
        path = os.path.join(self.cluster.folder, "feed")
        with open(path, "w", encoding="utf-8") as file:
            file.write(CLIENTS_V4.format(10) + "\n")
        client, denied = self.client(source=CLIENTS_V4.format(10)), self.client(source=CLIENTS_V4.format(12))
        wait_for(lambda: self.connects(client), 10)
        self.change("access", feeds=[f"bad networks 60 {path}"], deny_networks=[CLIENTS_V4.format(12)])
        wait_for(lambda: not self.connects(client), 10)
        self.assertFalse(self.connects(denied))
        self.assertGreaterEqual(self.shield("dropped_network"), 2)
        wait_for(lambda: self.connects(self.client()), 10)

    def test_bans(self):
        """What the shield drops for its rate makes a ban, which it then applies."""
        source = CLIENTS_V4.format(13)
        self.change("limits", requests_per_s_per_address=10)
        self.change("bans", mode="on", over_rate=300)
        client = self.client(source=source)
        connection_id = client.connect()
        # One client program: its threshold does not grow.
        for port in range(1000, 1800):
            client.send(announce_packet(connection_id, fresh_hash(), port, numwant=0, peer_id=b"-SH0000-xxxxxxxxxxxx"))
        dropped = lambda: self.node(0).metric("shoal_udp_dropped_total", reason="ban", family="ipv4")
        wait_for(lambda: not self.connects(self.client(source=source)) and self.shield("dropped_banned") > 0, 10)
        wait_for(lambda: dropped() == self.shield("dropped_banned"), 5)
        wait_for(lambda: self.connects(self.client()), 10)
        # Bans of a node whose mode is log are not in force.
        self.change("bans", mode="log", over_rate=300)
        self.change("limits", requests_per_s_per_address=0)
        wait_for(lambda: self.connects(self.client(source=source)), 10)

    def test_keys_rotate_while_traffic_flows(self):
        """Through the shield each client gets ids and is believed, without a gap."""
        node = self.node(0)
        old, new = self.cluster.key, os.path.join(self.cluster.folder, "new.key")
        subprocess.run([SHOAL, "keygen", new], check=True, stdout=subprocess.DEVNULL)
        salt = os.urandom(8)
        with Announcer([(Link.nodes["IPv4"], node.tracker_port)], 300, peer=lambda n: numbered_peer(n, salt),
                       id_life_s=0.05) as load:
            for keys in ([old, new], [new, old], [new]):
                sent = load.sent
                wait_for(lambda s=sent: load.sent > s + 100, 20)
                self.change("sync", key_files=keys)
        self.assertEqual(load.unanswered, [])
        self.assertEqual(self.shield("dropped_connection_id"), 0)


class Addresses(Shielded):
    def other_address(self, address, interface):
        run("ip", "-n", self.link.nodes, "addr", "add", address, "dev", interface)
        self.addCleanup(subprocess.run, ["ip", "-n", self.link.nodes, "addr", "del", address, "dev", interface],
                        check=False, capture_output=True)

    def handled(self):
        return self.node(0).metric("shoal_xdp_addresses", handled_by="shield")

    def test_anycast_address_on_lo(self):
        address, port, before = "192.0.2.53", self.node(0).tracker_port, self.handled()
        run("ip", "-n", self.link.clients, "route", "replace", address, "via", Link.nodes["IPv4"])
        with UdpClient((address, port)) as client:
            self.assertFalse(self.connects(client))
            self.other_address(f"{address}/32", "lo")
            wait_for(lambda: self.handled() == before + 1, 5)
            answered = self.shield("connect_answered")
            client.socket.settimeout(2)
            info_hash = fresh_hash()
            client.announce(info_hash, 1000)
            self.assertEqual(client.scrape(info_hash), [(0, 0, 1)])
            wait_for(lambda: self.shield("connect_answered") == answered + 1, 5)
            run("ip", "-n", self.link.nodes, "addr", "del", f"{address}/32", "dev", "lo")
            wait_for(lambda: self.handled() == before, 5)
            self.assertFalse(self.connects(client))

    def test_routed_traffic_is_untouched(self):
        """A connect and a forged announce for another machine's tracker, of the same port."""
        behind = self.link.nodes.replace("nodes", "behind")
        run("ip", "netns", "add", behind)
        self.addCleanup(run, "ip", "netns", "del", behind)
        run("ip", "link", "add", "inner0", "netns", self.link.nodes, "type", "veth", "peer", "name", "inner1", "netns", behind)
        self.other_address("10.97.0.1/24", "inner0")
        run("ip", "-n", behind, "addr", "add", "10.97.0.2/24", "dev", "inner1")
        for space, interface in ((self.link.nodes, "inner0"), (behind, "inner1")):
            run("ip", "-n", space, "link", "set", interface, "up")
        run("ip", "-n", behind, "route", "add", "default", "via", "10.97.0.1")
        run("ip", "-n", self.link.clients, "route", "add", "10.97.0.0/24", "via", Link.nodes["IPv4"])
        with inside(self.link.nodes), open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as file:
            file.write("1")
        port = self.node(0).tracker_port
        with inside(behind):
            other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.addCleanup(other.close)
            other.bind(("10.97.0.2", port))
            other.settimeout(2)
        before = self.node(0).status()["xdp"]["packets"]
        with UdpClient(("10.97.0.2", port)) as client:
            for packet in (connect_packet(), announce_packet(os.urandom(8), fresh_hash(), 1000), b"x"):
                client.send(packet)
                self.assertEqual(other.recv(2048), packet)
        time.sleep(0.3)
        self.assertEqual(self.node(0).status()["xdp"]["packets"], before)
        self.client().connect()


@unittest.skipIf(MISSING, MISSING)
class Life(unittest.TestCase):
    """Each test starts its node, on a wire of its own."""

    def setUp(self):
        self.link = XdpLink()
        self.addCleanup(self.link.remove)
        with inside(self.link.nodes):
            self.cluster = Cluster(nodes=1, sync="off", hosts=tuple(Link.nodes.values()), admin_host=Link.nodes["IPv4"])
        self.addCleanup(self.cluster.stop)
        self.node = self.cluster.nodes[0]
        self.node.run_in = ["ip", "netns", "exec", self.link.nodes]
        self.node.settings["xdp"] = {"interfaces": [NODES_END], "mode": "native"}
        there = inside(self.link.clients)
        there.__enter__()
        self.addCleanup(there.__exit__, None, None, None)

    def start(self):
        self.node.start()
        wait_for(self.node.ready, 20)

    def attached(self, **labels):
        return self.node.metric("shoal_xdp_attached", **labels)

    def start_attached(self):
        self.start()
        wait_for(lambda: OnLink.is_up(self.node), 5, "the shield")

    def program_on_wire(self):
        shown = subprocess.run(["ip", "-n", self.link.nodes, "link", "show", NODES_END], check=True, capture_output=True,
                               text=True).stdout
        return "xdp" in shown

    def client(self, **more):
        client = UdpClient((Link.nodes["IPv4"], self.node.tracker_port), **more)
        self.addCleanup(client.close)
        return client

    def assert_served_by_sockets(self, reason, interface=NODES_END):
        """It is ready, serves, and says once why there is no shield on the interface."""
        self.assertEqual(self.attached(interface=interface), 0)
        self.assertIn(f'shoal_xdp_attached{{interface="{interface}"', self.node.get("/metrics")[1])
        lines = [line for line in self.node.log_text().splitlines()
                 if f"no shield on an interface" in line and f"interface={interface}" in line]
        self.assertEqual(len(lines), 1, self.node.log_text())
        self.assertRegex(lines[0], reason)
        self.assertRegex(self.node.status()["problems"][0]["text"], reason)
        info_hash = fresh_hash()
        client = self.client()
        client.announce(info_hash, 1000)
        self.assertEqual(client.scrape(info_hash), [(0, 0, 1)])

    def test_a_program_of_someone_else(self):
        with inside(self.link.nodes):
            other = xdp_link.attach_passing_program(NODES_END)
        self.addCleanup(os.close, other)
        self.start()
        self.assert_served_by_sockets("program")
        self.node.stop()
        self.assertTrue(self.program_on_wire())  # theirs

    def test_no_privilege(self):
        self.node.run_in += ["setpriv", "--bounding-set=-net_admin,-bpf,-sys_admin", "--inh-caps=-all", "--"]
        self.start()
        self.assert_served_by_sockets("CAP_")

    def test_an_interface_that_is_not_there(self):
        self.node.settings["xdp"]["interfaces"] = ["nosuch0", NODES_END]
        self.start_attached()
        self.assert_served_by_sockets("no such interface", "nosuch0")
        self.assertEqual(self.attached(interface=NODES_END), 1)

    def test_only_an_interface_that_is_not_there(self):
        self.node.settings["xdp"]["interfaces"] = ["nosuch0"]
        self.start()
        self.assert_served_by_sockets("no such interface", "nosuch0")

    def test_a_user_without_rights(self):
        self.node.settings["node"]["user"] = "nobody"
        self.start_attached()
        self.assertEqual(self.node.status()["problems"], [])
        before = OnLink.decided(self.node, "connect_answered")
        self.client().connect()
        wait_for(lambda: OnLink.decided(self.node, "connect_answered") == before + 1, 5)
        self.assertEqual(set(self.rights().values()), {0})

    def test_the_rights_of_the_systemd_drop_in(self):
        """They are enough for a user who is not root, and none is left."""
        with open(os.path.join(ROOT, "compose", "xdp", "shoal-xdp.conf"), encoding="ascii") as file:
            granted = re.search(r"^AmbientCapabilities=(.*)$", file.read(), re.MULTILINE).group(1).lower().split()
        rights = ",".join(name.replace("cap_", "+") for name in granted)
        os.chmod(self.cluster.folder, 0o755)
        self.node.run_in += ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs",
                             f"--inh-caps=-all,{rights}", f"--ambient-caps=-all,{rights}", f"--bounding-set=-all,{rights}", "--"]
        self.start_attached()
        # The bounding set, which only matters to programs that are started, takes a right to empty.
        self.assertEqual({value for name, value in self.rights().items() if name != "Bnd"}, {0})

    def rights(self):
        with open(f"/proc/{self.node.process.pid}/status", encoding="ascii") as file:
            return {name: int(value, 16) for name, value in re.findall(r"Cap(...):\s*([0-9a-f]+)", file.read())}

    def test_killed(self):
        """The program goes with the process, and the wire works; the next start attaches again."""
        self.start_attached()
        self.assertTrue(self.program_on_wire())
        self.node.process.kill()
        self.node.process.wait()
        wait_for(lambda: not self.program_on_wire(), 5)
        with inside(self.link.nodes):
            other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with other:
            other.bind((Link.nodes["IPv4"], self.node.tracker_port))
            other.settimeout(2)
            packet = connect_packet()
            self.client().send(packet)
            self.assertEqual(other.recv(2048), packet)
        self.start_attached()
        self.client().connect()

    def test_restarted(self):
        """No connect is lost for longer than the restart takes."""
        self.start_attached()
        answered, over = [time.monotonic()], threading.Event()
        client = self.client(timeout_s=0.05)

        def ask():
            while not over.is_set():
                with contextlib.suppress(TimeoutError, OSError):
                    client.ask(connect_packet(), tries=1)
                    answered.append(time.monotonic())
                time.sleep(0.005)

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            wait_for(lambda: len(answered) > 20, 10)
            begun = time.monotonic()
            self.assertEqual(self.node.stop(), 0)
            self.start_attached()
            took = time.monotonic() - begun
            wait_for(lambda: answered[-1] > begun + took + 0.1, 10)
        finally:
            over.set()
            asking.join()
        gap = max(later - earlier for earlier, later in zip(answered, answered[1:]))
        self.assertLess(gap, took + 0.1)

    def test_draining(self):
        """Connects go to the sockets, which answer them as ever."""
        self.node.settings["node"]["drain_s"] = 60
        self.start_attached()
        client = self.client()
        client.connect()
        self.node.signal()
        wait_for(lambda: self.node.get("/readyz")[0] == 503, 5)
        client.connect()
        wait_for(lambda: OnLink.decided(self.node, "passed_connect") == 1, 5)
        self.node.signal()
        self.node.wait()

    def test_unfinished_checksums(self):
        """What another namespace of the machine sends may have none yet: only the kernel knows, and judges."""
        xdp_link.set_checksums(xdp_link.CLIENTS_END, whole=False)
        self.start_attached()
        client = self.client()
        info_hash = fresh_hash()
        client.announce(info_hash, 1000)
        self.assertEqual(client.scrape(info_hash), [(0, 0, 1)])
        wait_for(lambda: OnLink.decided(self.node, "passed_connect") == 1, 5)
        self.assertEqual(OnLink.decided(self.node, "connect_answered"), 0)

    def test_an_interface_that_changes(self):
        self.start_attached()
        client = self.client()
        nodes = self.link.nodes

        def wire(*arguments):
            run("ip", "-n", nodes, "link", "set", NODES_END, *arguments)

        # Down for a while.
        wire("down")
        wire("up")
        for number, form in ((1, NODES_V6),):
            subprocess.run(["ip", "-n", nodes, "addr", "replace", f"{form.format(number)}/64", "dev", NODES_END, "nodad"], check=True)
        wait_for(client.connect, 10)
        # Another hardware address.
        wire("address", "02:00:00:00:00:77")
        run("ip", "-n", self.link.clients, "neigh", "flush", "dev", xdp_link.CLIENTS_END)
        before = OnLink.decided(self.node, "connect_answered")
        wait_for(lambda: client.connect() and OnLink.decided(self.node, "connect_answered") > before, 10)
        # Another name, for a while.
        wire("down")
        wire("name", "wire9")
        run("ip", "-n", nodes, "link", "set", "wire9", "up")
        subprocess.run(["ip", "-n", nodes, "addr", "replace", f"{NODES_V6.format(1)}/64", "dev", "wire9", "nodad"], check=True)
        before = OnLink.decided(self.node, "connect_answered")
        wait_for(lambda: client.connect() and OnLink.decided(self.node, "connect_answered") > before, 10)
        run("ip", "-n", nodes, "link", "set", "wire9", "down")
        run("ip", "-n", nodes, "link", "set", "wire9", "name", NODES_END)
        wire("up")
        # Gone, and another of the same name.
        self.link.unplug()
        self.link.plug()
        wait_for(lambda: self.attached() == 0, 5)
        self.assert_served_by_sockets("gone")
        self.assertTrue(self.node.ready())
