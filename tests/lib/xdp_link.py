"""XdpLink: a machine with nodes and one with clients, each a network namespace, joined by a veth pair. The pair is made
such that a program of XDP can answer on the nodes' end, in the driver or after it. Needs root."""

import ctypes
import fcntl
import os
import socket
import struct

from link_cluster import inside, run

NODES_END, CLIENTS_END = "wire0", "wire1"
# Addresses of each machine, by number from 1.
NODES_V4, NODES_V6 = "10.98.0.{}", "fd98::{}"
CLIENTS_V4, CLIENTS_V6 = "10.98.1.{}", "fd98::1:{}"
ADDRESSES = 60

SIOCETHTOOL, ETHTOOL_STXCSUM, ETHTOOL_SGRO = 0x8946, 0x17, 0x2C
SYS_BPF = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
BPF_PROG_LOAD, BPF_LINK_CREATE = 5, 28
BPF_PROG_TYPE_XDP, BPF_XDP, XDP_FLAGS_DRV_MODE = 6, 37, 1 << 2
_libc = ctypes.CDLL(None, use_errno=True)


def available():
    """Why there can be none; empty: there can."""
    return "" if os.geteuid() == 0 else "needs root"


class XdpLink:
    def __init__(self):
        mark = f"sx{os.getpid()}-{os.urandom(2).hex()}"
        self.nodes, self.clients = f"{mark}-nodes", f"{mark}-clients"
        self._passing = None
        try:
            for space in (self.nodes, self.clients):
                run("ip", "netns", "add", space)
                run("ip", "-n", space, "link", "set", "lo", "up")
            self.plug()
        except BaseException:
            self.remove()
            raise

    def plug(self):
        run("ip", "link", "add", NODES_END, "netns", self.nodes, "type", "veth", "peer", "name", CLIENTS_END, "netns",
            self.clients)
        for space, end, v4, v6 in ((self.nodes, NODES_END, NODES_V4, NODES_V6),
                                   (self.clients, CLIENTS_END, CLIENTS_V4, CLIENTS_V6)):
            # The first is the one that is used if none is asked for: the others are deprecated, as it is called.
            lines = [f"addr add {v4.format(number)}/16 dev {end}\n"
                     f"addr add {v6.format(number)}/64 dev {end} nodad {'' if number == 1 else 'preferred_lft 0'}"
                     for number in range(1, ADDRESSES + 1)]
            run("ip", "-n", space, "-batch", "-", text="\n".join(lines) + "\n")
            run("ip", "-n", space, "link", "set", end, "up")
        with inside(self.clients):
            set_checksums(CLIENTS_END, whole=True)
            self.open_driver()

    def open_driver(self):
        """A veth takes what the program on its other end sends only while it has one itself."""
        self.close_driver()
        self._passing = attach_passing_program(CLIENTS_END)

    def close_driver(self):
        if self._passing is not None:
            os.close(self._passing)
            self._passing = None

    def unplug(self):
        self.close_driver()
        run("ip", "-n", self.nodes, "link", "del", NODES_END)

    def remove(self):
        self.close_driver()
        for space in (self.nodes, self.clients):
            if os.path.exists(f"/run/netns/{space}"):
                run("ip", "netns", "del", space)


def set_checksums(interface, whole):
    """Whole, as a wire's packets have them, or unfinished, as a veth leaves them by itself."""
    _set_feature(interface, ETHTOOL_STXCSUM, 0 if whole else 1)


def set_gro(interface):
    """Generic receive offload; a veth then receives by NAPI, as network cards do."""
    _set_feature(interface, ETHTOOL_SGRO, 1)


def _set_feature(interface, command, value):
    argument = ctypes.create_string_buffer(struct.pack("II", command, value))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCETHTOOL, struct.pack("16sP16x", interface.encode(), ctypes.addressof(argument)))


def _bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, 128)
    result = _libc.syscall(SYS_BPF, command, buffer, 128)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"bpf command {command}")
    return result


def attach_passing_program(interface):
    """A program that passes everything, in the driver; it is there as long as the returned file is open."""
    code = ctypes.create_string_buffer(struct.pack("<BBhi", 0xB7, 0, 0, 2) + struct.pack("<BBhi", 0x95, 0, 0, 0))  # return XDP_PASS
    licence = ctypes.create_string_buffer(b"GPL")
    program = _bpf(BPF_PROG_LOAD, struct.pack("IIQQIIQII", BPF_PROG_TYPE_XDP, 2, ctypes.addressof(code),
                                              ctypes.addressof(licence), 0, 0, 0, 0, 0))
    try:
        return _bpf(BPF_LINK_CREATE, struct.pack("IIII", program, socket.if_nametoindex(interface), BPF_XDP, XDP_FLAGS_DRV_MODE))
    finally:
        os.close(program)
