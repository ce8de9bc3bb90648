"""WebTorrent: offers and answers between browsers, the letter of RFC 6455, limits, reload and drain."""

import json
import socket
import ssl

from certificates import Authority
from cluster import at, free_port
from http_client import HttpClient
from nodes import ClusterCase, fresh_hash
from reloads import hang_up
from wait import wait_for
from web_client import BINARY, CLOSE, PING, PONG, TEXT, Closed, WebPeer, WebsocketClient, binary, frame

OFFERS_MAX = 5
SWARMS_MAX = 3


class WebCase(ClusterCase):
    nodes = 1
    sync = "off"
    settings = {"tracker": {"websocket": True},
                "websocket": {"offers_per_announce": OFFERS_MAX, "swarms_per_connection": SWARMS_MAX},
                "node": {"workers": 2}}

    def address(self, number=0):
        return "127.0.0.1", self.node(number).tracker_port

    def web(self, number=0, kind=WebPeer, **more):
        client = kind(self.address(number), **more)
        self.addCleanup(client.close)
        return client

    def counts(self, info_hash, number=0):
        counts = self.web(number).scrape(info_hash)[info_hash]
        return counts["complete"], counts["incomplete"]

    def meet(self, leecher, other, info_hash):
        """One offer of the leecher reaches the other, and the answer comes back."""
        leecher.announce(info_hash, offers=1)
        offer = other.hear_offer()
        self.assertEqual(offer["offer"], {"type": "offer", "sdp": leecher.offers[offer["offer_id"].encode("latin-1")]})
        self.assertEqual(offer["peer_id"], binary(leecher.peer_id))
        self.assertEqual(offer["info_hash"], binary(info_hash))
        other.answer(offer, sdp=f"v=0\r\nof {other.peer_id.hex()}\r\n\u20ac")
        answer = leecher.hear_answer()
        self.assertEqual(answer["answer"], {"type": "answer", "sdp": f"v=0\r\nof {other.peer_id.hex()}\r\n\u20ac"})
        self.assertEqual(answer["peer_id"], binary(other.peer_id))
        self.assertEqual(answer["offer_id"], offer["offer_id"])


