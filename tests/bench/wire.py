"""Wire: two network namespaces joined by a veth pair, each end with a CPU of its own, so that what a server's machine does
can be told from what its clients' machine does. On loopback each side does part of the other's work. Needs root."""

import contextlib
import os
import re
import subprocess
import time

import xdp_link
from link_cluster import inside, run


class Wire(xdp_link.XdpLink):
    """With clients at many addresses, and each end's work on its own CPU."""

    def __init__(self):
        super().__init__()
        run("ip", "-n", self.clients, "route", "add", "local", "10.98.64.0/18", "dev", "lo")
        # Answers to forged sources leave, too.
        run("ip", "-n", self.nodes, "route", "add", "default", "via", xdp_link.CLIENTS_V4.format(1))
        with inside(self.nodes):
            # A veth has kernel threads only while it has a program or GRO.
            xdp_link.set_gro(xdp_link.NODES_END)

    def pin(self):
        """After a program has come or gone, its end has new threads."""
        for space, end, cpu in ((self.nodes, xdp_link.NODES_END, "0"), (self.clients, xdp_link.CLIENTS_END, "1")):
            run("ip", "netns", "exec", space, "sh", "-c", f"echo 1 > /sys/class/net/{end}/threaded")
        time.sleep(0.1)
        for end, cpu in ((xdp_link.NODES_END, "0"), (xdp_link.CLIENTS_END, "1")):
            for pid in receivers(end):
                run("taskset", "-p", "-c", cpu, pid)

    def hardware_address(self):
        shown = subprocess.run(["ip", "-n", self.nodes, "-br", "link", "show", xdp_link.NODES_END], check=True,
                               capture_output=True, text=True).stdout
        return re.search(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", shown).group()


def receivers(end):
    """The kernel's threads that receive on an end of the wire."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", encoding="ascii") as file:
            if file.read().startswith(f"napi/{end}"):
                found.append(pid)
    return found


def threads_s(pids):
    """CPU seconds of processes, all their threads."""
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0]) / 1e9
    return total
