"""Plays scenes to all trackers and judges the answers, in as many processes as there are CPUs.

A process has a part of the scenes. It sends the next requests of some of them to all trackers at once, and waits then: scenes
do not depend on each other."""

import collections
import concurrent.futures
import dataclasses
import itertools
import multiprocessing
import os
import random

from grammar import USUAL
from judge import Judge
from swarms import Asked, Swarms
from trackers import LOOPBACK, Tracker

AT_ONCE = 24  # scenes
PART = 100  # scenes
GOOD = ("announce", "scrape", "status 200")
EXAMPLE = 400  # characters
VERBS = {"connect", "announce", "scrape"}


@dataclasses.dataclass
class Unexplained:
    """Differences that no rule explains, by kind: (protocol, field, what is odd)."""

    counts: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    examples: dict = dataclasses.field(default_factory=dict)

    def note(self, asked, about, found):
        for field, one, other in found:
            odd = VERBS & about | (about - USUAL or {"usual"})
            kind = asked.protocol, field, ", ".join(sorted(odd)) + (f"; {one}, {other}" if field == "answer" else "")
            self.counts[kind] += 1
            self.examples.setdefault(kind, f"    shoal: {one[:EXAMPLE]}\n    other: {other[:EXAMPLE]}\n    {asked.request.data[:EXAMPLE]!r}")

    def add(self, other):
        self.counts += other.counts
        self.examples = {**other.examples, **self.examples}


@dataclasses.dataclass
class Seen:
    """What one tracker answered."""

    asked: int = 0  # usual announces and scrapes
    answered: int = 0
    peers: int = 0
    with_strangers: int = 0
    examples: list = dataclasses.field(default_factory=list)
    refusals: list = dataclasses.field(default_factory=list)  # examples, too

    def note(self, asked, answer, strangers):
        if asked.usual and ("announce" in asked.about or "scrape" in asked.about):
            self.asked += 1
            if answer["answer"] in GOOD:
                self.answered += 1
            else:
                self.refusals.append(f"{answer['answer']}: {asked.request.data[:EXAMPLE]!r}")
        self.peers += len(answer.get("peers", ()))
        if strangers:
            self.with_strangers += 1
            self.examples.append(f"{sorted(strangers)[:10]}\n    {asked.request.data[:EXAMPLE]!r}")

    def add(self, other):
        self.asked += other.asked
        self.answered += other.answered
        self.peers += other.peers
        self.with_strangers += other.with_strangers
        self.examples = (self.examples + other.examples)[:3]
        self.refusals = (self.refusals + other.refusals)[:3]


@dataclasses.dataclass
class Outcome:
    """Of some scenes, or of all."""

    requests: int = 0
    seen: list = dataclasses.field(default_factory=lambda: [Seen(), Seen(), Seen()])  # a node alone, one of three, the other tracker
    three: Unexplained = dataclasses.field(default_factory=Unexplained)
    other: Unexplained = dataclasses.field(default_factory=Unexplained)
    tried: collections.Counter = dataclasses.field(default_factory=collections.Counter)  # changes by (protocol, field)
    noticed: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    used: collections.Counter = dataclasses.field(default_factory=collections.Counter)  # numbers of rules

    def add(self, more):
        self.requests += more.requests
        for mine, its in zip(self.seen, more.seen):
            mine.add(its)
        self.three.add(more.three)
        self.other.add(more.other)
        self.tried += more.tried
        self.noticed += more.noticed
        self.used += more.used


def changed(chance, answer, field):
    """This answer with another value of the field."""
    value = answer[field]
    if field == "answer":
        value = chance.choice([other for other in ("none", "error", "failure", "status 404", "status 500") if other != value])
    elif field == "interval":
        value = chance.choice(["a minute", "15 to 60 minutes", "0 s"])
        value = "1 s" if value == answer[field] else value
    elif isinstance(value, int):
        value += chance.choice([1, 2]) if value == 0 else chance.choice([-1, 1])
    elif isinstance(value, frozenset):
        value = value ^ {chance.choice(sorted(value | {(LOOPBACK[0], 1)}))}
    elif field in ("counts", "downloaded") and value:
        key = chance.choice(range(len(value)) if isinstance(value, list) else sorted(value))
        value = value.copy()
        value[key] = value[key] + 1 if isinstance(value[key], int) else (value[key][0] + 1, *value[key][1:])
    else:
        value = "changed"
    return {**answer, field: value}


