"""The admin API: each operation of docs/openapi.json on a running node, and its answer checked against the document."""

import json
import os
import shutil
import tempfile
import unittest

from cluster import Cluster
from http_client import HttpClient
from nodes import ClusterCase, fresh_hash, shoal
from openapi import OpenApi
from wait import wait_for

try:
    import jsonschema
except ImportError:
    jsonschema = None

TOKEN = "a-token-that-nobody-guesses"


class ApiCase(ClusterCase):
    """Asks nodes and remembers which operations were asked."""

    nodes = 2

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api = OpenApi()

    def ask(self, operation, number=0, headers=(), **parameters):
        """Status and document of an operation such as "GET /v1/swarms/{info_hash}"; `query` is added to its path."""
        method, path = operation.split(" ")
        query = parameters.pop("query", "")
        with HttpClient(self.node(number).admin_address) as client:
            lines = [f"{method} {path.format(**parameters)}{query} HTTP/1.1", "Host: localhost", *headers, "", ""]
            client.send("\r\n".join(lines).encode())
            answer = client.read_response()
        return answer.status, self.api.check(operation, answer.status, answer.headers["content-type"],
                                             answer.body.decode())


@unittest.skipUnless(jsonschema, "needs python3-jsonschema")
class Api(ApiCase):
    def test_status_and_members(self):
        status, document = self.ask("GET /v1/status")
        self.assertEqual((status, document["node"]["name"]), (200, "a"))
        status, members = self.ask("GET /v1/members")
        self.assertEqual((status, members["node"]), (200, "a"))
        self.assertEqual([(m["name"], m["state"]) for m in members["members"]], [("b", "alive")])

    def test_forget(self):
        # test_alone forgets members that have ended.
        forget = "POST /v1/members/forget"
        self.assertEqual(self.ask(forget, query="?name=b")[0], 409)
        self.assertEqual(self.ask(forget, query="?name=nobody")[0], 404)
        self.assertEqual(self.ask(forget, query="?name=a%20b")[0], 400)

    def test_swarm(self):
        swarm = "GET /v1/swarms/{info_hash}"
        info_hash = fresh_hash()
        self.assertEqual(self.ask(swarm, info_hash=info_hash.hex())[0], 404)
        self.client(0).announce(info_hash, 4001)
        self.client(0, "HTTP").announce(info_hash, 4002, left=0)
        self.client(0, "HTTP", "IPv6").announce(info_hash, 4003)
        for number in (0, 1):
            wait_for(lambda n=number: self.ask(swarm, n, info_hash=info_hash.hex())[1].get("leechers") == 2)
            _, document = self.ask(swarm, number, info_hash=info_hash.hex().upper())
            self.assertEqual(document["info_hash"], info_hash.hex())
            self.assertEqual(document["seeders"], 1)
            self.assertEqual(document["ipv4"], {"seeders": 1, "leechers": 1, "stopped": 0})
            self.assertEqual(document["ipv6"], {"seeders": 0, "leechers": 1, "stopped": 0})
            self.assertEqual({(p["address"], p["state"]) for p in document["peers"]},
                             {("127.0.0.1:4001", "leecher"), ("127.0.0.1:4002", "seeder"), ("[::1]:4003", "leecher")})
        self.assertEqual(self.ask(swarm, info_hash=info_hash.hex(), query="?peers=0")[1]["peers"], [])
        self.assertEqual(self.ask(swarm, info_hash=info_hash.hex(), query="?peers=999")[0], 400)
        self.assertEqual(self.ask(swarm, info_hash="0")[0], 400)

    def test_history(self):
        # The first point comes after ten seconds.
        document = wait_for(lambda: self.ask("GET /v1/history")[1], what="history")
        lengths = {len(column) for column in document["series"].values()}
        self.assertEqual(lengths, {len(document["unix_ms"])})
        client = self.client(0)

        def announced():
            client.announce(fresh_hash(), 4000)
            return any(self.ask("GET /v1/history")[1]["series"]["udp_announces_per_s"])

        wait_for(announced, 30, "announces in the history", interval_s=0.3)

    def test_top(self):
        info_hash = fresh_hash()
        for port in range(3000, 3040):
            self.client(0).announce(info_hash, port, left=port % 2)
        # The first request makes the node look; later ones get what it has found.
        wait_for(lambda: self.ask("GET /v1/top", 1)[1]["unix_ms"], what="a first list of the largest swarms")
        document = wait_for(lambda: self.ask("GET /v1/top", query="?n=1")[1]["swarms"], 45, "a large swarm")[0]
        self.assertEqual(self.ask("GET /v1/top", query="?n=1000")[0], 400)
        self.assertRegex(document["info_hash"], "^[0-9a-f]{40}$")

    def test_access(self):
        info_hash = fresh_hash().hex()
        self.assertEqual(self.ask("POST /v1/access/add", query=f"?hash={info_hash}")[0], 409)
        status, document = self.ask("GET /v1/access", query=f"?hash={info_hash}")
        self.assertEqual((status, document["hashes"][0]["listed"]), (200, False))
        self.assertEqual(self.ask("GET /v1/access")[1]["mode"], "open")
        self.assertEqual(self.ask("GET /v1/access", query="?hash=1")[0], 400)
        self.assertEqual(self.ask("POST /v1/access/remove", query="?hash=1")[0], 400)

    def test_feeds(self):
        # test_feeds has some.
        self.assertEqual(self.ask("GET /v1/feeds"), (200, {"feeds": []}))
        self.assertEqual(self.ask("GET /v1/feeds/{name}", name="nobody")[0], 404)
        self.assertEqual(self.ask("POST /v1/feeds/refresh"), (200, {"result": "fetching"}))
        self.assertEqual(self.ask("POST /v1/feeds/refresh", query="?name=nobody")[0], 404)
        self.assertEqual(self.ask("POST /v1/feeds/refresh", query="?name=a&name=b")[0], 400)

    def test_access_changes(self):
        info_hash = fresh_hash().hex()
        node = self.node(1)
        node.settings["access"] = {"mode": "allow"}
        node.write_config()
        self.addCleanup(self.ask, "POST /v1/reload", 1)
        self.addCleanup(node.write_config)
        self.addCleanup(node.settings.pop, "access")
        status, document = self.ask("POST /v1/reload", 1)
        self.assertEqual((status, document["applied"], document["need_restart"]), (200, ["access.mode"], []))
        query = f"?hash={info_hash}"
        self.assertEqual(self.ask("POST /v1/access/add", 1, query=query), (200, {"result": "added 1"}))
        wait_for(lambda: self.ask("GET /v1/access", 1, query=query)[1]["hashes"][0]["allowed"])
        changes = {change["info_hash"]: change["change"] for change in self.ask("GET /v1/access", 1)[1]["changes"]}
        self.assertEqual(changes[info_hash], "add")
        self.assertEqual(self.ask("POST /v1/access/remove", 1, query=query), (200, {"result": "removed 1"}))
        wait_for(lambda: not self.ask("GET /v1/access", 1, query=query)[1]["hashes"][0]["listed"])

    def test_bans(self):
        query = "?address=192.0.2.77"
        self.assertEqual(self.ask("GET /v1/bans")[1]["mode"], "log")
        self.assertFalse(self.ask("GET /v1/bans", query=query)[1]["banned"])
        self.assertEqual(self.ask("GET /v1/bans", query="?address=1")[0], 400)
        self.assertEqual(self.ask("POST /v1/bans/add", query="?address=1")[0], 400)
        self.assertEqual(self.ask("POST /v1/bans/add", query=query + "&for_s=0")[0], 400)
        self.assertEqual(self.ask("POST /v1/bans/add", query=query + "&for_s=60"),
                         (200, {"result": "192.0.2.77 is banned for 60 s"}))
        for number in (0, 1):
            wait_for(lambda n=number: self.ask("GET /v1/bans", n, query=query)[1]["banned"])
            self.assertEqual([(ban["client"], ban["node"]) for ban in self.ask("GET /v1/bans", number)[1]["bans"]],
                             [("192.0.2.77", "a")])
        self.assertEqual(self.ask("POST /v1/bans/remove", 1, query=query)[0], 200)
        wait_for(lambda: not self.ask("GET /v1/bans", query=query)[1]["banned"])
        self.assertEqual(self.ask("POST /v1/bans/remove", query=query)[0], 404)
        self.assertEqual(self.ask("POST /v1/bans/forget-origin", query="?node=a")[0], 200)
        self.assertEqual(self.ask("POST /v1/bans/forget-origin", query="?node=a%20b")[0], 400)
        self.assertEqual(self.ask("POST /v1/access/forget-origin", query="?node=0123456789abcdef"),
                         (200, {"result": "forgotten: 0 changes"}))

    def test_reload(self):
        self.assertEqual(self.ask("POST /v1/reload"), (200, {"result": "reloaded", "applied": [], "need_restart": []}))
        config = self.node(0).write_config()
        self.addCleanup(self.node(0).write_config)
        with open(config, "a", encoding="utf-8") as file:
            file.write("nonsense = 1\n")
        self.assertEqual(self.ask("POST /v1/reload")[0], 409)

    def test_nothing_is_changed_for_a_web_page_or_by_way_of_a_proxy(self):
        for operation in sorted(self.api.operations()):
            for header in ("Origin: http://evil.test", "Forwarded: for=127.0.0.1", "X-Forwarded-For: 127.0.0.1"):
                if operation.startswith("POST "):
                    self.assertEqual(self.ask(operation, headers=[header])[0], 403, f"{operation} {header}")
        self.assertTrue(self.node(0).ready())

    def test_the_document_has_all_that_the_program_serves(self):
        status, document = self.ask("GET /v1/")
        served = {f"{operation['method']} {operation['path']}": operation["summary"]
                  for operation in document["operations"]}
        self.assertEqual((status, served), (200, self.api.summaries()))

    def test_status_json_is_the_status(self):
        self.api.check_schema("Status", self.node(0).status())

    def test_errors_without_an_operation_are_described_too(self):
        for method, path, expected in (("GET", "/v1/nowhere", 404), ("GET", "/v1/drain", 400), ("POST", "/v1/top", 404),
                                       ("POST", "/metrics", 404), ("POST", "/nowhere", 404)):
            with self.subTest(f"{method} {path}"), HttpClient(self.node(0).admin_address) as client:
                client.send(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                answer = client.read_response()
                self.assertEqual((answer.status, answer.headers["content-type"]), (expected, "application/json"))
                self.api.check_schema("Error", json.loads(answer.body))

    def test_drain_is_refused(self):
        # An accepted drain ends the node: see Token.
        self.assertEqual(self.ask("POST /v1/drain", headers=["Origin: http://evil.test"])[0], 403)


@unittest.skipUnless(jsonschema, "needs python3-jsonschema")
class Token(ApiCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="shoal-test-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.token_file = os.path.join(cls.folder, "admin.token")
        with open(cls.token_file, "w", encoding="utf-8") as file:
            file.write(f"# for tests\n{TOKEN}\n")
        cls.settings = {"admin": {"token_file": cls.token_file}, "node": {"drain_s": 3600}}
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        # A draining node serves for another hour; the second signal ends it at once, with exit code 1.
        for node in cls.cluster.nodes:
            node.signal()
            node.signal()
        cls.cluster.stop()

    def test_the_token_and_nothing_else(self):
        for header in ("X: y", "Authorization: Bearer wrong-wrong-wrong-wrong", f"Authorization: Basic {TOKEN}"):
            for operation in sorted(self.api.operations()):
                if operation.startswith("POST "):
                    self.assertEqual(self.ask(operation, headers=[header])[0], 401, f"{operation} {header}")
        self.assertTrue(self.node(0).ready())
        status, document = self.ask("POST /v1/drain", headers=[f"Authorization: Bearer {TOKEN}"])
        self.assertEqual((status, document), (200, {"result": "draining"}))
        self.assertFalse(self.node(0).ready())

    def test_drain_command(self):
        def drain(*arguments):
            return shoal("drain", "--admin", self.node(1).admin, *arguments)

        refused = drain()
        self.assertEqual(refused.returncode, 1)
        self.assertIn("401", refused.stderr)
        self.assertEqual(drain("--token-file", "/nowhere").returncode, 1)
        self.assertTrue(self.node(1).ready())
        done = drain("--token-file", self.token_file)
        self.assertEqual((done.returncode, done.stdout), (0, f"{self.node(1).admin}: draining\n"))
        self.assertIn('"draining already"', drain("--token-file", self.token_file, "--json").stdout)


class Document(unittest.TestCase):
    @unittest.skipUnless(jsonschema, "needs python3-jsonschema")
    def test_the_status_of_a_node_on_its_own_with_a_snapshot(self):
        with tempfile.TemporaryDirectory() as folder:
            cluster = Cluster(nodes=1, sync="off", settings={"node": {"snapshot": os.path.join(folder, "snapshot")}})
            try:
                cluster.start()
                status = cluster.nodes[0].status()
                self.assertIsNone(status["sync"])
                self.assertEqual(status["snapshot"]["refused"], 0)
                OpenApi().check_schema("Status", status)
                # A key that nobody described is found.
                for place in (status, status["node"], status["snapshot"], status["access"]):
                    place["new"] = 1
                    self.assertRaises(jsonschema.ValidationError, OpenApi().check_schema, "Status", status)
                    del place["new"]
            finally:
                cluster.stop()

    def test_every_object_is_closed(self):
        api = OpenApi()
        self.assertEqual(api.open_objects(), [])
        del api.document["components"]["schemas"]["Status"]["properties"]["sync"]["additionalProperties"]
        self.assertEqual(api.open_objects(), ["schemas.Status.properties.sync"])

    def test_each_operation_is_tested(self):
        with open(__file__, encoding="utf-8") as file:
            text = file.read()
        for operation in OpenApi().operations():
            self.assertIn(f'"{operation}"', text)

    def test_a_token_file_of_no_use_stops_the_start(self):
        with tempfile.TemporaryDirectory() as folder:
            token_file = os.path.join(folder, "token")
            with open(token_file, "w", encoding="utf-8") as file:
                file.write("short\n")
            cluster = Cluster(nodes=1, sync="off", settings={"admin": {"token_file": token_file}})
            try:
                cluster.nodes[0].start()
                self.assertEqual(cluster.nodes[0].wait(), 1)
                self.assertIn("admin.token_file: token file", cluster.nodes[0].log_text())
            finally:
                cluster.stop()
