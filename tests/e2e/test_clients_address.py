"""Whose address counts as the client's: trusted proxies, the PROXY protocol, ip= in announces."""

import socket
import struct
import time
import urllib.parse

from http_client import announce_target
from nodes import ClusterCase, fresh_hash


def proxied(*addresses):
    return "X-Forwarded-For: " + ", ".join(addresses)


class AddressCase(ClusterCase):
    nodes = 1
    sync = "off"

    def http(self, source="127.0.0.1", family="IPv4"):
        return self.client(0, "HTTP", family, source=source if family == "IPv4" else None)

    def announce(self, info_hash, port, headers=(), source="127.0.0.1", family="IPv4", extra="", **fields):
        return self.http(source, family).get(announce_target(info_hash, port, extra=extra, **fields),
                                             headers=headers).bencoded()

    def peers(self, info_hash):
        """All peers of both families, as clients of each family get them."""
        found = set()
        for family, key, size in (("IPv4", b"peers", 6), ("IPv6", b"peers6", 18)):
            data = self.announce(info_hash, 50001, family=family)[key]
            self.announce(info_hash, 50001, family=family, event="stopped")
            for at in range(0, len(data), size):
                address, port = data[at:at + size - 2], struct.unpack(">H", data[at + size - 2:at + size])[0]
                if port != 50001:
                    found.add((socket.inet_ntop(socket.AF_INET if size == 6 else socket.AF_INET6, address), port))
        return found


class Proxies(AddressCase):
    settings = {"access": {"trusted_proxies": ["127.0.0.2", "10.0.0.0/8", "::1"]}}

    def test_the_rightmost_untrusted_hop_is_the_client(self):
        for headers, client in (([proxied("192.0.2.1")], "192.0.2.1"),
                                ([proxied("6.6.6.6", "192.0.2.2")], "192.0.2.2"),
                                ([proxied("6.6.6.6"), proxied("192.0.2.3", "10.9.9.9")], "192.0.2.3"),
                                ([proxied("6.6.6.6", "2001:db8::3")], "2001:db8::3"),
                                ([], "127.0.0.2")):
            with self.subTest(headers):
                info_hash = fresh_hash()
                answer = self.announce(info_hash, 1000, headers, source="127.0.0.2")
                family = socket.AF_INET6 if ":" in client else socket.AF_INET
                self.assertEqual(answer[b"external ip"], socket.inet_pton(family, client))
                self.assertEqual(self.peers(info_hash), {(client, 1000)})

    def test_others_are_not_believed(self):
        info_hash = fresh_hash()
        answer = self.announce(info_hash, 1000, [proxied("192.0.2.1")], source="127.0.0.3")
        self.assertEqual(answer[b"external ip"], socket.inet_aton("127.0.0.3"))
        self.assertEqual(self.peers(info_hash), {("127.0.0.3", 1000)})

    def test_an_unknown_client_is_refused(self):
        for value in ("unknown", "", "192.0.2.1, _hidden"):
            with self.subTest(value):
                answer = self.announce(fresh_hash(), 1000, [proxied(value)], source="127.0.0.2")
                self.assertEqual(answer[b"failure reason"], b"a proxy does not tell the client's address")
                self.assertNotIn(b"retry in", answer)

    def test_a_proxy_s_lines_end_in_cr_lf(self):
        """What a proxy takes for one header line must not be two here, of which the second names a client."""
        request = "GET " + announce_target(fresh_hash(), 1000) + " HTTP/1.1\r\nX: y\nX-Forwarded-For: 6.6.6.6\r\n\r\n"
        for source, status in (("127.0.0.2", 400), ("127.0.0.3", 200)):
            with self.subTest(source):
                client = self.http(source)
                client.send(request.encode())
                self.assertEqual(client.read_response().status, status)

    def test_a_proxy_over_ipv6(self):
        info_hash = fresh_hash()
        self.announce(info_hash, 1000, [proxied("2001:db8::7")], family="IPv6")
        self.assertEqual(self.peers(info_hash), {("2001:db8::7", 1000)})


class Forwarded(AddressCase):
    settings = {"access": {"trusted_proxies": ["127.0.0.2"], "client_header": "Forwarded",
                           "deny_networks": ["198.51.100.0/24"]}}

    def test_forwarded(self):
        info_hash = fresh_hash()
        self.announce(info_hash, 1000, ['Forwarded: for=6.6.6.6, for="[2001:db8::9]:4711";proto=https',
                                        "X-Forwarded-For: 6.6.6.6"], source="127.0.0.2")
        self.assertEqual(self.peers(info_hash), {("2001:db8::9", 1000)})
        answer = self.announce(info_hash, 1000, ['Forwarded: for=6.6.6.6;x=", for=192.0.2.1'], source="127.0.0.2")
        self.assertIn(b"failure reason", answer)

    def test_networks_are_those_of_the_client(self):
        answer = self.announce(fresh_hash(), 1000, ["Forwarded: for=198.51.100.7"], source="127.0.0.2")
        self.assertEqual(answer[b"failure reason"], b"this network is not allowed on this tracker")


