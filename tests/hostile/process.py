"""Attacks from the surroundings: whoever starts the node, or reads its log, gives it too little."""

import fcntl
import os
import signal
import subprocess

from attack import Bystander, Cost, attack, one_node
from http_client import HttpClient
from wait import wait_for

RELOADS = 200


def reload(node):
    """Whether the node has taken the reload."""
    with HttpClient(node.admin_address) as client:
        client.send(b"POST /v1/reload HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return client.read_response().status == 200


@attack("a log that nobody reads", bound="every reload is answered, /readyz says ready, SIGTERM ends it with 0")
def log_that_nobody_reads():
    cluster = one_node()
    node = cluster.nodes[0]
    reads, writes = os.pipe()
    fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, 4096)
    node.process = subprocess.Popen([node.program, "node", "--config", node.write_config()], stdin=subprocess.DEVNULL,
                                    stdout=subprocess.DEVNULL, stderr=writes)
    try:
        wait_for(node.ready)
        with Bystander(node) as bystander:
            answered = sum(reload(node) for _ in range(RELOADS))
            ready = node.ready()
            dropped = node.metric("shoal_log_lines_dropped_total")
        node.signal()
        code = node.wait(5)
        return Cost(attacker="a pipe of 4 KiB",
                    node=f"{answered} of {RELOADS} reloads answered, {dropped:.0f} lines dropped, {bystander.answered} of {bystander.asked} "
                         f"honest requests answered, exit code {code}",
                    held=answered == RELOADS and ready and code == 0 and bystander.answered >= 0.9 * bystander.asked - 1)
    finally:
        cluster.stop()
        os.close(reads)
        os.close(writes)


def ends_or_serves(limit):
    """How many starts under each limit served, ended with a message, or did neither."""
    outcomes = {"served": 0, "ended": 0, "broken": 0}
    for arguments in limit:
        cluster = one_node()
        node = cluster.nodes[0]
        node.run_in = ["prlimit", *arguments]
        node.start()
        try:
            wait_for(lambda: node.process.poll() is not None or "serving url=http" in node.log_text())  # noqa: B023
            if node.process.poll() is None:
                wait_for(node.ready)
                ok = reload(node)
                node.signal(signal.SIGTERM)
                outcomes["served" if ok and node.wait(5) == 0 else "broken"] += 1
            else:
                good = node.process.returncode in (1, 127) and "bug in shoal" not in node.log_text()
                outcomes["ended" if good else "broken"] += 1
        finally:
            cluster.stop()
    return outcomes


@attack("a limit of 8 to 160 open files", bound="it serves, or ends with a message; nothing between")
def few_descriptors():
    outcomes = ends_or_serves([[f"--nofile={limit}"] for limit in range(8, 161, 8)])
    return Cost(attacker="ulimit -n", node=", ".join(f"{name} {count}" for name, count in outcomes.items()),
                held=outcomes["broken"] == 0 and outcomes["served"] > 0 and outcomes["ended"] > 0)
