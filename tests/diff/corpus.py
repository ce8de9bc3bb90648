"""The scenes that are played, by seed. Each is made when it is wanted, so that a million requests need no memory."""

import hashlib
import random

import odd
from grammar import Grammar

SCENE_REQUESTS_MAX = 12
CROWDS = (60, 300, 1500)  # peers of a swarm: more than is wanted, and so many that shoal keeps them in its large forms
CROWD_SHARE = 4  # no larger crowd than this part of all requests


class Corpus:
    """`count`: at least so many requests. `sources`: of clients with so many addresses. `protocols`: only of these. With a salt
    no swarm is one of another run. `first` are the scenes that must be played one after the other, as they share swarms;
    `known` has the info_hashes that are to be listed."""

    def __init__(self, seed, count, sources, protocols=("udp", "http"), salt=None):
        self.seed = seed
        self.protocols = protocols
        self.grammar = Grammar(sources)
        self.known = set()
        chance = random.Random(seed)

        def hashes():
            made = [chance.randbytes(20) for _ in range(2)]
            self.known.update(made)
            return made

        self.first = [self._spoken(scene) for scene in odd.scenes(hashes, self.known, sources, salt)]
        self.sizes = [size for size in CROWDS if CROWD_SHARE * size <= count]  # of a crowd, or how many requests
        self.crowds = len(self.sizes)
        made = sum(map(len, self.first)) + sum(size + size // 3 for size in self.sizes)
        while made < count:
            self.sizes.append(chance.randint(1, SCENE_REQUESTS_MAX))
            made += self.sizes[-1]
        self.known.update(info_hash for number in range(len(self.sizes)) for info_hash in self._hashes(number))

    def __len__(self):
        """How many scenes there are beside the first ones."""
        return len(self.sizes)

    def __getitem__(self, number):
        seed, hashes = self.seed << 40 | number, self._hashes(number)
        if number < self.crowds:
            return self._spoken(self.grammar.crowd(seed, hashes[0], self.sizes[number]))
        return self._spoken(self.grammar.scene(seed, hashes, self.sizes[number]))

    def _hashes(self, number):
        made = hashlib.sha512(b"%d %d" % (self.seed, number)).digest()
        return [made[:20], made[20:40]]

    def _spoken(self, scene):
        return [request for request in scene if request.protocol in self.protocols]
