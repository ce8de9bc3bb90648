"""Churn: the behaviour of a tracker's clients: some are new, some announce again, some complete, some stop."""

import random
import threading

from announcer import PEERS_PER_SWARM, Announcer, numbered_peer

KINDS = ("new", "again", "completed", "stopped")
SEEDERS = 0.3  # share of the new peers


class Churn(Announcer):
    """Announces at a steady rate in the proportions of `mix` (relative numbers of KINDS). A peer stays with one target, so
    that it does not stop where it is not known yet. From let_alone() on, half of the swarms get no more announces."""

    def __init__(self, targets, rate, mix, salt):
        super().__init__(targets, rate, peer=lambda _: self._now, choose=self._draw)
        self.mix = mix
        self.salt = salt
        self.counts = {}  # info_hash: [seeders, leechers]
        self._random = random.Random(salt)
        self._made = [0, 0]  # peers in swarms to be let alone, and in the others
        self._live = ([], [])  # of these: [number, seeder]
        self._halves = (0, 1)
        self._lock = threading.Lock()
        self._now = None

    def let_alone(self):
        """Stops announcing to one half of the swarms; returns their counts, {info_hash: (seeders, leechers)}, which every
        node must reach."""
        with self._lock:
            self._halves = (1,)
            made = range(0, self._made[0], PEERS_PER_SWARM)
            return {info_hash: tuple(self.counts[info_hash])
                    for info_hash in (numbered_peer(self._number(0, first), self.salt)[0] for first in made)}

    @staticmethod
    def _number(half, made):
        """The number of the peer that is number `made` of its half; swarms belong to the two halves in turn."""
        swarm = made // PEERS_PER_SWARM * 2 + half
        return swarm * PEERS_PER_SWARM + made % PEERS_PER_SWARM

    def _draw(self):
        """Draws the next announce and the number of its target."""
        with self._lock:
            half = self._random.choice(self._halves)
            live = self._live[half]
            kind = self._random.choices(KINDS, self.mix)[0] if live else "new"
            if kind == "new":
                live.append([self._number(half, self._made[half]), self._random.random() < SEEDERS])
                self._made[half] += 1
                at = len(live) - 1
            else:
                at = self._random.randrange(len(live))
            number, seeder = live[at]
            info_hash, port = numbered_peer(number, self.salt)
            counts = self.counts.setdefault(info_hash, [0, 0])
            event = {"new": "started", "stopped": "stopped"}.get(kind, "")
            if kind == "new":
                counts[not seeder] += 1
            elif kind == "stopped":
                counts[not seeder] -= 1
                live[at] = live[-1]
                live.pop()
            elif kind == "completed" and not seeder:
                event, live[at][1] = "completed", True
                counts[0] += 1
                counts[1] -= 1
            left = 0 if seeder or event == "completed" else 1
            self._now = info_hash, port, {"event": event, "left": left}
            return [number % len(self.targets)]
