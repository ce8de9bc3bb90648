"""compose/monitoring: the alerts and the dashboard use metrics that a node has, and promtool accepts them."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import mmdb
from certificates import Authority
from cluster import ROOT, at, free_port
from nodes import ClusterCase, fresh_hash
from wait import wait_for

FOLDER = os.path.join(ROOT, "compose", "monitoring")
PROMTOOL = shutil.which("promtool")
METRIC = re.compile(r"\bshoal_[a-z_0-9]+")


def promtool(*arguments, stdin=""):
    return subprocess.run([PROMTOOL, *arguments], cwd=FOLDER, input=stdin, check=False, capture_output=True, text=True,
                          timeout=60)


def read(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return file.read()


class Metrics(ClusterCase):
    """Two nodes with everything on that has its own metrics. (Neither writes the files during the tests, nor has a shield.)"""

    nodes = 2

    @classmethod
    def setUpClass(cls):
        cls.files = tempfile.mkdtemp(prefix="shoal-test-")
        cls.addClassCleanup(shutil.rmtree, cls.files, ignore_errors=True)
        certificate, key = Authority(cls.files).issue("server", ["tracker.example"])
        places = os.path.join(cls.files, "places.mmdb")
        with open(places, "wb") as file:
            file.write(mmdb.build([("127.0.0.0/8", mmdb.country("NL"))]))
        cls.settings = {"node": {"snapshot": os.path.join(cls.files, "snapshot")},
                        "tracker": {"tls_certificates": [certificate], "tls_keys": [key], "websocket": True},
                        "admin": {"export_file": os.path.join(cls.files, "export")}, "xdp": {"interfaces": ["nosuch0"]},
                        "access": {"feeds": [f"list networks 3600 {os.path.join(cls.files, 'list')}"],
                                   "geo_databases": [places], "geo_counts": True}}
        super().setUpClass()

    @classmethod
    def prepare(cls):
        for node in cls.cluster.nodes:
            node.settings["tracker"]["https"] = [at("127.0.0.1", free_port())]

    def metrics(self):
        return self.node(0).get("/metrics")[1]

    def names(self):
        return {line.split("{")[0].split(" ")[0] for line in self.metrics().splitlines() if not line.startswith("#")}

    @unittest.skipUnless(PROMTOOL, "promtool is not installed")
    def test_promtool_has_no_complaint(self):
        run = promtool("check", "metrics", stdin=self.metrics())
        self.assertEqual((run.returncode, run.stdout + run.stderr), (0, ""))

    def test_alerts_and_dashboard_ask_for_what_there_is(self):
        names = self.names()
        for file in ("alerts.yml", "alerts_test.yml", "dashboard.json"):
            asked = set(METRIC.findall(read(file)))
            self.assertGreater(len(asked), 10)
            self.assertEqual(asked - names, set(), file)

    def test_the_documents_name_every_metric_and_no_other(self):
        families = set(re.findall(r"^# TYPE (\w+) ", self.metrics(), re.MULTILINE))
        with open(os.path.join(ROOT, "docs", "operating", "metrics.md"), encoding="utf-8") as file:
            self.assertEqual(set(METRIC.findall(file.read())), families)
        programs = {"shoal_sim", "shoal_tests", "shoal_node"}
        for folder, _, files in os.walk(os.path.join(ROOT, "docs")):
            for name in (name for name in files if name.endswith(".md")):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    self.assertEqual(set(METRIC.findall(file.read())) - families - self.names() - programs, set(), name)

    def test_dashboard_is_whole(self):
        board = json.loads(read("dashboard.json"))
        taken = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                     for y in range(place["y"], place["y"] + place["h"])}
            self.assertFalse(cells & taken, f"{panel['title']} overlaps another panel")
            self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
            taken |= cells
            if panel["type"] != "row":
                self.assertTrue(panel["targets"], panel["title"])
        self.assertEqual(len({panel["id"] for panel in board["panels"]}), len(board["panels"]))

    def test_request_times_and_clients(self):
        node = self.node(0)
        udp = {"protocol": "udp", "family": "ipv4"}
        before = node.metric("shoal_request_duration_seconds_count", **udp)
        clients = node.metric("shoal_client_announces_sampled_total", client="shoal")
        client = self.client(0)
        client.connect()
        for port in range(1000, 1064):
            client.announce(fresh_hash(), port)
        # The last one is counted after it is answered.
        wait_for(lambda: node.metric("shoal_request_duration_seconds_count", **udp) >= before + 65, 5, "all to be counted")
        # Each of the two workers samples one announce in 16.
        self.assertGreaterEqual(node.metric("shoal_client_announces_sampled_total", client="shoal"), clients + 3)
        client = self.client(0, "HTTP")
        before = node.metric("shoal_request_duration_seconds_count", protocol="http")
        client.announce(fresh_hash(), 1000)
        self.assertEqual(node.metric("shoal_request_duration_seconds_count", protocol="http"), before + 1)

    def test_results(self):
        node = self.node(0)
        labels = {"protocol": "http", "family": "ipv4", "result": "refused"}
        before = [node.metric("shoal_requests_total", action=action, **labels) for action in ("announce", "scrape")]
        self.client(0, "HTTP").get("/announce?port=1")
        self.client(0, "HTTP").get("/scrape?info_hash=short")
        self.client(0, "HTTP").get("/scrape?info_hash=short")
        after = [node.metric("shoal_requests_total", action=action, **labels) for action in ("announce", "scrape")]
        self.assertEqual([a - b for a, b in zip(after, before)], [1, 2])


class Rules(unittest.TestCase):
    @unittest.skipUnless(PROMTOOL, "promtool is not installed")
    def test_alerts(self):
        for arguments in (("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml"),
                          ("check", "config", "prometheus.yml"), ("check", "config", "cluster.yml")):
            with self.subTest(arguments):
                run = promtool(*arguments)
                self.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def test_every_alert_is_tested(self):
        alerts = set(re.findall(r"- alert: (\w+)", read("alerts.yml")))
        tested = set(re.findall(r"alertname: (\w+)", read("alerts_test.yml")))
        self.assertEqual(alerts, tested)

    def test_every_alert_has_a_line_in_the_runbook(self):
        alerts = re.findall(r"- alert: (\w+)", read("alerts.yml"))
        self.assertEqual(len(alerts), len(set(alerts)))
        with open(os.path.join(ROOT, "docs", "operating", "alerts.md"), encoding="utf-8") as file:
            rows = re.findall(r"^\| (?:<a id=\"[a-z]+\"></a>)?`(Shoal\w+)` \| (.+) \| (.+) \|$", file.read(), re.MULTILINE)
        self.assertEqual(sorted(alerts), sorted(name for name, _, _ in rows))

    def test_every_alert_links_to_its_line(self):
        """On the site a page of docs/ has the ending .html; tests/style/site checks that it is there."""
        links = {}
        for alert, text in re.findall(r"- alert: (\w+)\n(.*?)(?=- alert:|\Z)", read("alerts.yml"), re.DOTALL):
            links[alert] = re.findall(r'runbook_url: "\{\{ \$externalLabels.docs \}\}/([\w/]+)\.html#([a-z]+)"', text)
        self.assertGreater(len(links), 20)
        for alert, found in links.items():
            with self.subTest(alert):
                self.assertEqual(len(found), 1, "one runbook_url")
                page, anchor = found[0]
                with open(os.path.join(ROOT, "docs", f"{page}.md"), encoding="utf-8") as file:
                    self.assertIn(f'<a id="{anchor}"></a>`{alert}` |', file.read())
