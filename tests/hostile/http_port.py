"""Attacks on the HTTP port: pipelining, connections that are not read or never finish, floods of them, slow dumps."""

import contextlib
import multiprocessing
import os
import resource
import select
import socket
import time

from attack import Bystander, Cost, attack, cpu_seconds, one_node, rss_bytes
from http_client import HttpClient, announce_target, scrape_target
from report import Skip
from udp_client import UdpClient
from wait import wait_for

# Nothing that a limit of one address would stop: these attacks have addresses enough.
NO_LIMITS = {"connections": 20_000}
SECONDS = 3
PEERS = 250
# Their dump is more than the kernel keeps for a connection.
SWARMS = 120_000


def request(target):
    return f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def fill_swarm(node):
    """A swarm with PEERS peers; returns its info_hash."""
    info_hash = os.urandom(20)
    with UdpClient(("127.0.0.1", node.tracker_port)) as client:
        for number in range(PEERS):
            client.announce(info_hash, 1000 + number)
    return info_hash


@contextlib.contextmanager
def in_another_process(function, *arguments):
    """Runs the attacker beside the bystander: `function(pipe, ...)` sends a message when it has begun, and ends when it
    gets one. Gives the attacker's end of the pipe."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=function, args=(theirs, *arguments), daemon=True)
    process.start()
    try:
        ours.recv()
        yield ours
    finally:
        with contextlib.suppress(OSError):
            ours.send("end")
        process.join(10)
        process.kill()


def connect_many(port, count):
    sockets = []
    for number in range(count):
        sock = socket.socket()
        # Each address has ports for 28,000 connections.
        sock.bind((f"127.0.{1 + number // 250}.{1 + number % 250}", 0))
        sock.connect(("127.0.0.1", port))
        sock.setblocking(False)
        sockets.append(sock)
    return sockets


def pump(pipe, sockets, block):
    """Sends the block again and again on all connections, as fast as it is taken, and reads all answers."""
    poller = select.epoll()
    by_file, at, sent = {sock.fileno(): sock for sock in sockets}, {}, 0
    for file, sock in by_file.items():
        sock.setblocking(False)
        poller.register(file, select.EPOLLIN | select.EPOLLOUT)
        at[file] = 0
    pipe.send("begun")
    while not pipe.poll():
        for file, events in poller.poll(0.1, 64):
            try:
                if events & select.EPOLLIN:
                    by_file[file].recv(1 << 18)
                if events & select.EPOLLOUT:
                    size = by_file[file].send(block[at[file]:])
                    at[file] = (at[file] + size) % len(block)
                    sent += size
            except BlockingIOError:
                pass
            except OSError:
                poller.unregister(file)
    pipe.send(sent)


def pipeline(pipe, port, connections, info_hash):
    pump(pipe, connect_many(port, connections), request(announce_target(info_hash, 999, numwant=200, compact=0)) * 100)


@attack("200 connections that pipeline announces without end", bound="99 of 100 UDP requests wait for less than 250 ms, on a busy machine too")
def pipelining():
    with one_node(limits=NO_LIMITS) as node:
        info_hash = fill_swarm(node)
        with in_another_process(pipeline, node.tracker_port, 200, info_hash) as attacker, Bystander(node) as bystander:
            time.sleep(SECONDS)
            answers = node.metric("shoal_requests_total", protocol="http", action="announce", result="ok")
            attacker.send("end")
            sent = attacker.recv()
        waited = bystander.waited_ms(0.99)
        return Cost(attacker=f"{sent >> 20} MiB in {SECONDS} s", held=waited < 250 and bystander.answered > 0.9 * bystander.asked,
                    node=f"{answers:.0f} answers, UDP waits {waited:.1f} ms (99 %), {bystander.longest_ms:.1f} ms at most, "
                    f"{bystander.answered} of {bystander.asked} answered")


def send_until_full(sockets, block):
    """Sends on all of them until none takes more; returns the bytes taken."""
    sent, quiet = 0, 0
    while quiet < 3:
        before = sent
        for sock in sockets:
            with contextlib.suppress(OSError):
                sent += sock.send(block)
        quiet = quiet + 1 if sent == before else 0
        time.sleep(0.05)
    return sent


def of_node(port):
    """Connections of the node's HTTP port in the kernel, and the bytes that they hold."""
    count = held = 0
    with open("/proc/net/tcp", encoding="ascii") as file:
        for line in file.readlines()[1:]:
            fields = line.split()
            if int(fields[1].split(":")[1], 16) == port and fields[3] not in ("0A", "06"):  # LISTEN, TIME_WAIT
                waits, received = fields[4].split(":")
                count += 1
                held += int(waits, 16) + int(received, 16)
    return count, held


@attack("2,000 connections that pipeline announces and never read", bound="64 MiB in the process, 256 MiB in the kernel; "
        "20 s later none is left in either")
def never_reading():
    connections = 2_000
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < connections + 500:
        raise Skip(f"this user may not open {connections} files")
    with one_node(limits=NO_LIMITS) as node:
        info_hash = fill_swarm(node)
        before = rss_bytes(node.process.pid)
        sockets = connect_many(node.tracker_port, connections)
        with contextlib.ExitStack() as closed:
            for sock in sockets:
                closed.enter_context(sock)
            sent = send_until_full(sockets, request(announce_target(info_hash, 999, numwant=200, compact=0)) * 200)
            grown = rss_bytes(node.process.pid) - before
            held = of_node(node.tracker_port)[1]
            # Nobody closes them but the node.
            with contextlib.suppress(AssertionError):
                wait_for(lambda: of_node(node.tracker_port)[0] == 0, 20)
            left = of_node(node.tracker_port)
        return Cost(attacker=f"{connections} connections, {sent >> 20} MiB", held=grown < 64 << 20 and held < 256 << 20 and left[0] == 0,
                    node=f"{grown >> 20} MiB in the process, {held >> 20} MiB in the kernel; then {left[0]} connections with {left[1] >> 20} MiB")


