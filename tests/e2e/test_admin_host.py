"""DNS rebinding: a web page whose name leads to the admin endpoint reads nothing and changes nothing there."""

from http_client import HttpClient
from nodes import ClusterCase


class Rebinding(ClusterCase):
    nodes = 1
    sync = "off"
    settings = {"admin": {"hosts": ["shoal.example.org"]}}

    def ask(self, *lines):
        with HttpClient(self.node(0).admin_address) as client:
            client.send("".join(line + "\r\n" for line in [*lines, ""]).encode())
            return client.read_response()

    def test_a_page_reads_nothing(self):
        port = self.node(0).admin_address[1]
        for path in ("/", "/status.json", "/metrics", "/readyz", "/healthz", "/scrape", "/v1/status", "/v1/top", "/page.js", "/nowhere"):
            for host in (f"evil.example:{port}", f"localhost.evil.example:{port}", "127.0.0.1.evil.example"):
                with self.subTest(path=path, host=host):
                    answer = self.ask(f"GET {path} HTTP/1.1", f"Host: {host}")
                    self.assertEqual(answer.status, 421)
                    self.assertNotIn(self.node(0).name.encode() + b'"', answer.body)

    def test_a_page_changes_nothing(self):
        # Without an Origin, as old browsers send a form.
        self.assertEqual(self.ask("POST /v1/drain HTTP/1.1", "Host: evil.example").status, 421)
        self.assertEqual(self.ask("POST /v1/drain HTTP/1.1", "Host: localhost", "Origin: http://evil.example").status, 403)
        self.assertTrue(self.node(0).ready())

    def test_people_and_tools_are_served(self):
        port = self.node(0).admin_address[1]
        for host in (f"127.0.0.1:{port}", f"localhost:{port}", "[::1]", "192.0.2.1", "a", "shoal.example.org", "SHOAL.example.org:443"):
            with self.subTest(host):
                self.assertEqual(self.ask("GET /readyz HTTP/1.1", f"Host: {host}").status, 200)
        self.assertEqual(self.ask("GET /readyz HTTP/1.0").status, 200)
