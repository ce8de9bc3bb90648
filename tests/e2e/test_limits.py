"""Limits: what happens at each one, and that it is counted and logged."""

import re
import time

from http_client import HttpClient, announce_target, scrape_target
from nodes import LOOPBACK, ClusterCase, fresh_hash
from udp_client import Refused, UdpClient, scrape_packet
from wait import wait_for

FULL = b"tracker is full"


class LimitCase(ClusterCase):
    nodes = 1
    sync = "off"

    def hits(self, limit, number=0):
        return self.node(number).metric("shoal_limit_hits_total", limit=limit)

    def assert_logged(self, limit, number=0):
        line = re.compile(rf"a limit is being hit.*limit={limit}\b")
        wait_for(lambda: line.search(self.node(number).log_text()), 5)
        self.assertEqual(len(line.findall(self.node(number).log_text())), 1)

    def http_failure(self, info_hash, port):
        return self.client(0, "HTTP").get(announce_target(info_hash, port)).bencoded()


class FullOfSwarms(LimitCase):
    settings = {"limits": {"swarms": 2}}

    def test_the_log_says_what_holds(self):
        line = next(line for line in self.node(0).log_text().splitlines() if " limits " in line)
        self.assertRegex(line, r"memory_mib=[1-9]\d* swarms=2 peers=200000000 peers_per_swarm=none connections=\d+ "
                               "connections_per_address=none requests_per_s_per_address=none")

    def test_a_new_swarm_is_refused_and_old_ones_go_on(self):
        client = self.client()
        first, second, third = fresh_hash(), fresh_hash(), fresh_hash()
        client.announce(first, 1000)
        client.announce(second, 1000)
        with self.assertRaisesRegex(Refused, FULL.decode()):
            client.announce(third, 1000)
        failure = self.http_failure(third, 1000)
        self.assertEqual(failure[b"failure reason"], FULL)
        self.assertGreater(failure[b"retry in"], 0)
        self.assertEqual(client.announce(first, 1001)["peers"], {("127.0.0.1", 1000)})
        client.announce(first, 1000)
        client.announce(second, 1000, event="stopped")
        # A stopped peer is remembered, and with it its swarm. It may come back.
        with self.assertRaisesRegex(Refused, FULL.decode()):
            client.announce(third, 1000)
        client.announce(second, 1000)
        self.assertEqual(self.hits("swarms"), 3)
        self.assertEqual(self.node(0).metric("shoal_announces_refused_total", reason="full"), 3)
        self.assert_logged("swarms")


class FullOfPeers(LimitCase):
    settings = {"limits": {"peers": 2}}

    def test_a_new_peer_is_refused_and_old_ones_go_on(self):
        client = self.client()
        info_hash = fresh_hash()
        client.announce(info_hash, 1000)
        client.announce(info_hash, 1001)
        with self.assertRaisesRegex(Refused, FULL.decode()):
            client.announce(info_hash, 1002)
        self.assertEqual(self.http_failure(info_hash, 1003)[b"failure reason"], FULL)
        self.assertEqual(client.announce(info_hash, 1000)["peers"], {("127.0.0.1", 1001)})
        client.announce(info_hash, 1001, event="stopped")
        with self.assertRaisesRegex(Refused, FULL.decode()):
            client.announce(info_hash, 1002)
        client.announce(info_hash, 1001)
        self.assertEqual(self.hits("peers"), 3)
        self.assert_logged("peers")


class FullSwarm(LimitCase):
    settings = {"limits": {"peers_per_swarm": 2}}

    def test_a_peer_too_many_gets_peers_and_is_not_handed_out(self):
        client = self.client()
        info_hash = fresh_hash()
        client.announce(info_hash, 1000)
        client.announce(info_hash, 1001)
        there = {("127.0.0.1", 1000), ("127.0.0.1", 1001)}
        self.assertEqual(client.announce(info_hash, 1002)["peers"], there)
        self.assertEqual(self.client(0, "HTTP").announce(info_hash, 1003)["peers"], there)
        self.assertEqual(client.announce(info_hash, 1000)["peers"], {("127.0.0.1", 1001)})
        client.announce(fresh_hash(), 1002)
        self.assertEqual(self.hits("peers_per_swarm"), 2)
        self.assert_logged("peers_per_swarm")