@attack("2,000 requests that never end, a byte at a time", bound="64 MiB; an honest client is served")
def endless_requests():
    connections = 2_000
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < connections + 500:
        raise Skip(f"this user may not open {connections} files")
    with one_node(limits=NO_LIMITS) as node, Bystander(node) as bystander:
        before, cpu = rss_bytes(node.process.pid), cpu_seconds(node.process.pid)
        sockets = connect_many(node.tracker_port, connections)
        with contextlib.ExitStack() as closed:
            for sock in sockets:
                closed.enter_context(sock)
                with contextlib.suppress(OSError):
                    sock.send(b"GET /announce?" + b"x" * 7000)
            for _ in range(10):
                for sock in sockets:
                    with contextlib.suppress(OSError):
                        sock.send(b"x")
            with HttpClient(("127.0.0.1", node.tracker_port)) as honest:
                served = honest.get(scrape_target(os.urandom(20))).status == 200
            grown, cpu = rss_bytes(node.process.pid) - before, cpu_seconds(node.process.pid) - cpu
        return Cost(attacker=f"{connections} connections, {connections * 10} packets", held=served and grown < 64 << 20,
                    node=f"{grown >> 20} MiB, {cpu:.2f} s of CPU, UDP waits {bystander.waited_ms(0.99):.1f} ms (99 %), "
                    f"honest client {'served' if served else 'NOT served'}")


@attack("5,000 connections from one address", bound="no more than the default for an address are held; another address is served")
def flood_from_one_address():
    connections = 5_000
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < connections + 500:
        raise Skip(f"this user may not open {connections} files")
    with one_node(limits={"connections_per_address": None}) as node, contextlib.ExitStack() as closed:
        for _ in range(connections):
            sock = closed.enter_context(socket.socket())
            sock.bind(("127.0.0.66", 0))
            sock.connect(("127.0.0.1", node.tracker_port))
        wait_for(lambda: node.metric("shoal_http_connections_accepted_total") >= connections, 10)
        held = node.metric("shoal_http_connections")
        with HttpClient(("127.0.0.1", node.tracker_port), source="127.0.0.67") as honest:
            served = honest.get(scrape_target(os.urandom(20))).status == 200
        return Cost(attacker=f"{connections} connections", held=served and held <= 1100,
                    node=f"{held:.0f} connections held, honest client {'served' if served else 'NOT served'}")


@attack("full scrapes that are hardly read", bound="the operator's own full scrape is served")
def slow_dumps():
    with one_node(limits=NO_LIMITS, tracker={"full_scrape": True, "full_scrape_interval_s": 0}) as node:
        with HttpClient(("127.0.0.1", node.tracker_port), timeout_s=30) as client:
            for _ in range(SWARMS // 1000):
                client.send(b"".join(request(announce_target(os.urandom(20), 1000)) for _ in range(1000)))
                for _ in range(1000):
                    client.read_response()
        with contextlib.ExitStack() as closed:
            slow = []
            for _ in range(2):
                sock = closed.enter_context(socket.socket())
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                sock.connect(("127.0.0.1", node.tracker_port))
                sock.sendall(request("/scrape?format=txt"))
                slow.append(sock)
            wait_for(lambda: node.metric("shoal_full_scrapes_total", result="begun") == 2, 5)
            time.sleep(0.5)
            status, dump = node.get("/scrape?format=txt")
            swarms = dump.count("\n")
            return Cost(attacker="2 connections that read nothing", held=status == 200 and swarms == SWARMS,
                        node=f"the operator gets status {status} and {swarms} swarms")


@attack("no descriptor left for a connection", bound="less than 0.2 s of CPU in a second, UDP is served, it is told and the "
        "node ends within 5 s")
def no_descriptors():
    with one_node(limits=NO_LIMITS) as node, contextlib.ExitStack() as closed:
        files = max(int(name) for name in os.listdir(f"/proc/{node.process.pid}/fd")) + 1
        hard = resource.prlimit(node.process.pid, resource.RLIMIT_NOFILE)[1]

        def allow_files(count):
            resource.prlimit(node.process.pid, resource.RLIMIT_NOFILE, (count, hard))

        allow_files(files)
        with contextlib.ExitStack() as waiting, Bystander(node) as bystander:
            for _ in range(32):  # some descriptors below the limit may be free
                waiting.enter_context(HttpClient(("127.0.0.1", node.tracker_port)))
            cpu = cpu_seconds(node.process.pid)
            time.sleep(1)
            cpu = cpu_seconds(node.process.pid) - cpu
        # The admin endpoint needs one, too.
        allow_files(files + 100)
        failures = node.metric("shoal_http_accept_failures_total")
        time.sleep(0.3)  # those of the admin requests are closed
        allow_files(files)
        closed.callback(node.wait)
        for _ in range(32):
            closed.enter_context(HttpClient(("127.0.0.1", node.tracker_port)))
        start = time.monotonic()
        node.signal()
        code = node.wait(10)
        took = time.monotonic() - start
        told = node.log_text().count("connections cannot be accepted")
        return Cost(attacker="32 connections", held=cpu < 0.2 and failures > 0 and told >= 1 and took < 5 and code == 0
                    and bystander.answered > 0.9 * bystander.asked,
                    node=f"{cpu:.2f} s of CPU in a second, {failures:.0f} failures counted, told {told} times, "
                    f"{bystander.answered} of {bystander.asked} UDP requests answered, ends in {took:.1f} s with {code}")
