"""Feeds: lists that a node fetches again and again, from a server that does all that servers do. Confined, as by default."""

import gzip
import json
import os
import signal
import socket
import time
import unittest

import feed_server as fs
from certificates import Authority
from cluster import free_port
from http_client import announce_target
from nodes import ClusterCase, fresh_hash, post, shoal
from openapi import OpenApi
from reloads import hang_up
from wait import wait_for

try:
    import jsonschema
except ImportError:
    jsonschema = None

DENIED = "this network is not allowed on this tracker"
NETWORKS = b"127.0.0.128/26\n# and more\nsomebody:127.0.0.192-127.0.0.255\n2001:db8::/32\n"
SECRET = "a-secret-word"


class FeedCase(ClusterCase):
    nodes = 1
    sync = "off"
    seconds = 3600

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addClassCleanup(cls.server.close)

    @classmethod
    def prepare(cls):
        folder = cls.cluster.folder
        authority = Authority(folder)
        cls.ca = authority.ca
        cls.server = fs.FeedServer(*authority.issue("feeds", ["127.0.0.1"]))
        cls.copies = os.path.join(folder, "copies")
        os.mkdir(cls.copies)
        cls.listed = fresh_hash()
        cls.server.answers["/nets"] = fs.content(NETWORKS)
        cls.server.answers["/hashes"] = fs.content(cls.listed.hex().encode() + b"\n")
        for node in cls.cluster.nodes:
            node.settings["access"] = {"mode": "deny", "feeds": cls.feeds(), "feed_folder": cls.copies,
                                       "feed_ca_file": cls.ca}

    @classmethod
    def feed(cls, name, kind, place):
        return f"{name} {kind} {cls.seconds} {place}"

    @classmethod
    def feeds(cls):
        return [cls.feed("nets", "networks", cls.server.url("/nets")),
                cls.feed("hashes", "hashes", cls.server.url("/hashes"))]

    def status(self, name="nets", number=0):
        feeds = {feed["name"]: feed for feed in self.node(number).status()["feeds"]}
        return feeds.get(name)

    def fetch(self, name="nets", query="", number=0):
        """Has a feed fetched, and returns its status afterwards."""
        def attempts():
            status = self.status(name, number)
            return sum(status[key] for key in ("changed", "unchanged", "failed"))

        wait_for(lambda: not self.status(name, number)["fetching"], 30)
        before = attempts()
        self.assertEqual(post(self.node(number), f"/v1/feeds/refresh?name={name}{query}").status, 200)
        wait_for(lambda: attempts() > before, 60, "the feed to be fetched")
        return self.status(name, number)

    def refusal(self, source, info_hash=None, number=0):
        client = self.client(number, "HTTP", source=source)
        answer = client.get(announce_target(info_hash or fresh_hash(), 1000)).bencoded()
        return answer.get(b"failure reason", b"").decode()

    def wait_denied(self, source="127.0.0.130", denied=True, number=0):
        wait_for(lambda: (self.refusal(source, number=number) == DENIED) == denied, 10,
                 f"{source} to be {'denied' if denied else 'served'}")


