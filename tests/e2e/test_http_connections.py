"""Ten thousand idle connections: bounded, the oldest idle goes, everyone else is served."""

import resource
import unittest

from http_client import HttpClient, scrape_target
from nodes import ClusterCase, fresh_hash
from wait import wait_for

CONNECTIONS = 10_000
# What the node may open; the most connections it may hold follow from it.
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
        address = ("127.0.0.1", node.tracker_port)
        idle = []
        try:
            for number in range(CONNECTIONS):
                idle.append(HttpClient(address))
                if number % 1000 == 999:
                    with HttpClient(address) as client:
                        self.assertEqual(client.get(scrape_target(fresh_hash())).status, 200)
            wait_for(lambda: node.metric("shoal_http_connections_accepted_total") >= CONNECTIONS, 10)
            self.assertLess(node.metric("shoal_http_connections"), NODE_FILES)
            self.assertGreater(node.metric("shoal_http_connections"), NODE_FILES // 2)
            self.assertGreater(node.metric("shoal_http_connections_closed_by_limit_total", limit="connections"),
                               CONNECTIONS - NODE_FILES - 1)
            # The oldest were closed, the youngest still work.
            self.assertTrue(idle[0].is_closed())
            self.assertEqual(idle[-1].get(scrape_target(fresh_hash())).status, 200)
            self.assertTrue(node.ready())
        finally:
            for client in idle:
                client.close()
        wait_for(lambda: node.metric("shoal_http_connections") < 10, 10)