class Player:
    """In each process: its own sockets to all trackers."""

    def __init__(self, corpus, targets, rules, sources):
        self.corpus = corpus
        self.trackers = [Tracker(target) for target in targets]
        self.rules = rules
        self.sources = sources

    def play(self, numbers):
        """The outcome of these scenes; without numbers of the first ones, as one."""
        scenes = [self.corpus[number] for number in numbers] or [list(itertools.chain(*self.corpus.first))]
        return self._judged(scenes, self._interleaved(scenes), random.Random(f"{self.corpus.seed} {numbers}"))

    def _interleaved(self, scenes):
        """For each scene a list of the answers of all trackers."""
        answers = [[] for _ in scenes]
        waiting, going = iter([number for number, scene in enumerate(scenes) if scene]), []
        while True:
            going = [scene for scene in going if len(answers[scene]) < len(scenes[scene])]
            going += itertools.islice(waiting, AT_ONCE - len(going))
            if not going:
                return answers
            batch = [scenes[scene][len(answers[scene])] for scene in going]
            begun = [tracker.begin(batch) for tracker in self.trackers]
            for scene, *each in zip(going, *(tracker.end(one) for tracker, one in zip(self.trackers, begun))):
                answers[scene].append(each)

    def _judged(self, scenes, answers, chance):
        outcome = Outcome(requests=sum(map(len, scenes)))
        swarms = [Swarms(), Swarms(), Swarms(port_0=True)]
        alike, judge = Judge(None), Judge(self.rules)
        self.rules.used.clear()
        for scene, of_scene in zip(scenes, answers):
            for request, each in zip(scene, of_scene):
                asked = Asked(request, self.corpus.known, self.sources)
                for seen, members, answer in zip(outcome.seen, swarms, each):
                    seen.note(asked, answer, members.strangers(asked, answer))
                alone, three, other = each
                outcome.three.note(asked, asked.about, alike.unexplained(asked, asked.about, alone, three))
                about = judge.begin(asked)
                if alone["answer"] == other["answer"] and chance.random() < (0.2 if asked.usual else 1):
                    self._change(outcome, judge, chance, asked, about, alone, other)
                outcome.other.note(asked, about, judge.step(asked, about, alone, other))
        outcome.used.update(self.rules.used)
        return outcome

    @staticmethod
    def _change(outcome, judge, chance, asked, about, alone, other):
        """One field of an answer of shoal is changed: no rule may explain it, or the rules are too wide. A peer that is gone, or is
        another, cannot be noticed where numwant cut the list: Swarms finds those of them that are strangers."""
        field = chance.choice(sorted(alone)) if asked.usual else "answer"
        if field in ("counts", "downloaded") and not alone[field]:
            return
        kind = asked.protocol, field if asked.usual else "answer to what is odd"
        outcome.tried[kind] += 1
        outcome.noticed[kind] += bool(judge.unexplained(asked, about, changed(chance, alone, field), other, count=0))


_player = None


def _begin(*arguments):
    global _player
    _player = Player(*arguments)


def _play(numbers):
    return _player.play(numbers)


def play_all(corpus, targets, rules, sources):
    """The outcome of all scenes. OSError if a tracker cannot be asked."""
    total = Outcome()
    # Forked, so that nothing of this is copied.
    with concurrent.futures.ProcessPoolExecutor(len(os.sched_getaffinity(0)), multiprocessing.get_context("fork"), _begin,
                                                (corpus, targets, rules, sources)) as pool:
        parts = [range(first, min(first + PART, len(corpus))) for first in range(0, len(corpus), PART)]
        played = [pool.submit(_play, part) for part in ((), *parts)]
        try:
            for one in concurrent.futures.as_completed(played):
                total.add(one.result())
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return total
