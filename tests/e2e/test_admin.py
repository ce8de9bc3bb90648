"""The admin endpoint, which monitoring and people read."""

import json
import re

from http_client import HttpClient
from nodes import ClusterCase, fresh_hash, shoal
from wait import wait_for

SAMPLE = re.compile(r'^([a-z_:][a-z0-9_:]*)(\{(?:[a-z_]+="(?:[^"\\]|\\.)*",?)*\})? (-?[0-9.e+-]+|NaN|[+-]Inf)$')


class Admin(ClusterCase):
    nodes = 3

    def test_health_and_readiness(self):
        for path in ("/healthz", "/readyz"):
            status, body = self.node(0).get(path)
            self.assertEqual(status, 200)
            self.assertTrue(body)

    def test_unknown_page(self):
        self.assertEqual(self.node(0).get("/nowhere")[0], 404)

    def test_index_names_the_pages(self):
        body = self.node(0).get("/")[1]
        for page in ("/healthz", "/readyz", "/status.json", "/metrics"):
            self.assertIn(page, body)

    def test_status(self):
        status = json.loads(self.node(0).get("/status.json")[1])
        self.assertEqual(status["node"]["name"], "a")
        self.assertIs(status["node"]["ready"], True)
        self.assertEqual([(m["name"], m["state"]) for m in status["members"]], [("b", "alive"), ("c", "alive")])
        for member in status["members"]:
            self.assertLess(abs(member["clock_offset_ms"]), 1000)
            self.assertLess(member["heard_ago_ms"], 5000)

    def test_metrics_are_prometheus_text(self):
        families, seen = {}, set()
        for line in self.node(0).get("/metrics")[1].splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                self.assertNotIn(name, families, "a family appears twice")
                families[name] = kind
            elif not line.startswith("#"):
                found = SAMPLE.match(line)
                self.assertTrue(found, line)
                name = found.group(1)
                self.assertTrue(name.startswith("shoal_"), line)
                of_histogram = re.sub("_(bucket|sum|count)$", "", name)
                if families.get(of_histogram) == "histogram":
                    name = of_histogram
                self.assertIn(name, families)
                self.assertEqual(name.endswith("_total"), families[name] == "counter", line)
                self.assertNotIn(line.rsplit(" ", 1)[0], seen, "a sample appears twice")
                seen.add(line.rsplit(" ", 1)[0])
        self.assertGreater(len(families), 10)

    def test_requests_are_counted(self):
        node = self.node(0)
        labels = {"protocol": "udp", "family": "ipv4", "action": "announce"}
        before = node.metric("shoal_requests_total", **labels)
        client = self.client(0)
        for port in range(1000, 1010):
            client.announce(fresh_hash(), port)
        self.assertEqual(node.metric("shoal_requests_total", **labels), before + 10)
        self.assertGreaterEqual(node.metric("shoal_swarms"), 10)

    def test_malformed_requests(self):
        for data in (b"\0\0\0\r\n\r\n", b"POST /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /" + b"x" * 9000):
            with self.subTest(data[:10]), HttpClient(self.node(0).admin_address) as client:
                client.send(data)
                self.assertGreaterEqual(client.read_response().status, 400)
        self.assertTrue(self.node(0).ready())

    def test_status_command(self):
        run = shoal("status", "--admin", self.node(0).admin)
        self.assertEqual(run.returncode, 0, run.stderr)
        for name in "abc":
            self.assertRegex(run.stdout, rf"(?m)^\W*{name}\b")
        json.loads(shoal("status", "--admin", self.node(1).admin, "--json").stdout)
        self.assertEqual(shoal("status", "--ready", "--admin", self.node(2).admin).returncode, 0)
        self.assertEqual(shoal("status", "--admin", "127.0.0.1:1").returncode, 1)

    def test_commands_ask_the_node_of_their_environment(self):
        port = self.node(1).admin.rsplit(":", 1)[1]
        for listen, asked in ((f"0.0.0.0:{port}", f"127.0.0.1:{port}"), (f"127.0.0.1:{port}", f"127.0.0.1:{port}")):
            run = shoal("status", "--ready", environment={"SHOAL_ADMIN_LISTEN": listen})
            self.assertEqual((run.returncode, run.stdout), (0, f"{asked}: ready\n"), run.stderr)
        # A flag overrides the environment.
        run = shoal("status", "--ready", "--admin", self.node(1).admin, environment={"SHOAL_ADMIN_LISTEN": "127.0.0.1:1"})
        self.assertEqual(run.returncode, 0, run.stderr)
        for command in ("status", "drain", "access"):
            arguments = ["list"] if command == "access" else []
            for listen, says in (("127.0.0.1:1", "127.0.0.1:1:"), ("[::]:1", "[::1]:1:"), ("here", '"here" is not allowed')):
                run = shoal(command, *arguments, environment={"SHOAL_ADMIN_LISTEN": listen})
                self.assertEqual(run.returncode, 1)
                self.assertIn(says, run.stderr)

    def test_probe_command(self):
        for protocol in ("udp", "http"):
            for host in ("127.0.0.1", "[::1]"):
                with self.subTest(protocol, host=host):
                    url = f"{protocol}://{host}:{self.node(0).tracker_port}/announce"
                    run = shoal("probe", url)
                    self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertEqual(shoal("probe", "udp://127.0.0.1:1/announce", "--timeout-ms", "500").returncode, 1)

    def test_probe_shows_a_peer_of_another_node(self):
        info_hash = fresh_hash()
        self.client(0).announce(info_hash, 4242)
        url = f"udp://127.0.0.1:{self.node(2).tracker_port}/announce"
        wait_for(lambda: "127.0.0.1:4242" in shoal("probe", url, "--hash", info_hash.hex()).stdout, 5)
