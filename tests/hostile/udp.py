"""Attacks on the UDP port by datagrams."""

import os
import socket
import time

from attack import Bystander, Cost, attack, cpu_seconds, one_node
from udp_client import announce_packet

DATAGRAMS = 100_000


def flood(node, make):
    """Sends DATAGRAMS datagrams as fast as it can; returns the seconds of CPU that both sides used."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as attacker:
        attacker.connect(("127.0.0.1", node.tracker_port))
        packets = [make() for _ in range(1000)]
        own, node_cpu = time.process_time(), cpu_seconds(node.process.pid)
        for number in range(DATAGRAMS):
            attacker.send(packets[number % len(packets)])
        return time.process_time() - own, cpu_seconds(node.process.pid) - node_cpu


@attack("announces with forged connection ids", bound="no swarm is made, 9 of 10 honest requests are answered, "
        "the node uses less CPU than the sender")
def forged_connection_ids():
    with one_node() as node, Bystander(node) as bystander:
        attacker, cost = flood(node, lambda: announce_packet(os.urandom(8), os.urandom(20), 6881))
        time.sleep(0.2)
        swarms = node.metric("shoal_swarms")
        return Cost(attacker=f"{DATAGRAMS} datagrams, {attacker:.2f} s of CPU",
                    node=f"{cost:.2f} s of CPU, {swarms:.0f} swarms, {bystander.answered} of {bystander.asked} honest requests answered",
                    held=swarms <= 1 and bystander.answered >= 0.9 * bystander.asked - 1 and cost <= attacker + 0.2)


@attack("garbage", bound="9 of 10 honest requests are answered, the node uses less CPU than the sender")
def garbage():
    with one_node() as node, Bystander(node) as bystander:
        attacker, cost = flood(node, lambda: os.urandom(1 + os.urandom(1)[0]))
        time.sleep(0.2)
        return Cost(attacker=f"{DATAGRAMS} datagrams, {attacker:.2f} s of CPU",
                    node=f"{cost:.2f} s of CPU, {bystander.answered} of {bystander.asked} honest requests answered",
                    held=bystander.answered >= 0.9 * bystander.asked - 1 and cost <= attacker + 0.2)
