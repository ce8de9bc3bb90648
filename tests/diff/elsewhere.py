"""Checks `run --against`: what its addresses may be, and with trackers that are not on loopback: shoals in a network
namespace, asked from another."""

import os
import re
import subprocess
import sys

from link_cluster import LinkCluster, available, run
from trackers import LOOPBACK, addressed, target_of

HERE = os.path.dirname(os.path.abspath(__file__))
HTTP, HTTP_HOST = 7070, "10.88.0.50"  # another host and another port than UDP's
V6_HOST, V6_CLIENT = "fd00:88::1", "fd00:88::99"
REQUESTS = 2000
LINES_MAX = 60


def play(cluster, *arguments):
    """The exit code and what was printed of a run from the client's side."""
    with cluster.client():
        done = subprocess.run([sys.executable, os.path.join(HERE, "run"), "--requests", str(REQUESTS), *arguments],
                              capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, done.stdout + done.stderr


def answers_alike(cluster, urls, sources):
    code, said = play(cluster, "--against", urls, "--from", ",".join(sources))
    if code or "every difference from the other tracker has its rule" not in said:
        raise AssertionError(f"code {code}:\n{said}")


def check(report):
    with report.test("what --against and --from may be"):
        addresses()
    names = {"by UDP and HTTP of other hosts, from three addresses": lambda: by_two_hosts(cluster),
             "by IPv6 and with a key in the path, from one address": lambda: by_ipv6(cluster),
             "by UDP only, from the address that the machine would take": lambda: by_udp(cluster),
             "that answers otherwise fails, in few lines": otherwise}
    if not available():
        for name in names:
            report.skip(f"a tracker elsewhere, {name}", "needs root, ip and nft")
        return
    settings = {"tracker": {"udp": ["10.88.0.1:6969", f"[{V6_HOST}]:6969"],
                            "http": [f"{HTTP_HOST}:{HTTP}", f"[{V6_HOST}]:{HTTP}"]}}
    cluster = laid_out(settings)
    with cluster:
        for name, test in list(names.items())[:3]:
            with report.test(f"a tracker elsewhere, {name}"):
                test()
    *_, (name, test) = names.items()
    with report.test(f"a tracker elsewhere, {name}"):
        test()


def addresses():
    near = target_of("udp://127.0.0.1:6969,http://127.0.0.1:7070/a/announce?key=1")
    if near.addresses != {"udp": ("127.0.0.1", 6969), "http": ("127.0.0.1", 7070)} or near.sources != LOOPBACK:
        raise AssertionError(str(near))
    asked = addressed(b"GET /scrape?info_hash=x HTTP/1.1\r\nHost: tracker.test\r\n\r\n", near)
    if asked != b"GET /a/scrape?key=1&info_hash=x HTTP/1.1\r\nHost: 127.0.0.1:7070\r\n\r\n":
        raise AssertionError(str(asked))
    for urls, sources in (("127.0.0.1:6969", ()), ("udp://127.0.0.1", ()), ("https://127.0.0.1:1/announce", ()), ("udp://127.0.0.1:x", ()),
                          ("udp://127.0.0.1:1,udp://127.0.0.1:2", ()), ("udp://127.0.0.1:1,http://[::1]:2/announce", ("127.0.0.2",)),
                          ("udp://127.0.0.1:1", ("::1",)), ("udp://127.0.0.1:1", ("192.0.2.1",)), ("udp://[::1]:1,http://127.0.0.1:2/announce", ())):
        try:
            taken = target_of(urls, sources)
        except ValueError:
            continue
        raise AssertionError(f"{urls} from {sources} is taken: {taken}")


def laid_out(settings):
    cluster = LinkCluster(nodes=1, settings=settings)
    for space, address in ((cluster.nodes[0].space, f"{HTTP_HOST}/24"), (cluster.nodes[0].space, f"{V6_HOST}/64"),
                           (f"{cluster.mark}-client", f"{V6_CLIENT}/64")):
        run("ip", "-n", space, "addr", "add", address, "dev", "eth0", *["nodad"] * (":" in address))
    return cluster


def by_two_hosts(cluster):
    urls = f"udp://10.88.0.1:6969,http://{HTTP_HOST}:{HTTP}/announce"
    answers_alike(cluster, urls, cluster.more_clients(3))


def by_ipv6(cluster):
    answers_alike(cluster, f"udp://[{V6_HOST}]:6969,http://[{V6_HOST}]:{HTTP}/0123456789abcdef/announce", [V6_CLIENT])


def by_udp(cluster):
    code, said = play(cluster, "--against", "udp://10.88.0.1:6969")
    if code:
        raise AssertionError(f"code {code}:\n{said}")


def otherwise():
    settings = {"tracker": {"udp": ["10.88.0.1:6969"], "http": [f"{HTTP_HOST}:{HTTP}"], "interval_s": 300}}
    with laid_out(settings) as cluster:
        code, said = play(cluster, "--against", f"udp://10.88.0.1:6969,http://{HTTP_HOST}:{HTTP}/announce")
    wanted = (r"FAILED  every difference", r"[0-9]+ times udp interval \(announce, usual\)", r"[0-9]+ times http interval")
    if code != 1 or len(said.splitlines()) > LINES_MAX or not all(re.search(one, said) for one in wanted):
        raise AssertionError(f"code {code}, {len(said.splitlines())} lines:\n{said[:4000]}")
