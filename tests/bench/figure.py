"""What the figure scripts share: the cluster they run on, background load, and numbers."""

import argparse
import contextlib
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import link_cluster  # noqa: E402
from announcer import Announcer, numbered_peer  # noqa: E402
from cluster import Cluster  # noqa: E402

# Background announces are of peers that no measurement asks for.
BACKGROUND = b"background"


def arguments(text, **defaults):
    """A parser with the description `text` and --NAME VALUE for each default."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, (value, what) in defaults.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value, help=f"{what} ({value})")
    return parser.parse_args()


@contextlib.contextmanager
def loopback_cluster(**node):
    """Three nodes on loopback, with these settings of [node], and their tracker addresses."""
    settings = {"node": {"workers": 1, "log_level": "info", **node}}
    with Cluster(hosts=("127.0.0.1",), settings=settings) as cluster:
        yield cluster, [("127.0.0.1", node.tracker_port) for node in cluster.nodes]


@contextlib.contextmanager
def linked_cluster():
    """Three nodes in namespaces and their tracker addresses, seen from the client's side."""
    if not link_cluster.available():
        sys.exit("network namespaces and nft need root")
    with link_cluster.LinkCluster() as cluster, cluster.client():
        yield cluster, [(cluster.address(number), link_cluster.TRACKER) for number in range(len(cluster.nodes))]


def background(targets, rate, salt=BACKGROUND, **more):
    """An Announcer of ever new peers, `rate` a second over all targets together."""
    return Announcer(targets, rate, peer=lambda i: numbered_peer(i, salt), **more)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def row(*cells):
    print("  ".join(f"{cell:>12}" if not isinstance(cell, float) else f"{cell:12.3f}" for cell in cells), flush=True)
