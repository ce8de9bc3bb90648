"""Shared by the figure scripts: the cluster they run on, background load, and the output of results."""

import argparse
import contextlib
import os
import signal
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import link_cluster  # noqa: E402
from announcer import Announcer, numbered_peer  # noqa: E402
from cluster import ROOT, Cluster  # noqa: E402

# Background announces are of peers that no measurement looks for.
BACKGROUND = b"background"
UDP_LOAD = os.path.join(ROOT, "build", "release", "tests", "udp_load_bench")


def arguments(text, **defaults):
    """Parses --NAME VALUE for each default; `text` is the description."""
    # A script stopped by a signal leaves no process and no namespace behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, (value, what) in defaults.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value, help=f"{what} ({value})")
    return parser.parse_args()


@contextlib.contextmanager
def loopback_cluster(sync="unicast", nodes=3, settings=None, **node):
    """A cluster on loopback with these settings of [node], and its tracker addresses."""
    settings = {**(settings or {}), "node": {"workers": 1, "log_level": "info", **node}}
    with Cluster(nodes=nodes, hosts=("127.0.0.1",), sync=sync, settings=settings) as cluster:
        yield cluster, [("127.0.0.1", node.tracker_port) for node in cluster.nodes]


@contextlib.contextmanager
def linked_cluster():
    """A cluster of three nodes in namespaces, and its tracker addresses, from the client's side."""
    if not link_cluster.available():
        sys.exit("network namespaces and nft need root")
    with link_cluster.LinkCluster() as cluster, cluster.client():
        yield cluster, cluster.targets()


def background(targets, rate, salt=BACKGROUND, **more):
    """An Announcer of new peers, `rate` a second over all targets together."""
    return Announcer(targets, rate, peer=lambda i: numbered_peer(i, salt), **more)


def udp_load(target, *options):
    """The command of the native load generator: not a thread of this script, so it does not slow the measurement."""
    if not os.path.exists(UDP_LOAD):
        sys.exit(f"{UDP_LOAD} does not exist: cmake --build --preset release --target udp_load_bench")
    return [UDP_LOAD, "--host", target[0], "--port", str(target[1]), *map(str, options)]


@contextlib.contextmanager
def native_background(targets, rate):
    """Announces from 2,000,000 peers, nearly all new, `rate` a second over all targets together."""
    running = []
    try:
        for seed, target in enumerate(targets, 1):
            command = udp_load(target, "--rate", rate / len(targets), "--mix", "0/1/0", "--warmup", 0, "--seconds", 3600,
                               "--seed", seed)
            running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        yield
        for process in running:
            if process.poll() is not None:
                sys.exit(f"the background load ended early, with {process.returncode}")
    finally:
        for process in running:
            process.kill()
            process.wait()


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def row(*cells):
    print("  ".join(f"{cell:>12}" if not isinstance(cell, float) else f"{cell:12.3f}" for cell in cells), flush=True)


def result(what, *figures):
    """Prints the result line. A figure is (name, its values in all rounds, unit, bar); its median is compared to the bar."""
    told = []
    for name, values, unit, bar in figures:
        median = statistics.median(values)
        met = "met" if median <= bar else "MISSED"
        told.append(f"{name} {median:.4g} {unit} of {len(values)} round{'s' * (len(values) > 1)} (bar {bar:g}: {met})")
    print(f"result: {what}: " + "; ".join(told), flush=True)
