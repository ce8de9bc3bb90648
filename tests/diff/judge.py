"""Compares two answers to the same request, field by field, and says which differences no rule explains."""

import collections
import functools
import re
import tomllib

SCRAPE_MAX = 74  # swarms that shoal answers of one datagram
RANGE = re.compile(r"([0-9]+) to ([0-9]+)\Z")


def fits(pattern, value):
    """Patterns: a value, "one | another", "5 to 10"."""
    if numbers := RANGE.match(pattern):
        return value.isdecimal() and int(numbers[1]) <= int(value) <= int(numbers[2])
    return value in pattern.split(" | ")


class Rules:
    """A rule explains a difference when the request has one of its oddities (`when`: "a + b" is both at once, "!a" is without) and
    `differs` has the field with these patterns of shoal's value and the other's, and perhaps the oddity that it takes. There is
    no pattern for any value, and none for no answer of shoal's or status 500. Of one with `some` only some versions of the other
    tracker give an example. What may follow in this answer and later ones about this swarm: with `later = "client"` it may be kept
    by one tracker only, or in another role; with "downloaded" one of them may count one download more."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.rules = tomllib.load(file)["rule"]
        self.used = collections.Counter()
        for rule in self.rules:
            for field, pairs in rule.get("differs", {}).items():
                for pattern in (pattern for pair in pairs for pattern in pair[:2]):
                    if "*" in pattern or not pattern and field != "peers6":
                        raise ValueError(f"a rule that explains any value: {rule['opentracker']}")
                for ours, *_ in pairs if field == "answer" else ():
                    if {"none", "no HTTP", "status 500"} & set(ours.split(" | ")):
                        raise ValueError(f"a rule that explains too much: {rule['opentracker']}")
        self.fitting = functools.cache(self._fitting)

    def _fitting(self, protocol, about):
        """Numbers of the rules that speak of such a request."""
        return [number for number, rule in enumerate(self.rules)
                if protocol in rule.get("protocols", ["udp", "http"])
                and any(all(word[1:] not in about if word.startswith("!") else word in about for word in each.split(" + "))
                        for each in rule.get("when", []))]

    def explain(self, protocol, about, field, ours, theirs, count):
        for number in self.fitting(protocol, about):
            for one, other, *odd in self.rules[number].get("differs", {}).get(field, ()):
                if fits(one, ours) and fits(other, theirs) and about.issuperset(odd):
                    self.used[number] += count
                    return True
        return False

    def later(self, protocol, about):
        fitting = [number for number in self.fitting(protocol, about) if "later" in self.rules[number]]
        self.used.update(number for number in fitting if "differs" not in self.rules[number])
        return {self.rules[number]["later"] for number in fitting}

    def unused(self, used):
        return [rule["opentracker"] for number, rule in enumerate(self.rules)
                if "when" in rule and not used[number] and not rule.get("some")]


def text_of(value):
    if isinstance(value, frozenset):
        value = sorted(value)
    return "nothing" if value is None else str(value)


def peer_differences(about, one, other):
    """Of more peers than were wanted each tracker takes some, as many as the other."""
    mine, its = one["peers"], other["peers"]
    stored = not about & {"stopped", "port 0", "no port", "bad port"}
    cut, its_cut = (len(of["peers"]) < of["seeders"] + of["leechers"] - (stored or "itself" in of) for of in (one, other))
    if not its_cut and mine - its:
        yield "more peers", None, mine - its, None
    if not cut and its - mine:
        yield "fewer peers", None, None, its - mine
    count, its_count = len(mine) + ("itself" in one), len(its) + ("itself" in other)
    if count != its_count if cut and its_cut else cut and its_count > count or its_cut and count > its_count:
        yield "number of peers", None, count, its_count


def by_swarm(asked, field, answer):
    """What a scrape answer says of each swarm: over UDP in their order, as far as shoal answers, over HTTP a swarm without peers
    is as one that is not named."""
    if asked.protocol == "udp":
        return dict(zip(enumerate(asked.hashes[:SCRAPE_MAX]), answer[field]))
    return {(0, bytes.fromhex(info_hash)): value for info_hash, value in answer[field].items() if answer["counts"][info_hash] != (0, 0)}


def differences(asked, one, other):
    """(field, info_hash or None, one's value, the other's)."""
    if one == other:
        return
    if one["answer"] != other["answer"]:
        yield "answer", None, one["answer"], other["answer"]
        return
    if one.get("body") != other.get("body"):
        yield "body", None, one.get("body"), other.get("body")
        return
    scrape = "counts" in one and "counts" in other
    if scrape and asked.protocol == "udp" and len(one["counts"]) != len(other["counts"]):
        mine, its = len(one["counts"]), len(other["counts"])
        yield ("number of swarms", None, "as asked" if mine == min(len(asked.hashes), SCRAPE_MAX) else mine,
               "one more" if its == mine + 1 else its)
    for field in sorted(one.keys() | other.keys()):
        mine, its = one.get(field), other.get(field)
        if mine == its:
            continue
        if isinstance(mine, frozenset) and isinstance(its, frozenset):
            yield from peer_differences(asked.about, one, other)
        elif scrape and field in ("counts", "downloaded"):
            mine, its = by_swarm(asked, field, one), by_swarm(asked, field, other)
            for swarm in mine.keys() | its.keys():
                if mine.get(swarm) != its.get(swarm):
                    yield field, swarm[1], mine.get(swarm), its.get(swarm)
        else:
            yield field, None, mine, its


def downloads_of(asked, answer):
    """[(info_hash, how often it was downloaded)]."""
    said = answer.get("downloaded")
    if isinstance(said, dict):
        return [(bytes.fromhex(info_hash), count) for info_hash, count in said.items()]
    if isinstance(said, list):
        return list(zip(asked.hashes, said))
    return [(info_hash, said) for info_hash in asked.hashes[-1:]] if isinstance(said, int) else []


class Judge:
    """Goes through the requests in their order: `begin` and `step` for each. Remembers which clients of which swarm the trackers
    may keep differently, and how many downloads they may count differently, as the rules say; and counts downloads as shoal
    should."""

    def __init__(self, rules):
        self.rules = rules
        self.clients = collections.defaultdict(set)  # of each info_hash
        self.downloads = collections.Counter()
        self.completed = collections.defaultdict(set)  # of each info_hash the clients that said so
        self.unsure = set()  # info_hashes of which an odd request said so, and perhaps was not heard
        self.soon = set()  # who was told to come back in a minute, and has not stopped since

    def begin(self, asked):
        """What is odd about it, given what was asked before."""
        about = asked.about
        if "completed" in about:
            if any(not asked.clients.isdisjoint(self.completed[info_hash]) for info_hash in asked.hashes):
                about = about | {"completed again"}
            for info_hash in asked.hashes:
                self.completed[info_hash] |= asked.clients
        if not asked.usual and (b"completed" in asked.request.data or "completed" in about):
            self.unsure.update(asked.hashes)
        return about

    def unexplained(self, asked, about, our, their, count=1):
        """[(field, ours, theirs)] that no rule explains, or that shoal should not say. Changes nothing but that rules are counted
        as used."""
        found = [("downloaded", str(said), f"{len(self.completed[info_hash])} were told") for info_hash, said in downloads_of(asked, our)
                 if self.rules and info_hash not in self.unsure and said != len(self.completed[info_hash])]
        if our == their:
            return found
        if "foreign connection id" in about and {our["answer"], their["answer"]} == {"error", "none"}:
            return found  # shoal answers only some
        if "unfinished" in about and "none" in (our["answer"], their["answer"]):
            return found  # it waited for the rest
        if our.get("leechers") == 1 and our.get("seeders") == 0 and "stopped" not in about and self.soon.isdisjoint(self._told(asked)):
            about = about | {"a leecher alone"}
        for field, info_hash, one, other in differences(asked, our, their):
            if field == "downloaded" and info_hash is None and other is None:
                one = "as counted"  # or it was found above
            hashes = [info_hash] if info_hash else asked.hashes
            if not (self.rules and (self.rules.explain(asked.protocol, about, field, text_of(one), text_of(other), count)
                                    or self.follows(hashes, field, one, other))):
                found.append((field, text_of(one), text_of(other)))
        return found

    @staticmethod
    def _told(asked):
        return {(info_hash, *client) for info_hash in asked.hashes for client in asked.clients}

    def follows(self, hashes, field, one, other):
        """Whether an odd request of before explains it."""
        clients = set().union(*(self.clients[info_hash] for info_hash in hashes if info_hash in self.clients))
        if field in ("more peers", "fewer peers"):
            return (one or other) <= clients
        if field in ("seeders", "leechers", "number of peers"):
            return abs(one - other) <= len(clients)
        if field == "counts":
            return all(abs(mine - its) <= len(clients) for mine, its in zip(one or (0, 0), other or (0, 0)))
        if field == "downloaded" and isinstance(one, int) and isinstance(other, int):
            return abs(one - other) <= sum(self.downloads[info_hash] for info_hash in hashes)
        if field == "downloaded":  # of a swarm that one of them leaves out
            return bool(clients)
        return False

    def step(self, asked, about, our, their):
        """What no rule explains of this answer. Notes what it means for later ones."""
        later = self.rules.later(asked.protocol, about) if self.rules else ()
        for info_hash in set(asked.hashes) if later else ():
            if "client" in later:
                self.clients[info_hash] |= asked.clients
                if about & {"no port", "bad port"}:
                    self.clients[info_hash] |= {(asked.host, port) for port in (0, 65535)}
            self.downloads[info_hash] += "downloaded" in later or "client" in later and "completed" in about
        found = self.unexplained(asked, about, our, their)
        if our.get("interval") == "a minute":
            self.soon |= self._told(asked)
        elif "stopped" in about:
            self.soon -= self._told(asked)
        if asked.usual and self.clients and "announce" in about and "completed again" not in about and our["answer"] == their["answer"] in ("announce", "status 200"):
            for info_hash in self.clients.keys() & asked.hashes:
                self.clients[info_hash] -= asked.clients  # from now on both know the same of it
        return found
