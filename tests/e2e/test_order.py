"""The last event of a client counts, on the node that heard it and on the others: toggles as fast as they are answered,
moves between nodes, stops that overtake their starts. A single node answers like a cluster."""

import time

from nodes import ClusterCase, fresh_hash
from wait import wait_for

PORT = 6881
COUNTS = (1, 2, 6, 7, 8, 10, 51, 300, 301)


class Toggles:
    """started, stopped, started ... each answered, then a scrape."""

    def toggle(self, client, info_hash, times, pause_s=0.0):
        for number in range(times):
            client.announce(info_hash, PORT, left=0, event="stopped" if number % 2 else "started")
            time.sleep(pause_s)

    def check_toggles(self, protocol):
        client = self.client(0, protocol)
        scraper = self.client(0)
        swarms = {times: fresh_hash() for times in COUNTS}
        for times, info_hash in swarms.items():
            with self.subTest(protocol=protocol, times=times):
                self.toggle(client, info_hash, times)
                self.assertEqual(scraper.scrape(info_hash)[0][0], times % 2)
        return swarms

    def test_as_fast_as_they_are_answered(self):
        for protocol in ("UDP", "HTTP"):
            self.check_toggles(protocol)

    def test_twice_a_second(self):
        client = self.client(0)
        info_hash = fresh_hash()
        self.toggle(client, info_hash, 7, pause_s=0.5)
        self.assertEqual(client.scrape(info_hash)[0][0], 1)

    def test_completed_counts_once(self):
        client = self.client(0)
        info_hash = fresh_hash()
        for _ in range(5):
            for event in ("started", "completed", "stopped"):
                client.announce(info_hash, PORT, left=0, event=event)
        self.assertEqual(client.scrape(info_hash), [(0, 1, 0)])


class Alone(Toggles, ClusterCase):
    nodes = 1
    sync = "off"


class Together(Toggles, ClusterCase):
    nodes = 3

    def seeders(self, info_hash):
        return [self.client(number).scrape(info_hash)[0][0] for number in range(3)]

    def settled(self, info_hash, expected, within_s=10):
        wait_for(lambda: self.seeders(info_hash) == [expected] * 3, within_s, f"{expected} seeders on every node")

    def test_other_nodes_agree(self):
        # Few enough that none has run a minute ahead of the clock.
        swarms = self.check_toggles("UDP")
        for times in (1, 2, 6, 7, 8, 10, 51):
            self.settled(swarms[times], times % 2)

    def test_stop_here_and_start_there(self):
        """At once, and up to 50 ms later."""
        clients = [self.client(number) for number in range(3)]
        for attempt in range(15):
            info_hash = fresh_hash()
            clients[1].announce(info_hash, PORT, left=0, event="started")
            self.settled(info_hash, 1)
            time.sleep(0.6)
            clients[1].announce(info_hash, PORT, left=0, event="stopped")
            time.sleep(0.05 * attempt / 14)
            clients[2].announce(info_hash, PORT, left=0, event="started")
            time.sleep(0.3)
            self.settled(info_hash, 1)

    def test_start_here_and_stop_there(self):
        """Before the second node has heard of the start, and after."""
        clients = [self.client(number) for number in range(3)]
        for gap_s in (0.0, 0.0, 0.0, 0.6, 0.6):
            info_hash = fresh_hash()
            clients[1].announce(info_hash, PORT, left=0, event="started")
            time.sleep(gap_s)
            clients[2].announce(info_hash, PORT, left=0, event="stopped")
            time.sleep(0.3)
            self.settled(info_hash, 0)
