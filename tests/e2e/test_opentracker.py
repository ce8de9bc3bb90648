"""opentracker's interface: its statistics page. Answers are compared with those of a running opentracker where it is
installed; scripts written for it read both."""

import gzip
import os
import re
import subprocess
import tempfile
import types
import unittest
import xml.etree.ElementTree

from cluster import ROOT, SHOAL, free_port
from http_client import HttpClient, announce_target, scrape_target
from nodes import ClusterCase, fresh_hash, shoal
from opentracker import PROGRAM, Opentracker
from udp_client import UdpClient, announce_packet, scrape_packet
from wait import wait_for

SETTINGS = {
    "tracker": {"full_scrape": True, "full_scrape_interval_s": 0},
    "stats": {"path": "/stats", "networks": ["127.0.0.0/8"]},
}
# Every mode that Debian's opentracker has and shoal answers.
MODES = ["peer", "torr", "conn", "tcp4", "udp4", "scrp", "fscr", "completed", "syncs", "herr", "renew", "top10", "top100",
         "version", "everything"]
DUMP_FORMATS = ["ben", "txt", "txtp", "bin", "url"]


def get(tracker, target, **more):
    """As a monitoring script would: one request per connection."""
    with HttpClient(("127.0.0.1", tracker.tracker_port)) as client:
        return client.get(target, headers=["Connection: close"], **more)


def stats(tracker, mode):
    response = get(tracker, f"/stats?mode={mode}")
    if response.status != 200:
        raise AssertionError(f"mode {mode}: status {response.status}: {response.body!r}")
    return response.body.decode()


def figures(tracker):
    """The numbers of mode=everything by their path, as sbruder's exporter and others read them."""
    found = {}

    def walk(element, path):
        for child in element:
            name = child.get("interval") or child.get("code") or ""
            below = f"{path}/{child.tag}{name}"
            if len(child):
                walk(child, below)
            elif child.text.strip().isdigit():
                found[below] = int(child.text)

    walk(xml.etree.ElementTree.fromstring(stats(tracker, "everything")), "")
    return found


def visit(tracker, hashes):
    """The same clients announce to either tracker, each HTTP request on its own connection."""
    first, second, third = hashes[:3]
    for port in range(1000, 1005):
        get(tracker, announce_target(first, port, left=0))
    get(tracker, announce_target(second, 2000))
    get(tracker, announce_target(second, 2000, left=0, event="completed"))
    get(tracker, announce_target(second, 2001, left=5))
    get(tracker, scrape_target(first))
    get(tracker, "/announce?info_hash=short&port=1")
    get(tracker, "/nowhere")
    with UdpClient(("127.0.0.1", tracker.tracker_port)) as client:
        client.announce(third, 3000, left=0)
        client.announce(third, 3000, left=0)  # again: a refresh
        client.announce(third, 3001, event="completed", left=0)
        client.announce(third, 3002)
        client.announce(third, 3002, event="stopped")
        client.scrape(first, third)


