"""Attacks by WebSocket: connections that idle, flood, never read, or never finish a message."""

import json
import os
import socket
import time

from attack import Bystander, Cost, attack, one_node, rss_bytes
from http_port import connect_many, in_another_process, pump
from wait import wait_for
from web_client import PING, TEXT, WebPeer, binary, frame

SECONDS = 3
LIMITS = {"connections": 20_000}
TRACKER = {"websocket": True}
OPENING = (b"GET / HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
IDLE = 4000


def open_many(port, count, receive_bytes=None):
    """Web peers that are open; receive_bytes: what their kernel takes for them, which is much by itself."""
    sockets = connect_many(port, count)
    for sock in sockets:
        if receive_bytes:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        sock.setblocking(True)
        sock.settimeout(10)
        sock.sendall(OPENING)
    for sock in sockets:
        if not sock.recv(4096).startswith(b"HTTP/1.1 101 "):
            raise AssertionError("not opened")
    return sockets


def announce_frame(info_hash, number, offers=0, sdp_bytes=1000):
    made = [{"offer": {"type": "offer", "sdp": "v=0\r\n" + "x" * sdp_bytes}, "offer_id": binary(os.urandom(20))}
            for _ in range(offers)]
    message = {"action": "announce", "info_hash": binary(info_hash), "peer_id": f"-WW0200-{number:012}", "left": 1, "offers": made}
    return frame(TEXT, json.dumps(message).encode())


def announce_all(sockets, info_hash):
    for number, sock in enumerate(sockets):
        sock.sendall(announce_frame(info_hash, number))
    for sock in sockets:
        sock.recv(4096)


@attack(f"{IDLE:,} idle web peers in one swarm", bound="2 KiB of the process each")
def idle_peers():
    with one_node(limits=LIMITS, tracker=TRACKER) as node:
        # What the first ones make the process allocate once.
        first = open_many(node.tracker_port, 500)
        announce_all(first, os.urandom(20))
        before = rss_bytes(node.process.pid)
        sockets = open_many(node.tracker_port, IDLE)
        announce_all(sockets, os.urandom(20))
        each = (rss_bytes(node.process.pid) - before) / IDLE
        for sock in first + sockets:
            sock.close()
        wait_for(lambda: node.metric("shoal_websocket_connections") == 0)
        return Cost(attacker=f"{IDLE:,} connections", node=f"{each:.0f} bytes each", held=each <= 2048)


def flood(pipe, port, connections, block):
    pump(pipe, open_many(port, connections), block)


def flooded(block):
    with one_node(limits=LIMITS, tracker=TRACKER) as node:
        with in_another_process(flood, node.tracker_port, 100, block) as attacker, Bystander(node) as bystander:
            time.sleep(SECONDS)
            announces = node.metric("shoal_websocket_messages_total", kind="announce")
            attacker.send("end")
            sent = attacker.recv()
        waited = bystander.waited_ms(0.99)
        return Cost(attacker=f"{sent >> 20} MiB in {SECONDS} s", held=waited < 250 and bystander.answered > 0.9 * bystander.asked,
                    node=f"{announces:.0f} announces; UDP waits {waited:.1f} ms (99 %), {bystander.longest_ms:.1f} ms at most")


@attack("100 web peers of one swarm that announce with ten offers without end",
        bound="99 of 100 UDP requests wait for less than 250 ms, on a busy machine too")
def floods_of_offers():
    info_hash = os.urandom(20)
    return flooded(b"".join(announce_frame(info_hash, number, offers=10) for number in range(8)))


@attack("100 connections that send pings without end", bound="99 of 100 UDP requests wait for less than 250 ms, on a busy machine too")
def floods_of_pings():
    return flooded(frame(PING, b"") * 2000)


@attack("300 web peers that never read, and one that offers to them", bound="48 MiB of the process; all are closed in the end")
def offers_that_are_not_read():
    with one_node(limits=LIMITS, tracker=TRACKER) as node:
        info_hash = os.urandom(20)
        sockets = open_many(node.tracker_port, 300, receive_bytes=4096)
        announce_all(sockets, info_hash)
        before = most = rss_bytes(node.process.pid)
        start = time.monotonic()
        sent = 0
        with WebPeer(("127.0.0.1", node.tracker_port)) as peer:
            while node.metric("shoal_websocket_connections") > 1 and time.monotonic() < start + 90:
                for _ in range(20):
                    peer.announce(info_hash, offers=10, sdp="v=0\r\n" + "x" * 5000)
                    sent += 10
                most = max(most, rss_bytes(node.process.pid))
            left = node.metric("shoal_websocket_connections") - 1
        for sock in sockets:
            sock.close()
        grown = most - before
        return Cost(attacker=f"{sent:,} offers of 5 kB", held=grown <= 48 << 20 and left == 0,
                    node=f"{grown >> 20} MiB, {left:.0f} still open after {time.monotonic() - start:.0f} s")


@attack("1,000 connections whose message of 90 kB lacks its last byte", bound="32 MiB of the process; they are closed within 15 s")
def messages_that_never_end():
    with one_node(limits=LIMITS, tracker=TRACKER) as node:
        before = most = rss_bytes(node.process.pid)
        sockets = open_many(node.tracker_port, 1000)
        data = frame(TEXT, b"x" * 90_000)[:-1]
        start = time.monotonic()
        for sock in sockets:
            try:
                sock.sendall(data)
            except OSError:
                continue
            most = max(most, rss_bytes(node.process.pid))
        wait_for(lambda: node.metric("shoal_websocket_connections") == 0, 15)
        most = max(most, rss_bytes(node.process.pid))
        closed_s = time.monotonic() - start
        for sock in sockets:
            sock.close()
        grown = most - before
        return Cost(attacker="1,000 connections, 88 MiB", node=f"{grown >> 20} MiB; all closed after {closed_s:.0f} s",
                    held=grown <= 32 << 20)
