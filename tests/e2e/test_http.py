"""The HTTP tracker (BEP 3, 7, 23, 24, 31, 48): well-formed and malformed requests."""

import socket
import time
import urllib.parse

import bencode
from http_client import HttpClient, announce_target, parse_announce, scrape_target
from nodes import LOOPBACK, ClusterCase, fresh_hash
from udp_client import PEER_SIZE
from web_client import WebPeer


def raw(target, version="HTTP/1.1", method="GET", headers=("Host: tracker.test",)):
    return "\r\n".join([f"{method} {target} {version}", *headers, "", ""]).encode("latin-1")


class HttpCase(ClusterCase):
    nodes = 1
    sync = "off"

    def http(self, family="IPv4", **more):
        return self.client(0, "HTTP", family, **more)

    def failure(self, target):
        """The failure reason in the answer to a target; checks that the status is 200."""
        answer = self.http().get(target).bencoded()
        self.assertEqual(set(answer), {b"failure reason", b"retry in"})
        # Every request here is malformed.
        self.assertEqual(answer[b"retry in"], b"never")
        return answer[b"failure reason"].decode()


class Http(HttpCase):
    def test_announce(self):
        for family, other in (("IPv4", "IPv6"), ("IPv6", "IPv4")):
            with self.subTest(family):
                client, info_hash = self.http(family), fresh_hash()
                first = client.announce(info_hash, 1000, left=0)
                self.assertEqual((first["seeders"], first["leechers"], first["peers"]), (1, 0, set()))
                answer = client.announce(info_hash, 1001)
                self.assertEqual(answer["peers"], {(LOOPBACK[family], 1000)})
                self.assertEqual((answer["seeders"], answer["leechers"]), (1, 1))
                self.assertIsInstance(answer["raw"][b"peers"], bytes)
                self.assertIsInstance(answer["raw"][b"peers6"], bytes)
                ours = socket.AF_INET if family == "IPv4" else socket.AF_INET6
                self.assertEqual(answer["raw"][b"external ip"], socket.inet_pton(ours, LOOPBACK[family]))
                self.assertEqual(self.http(other).announce(info_hash, 1002)["peers"], set())

    def test_not_compact(self):
        client, info_hash = self.http(), fresh_hash()
        client.announce(info_hash, 1000)
        answer = client.announce(info_hash, 1001, compact=0)["raw"]
        self.assertEqual(answer[b"peers"], [{b"ip": b"127.0.0.1", b"port": 1000}])

    def test_numwant(self):
        client, info_hash = self.http(), fresh_hash()
        for port in range(1000, 1300):
            client.announce(info_hash, port, numwant=0)
        for numwant, expected in ((0, 0), (1, 1), (200, 200), (201, 200), (2**31 - 1, 200), (2**64, 200), (None, 50)):
            with self.subTest(numwant):
                self.assertEqual(len(client.announce(info_hash, 999, numwant=numwant)["peers"]), expected)
        listed = client.get(announce_target(info_hash, 999, numwant=200, compact=0)).bencoded()[b"peers"]
        self.assertEqual(len({peer[b"port"] for peer in listed}), 50)

    def test_events(self):
        client, info_hash = self.http(), fresh_hash()
        client.announce(info_hash, 1000, event="started")
        client.announce(info_hash, 1000, left=0, event="completed")
        self.assertEqual(client.scrape(info_hash), {info_hash: (1, 1, 0)})
        client.announce(info_hash, 1000, left=0, event="stopped")
        self.assertEqual(client.scrape(info_hash)[info_hash][::2], (0, 0))
        client.announce(info_hash, 1001, event="paused")
        self.assertEqual(client.scrape(info_hash)[info_hash][2], 1)

    def test_scrape_of_many(self):
        client = self.http()
        hashes = [fresh_hash() for _ in range(50)]
        client.announce(hashes[7], 1000, left=0)
        found = client.scrape(*hashes)
        self.assertEqual(set(found), set(hashes))
        self.assertEqual(found[hashes[7]], (1, 0, 0))
        self.assertEqual(client.scrape(hashes[7], hashes[7]), {hashes[7]: (1, 0, 0)})

    def test_what_need_not_be_believed_is_ignored(self):
        client, info_hash = self.http(), fresh_hash()
        extra = "&ip=8.8.8.8&ipv4=8.8.4.4&ipv6=2001%3Adb8%3A%3A1&key=%00%ff&trackerid=x&no_peer_id=1&supportcrypto=1" \
                "&corrupt=0&redundant=0&azudp=1&hide=%zz&x&=&&&uploaded=-5"
        client.announce(info_hash, 1000, extra=extra)
        self.assertEqual(client.announce(info_hash, 1001)["peers"], {("127.0.0.1", 1000)})

    def test_plus_is_a_plus(self):
        info_hash = b"+" * 20
        client = self.http()
        target = announce_target(info_hash, 1000).replace("%2B", "+")
        parse_announce(client.get(target).bencoded(), socket.AF_INET)
        self.assertEqual(client.scrape(info_hash)[info_hash][2], 1)

    def test_keep_alive(self):
        client = self.http()
        for _ in range(20):
            response = client.get(scrape_target(fresh_hash()))
            self.assertEqual((response.version, response.status), ("HTTP/1.1", 200))

    def test_close_when_asked(self):
        client = self.http()
        client.get(scrape_target(fresh_hash()), headers=["Connection: close"])
        self.assertTrue(client.is_closed())

    def test_http_1_0(self):
        client = self.http()
        self.assertEqual(client.get(scrape_target(fresh_hash()), version="HTTP/1.0").status, 200)
        self.assertTrue(client.is_closed())
        client = self.http()
        for _ in range(2):
            response = client.get(scrape_target(fresh_hash()), version="HTTP/1.0", headers=["Connection: keep-alive"])
            self.assertEqual(response.status, 200)

    def test_http_1_0_without_host(self):
        client = self.http()
        client.send(raw(scrape_target(fresh_hash()), "HTTP/1.0", headers=()))
        self.assertEqual(client.read_response().status, 200)

    def test_head(self):
        client, info_hash = self.http(), fresh_hash()
        expected = client.get(scrape_target(info_hash)).headers["content-length"]
        client.send(raw(scrape_target(info_hash), method="HEAD"))
        response = client.read_response(head=True)
        self.assertEqual((response.status, response.headers["content-length"]), (200, expected))
        self.assertEqual(client.scrape(info_hash), {info_hash: (0, 0, 0)})

    def test_paths(self):
        """All that trackers are found under: docs/OPENTRACKER.md has the rule."""
        client, info_hash = self.http(), fresh_hash()
        paths = ("/announce", "/announce/", "//announce", "/announce.php", "/announce/KEY", "/KEY/announce", "/a")
        for port, path in enumerate(paths, 1000):
            with self.subTest(path):
                parse_announce(client.get(announce_target(info_hash, port).replace("/announce", path)).bencoded(),
                               socket.AF_INET)
        for path in ("/scrape", "/scrape/", "//scrape", "/scrape.php", "/scrape/KEY", "/KEY/scrape", "/s"):
            with self.subTest(path):
                files = client.get(scrape_target(info_hash).replace("/scrape", path)).bencoded()[b"files"]
                self.assertEqual(files[info_hash][b"incomplete"], len(paths))

    def test_pipelining(self):
        client = self.http()
        hashes = [fresh_hash() for _ in range(100)]
        client.send(b"".join(raw(scrape_target(h)) for h in hashes))
        for info_hash in hashes:
            self.assertEqual(list(client.read_response().bencoded()[b"files"]), [info_hash])

    def test_pipelining_in_odd_pieces(self):
        client = self.http()
        hashes = [fresh_hash() for _ in range(30)]
        stream = b"".join(raw(scrape_target(h)) for h in hashes)
        for start in range(0, len(stream), 37):
            client.send(stream[start : start + 37])
        for info_hash in hashes:
            self.assertEqual(list(client.read_response().bencoded()[b"files"]), [info_hash])

    def test_a_byte_at_a_time(self):
        client, info_hash = self.http(), fresh_hash()
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in raw(scrape_target(info_hash)):
            client.send(bytes([byte]))
        self.assertEqual(list(client.read_response().bencoded()[b"files"]), [info_hash])

    def test_half_closed_client_is_answered(self):
        client = self.http()
        client.send(raw(scrape_target(fresh_hash())))
        client.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(client.read_response().status, 200)

    def test_absolute_form(self):
        client, info_hash = self.http(), fresh_hash()
        self.assertEqual(client.get("http://tracker.test" + scrape_target(info_hash)).status, 200)

    def test_peers_divide_evenly(self):
        info_hash = fresh_hash()
        client = self.http("IPv6")
        for port in range(1000, 1010):
            answer = client.announce(info_hash, port)
        self.assertEqual(len(answer["raw"][b"peers6"]), 9 * PEER_SIZE[socket.AF_INET6])
        self.assertEqual(answer["raw"][b"peers"], b"")


