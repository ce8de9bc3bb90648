#!/usr/bin/python3
"""A cluster is cut in two, both sides continue, the cut heals.

Three nodes in network namespaces (needs root): a on one side, b and c on the other. Nothing passes between the sides
(nft); clients reach all. On each side clients start, announce again, complete and stop at a steady rate (--mix gives the
proportions) before the cut (--before), during it and after the heal, until "told". Measured from the heal:

  exact   until every node's full scrape has the exact counts of half of the swarms: those that get no announces from the
          heal on, so that their counts stay the same
  told    until, after that, every node reports every other alive and that a later comparison of digests found nothing
          missing (status.json, agreed_ago_ms)
  all     after the load has ended: until the counts of all swarms are exact everywhere

  cmake --preset release && cmake --build --preset release --target shoal
  tests/bench/cut.py --minutes 5 --rate 2000
"""

import contextlib
import json
import math
import struct
import sys
import time
import urllib.request

from figure import arguments, linked_cluster, result, row

from churn import Churn

POLL_S = 0.1


def counts_of(node):
    """{info_hash: (seeders, leechers)} on the node."""
    with urllib.request.urlopen(f"http://{node.admin}/scrape?format=bin", timeout=10) as answer:
        return {info_hash: counts for info_hash, *counts in struct.iter_unpack(">20sII", answer.read())}


def wrong_swarms(nodes, wanted):
    """For each node: how many swarms have other counts than wanted."""
    def wrong(node):
        have = counts_of(node)
        return sum(have.get(info_hash, [0, 0]) != list(counts) for info_hash, counts in wanted.items())
    return [wrong(node) for node in nodes]


def disagreeing(nodes, since):
    """Pairs of nodes of which the first does not report that it agreed with the second after `since`."""
    pairs = 0
    for node in nodes:
        asked = time.monotonic()
        for member in json.loads(node.get("/status.json")[1])["members"]:
            agreed = member["agreed_ago_ms"] >= 0 and asked - member["agreed_ago_ms"] / 1000 > since
            pairs += not (agreed and member["state"] == "alive")
    return pairs


def seconds_until(done, start, patience):
    """Seconds from `start` until done() is true; infinite if it is not in time."""
    while not done():
        if time.monotonic() - start > patience:
            return math.inf
        time.sleep(POLL_S)
    return time.monotonic() - start


def joined(sides, counts):
    return {info_hash: tuple(value) for side in sides for info_hash, value in counts(side).items()}


def one_round(options):
    """Runs one cut; returns the seconds from the heal: exact, told, all."""
    mix = [int(share) for share in options.mix.split("/")]
    with linked_cluster() as (cluster, targets):
        nodes = cluster.nodes
        with contextlib.ExitStack() as stack:
            started = time.monotonic()
            sides = [stack.enter_context(Churn(side, options.rate, mix, salt))
                     for side, salt in ((targets[:1], b"one side"), (targets[1:], b"other side"))]
            time.sleep(options.before)
            cluster.cut(0)
            time.sleep(options.minutes * 60)
            rates = [side.answered / (time.monotonic() - started) for side in sides]
            wanted = joined(sides, Churn.let_alone)
            apart = wrong_swarms(nodes, wanted)
            cluster.heal()
            healed = time.monotonic()
            exact = seconds_until(lambda: not any(wrong_swarms(nodes, wanted)), healed, options.patience)
            since = time.monotonic()
            told = seconds_until(lambda: not disagreeing(nodes, since), healed, options.patience)
        ended = time.monotonic()
        everything = joined(sides, lambda side: side.counts)
        every = seconds_until(lambda: not any(wrong_swarms(nodes, everything)), ended, options.patience)
    row(options.minutes, *rates, len(wanted), *apart, exact, told, every)
    if any(side.unanswered for side in sides) or min(rates) < 0.95 * options.rate:
        sys.exit("the load was not as intended: the figures are worthless")
    return exact, told


def main():
    options = arguments(__doc__, minutes=(5.0, "length of the cut"), before=(20.0, "seconds of load before the cut"),
                        rate=(2000, "announces per second and side"),
                        mix=("4/3/1/2", "of these: new, again, completed, stopped"), rounds=(1, "clusters"),
                        patience=(300.0, "seconds to wait after the heal"))
    row("minutes", "per s, side 1", "side 2", "swarms", "wrong: a", "b", "c", "s to exact", "s to told", "s to all")
    rounds = [one_round(options) for _ in range(options.rounds)]
    result("cut", ("from heal to equal", [one[0] for one in rounds], "s", 10),
           ("until all nodes say so", [one[1] for one in rounds], "s", 10))


if __name__ == "__main__":
    main()
