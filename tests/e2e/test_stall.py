"""A process that stalls (SIGSTOP) and continues (SIGCONT): it blames itself, and catches up."""

import signal
import socket

from nodes import ClusterCase, fresh_hash
from wait import wait_for

SENT = 10_000


class Stall(ClusterCase):
    def test_blames_itself(self):
        frozen = self.node(2)
        others = [self.node(0), self.node(1)]
        frozen.signal(signal.SIGSTOP)
        try:
            wait_for(lambda: all(node.members_alive() == 1 for node in others), 30, "the frozen node to be missed")
            wait_for(lambda: "member is down" in others[0].log_text(), 30)
            info_hash = fresh_hash()
            self.client(0).announce(info_hash, 1000)
            self.client(1).announce(info_hash, 1001)
        finally:
            frozen.signal(signal.SIGCONT)
        wait_for(lambda: frozen.status()["sync"]["stalls"] == 1, 10)
        self.assertIn("this node itself stood still", frozen.log_text())
        # They are not down: at most they say that they have not heard it, which is true for a moment.
        states = {member["state"] for member in frozen.status()["members"]}
        self.assertLessEqual(states, {"alive", "one_way"})
        wait_for(lambda: frozen.members_alive() == 2, 5, "the others to hear the node again")
        # It requests what it missed; announces to it then reach the others.
        client = self.client(2)
        wait_for(lambda: client.scrape(info_hash) == [(0, 0, 2)], 10)
        client.announce(info_hash, 1002)
        wait_for(lambda: self.client(0).scrape(info_hash) == [(0, 0, 3)], 10)
        wait_for(lambda: all(node.members_alive() == 2 for node in others), 10)
        for text in ("member is silent", "member is down"):
            self.assertNotIn(text, frozen.log_text())

    def test_counts_what_found_no_room_meanwhile(self):
        frozen = self.node(1)
        host, port = frozen.settings["sync"]["listen"].rsplit(":", 1)
        before = frozen.status()["sync"]
        frozen.signal(signal.SIGSTOP)
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                # More than the receive buffer: the node asks for 4 MiB, and the kernel may give twice as much.
                for _ in range(SENT):
                    stranger.sendto(bytes(1200), (host, int(port)))
        finally:
            frozen.signal(signal.SIGCONT)

        # The kernel reports the count with the next datagram that it keeps.
        def counts():
            now = frozen.status()["sync"]
            return {key: now[key] - before[key] for key in ("dropped_receive", "dropped_malformed")}

        wait_for(lambda: sum(counts().values()) >= SENT, 20, "all to be counted")
        self.assertGreater(counts()["dropped_receive"], 0)
        self.assertGreater(frozen.metric("shoal_sync_dropped_total", reason="receive"), 0)