class Connections(LimitCase):
    settings = {"node": {"workers": 1}, "limits": {"connections": 3}}

    def test_the_oldest_idle_one_goes(self):
        held = [self.client(0, "HTTP") for _ in range(3)]
        for client in held:
            self.assertEqual(client.get(scrape_target(fresh_hash())).status, 200)
        self.assertEqual(self.client(0, "HTTP").get(scrape_target(fresh_hash())).status, 200)
        self.assertTrue(held[0].is_closed())
        self.assertEqual(held[2].get(scrape_target(fresh_hash())).status, 200)
        self.assertGreaterEqual(self.hits("connections"), 1)
        self.assert_logged("connections")


def is_refused(client):
    """True if the tracker closes the connection without an answer."""
    try:
        client.get(scrape_target(fresh_hash()))
        return False
    except ConnectionError:
        return True


class ConnectionsPerAddress(LimitCase):
    settings = {"node": {"workers": 2}, "limits": {"connections_per_address": 3},
                "access": {"trusted_proxies": ["127.0.0.9"]}}

    def test_one_too_many_is_closed(self):
        held = [self.client(0, "HTTP", source="127.0.0.2") for _ in range(3)]
        for client in held:
            self.assertEqual(client.get(scrape_target(fresh_hash())).status, 200)
        for _ in range(3):  # whichever worker accepts it
            self.assertTrue(is_refused(self.client(0, "HTTP", source="127.0.0.2")))
        self.assertEqual(self.hits("connections_per_address"), 3)
        self.assertFalse(is_refused(self.client(0, "HTTP", source="127.0.0.3")))
        for client in held:
            self.assertEqual(client.get(scrape_target(fresh_hash())).status, 200)
        held[0].close()
        wait_for(lambda: not is_refused(self.client(0, "HTTP", source="127.0.0.2")), 5)
        self.assert_logged("connections_per_address")

    def test_a_trusted_proxy_is_not_counted(self):
        held = [self.client(0, "HTTP", source="127.0.0.9") for _ in range(8)]
        for client in held:
            self.assertEqual(client.get(scrape_target(fresh_hash())).status, 200)


class ConnectionsBehindProxyProtocol(LimitCase):
    settings = {"limits": {"connections_per_address": 2},
                "access": {"trusted_proxies": ["127.0.0.9"], "proxy_protocol": True}}

    def from_proxy(self, address):
        client = self.client(0, "HTTP", source="127.0.0.9")
        client.send(b"PROXY TCP4 %s 192.0.2.200 1000 80\r\n" % address)
        return client

    def test_the_client_counts_that_the_proxy_names(self):
        held = [self.from_proxy(b"192.0.2.1") for _ in range(2)]
        self.assertEqual([is_refused(client) for client in held], [False, False])
        self.assertTrue(is_refused(self.from_proxy(b"192.0.2.1")))
        self.assertFalse(is_refused(self.from_proxy(b"192.0.2.2")))
        self.assertEqual(self.hits("connections_per_address"), 1)


