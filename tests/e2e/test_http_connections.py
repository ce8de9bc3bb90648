"""Ten thousand idle connections: their number is limited, the oldest idle one is closed, everyone else is served."""

import json
import resource
import subprocess
import sys
import unittest

from http_client import HttpClient, scrape_target
from nodes import ClusterCase, fresh_hash
from wait import wait_for

CONNECTIONS = 10_000
# How many files the node may open; its limit of connections follows from it.
NODE_FILES = 4096


class TenThousandIdle(ClusterCase):
    nodes = 1
    sync = "off"
    settings = {"node": {"workers": 1}}

    @classmethod
    def setUpClass(cls):
        if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < CONNECTIONS + 500:
            raise unittest.SkipTest(f"this user may not open {CONNECTIONS} files")
        super().setUpClass()

    def start_with_few_files(self):
        node = self.node(0)
        node.stop()
        node.run_in = ["prlimit", f"--nofile={NODE_FILES}:{NODE_FILES}"]
        node.start()
        wait_for(node.ready, 10)
        return node

    def test_bounded(self):
        node = self.start_with_few_files()
        # In a process of their own, so that tests beside this one do not get such high file descriptors.
        with subprocess.Popen([sys.executable, __file__, str(node.tracker_port)], text=True,
                              env={"PYTHONPATH": ":".join(sys.path)},
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as idle:
            self.assertEqual(idle.stdout.readline().strip(), "open")
            wait_for(lambda: node.metric("shoal_http_connections_accepted_total") >= CONNECTIONS, 10)
            self.assertLess(node.metric("shoal_http_connections"), NODE_FILES)
            self.assertGreater(node.metric("shoal_http_connections"), NODE_FILES // 2)
            self.assertGreater(node.metric("shoal_http_connections_closed_by_limit_total", limit="connections"),
                               CONNECTIONS - NODE_FILES - 1)
            self.assertTrue(node.ready())
            found = json.loads(idle.communicate("look\n", timeout=20)[0])
        self.assertEqual(found, {"served meanwhile": [200] * 10, "oldest closed": True, "youngest": 200})
        wait_for(lambda: node.metric("shoal_http_connections") < 10, 10)


def hold_idle_connections(port):
    """Run as a process by the test: opens all connections, reports it, and checks them when it reads a line."""
    address = ("127.0.0.1", port)
    idle, served = [], []
    for number in range(CONNECTIONS):
        idle.append(HttpClient(address))
        if number % 1000 == 999:
            with HttpClient(address) as client:
                served.append(client.get(scrape_target(fresh_hash())).status)
    print("open", flush=True)
    sys.stdin.readline()
    print(json.dumps({"served meanwhile": served, "oldest closed": idle[0].is_closed(),
                      "youngest": idle[-1].get(scrape_target(fresh_hash())).status}))


if __name__ == "__main__":
    hold_idle_connections(int(sys.argv[1]))
