"""Reload: every option that the table marks as reloadable takes effect in a running node."""

import json
import os
import re
import subprocess
import unittest

import feed_server
import mmdb
from certificates import Authority
from cluster import ROOT, SHOAL, Cluster, at, free_port
from http_client import HttpClient, announce_target, scrape_target
from nodes import fresh_hash
from openapi import OpenApi
from reloads import TOKEN, ReloadCase, hang_up, post_json
from udp_client import Refused
from wait import wait_for
from web_client import WebPeer

try:
    import jsonschema
except ImportError:
    jsonschema = None

# Keys of the options that the tests below change.
TESTED = set()
# Not visible from outside within seconds: sync_pace_test.cc and sync_donation_test.cc test them.
BY_UNIT_TESTS = {"sync.pace_mbit_s", "sync.donate_mbit_s"}
# They need certificates: test_https.py.
BY_HTTPS_TESTS = {"tracker.tls_certificates", "tracker.tls_keys", "tls.min_version"}


def of(*keys):
    """Marks a test as that of these options."""
    TESTED.update(keys)
    return lambda test: test


class Tracker(ReloadCase):
    @of("tracker.interval_s", "tracker.interval_jitter", "tracker.min_interval_s", "tracker.warning")
    def test_answers(self):
        self.reload(tracker__interval_s=500, tracker__interval_jitter=0)
        self.eventually({500}, lambda: {self.answer()[b"interval"] for _ in range(10)})
        self.assertEqual(self.client(0).announce(fresh_hash(), 1)["interval"], 500)
        self.assertNotIn(b"min interval", self.answer())
        self.reload(tracker__interval_jitter=0.5, tracker__min_interval_s=100, tracker__warning="hello")
        self.eventually({(100, b"hello")}, lambda: {(answer.get(b"min interval"), answer.get(b"warning message"))
                                                    for answer in (self.answer() for _ in range(10))})
        self.assertGreater(len({self.answer()[b"interval"] for _ in range(20)}), 5)

    @of("tracker.target_rps", "tracker.interval_max_s")
    def test_adapted_interval(self):
        self.reload(tracker__target_rps=1, tracker__interval_s=1, tracker__interval_max_s=5, tracker__interval_jitter=0)
        client = self.client(0)

        def interval_after_announces():
            for _ in range(200):
                client.announce(fresh_hash(), 1000)
            return self.node(0).status()["interval_s"]

        wait_for(lambda: interval_after_announces() == 5, 30, "the interval to grow", interval_s=0.2)
        self.assertEqual(self.answer()[b"interval"], 5)
        self.reload(tracker__interval_max_s=2)
        self.eventually(True, lambda: self.answer()[b"interval"] <= 2)
        self.reload(tracker__target_rps=0)
        self.eventually({1}, lambda: {self.answer()[b"interval"] for _ in range(10)})

    @of("tracker.numwant_default", "tracker.numwant_max", "tracker.numwant_max_udp", "tracker.numwant_max_http")
    def test_numwant(self):
        info_hash = self.swarm(400)
        seen = {protocol: lambda p=protocol, **more: len(self.client(0, p).announce(info_hash, 1000, **more)["peers"])
                for protocol in ("UDP", "HTTP")}
        self.reload(tracker__numwant_default=3)
        self.eventually(3, seen["HTTP"])
        self.reload(tracker__numwant_max=5)
        self.eventually([5, 5], lambda: [one(numwant=50) for one in seen.values()])
        self.reload(tracker__numwant_max_udp=4, tracker__numwant_max_http=1000)
        self.eventually([4, 350], lambda: [seen["UDP"](numwant=50), seen["HTTP"](numwant=350)])

    @of("tracker.ip_param")
    def test_ip_param(self):
        info_hash = fresh_hash()
        self.answer(info_hash, extra="&ip=192.0.2.7")
        self.assertNotIn(("192.0.2.7", 1000), self.peers_seen(0, info_hash))
        self.reload(tracker__ip_param="any")

        def announced():
            self.answer(info_hash, extra="&ip=192.0.2.7")
            return ("192.0.2.7", 1000) in self.peers_seen(0, info_hash)

        self.eventually(True, announced)

    @of("tracker.http_keep_alive")
    def test_keep_alive(self):
        scrape = scrape_target(fresh_hash())
        kept = self.http()
        self.assertNotIn("connection", kept.get(scrape).headers)
        self.reload(tracker__http_keep_alive=False)
        self.eventually("close", lambda: self.http().get(scrape).headers.get("connection"))
        # One that is open has its next answer.
        self.assertEqual(kept.get(scrape).headers.get("connection"), "close")
        self.assertTrue(kept.is_closed())
        self.reload(tracker__http_keep_alive=True)
        self.eventually(None, lambda: self.http().get(scrape).headers.get("connection"))

    @of("tracker.redirect_url")
    def test_redirect(self):
        self.assertEqual(self.http().get("/").status, 404)
        self.reload(tracker__redirect_url="https://tracker.example/")
        self.eventually("https://tracker.example/", lambda: self.http().get("/").headers.get("location"))

    @of("tracker.full_scrape", "tracker.full_scrape_interval_s")
    def test_full_scrape(self):
        self.answer()
        scrape = "/scrape?format=txt"
        self.assertIn(b"failure reason", self.http().get(scrape).bencoded())
        self.reload(tracker__full_scrape=True)
        wait_for(lambda: re.match(b"[0-9A-F]{40}:", self.http().get(scrape).body))
        self.eventually(429, lambda: self.http().get(scrape).status)
        self.reload(tracker__full_scrape_interval_s=0)
        self.eventually([200, 200], lambda: [self.http().get(scrape).status for _ in range(2)])

    def web(self, **more):
        peer = WebPeer(("127.0.0.1", self.node(0).tracker_port), path="/", **more)
        self.addCleanup(peer.close)
        return peer

    @of("tracker.websocket", "websocket.origins")
    def test_websocket(self):
        self.assertEqual(self.web().status, 404)
        self.reload(tracker__websocket=True)
        self.eventually(101, lambda: self.web().status)
        self.reload(websocket__origins=["https://example.org"])
        self.eventually([403, 101], lambda: [self.web(headers=[f"Origin: https://example.{end}"]).status for end in ("com", "org")])

    @of("websocket.interval_s", "websocket.offers_per_announce", "websocket.swarms_per_connection")
    def test_websocket_limits(self):
        self.reload(tracker__websocket=True, tracker__interval_jitter=0)
        self.eventually(101, lambda: self.web().status)
        info_hash, peer, others = fresh_hash(), self.web(), [self.web() for _ in range(3)]
        for other in others:
            other.announce(info_hash)
        self.reload(websocket__interval_s=77, websocket__offers_per_announce=2, websocket__swarms_per_connection=1)
        self.eventually(77, lambda: peer.announce(info_hash)["interval"])
        before = self.node(0).metric("shoal_websocket_offers_total", step="sent")
        self.assertIn("too many", peer.announce(fresh_hash())["failure reason"])
        peer.announce(info_hash, offers=3)
        self.assertEqual(self.node(0).metric("shoal_websocket_offers_total", step="sent"), before + 2)

    @of("stats.path", "stats.networks")
    def test_stats(self):
        self.assertEqual(self.http().get("/numbers").status, 404)
        self.reload(stats__path="/numbers")
        self.eventually(200, lambda: self.http().get("/numbers").status)
        self.reload(stats__networks=["127.0.0.9/32"])
        self.eventually([403, 200], lambda: [self.http(source).get("/numbers").status
                                             for source in ("127.0.0.1", "127.0.0.9")])