class HttpNotKept(HttpCase):
    """tracker.http_keep_alive off: one answer a connection."""

    settings = {"tracker": {"http_keep_alive": False, "full_scrape": True, "full_scrape_interval_s": 0, "websocket": True}}

    def last(self, client, response):
        self.assertEqual((response.status, response.headers["connection"]), (200, "close"))
        self.assertTrue(client.is_closed())

    def test_the_first_answer_is_the_last(self):
        info_hash = fresh_hash()
        for target in (announce_target(info_hash, 1000), scrape_target(info_hash), "/announce", "/scrape?format=txt"):
            for headers in ((), ("Connection: keep-alive",)):
                with self.subTest(target, headers=headers):
                    client = self.http()
                    self.last(client, client.get(target, headers=headers))
        client = self.http()
        self.last(client, client.get(scrape_target(info_hash), version="HTTP/1.0", headers=["Connection: keep-alive"]))
        self.assertEqual(self.http().scrape(info_hash)[info_hash][2], 1)

    def test_of_pipelined_requests_the_first_is_answered(self):
        for count in (2, 500):
            with self.subTest(count):
                client, hashes = self.http(), [fresh_hash() for _ in range(count)]
                client.socket.setblocking(False)
                client.socket.send(b"".join(raw(scrape_target(h)) for h in hashes))
                client.socket.settimeout(5)
                response = client.read_response()
                self.assertEqual(list(response.bencoded()[b"files"]), [hashes[0]])
                self.last(client, response)

    def test_websockets_stay_open(self):
        with WebPeer(("127.0.0.1", self.node(0).tracker_port)) as peer:
            info_hash = fresh_hash()
            for _ in range(3):
                self.assertEqual(peer.announce(info_hash)["incomplete"], 1)

    def test_the_admin_endpoint_keeps_its_connections(self):
        with HttpClient(self.node(0).admin_address) as client:
            for _ in range(3):
                response = client.get("/healthz")
                self.assertEqual((response.status, response.headers.get("connection")), (200, None))


