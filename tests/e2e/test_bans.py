"""Bans: clients that go too far are shut out of all nodes of the cluster; nobody else is."""

import copy
import json
import os
import time

from http_client import HttpClient, announce_target
from nodes import ClusterCase, fresh_hash, shoal
from reloads import hang_up
from udp_client import UdpClient, announce_packet
from wait import wait_for

# Bans are of an address. 127.0.0.0/8 has many.
SETTINGS = {
    "tracker": {"full_scrape": True, "full_scrape_interval_s": 3600},
    "limits": {"requests_per_s_per_address": 100},
    "bans": {"mode": "on", "window_s": 60, "over_rate": 500, "new_swarms": 50, "ports_per_swarm": 30, "malformed": 20,
             "full_scrapes": 3, "exempt": ["127.0.8.0/24"]},
}


class BanCase(ClusterCase):
    hosts = ("127.0.0.1",)

    def address(self, number=0):
        return "127.0.0.1", self.node(number).tracker_port

    def udp(self, source, number=0, timeout_s=2.0):
        client = UdpClient(self.address(number), source=source, timeout_s=timeout_s)
        self.addCleanup(client.close)
        return client

    def is_served(self, source, number=0):
        """Whether a connect is answered; asked three times."""
        client = self.udp(source, number, timeout_s=0.2)
        try:
            client.connect()
            return True
        except TimeoutError:
            return False

    def explain(self, source, number=0):
        return json.loads(self.node(number).get(f"/v1/bans?address={source}")[1])

    def score(self, source, offence, number=0):
        return next(s["score_permille"] for s in self.explain(source, number)["scores"] if s["offence"] == offence)

    def is_banned(self, source, number=0):
        return self.explain(source, number)["banned"]

    def wait_banned_everywhere(self, source, offence):
        for number in range(self.nodes):
            wait_for(lambda n=number: self.is_banned(source, n), 10, f"node {number} to ban {source}", 0.01)
            self.assertEqual(self.explain(source, number)["ban"]["offence"], offence)
            # The workers are told a little later.
            wait_for(lambda n=number: not self.is_served(source, n), 10, f"node {number} to serve {source} no more")

    def announce_often(self, source, count, *, swarms=1, clients=1, ports=1, number=0):
        """Announces that wait for their answers; stops when there is none. How many were answered."""
        client = self.udp(source, number, timeout_s=0.7)
        client.connect()
        hashes = [fresh_hash() for _ in range(swarms)]
        ids = [b"-SH0000-" + os.urandom(12) for _ in range(clients)]
        for i in range(count):
            try:
                client.ask(announce_packet(client.connection_id, hashes[i % swarms], 1000 + i % ports,
                                           peer_id=ids[i % clients]), tries=2)
            except TimeoutError:
                return i
        return count

    def shoal(self, *arguments, number=0):
        done = shoal("ban", *arguments, "--admin", self.node(number).admin)
        return done.returncode, done.stdout + done.stderr