class Bans(ReloadCase):
    """That a score counts at all is told by what would happen next."""

    def explained(self, offence, source="127.0.0.77"):
        known = json.loads(self.node(0).get(f"/v1/bans?address={source}")[1])
        return {**known, **next(s for s in known["scores"] if s["offence"] == offence)}

    @of("bans.mode", "bans.over_rate", "bans.new_swarms", "bans.ports_per_swarm", "bans.malformed", "bans.full_scrapes",
        "bans.first_s", "bans.window_s", "bans.exempt")
    def test_thresholds(self):
        for option, offence in (("over_rate", "over_rate"), ("new_swarms", "new_swarms"), ("malformed", "malformed"),
                                ("ports_per_swarm", "ports_per_swarm"), ("full_scrapes", "full_scrapes")):
            self.reload(**{f"bans__{option}": 4321})
            self.eventually(4321, lambda o=offence: self.explained(o)["threshold"])
        self.reload(bans__first_s=77)
        self.eventually(77, lambda: self.explained("ports_per_swarm")["next_ban_s"])
        self.reload(bans__exempt=["127.0.0.77/32"])
        self.eventually(True, lambda: self.explained("ports_per_swarm")["exempt"])
        # A score decays within the window.
        self.reload(bans__window_s=86400, bans__malformed=100)
        self.http("127.0.0.78").get("/announce")
        self.eventually(9, lambda: self.explained("malformed", "127.0.0.78")["score_permille"])
        self.reload(bans__window_s=10)
        self.http("127.0.0.79").get("/announce")
        self.eventually(0, lambda: self.explained("malformed", "127.0.0.79")["score_permille"])
        self.reload(bans__mode="off")
        self.eventually("off", lambda: self.node(0).status()["bans"]["mode"])

    @of("bans.second_s", "bans.third_s", "bans.longest_s")
    def test_longer_bans(self):
        source = "127.0.0.80"
        self.reload(bans__mode="log", bans__malformed=2, bans__first_s=1, bans__second_s=1, bans__third_s=1, bans__longest_s=1)
        for option, bans in (("second_s", 1), ("third_s", 2), ("longest_s", 3)):
            def banned(number=bans):
                for _ in range(5):
                    self.http(source).get("/announce")
                return self.node(0).status()["bans"]["would_be_made"]["malformed"] >= number
            wait_for(banned, 10, f"ban {bans}", interval_s=0.3)
            self.reload(**{f"bans__{option}": 1000 + bans})
            self.eventually(1000 + bans, lambda: self.explained("malformed", source)["next_ban_s"])
            self.reload(**{f"bans__{option}": 1})