class Feeds(FeedCase):
    def setUp(self):
        self.server.answers["/nets"] = fs.content(NETWORKS)
        self.fetch(query="&shrink=1")

    def test_lists_are_in_force(self):
        log = self.node(0).log_text()
        self.assertIn("confined", log)
        self.assertIn("calls=yes", log)
        self.wait_denied("127.0.0.130")
        self.wait_denied("127.0.0.200")
        self.wait_denied("127.0.0.127", False)
        with self.assertRaises(TimeoutError):
            self.client(source="127.0.0.130", timeout_s=0.3).connect()
        self.assertEqual(self.status()["entries"], 3)
        wait_for(lambda: "not authorized" in self.refusal("127.0.0.1", self.listed), 10)
        # What is changed at run time wins.
        self.assertEqual(shoal("access", "remove", self.listed.hex(), "--admin", self.node(0).admin).returncode, 0)
        wait_for(lambda: self.refusal("127.0.0.1", self.listed) == "", 10)
        self.assertEqual(self.node(0).metric("shoal_feed_entries", feed="nets"), 3)

    def test_what_is_no_list_changes_nothing(self):
        other = fs.FeedServer()
        self.addCleanup(other.close)
        other.answers["/nets"] = fs.content(NETWORKS)
        for name, answer, reason in (
                ("404", fs.status(404), "HTTP status 404"),
                ("500", fs.status(500), "HTTP status 500"),
                ("204", fs.status(204, b""), "HTTP status 204"),
                ("304 to who holds no version", fs.status(304, b""), "HTTP status 304"),
                ("a page", fs.content(b"<!DOCTYPE html>\n<html><body>Maintenance\n"), "is a web page"),
                ("nothing", fs.content(b""), "is empty"),
                ("comments", fs.content(b"# nothing today\n"), "is empty"),
                ("cut", fs.cut(NETWORKS, len(NETWORKS) + 1), "is cut"),
                ("cut gzip", fs.content(gzip.compress(NETWORKS)[:-9]), "gzip that is cut"),
                ("damaged gzip", fs.content(gzip.compress(NETWORKS)[:-8] + bytes(8)), "damaged gzip"),
                ("zip", fs.content(b"PK\x03\x04" + bytes(100)), "zip archive"),
                ("another coding", fs.content(b"xxxx", Content_Encoding="br"), "coded as br"),
                ("a bomb", fs.bomb(1 << 30), "unpacks to more than 256 MiB"),
                ("50 million lines", fs.repeat(b"#\n" * 500_000, 100), "has more than 5000000 lines"),
                ("a circle", fs.redirect(self.server.url("/nets")), "redirects"),
                ("a redirect to HTTP", fs.redirect(other.url("/nets")), "http"),
                ("less than half", fs.content(b"127.0.0.130\n"), "1 entries, less than half of the 3"),
                ("everybody", fs.content(NETWORKS + b"0.0.0.0/0\n"), "holds more addresses than a feed may deny"),
                ("other lines", fs.content(NETWORKS + b"what?\n"), '1 of 4 lines are no networks, first line 5')):
            with self.subTest(name):
                self.server.answers["/nets"] = answer
                status = self.fetch()
                self.assertEqual((status["result"], status["entries"]), ("failed", 3), status)
                self.assertIn(reason, status["reason"])
        problems = " ".join(problem["text"] for problem in self.node(0).status()["problems"])
        self.assertIn("the feed nets could not be fetched", problems)
        self.assertIn("its 3 entries stay in force", problems)
        self.assertGreaterEqual(self.node(0).metric("shoal_feed_failures", feed="nets"), 10)
        self.assertEqual(self.refusal("127.0.0.130"), DENIED)
        self.server.answers["/nets"] = fs.content(NETWORKS)
        self.assertEqual(self.fetch()["failures"], 0)
        self.assertNotIn("nets could not", str(self.node(0).status()["problems"]))

    def test_a_failure_is_logged_once(self):
        self.server.answers["/nets"] = fs.status(503)
        before = self.node(0).log_text().count("HTTP status 503")
        for _ in range(3):
            self.fetch()
        self.assertEqual(self.node(0).log_text().count("HTTP status 503"), before + 1)

    def test_less_than_half_when_it_is_wanted(self):
        self.server.answers["/nets"] = fs.content(b"127.0.0.130\n")
        self.assertEqual(self.fetch()["result"], "failed")
        done = shoal("feeds", "nets", "--fetch", "--shrink", "--admin", self.node(0).admin)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        wait_for(lambda: self.status()["entries"] == 1, 10)
        self.wait_denied("127.0.0.200", False)

    def test_only_what_has_changed_is_sent(self):
        self.server.answers["/nets"] = fs.content(gzip.compress(NETWORKS), '"one"', Content_Encoding="gzip")
        self.assertEqual(self.fetch()["result"], "changed")
        self.assertEqual(self.fetch()["result"], "unchanged")
        path, headers = self.server.requests[-1]
        self.assertEqual((path, headers["If-None-Match"], headers["Accept-Encoding"]), ("/nets", '"one"', "gzip"))
        self.server.answers["/nets"] = fs.content(NETWORKS + b"10.0.0.0/8\n", '"two"')
        status = self.fetch()
        self.assertEqual((status["result"], status["entries"]), ("changed", 4))
        # Of a server without ETag.
        yesterday = "Sun, 29 Nov 2026 07:00:00 GMT"
        self.server.answers["/nets"] = fs.content(NETWORKS, modified=yesterday)
        self.assertEqual(self.fetch()["result"], "changed")
        self.assertEqual(self.fetch()["result"], "unchanged")
        _, headers = self.server.requests[-1]
        self.assertEqual(headers["If-Modified-Since"], yesterday)
        self.assertNotIn("If-None-Match", headers)

    def test_a_redirect_is_followed(self):
        self.server.answers["/moved"] = fs.content(NETWORKS + b"10.0.0.0/8\n")
        self.server.answers["/nets"] = fs.redirect("/moved")
        self.assertEqual(self.fetch()["entries"], 4)

    def test_command(self):
        wait_for(lambda: self.status("hashes")["entries"] == 1, 10)
        text = shoal("feeds", "--admin", self.node(0).admin).stdout
        self.assertRegex(text, r"nets +networks +3 ")
        self.assertRegex(text, r"hashes +hashes +1 ")
        listed = json.loads(shoal("feeds", "--json", "--admin", self.node(0).admin).stdout)
        if jsonschema:
            OpenApi().check_schema("Feeds", listed)
        self.assertEqual([feed["name"] for feed in listed["feeds"]], ["nets", "hashes"])
        for arguments, code in ((["--shrink"], 2), (["--fetch", "nobody"], 1), (["a b"], 1)):
            self.assertEqual(shoal("feeds", *arguments, "--admin", self.node(0).admin).returncode, code)

    def test_its_copy_is_for_others(self):
        with socket.create_connection(self.node(0).admin_address) as plain:
            plain.sendall(b"GET /v1/feeds/nets HTTP/1.0\r\nHost: localhost\r\n\r\n")
            whole = b"".join(iter(lambda: plain.recv(65536), b""))
        head, body = whole.split(b"\r\n\r\n", 1)
        self.assertEqual(body, NETWORKS)
        self.assertIn(b"ETag: ", head)
        self.assertEqual(self.node(0).get("/v1/feeds/nobody")[0], 404)

    def test_a_copy_that_is_cut_does_not_pass_for_whole(self):
        size = 16 << 20
        self.server.answers["/nets"] = fs.content(NETWORKS + b"#" * 999 + b"\n" + (b"#" * 999 + b"\n") * (size // 1000))
        self.assertEqual(self.fetch()["result"], "changed")
        got = 0
        with socket.socket() as plain:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            plain.settimeout(10)
            plain.connect(self.node(0).admin_address)
            plain.sendall(b"GET /v1/feeds/nets HTTP/1.1\r\nHost: localhost\r\n\r\n")
            last = plain.recv(1000)
            os.truncate(os.path.join(self.copies, "nets.feed"), 1000)
            # The connection ends, though it was to be kept.
            try:
                while piece := plain.recv(1 << 20):
                    got += len(piece)
                    last = piece
            except ConnectionResetError:
                pass
        self.assertLess(got, size)
        self.assertFalse(last.endswith(b"\r\n0\r\n\r\n"))


class FeedsReload(FeedCase):
    def test_feeds_come_go_and_change(self):
        node = self.node(0)
        wait_for(lambda: self.status()["entries"] == 3, 10)
        self.wait_denied()
        local = os.path.join(self.cluster.folder, "local")
        with open(local, "w", encoding="utf-8") as file:
            file.write("127.0.0.10\n")
        node.settings["access"]["feeds"] = [self.feed("local", "networks", local), self.feeds()[0]]
        node.write_config()
        self.assertTrue(hang_up(node))
        self.wait_denied("127.0.0.10")
        self.wait_denied("127.0.0.130")
        self.assertIsNone(self.status("hashes"))
        wait_for(lambda: self.refusal("127.0.0.1", self.listed) == "", 10)
        # A file is read again when it has changed.
        self.assertEqual(self.fetch("local")["result"], "unchanged")
        with open(local, "w", encoding="utf-8") as file:
            file.write("127.0.0.11\n")
        self.assertEqual(self.fetch("local")["result"], "changed")
        self.wait_denied("127.0.0.10", False)
        node.settings["access"]["feeds"] = []
        node.write_config()
        self.assertTrue(hang_up(node))
        self.wait_denied("127.0.0.11", False)
        self.wait_denied("127.0.0.130", False)
        self.assertEqual(node.status()["feeds"], [])
        node.settings["access"]["feeds"] = ["nets networks 5 https://127.0.0.1/"]
        node.write_config()
        self.assertFalse(hang_up(node))
        node.settings["access"]["feeds"] = []
        node.write_config()


class FeedsMove(FeedCase):
    """Only what is on the list is served: without it nobody is."""

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.cluster.nodes[0].settings["access"]["mode"] = "allow"

    def test_a_new_place_does_not_drop_the_list(self):
        node = self.node(0)
        wait_for(lambda: self.status()["entries"] == 3 and self.status("hashes")["entries"] == 1, 10)
        self.wait_denied()
        self.assertEqual(self.refusal("127.0.0.1", self.listed), "")
        self.server.answers["/other"] = fs.status(500)
        node.settings["access"]["feeds"] = [self.feed("nets", "networks", self.server.url("/other")),
                                            self.feed("hashes", "hashes", self.server.url("/other"))]
        node.write_config()
        self.assertTrue(hang_up(node))
        for name, entries in (("nets", 3), ("hashes", 1)):
            wait_for(lambda name=name: self.status(name)["failed"] > 0, 10)
            status = self.status(name)
            self.assertEqual((status["entries"], status["place"]), (entries, self.server.url("/other")))
        self.assertEqual(self.refusal("127.0.0.130"), DENIED)
        self.assertEqual(self.refusal("127.0.0.1", self.listed), "")
        # Its copy is of the old place: others do not get it as that of the new one.
        self.assertEqual(node.get("/v1/feeds/nets")[0], 404)
        # What the new place sends is compared with the list in force.
        self.server.answers["/other"] = fs.content(b"127.0.0.130\n")
        self.assertIn("less than half of the 3", self.fetch()["reason"])
        self.server.answers["/other"] = fs.content(NETWORKS + b"127.0.0.20\n")
        self.assertEqual(self.fetch()["entries"], 4)
        self.wait_denied("127.0.0.20")
        self.assertEqual(node.get("/v1/feeds/nets")[0], 200)


class FeedsLibrary(FeedCase):
    """libcurl is installed while the node runs."""

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.library = os.path.join(cls.cluster.folder, "libcurl.so.4")
        with open(cls.library, "w", encoding="ascii") as file:
            file.write("not a library\n")
        node = cls.cluster.nodes[0]
        node.environment["LD_LIBRARY_PATH"] = cls.cluster.folder
        node.settings["access"]["feeds"] = []

    def test_the_next_reload_finds_it(self):
        node = self.node(0)
        node.settings["access"]["feeds"] = self.feeds()
        node.write_config()
        self.assertFalse(hang_up(node))
        self.assertIn("libcurl.so.4", node.status()["reload"]["error"])
        os.remove(self.library)
        self.assertTrue(hang_up(node))
        wait_for(lambda: self.status()["entries"] == 3, 10)


class FeedsStart(FeedCase):
    def restart(self):
        node = self.node(0)
        self.assertEqual(node.stop(), 0)
        node.start()
        wait_for(node.ready, 20)

    def test_a_copy_is_in_force_until_the_feed_is_fetched(self):
        wait_for(lambda: self.status()["entries"] == 3, 10)
        self.server.answers["/nets"] = fs.status(500)
        self.restart()
        self.assertEqual(self.refusal("127.0.0.130"), DENIED)
        status = self.status()
        self.assertEqual((status["entries"], status["changed"]), (3, 0))
        # It is young: there is no hurry.
        self.assertGreater(status["next_in_ms"], 60_000)
        copy = os.path.join(self.copies, "nets.feed")
        with open(copy, "r+b") as file:
            file.seek(3)
            file.write(b"X")
        self.restart()
        self.assertIn("is damaged", self.node(0).log_text())
        wait_for(lambda: self.status()["failed"] > 0, 10)
        status = self.status()
        self.assertEqual(status["entries"], 0)
        self.assertIn("nets.feed: is damaged", status["copy_error"])
        self.server.answers["/nets"] = fs.content(NETWORKS)
        self.assertEqual(self.fetch()["copy_error"], "")
        self.wait_denied()

    def test_a_fetch_does_not_hold_up_the_end(self):
        wait_for(lambda: self.status()["entries"] == 3, 10)
        self.server.answers["/nets"] = fs.stall(30, NETWORKS)
        self.assertEqual(post(self.node(0), "/v1/feeds/refresh?name=nets").status, 200)
        wait_for(lambda: self.status()["fetching"], 10)
        begun = time.monotonic()
        self.node(0).signal(signal.SIGTERM)
        self.node(0).wait(20)
        self.assertLess(time.monotonic() - begun, 10)
        self.server.answers["/nets"] = fs.content(NETWORKS)
        self.node(0).start()
        wait_for(self.node(0).ready, 20)


class FeedsSecret(FeedCase):
    @classmethod
    def feeds(cls):
        return [cls.feed("nets", "networks", cls.server.url(f"/nets?key={SECRET}", f"user:{SECRET}@")),
                cls.feed("gone", "networks", cls.server.url(f"/gone?key={SECRET}", f"user:{SECRET}@"))]

    def test_secrets_are_sent_and_not_shown(self):
        node = self.node(0)
        wait_for(lambda: self.status()["entries"] == 3 and self.status("gone")["failed"] > 0, 10)
        paths = {path for path, _ in self.server.requests}
        self.assertIn(f"/nets?key={SECRET}", paths)
        self.assertTrue(any("Authorization" in headers for _, headers in self.server.requests))
        for text in (node.log_text(), node.get("/status.json")[1], node.get("/")[1], node.get("/metrics")[1],
                     node.get("/v1/feeds")[1]):
            self.assertNotIn(SECRET, text)
        self.assertEqual(self.status()["place"], self.server.url("/nets"))
        for name in os.listdir(self.copies):
            with open(os.path.join(self.copies, name), encoding="utf-8") as file:
                self.assertNotIn(SECRET, file.read())


class FeedsCluster(FeedCase):
    """One node of a cluster has the URL, the other gets the list from it."""

    nodes = 2

    @classmethod
    def prepare(cls):
        super().prepare()
        a, b = cls.cluster.nodes
        other = os.path.join(cls.cluster.folder, "copies-b")
        os.mkdir(other)
        b.settings["access"] = {"mode": "deny", "feed_folder": other,
                                "feeds": [cls.feed("nets", "networks", f"http://{a.admin}/v1/feeds/nets")]}

    def test_one_node_needs_the_url(self):
        wait_for(lambda: self.status(number=0)["entries"] == 3, 10)
        self.fetch(number=1)
        self.wait_denied(number=1)
        self.assertEqual(self.fetch(number=1)["result"], "unchanged")
        self.server.answers["/nets"] = fs.content(NETWORKS + b"127.0.0.20\n")
        self.fetch(number=0)
        self.assertEqual(self.fetch(number=1)["result"], "changed")
        self.wait_denied("127.0.0.20", number=1)


class FeedsTrust(FeedCase):
    @classmethod
    def prepare(cls):
        super().prepare()
        del cls.cluster.nodes[0].settings["access"]["feed_ca_file"]

    def test_an_unknown_ca_is_not_trusted(self):
        wait_for(lambda: self.status()["failed"] > 0, 10)
        self.assertIn("certificate", self.status()["reason"])
        self.assertEqual(self.server.requests, [])


class FeedsMistakes(unittest.TestCase):
    def test_bad_options(self):
        for feeds, message in (("nets networks 59 https://a.example/", "is not allowed"),
                               ("nets things 600 https://a.example/", "is not allowed"),
                               ("nets networks 600 ftp://a.example/", "is not allowed"),
                               ("nets networks 600 list", "is not allowed"),
                               ("a networks 600 /x,a hashes 600 /y", "two feeds are named a")):
            with self.subTest(feeds):
                done = shoal("node", "--tracker.udp=", f"--tracker.http=127.0.0.1:{free_port()}", "--admin.listen=",
                             f"--access.feeds={feeds}")
                self.assertEqual(done.returncode, 1)
                self.assertIn(message, done.stderr)
