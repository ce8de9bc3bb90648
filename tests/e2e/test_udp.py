"""The UDP tracker (BEP 15): well-formed and hostile datagrams."""

import os
import struct

from cluster import Cluster, at, free_port
from nodes import ANSWER_HEAD_BYTES, LOOPBACK, ClusterCase, fresh_hash
from udp_client import (PEER_SIZE, PROTOCOL_ID, Refused, UdpClient, announce_packet, connect_packet, scrape_packet)
from wait import wait_for

# The UDP payload of a 1280-byte packet.
ANSWER_MAX = {"IPv4": 1252, "IPv6": 1232}


class UdpAnnounce(ClusterCase):
    nodes = 2
    settings = {"tracker": {"numwant_max": 1000, "interval_jitter": 0.1}}

    def fill(self, client, info_hash, count, **fields):
        for port in range(1000, 1000 + count):
            client.announce(info_hash, port, numwant=0, event="started", **fields)

    def test_answer_never_larger_than_a_packet(self):
        for family in LOOPBACK:
            with self.subTest(family):
                client, info_hash = self.client(0, "UDP", family), fresh_hash()
                self.fill(client, info_hash, 500)
                most = (ANSWER_MAX[family] - ANSWER_HEAD_BYTES) // PEER_SIZE[client.family]
                for numwant in (1000, 200 if family == "IPv6" else 206, 2**31 - 1):
                    answer = client.announce(info_hash, 999, numwant=numwant)
                    self.assertLessEqual(answer["size"], ANSWER_MAX[family])
                    self.assertEqual(len(answer["peers"]), most)
                self.assertEqual(answer["leechers"], 501)

    def test_numwant(self):
        client, info_hash = self.client(), fresh_hash()
        self.fill(client, info_hash, 120)
        for numwant, expected in ((0, 0), (1, 1), (100, 100), (-1, 50), (-(2**31), 50)):
            with self.subTest(numwant):
                self.assertEqual(len(client.announce(info_hash, 999, numwant=numwant)["peers"]), expected)

    def test_nobody_is_told_of_itself(self):
        client, info_hash = self.client(), fresh_hash()
        for port in (1001, 1002, 1003):
            answer = client.announce(info_hash, port)
            self.assertNotIn((self.place.clients["IPv4"], port), answer["peers"])
        self.assertEqual(len(answer["peers"]), 2)

    def test_leechers_first_for_a_seeder(self):
        client, info_hash = self.client(), fresh_hash()
        self.fill(client, info_hash, 60)
        for port in range(2000, 2060):
            client.announce(info_hash, port, left=0, numwant=0)
        peers = client.announce(info_hash, 999, left=0, numwant=40)["peers"]
        self.assertEqual(len(peers), 40)
        self.assertTrue(all(port < 2000 for _, port in peers), peers)

    def test_interval_within_its_jitter(self):
        client = self.client()
        for _ in range(50):
            self.assertTrue(1620 <= client.announce(fresh_hash(), 1000)["interval"] <= 1980)

    def test_large_left_and_paused(self):
        client, info_hash = self.client(), fresh_hash()
        client.announce(info_hash, 1000, left=2**63 - 1, event="paused")
        self.assertEqual(client.scrape(info_hash), [(0, 0, 1)])

    def test_ip_field_is_ignored(self):
        client, info_hash = self.client(), fresh_hash()
        client.announce(info_hash, 1000, ip=0x08080808)
        self.assertEqual(client.announce(info_hash, 1001)["peers"], {(self.place.clients["IPv4"], 1000)})

    def test_peer_address_is_the_source(self):
        info_hash = fresh_hash()
        other = self.place.client_address(7)
        self.client(source=other).announce(info_hash, 1000)
        self.assertEqual(self.client().announce(info_hash, 1001)["peers"], {(other, 1000)})

    def test_families_are_kept_apart(self):
        info_hash = fresh_hash()
        self.client(family="IPv4").announce(info_hash, 1000)
        self.client(family="IPv6").announce(info_hash, 1001)
        for family, port in (("IPv4", 1000), ("IPv6", 1001)):
            peers = self.client(family=family).announce(info_hash, 1002)["peers"]
            self.assertEqual(peers, {(self.place.clients[family], port)})

    def test_options_behind_an_announce(self):
        """BEP 41: complete, truncated and false ones change nothing."""
        client, info_hash = self.client(), fresh_hash()
        for options in (b"\x02\x09/announce", b"\x02", b"\x02\xff/a", b"\x00" * 40, os.urandom(900)):
            with self.subTest(options=options[:12]):
                client.announce(info_hash, 1000, options=options)
        self.assertEqual(client.scrape(info_hash), [(0, 0, 1)])

    def test_stop_of_a_stranger_creates_nothing(self):
        client, info_hash = self.client(), fresh_hash()
        client.announce(info_hash, 1000, event="stopped")
        self.assertEqual(client.scrape(info_hash), [(0, 0, 0)])

    def test_connection_id_good_on_another_node(self):
        for family in LOOPBACK:
            with self.subTest(family):
                one, other = self.client(0, "UDP", family), self.client(1, "UDP", family)
                info_hash = fresh_hash()
                other.connection_id = one.connect()
                other.announce(info_hash, 1000)
                self.assertEqual(other.scrape(info_hash), [(0, 0, 1)])