class Limits(ReloadCase):
    def announced(self, info_hash, port):
        try:
            self.client(0).announce(info_hash, port)
            return "stored"
        except Refused as refused:
            return str(refused)

    @of("limits.swarms", "limits.peers", "limits.peers_per_swarm", "limits.memory_mb")
    def test_store(self):
        first = fresh_hash()
        self.assertEqual(self.announced(first, 1000), "stored")
        self.reload(limits__swarms=1)
        self.eventually(True, lambda: "full" in self.announced(fresh_hash(), 1000))
        self.reload(limits__swarms=0, limits__peers=1)
        self.eventually(True, lambda: "full" in self.announced(fresh_hash(), 1000))
        self.reload(limits__peers=0, limits__peers_per_swarm=1)
        self.eventually("stored", lambda: self.announced(fresh_hash(), 1000))
        self.announced(first, 1001)
        self.assertEqual(self.client(0).scrape(first)[0][2], 1)
        self.reload(limits__peers_per_swarm=0, limits__memory_mb=7)
        self.eventually(7 << 20, lambda: self.node(0).status()["memory_limit_bytes"])

    @of("limits.connections_per_address", "limits.requests_per_s_per_address", "limits.requests_per_s_per_prefix")
    def test_clients(self):
        def statuses():
            return {self.http("127.0.0.5").get("/scrape").status for _ in range(30)}

        for option in ("limits__requests_per_s_per_address", "limits__requests_per_s_per_prefix"):
            self.reload(**{option: 1})
            self.eventually(True, lambda: 429 in statuses())
            self.reload(**{option: 0})
            self.eventually({200}, statuses)
        self.reload(limits__connections_per_address=1)

        def second_is_closed():
            first, second = self.http("127.0.0.6"), self.http("127.0.0.6")
            try:
                first.get("/scrape")
                second.get("/scrape")
                return False
            except (ConnectionError, OSError, EOFError):
                return True

        self.eventually(True, second_is_closed)