class Stats(ClusterCase):
    nodes = 1
    sync = "off"
    settings = SETTINGS

    def test_every_mode(self):
        visit(self.node(0), [fresh_hash() for _ in range(3)])
        for mode in [*MODES, "startstop"]:
            with self.subTest(mode):
                response = get(self.node(0), f"/stats?mode={mode}")
                self.assertEqual((response.status, response.headers["content-type"]), (200, "text/plain"))
                self.assertTrue(response.body)

    def test_for_munin(self):
        """FoRTu's plugin: peers in line 1, seeders in line 2, torrents as the third word of line 3."""
        node, info_hash = self.node(0), fresh_hash()
        before = stats(node, "peer").splitlines()
        self.client(0).announce(info_hash, 1000, left=0)
        self.client(0).announce(info_hash, 1001)
        after = get(node, "/stats").body.decode().splitlines()
        self.assertEqual([int(after[n]) - int(before[n]) for n in (0, 1)], [2, 1])
        self.assertEqual(int(after[2].split()[2]) - int(before[2].split()[2]), 1)

    def test_for_influxdb(self):
        """FoRTu's script takes the children of the document by number."""
        root = xml.etree.ElementTree.fromstring(stats(self.node(0), "everything"))
        self.assertEqual([root[2].tag, root[3][0].tag, root[4].tag, root[5].tag, root[6].tag],
                         ["uptime", "count_mutex", "peers", "seeds", "completed"])
        for number in (2, 3, 4, 5, 6):
            self.assertTrue((root[number].text.strip() or root[number][0].text).isdigit())

    def test_counts(self):
        node = self.node(0)
        before = figures(node)
        visit(node, [fresh_hash() for _ in range(3)])
        after = figures(node)
        grown = {path: after[path] - before[path] for path in after if after[path] != before[path]}
        grown.pop("/uptime", None)
        # Eleven connections of visit(), and this one.
        self.assertEqual(grown, {
            "/torrents/count_mutex": 3, "/torrents/count_iterator": 3, "/peers/count": 9, "/seeds/count": 8,
            "/completed/count": 2, "/connections/tcp/accept": 12, "/connections/tcp/announce": 8,
            "/connections/tcp/scrape": 1, "/connections/udp/overall": 7, "/connections/udp/connect": 1,
            "/connections/udp/announce": 5, "/connections/udp/scrape": 1, "/debug/renew/count00": 2,
            "/debug/http_error/count400 Invalid Parameter": 1, "/debug/http_error/count404 Not found": 1,
        })
        started, stopped = stats(node, "startstop").splitlines()[:2]
        self.assertEqual(int(stopped), int(node.metric("shoal_announces_total", event="stopped")))
        self.assertEqual(int(started), int(node.metric("shoal_announces_total", event="started")))

    def test_top(self):
        node, info_hash = self.node(0), fresh_hash()
        client = self.client(0)
        for port in range(1000, 1200):
            client.announce(info_hash, port, left=port % 2, numwant=0)
        # The store is read for it at most every half minute, and another test may just have asked.
        lines = wait_for(lambda: (found := stats(node, "top10").splitlines())[1].startswith("\t200\t") and found, 45,
                         "a new list", interval_s=0.5)
        self.assertEqual(lines[:2], ["Top 10 torrents by peers:", f"\t200\t{info_hash.hex().upper()}"])
        self.assertIn(f"\t100\t{info_hash.hex().upper()}", lines[lines.index("Top 10 torrents by seeds:"):])
        self.assertTrue(stats(node, "top100").startswith("Top 100 torrents by peers:\n\t200\t"))

    def test_dumps(self):
        node, info_hash = self.node(0), fresh_hash()
        self.client(0).announce(info_hash, 1000)
        for dump_format in DUMP_FORMATS:
            with self.subTest(dump_format):
                by_stats = get(node, f"/stats?mode=tpbs&format={dump_format}").body
                self.assertEqual(by_stats, get(node, f"/scrape?format={dump_format}").body)
        self.assertRegex(stats(node, "statedump"), rf"(?m)^{info_hash.hex().upper()}:[0-9]{{8}}:0$")

    def test_wrong_queries(self):
        for query in ("mode=nonsense", "mode=tpbs&format=xml", "mode=everything&info_hash=aaaaaaaaaaaaaaaaaaaa"):
            with self.subTest(query):
                self.assertEqual(get(self.node(0), "/stats?" + query).status, 400)

    def test_old_scripts_speak_http_1_0(self):
        response = get(self.node(0), "/stats?mode=conn", version="HTTP/1.0")
        self.assertEqual(int(response.headers["content-length"]), len(response.body))
        self.assertEqual(response.headers["connection"], "close")


class StatsAcrossNodes(ClusterCase):
    nodes = 2
    settings = SETTINGS

    def test_syncs(self):
        for port in range(1000, 1010):
            self.client(0).announce(fresh_hash(), port)
        wait_for(lambda: int(stats(self.node(1), "syncs").splitlines()[0]) == 10, 10, "ten peers heard from the other")
        self.assertEqual(figures(self.node(1))["/connections/livesync/count"], 10)