class UdpBadInput(ClusterCase):
    nodes = 1
    sync = "off"

    def test_truncated_at_every_length(self):
        client = self.client()
        connection_id = client.connect()
        refused_from = 16  # connection id, action and transaction id: enough for an answer
        for name, packet in (("announce", announce_packet(connection_id, fresh_hash(), 1000)),
                             ("scrape", scrape_packet(connection_id, [fresh_hash()])), ("connect", connect_packet())):
            for length in range(len(packet)):
                with self.subTest(name, length=length):
                    cut = packet[:length]
                    if length < refused_from:
                        self.assertTrue(client.is_silent(cut))
                    else:
                        self.assertEqual(client.ask(cut)[:4], b"\0\0\0\3")

    def test_larger_than_asked(self):
        client = self.client()
        connection_id = client.connect()
        for length in (99, 1000, 1472, 1473, 2048, 4096, 9000, 65507):
            with self.subTest(length=length):
                packet = announce_packet(connection_id, fresh_hash(), 1000)
                client.send(packet.ljust(length, b"\xff"))
                # Answered or dropped, the tracker keeps working.
                wait_for(lambda: client.connect() and len(client.connection_id) == 8, 5)
        client.send(connect_packet().ljust(65507, b"\0"))
        self.assertEqual(len(UdpClient(client.address).connect()), 8)

    def test_wrong_action(self):
        client = self.client()
        connection_id = client.connect()
        for action in (3, 4, 255, 2**31, 2**32 - 1):
            with self.subTest(action):
                self.assertTrue(client.is_silent(connection_id + struct.pack(">I", action) + os.urandom(84)))

    def test_connect_without_protocol_id(self):
        client = self.client()
        for number in (0, PROTOCOL_ID + 1, 2**64 - 1):
            self.assertTrue(client.is_silent(struct.pack(">QI", number, 0) + os.urandom(4)))

    def check_refused_id(self, client, packet):
        """A short error, at once; ask() asks again if too many were asked for in this second."""
        answer = client.ask(packet)
        self.assertEqual((answer[:4], answer[8:]), (b"\0\0\0\3", b"connect again"))
        self.assertLess(len(answer), len(packet))

    def test_bad_connection_id_gets_a_short_error(self):
        client = self.client()
        good = client.connect()
        info_hash = fresh_hash()
        for name, bad in (("zero", bytes(8)), ("protocol", struct.pack(">Q", PROTOCOL_ID)), ("random", os.urandom(8)),
                          ("one bit", good[:7] + bytes([good[7] ^ 1])), ("reversed", good[::-1])):
            with self.subTest(name):
                self.check_refused_id(client, announce_packet(bad, info_hash, 1000))
                self.check_refused_id(client, scrape_packet(bad, [info_hash]))
        self.assertEqual(client.scrape(info_hash), [(0, 0, 0)])
        self.assertGreaterEqual(self.node(0).metric("shoal_udp_connection_ids_refused_total"), 10)

    def test_bad_connection_ids_get_few_errors(self):
        """And what would not be served anyway gets none: its error would be larger."""
        client = self.client()
        node = self.node(0)
        counted = ("shoal_udp_connection_ids_refused_total", {}), ("shoal_udp_dropped_total", {"reason": "connection_id"})
        before = [node.metric(name, **labels) for name, labels in counted]
        for _ in range(150):
            client.send(announce_packet(os.urandom(8), fresh_hash(), 1000))
        self.assertTrue(self.client().is_silent(os.urandom(8) + struct.pack(">I", 1) + os.urandom(20)))

        def since():
            return [node.metric(name, **labels) - old for (name, labels), old in zip(counted, before)]

        wait_for(lambda: sum(since()) == 151, 5)
        self.assertTrue(1 <= since()[0] <= 24, since())

    def test_connection_id_is_bound_to_the_address(self):
        mine, stranger = self.client(), self.client(source=self.place.client_address(5))
        self.check_refused_id(stranger, announce_packet(mine.connect(), fresh_hash(), 1000))

    def test_refused_with_a_reason(self):
        client = self.client()
        client.connect()
        with self.assertRaises(Refused) as refused:
            client.scrape()
        self.assertTrue(str(refused.exception))

    def test_unknown_events_are_regular_announces(self):
        client, info_hash = self.client(), fresh_hash()
        for port, event in enumerate((5, 77, 2**32 - 1), 1000):
            with self.subTest(event):
                client.announce(info_hash, port, event=event)
        self.assertEqual(client.scrape(info_hash), [(0, 0, 3)])

    def test_without_a_port_peers_are_answered_and_nothing_is_stored(self):
        for family, host in self.place.clients.items():
            with self.subTest(family):
                client, info_hash = self.client(family=family), fresh_hash()
                self.assertEqual(client.announce(info_hash, 0)["leechers"], 0)
                client.announce(info_hash, 1000, left=0)
                for event in ("started", "", "completed"):
                    answer = client.announce(info_hash, 0, event=event)
                    self.assertEqual((answer["peers"], answer["seeders"], answer["leechers"]), ({(host, 1000)}, 1, 0))
                self.assertEqual(client.announce(info_hash, 0, event="stopped")["peers"], set())
                self.assertEqual(client.scrape(info_hash), [(1, 0, 0)])
        self.assertGreaterEqual(self.node(0).metric("shoal_announces_not_stored_total"), 10)

    def test_a_left_that_is_not_known_is_a_leecher_s(self):
        for left in (2**63, 2**64 - 1):
            with self.subTest(left):
                answer = self.client().announce(fresh_hash(), 1000, left=left)
                self.assertEqual((answer["seeders"], answer["leechers"]), (0, 1))

    def test_scrape_counts(self):
        client = self.client()
        connection_id = client.connect()
        known = fresh_hash()
        client.announce(known, 1000, left=0)
        for count in (1, 2, 73, 74):
            with self.subTest(count=count):
                hashes = [fresh_hash() for _ in range(count - 1)] + [known]
                self.assertEqual(client.scrape(*hashes), [(0, 0, 0)] * (count - 1) + [(1, 0, 0)])
        # The first 74 whole hashes.
        for count, fraction, answered in ((75, 0, 74), (200, 0, 74), (1, 1, 1), (1, 19, 1), (74, 7, 74)):
            with self.subTest(count=count, fraction=fraction):
                hashes = [known] + [fresh_hash() for _ in range(count - 1)]
                answer = client.ask(scrape_packet(connection_id, [*hashes, os.urandom(fraction)]))
                self.assertEqual((answer[:4], len(answer)), (b"\0\0\0\2", 8 + 12 * answered))
                self.assertEqual(answer[8:12], b"\0\0\0\1")
        for fraction in (0, 1, 19):
            with self.subTest(fraction=fraction):
                answer = client.ask(scrape_packet(connection_id, [os.urandom(fraction)]))
                self.assertEqual(answer[:4], b"\0\0\0\3")

    def test_garbage(self):
        client = self.client()
        for _ in range(2000):
            client.send(os.urandom(int.from_bytes(os.urandom(1), "big")))
        wait_for(client.connect, 5)

    def test_answers_are_no_larger_than_a_forged_request_pays_for(self):
        """Without a connection id an answer is at most as large as the request: useless for amplification."""
        client = self.client()
        answer = client.ask(connect_packet())
        self.assertEqual(len(answer), 16)

    def test_empty_datagram(self):
        client = self.client()
        client.send(b"")
        client.connect()