class Access(ReloadCase):
    @of("access.mode", "access.file")
    def test_list(self):
        listed, other = fresh_hash(), fresh_hash()
        self.reload(access__mode="allow", access__file=self.path("list", listed.hex() + "\n"))
        wait_for(lambda: "not authorized" in self.refusal(info_hash=other), 5)
        self.eventually("", lambda: self.refusal(info_hash=listed))
        self.reload(access__file=self.path("others", other.hex() + "\n"))
        wait_for(lambda: "not authorized" in self.refusal(info_hash=listed), 5)

    @of("access.clients_allow", "access.clients_deny", "access.deny_networks", "access.private_addresses")
    def test_clients(self):
        for options, reason in (({"access__clients_deny": ["-SH0"]}, "this client"),
                                ({"access__clients_deny": [], "access__clients_allow": ["-XX"]}, "this client"),
                                ({"access__clients_allow": [], "access__deny_networks": ["127.0.0.0/8"]}, "this network"),
                                ({"access__deny_networks": [], "access__private_addresses": False}, "private addresses")):
            with self.subTest(options):
                self.reload(**options)
                wait_for(lambda r=reason: self.refusal().startswith(r), 5)

        def refused_by_udp():
            with self.assertRaises(Refused):
                self.client(0).announce(fresh_hash(), 1000)
            return True

        self.eventually(True, refused_by_udp)

    @of("access.deny_network_files")
    def test_denied_network_files(self):
        path = self.path("networks", "# a list\n127.0.0.0-127.255.255.255\n")
        self.reload(access__deny_network_files=[path])
        wait_for(lambda: self.refusal().startswith("this network"), 5)
        self.assertEqual(self.node(0).status()["access"]["denied_networks"], 1)
        # A line that is none: the old list stays.
        self.path("networks", "no network\n")
        self.assertFalse(hang_up(self.node(0)))
        self.assertIn('networks:1: "no network" is no network', self.node(0).status()["reload"]["error"])
        self.assertTrue(self.refusal().startswith("this network"))
        self.path("networks", "somebody:10.0.0.0-10.0.0.255\n")
        self.assertTrue(hang_up(self.node(0)))
        self.eventually("", self.refusal)

    @of("access.feeds")
    def test_feeds(self):
        # The rest is in test_feeds.
        path = self.path("feed", "127.0.0.0/8\n")
        self.reload(access__feeds=[f"one networks 3600 {path}"])
        wait_for(lambda: self.refusal().startswith("this network"), 10)
        self.reload(access__feeds=[])
        self.eventually("", self.refusal)

    @of("access.feed_ca_file")
    def test_feed_ca_file(self):
        authority = Authority(self.cluster.folder)
        server = feed_server.FeedServer(*authority.issue("feeds", ["127.0.0.1"]))
        self.addCleanup(server.close)
        server.answers["/list"] = feed_server.content(b"127.0.0.0/8\n")
        self.reload(access__feeds=[f"one networks 3600 {server.url('/list')}"])
        wait_for(lambda: "certificate" in self.node(0).status()["feeds"][0]["reason"], 10)
        self.reload(access__feed_ca_file=authority.ca)
        wait_for(lambda: self.refusal().startswith("this network"), 10)

    @of("access.geo_databases", "access.deny_countries", "access.deny_asns")
    def test_places(self):
        places = [("127.0.0.0/9", mmdb.country("NL")), ("127.128.0.0/9", mmdb.asn(64496)), ("2001:db8::/32", mmdb.country("NL"))]
        path = self.path("places.mmdb")

        def write(content):
            with open(path, "wb") as file:
                file.write(content)

        write(mmdb.build(places, aliases=True))
        self.reload(access__geo_databases=[path], access__deny_countries=["NL"])
        wait_for(lambda: self.refusal().startswith("this network"), 5)
        self.assertEqual(self.node(0).status()["access"]["denied_networks"], 2)
        self.reload(access__deny_countries=[], access__deny_asns=["AS64496"])
        self.eventually("", self.refusal)
        wait_for(lambda: self.refusal(source="127.128.0.1").startswith("this network"), 5)
        # A cut file: the old list stays.
        write(mmdb.build(places)[:-200])
        self.assertFalse(hang_up(self.node(0)))
        self.assertRegex(self.node(0).status()["reload"]["error"], "access.geo_databases: .*places.mmdb: is ")
        self.assertTrue(self.refusal(source="127.128.0.1").startswith("this network"))
        write(mmdb.build(places[:1]))
        self.assertFalse(hang_up(self.node(0)))
        self.assertIn("tells autonomous systems", self.node(0).status()["reload"]["error"])

    @of("access.geo_counts")
    def test_place_counts(self):
        # A country by one file, autonomous systems by another, and an address that neither knows.
        countries, asns = self.path("countries.mmdb"), self.path("asns.mmdb")
        for path, places in [(countries, [("127.0.0.0/9", mmdb.country("NL"))]), (asns, [("127.0.0.0/16", mmdb.asn(64496))])]:
            with open(path, "wb") as file:
                file.write(mmdb.build(places, aliases=True))

        def counted():
            return self.node(0).status()["places"]

        self.assertIsNone(counted())
        self.assertNotIn("shoal_peers_by", self.node(0).get("/metrics")[1])
        for source in ("127.0.0.1", "127.0.0.1", "127.1.0.1", "127.128.0.1"):
            self.answer(source=source)
        self.reload(access__geo_databases=[countries, asns], access__geo_counts=True)
        wait_for(lambda: counted() and counted()["counted_unix_ms"], 10)
        if jsonschema:
            OpenApi().check_schema("Status", self.node(0).status())
        places = counted()
        by_country = {one["country"]: one["peers"] for one in places["countries"]}
        self.assertGreaterEqual(by_country["NL"], 3)
        self.assertGreaterEqual(places["peers_of_no_country"], 1)
        self.assertGreater(by_country["NL"], places["asns"][0]["peers"])
        self.assertEqual([one["asn"] for one in places["asns"]], [64496])
        self.assertEqual(places["peers"], by_country["NL"] + places["peers_of_no_country"])
        self.assertEqual(places["peers"], places["asns"][0]["peers"] + places["peers_of_no_asn"])
        self.assertIn(f'shoal_peers_by_country{{country="NL"}} {by_country["NL"]}\n', self.node(0).get("/metrics")[1])
        self.assertIn("<td>AS64496</td>", self.node(0).get("/")[1])
        self.reload(access__geo_counts=False)
        self.eventually(None, counted)

    @of("access.trusted_proxies", "access.client_header")
    def test_proxies(self):
        def client_is(header):
            info_hash = fresh_hash()
            self.answer(info_hash, headers=[header + ": 192.0.2.7"])
            return {address for address, _ in self.peers_seen(0, info_hash)}

        self.assertEqual(client_is("X-Forwarded-For"), {"127.0.0.1"})
        self.reload(access__trusted_proxies=["127.0.0.1/32"])
        self.eventually({"192.0.2.7"}, lambda: client_is("X-Forwarded-For"))
        self.reload(access__client_header="X-Who")
        self.eventually({"192.0.2.7"}, lambda: client_is("X-Who"))
        self.eventually({"127.0.0.1"}, lambda: client_is("X-Forwarded-For"))

    @of("access.proxy_protocol")
    def test_proxy_protocol(self):
        self.reload(access__trusted_proxies=["127.0.0.1/32"], access__proxy_protocol=True)
        self.eventually(400, lambda: self.http().get(announce_target(fresh_hash(), 1000)).status)

        def announced():
            info_hash, client = fresh_hash(), self.http()
            client.send(b"PROXY TCP4 192.0.2.8 192.0.2.1 1 2\r\n")
            client.announce(info_hash, 1000)
            return self.peers_seen(0, info_hash)

        wait_for(lambda: announced() == {("192.0.2.8", 1000)})
        self.reload(access__proxy_protocol=False)
        wait_for(self.answer)


