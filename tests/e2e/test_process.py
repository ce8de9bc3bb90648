"""The process: its options, its end, and its messages when it cannot start."""

import json
import os
import pwd
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from cluster import SHOAL, Cluster, at, free_port, toml, wait_in_step
from http_client import HttpClient, announce_target
from nodes import ClusterCase, fresh_hash, shoal
from wait import wait_for


def run_node(*arguments, environment=None):
    return shoal("node", *arguments, environment=environment, timeout_s=10)


class WrongOptions(unittest.TestCase):
    def test_file(self):
        wrong = [
            ('[node]\nname = ""\nworkers = -1\n', 3, "node.workers"),
            ('[node]\nworkers = 257\n', 2, "node.workers"),
            ('[node]\nworkers = "two"\n', 2, "node.workers"),
            ('[node]\nworkers = 1.5\n', 2, "node.workers"),
            ('[node]\n\n\nworker = 1\n', 4, "worker"),
            ('[nodes]\nworkers = 1\n', 1, "nodes"),
            ('[node]\nname = "a b"\n', 2, "node.name"),
            ('[node]\nlog_level = "loud"\n', 2, "node.log_level"),
            ('[tracker]\nudp = ["nowhere:6969"]\n', 2, "tracker.udp"),
            ('[tracker]\nudp = ["127.0.0.1:0"]\n', 2, "tracker.udp"),
            ('[tracker]\nudp = ["127.0.0.1:65536"]\n', 2, "tracker.udp"),
            ('[tracker]\nudp = [1]\n', 2, "tracker.udp"),
            ('[tracker]\ninterval_s = 0\n', 2, "tracker.interval_s"),
            ('[tracker]\ninterval_jitter = 2.0\n', 2, "tracker.interval_jitter"),
            ('[tracker]\nnumwant_max = true\n', 2, "tracker.numwant_max"),
            ('[sync]\nmulticast = ["10.0.0.1:6970"]\n', 2, "sync.multicast"),
            ('[sync]\npeers = ["no port"]\n', 2, "sync.peers"),
            ('[sync]\ninsecure = "yes"\n', 2, "sync.insecure"),
            ('[admin]\nlisten = 9697\n', 2, "admin.listen"),
            ('[node]\nname = "a"\nname = "b"\n', 3, "name"),
            ('[node\n', 1, ""),
            ('node = 1\n', 1, "node"),
            ("\x00\x01\x02", 1, ""),
        ]
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "wrong.toml")
            for text, line, key in wrong:
                with self.subTest(text):
                    with open(path, "w", encoding="utf-8") as file:
                        file.write(text)
                    for command in (["node", "--config", path], ["config", "--check", path]):
                        run = shoal(*command)
                        self.assertEqual(run.returncode, 1, run.stderr)
                        self.assertIn(f"{path}:{line}", run.stderr)
                        self.assertIn(key, run.stderr)

    def test_everything_wrong_at_once(self):
        with tempfile.TemporaryDirectory() as folder:
            path, white = os.path.join(folder, "wrong.toml"), os.path.join(folder, "white")
            with open(white, "w", encoding="utf-8") as file:
                file.write("# nothing yet\n")
            with open(path, "w", encoding="utf-8") as file:
                file.write("[node]\nworkers = -1\nuser = \"no-such-user-here\"\nsnapshot = \"/nonexistent/x\"\n"
                           "[tracker]\nintervall_s = 5\nnumwant_default = 300\n"
                           f"[access]\nmode = \"allow\"\nfile = \"{white}\"\n"
                           "[sync]\npeers = [\"127.0.0.1:6970\"]\nkey_files = [\"/nonexistent/key\"]\n")
            run = shoal("config", "--check", path)
            self.assertEqual((run.returncode, run.stdout), (1, ""))
            for line in (f"{path}:2: node.workers: -1 is not allowed",
                         f"{path}:6: tracker.intervall_s: unknown key; did you mean tracker.interval_s?",
                         f"{path}:7: tracker.numwant_default: 300 is not allowed",
                         f"{path}:12: sync.peers: is set but sync.listen is not",
                         "sync.key_files: key file /nonexistent/key: cannot be read",
                         "node.snapshot: /nonexistent/x: No such file",
                         "warning: node.user: no such user: no-such-user-here",
                         "warning: access.mode: allow, but the access list lists nothing"):
                self.assertIn(f"\nshoal: {line}", "\n" + run.stderr)
            self.assertEqual(len(run.stderr.splitlines()), 8)
            document = json.loads(shoal("config", "--check", path, "--json").stdout)
            self.assertEqual((len(document["errors"]), len(document["warnings"])), (6, 2))
            # A start stops at what it cannot do, and names all mistakes of the options.
            self.assertEqual(len(run_node("--config", path).stderr.splitlines()), 4)

    def test_warnings_do_not_fail_a_check(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write('[node]\nuser = "no-such-user-here"\n')
            file.flush()
            run = shoal("config", "--check", file.name)
            self.assertEqual((run.returncode, run.stdout), (0, f"{file.name}: ok, with 1 warning\n"))
            self.assertEqual(run.stderr, "shoal: warning: node.user: no such user: no-such-user-here\n")

    def test_missing_file(self):
        run = run_node("--config", "/nonexistent/shoal.toml")
        self.assertEqual(run.returncode, 1)
        self.assertIn("/nonexistent/shoal.toml", run.stderr)

    def test_flag_and_environment(self):
        self.assertNotEqual(run_node("--node.workers", "many").returncode, 0)
        self.assertNotEqual(run_node("--node.wrokers", "1").returncode, 0)
        run = run_node(environment={"SHOAL_NODE_WORKERS": "many"})
        self.assertEqual(run.returncode, 1)
        self.assertIn("SHOAL_NODE_WORKERS", run.stderr)

    def test_default_file_is_valid(self):
        default = subprocess.run([SHOAL, "config"], check=True, capture_output=True, text=True).stdout
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(default)
            file.flush()
            subprocess.run([SHOAL, "config", "--check", file.name], check=True, capture_output=True)


class PortsInUse(unittest.TestCase):
    def test_named(self):
        for key, kind in (("tracker.udp", socket.SOCK_DGRAM), ("tracker.http", socket.SOCK_STREAM),
                          ("sync.listen", socket.SOCK_DGRAM), ("admin.listen", socket.SOCK_STREAM)):
            with self.subTest(key), socket.socket(socket.AF_INET, kind) as taken, \
                    tempfile.TemporaryDirectory() as folder:
                taken.bind(("127.0.0.1", free_port()))
                if kind == socket.SOCK_STREAM:
                    taken.listen()
                address = at(*taken.getsockname())
                values = {"tracker.udp": at("127.0.0.1", free_port()), "tracker.http": "", "admin.listen": ""}
                values[key] = address
                if key == "sync.listen":
                    values["sync.key_files"] = os.path.join(folder, "key")
                    subprocess.run([SHOAL, "keygen", values["sync.key_files"]], check=True, capture_output=True)
                run = run_node(*(word for name, value in values.items() for word in (f"--{name}", value)))
                self.assertEqual(run.returncode, 1, run.stderr)
                self.assertIn(address, run.stderr)
                self.assertIn("in use", run.stderr)


    def test_a_second_tracker_of_the_same_user(self):
        """SO_REUSEPORT, which the workers of one node need, would let both have half of the clients."""
        with Cluster(nodes=1, sync="off", hosts=("127.0.0.1",)) as cluster:
            node = cluster.nodes[0]
            for key, transport in (("tracker.udp", "udp"), ("tracker.http", "tcp")):
                for host in ("127.0.0.1", "0.0.0.0"):
                    with self.subTest(key, host=host):
                        values = {"tracker.udp": "", "tracker.http": "", "admin.listen": "",
                                  key: at(host, node.tracker_port)}
                        run = run_node(*(word for name, value in values.items() for word in (f"--{name}", value)))
                        self.assertEqual(run.returncode, 1, run.stderr)
                        self.assertIn(f"{key}: cannot listen on {host}:{node.tracker_port} ({transport}): Address already "
                                      f"in use by shoal (pid {node.process.pid})", run.stderr)
            # The one that was there first goes on.
            self.assertTrue(node.ready())
            with HttpClient(("127.0.0.1", node.tracker_port)) as client:
                self.assertIn(b"interval", client.get(announce_target(fresh_hash(), 1000)).body)

    def test_a_restart_needs_no_patience(self):
        """Connections that the node itself closed wait in TIME_WAIT, and do not keep its port."""
        with Cluster(nodes=1, sync="off", hosts=("127.0.0.1",)) as cluster:
            node = cluster.nodes[0]
            for _ in range(2):
                with HttpClient(("127.0.0.1", node.tracker_port)) as client:
                    client.get(announce_target(fresh_hash(), 1000), headers=["Connection: close"])
                self.assertEqual(node.stop(), 0)
                node.start()
                wait_for(node.ready, 10)


class Ending(ClusterCase):
    nodes = 2

    def test_signals_end_it_in_good_order(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                node = self.node(1)
                if node.process.poll() is not None:
                    node.start()
                wait_for(lambda: self.node(0).members_alive() == 1, 20)
                start = time.monotonic()
                node.signal(number)
                self.assertEqual(node.process.wait(5), 0)
                self.assertLess(time.monotonic() - start, 3)

    def test_busy_with_connections(self):
        with Cluster(nodes=1, sync="off") as cluster:
            node = cluster.nodes[0]
            idle = [socket.create_connection(("127.0.0.1", node.tracker_port)) for _ in range(200)]
            idle[0].sendall(b"GET /announce")
            node.signal()
            self.assertEqual(node.process.wait(5), 0)
            for connection in idle:
                connection.close()


class Idle(ClusterCase):
    """What a node takes that nobody uses (tests/bench/idle measures it)."""

    nodes = 1
    sync = "off"

    def test_tables_that_are_not_used_take_no_memory(self):
        node = self.node(0)
        if "built with a sanitizer" in node.log_text():
            self.skipTest("a sanitizer writes memory of its own")
        with open(f"/proc/{node.process.pid}/smaps_rollup", encoding="ascii") as file:
            written = next(int(line.split()[1]) for line in file if line.startswith("Private_Dirty:"))
        # The tables of offences and request rates and the store's shards alone are 7 MiB.
        self.assertLess(written, 4 << 10, "KiB")

    def test_a_worker_without_clients_sleeps(self):
        node = self.node(0)

        def wakes():
            tasks = f"/proc/{node.process.pid}/task"
            found = {}
            for thread in os.listdir(tasks):
                with open(f"{tasks}/{thread}/status", encoding="ascii") as file:
                    found[int(thread)] = next(line for line in file if line.startswith("voluntary_ctxt_switches"))
            found.pop(node.process.pid)
            return found

        def sleeps():
            before = wakes()
            time.sleep(3)
            return wakes() == before

        self.assertGreater(len(wakes()), 0)
        wait_for(sleeps, 30)


class Privileges(unittest.TestCase):
    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_user(self):
        with Cluster(nodes=1, sync="off", settings={"node": {"user": "nobody"}}) as cluster:
            with open(f"/proc/{cluster.nodes[0].process.pid}/status", encoding="utf-8") as file:
                status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
            nobody = pwd.getpwnam("nobody")
            self.assertEqual(status["Uid"].split("\t"), [str(nobody.pw_uid)] * 4)
            self.assertEqual(status["Gid"].split("\t"), [str(nobody.pw_gid)] * 4)
            self.assertEqual(status["Groups"].split(), [str(nobody.pw_gid)])
            self.assertEqual(int(status["CapEff"], 16), 0)
            self.assertTrue(cluster.nodes[0].ready())

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_chroot(self):
        with tempfile.TemporaryDirectory() as jail:
            os.chmod(jail, 0o755)
            with Cluster(nodes=1, sync="off", settings={"node": {"user": "nobody", "chroot": jail}}) as cluster:
                self.assertEqual(os.readlink(f"/proc/{cluster.nodes[0].process.pid}/root"), jail)
                self.assertTrue(cluster.nodes[0].ready())

    def test_unknown_user(self):
        run = run_node("--node.user", "no-such-user-here", "--tracker.udp", at("127.0.0.1", free_port()),
                       "--tracker.http", "", "--admin.listen", "")
        self.assertEqual(run.returncode, 1)
        self.assertIn("no-such-user-here", run.stderr)


class Quiet(unittest.TestCase):
    """A start that goes as it should logs no alarm."""

    def check(self, sync, pause_s, nodes=3):
        user = "nobody" if os.geteuid() == 0 else ""
        settings = {"node": {"log_level": "info", "user": user}}
        with Cluster(nodes=nodes, sync=sync, settings=settings) as cluster:
            time.sleep(pause_s)
            for node in cluster.nodes:
                node.signal()
            self.assertEqual({node.wait() for node in cluster.nodes}, {0})
            for node in cluster.nodes:
                alarms = re.findall(r"(?m)^\S+ (?:warn|error) .*$", node.log_text())
                self.assertEqual(alarms, [], f"node {node.name}")
                self.assertEqual(len(re.findall(r"(?m)^\S+ info ready after_ms=\d+$", node.log_text())), 1)
                self.assertIn(f" info status page url=http://{node.admin}/\n", node.log_text().replace('"', ""))

    def test_three_nodes_at_once(self):
        self.check("unicast", 4)

    def test_three_nodes_by_multicast(self):
        self.check("multicast", 4)

    def test_three_nodes_one_after_the_other(self):
        """By hand: the last one comes when the first has been up for a while."""
        settings = {"node": {"log_level": "info", "user": "nobody" if os.geteuid() == 0 else ""}}
        with tempfile.TemporaryDirectory() as folder:
            cluster = Cluster(nodes=3, folder=folder, settings=settings)
            self.addCleanup(cluster.stop)
            for node in cluster.nodes:
                node.settings["sync"]["peers"] = [one.settings["sync"]["listen"] for one in cluster.nodes]
                node.start()
                time.sleep(7)
            for node in cluster.nodes:
                wait_in_step(node, 2)
                self.assertEqual(re.findall(r"(?m)^\S+ (?:warn|error) .*$", node.log_text()), [], f"node {node.name}")

    def test_a_name_that_does_not_resolve_is_no_alarm_at_once(self):
        settings = {"node": {"log_level": "info"}, "sync": {"peers": ["no-such-host.invalid:6970"]}}
        cluster = Cluster(nodes=1, settings=settings)
        self.addCleanup(cluster.stop)
        node = cluster.nodes[0]
        node.start()
        line = "sync peer does not resolve"
        wait_for(lambda: os.path.exists(node.log) and f" info {line}" in node.log_text(), 10)
        self.assertNotIn(f" warn {line}", node.log_text())
        wait_for(lambda: f" warn {line}" in node.log_text(), 30)
        self.assertEqual(node.log_text().count(line), 2)

    def test_a_single_node(self):
        self.check("off", 1, nodes=1)


class Warned(unittest.TestCase):
    """What is hardly meant is one line at the start, and none at a reload that changes nothing about it."""

    def test_one_line_each(self):
        cluster = Cluster(nodes=1, sync="unicast")
        self.addCleanup(cluster.stop)
        node = cluster.nodes[0]
        token = os.path.join(cluster.folder, "token")
        with open(token, "w", encoding="utf-8") as file:
            file.write("0123456789abcdef\n")
        os.chmod(token, 0o644)
        os.chmod(cluster.key, 0o644)
        node.settings["admin"]["listen"] = node.admin.replace("127.0.0.1", "0.0.0.0")
        node.start()
        wait_for(node.ready, 20)
        lines = [f"sync.key_files: every user of this machine can read the key file {cluster.key}",
                 "admin.listen: on all addresses without admin.token_file"]
        if os.geteuid() == 0:
            lines.append("node.user: not set, so the node runs as root")

        def counts():
            return [len(re.findall(f"(?m)^\\S+ warn {re.escape(line)}", node.log_text())) for line in lines]

        self.assertEqual(counts(), [1] * len(lines))
        node.settings["admin"]["token_file"] = token
        node.write_config()
        node.signal(signal.SIGHUP)
        wait_for(lambda: node.status()["reload"]["reloads"] == 1, 10)
        self.assertEqual(counts(), [1] * len(lines))
        self.assertIn(f"warn admin.token_file: every user of this machine can read the token file {token}: chmod 600",
                      node.log_text())


class NoPeerAddressesInTheLog(ClusterCase):
    nodes = 1
    sync = "off"
    settings = {"node": {"log_level": "info"}}

    def test_log(self):
        client = self.client(source="127.0.0.99")
        client.announce(fresh_hash(), 1000)
        client.send(b"garbage")
        client.connect()
        self.assertNotIn("127.0.0.99", self.node(0).log_text())


class Alone(unittest.TestCase):
    def test_without_sync_and_with_options_from_everywhere(self):
        """Flag over environment over file."""
        ports = {name: free_port() for name in ("file", "environment", "flag", "admin")}
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(toml({"tracker": {"udp": [at("127.0.0.1", ports["file"])], "http": []},
                             "admin": {"listen": at("127.0.0.1", ports["admin"])}}))
            file.flush()
            variable = {"SHOAL_TRACKER_UDP": at("127.0.0.1", ports["environment"])}
            flag = ["--tracker.udp", at("127.0.0.1", ports["flag"])]
            quick = ["--node.drain_s", "0"]
            for environment, flags, expected in (({}, [], "file"), (variable, [], "environment"),
                                                 (variable, flag, "flag")):
                with self.subTest(expected):
                    process = subprocess.Popen([SHOAL, "node", "--config", file.name, *quick, *flags],
                                               env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True)
                    try:
                        log = ""
                        while "serving" not in log:
                            line = process.stderr.readline()
                            self.assertTrue(line, log)
                            log += line
                        self.assertIn(f":{ports[expected]}/announce", log)
                    finally:
                        process.terminate()
                        process.communicate(timeout=10)