class StatsBesideRedirect(ClusterCase):
    nodes = 1
    sync = "off"
    settings = {"stats": SETTINGS["stats"], "tracker": {"redirect_url": "https://tracker.example/"}}

    def test_redirects_are_counted(self):
        before = figures(self.node(0))["/debug/http_error/count302 Redirect"]
        self.assertEqual(get(self.node(0), "/").status, 302)
        self.assertEqual(figures(self.node(0))["/debug/http_error/count302 Redirect"], before + 1)
        self.assertEqual(stats(self.node(0), "herr").splitlines()[0], "302 RED 1")


class StatsAccess(ClusterCase):
    nodes = 1
    sync = "off"
    settings = {"stats": {"path": "/secret/numbers", "networks": ["127.0.0.9/32"]}}

    def test_by_network_and_path(self):
        allowed = self.client(0, "HTTP", source="127.0.0.9")
        self.assertEqual(allowed.get("/secret/numbers").status, 200)
        self.assertEqual(allowed.get("/stats").status, 404)
        self.assertEqual(allowed.get("/secret/numbers?mode=tpbs").status, 403)
        denied = self.client(0, "HTTP", source="127.0.0.10")
        self.assertEqual(denied.get("/secret/numbers").status, 403)
        self.assertEqual(denied.get("/secret/numbers?mode=everything").status, 403)


class NoStats(ClusterCase):
    nodes = 1
    sync = "off"

    def test_off_by_default(self):
        self.assertEqual(get(self.node(0), "/stats").status, 404)


# Where Debian's opentracker counts wrongly: full scrapes never, and in herr the last three rows hold the values of
# their neighbours (mode=everything has them right).
MISCOUNTED = {"fscr": (r"\A\d+\n\d+\n", "N\nN\n"), "herr": (r"(403 IP |404 INV|500 SRV) \d+", r"\1 N")}


def without_what_differs(mode, text):
    """Leaves out what differs between any two trackers: versions, identities, times and lock waits."""
    if mode in MISCOUNTED:
        text = re.sub(*MISCOUNTED[mode], text)
    text = re.sub(r"(?s)<version>.*</version>", "<version/>", text)
    text = re.sub(r"<tracker_id>\d+<", "<tracker_id>N<", text)
    text = re.sub(r"(?s)(<mutex_stall>\s+<count>)\d+", r"\1N", text)
    text = re.sub(r"<uptime>\d+<", "<uptime>N<", text)
    text = re.sub(r"(?m)^\d+ seconds \(\d+ hours\)$", "N seconds (N hours)", text)
    return re.sub(r"\b\d+( (?:conns|success|bytes|scrape)/s)", r"N\1", text)