class Process(ReloadCase):
    # A node that confines its files exports only into the folder that it was started with.
    settings = {"node": {"confine_files": False}}

    @of("node.log_level", "node.log_format")
    def test_log(self):
        node = self.node(0)

        def lines_of_a_reload():
            before = len(node.log_text())
            self.assertTrue(hang_up(node))
            return node.log_text()[before:].splitlines()

        self.assertTrue(any(" info reloaded " in line for line in lines_of_a_reload()))
        self.reload(node__log_level="error")
        self.assertEqual(lines_of_a_reload(), [])
        self.reload(node__log_level="info", node__log_format="json")
        self.assertIn("reloaded", [json.loads(line)["message"] for line in lines_of_a_reload()])

    @of("admin.token_file")
    def test_token(self):
        add, hash_ = "/v1/access/add?hash=", fresh_hash().hex()
        self.assertEqual(post_json(self.node(0), add + hash_)[0], 409)  # there is no list
        self.reload(admin__token_file=self.path("token", TOKEN + "\n"))
        self.assertEqual(post_json(self.node(0), add + hash_)[0], 401)
        self.assertEqual(post_json(self.node(0), add + hash_, f"Authorization: Bearer {TOKEN}")[0], 409)
        # The same file with another token in it: no option changes.
        self.path("token", TOKEN[::-1] + "\n")
        self.assertEqual(post_json(self.node(0), "/v1/reload", f"Authorization: Bearer {TOKEN}"),
                         (200, {"result": "reloaded", "applied": [], "need_restart": []}))
        self.assertEqual(post_json(self.node(0), add + hash_, f"Authorization: Bearer {TOKEN}")[0], 401)
        self.assertEqual(post_json(self.node(0), add + hash_, f"Authorization: Bearer {TOKEN[::-1]}")[0], 409)

    @of("admin.hosts")
    def test_hosts(self):
        def status():
            with HttpClient(self.node(0).admin_address) as client:
                client.send(b"GET /healthz HTTP/1.1\r\nHost: Shoal.example.org\r\n\r\n")
                return client.read_response().status

        self.assertEqual(status(), 421)
        self.reload(admin__hosts=["other.example.org", "shoal.example.org"])
        self.assertEqual(status(), 200)

    @of("admin.export_file", "admin.export_interval_s", "admin.export_format")
    def test_export(self):
        info_hash = self.swarm(2).hex().upper()

        def holds(path, text):
            with open(path, encoding="utf-8") as file:
                return text in file.read()

        first, second = self.path("first"), self.path("second")
        self.reload(admin__export_file=first, admin__export_interval_s=1)
        wait_for(lambda: holds(first, f"{info_hash}:0:2\n"), 10)
        self.reload(admin__export_file=second, admin__export_format="json")
        wait_for(lambda: holds(second, f'"{info_hash.lower()}"'), 10)
        # The file is there before the loop has counted it.
        wait_for(lambda: self.node(0).metric("shoal_export_writes_total", result="ok") > 1, 10)
        self.reload(admin__export_file="")
        self.assertEqual(self.node(0).metric("shoal_export_writes_total"), 0)

    @of("sync.key_files")
    def test_keys(self):
        node = self.node(0)
        self.set(sync__key_files=[self.cluster.key])
        self.assertFalse(hang_up(node))  # from none to some
        self.set(sync__key_files=[])

        other = self.path("other.key")
        subprocess.run([SHOAL, "keygen", other], check=True, stdout=subprocess.DEVNULL)
        with Cluster(nodes=1, sync="unicast") as keyed:
            before = keyed.nodes[0].status()["keys"]["ids"]
            keyed.nodes[0].settings["sync"]["key_files"] = [other, keyed.key]
            keyed.nodes[0].write_config()
            self.assertTrue(hang_up(keyed.nodes[0]))
            self.assertRegex(keyed.nodes[0].status()["keys"]["ids"], f"^[0-9a-f]{{8}}, {before}$")


