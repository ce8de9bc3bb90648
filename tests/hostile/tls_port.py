"""Attacks on the HTTPS port: handshakes that cost the client nothing, or never end; renegotiation; tiny and slow records."""

import contextlib
import os
import resource
import select
import socket
import ssl
import subprocess
import tempfile
import time

from attack import Bystander, Cost, attack, one_node, rss_bytes
from certificates import Authority
from cluster import at, free_port
from http_client import announce_target
from http_port import NO_LIMITS, connect_many, in_another_process
from report import Skip
from wait import wait_for

SECONDS = 3
NAME = "tracker.example"


@contextlib.contextmanager
def https_node(kind="ec", **limits):
    """Gives a node, its HTTPS port and the authority's certificate."""
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(folder)
        certificate, key = authority.issue("server", [NAME], kind)
        port = free_port(("127.0.0.1",))
        tracker = {"https": [at("127.0.0.1", port)], "tls_certificates": [certificate], "tls_keys": [key]}
        with one_node(limits={**NO_LIMITS, **limits}, tracker=tracker) as node:
            yield node, port, authority.ca


def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=NAME)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def connect(port, ca, version=None):
    context = ssl.create_default_context(cafile=ca)
    if version:
        context.minimum_version = context.maximum_version = version
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), 5), server_hostname=NAME)


