#!/usr/bin/python3
"""Real clients against a three-node cluster: a seeder knows only node a, a leecher only node c, and the file must
arrive intact. One line a combination; the last line counts.

  run.py          all combinations, against build/release/shoal
  run.py WORD...  only combinations whose name contains one of the words
"""

import argparse
import concurrent.futures
import hashlib
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), HERE]

import clients  # noqa: E402
import namespace  # noqa: E402
import torrent  # noqa: E402
from certificates import Authority  # noqa: E402
from cluster import Cluster, at, free_port  # noqa: E402
from report import Report  # noqa: E402
from udp_client import UdpClient  # noqa: E402
from wait import wait_for  # noqa: E402

CONTENT_BYTES = 3 * 1024 * 1024
TIMEOUT_S = 120
FAMILIES = {"IPv4": namespace.ADDRESS_V4, "IPv6": namespace.ADDRESS_V6}
TRACKER_HOST, SEEDER_HOST, LEECHER_HOST = 1, 2, 3


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).digest()


def last_lines(path, count=30):
    """The end of a client's log without its progress display."""
    with open(path, encoding="utf-8", errors="replace", newline="") as file:
        lines = [line.split("\r")[-1].rstrip() for line in file.read().split("\n")]
    return "".join(f"    {line}\n" for line in [line for line in lines if line and "[#" not in line][-count:])


def transfer(seeder_type, leecher_type, protocol, family, nodes, peer_port, folder):
    """Moves one fresh file from a seeder to a leecher; AssertionError when it does not arrive."""
    ports = [node.https_port if protocol == "https" else node.tracker_port for node in nodes]
    address = FAMILIES[family].format
    host = address(TRACKER_HOST) if family == "IPv4" else f"[{address(TRACKER_HOST)}]"
    give, take = os.path.join(folder, "give"), os.path.join(folder, "take")
    os.makedirs(give)
    os.makedirs(take)
    content, arrived = os.path.join(give, "content.bin"), os.path.join(take, "content.bin")
    torrent.make_content(content, CONTENT_BYTES)
    wanted = sha256(content)
    info = torrent.info_of(content)
    files = []
    for end, port in zip(("give", "take"), ports):
        files.append(os.path.join(folder, f"{end}.torrent"))
        torrent.write_torrent(files[-1], f"{protocol}://{host}:{port}/announce", info)
    logs = [os.path.join(folder, f"{end}.log") for end in ("give", "take")]
    running = []
    try:
        running.append(seeder_type(files[0], give, address(SEEDER_HOST), peer_port, logs[0]))
        with UdpClient((address(TRACKER_HOST), nodes[1].tracker_port)) as scraper:
            # A leecher that announces too early would not announce again for half an hour.
            wait_for(lambda: scraper.scrape(torrent.info_hash(info))[0][0] >= 1, TIMEOUT_S / 2,
                     "the leecher's node to know the seeder", interval_s=0.1)
        running.append(leecher_type(files[1], take, address(LEECHER_HOST), peer_port + 1, logs[1]))
        wait_for(lambda: os.path.exists(arrived) and sha256(arrived) == wanted, TIMEOUT_S, "the file to arrive",
                 interval_s=0.2)
    except AssertionError as error:
        detail = "".join(f"\n  {log}:\n{last_lines(log)}" for log in logs if os.path.exists(log))
        raise AssertionError(f"{error}{detail}") from None
    finally:
        for client in running:
            client.stop()


def combinations():
    for seeder in clients.ALL:
        for protocol in ("udp", "http", "https"):
            for family in FAMILIES:
                yield seeder, seeder, protocol, family
    yield clients.Aria2, clients.Libtorrent, "http", "IPv4"
    yield clients.Libtorrent, clients.Transmission, "udp", "IPv4"
    yield clients.Transmission, clients.Aria2, "http", "IPv6"


def name_of(seeder, leecher, protocol, family):
    ends = seeder.name if seeder is leecher else f"{seeder.name} to {leecher.name}"
    return f"{ends}, {protocol}, {family}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()

    report = Report()
    if not namespace.enter():
        report.skip("clients", "no network namespace: needs root or user namespaces")
        return report.finish()

    folder = tempfile.mkdtemp(prefix="shoal-clients-")
    os.chmod(folder, 0o755)
    hosts = [form.format(TRACKER_HOST) for form in FAMILIES.values()]
    authority = Authority(folder)
    certificate, key = authority.issue("tracker", hosts)
    os.chmod(authority.ca, 0o644)
    clients.Client.ca = authority.ca
    cluster = Cluster(hosts=hosts, folder=folder)
    for node in cluster.nodes:
        node.https_port = free_port(hosts)
        node.settings["tracker"].update(https=[at(host, node.https_port) for host in hosts], tls_certificates=[certificate],
                                        tls_keys=[key])
    with cluster:
        nodes = cluster.nodes[0], cluster.nodes[2]

        def one(number, seeder, leecher, protocol, family):
            name = name_of(seeder, leecher, protocol, family)
            for client in (seeder, leecher):
                if reason := client.why_not() or client.cannot(protocol, family):
                    return report.skip(name, reason)
            place = os.path.join(folder, f"transfer{number}")
            os.makedirs(place)
            with report.test(name):
                transfer(seeder, leecher, protocol, family, nodes, 21000 + 10 * number, place)

        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            tests = [
                pool.submit(one, number, *combination)
                for number, combination in enumerate(combinations())
                if not arguments.words or any(word in name_of(*combination) for word in arguments.words)
            ]
            for test in tests:
                test.result()
        if report.failed:
            cluster.dump_logs()
    shutil.rmtree(folder, ignore_errors=True)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
