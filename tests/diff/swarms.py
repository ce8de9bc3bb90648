"""What a request asks, and who is in which swarm of one tracker, by the requests that it was sent and how it answered."""

import collections
import re

from grammar import is_usual, oddities, unescaped
from trackers import is_connect, port_of


def info_hashes_of(request):
    """Those that the request names, whatever it is; also such that are not 20 bytes."""
    data = request.data
    if request.protocol == "http":
        return [unescaped(value) for value in re.findall(rb"[?&]info_hash=([^& \r\n]*)", data.split(b"\n")[0])]
    if len(data) < 16 or is_connect(data):
        return []
    if data[8:12] == b"\0\0\0\1":
        return [data[16:36]] if len(data) >= 98 else []
    return [data[i : i + 20] for i in range(16, len(data) - 19, 20)] if data[8:12] == b"\0\0\0\2" else []


def ports_of(request):
    if request.protocol == "udp":
        return {port_of(request)}
    return {int(digits) for digits in re.findall(rb"[?&]port=([0-9]{1,5})\b", request.data)}


class Asked:
    """A request, what is odd about it, the swarms that it names and the peers, (address, port), that it may speak of."""

    __slots__ = ("request", "protocol", "about", "hashes", "ports", "host", "clients", "usual")

    def __init__(self, request, known, sources):
        self.request = request
        self.protocol = request.protocol
        self.about = frozenset(oddities(request, known))
        self.usual = is_usual(self.about)
        self.hashes = info_hashes_of(request)
        self.ports = ports_of(request)
        self.host = sources[request.source]
        self.clients = {(self.host, port) for port in self.ports}


class Swarms:
    """`port_0`: whether the tracker keeps peers that cannot be connected to."""

    def __init__(self, port_0=False):
        self.port_0 = port_0
        self.members = collections.defaultdict(set)  # of each info_hash the (address, port) that announced

    def strangers(self, asked, answer):
        """Notes the request, and returns the peers in its answer that did not announce in that swarm, or are gone."""
        if "announce" not in asked.about or answer["answer"] not in ("announce", "status 200"):
            return set()
        clients = asked.clients
        if not self.port_0:
            clients = clients - {(asked.host, 0)}
        elif asked.about & {"no port", "bad port"}:
            clients = clients | {(asked.host, 0), (asked.host, 65535)}  # opentracker makes this of "port=-1"
        listed = answer.get("peers")
        listed = listed if isinstance(listed, frozenset) else frozenset()
        if "itself" in answer:
            listed |= clients
        if "stopped" in asked.about and asked.usual:
            self.members[asked.hashes[0]] -= clients
        else:
            for info_hash in asked.hashes:
                self.members[info_hash] |= clients
        if not listed:
            return set()
        return set(listed).difference(*(self.members[info_hash] for info_hash in asked.hashes))