class UdpForeignCluster(ClusterCase):
    nodes = 1

    def test_connection_id_of_another_cluster(self):
        with Cluster(nodes=1) as other:
            # The id is bound to the address that asked for it.
            foreign_address = ("127.0.0.1", other.nodes[0].tracker_port)
            with UdpClient(foreign_address, source=self.place.clients["IPv4"]) as foreign:
                connection_id = foreign.connect()
        client = self.client()
        answer = client.ask(announce_packet(connection_id, fresh_hash(), 1000))
        self.assertEqual((answer[:4], answer[8:]), (b"\0\0\0\3", b"connect again"))


class UdpWildcard(ClusterCase):
    """A wildcard socket answers from the address that was asked; the client checks this for each answer."""

    nodes = 1
    sync = "off"

    @classmethod
    def setUpClass(cls):
        cls.port = free_port(("0.0.0.0", "::"))
        super().setUpClass()

    @classmethod
    def prepare(cls):
        addresses = [at("0.0.0.0", cls.port), at("::", cls.port)]
        cls.cluster.nodes[0].settings["tracker"].update(udp=addresses, http=addresses)

    def test_ipv4(self):
        for host in (self.place.nodes["IPv4"], self.place.node_address(2), self.place.node_address(57)):
            for source in (None, self.place.client_address(3)):
                with self.subTest(host, source=source), UdpClient((host, self.port), source=source) as client:
                    info_hash = fresh_hash()
                    client.announce(info_hash, 1000)
                    self.assertEqual(client.scrape(info_hash), [(0, 0, 1)])

    def test_ipv6(self):
        with UdpClient((self.place.nodes["IPv6"], self.port)) as client:
            info_hash = fresh_hash()
            client.announce(info_hash, 1000)
            self.assertEqual(client.scrape(info_hash), [(0, 0, 1)])

    def test_error_comes_from_there_too(self):
        with UdpClient((self.place.node_address(2), self.port)) as client:
            client.connect()
            with self.assertRaises(Refused):
                client.scrape()

    def test_a_batch_of_different_addresses(self):
        """Many datagrams to many addresses at once: each answer goes out from the right one."""
        sockets = []
        for number in range(2, 60):
            client = UdpClient((self.place.node_address(number), self.port), timeout_s=5)
            self.addCleanup(client.close)
            sockets.append(client)
        for client in sockets:
            client.send(connect_packet())
        for client in sockets:
            self.assertEqual(len(client.receive()), 16)