class Bans(BanCase):
    nodes = 5
    settings = SETTINGS

    def test_a_flood_from_one_address_is_shut_out_of_all_nodes(self):
        attacker, neighbour = "127.0.1.1", "127.0.1.2"
        clients = [self.udp(attacker, number) for number in range(self.nodes)]
        for client in clients:
            client.connect()
            client.socket.setblocking(False)
        info_hash = fresh_hash()

        def flood(seconds):
            """1,000 announces a second, over all nodes; how many are answered."""
            answers, sent, began = 0, 0, time.monotonic()
            while (passed := time.monotonic() - began) < seconds:
                while sent < passed * 1000:
                    client = clients[sent % self.nodes] if sent % 10 else clients[0]
                    client.send(announce_packet(client.connection_id, info_hash, 1000))
                    sent += 1
                for client in clients:
                    try:
                        while client.socket.recv(2048):
                            answers += 1
                    except BlockingIOError:
                        pass
                time.sleep(0.002)
            return answers

        # All to one node, until that bans it.
        clients[0].socket.setblocking(False)
        began = time.monotonic()
        while not self.is_banned(attacker):
            for _ in range(100):
                clients[0].send(announce_packet(clients[0].connection_id, info_hash, 1000))
            time.sleep(0.02)
            self.assertLess(time.monotonic() - began, 20)
        self.wait_banned_everywhere(attacker, "over_rate")
        flood(0.1)
        self.assertEqual(flood(1), 0)
        self.assertGreater(self.node(1).metric("shoal_udp_dropped_total", reason="ban"), 0)
        self.assertGreater(self.node(1).status()["bans"]["requests_refused"], 0)
        for number in range(self.nodes):
            wait_for(lambda: self.is_served(neighbour, number), 10)

    def test_an_attacker_of_each_kind_is_banned(self):
        attacks = {
            "new_swarms": ("127.0.2.1", lambda source: self.announce_often(source, 200, swarms=200)),
            "ports_per_swarm": ("127.0.2.2", lambda source: self.announce_often(source, 200, ports=200)),
            "malformed": ("127.0.2.3", self.send_nonsense),
            "full_scrapes": ("127.0.2.4", self.scrape_all),
        }
        for offence, (source, attack) in attacks.items():
            with self.subTest(offence):
                wait_for(lambda: self.is_served(source), 10)
                attack(source)
                self.wait_banned_everywhere(source, offence)
                self.assertEqual(self.node(0).metric("shoal_bans_made_total", offence=offence, result="made"), 1)
                wait_for(lambda: self.is_served(source[:-1] + "9"), 10)
                # Over TCP neither.
                with self.assertRaises((ConnectionError, TimeoutError)):
                    with HttpClient(self.address(2), source=source) as client:
                        client.get(announce_target(fresh_hash(), 1000))

    def send_nonsense(self, source):
        for _ in range(40):
            try:
                with HttpClient(self.address(), source=source) as client:
                    client.send(b"NONSENSE\r\n\r\n")
                    client.read_response()
            except ConnectionError:
                return

    def scrape_all(self, source):
        for _ in range(10):
            try:
                with HttpClient(self.address(), source=source) as client:
                    client.get("/scrape")
            except ConnectionError:
                return

    def test_many_clients_behind_one_address_are_not_taken_for_one_attacker(self):
        nat, attacker = "127.0.3.1", "127.0.3.2"
        # 40 clients with 4 torrents of their own each; one client with as many.
        self.assertEqual(self.announce_often(nat, 160, swarms=160, clients=40), 160)
        self.announce_often(attacker, 160, swarms=160)
        wait_for(lambda: self.is_banned(attacker), 5)
        self.assertFalse(self.is_banned(nat))
        self.assertGreater(self.explain(nat)["clients_behind_it"], 20)

    def test_forged_sources_get_nobody_banned(self):
        victim = "127.0.4.1"

        def dropped():
            return self.node(0).metric("shoal_udp_dropped_total", reason="connection_id")

        before = dropped()
        liar = self.udp(victim)  # as the node sees it: packets from an address that holds no connection id
        for i in range(3000):
            liar.send(announce_packet(os.urandom(8), fresh_hash(), 1000 + i))
        wait_for(lambda: dropped() > before + 500, 10, "the node to read what was sent")
        self.assertFalse(self.is_banned(victim))
        self.assertEqual({s["score_permille"] for s in self.explain(victim)["scores"]}, {0})
        wait_for(lambda: self.is_served(victim), 10)

    def test_exempt_networks_are_spared(self):
        self.assertEqual(self.announce_often("127.0.8.1", 150, swarms=150), 150)
        self.assertFalse(self.is_banned("127.0.8.1"))
        self.assertTrue(self.explain("127.0.8.1")["exempt"])
        self.assertGreater(self.node(0).metric("shoal_bans_dropped_total", reason="exempt"), 0)

    def test_bans_by_hand(self):
        code, text = self.shoal("add", "127.0.5.1", "--for", "600")
        self.assertEqual((code, "is banned for 600 s" in text), (0, True), text)
        self.wait_banned_everywhere("127.0.5.1", "by_hand")
        self.assertIn("127.0.5.1", self.shoal("list", number=3)[1])
        self.assertIn("127.0.5.1: banned", self.shoal("explain", "127.0.5.1", number=4)[1])
        self.assertEqual(self.shoal("remove", "127.0.5.1", number=4)[0], 0)
        for number in range(self.nodes):
            wait_for(lambda n=number: not self.is_banned("127.0.5.1", n), 2)
            wait_for(lambda: self.is_served("127.0.5.1", number), 10)
        code, text = self.shoal("remove", "127.0.5.1")
        self.assertEqual((code, "is not banned" in text), (1, True), text)
        code, text = self.shoal("add", "127.0.8.1")
        self.assertEqual((code, "is exempt" in text), (1, True), text)
        self.assertEqual(self.shoal("add", "nonsense")[0], 1)
        self.assertEqual(self.shoal("add")[0], 2)

    def test_what_a_node_said_is_taken_back(self):
        self.shoal("add", "127.0.6.1", number=3)
        self.shoal("add", "127.0.6.2", number=2)
        for number in range(self.nodes):
            for source in ("127.0.6.1", "127.0.6.2"):
                wait_for(lambda s=source, n=number: self.is_banned(s, n), 10)
        code, text = self.shoal("forget-origin", self.node(3).name)
        self.assertEqual(code, 0, text)
        for number in range(self.nodes):
            wait_for(lambda n=number: not self.is_banned("127.0.6.1", n), 2)
            self.assertTrue(self.is_banned("127.0.6.2", number))
        # Whoever made it.
        self.assertEqual(self.shoal("forget-origin", "--everybody", number=1)[0], 0)
        for number in range(self.nodes):
            wait_for(lambda n=number: not self.is_banned("127.0.6.2", n), 10)
            wait_for(lambda n=number: self.is_served("127.0.6.2", n), 10)

    def test_a_web_page_gets_nobody_banned(self):
        visitor, nonsense = "127.0.7.1", "127.0.7.2"
        page = ["Origin: http://evil.example"]
        for _ in range(30):
            for bytes_sent in (b"POST /announce HTTP/1.1\r\nHost: t\r\nOrigin: http://evil.example\r\n\r\n",
                               b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"):
                with HttpClient(self.address(), source=visitor) as client:
                    client.send(bytes_sent)
                    client.read_response()
            with HttpClient(self.address(), source=visitor) as client:
                client.get("/announce?info_hash=x", headers=page)
        self.assertEqual(self.score(visitor, "malformed"), 0)
        self.assertFalse(self.is_banned(visitor))
        # The same from a program counts.
        with HttpClient(self.address(), source=nonsense) as client:
            client.get("/announce?info_hash=x")
        with HttpClient(self.address(), source=nonsense) as client:
            client.send(b"POST /announce HTTP/1.1\r\nHost: t\r\n\r\n")
            client.read_response()
        wait_for(lambda: self.score(nonsense, "malformed") > 50, 5)


class DryRun(BanCase):
    nodes = 1
    sync = "off"
    settings = {**SETTINGS, "bans": {**SETTINGS["bans"], "mode": "log"}}

    def test_it_says_what_it_would_do_and_does_not(self):
        source = "127.0.1.1"
        self.assertEqual(self.announce_often(source, 150, swarms=150), 150)
        wait_for(lambda: self.explain(source)["would_be"], 2)
        self.assertFalse(self.is_banned(source))
        wait_for(lambda: self.is_served(source), 10)
        bans = self.node(0).status()["bans"]
        self.assertEqual((bans["mode"], bans["in_force"], bans["would_be_in_force"]), ("log", 0, 1))
        self.assertEqual(bans["would_be_made"]["new_swarms"], 1)
        self.assertGreater(bans["requests_would_be_refused"], 0)
        self.assertEqual(bans["requests_refused"], 0)
        self.assertIn("would be", self.shoal("list")[1])
        self.assertTrue(any("would be banned" in p["text"] for p in self.node(0).status()["problems"]))
        # By hand it is done in this mode too.
        self.assertEqual(self.shoal("add", "127.0.1.2")[0], 0)
        wait_for(lambda: not self.is_served("127.0.1.2"), 5)


class TurnedOn(BanCase):
    nodes = 1
    sync = "off"
    settings = {**SETTINGS, "bans": {**SETTINGS["bans"], "mode": "off"}}

    def test_off_counts_nothing_and_a_reload_turns_it_on(self):
        source = "127.0.1.1"
        node = self.node(0)
        self.assertEqual(self.announce_often(source, 150, swarms=150), 150)
        self.assertEqual(self.score(source, "new_swarms"), 0)
        code, text = self.shoal("add", source)
        self.assertEqual((code, "bans.mode is off" in text), (1, True), text)
        node.settings = copy.deepcopy(node.settings)
        node.settings["bans"]["mode"] = "on"
        node.write_config()
        self.assertTrue(hang_up(node))
        wait_for(lambda: node.status()["bans"]["mode"] == "on", 10)
        self.announce_often(source, 150, swarms=150)
        self.wait_banned_everywhere(source, "new_swarms")
