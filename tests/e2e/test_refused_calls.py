"""System calls that keep failing: batched ones are replaced by single ones, nothing spins, and the node says what is wrong."""

import os
import resource
import time
import unittest

import seccomp
from cluster import Cluster
from http_client import HttpClient, scrape_target
from nodes import ClusterCase, fresh_hash
from udp_client import UdpClient
from wait import wait_for


def cpu_seconds(node):
    with open(f"/proc/{node.process.pid}/stat", encoding="utf-8", errors="replace") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def faults_logged(node, text):
    """Lines with the text, but for those that say why the node is not ready."""
    return sum(text in line and "ready" not in line for line in node.log_text().splitlines())


class RefusedCase(ClusterCase):
    nodes = 2
    refused = {}

    @classmethod
    def prepare(cls):
        if not seccomp.supported():
            raise unittest.SkipTest("the numbers of the system calls are not known here")
        for node in cls.cluster.nodes:
            node.run_in = seccomp.command(**cls.refused)

    def logged(self, text):
        return faults_logged(self.node(0), text)


class BatchedCalls(RefusedCase):
    refused = {"recvmmsg": "EPERM", "sendmmsg": "ENOSYS"}

    def test_clients_and_members_are_served_one_by_one(self):
        info_hash = fresh_hash()
        for family in ("IPv4", "IPv6"):
            client = self.client(0, family=family)
            for port in range(1000, 1100):
                client.announce(info_hash, port)
        # The other node has heard of them over the sync channel, whose calls are refused as well.
        wait_for(lambda: self.client(1).scrape(info_hash)[0][2] == 200, 10, "the other node to know them")
        wait_for(lambda: self.logged("recvmmsg is refused, so UDP requests are received one by one"), 10)
        wait_for(lambda: "sendmmsg is refused" in self.node(0).get("/readyz")[1], 15)
        self.assertTrue(self.node(0).ready())
        problems = [problem["text"] for problem in self.node(0).status()["problems"]]
        self.assertTrue(any("recvmmsg is refused" in text for text in problems), problems)
        self.assertEqual(self.logged("sendmmsg is refused, so UDP answers are sent one by one"), 1)


class AllReceiving(RefusedCase):
    nodes = 1
    sync = "off"
    refused = {"recvmmsg": "EPERM", "recvmsg": "EPERM"}

    def test_not_ready_and_not_busy(self):
        node = self.node(0)
        with UdpClient(("127.0.0.1", node.tracker_port), timeout_s=0.2) as client:
            with self.assertRaises(OSError):
                client.connect()
        wait_for(lambda: not node.ready(), 15, "the node to say that it does not serve")
        self.assertIn("UDP requests cannot be received: Operation not permitted", node.get("/readyz")[1])
        before = cpu_seconds(node)
        time.sleep(1)
        self.assertLess(cpu_seconds(node) - before, 0.3)
        self.assertEqual(self.logged("UDP requests cannot be received"), 1)


class AllSending(RefusedCase):
    nodes = 1
    sync = "off"
    refused = {"sendmmsg": "EPERM", "sendmsg": "EPERM"}

    def test_not_ready(self):
        node = self.node(0)
        with UdpClient(("127.0.0.1", node.tracker_port), timeout_s=0.2) as client:
            with self.assertRaises(OSError):
                client.connect()
        wait_for(lambda: not node.ready(), 15, "the node to say that it does not serve")
        self.assertIn("UDP answers cannot be sent: Operation not permitted", node.get("/readyz")[1])


class Accepting(unittest.TestCase):
    """No connection can be accepted, so nothing can be asked of the admin endpoint either."""

    def test_it_does_not_spin_and_ends(self):
        if not seccomp.supported():
            self.skipTest("the numbers of the system calls are not known here")
        cluster = Cluster(nodes=1, sync="off")
        self.addCleanup(cluster.stop)
        node = cluster.nodes[0]
        node.run_in = seccomp.command(accept4="EPERM", accept="EPERM")
        node.start()
        with UdpClient(("127.0.0.1", node.tracker_port)) as client:
            wait_for(client.connect, 10)
            waiting = [HttpClient(("127.0.0.1", node.tracker_port)) for _ in range(8)]
            waiting.append(HttpClient(node.admin_address))
            wait_for(lambda: "HTTP connections cannot be accepted: Operation not permitted" in node.log_text(), 10)
            before = cpu_seconds(node)
            time.sleep(1)
            self.assertLess(cpu_seconds(node) - before, 0.3)
            client.announce(fresh_hash(), 1000)
            start = time.monotonic()
            self.assertEqual(node.stop(), 0)
            self.assertLess(time.monotonic() - start, 5)
        for one in waiting:
            one.close()


class NoDescriptors(ClusterCase):
    nodes = 1
    sync = "off"

    def test_it_waits_says_so_and_goes_on(self):
        node = self.node(0)
        pid = node.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        with HttpClient(node.admin_address) as admin, HttpClient(node.admin_address):
            admin.get("/healthz")
            files = max(int(name) for name in os.listdir(f"/proc/{pid}/fd")) + 1
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (files, limits[1]))
            # Whatever is free below the limit is taken first.
            waiting = [HttpClient(("127.0.0.1", node.tracker_port)) for _ in range(32)]
            before = cpu_seconds(node)
            time.sleep(1)
            self.assertLess(cpu_seconds(node) - before, 0.3)
            wait_for(lambda: admin.get("/readyz").status == 503, 15, "the node to say that it does not serve")
            self.assertIn("HTTP connections cannot be accepted: Too many open files: raise", admin.get("/readyz").body.decode())
            self.assertIn(b"shoal_http_accept_failures_total", admin.get("/metrics").body)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        self.assertEqual({client.get(scrape_target(fresh_hash())).status for client in waiting}, {200})
        for client in waiting:
            client.close()
        wait_for(node.ready, 10)
        self.assertEqual(faults_logged(node, "HTTP connections cannot be accepted"), 1)
        self.assertGreater(node.metric("shoal_http_accept_failures_total"), 0)

    def test_it_ends_while_it_waits(self):
        node = self.node(0)
        pid = node.process.pid
        files = max(int(name) for name in os.listdir(f"/proc/{pid}/fd")) + 1
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (files, files))
        waiting = [HttpClient(("127.0.0.1", node.tracker_port)) for _ in range(32)]
        start = time.monotonic()
        self.assertEqual(node.stop(), 0)
        self.assertLess(time.monotonic() - start, 5)
        for client in waiting:
            client.close()
        node.start()
        wait_for(node.ready, 10)
