"""RelayCluster: real nodes on loopback whose sync traffic passes through this program, which loses datagrams and cuts
links. Needs no root. link_cluster.py has the same methods on real links."""

import contextlib
import random
import selectors
import socket
import threading

from cluster import Cluster, NodeGroup, at, free_port, wait_in_step


class Relay:
    """Represents every node to the others: what is sent to node n's relay address is forwarded to node n, from the relay
    address of its sender."""

    def __init__(self, nodes):
        self.nodes = nodes  # where each really listens: (host, port)
        self.addresses = [(f"127.0.2.{number + 1}", free_port((f"127.0.2.{number + 1}",))) for number in range(len(nodes))]
        self.lost_percent = 0
        self.cuts = set()  # (sender, receiver)
        self.requests = []  # the first bytes of each TCP connection
        self._random = random.Random(1)
        self._lock = threading.Lock()
        self._streams = {}  # socket: (the two nodes)
        self._selector = selectors.DefaultSelector()
        self._datagrams = [self._open(socket.SOCK_DGRAM, number) for number in range(len(nodes))]
        self._listeners = [self._open(socket.SOCK_STREAM, number) for number in range(len(nodes))]
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _open(self, kind, number):
        one = socket.socket(socket.AF_INET, kind)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(self.addresses[number])
        if kind == socket.SOCK_STREAM:
            one.listen()
        else:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._selector.register(one, selectors.EVENT_READ, (kind, number))
        return one

    def set_cuts(self, cuts):
        with self._lock:
            self.cuts = set(cuts)
            cut = [one for one, (a, b) in self._streams.items() if self._is_cut(a, b)]
        for one in cut:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _is_cut(self, a, b):
        return (a, b) in self.cuts or (b, a) in self.cuts

    def stop(self):
        self._wake.close()
        self._thread.join()
        with self._lock:
            streams = list(self._streams)
        for one in streams:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for one in [*self._datagrams, *self._listeners, self._woken]:
            one.close()
        self._selector.close()

    def _run(self):
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                kind, number = key.data
                if kind == socket.SOCK_DGRAM:
                    self._pass_on(key.fileobj, number)
                else:
                    self._accept(key.fileobj, number)

    def _pass_on(self, one, receiver):
        data, source = one.recvfrom(65536)
        if source not in self.nodes:
            return
        sender = self.nodes.index(source)
        if (sender, receiver) in self.cuts or self._random.random() * 100 < self.lost_percent:
            return
        with contextlib.suppress(OSError):  # nobody listens there at the moment
            self._datagrams[sender].sendto(data, self.nodes[receiver])

    def _accept(self, listener, receiver):
        near, source = listener.accept()
        # Nodes pull from the address they listen on.
        senders = [number for number, node in enumerate(self.nodes) if node[0] == source[0]]
        try:
            if not senders or self._is_cut(senders[0], receiver):
                raise ConnectionError
            far = socket.create_connection(self.nodes[receiver], timeout=5)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        with self._lock:
            self._streams.update({near: (senders[0], receiver), far: (senders[0], receiver)})
        left = threading.Barrier(2)
        for from_, to, keep in ((near, far, True), (far, near, False)):
            threading.Thread(target=self._carry, args=(from_, to, keep, left), daemon=True).start()

    def _carry(self, from_, to, keep, left):
        with contextlib.suppress(OSError):
            while data := from_.recv(65536):
                if keep:
                    self.requests.append(data)
                to.sendall(data)
        with contextlib.suppress(OSError):
            to.shutdown(socket.SHUT_WR)
        left.wait()
        with self._lock:
            self._streams.pop(from_, None)
        from_.close()


class RelayCluster(NodeGroup):
    """Nodes a, b, c, ..., trackers on 127.0.0.1."""

    def __init__(self, nodes=3, settings=None):
        self.cluster = Cluster(nodes=nodes, hosts=("127.0.0.1",), settings=settings)
        self.nodes = self.cluster.nodes
        places = [(f"127.0.1.{number + 1}", free_port((f"127.0.1.{number + 1}",))) for number in range(nodes)]
        self.relay = Relay(places)
        for number, node in enumerate(self.nodes):
            others = [at(*address) for other, address in enumerate(self.relay.addresses) if other != number]
            node.settings["node"]["workers"] = 1
            node.settings["sync"].update(listen=at(*places[number]), advertise=at(*self.relay.addresses[number]),
                                         peers=others)

    def targets(self):
        return [("127.0.0.1", node.tracker_port) for node in self.nodes]

    def client(self):
        return contextlib.nullcontext()

    def lose(self, percent):
        """Loses this share of the sync datagrams between the nodes. 0: none."""
        self.relay.lost_percent = percent

    def cut(self, *numbers):
        """Cuts these nodes off from the others."""
        everyone = range(len(self.nodes))
        self.relay.set_cuts((a, b) for a in everyone for b in everyone if (a in numbers) != (b in numbers))

    def cut_one_way(self, sender, receiver):
        self.relay.set_cuts([(sender, receiver)])

    def heal(self):
        self.relay.set_cuts(())

    def start(self, timeout_s=30):
        self.cluster.start(timeout_s)
        return self

    def wait_ready(self, node, timeout_s=30):
        """Waits until the node is ready and sees all others."""
        wait_in_step(node, len(self.nodes) - 1, timeout_s)

    def stop(self):
        codes = self.cluster.stop()
        self.relay.stop()
        return codes
