#!/usr/bin/python3
"""A rolling restart of three nodes on loopback under load; tests/lib/rolling_restart.py explains how.

As soon as a node is ready again, and on every node at the end, the peers from the start and those announced at least 2 s
ago are counted.

  cmake --preset release && cmake --build --preset release --target shoal
  tests/bench/rolling.py --peers 20000 --rate 2000
"""

from figure import arguments, loopback_cluster, result, row

from rolling_restart import RollingRestart


def main():
    options = arguments(__doc__, peers=(20_000, "peers from the start"), rate=(2000, "announces per second"),
                        drain=(3, "node.drain_s"), rounds=(1, "restarts of each node"))
    with loopback_cluster(drain_s=options.drain) as (cluster, targets):
        restart = RollingRestart(cluster.nodes, targets, options.peers, options.rate)
        restart.run(options.rounds, options.drain)
    row("restarted", "s to ready", "missing", "of the load")
    for check in restart.checks:
        row(*check)
    for name, *lacking in restart.ends:
        row(f"end: {name}", "", *lacking)
    row("announces", restart.load.sent)
    result("rolling restart", ("missing on a ready node", [restart.worst_missing()], "peers", 0),
           ("unanswered", [len(restart.load.unanswered)], "announces", 0))


if __name__ == "__main__":
    main()