class HttpWrongQueries(HttpCase):
    """Valid HTTP, refused by the tracker: a failure reason with status 200."""

    def with_field(self, key, value):
        fields = {"info_hash": fresh_hash(), "peer_id": b"-SH0000-123456789012", "port": "1000", "left": "1"}
        fields[key] = value
        return "/announce?" + urllib.parse.urlencode(
            {k: v for k, v in fields.items() if v is not None}, quote_via=urllib.parse.quote)

    def test_info_hash(self):
        for value in (None, b"", b"x" * 19, b"x" * 21):
            with self.subTest(value=value):
                self.assertIn("info_hash", self.failure(self.with_field("info_hash", value)))

    def test_other_fields_may_be_wrong(self):
        """A value that cannot be read is as if it had not been sent."""
        wrong = [("left", value) for value in ("many", "-", "1.5", "NaN")]
        wrong += [("event", value) for value in ("exploded", "STARTED", "started ", "update")]
        wrong += [("peer_id", value) for value in (b"short", b"x" * 21, None)]
        wrong += [("numwant", value) for value in ("text", "1.5", "")]
        for key, value in wrong:
            with self.subTest(key, value=value):
                answer = self.http().get(self.with_field(key, value)).bencoded()
                self.assertEqual((answer[b"complete"], answer[b"incomplete"]), (0, 1))

    def test_without_a_port_peers_are_answered_and_nothing_is_stored(self):
        client = self.http()
        for value in (None, "", "0", "65536", "-1", "text", "80 ", "99999999999999999999"):
            with self.subTest(value):
                info_hash = fresh_hash()
                client.announce(info_hash, 1000, left=0)
                target = announce_target(info_hash, value).replace("&port=None", "")
                answer = parse_announce(client.get(target).bencoded(), socket.AF_INET)
                self.assertEqual((answer["peers"], answer["seeders"], answer["leechers"]), ({("127.0.0.1", 1000)}, 1, 0))
                self.assertEqual(client.scrape(info_hash)[info_hash], (1, 0, 0))

    def test_left_up_to_its_limit(self):
        response = self.http().get(self.with_field("left", str(2**63 - 1)))
        self.assertIn(b"interval", response.bencoded())

    def test_a_left_that_is_not_known_is_a_leecher_s(self):
        for value in ("", "-1", str(-2**63), str(2**63), str(2**64 - 1), str(2**64), None):
            with self.subTest(value):
                answer = self.http().get(self.with_field("left", value)).bencoded()
                self.assertEqual((answer[b"complete"], answer[b"incomplete"]), (0, 1))

    def test_empty_event_is_none(self):
        self.assertIn(b"interval", self.http().get(self.with_field("event", "")).bencoded())

    def test_of_a_key_that_comes_twice_the_last_counts(self):
        """A tracker's URL may have a query of its own, to which clients append theirs."""
        client, info_hash = self.http(), fresh_hash()
        target = announce_target(info_hash, 1000, left=5, event="started")
        for own in (f"info_hash={'y' * 20}", "info_hash=short", "port=1", "port=x", "left=0", "event=stopped",
                    "compact=0", "numwant=x", "peer_id=x", target.split("?")[1]):
            with self.subTest(own):
                answer = client.get(target.replace("?", f"?{own}&")).bencoded()
                self.assertEqual((answer[b"complete"], answer[b"incomplete"], answer[b"peers"]), (0, 1, b""))

    def test_bad_escapes(self):
        for bad in ("%", "%2", "%zz", "%2g", "%%20"):
            with self.subTest(bad):
                self.failure(f"/announce?info_hash={'x' * 19}{bad}&port=1000&left=1&peer_id={'y' * 20}")

    def test_scrapes(self):
        for target in ("/scrape", "/scrape?", "/scrape?info_hash=", "/scrape?info_hash=short", "/scrape?x=y"):
            with self.subTest(target[:40]):
                self.failure(target)
        hashes = [fresh_hash() for _ in range(101)]
        self.assertEqual(set(self.http().scrape(*hashes)), set(hashes[:100]))
        target = "/scrape?info_hash=short&" + scrape_target(hashes[0]).split("?")[1] + "&info_hash=%zz"
        self.assertEqual(list(self.http().get(target).bencoded()[b"files"]), [hashes[0]])

    def test_a_failure_keeps_the_connection(self):
        client = self.http()
        self.assertIn(b"failure reason", client.get("/announce").bencoded())
        self.assertEqual(client.get(scrape_target(fresh_hash())).status, 200)

    def test_elsewhere(self):
        for target in ("/", "/stats", "/%61nnounce?x", "/ANNOUNCE", "/KEY", "/b/announce/c", "/favicon.ico"):
            with self.subTest(target):
                self.assertEqual(self.http().get(target).status, 404)

    def test_every_byte_in_a_value(self):
        """Unescaped bytes that HTTP allows reach the query; the tracker answers, whatever they are."""
        client = self.http()
        for byte in range(0x80, 0x100):
            client.send(b"GET /announce?info_hash=" + bytes([byte]) * 20 + b"&port=1000&left=1&peer_id=" + b"p" * 20 +
                        b" HTTP/1.1\r\nHost: t\r\n\r\n")
            self.assertIn(b"interval", client.read_response().bencoded())