class OtherNodes(unittest.TestCase):
    @of("node.drain_s", "node.snapshot_interval_s")
    def test_drain_and_snapshot(self):
        with Cluster(nodes=1, sync="off", settings={"node": {"drain_s": 3600, "snapshot_interval_s": 86400}}) as cluster:
            node = cluster.nodes[0]
            node.stop(0.1)  # killed: it would drain for an hour
            node.settings["node"]["snapshot"] = os.path.join(cluster.folder, "snapshot")
            node.start()
            wait_for(node.ready)
            self.assertEqual(node.metric("shoal_snapshot_writes_total", result="ok"), 0)
            node.settings["node"].update(drain_s=0, snapshot_interval_s=1)
            node.write_config()
            self.assertTrue(hang_up(node))
            wait_for(lambda: node.metric("shoal_snapshot_writes_total", result="ok") > 0, 10)
            self.assertEqual(node.metric("shoal_snapshot_interval_seconds"), 1)
            self.assertEqual(node.stop(), 0)

    @of("sync.peers")
    def test_peers(self):
        cluster = Cluster(nodes=2)
        self.addCleanup(cluster.stop)
        first, second = cluster.nodes
        peers = [node.settings["sync"].pop("peers") for node in cluster.nodes]
        for node in cluster.nodes:
            node.start()
        for node in cluster.nodes:
            wait_for(node.ready)
        self.assertEqual((first.members_alive(), second.members_alive()), (0, 0))
        first.settings["sync"].update(peers=peers[0], pace_mbit_s=10, donate_mbit_s=0)
        first.write_config()
        self.assertTrue(hang_up(first))
        self.assertEqual(first.status()["reload"]["need_restart"], [])
        for node in cluster.nodes:
            wait_for(lambda n=node: n.members_alive() == 1, 10, "the nodes to find each other")
        del first.settings["sync"]["peers"]
        first.write_config()
        self.assertTrue(hang_up(first))
        self.assertEqual(first.members_alive(), 1)

    @of("admin.member_url")
    def test_member_url(self):
        with Cluster(nodes=2) as cluster:
            first = cluster.nodes[0]
            self.assertNotIn("example:9697", first.get("/")[1])
            first.settings["admin"]["member_url"] = "http://{name}.example:9697/"
            first.write_config()
            self.assertTrue(hang_up(first))
            self.assertIn('href="http://b.example:9697/"', first.get("/")[1])
            self.assertEqual(first.status()["reload"]["need_restart"], [])


