"""A private network for a test program: a namespace with only loopback, and with addresses that clients do not treat as
loopback (some refuse peers on 127.0.0.0/8). Needs root or user namespaces."""

import os
import subprocess
import sys

ADDRESS_V4 = "10.77.0.{}"
# Documentation addresses, which clients treat as public IPv6 addresses.
ADDRESS_V6 = "2001:db8:77::{}"
HOSTS = range(1, 10)

_INSIDE = "TEST_NAMESPACE"


def enter():
    """Restarts this program inside a fresh namespace and never returns; inside, sets it up and returns True. Returns
    False where namespaces are not available."""
    if os.environ.get(_INSIDE):
        _set_up()
        return True
    for flags in (["--net"], ["--user", "--map-root-user", "--net"]):
        command = ["unshare", *flags, "--"]
        try:
            subprocess.run([*command, "true"], check=True, stderr=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError):
            continue
        os.environ[_INSIDE] = "1"
        os.execvp("unshare", [*command, sys.executable, *sys.argv])
    return False


def _set_up():
    lines = ["link set lo up", "route add default dev lo", "-6 route add default dev lo"]
    for host in HOSTS:
        lines.append(f"addr add {ADDRESS_V4.format(host)}/32 dev lo")
        lines.append(f"addr add {ADDRESS_V6.format(host)}/128 dev lo nodad")
    for line in lines:
        subprocess.run(["ip", *line.split()], check=True)
