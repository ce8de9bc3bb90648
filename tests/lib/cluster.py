"""Cluster: configures, starts, awaits and stops real `shoal node` processes on this machine."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request

from wait import wait_for

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHOAL = os.environ.get("SHOAL", os.path.join(ROOT, "build", "release", "shoal"))
NAMES = "abcdefghij"
# What a node fetches is on this machine, whatever proxy the machine has.
NO_PROXY = {"NO_PROXY": "*", "no_proxy": "*"}
# All clients of a test have one address. A test that wants a default sets None.
NO_CLIENT_LIMITS = {"connections_per_address": 0, "requests_per_s_per_address": 0, "requests_per_s_per_prefix": 0}

_ports_lock = threading.Lock()
# Below the kernel's ephemeral ports; a random start keeps two runs apart.
_next_port = random.randrange(10000, 30000)


def free_port(hosts=("127.0.0.1", "::1")):
    """A port that is free for UDP and TCP on all hosts; never returned twice by this process."""
    global _next_port
    with _ports_lock:
        while True:
            _next_port = 10000 if _next_port >= 32000 else _next_port + 1
            if all(_is_free(host, kind, _next_port) for host in hosts
                   for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)):
                return _next_port


def _is_free(host, kind, port):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def at(host, port):
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def toml(sections):
    """Dictionaries of sections as TOML; strings, numbers, booleans and lists of strings."""
    lines = []
    for section, keys in sections.items():
        lines.append(f"[{section}]")
        # JSON's notation of these values is also TOML's.
        lines += [f"{key} = {json.dumps(value)}" for key, value in keys.items() if value is not None]
    return "\n".join(lines) + "\n"


class Node:
    """One process. `settings` are its options by section; change them before start()."""

    def __init__(self, name, folder, settings, tracker_port, admin, run_in=()):
        self.name = name
        self.folder = folder
        self.settings = settings
        self.tracker_port = tracker_port
        self.admin = admin
        self.program = SHOAL
        self.run_in = list(run_in)  # a command to run it elsewhere, such as ip netns exec NAME
        self.environment = {}  # variables of its own
        self.log = os.path.join(folder, f"{name}.log")
        self.process = None

    @property
    def admin_address(self):
        """(host, port) of the admin endpoint."""
        host, port = self.admin.rsplit(":", 1)
        return host, int(port)

    def write_config(self):
        """Writes the settings to the file that the node reads at start() and at SIGHUP."""
        config = os.path.join(self.folder, f"{self.name}.toml")
        settings = {**self.settings, "limits": {**NO_CLIENT_LIMITS, **self.settings.get("limits", {})}}
        with open(config, "w", encoding="utf-8") as file:
            file.write(toml(settings))
        return config

    def start(self):
        config = self.write_config()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*self.run_in, self.program, "node", "--config", config],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**os.environ, **NO_PROXY, **self.environment})

    def get(self, path, timeout_s=5.0):
        """Status code and body of an admin page."""
        if self.process.poll() is not None:
            raise RuntimeError(f"node {self.name} has ended with {self.process.returncode}:\n{self.log_text()}")
        try:
            with urllib.request.urlopen(f"http://{self.admin}{path}", timeout=timeout_s) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def ready(self):
        return self.get("/readyz")[0] == 200

    def status(self):
        return json.loads(self.get("/status.json")[1])

    def members_alive(self):
        return sum(member["state"] == "alive" for member in self.status()["members"])

    def metric(self, name, **labels):
        """Sum of the samples of a metric whose labels include `labels`."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        total = 0.0
        for line in self.get("/metrics")[1].splitlines():
            if line.split("{")[0].split(" ")[0] == name and all(label in line for label in wanted):
                total += float(line.rsplit(" ", 1)[1])
        return total

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def stop(self, timeout_s=10):
        """Stops it in an orderly way; returns the exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.signal()
        return self.wait(timeout_s)

    def wait(self, timeout_s=10):
        """Waits until it ends, or kills it; returns the exit code."""
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return self.process.returncode

    def log_text(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()


def wait_in_step(node, others, timeout_s=20, interval_s=0.02):
    """Waits until the node is ready and sees this many other members alive."""
    wait_for(node.ready, timeout_s, f"node {node.name} to be ready", interval_s)
    wait_for(lambda: node.members_alive() == others, timeout_s, f"node {node.name} to see {others} members alive", interval_s)


class NodeGroup:
    """What all clusters of nodes share: a `with` block starts and stops them, and shows their logs if they do not start.
    Subclasses have `nodes`, start() and stop()."""

    def dump_logs(self, lines=40):
        for node in self.nodes:
            if node.process:
                print(f"--- log of node {node.name}")
                print("\n".join(node.log_text().splitlines()[-lines:]), flush=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.dump_logs()
            self.stop()
            raise

    def __exit__(self, *_):
        self.stop()


class Cluster(NodeGroup):

    """Up to ten nodes a, b, c, ... on loopback, each with its own ports on the same hosts; the sync channel uses the
    first host.


    sync is "unicast" (each node is given one other), "multicast" (a group and no peers), "mixed" (both) or "off".
    `settings` override every node's."""

    def __init__(self, nodes=3, hosts=("127.0.0.1", "::1"), folder=None, sync="unicast", settings=None,
                 admin_host="127.0.0.1"):
        self.own_folder = None if folder else tempfile.mkdtemp(prefix="shoal-test-")
        self.folder = folder or self.own_folder
        self.nodes = []
        self.hosts = list(hosts)
        self.key = os.path.join(self.folder, "cluster.key")
        self.sync = sync
        if not os.path.exists(self.key):
            subprocess.run([SHOAL, "keygen", self.key], check=True, stdout=subprocess.DEVNULL)
        sync_ports = [free_port(hosts) for _ in range(nodes)]
        # Linux has no IPv6 multicast on loopback: tests of that are in test_namespaces.py.
        group = f"239.192.{random.randrange(256)}.{random.randrange(1, 255)}:{free_port(hosts)}%lo"
        for number in range(nodes):
            port = free_port(hosts)
            addresses = [at(host, port) for host in self.hosts]
            admin = at(admin_host, free_port((admin_host,)))
            options = {
                "node": {"name": NAMES[number], "workers": 2, "log_level": "debug", "drain_s": 0},
                "tracker": {"udp": addresses, "http": addresses},
                "admin": {"listen": admin},
            }
            if sync != "off":
                options["sync"] = {"listen": at(self.hosts[0], sync_ports[number]), "key_files": [self.key]}
            # A ring: each node is given only the one before it, and learns the rest.
            if sync in ("unicast", "mixed") and nodes > 1:
                options["sync"]["peers"] = [at(self.hosts[0], sync_ports[number - 1])]
            if sync in ("multicast", "mixed"):
                options["sync"]["multicast"] = [group]
            for section, keys in (settings or {}).items():
                options.setdefault(section, {}).update(keys)
            self.nodes.append(Node(NAMES[number], self.folder, options, port, admin))

    def start(self, timeout_s=20):
        """Returns when every node is ready and sees all the others."""
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            wait_in_step(node, 0 if self.sync == "off" else len(self.nodes) - 1, timeout_s)
        return self

    def stop(self):
        """Stops the nodes, removes the folder if it is our own, and returns the exit codes."""
        running = [node for node in self.nodes if node.process]
        for node in running:
            if node.process.poll() is None:
                node.signal()
        codes = [node.wait() for node in running]
        if self.own_folder:
            shutil.rmtree(self.own_folder, ignore_errors=True)
        return codes