class Signalling(WebCase):
    def test_offer_and_answer(self):
        info_hash = fresh_hash()
        seeder = self.web()
        answer = seeder.announce(info_hash, left=0, event="started")
        self.assertEqual((answer["complete"], answer["incomplete"]), (1, 0))
        self.assertTrue(100 <= answer["interval"] <= 140)
        self.assertEqual(answer["info_hash"], binary(info_hash))
        # Connections are spread over the workers by the kernel: many are on both.
        for _ in range(12):
            leecher = self.web()
            self.meet(leecher, seeder, info_hash)
            leecher.announce(info_hash, event="stopped")
        self.assertEqual(self.counts(info_hash), (1, 0))

    def test_each_offer_goes_to_another_peer(self):
        info_hash = fresh_hash()
        others = [self.web() for _ in range(4)]
        for other in others:
            other.announce(info_hash)
        newcomer = self.web()
        answer = newcomer.announce(info_hash, offers=OFFERS_MAX + 3)
        self.assertEqual(answer["incomplete"], 5)
        heard = [other.hear_offer()["offer_id"] for other in others]
        self.assertEqual(len(set(heard)), len(others))
        self.assertTrue({o.encode("latin-1") for o in heard} <= set(newcomer.offers))
        self.assertTrue(newcomer.quiet())  # it gets none of its own

    def test_seeders_meet_leechers_only_where_there_are_any(self):
        info_hash = fresh_hash()
        seeders = [self.web() for _ in range(3)]
        for seeder in seeders:
            seeder.announce(info_hash, left=0)
        leecher = self.web()
        leecher.announce(info_hash)
        seeders[0].announce(info_hash, left=0, offers=1)
        self.assertIn("offer", leecher.hear_offer())

    def test_an_answer_finds_its_way_once(self):
        info_hash = fresh_hash()
        one, two = self.web(), self.web()
        one.announce(info_hash)
        two.announce(info_hash, offers=1)
        offer = one.hear_offer()
        one.answer(offer)
        two.hear_answer()
        one.answer(offer)
        self.assertTrue(two.quiet())
        # Nor to an offer that one was not handed.
        one.answer({**offer, "offer_id": "o" * 20})
        self.assertTrue(two.quiet())
        self.assertEqual(self.node(0).metric("shoal_websocket_lost_total", reason="unknown"), 2)

    def test_one_who_left_is_not_told(self):
        info_hash = fresh_hash()
        one, two = self.web(), self.web()
        one.announce(info_hash)
        two.announce(info_hash, offers=1)
        offer = one.hear_offer()
        two.announce(info_hash, event="stopped")
        one.answer(offer)
        self.assertTrue(two.quiet())

    def test_counts_follow_events_and_closed_connections(self):
        info_hash = fresh_hash()
        one, two = self.web(), self.web()
        one.announce(info_hash, left=5, event="started")
        two.announce(info_hash, left=0, event="started")
        self.assertEqual(self.counts(info_hash), (1, 1))
        one.announce(info_hash, left=0, event="completed")
        self.assertEqual(self.counts(info_hash), (2, 0))
        self.assertEqual(self.web().scrape(info_hash)[info_hash]["downloaded"], 1)
        one.announce(info_hash, left=0, event="stopped")
        self.assertEqual(self.counts(info_hash), (1, 0))
        two.close()
        wait_for(lambda: self.counts(info_hash) == (0, 0))

    def test_a_reset_connection_is_out_of_all_its_swarms(self):
        hashes = [fresh_hash() for _ in range(SWARMS_MAX)]
        peer = self.web()
        for info_hash in hashes:
            peer.announce(info_hash)
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.close()
        for info_hash in hashes:
            wait_for(lambda h=info_hash: self.counts(h) == (0, 0))

    def test_web_peers_and_others_never_meet(self):
        info_hash = fresh_hash()
        for protocol in ("UDP", "HTTP"):
            self.client(0, protocol).announce(info_hash, 7000, left=0)
        web = self.web()
        answer = web.announce(info_hash, offers=3)
        self.assertEqual((answer["complete"], answer["incomplete"]), (0, 1))
        for protocol in ("UDP", "HTTP"):
            self.assertEqual(self.peers_seen(0, info_hash, protocol), {("127.0.0.1", 7000)})
        self.assertEqual(self.counts(info_hash), (0, 1))
        self.assertTrue(web.quiet())

    def test_scrape(self):
        known, unknown = fresh_hash(), fresh_hash()
        self.web().announce(known, left=0)
        peer = self.web()
        peer.announce(known, left=0)
        self.assertEqual(peer.scrape(known, unknown),
                         {known: {"complete": 2, "incomplete": 0, "downloaded": 0},
                          unknown: {"complete": 0, "incomplete": 0, "downloaded": 0}})

    def test_what_is_wrong_is_told_and_the_connection_stays(self):
        peer = self.web()
        good = {"action": "announce", "info_hash": "h" * 20, "peer_id": "p" * 20}
        for message, reason in (("{", "JSON"), ("[]", "JSON"), ('{"action":"x"}', "action"),
                                (json.dumps({**good, "info_hash": "short"}), "info_hash"),
                                (json.dumps({**good, "peer_id": "\u0100" * 20}), "peer_id"),
                                (json.dumps({**good, "event": "x"}), "event"),
                                (json.dumps({**good, "offers": [{}]}), "offer"),
                                (json.dumps({"action": "scrape"}), "info_hash")):
            peer.send_text(message)
            self.assertIn(reason, peer.hear()["failure reason"])
        self.assertEqual(peer.announce(fresh_hash())["incomplete"], 1)

    def test_swarms_of_one_connection_are_limited(self):
        peer = self.web()
        hashes = [fresh_hash() for _ in range(SWARMS_MAX + 1)]
        for info_hash in hashes[:SWARMS_MAX]:
            self.assertNotIn("failure reason", peer.announce(info_hash))
        self.assertIn("too many", peer.announce(hashes[-1])["failure reason"])
        self.assertNotIn("failure reason", peer.announce(hashes[0]))
        peer.announce(hashes[0], event="stopped")
        self.assertNotIn("failure reason", peer.announce(hashes[-1]))

    def test_one_connection_is_one_peer_of_a_swarm(self):
        info_hash = fresh_hash()
        peer = self.web()
        for number in range(3):
            peer.peer_id = bytes([number]) * 20
            self.assertEqual(peer.announce(info_hash, offers=1)["incomplete"], 1)

    def test_status(self):
        self.web().announce(fresh_hash())
        websocket = self.node(0).status()["websocket"]
        self.assertGreaterEqual(websocket["connections"], 1)
        self.assertGreaterEqual(websocket["announces"], 1)
        wait_for(lambda: self.node(0).metric("shoal_websocket_connections")
                 == self.node(0).status()["websocket"]["connections"])


