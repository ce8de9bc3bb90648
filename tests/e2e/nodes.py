"""Shared by the end-to-end tests: a test case with a cluster, and clients of both protocols."""

import itertools
import os
import subprocess
import unittest

from cluster import SHOAL, Cluster
from http_client import HttpClient
from udp_client import UdpClient

LOOPBACK = {"IPv4": "127.0.0.1", "IPv6": "::1"}
CLIENTS = {"UDP": UdpClient, "HTTP": HttpClient}
# An observer announces only to see peers: from a port above this one, a new one each time.
OBSERVER_PORT_MIN = 50000
_observers = itertools.count()
# The first five lines of BEP 15's announce answer.
ANSWER_HEAD_BYTES = 20


def fresh_hash():
    return os.urandom(20)


def shoal(*arguments, environment=None, stdin="", timeout_s=30, run_in=()):
    """Runs the program to its end, if need be by another command; returns the subprocess.CompletedProcess."""
    return subprocess.run([*run_in, SHOAL, *arguments], check=False, capture_output=True, text=True, input=stdin,
                          timeout=timeout_s, env={**os.environ, **(environment or {})})


def post(node, path, *headers):
    """POSTs to a node's admin endpoint; returns the response."""
    with HttpClient(node.admin_address) as client:
        client.send("".join(line + "\r\n" for line in [f"POST {path} HTTP/1.1", "Host: localhost", *headers, ""]).encode())
        return client.read_response()


class Loopback:
    """Where clients and nodes are: on loopback. Other places (test_xdp.py) have the same parts."""

    nodes = LOOPBACK
    clients = LOOPBACK

    @staticmethod
    def node_address(number):
        """Another IPv4 address of the nodes' machine, from 2 on."""
        return f"127.0.0.{number}"

    client_address = node_address


class ClusterCase(unittest.TestCase):
    """All tests of a class share one cluster; each uses swarms of its own."""

    nodes = 3
    sync = "unicast"
    place = Loopback
    hosts = ("127.0.0.1", "::1")  # the sync channel is on the first
    settings = None
    cluster = None

    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.make_cluster()
        try:
            cls.prepare()
            cls.cluster.start()
        except BaseException:
            cls.cluster.dump_logs()
            cls.cluster.stop()
            raise

    @classmethod
    def make_cluster(cls):
        return Cluster(nodes=cls.nodes, hosts=cls.hosts, sync=cls.sync, settings=cls.settings)

    @classmethod
    def prepare(cls):
        """Changes the cluster before it starts."""

    @classmethod
    def tearDownClass(cls):
        codes = cls.cluster.stop()
        if any(codes):
            raise AssertionError(f"nodes ended with {codes}")

    def node(self, number):
        return self.cluster.nodes[number]

    def client(self, number=0, protocol="UDP", family="IPv4", **more):
        """A client of one node, closed at the end of the test."""
        client = CLIENTS[protocol]((self.place.nodes[family], self.node(number).tracker_port), **more)
        self.addCleanup(client.close)
        return client

    def peers_seen(self, number, info_hash, protocol="UDP", family="IPv4"):
        """The peers a node hands out, without observers."""
        port = OBSERVER_PORT_MIN + next(_observers) % 10000
        with CLIENTS[protocol]((self.place.nodes[family], self.node(number).tracker_port)) as client:
            peers = client.announce(info_hash, port)["peers"]
            client.announce(info_hash, port, event="stopped")
        return {peer for peer in peers if peer[1] < OBSERVER_PORT_MIN}
