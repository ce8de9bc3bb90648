"""Full scrapes: every format and coding, from the tracker's port and the admin endpoint, and the export to a file."""

import gzip
import json
import os
import struct
import tempfile
import urllib.parse

import bencode
from http_client import HttpClient, scrape_target
from nodes import ClusterCase, fresh_hash, shoal
from wait import wait_for

# Enough for a dump in several pieces.
SWARMS = 3000


class FullScrapeCase(ClusterCase):
    nodes = 1
    sync = "off"
    settings = {"tracker": {"full_scrape": True, "full_scrape_interval_s": 0}}
    hashes = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hashes = [fresh_hash() for _ in range(SWARMS)]
        with HttpClient(("127.0.0.1", cls.cluster.nodes[0].tracker_port)) as client:
            for number, info_hash in enumerate(cls.hashes):
                client.announce(info_hash, 1000, left=number % 2, numwant=0)

    def http(self, **more):
        return self.client(0, "HTTP", **more)

    def admin(self):
        client = HttpClient(self.node(0).admin_address)
        self.addCleanup(client.close)
        return client

    def expected(self):
        """{hash: (seeders, leechers)}"""
        return {info_hash: (1 - n % 2, n % 2) for n, info_hash in enumerate(self.hashes)}


class FullScrape(FullScrapeCase):
    def test_bencoded(self):
        for client in (self.http(), self.admin()):
            answer = client.get("/scrape").bencoded()  # decodes strictly: sorted keys
            found = {h: (f[b"complete"], f[b"incomplete"]) for h, f in answer[b"files"].items()}
            self.assertEqual(found, self.expected())

    def test_text(self):
        body = self.http().get("/scrape?format=txt").body.decode()
        found = {}
        for line in body.splitlines():
            info_hash, seeders, leechers = line.split(":")
            self.assertEqual(info_hash, info_hash.upper())
            found[bytes.fromhex(info_hash)] = (int(seeders), int(leechers))
        self.assertEqual(found, self.expected())
        for line in self.http().get("/scrape?format=txtp").body.decode().splitlines():
            self.assertRegex(line, r"^[0-9A-F]{40}:[01]:[01]:0$")

    def test_binary(self):
        body = self.http().get("/scrape?format=bin").body
        found = {h: (seeders, leechers) for h, seeders, leechers in struct.iter_unpack(">20sII", body)}
        self.assertEqual(found, self.expected())

    def test_json_lines(self):
        lines = [json.loads(line) for line in self.http().get("/scrape?format=json").body.splitlines()]
        found = {bytes.fromhex(line["info_hash"]): (line["seeders"], line["leechers"]) for line in lines}
        self.assertEqual(found, self.expected())

    def test_url(self):
        lines = self.http().get("/scrape?format=url").body.decode().splitlines()
        self.assertEqual({urllib.parse.unquote_to_bytes(line.split(":")[0]) for line in lines}, set(self.hashes))

    def test_compressed(self):
        plain = sorted(self.http().get("/scrape?format=txt").body.splitlines())
        response = self.http().get("/scrape?format=txt", headers=["Accept-Encoding: gzip, deflate"])
        self.assertEqual(response.headers["content-encoding"], "gzip")
        self.assertEqual(sorted(gzip.decompress(response.body).splitlines()), plain)
        response = self.http().get("/scrape?format=txt", headers=["Accept-Encoding: gzip, zstd"])
        self.assertEqual(response.headers["content-encoding"], "zstd")
        self.assertEqual(response.body[:4], b"\x28\xb5\x2f\xfd")

    def test_http_1_0_ends_with_the_connection(self):
        client = self.http()
        response = client.get("/scrape?format=bin", version="HTTP/1.0", headers=["Connection: keep-alive"])
        self.assertNotIn("transfer-encoding", response.headers)
        self.assertEqual(response.headers["connection"], "close")
        self.assertEqual(len(response.body), SWARMS * 28)

    def test_head(self):
        client = self.http()
        client.send(b"HEAD /scrape HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual(client.read_response(head=True).headers["transfer-encoding"], "chunked")
        self.assertEqual(client.get("/scrape?format=bin").status, 200)

    def test_pipelined_between_others(self):
        client, info_hash = self.http(), fresh_hash()
        requests = [scrape_target(info_hash), "/scrape?format=txt", scrape_target(info_hash), "/scrape?format=bin",
                    "/scrape?format=bin", scrape_target(info_hash)]
        client.send(b"".join(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for target in requests))
        bodies = [client.read_response().body for _ in requests]
        small = bencode.encode({b"files": {info_hash: {b"complete": 0, b"downloaded": 0, b"incomplete": 0}}})
        self.assertEqual([bodies[0], bodies[2], bodies[5]], [small] * 3)
        self.assertEqual([len(bodies[1]), len(bodies[3]), len(bodies[4])], [45 * SWARMS, 28 * SWARMS, 28 * SWARMS])

    def test_a_request_split_behind_a_dump(self):
        client, info_hash = self.http(), fresh_hash()
        second = f"GET {scrape_target(info_hash)} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        client.send(b"GET /scrape?format=txt HTTP/1.1\r\nHost: x\r\n\r\n" + second[:20])
        self.assertEqual(len(client.read_response().body), 45 * SWARMS)
        client.send(second[20:])
        self.assertEqual(client.read_response().status, 200)

    def test_clients_that_leave_in_the_middle(self):
        for _ in range(20):
            client = HttpClient(("127.0.0.1", self.node(0).tracker_port))
            client.send(b"GET /scrape?format=json HTTP/1.1\r\nHost: x\r\n\r\n")
            client.socket.recv(10)
            client.close()
        wait_for(lambda: self.http().get("/scrape?format=bin").status == 200, 10, "dumps to be served again")

    def test_what_is_no_full_scrape(self):
        for target in ("/scrape?format=xml", "/scrape?info_hash=short", "/scrape?x=1"):
            with self.subTest(target):
                self.assertIn(b"failure reason", self.http().get(target).bencoded())

    def test_is_counted(self):
        node = self.node(0)
        before = node.metric("shoal_full_scrapes_total", result="begun")
        size = node.metric("shoal_full_scrape_bytes_total")
        self.http().get("/scrape?format=bin")
        self.assertEqual(node.metric("shoal_full_scrapes_total", result="begun"), before + 1)
        self.assertEqual(node.metric("shoal_full_scrape_bytes_total"), size + 28 * SWARMS)


class FullScrapeLimits(FullScrapeCase):
    settings = {"tracker": {"full_scrape": True}}

    def test_one_in_a_while(self):
        self.assertEqual(self.http(source="127.0.0.5").get("/scrape?format=bin").status, 200)
        response = self.http(source="127.0.0.5").get("/scrape?format=bin")
        self.assertEqual(response.status, 429)
        self.assertEqual(bencode.decode(response.body)[b"retry in"], 5)
        self.assertEqual(self.http(source="127.0.0.6").get("/scrape?format=bin").status, 200)
        for _ in range(3):
            self.assertEqual(self.admin().get("/scrape?format=bin").status, 200)
        self.assertEqual(self.node(0).metric("shoal_full_scrapes_total", result="refused_too_often"), 1)


class NoFullScrape(ClusterCase):
    nodes = 1
    sync = "off"

    def test_off_by_default_but_for_the_admin(self):
        answer = self.client(0, "HTTP").get("/scrape").bencoded()
        self.assertEqual(answer[b"failure reason"], b"info_hash is missing")
        self.assertEqual(self.node(0).get("/scrape?format=txt")[0], 200)


class Export(ClusterCase):
    nodes = 1
    sync = "off"
    settings = {"admin": {"export_interval_s": 1, "export_format": "txtp"}}

    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="shoal-test-")
        cls.file = os.path.join(folder, "swarms.txt.gz")
        cls.settings["admin"]["export_file"] = cls.file
        super().setUpClass()

    def test_written_again_and_again(self):
        info_hash = fresh_hash()
        self.client(0).announce(info_hash, 1000, left=0)

        def exported():
            with gzip.open(self.file, "rt") as file:
                return f"{info_hash.hex().upper()}:1:0:0\n" in file.read()

        wait_for(exported, 10, "the swarm in the exported file")
        self.assertEqual(os.stat(self.file).st_mode & 0o777, 0o644)
        wait_for(lambda: self.node(0).metric("shoal_export_writes_total", result="ok") >= 1, 5, "it to be counted")
        self.assertEqual([name for name in os.listdir(os.path.dirname(self.file)) if ".tmp" in name], [])

    def test_a_bad_path_stops_the_start(self):
        run = shoal("node", "--admin.export_file", "/nowhere/swarms", "--admin.listen", "", "--tracker.udp", "127.0.0.1:1",
                    "--tracker.http", "")
        self.assertEqual(run.returncode, 1)
        self.assertIn("admin.export_file: cannot write into", run.stderr)