class RequestsPerAddress(LimitCase):
    # A burst of ten.
    settings = {"node": {"workers": 2}, "limits": {"requests_per_s_per_address": 1},
                "access": {"trusted_proxies": ["127.0.0.9"]}}

    def use_up(self, source):
        with UdpClient((LOOPBACK["IPv4"], self.node(0).tracker_port), source=source) as client:
            for port in range(1000, 1008):
                client.announce(fresh_hash(), port)
            # A few more are allowed meanwhile.
            deadline = time.monotonic() + 5
            while client.connection_id and time.monotonic() < deadline:
                client.send(scrape_packet(client.connection_id, [fresh_hash()]))
                if self.hits("requests_per_s_per_address"):
                    return

    def test_udp_is_silent_and_http_says_429(self):
        self.use_up("127.0.0.2")
        self.assertGreater(self.hits("requests_per_s_per_address"), 0)
        self.assertGreater(self.node(0).metric("shoal_udp_dropped_total", reason="rate"), 0)
        http = self.client(0, "HTTP", source="127.0.0.2")
        answers = [http.get(scrape_target(fresh_hash())) for _ in range(4)]
        answer = next(answer for answer in answers if answer.status == 429)
        self.assertIn(b"14:failure reason17:too many requests8:retry ini1e", answer.body)
        self.assertEqual(answer.headers["retry-after"], "60")
        self.assertEqual(http.get("/nothing").status, 404)
        # Others are served: another address, and a proxy that names no client.
        for source in ("127.0.0.3", "127.0.0.9"):
            other = self.client(0, "HTTP", source=source)
            self.assertEqual(other.get(scrape_target(fresh_hash())).status, 200)
        proxy = self.client(0, "HTTP", source="127.0.0.9")
        self.assertEqual([proxy.get(scrape_target(fresh_hash())).status for _ in range(20)], [200] * 20)
        # Behind a proxy, the client that it names counts.
        behind = [proxy.get(scrape_target(fresh_hash()), headers=["X-Forwarded-For: 192.0.2.7"]).status
                  for _ in range(20)]
        self.assertIn(429, behind)
        self.assert_logged("requests_per_s_per_address")


class RequestsPerPrefix(LimitCase):
    settings = {"limits": {"requests_per_s_per_prefix": 1}}

    def test_a_network_together(self):
        statuses = []
        for last in range(2, 32):
            client = self.client(0, "HTTP", source=f"127.0.5.{last}")
            statuses.append(client.get(scrape_target(fresh_hash())).status)
        self.assertEqual(statuses[:10], [200] * 10)
        self.assertIn(429, statuses)
        self.assertEqual(self.client(0, "HTTP", source="127.0.6.1").get(scrape_target(fresh_hash())).status, 200)
        self.assertGreater(self.hits("requests_per_s_per_prefix"), 0)
        self.assert_logged("requests_per_s_per_prefix")


class OneNodeHoldsLess(ClusterCase):
    """A node accepts from others twice its limit for clients, then no more, and does not pull in vain."""

    nodes = 2
    # Ticks of two seconds: differences are compared soon.
    settings = {"tracker": {"peer_timeout_s": 90, "interval_s": 30}}

    def test_hard_cap(self):
        less = self.node(1)
        less.stop()
        less.settings["limits"] = {"peers": 10}
        less.start()
        wait_for(lambda: less.ready() and self.node(0).members_alive() == 1, 20)
        info_hash = fresh_hash()
        client = self.client(0)
        for port in range(1000, 1050):
            client.announce(info_hash, port)
        wait_for(lambda: less.metric("shoal_limit_hits_total", limit="merged_peers") > 0, 10)
        wait_for(lambda: less.metric("shoal_peers") == 20, 10)
        with self.assertRaises(Refused):
            self.client(1).announce(info_hash, 2000)
        # Existing peers still change: a stop is heard.
        client.announce(info_hash, self.stored_peer(less, info_hash), event="stopped")
        wait_for(lambda: less.metric("shoal_peers", state="stopped") == 1, 10)
        pulls = less.status()["pulls"]
        wait_for(lambda: less.status()["pulls"]["digests_differing"] >= pulls["digests_differing"] + 3, 60)
        self.assertEqual(less.status()["pulls"]["pulls_started"], pulls["pulls_started"])

    @staticmethod
    def stored_peer(node, info_hash):
        with HttpClient((LOOPBACK["IPv4"], node.tracker_port)) as client:
            # An announce of an existing peer is answered.
            for port in range(1000, 1050):
                answer = client.get(announce_target(info_hash, port)).bencoded()
                if b"failure reason" not in answer:
                    return port
        raise AssertionError("no announced peer is stored")