class Alone(unittest.TestCase):
    @of("node.ready_alone")
    def test_ready_alone(self):
        nowhere = at("127.0.0.1", free_port())
        cluster = Cluster(nodes=1, settings={"sync": {"peers": [nowhere]}})
        self.addCleanup(cluster.stop)
        node = cluster.nodes[0]
        node.start()
        wait_for(lambda: node.status()["node"]["alone"], 25, "the node to be alone")
        for choice, ready in (("held", False), ("always", True), ("never", False)):
            node.settings["node"]["ready_alone"] = choice
            node.write_config()
            self.assertTrue(hang_up(node))
            self.assertEqual(node.ready(), ready, choice)
        # Nor is it alone once it names nobody.
        node.settings["sync"]["peers"] = []
        node.write_config()
        self.assertTrue(hang_up(node))
        wait_for(node.ready, 5)


class Table(unittest.TestCase):
    def test_every_reloadable_option_is_tested(self):
        with open(os.path.join(ROOT, "docs", "OPTIONS.md"), encoding="utf-8") as file:
            rows = re.findall(r"### `([a-z_.]+)`\n(?:(?!###).*\n)*?- Takes effect: (.*)\n", file.read())
        self.assertGreater(len(rows), 50)
        self.assertEqual({taken for _, taken in rows}, {"at a reload", "at the next start"})
        self.assertEqual({key for key, taken in rows if taken == "at a reload"}, TESTED | BY_UNIT_TESTS | BY_HTTPS_TESTS)