class Protocol(WebCase):
    """RFC 6455 by its letter; the stream's own unit tests have every case."""

    def open(self, **more):
        client = self.web(kind=WebsocketClient, **more)
        self.assertTrue(client.is_open(), (client.status, client.headers))
        return client

    def test_opening(self):
        for path in ("/", "/announce", "/a/b?passkey=x"):
            self.open(path=path)

    def test_refused_openings(self):
        self.assertEqual(self.web(kind=WebsocketClient, headers=["Sec-WebSocket-Version: 13"]).status, 400)  # twice
        self.assertEqual(self.web(kind=WebsocketClient, key="short").status, 400)
        with HttpClient(self.address()) as client:
            client.send(b"GET / HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 8\r\n\r\n")
            response = client.read_response()
            self.assertEqual((response.status, response.headers["sec-websocket-version"]), (426, "13"))
            # The connection is still one of HTTP.
            self.assertEqual(client.get("/x").status, 404)

    def test_after_other_requests_on_the_connection(self):
        client = self.web(kind=WebsocketClient, before=b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n")
        self.assertEqual(client.status, 404)
        while b"HTTP/1.1 101" not in client.buffer:
            client._more()
        client.buffer = client.buffer[client.buffer.index(b"HTTP/1.1 101"):]
        client._read_opening()
        self.assertTrue(client.is_open())

    def test_pings_are_answered(self):
        client = self.open()
        client.send(frame(PING, b"") + frame(PONG, b"unasked") + frame(PING, b"x" * 125))
        self.assertEqual([client.read_frame(), client.read_frame()], [(PONG, b""), (PONG, b"x" * 125)])

    def test_a_message_in_parts(self):
        peer = self.web()
        message = json.dumps({"action": "scrape", "info_hash": "h" * 20}).encode()
        peer.send(frame(TEXT, message[:5], final=False) + frame(0, message[5:9], final=False))
        peer.send(frame(PING, b"between"))
        self.assertEqual(peer.read_frame(), (PONG, b"between"))
        for byte in frame(0, message[9:]):
            peer.send(bytes([byte]))
        self.assertEqual(peer.hear()["action"], "scrape")

    def test_closing_handshake(self):
        for payload in (b"", b"\x03\xe8", b"\x03\xe9bye", b"\x0f\xa0"):
            client = self.open()
            client.send(frame(CLOSE, payload))
            self.assertEqual(client.read_frame(), (CLOSE, payload[:2]))
            with self.assertRaises(Closed):
                client.read_frame()

    def test_violations(self):
        for bytes_sent, code in ((frame(TEXT, b"x", mask=None), 1002), (b"\xc1\x80abcd", 1002), (b"\x83\x80abcd", 1002),
                                 (frame(0, b"x"), 1002), (frame(PING, b"x", final=False), 1002),
                                 (frame(PING, b"x" * 126), 1002), (frame(CLOSE, b"\x03"), 1002),
                                 (frame(CLOSE, b"\x03\xed"), 1002), (frame(BINARY, b"x"), 1003),
                                 (frame(TEXT, b"\xff"), 1007), (frame(TEXT, b"x" * 200_000)[:14], 1009),
                                 (frame(TEXT, b"x", final=False) + frame(TEXT, b"y"), 1002)):
            client = self.open()
            client.send(bytes_sent)
            self.assertEqual(client.close_code(), code, bytes_sent[:20])
        wait_for(lambda: self.node(0).metric("shoal_websocket_closed_total", reason="protocol") == 12)

    def test_an_announce_before_the_opening_is_answered(self):
        peer = self.web()
        self.assertTrue(peer.is_open())
        raw = socket.create_connection(self.address(), timeout=5)
        self.addCleanup(raw.close)
        raw.sendall(b"GET / HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
                    + frame(PING, b"early"))
        data = b""
        while b"early" not in data:
            data += raw.recv(4096)
        self.assertIn(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", data)


class Access(WebCase):
    settings = {**WebCase.settings, "websocket": {"origins": ["https://example.org"]},
                "access": {"trusted_proxies": ["127.0.0.9/32"], "deny_networks": ["192.0.2.0/24"]}}

    def status(self, *headers, source="127.0.0.1"):
        return self.web(kind=WebsocketClient, headers=headers, source=source).status

    def test_origins(self):
        self.assertEqual(self.status("Origin: https://example.org"), 101)
        self.assertEqual(self.status("Origin: https://example.com"), 403)
        self.assertEqual(self.status(), 403)
        self.assertEqual(self.node(0).metric("shoal_websocket_refused_total", reason="origin"), 2)

    def test_clients_behind_a_proxy(self):
        origin = "Origin: https://example.org"
        self.assertEqual(self.status(origin, "X-Forwarded-For: 192.0.2.1", source="127.0.0.9"), 403)
        self.assertEqual(self.status(origin, "X-Forwarded-For: 198.51.100.1", source="127.0.0.9"), 101)
        self.assertEqual(self.status(origin, "X-Forwarded-For: nonsense", source="127.0.0.9"), 403)
        self.assertEqual(self.status(origin, "X-Forwarded-For: 192.0.2.1"), 101)  # not trusted


class Changes(WebCase):
    """Reload and drain. Each test has a node of its own."""

    settings = {"tracker": {"websocket": True}, "node": {"workers": 2, "drain_s": 3600}}

    def setUp(self):
        self.cluster = self.make_cluster()
        self.addCleanup(self.cluster.stop)
        self.cluster.start()

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def reload(self, section, **options):
        self.node(0).settings[section].update(options)
        self.node(0).write_config()
        self.assertTrue(hang_up(self.node(0)))

    def test_off_by_a_reload(self):
        info_hash = fresh_hash()
        peer = self.web()
        peer.announce(info_hash)
        self.reload("tracker", websocket=False)

        def refused():
            with WebsocketClient(self.address(), path="/") as client:
                return client.status == 404
        wait_for(refused)
        peer.announce(info_hash, hear=False)
        self.assertEqual(peer.close_code(), 1001)

    def test_drain(self):
        one, two = self.web(), self.web()
        info_hash = fresh_hash()
        one.announce(info_hash)
        two.announce(info_hash)
        self.node(0).process.terminate()
        wait_for(lambda: not self.node(0).ready())
        self.assertEqual(self.web(kind=WebsocketClient).status, 503)
        self.assertEqual(one.announce(info_hash)["incomplete"], 2)
        self.assertEqual(one.close_code(), 1001)
        self.node(0).process.kill()

    def test_stop(self):
        self.reload("node", drain_s=0)
        peers = [self.web() for _ in range(4)]
        for peer in peers:
            peer.announce(fresh_hash())
        self.node(0).process.terminate()
        self.assertEqual([peer.close_code() for peer in peers], [1001] * 4)
        self.assertEqual(self.node(0).process.wait(10), 0)


class OverTls(WebCase):
    @classmethod
    def prepare(cls):
        authority = Authority(cls.cluster.folder)
        certificate, key = authority.issue("first", ["localhost"])
        cls.port = free_port(cls.hosts)
        cls.cluster.nodes[0].settings["tracker"].update(https=[at("127.0.0.1", cls.port)], tls_certificates=[certificate],
                                                        tls_keys=[key])
        cls.context = ssl.create_default_context(cafile=authority.ca)

    def secure(self):
        client = WebPeer(("127.0.0.1", self.port), tls=self.context)
        self.addCleanup(client.close)
        self.assertTrue(client.is_open())
        return client

    def test_offers_between_ws_and_wss(self):
        info_hash = fresh_hash()
        plain, secure, other = self.web(), self.secure(), self.secure()
        for peer in (plain, secure):
            peer.announce(info_hash, left=0)
        other.announce(info_hash, offers=2)
        for peer in (plain, secure):
            peer.answer(peer.hear_offer())
            self.assertIn("answer", other.hear_answer())

    def test_a_message_of_several_records(self):
        info_hash = fresh_hash()
        peer, other = self.secure(), self.secure()
        other.announce(info_hash)
        long_sdp = "v=0\r\n" + "x" * 11_000
        peer.announce(info_hash, offers=OFFERS_MAX, sdp=long_sdp)
        self.assertEqual(other.hear_offer()["offer"]["sdp"], long_sdp)

    def test_close_notify_and_codes(self):
        peer = self.secure()
        peer.send(frame(TEXT, b"\xff"))
        self.assertEqual(peer.close_code(), 1007)


class Cluster(WebCase):
    nodes = 3
    sync = "unicast"

    def known(self, number, info_hash, incomplete):
        """Waits until a node counts so many leechers."""
        wait_for(lambda: self.counts(info_hash, number)[1] == incomplete, 10)

    def test_offer_and_answer_between_nodes(self):
        for here, there in ((0, 1), (1, 0), (2, 0)):
            info_hash = fresh_hash()
            other = self.web(there)
            other.announce(info_hash)
            self.known(here, info_hash, 1)
            self.meet(self.web(here), other, info_hash)

    def test_a_long_description_comes_in_parts(self):
        info_hash = fresh_hash()
        one, two = self.web(0), self.web(1)
        two.announce(info_hash)
        self.known(0, info_hash, 1)
        long_sdp = "v=0\r\n" + "x" * 11_000
        one.announce(info_hash, offers=1, sdp=long_sdp)
        self.assertEqual(two.hear_offer()["offer"]["sdp"], long_sdp)

    def test_a_stop_and_a_closed_connection_are_known_everywhere(self):
        info_hash = fresh_hash()
        one, two = self.web(0), self.web(0)
        one.announce(info_hash)
        two.announce(info_hash)
        self.known(1, info_hash, 2)
        one.announce(info_hash, event="stopped")
        self.known(1, info_hash, 1)
        two.close()
        self.known(1, info_hash, 0)
        self.known(2, info_hash, 0)

    def test_web_peers_stay_out_of_other_answers_on_all_nodes(self):
        info_hash = fresh_hash()
        self.web(0).announce(info_hash)
        self.known(1, info_hash, 1)
        for number in (0, 1):
            for protocol in ("UDP", "HTTP"):
                self.assertEqual(self.peers_seen(number, info_hash, protocol), set())


class DyingNode(WebCase):
    """A node that is killed takes its web peers along; what starts in its place has none of them."""

    nodes = 2
    sync = "unicast"

    @classmethod
    def tearDownClass(cls):
        cls.cluster.stop()

    def test_kill(self):
        info_hash = fresh_hash()
        stays, goes = self.web(0), self.web(1)
        stays.announce(info_hash)
        goes.announce(info_hash)
        wait_for(lambda: self.counts(info_hash, 0) == (0, 2))
        self.node(1).process.kill()
        self.node(1).process.wait()
        wait_for(lambda: self.counts(info_hash, 0) == (0, 1), 30, "the web peer of the dead node to go")
        # Offers do not go to the dead.
        stays.announce(info_hash, offers=3)
        self.node(1).start()
        wait_for(lambda: self.node(1).ready(), 20)
        wait_for(lambda: self.counts(info_hash, 1) == (0, 1), 20)
        back = self.web(1)
        self.meet(back, stays, info_hash)
