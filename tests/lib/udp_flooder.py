"""UdpFlooder: announces as fast as Python can, for tests: each to another info_hash, from one or many addresses."""

import os
import socket
import struct

from udp_client import UdpClient

BATCH = 4096


class UdpFlooder:
    """`sources`: addresses to send from, in turn. Answers are not read."""

    def __init__(self, address, sources=("127.0.0.1",)):
        self._sockets = []
        for source in sources:
            client = UdpClient(address, source=source, timeout_s=5.0)
            client.connect()
            client.socket.connect(client.address)
            # What comes back is thrown away by the kernel.
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            self._sockets.append((client.socket, client.connection_id))
        self.sent = 0

    def announce(self, count, make=lambda random: random, left=1, port=6881):
        """Announces `count` times; `make` turns 20 random bytes into an info_hash."""
        tail = b"-SH0000-012345678901" + struct.pack(">QQQIIIiH", 0, left, 0, 0, 0, 0x5EED, 0, port)
        for _ in range(0, count, BATCH):
            random = os.urandom(20 * BATCH)
            for i in range(BATCH):
                sender, connection_id = self._sockets[i % len(self._sockets)]
                sender.send(connection_id + b"\0\0\0\1abcd" + make(random[20 * i : 20 * i + 20]) + tail)
            self.sent += BATCH

    def close(self):
        for sender, _ in self._sockets:
            sender.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
