"""The TCP side of the sync channel against strangers: they are disconnected and counted, and nobody else is affected."""

import os
import socket
import struct

from nodes import ClusterCase, fresh_hash
from test_sync import sync_address
from wait import wait_for


def open_files(node):
    return len(os.listdir(f"/proc/{node.process.pid}/fd"))


def closed(connection):
    """True once the other side has closed it. Nothing else may arrive."""
    connection.setblocking(False)
    try:
        data = connection.recv(4096)
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    if data:
        raise ValueError(f"answered: {data!r}")
    return True


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class PullStrangers(ClusterCase):
    nodes = 2

    def connect(self, count=1):
        made = [socket.create_connection(sync_address(self.node(0))) for _ in range(count)]
        for one in made:
            self.addCleanup(one.close)
        return made if count > 1 else made[0]

    def dropped(self, reason):
        return self.node(0).metric("shoal_sync_pull_connections_dropped_total", reason=reason)

    def assert_unharmed(self):
        info_hash = fresh_hash()
        self.client(1).announce(info_hash, 1000)
        wait_for(lambda: self.client(0).scrape(info_hash) == [(0, 0, 1)], 5)
        self.assertEqual(self.node(0).members_alive(), 1)
        self.assertTrue(self.node(0).ready())

    def test_garbage(self):
        before = self.dropped("request")
        strangers = []
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"\0\0", b"\xff" * 70000, struct.pack(">H", 600) + os.urandom(600),
                     struct.pack(">H", 100) + b"shl\x01" + os.urandom(96)):
            strangers.append(self.connect())
            try:
                strangers[-1].sendall(data)
            except ConnectionError:
                pass  # disconnected before all of it was sent
            wait_for(lambda: closed(strangers[-1]), 5)
        self.assertEqual(self.dropped("request"), before + len(strangers))
        self.assert_unharmed()

    def test_half_a_request(self):
        before = self.dropped("late")
        half, silent = self.connect(2)
        half.sendall(struct.pack(">H", 600) + os.urandom(300))
        wait_for(lambda: closed(half) and closed(silent), 10)
        self.assertEqual(self.dropped("late"), before + 2)
        self.assert_unharmed()

    def test_many_connections(self):
        files = open_files(self.node(0))
        before = self.dropped("room")
        crowd = self.connect(200)
        wait_for(lambda: self.dropped("room") >= before + 190, 5)
        self.assertLess(open_files(self.node(0)), files + 20)
        self.assert_unharmed()
        for one in crowd:
            one.close()
        wait_for(lambda: open_files(self.node(0)) <= files, 5, "no connection to be kept")

    def test_reset(self):
        files = open_files(self.node(0))
        before = self.node(0).metric("shoal_sync_pull_connections_dropped_total")
        for one in self.connect(4):
            one.sendall(b"\2")
            reset(one)
        wait_for(lambda: self.node(0).metric("shoal_sync_pull_connections_dropped_total") == before + 4, 5)
        wait_for(lambda: open_files(self.node(0)) <= files, 5)
        self.assert_unharmed()