class ProxyProtocol(AddressCase):
    settings = {"access": {"trusted_proxies": ["127.0.0.2"], "proxy_protocol": True}}

    def ask(self, header, source="127.0.0.2"):
        """The answers to two announces on one connection that begins with `header`, and their swarm."""
        info_hash = fresh_hash()
        client = self.http(source)
        client.send(header)
        answers = [client.get(announce_target(info_hash, port)).bencoded() for port in (1000, 1001)]
        return answers, info_hash

    def test_both_versions(self):
        signature = b"\r\n\r\n\0\r\nQUIT\n"
        for header, client in ((b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n", "192.0.2.1"),
                               (b"PROXY UNKNOWN\r\n", "127.0.0.2"),
                               (signature + b"\x21\x11\0\x0c" + socket.inet_aton("192.0.2.2") + b"\x01\x02\x03\x04"
                                + b"\x12\x34\0\x50", "192.0.2.2"),
                               (signature + b"\x20\x00\0\0", "127.0.0.2")):
            with self.subTest(header):
                answers, info_hash = self.ask(header)
                self.assertEqual([a[b"external ip"] for a in answers], [socket.inet_aton(client)] * 2)
                self.assertEqual(self.peers(info_hash), {(client, 1000), (client, 1001)})

    def test_in_drops(self):
        client = self.http("127.0.0.2")
        request = "GET " + announce_target(fresh_hash(), 1000) + " HTTP/1.1\r\nHost: x\r\n\r\n"
        for byte in b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n" + request.encode():
            client.send(bytes([byte]))
        self.assertEqual(client.read_response().bencoded()[b"external ip"], socket.inet_aton("192.0.2.1"))

    def test_missing_or_bad(self):
        for header in (b"", b"PROXY TCP4 192.0.2.1\r\n", b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c" + bytes(12)):
            with self.subTest(header):
                client = self.http("127.0.0.2")
                client.send(header + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                self.assertEqual(client.read_response().status, 400)
                self.assertTrue(client.is_closed())

    def test_not_from_others(self):
        client = self.http("127.0.0.1")
        client.send(b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual(client.read_response().status, 400)
        self.assertEqual(self.announce(fresh_hash(), 1000)[b"external ip"], socket.inet_aton("127.0.0.1"))


class IpParamAny(AddressCase):
    settings = {"tracker": {"ip_param": "any"}, "access": {"private_addresses": True}}

    def test_ip(self):
        for value, peer in (("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::1"),
                            ("[2001:db8::2]:99", "2001:db8::2"), ("192.0.2.2:99", "192.0.2.2")):
            with self.subTest(value):
                info_hash = fresh_hash()
                self.announce(info_hash, 1000, extra="&ip=" + urllib.parse.quote(value, safe=""))
                self.assertEqual(self.peers(info_hash), {(peer, 1000)})

    def test_ipv4_and_ipv6(self):
        info_hash = fresh_hash()
        self.announce(info_hash, 1000, extra="&ipv6=2001%3Adb8%3A%3A1")
        self.assertEqual(self.peers(info_hash), {("127.0.0.1", 1000), ("2001:db8::1", 1000)})
        self.announce(info_hash, 1001, extra="&ipv4=192.0.2.1&ipv6=%5B2001%3Adb8%3A%3A2%5D%3A99")
        self.assertEqual(self.peers(info_hash), {("127.0.0.1", 1000), ("2001:db8::1", 1000), ("192.0.2.1", 1001),
                                                 ("2001:db8::2", 1001)})
        # A client in both families gets peers of both, and its stop removes it from both.
        answer = self.announce(info_hash, 1002, extra="&ipv6=2001%3Adb8%3A%3A3", left=0)
        self.assertEqual((len(answer[b"peers"]), len(answer[b"peers6"])), (2 * 6, 2 * 18))
        answer = self.announce(info_hash, 1002, extra="&ipv6=2001%3Adb8%3A%3A3", numwant=3)
        self.assertEqual(len(answer[b"peers"]) // 6 + len(answer[b"peers6"]) // 18, 3)
        self.announce(info_hash, 1000, extra="&ipv6=2001%3Adb8%3A%3A1", event="stopped")
        self.assertNotIn(("2001:db8::1", 1000), self.peers(info_hash))
        self.assertNotIn(("127.0.0.1", 1000), self.peers(info_hash))

    def test_a_leecher_alone_in_both_families_comes_back_soon(self):
        info_hash = fresh_hash()
        for port, is_soon in ((1000, True), (1000, False), (1001, False)):
            answer = self.announce(info_hash, port, extra="&ipv6=2001:db8::1", event="started")
            self.assertEqual(answer[b"interval"] <= 66, is_soon)

    def test_what_cannot_be_announced_is_ignored(self):
        """The announce counts with the client's own address: names, other families, what no peer can have."""
        bad = ("localhost", "1.2.3", "%zz", "%00", "", "x" * 300, "fe80::1%25eth0", "fe80::1", "0.0.0.0", "255.255.255.255",
               "224.0.0.1", "240.0.0.1", "169.254.1.1", "ff02::1", "::", "::192.0.2.1")
        for extra in (*(f"&ip={value}" for value in bad), *(f"&ipv6={value}" for value in bad), "&ipv4=2001%3Adb8%3A%3A1",
                      "&ipv6=192.0.2.1", "&ipv6=::ffff:192.0.2.1", "&ip=x&ipv4=x&ipv6=x"):
            with self.subTest(extra):
                info_hash = fresh_hash()
                self.announce(info_hash, 1000, extra=extra)
                self.assertEqual(self.peers(info_hash), {("127.0.0.1", 1000)})

    def test_a_bad_address_does_not_lose_the_good_one(self):
        for extra, peers in (("&ip=localhost&ipv4=192.0.2.1", {"192.0.2.1"}),
                             ("&ip=192.0.2.1&ipv4=x&ipv6=fe80::1", {"192.0.2.1"}),
                             ("&ip=0.0.0.0&ipv4=192.0.2.1&ipv6=2001:db8::1", {"192.0.2.1", "2001:db8::1"}),
                             ("&ip=x&ipv6=2001:db8::1", {"127.0.0.1", "2001:db8::1"}),
                             ("&ip=::ffff:192.0.2.1", {"192.0.2.1"}), ("&ip=127.0.0.9", {"127.0.0.9"})):
            with self.subTest(extra):
                info_hash = fresh_hash()
                self.announce(info_hash, 1000, extra=extra)
                self.assertEqual(self.peers(info_hash), {(peer, 1000) for peer in peers})


class IpParamRefused(AddressCase):
    settings = {"tracker": {"ip_param": "any"},
                "access": {"deny_networks": ["192.0.2.0/24", "127.0.0.3/32"], "private_addresses": False}}

    def test_what_the_options_refuse_is_ignored(self):
        for extra, peer in (("&ip=8.8.8.1&ipv6=fc00::1", "8.8.8.1"), ("&ip=192.0.2.7&ipv4=8.8.8.2", "8.8.8.2"),
                            ("&ip=10.0.0.1&ipv4=8.8.8.3", "8.8.8.3"), ("&ipv6=2001:db8::7", "2001:db8::7")):
            with self.subTest(extra):
                info_hash = fresh_hash()
                self.assertNotIn(b"failure reason", self.announce(info_hash, 1000, extra=extra))
                for key, size in ((b"peers", 6), (b"peers6", 18)):
                    data = self.announce(info_hash, 0, extra="&ip=8.8.8.8&ipv6=2001:db8::8")[key]
                    self.assertEqual(len(data), size if (":" in peer) == (size == 18) else 0)

    def test_the_client_s_own_address_is_judged_too(self):
        answer = self.announce(fresh_hash(), 1000, extra="&ip=192.0.2.7")
        self.assertEqual(answer[b"failure reason"], b"private addresses are not allowed on this tracker")
        answer = self.announce(fresh_hash(), 1000, extra="&ip=8.8.8.8", source="127.0.0.3")
        self.assertEqual(answer[b"failure reason"], b"this network is not allowed on this tracker")


class LoopbackBehindProxies(AddressCase):
    """A loopback address is a peer only for clients on this machine: here a proxy names the client."""

    settings = {"access": {"trusted_proxies": ["127.0.0.2"]}, "tracker": {"ip_param": "any"}}

    def test_a_public_client_cannot_name_loopback(self):
        info_hash = fresh_hash()
        self.announce(info_hash, 1000, [proxied("192.0.2.1")], source="127.0.0.2", extra="&ip=127.0.0.1&ipv6=::1")
        self.assertEqual(self.peers(info_hash), {("192.0.2.1", 1000)})

    def test_a_client_that_no_peer_can_reach_is_answered_and_not_stored(self):
        for address in ("0.0.0.0", "169.254.0.1", "255.255.255.255", "fe80::1", "ff02::1"):
            with self.subTest(address):
                info_hash = fresh_hash()
                self.assertIn(b"interval", self.announce(info_hash, 1000, [proxied(address)], source="127.0.0.2"))
                self.assertEqual(self.peers(info_hash), set())


class IpParamTrusted(AddressCase):
    settings = {"tracker": {"ip_param": "trusted"},
                "access": {"trusted_proxies": ["127.0.0.2"], "private_addresses": False}}

    def test_only_trusted_clients_are_believed(self):
        info_hash = fresh_hash()
        self.announce(info_hash, 1000, extra="&ip=8.8.8.1", source="127.0.0.2")
        # A client behind the proxy is not trusted as the proxy is.
        self.announce(info_hash, 1001, [proxied("8.8.8.2")], extra="&ip=8.8.8.3", source="127.0.0.2")
        answer = self.announce(info_hash, 1002, [proxied("8.8.8.4")], source="127.0.0.2")
        peers = {(socket.inet_ntoa(answer[b"peers"][at:at + 4]), struct.unpack(">H", answer[b"peers"][at + 4:at + 6])[0])
                 for at in range(0, len(answer[b"peers"]), 6)}
        self.assertEqual(peers, {("8.8.8.1", 1000), ("8.8.8.2", 1001)})

    def test_the_announced_address_is_what_must_be_public(self):
        answer = self.announce(fresh_hash(), 1000, extra="&ip=10.0.0.1", source="127.0.0.2")
        self.assertEqual(answer[b"failure reason"], b"private addresses are not allowed on this tracker")


class Answers(AddressCase):
    settings = {"tracker": {"interval_s": 1000, "min_interval_s": 500, "warning": "moving soon: see example.org",
                            "redirect_url": "https://example.org/about?x=1", "numwant_max_udp": 3,
                            "numwant_max_http": 5}}

    def test_min_interval_and_warning(self):
        answer = self.announce(fresh_hash(), 1000)
        self.assertEqual(answer[b"min interval"], 500)
        self.assertEqual(answer[b"warning message"], b"moving soon: see example.org")
        self.assertTrue(900 <= answer[b"interval"] <= 1100)

    def test_a_leecher_alone_comes_back_soon_once(self):
        for family, client in (("IPv4", self.client(protocol="UDP")), ("IPv6", self.client(protocol="UDP", family="IPv6"))):
            with self.subTest(f"UDP {family}"):
                info_hash = fresh_hash()
                self.assertTrue(54 <= client.announce(info_hash, 1000, event="started")["interval"] <= 66)
                self.assertGreaterEqual(client.announce(info_hash, 1000)["interval"], 900)
                self.assertGreaterEqual(client.announce(info_hash, 1001, event="started")["interval"], 900)
        info_hash = fresh_hash()
        answer = self.announce(info_hash, 1000, event="started")
        self.assertTrue(54 <= answer[b"interval"] <= 66)
        self.assertEqual(answer[b"min interval"], answer[b"interval"])
        answer = self.announce(info_hash, 1000)
        self.assertTrue(900 <= answer[b"interval"] <= 1100)
        self.assertEqual(answer[b"min interval"], 500)

    def test_redirect(self):
        client = self.http()
        for _ in range(2):
            answer = client.get("/")
            self.assertEqual((answer.status, answer.headers["location"], answer.body),
                             (302, "https://example.org/about?x=1", b""))
        self.assertEqual(client.get("/other").status, 404)

    def test_numwant_by_protocol(self):
        info_hash = fresh_hash()
        http, udp = self.http(), self.client()
        for port in range(1000, 1010):
            udp.announce(info_hash, port, numwant=0)
        self.assertEqual(len(http.announce(info_hash, 2000, numwant=100)["peers"]), 5)
        self.assertEqual(len(http.announce(info_hash, 2000)["peers"]), 5)
        self.assertEqual(len(udp.announce(info_hash, 2000, numwant=100)["peers"]), 3)


class AdaptedInterval(ClusterCase):
    """Two nodes of a cluster whose clients announce ten times as often as they should."""

    nodes = 2
    settings = {"tracker": {"interval_s": 20, "interval_jitter": 0, "interval_max_s": 60, "peer_timeout_s": 90,
                            "target_rps": 5}}

    def test_the_interval_grows_on_all_nodes(self):
        client, other, info_hash = self.client(0), self.client(1), fresh_hash()
        self.assertEqual(other.announce(info_hash, 1)["interval"], 20)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and other.announce(info_hash, 1)["interval"] < 26:
            for port in range(1000, 1020):
                client.announce(info_hash, port)
        self.assertGreaterEqual(other.announce(info_hash, 1)["interval"], 26)
        self.assertGreaterEqual(client.announce(info_hash, 1)["interval"], 24)
        self.assertLessEqual(client.announce(info_hash, 1)["interval"], 60)
        self.assertGreater(self.node(0).metric("shoal_announces_per_second"), 5)
        self.assertGreater(self.node(1).metric("shoal_interval_seconds"), 20)