class Migration(unittest.TestCase):
    def test_a_tracker_moves(self):
        """An opentracker's file, translated, starts a shoal that answers at the same places."""
        with tempfile.TemporaryDirectory(prefix="shoal-test-") as folder:
            old, new = os.path.join(folder, "opentracker.conf"), os.path.join(folder, "shoal.toml")
            port, white = free_port(), os.path.join(folder, "white")
            with open(white, "w", encoding="utf-8") as file:
                file.write("01" * 20 + "\n")
            with open(old, "w", encoding="utf-8") as file:
                file.write(f"listen.tcp_udp 127.0.0.1:{port}\naccess.whitelist {white}\naccess.stats 127.0.0.1\n"
                           "access.stats_path info\nbatchsync.cluster.admin_ip 10.1.1.1\n")
            run = shoal("config", "--from-opentracker", old)
            self.assertEqual(run.returncode, 0, run.stderr)
            self.assertEqual(run.stderr, "shoal: look at: tracker.full_scrape: everyone can fetch the list of all swarms, "
                                         "as in opentracker; leave it out to turn that off\n")
            self.assertIn("# line 5: batchsync.cluster.admin_ip 10.1.1.1\n#   no counterpart", run.stdout)
            with open(new, "w", encoding="utf-8") as file:
                file.write(run.stdout)
            self.assertEqual(shoal("config", "--check", new).returncode, 0)
            node = subprocess.Popen([SHOAL, "node", "--config", new, "--admin.listen=", "--node.drain_s", "0"],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.addCleanup(node.kill)
            tracker = types.SimpleNamespace(tracker_port=port)
            wait_for(lambda: get(tracker, "/info").status == 200, 10, "the node to answer")
            get(tracker, announce_target(b"\1" * 20, 1000))
            self.assertIn(b"failure reason", get(tracker, announce_target(b"\2" * 20, 1000)).body)
            self.assertEqual(get(tracker, "/info?mode=peer").body.decode().splitlines()[0], "1")
            self.assertIn(b"\1" * 20, get(tracker, "/scrape").body)
            node.terminate()
            self.assertEqual(node.wait(10), 0)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_the_sample_of_debian(self):
        """Its list lies inside tracker.rootdir, and is named as from outside. The result starts, as root and without."""
        with tempfile.TemporaryDirectory(prefix="shoal-test-") as folder:
            os.chmod(folder, 0o755)
            old, new = os.path.join(folder, "opentracker.conf"), os.path.join(folder, "shoal.toml")
            port, white = free_port(), os.path.join(folder, "whitelist.txt")
            with open(white, "w", encoding="utf-8") as file:
                file.write("# nothing yet\n")
            with open(old, "w", encoding="utf-8") as file:
                file.write(f"access.whitelist {white}\ntracker.rootdir {folder}\ntracker.user    nobody\n"
                           f"listen.tcp_udp 127.0.0.1:{port}\n")
            run = shoal("config", "--from-opentracker", old)
            self.assertEqual(run.returncode, 0, run.stderr)
            self.assertEqual(len(run.stderr.splitlines()), 4)
            for line in ("warning: access.mode: allow, but the access list lists nothing",
                         "look at: node.chroot: needs a start as root",
                         "look at: stats.networks: everyone can read the statistics",
                         "look at: tracker.full_scrape: everyone can fetch the list of all swarms"):
                self.assertIn(f"\nshoal: {line}", "\n" + run.stderr)
            with open(white, "w", encoding="utf-8") as file:
                file.write("01" * 20 + "\n")
            self.assertNotIn("warning", shoal("config", "--from-opentracker", old).stderr)
            # As it is, and as the hint says for a start without root.
            with_root = run.stdout
            without = re.sub(r'(?m)^(chroot|user) = .*\n', "", with_root).replace('"/whitelist.txt"', f'"{white}"')
            for text in (with_root, without):
                with open(new, "w", encoding="utf-8") as file:
                    file.write(text)
                # LeakSanitizer needs /proc, which is not in the chroot.
                node = subprocess.Popen([SHOAL, "node", "--config", new, "--admin.listen=", "--node.drain_s", "0"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
                self.addCleanup(node.kill)
                tracker = types.SimpleNamespace(tracker_port=port)
                wait_for(lambda: get(tracker, "/stats").status == 200, 10, "the node to answer")
                self.assertIn(b"interval", get(tracker, announce_target(b"\1" * 20, 1000)).body)
                self.assertIn(b"failure reason", get(tracker, announce_target(b"\2" * 20, 1000)).body)
                node.terminate()
                self.assertEqual(node.wait(10), 0)

    def test_a_list_that_is_missing(self):
        run = shoal("config", "--from-opentracker", "/dev/stdin",
                    stdin="access.whitelist /nonexistent/white\nlivesync.cluster.listen 127.0.0.1:7000\n")
        self.assertEqual(run.returncode, 1)
        for line in ("access.file: /nonexistent/white: cannot be", "sync.key_files: key file cluster.key: cannot be read",
                     "look at: sync.key_files: make cluster.key with `shoal keygen cluster.key`"):
            self.assertIn(f"shoal: {line}", run.stderr)

    def test_mistakes(self):
        self.assertEqual(shoal("config", "--from-opentracker", "/nowhere/opentracker.conf").returncode, 1)
        self.assertEqual(shoal("config", "--from-opentracker", "x", "--check", "y").returncode, 2)
        run = shoal("config", "--from-opentracker", "/dev/stdin",
                    stdin="listen.udp 127.0.0.1:7000\nlivesync.cluster.listen 127.0.0.1:7000\n")
        self.assertEqual(run.returncode, 1)
        self.assertIn("tracker.udp has it too", run.stderr)


class Document(unittest.TestCase):
    """docs/OPENTRACKER.md names an existing test in each row, and only existing options."""

    @staticmethod
    def read(*path):
        with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
            return file.read()

    def rows(self):
        for line in self.read("docs", "OPENTRACKER.md").splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if line.startswith("| ") and cells[-1] != "test" and not cells[0].startswith("---"):
                yield cells

    def test_tests_are_there(self):
        tests = "\n".join(self.read(folder, name) for top in ("unit", "e2e")
                          for folder, _, names in os.walk(os.path.join(ROOT, "tests", top))
                          for name in names if name.endswith((".cc", ".py")))
        rows = list(self.rows())
        self.assertGreater(len(rows), 60)
        for theirs, ours, test in rows:
            with self.subTest(theirs):
                if test:
                    name = test.strip("`")
                    self.assertTrue(f"def {name}(" in tests or f'TEST_CASE("{name}"' in tests, name)
                else:
                    self.assertTrue(ours.startswith("none") or "libsodium" in ours, ours)

    def test_options_are_there(self):
        options = set(re.findall(r"### `([a-z_.]+)`", self.read("docs", "OPTIONS.md")))
        named = set(re.findall(r"`(?:--)?((?:node|tracker|access|sync|admin|stats)\.[a-z_]+)",
                               " ".join(ours for _, ours, _ in self.rows())))
        self.assertGreater(len(named), 10)
        self.assertEqual(named - options, set())

    def test_every_directive_and_mode_has_a_row(self):
        first = " ".join(theirs for theirs, _, _ in self.rows())
        known = re.findall(r'Directive\{"([a-z_.]+)"', self.read("node", "config", "opentracker_config.cc"))
        self.assertGreater(len(known), 15)
        for directive in known:
            self.assertIn(directive, first)
        # What a directive may become, if such an option exists.
        options = set(re.findall(r"### `([a-z_.]+)`", self.read("docs", "OPTIONS.md")))
        second = " ".join(ours for _, ours, _ in self.rows())
        for option in set(re.findall(r'"([a-z]+\.[a-z_]+)"', self.read("node", "config", "opentracker_config.cc"))) & options:
            self.assertIn(option, second)
        for mode in [*MODES, "startstop", "tpbs", "statedump"]:
            self.assertIn(f"`{mode}`", first)


class BesideOpentracker(ClusterCase):
    """The same clients and the same requests get the same answers."""

    nodes = 1
    sync = "off"
    settings = SETTINGS
    hashes = [bytes([byte]) * 20 for byte in (0x01, 0x20, 0xFE)]

    @classmethod
    def setUpClass(cls):
        if not PROGRAM:
            raise unittest.SkipTest("opentracker is not installed")
        super().setUpClass()
        cls.other = Opentracker(cls.hashes).__enter__()
        cls.addClassCleanup(cls.other.__exit__)
        # The requests that waited for opentracker to answer count there.
        for _ in range(figures(cls.other)["/connections/tcp/accept"] - 1):
            stats(cls.cluster.nodes[0], "torr")
        stats(cls.cluster.nodes[0], "everything")
        for tracker in (cls.cluster.nodes[0], cls.other):
            visit(tracker, cls.hashes)

    def test_modes(self):
        for mode in MODES:
            if mode == "version":
                continue
            with self.subTest(mode):
                ours, theirs = (without_what_differs(mode, stats(one, mode)) for one in (self.node(0), self.other))
                if mode.startswith("top") and "leechers" not in theirs:  # Debian 12's opentracker has two lists
                    ours = ours[: ours.index(f"Top {mode[3:]} torrents by leechers:")]
                self.assertEqual(ours, theirs)

    @staticmethod
    def parts(dump_format, body):
        """Sorted, as opentracker may use another order."""
        if dump_format == "ben":
            return body
        if dump_format == "bin":
            return sorted(body[at : at + 28] for at in range(0, len(body), 28))
        return sorted(body.lower().split())

    def test_dumps(self):
        for dump_format in DUMP_FORMATS:
            with self.subTest(dump_format):
                target = f"/stats?mode=tpbs&format={dump_format}"
                ours, theirs = get(self.node(0), target).body, get(self.other, target)
                body = theirs.body
                if theirs.headers.get("content-encoding") == "gzip":  # whether asked for or not
                    body = gzip.decompress(body)
                self.assertEqual(self.parts(dump_format, ours), self.parts(dump_format, body))
        self.assertEqual(get(self.node(0), "/scrape").body, get(self.other, "/scrape").body)


class RequestsBesideOpentracker(ClusterCase):
    """What opentracker serves is served, but for the rows of docs/OPENTRACKER.md that say why not."""

    nodes = 1
    sync = "off"
    info_hash = bytes([0x42]) * 20

    @classmethod
    def setUpClass(cls):
        if not PROGRAM:
            raise unittest.SkipTest("opentracker is not installed")
        super().setUpClass()
        cls.other = Opentracker([cls.info_hash]).__enter__()
        cls.addClassCleanup(cls.other.__exit__)
        cls.other.wait_for_list()

    @staticmethod
    def ask(tracker, data):
        """The first bytes of the body, after a status of 200."""
        with HttpClient(("127.0.0.1", tracker.tracker_port)) as client:
            client.send(data)
            response = client.read_response()
        return response.body[:4] if response.status == 200 else response.status

    def test_http(self):
        announce, scrape = announce_target(self.info_hash, 1000), scrape_target(self.info_hash)
        targets = [announce.replace("/announce", path) for path in
                   ("/announce", "/announce/", "//announce", "/announce.php", "/announce/KEY", "/aKEY/announce", "/a")]
        targets += [scrape.replace("/scrape", path) for path in
                    ("/scrape", "/scrape/", "//scrape", "/scrape.php", "/scrape/KEY", "/sc")]
        targets += [announce.replace("?", f"?{own}&") for own in ("port=1", "left=0", "event=foo", "compact=1", "ip=1.2.3.4", "x")]
        targets += [announce + own for own in ("&port=1", "&event=foo", "&numwant=0", "&left=x")]
        targets += [announce_target(self.info_hash, 0), announce.replace("port=1000&", "")]
        targets.append(scrape_target(self.info_hash, *(os.urandom(20) for _ in range(100))))
        requests = [f"GET {target} HTTP/1.0\r\n\r\n" for target in targets]
        requests += [f"GET {announce} HTTP/1.1{rest}" for rest in
                     ("\n\n", "\r\n\r\n", "\nConnection: close\n\n", "\r\nContent-Length: 5\r\n\r\nhello")]
        for request in requests:
            with self.subTest(request):
                ours, theirs = (self.ask(tracker, request.encode()) for tracker in (self.node(0), self.other))
                self.assertIn(theirs, (b"d8:c", b"d5:f"))
                self.assertEqual(ours, theirs)

    def test_udp(self):
        for tracker in (self.node(0), self.other):
            with self.subTest(tracker), UdpClient(("127.0.0.1", tracker.tracker_port)) as client:
                for port, event in ((1000, 77), (0, "started"), (0, "")):
                    client.announce(self.info_hash, port, event=event)
                for count, fraction in ((1, 0), (1, 3), (75, 0), (80, 0)):
                    packet = scrape_packet(client.connection_id, [self.info_hash] * count + [os.urandom(fraction)])
                    self.assertEqual(client.ask(packet)[:4], b"\0\0\0\2")
                answer = client.ask(announce_packet(os.urandom(8), self.info_hash, 1000))
                self.assertEqual(answer[:4], b"\0\0\0\3")