class HttpMalformed(HttpCase):
    """Not HTTP, or more than a tracker accepts: a 4xx or 5xx, and the connection is closed."""

    def refused(self, data, statuses=range(400, 600)):
        client = self.http()
        client.send(data)
        response = client.read_response()
        self.assertIn(response.status, statuses)
        self.assertTrue(client.is_closed())

    def test_request_lines(self):
        for line in ("GET", "GET /scrape", "GET  /scrape HTTP/1.1", "GET /scrape HTTP/1.1 ", "GET /a b HTTP/1.1",
                     "GET scrape HTTP/1.1", "GET /scrape HTTP/1.", "GET /scrape HTTP/11", "GET /scrape http/1.1",
                     "GET /scrape HTTP/2.0", "GET /scrape HTTP/9.9", "G\x01T /scrape HTTP/1.1", " GET /scrape HTTP/1.1"):
            with self.subTest(line):
                self.refused(f"{line}\r\nHost: t\r\n\r\n".encode())

    def test_methods(self):
        for method in ("POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "get", "BREW"):
            with self.subTest(method):
                self.refused(raw("/announce", method=method))

    def test_headers(self):
        for header in ("no colon", ": no name", "Name : blank before the colon", " folded", "\tfolded", "Na me: x",
                       "X: \x00", "X: \x7f", "X: a\rb", "N\xe9me: x"):
            with self.subTest(header):
                self.refused(f"GET /scrape HTTP/1.1\r\nHost: t\r\n{header}\r\n\r\n".encode("latin-1"))

    def test_smuggling(self):
        """Every form that another program might split into other requests."""
        inner = raw("/announce").decode()
        for headers in (
            "Content-Length: 5000\r\n\r\nhello", "Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
            "Content-Length: 4\r\nContent-Length: 5\r\n\r\nhello", "Content-Length: -1\r\n\r\n", "Content-Length: +0\r\n\r\n",
            "Content-Length: 0, 0\r\n\r\n", "Content-Length: 0x0\r\n\r\n", "Content-Length:\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding: identity\r\n\r\n",
            f"Content-Length: {len(inner)}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}",
            f"Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n{inner}", f"Transfer-Encoding : chunked\r\n\r\n{inner}",
            "Host: other\r\n\r\n", "X: a\nContent-Length : 5\r\n\r\nhello",
        ):
            with self.subTest(headers):
                self.refused(f"GET /scrape HTTP/1.1\r\nHost: t\r\n{headers}".encode())

    def test_head_over_8_kib(self):
        self.refused(b"GET /" + b"a" * 9000)
        self.refused(b"GET /scrape?" + b"a" * 8000 + b" HTTP/1.1\r\nHost: t\r\nX: " + b"b" * 1000)
        self.refused(b"GET /scrape HTTP/1.1\r\nHost: t\r\n" + b"X: y\r\n" * 2000)

    def test_head_of_nearly_8_kib(self):
        client = self.http()
        padding = "x" * 7800
        self.assertEqual(client.get(scrape_target(fresh_hash()), headers=[f"X: {padding}"]).status, 200)

    def test_binary(self):
        for data in (b"\x00", b"\x00" * 100, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x13BitTorrent protocol",
                     b"\xff" * 9000, b"\r\n" * 9):
            with self.subTest(data=data[:10]):
                self.refused(data)

    def test_bad_behind_good(self):
        client, info_hash = self.http(), fresh_hash()
        client.send(raw(scrape_target(info_hash)) + b"\x00garbage")
        self.assertEqual(list(client.read_response().bencoded()[b"files"]), [info_hash])
        self.assertEqual(client.read_response().status, 400)
        self.assertTrue(client.is_closed())

    def test_counted(self):
        before = self.node(0).metric("shoal_http_bad_requests_total")
        self.refused(b"\x00")
        self.assertGreater(self.node(0).metric("shoal_http_bad_requests_total"), before)


class HttpLenient(HttpCase):
    """What small programs send and opentracker serves: served, and so is the request that follows."""

    def served(self, data, **more):
        client, info_hash = self.http(**more), fresh_hash()
        client.send(data.replace(b"/scrape", scrape_target(info_hash).encode()))
        self.assertEqual(list(client.read_response().bencoded()[b"files"]), [info_hash])
        self.assertEqual(client.get(scrape_target(info_hash)).status, 200)

    def test_served(self):
        for data in (b"\r\nGET /scrape HTTP/1.1\r\nHost: t\r\n\r\n", b"\n\n\r\nGET /scrape HTTP/1.1\r\n\r\n",
                     b"GET /scrape HTTP/1.1\nHost: t\n\n", b"GET /scrape HTTP/1.1\r\nHost: t\nX: y\n\r\n",
                     b"GET /scrape HTTP/1.1\r\n\r\n", b"GET /scrape HTTP/1.0\nConnection: keep-alive\n\n",
                     b"GET /scrape HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
                     b"GET /scrape HTTP/1.1\nContent-Length: 1024\n\n" + b"GET / HTTP/1.1\r\n" * 64):
            with self.subTest(data):
                self.served(data)

    def test_a_body_in_pieces(self):
        client, info_hash = self.http(), fresh_hash()
        stream = b"GET /scrape HTTP/1.1\r\nContent-Length: 9\r\n\r\nGET / HTT".replace(
            b"/scrape", scrape_target(info_hash).encode())
        for byte in stream:
            client.send(bytes([byte]))
        self.assertEqual(list(client.read_response().bencoded()[b"files"]), [info_hash])


class HttpSlow(HttpCase):
    """One byte a second: closed at the time limit, and nobody else waits for it."""

    def test_slowloris(self):
        slow = self.http(timeout_s=0.5)
        stream = raw("/announce?" + "x" * 100)
        start = time.monotonic()
        closed = False
        for byte in stream:
            try:
                slow.send(bytes([byte]))
                closed = slow.is_closed()
            except TimeoutError:
                self.assertEqual(self.http().get(scrape_target(fresh_hash())).status, 200)
            except (ConnectionResetError, BrokenPipeError):
                closed = True
            if closed or time.monotonic() > start + 20:
                break
        self.assertTrue(closed)
        self.assertGreaterEqual(self.node(0).metric("shoal_http_connections_closed_by_limit_total", limit="time"), 1)

    def test_answers_are_bencoded_strictly(self):
        for target in (scrape_target(fresh_hash()), announce_target(fresh_hash(), 1), "/announce"):
            body = self.http().get(target).body
            self.assertEqual(bencode.encode(bencode.decode(body)), body)