def ask(connection):
    """Whether a request is answered."""
    try:
        connection.sendall(f"GET {announce_target(os.urandom(20), 1)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return connection.recv(65536).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def flood(pipe, port):
    """Sends one recorded ClientHello on new connections as fast as they are taken; the answer is not looked at."""
    hello = client_hello()
    pipe.send("begun")
    sent = 0
    poller = select.epoll()
    waiting = {}
    while not pipe.poll():
        while len(waiting) < 200:
            sock = socket.socket()
            sock.setblocking(False)
            # Each has an address of its own, so that no limit of one address stops it.
            sock.bind((f"127.0.{1 + sent // 250 % 250}.{1 + sent % 250}", 0))
            with contextlib.suppress(BlockingIOError):
                sock.connect(("127.0.0.1", port))
            waiting[sock.fileno()] = sock
            poller.register(sock.fileno(), select.EPOLLOUT)
            sent += 1
        for file, events in poller.poll(0.05, 64):
            sock = waiting[file]
            try:
                if events & select.EPOLLOUT:
                    sock.send(hello)
                    poller.modify(file, select.EPOLLIN)
                    continue
            except OSError:
                pass
            poller.unregister(file)
            del waiting[file]
            sock.close()
    pipe.send(sent)


@attack("ClientHellos without end, each a signature of RSA for the node and nothing for the client",
        bound="99 of 100 UDP requests wait for less than 250 ms, on a busy machine too; an open connection is served")
def handshake_flood():
    with https_node("rsa") as (node, port, ca), connect(port, ca) as open_before:
        with in_another_process(flood, port) as attacker, Bystander(node) as bystander:
            served = 0
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                served += ask(open_before)
                time.sleep(0.1)
            attacker.send("end")
            sent = attacker.recv()
        waited = bystander.waited_ms(0.99)
        postponed = node.metric("shoal_tls_handshakes_postponed_total")
        return Cost(attacker=f"{sent} connections in {SECONDS} s", held=waited < 250 and bystander.answered > 0.9 * bystander.asked
                    and served >= 5,
                    node=f"UDP waits {waited:.1f} ms (99 %), {bystander.longest_ms:.1f} ms at most, {bystander.answered} of "
                    f"{bystander.asked} answered; {served} requests of an open connection; {postponed:.0f} turns waited")


@attack("3,000 handshakes that never end, from many addresses", bound="2,048 are held, in 32 MiB; 13 s later none; "
        "an honest client is served")
def half_open():
    connections = 3_000
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < connections + 500:
        raise Skip(f"this user may not open {connections} files")
    with https_node() as (node, port, ca):
        before = rss_bytes(node.process.pid)
        sockets = connect_many(port, connections)
        hello = client_hello()
        with contextlib.ExitStack() as closed:
            for number, sock in enumerate(sockets):
                closed.enter_context(sock)
                # Nothing, or the beginning of a ClientHello.
                with contextlib.suppress(OSError):
                    sock.send(hello[:(0, 5, len(hello) - 1)[number % 3]])
            wait_for(lambda: node.metric("shoal_http_connections_accepted_total") >= connections, 10)
            held = node.metric("shoal_http_connections")
            with connect(port, ca) as honest:
                served = ask(honest)
            grown = rss_bytes(node.process.pid) - before
            with contextlib.suppress(AssertionError):
                wait_for(lambda: node.metric("shoal_http_connections") == 0, 13)
            left = node.metric("shoal_http_connections")
        return Cost(attacker=f"{connections} connections, {len(hello)} bytes at most on each",
                    held=served and held <= 2_048 and grown < 32 << 20 and left == 0,
                    node=f"{held:.0f} held, {grown >> 10} KiB; then {left:.0f}; honest client {'served' if served else 'NOT served'}")


@attack("2,000 open connections, each with the five bytes of a record's header", bound="24 MiB in the process; 13 s later none is "
        "open; an honest client is served")
def begun_records():
    connections = 2_000
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < connections + 500:
        raise Skip(f"this user may not open {connections} files")
    with https_node() as (node, port, ca), contextlib.ExitStack() as closed:
        opened = [closed.enter_context(connect(port, ca)) for _ in range(connections)]
        before = rss_bytes(node.process.pid)
        for connection in opened:
            with contextlib.suppress(OSError):
                os.write(connection.fileno(), b"\x17\x03\x03\x40\x00")
        bystander = closed.enter_context(connect(port, ca))
        served = ask(bystander)
        grown = rss_bytes(node.process.pid) - before
        memory = node.metric("shoal_http_connections_closed_by_limit_total", limit="memory")
        # The bystander is idle, and stays.
        with contextlib.suppress(AssertionError):
            wait_for(lambda: node.metric("shoal_tls_connections") <= 1, 13)
        left = node.metric("shoal_tls_connections") - 1
        served = served and ask(bystander)
        return Cost(attacker=f"{connections} connections, 5 bytes on each", held=served and grown < 24 << 20 and left == 0,
                    node=f"{grown >> 10} KiB, {memory:.0f} closed for memory; then {left:.0f}; honest client "
                    f"{'served' if served else 'NOT served'}")


@attack("500 handshakes under way from one address", bound="128 are held; another address is served")
def one_address():
    with https_node() as (node, port, ca):
        with contextlib.ExitStack() as closed:
            for _ in range(500):
                closed.enter_context(socket.create_connection(("127.0.0.1", port), 5))
            wait_for(lambda: node.metric("shoal_http_connections_accepted_total") >= 500, 10)
            held = node.metric("shoal_http_connections")
            refused = node.metric("shoal_tls_handshake_failures_total", reason="address")
            raw = closed.enter_context(socket.create_connection(("127.0.0.1", port), 5, ("127.0.0.9", 0)))
            context = ssl.create_default_context(cafile=ca)
            served = ask(closed.enter_context(context.wrap_socket(raw, server_hostname=NAME)))
        return Cost(attacker="500 connections", held=held <= 128 and refused == 500 - held and served,
                    node=f"{held:.0f} held, {refused:.0f} refused; another address {'served' if served else 'NOT served'}")


@attack("renegotiation, and updates of keys without end", bound="the first and the 17th close the connection")
def renegotiation():
    with https_node() as (node, port, _):
        for version, line, times in (("-tls1_2", b"R\n", 1), ("-tls1_3", b"K\n", 30)):
            process = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", version],
                                       stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_for(lambda: node.metric("shoal_tls_connections") == 1, 5)
            for _ in range(times):
                with contextlib.suppress(OSError):
                    process.stdin.write(line)
                    process.stdin.flush()
                time.sleep(0.02)
            with contextlib.suppress(AssertionError):
                wait_for(lambda: node.metric("shoal_tls_connections") == 0, 5)
            with contextlib.suppress(OSError):
                process.stdin.close()
            process.wait(10)
        broken = node.metric("shoal_tls_broken_total")
        return Cost(attacker="1 and 30 messages", held=broken == 2, node=f"{broken:.0f} of 2 connections closed")


def tiny_records(pipe, port, ca):
    connections = [connect(port, ca) for _ in range(20)]
    request = f"GET {announce_target(os.urandom(20), 1)} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    pipe.send("begun")
    sent = 0
    while not pipe.poll():
        for byte in request:
            for connection in connections:
                connection.send(bytes([byte]))
                sent += 1
        for connection in connections:
            connection.recv(65536)
    pipe.send(sent)


@attack("20 connections that send a record for each byte", bound="99 of 100 UDP requests wait for less than 250 ms, on a "
        "busy machine too")
def record_a_byte():
    with https_node() as (node, port, ca):
        with in_another_process(tiny_records, port, ca) as attacker, Bystander(node) as bystander:
            time.sleep(SECONDS)
            attacker.send("end")
            sent = attacker.recv()
        waited = bystander.waited_ms(0.99)
        return Cost(attacker=f"{sent} records in {SECONDS} s", held=waited < 250 and bystander.answered > 0.9 * bystander.asked,
                    node=f"UDP waits {waited:.1f} ms (99 %), {bystander.answered} of {bystander.asked} answered")


@attack("a request of a record a second", bound="closed within 13 s")
def record_a_second():
    with https_node() as (_, port, ca), connect(port, ca) as connection:
        begun, sent = time.monotonic(), 0
        with contextlib.suppress(OSError):
            while time.monotonic() - begun < 20:
                connection.settimeout(1)
                connection.send(b"G" if sent == 0 else b"E")
                sent += 1
                with contextlib.suppress(TimeoutError):
                    if connection.recv(1000) == b"":
                        break
        lasted = time.monotonic() - begun
        return Cost(attacker=f"{sent} records", held=lasted < 13, node=f"closed after {lasted:.0f} s")
