"""Poor surroundings: few CPUs, descriptors and threads, no IPv6, a log that nobody reads, signals at any moment. A node that starts serves in them; one that
cannot says what is missing."""

import contextlib
import fcntl
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from cluster import SHOAL, Cluster, free_port
from http_client import HttpClient, announce_target
from nodes import fresh_hash, post, shoal
from udp_client import UdpClient
from wait import wait_for


class Cpus(unittest.TestCase):
    def test_as_many_workers_as_cpus_are_left(self):
        cluster = Cluster(nodes=1, sync="off", settings={"node": {"workers": 0}})
        self.addCleanup(cluster.stop)
        node = cluster.nodes[0]
        node.run_in = ["taskset", "-c", str(min(os.sched_getaffinity(0)))]
        cluster.start()
        self.assertIn(" workers=1 ", node.log_text())


def start_with_stderr(node, stderr):
    """As node.start(), with another standard error."""
    node.process = subprocess.Popen([*node.run_in, node.program, "node", "--config", node.write_config()],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr)


class LogThatNobodyReads(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(nodes=1, sync="off")
        self.addCleanup(self.cluster.stop)
        self.node = self.cluster.nodes[0]

    def serves_on(self, reader):
        """`reader`: a function that reads all there is now."""
        wait_for(self.node.ready)
        for _ in range(100):  # a line each
            self.assertEqual(post(self.node, "/v1/reload").status, 200)
        self.assertTrue(self.node.ready())
        dropped = self.node.metric("shoal_log_lines_dropped_total")
        self.assertGreater(dropped, 10)
        text = reader()
        wait_for(lambda: self.node.metric("shoal_log_lines_dropped_total") == dropped)

        def noted():
            nonlocal text
            text += reader()
            return f"log lines were not written: nobody took them lines={dropped:.0f}\n" in text

        wait_for(noted)
        for line in text.splitlines():
            self.assertRegex(line, r"^20\d\d-.*Z (info|warn|debug) ")
        # Once more, and it stops as if all were well.
        for _ in range(100):
            post(self.node, "/v1/reload")
        self.node.signal()
        self.assertEqual(self.node.process.wait(5), 0)

    def test_pipe(self):
        reads, writes = os.pipe()
        with open(reads, "rb", buffering=0) as log:
            fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, 4096)
            start_with_stderr(self.node, writes)
            flags = fcntl.fcntl(writes, fcntl.F_GETFL)
            os.set_blocking(log.fileno(), False)
            self.serves_on(lambda: (log.read(1 << 20) or b"").decode())
            # The shell that shares it finds it as it was.
            self.assertEqual(fcntl.fcntl(writes, fcntl.F_GETFL), flags)
            os.close(writes)

    def test_socket(self):
        log, writes = socket.socketpair()
        with log, writes:
            writes.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            start_with_stderr(self.node, writes)
            log.setblocking(False)

            def read():
                with contextlib.suppress(BlockingIOError):
                    return log.recv(1 << 20).decode()
                return ""

            self.serves_on(read)

    def test_wrong_options_end_it_all_the_same(self):
        reads, writes = os.pipe()
        fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, 4096)
        os.write(writes, b"x" * 4096)
        self.node.settings["node"]["workers"] = -1
        start_with_stderr(self.node, writes)
        self.assertEqual(self.node.process.wait(5), 1)
        os.close(reads)
        os.close(writes)

    def test_no_descriptors_at_all(self):
        """What is opened first must not become standard error."""
        self.node.run_in = ["sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh"]
        start_with_stderr(self.node, subprocess.DEVNULL)
        wait_for(self.node.ready)
        for fd in range(3):
            self.assertEqual(os.readlink(f"/proc/{self.node.process.pid}/fd/{fd}"), "/dev/null")


def signals(pid, field):
    """The signals that a process blocks (SigBlk) or catches (SigCgt)."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        mask = next(int(line.split()[1], 16) for line in file if line.startswith(field + ":"))
    return {number for number in range(1, 65) if mask >> (number - 1) & 1}


class SignalsAtAnyMoment(unittest.TestCase):
    """Of a node that takes long to start: its access list is large."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(nodes=1, sync="off")
        cls.addClassCleanup(cls.cluster.stop)
        cls.node = cls.cluster.nodes[0]
        path = os.path.join(cls.cluster.folder, "list")
        rng = random.Random(1)
        with open(path, "w", encoding="ascii") as file:
            file.writelines(f"{rng.getrandbits(160):040x}\n" for _ in range(200_000))
        cls.node.settings["access"] = {"mode": "deny", "file": path}

    def start(self):
        self.node.start()
        # Before this the linker is at work, and nothing that a program does helps.
        wait_for(lambda: signal.SIGHUP in signals(self.node.process.pid, "SigBlk"), 5, interval_s=0)

    def test_hangup(self):
        begin = time.monotonic()
        self.start()
        wait_for(self.node.ready)
        takes_s = time.monotonic() - begin
        self.assertEqual(self.node.stop(), 0)
        moments = 12
        for number in range(moments):
            with self.subTest(moment=number):
                lines = len(self.node.log_text().splitlines())
                self.start()
                time.sleep(takes_s * number / moments)
                self.node.signal(signal.SIGHUP)
                wait_for(self.node.ready)
                wait_for(lambda: [line for line in self.node.log_text().splitlines()[lines:] if "reloaded cause=SIGHUP" in line])
                self.assertEqual(self.node.stop(), 0)
                log = "\n".join(self.node.log_text().splitlines()[lines:])
                self.assertEqual(log.count("reloaded"), 1, log)

    def test_many_hangups_to_the_end(self):
        self.start()
        for _ in range(300):
            self.node.signal(signal.SIGHUP)
            time.sleep(0.001)
        self.node.signal()
        while self.node.process.poll() is None:
            self.node.signal(signal.SIGHUP)
        self.assertEqual(self.node.process.returncode, 0)

    def test_terminated_while_it_starts(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            self.start()
            wait_for(lambda: number in signals(self.node.process.pid, "SigCgt"))  # noqa: B023
            self.node.signal(number)
            self.assertEqual(self.node.process.wait(10), 0)


class FewDescriptors(unittest.TestCase):
    """It serves all that it says it serves, or ends with a message that names the limit."""

    def outcome(self, limit):
        """True: it served. False: it refused to start."""
        cluster = Cluster(nodes=1, hosts=("127.0.0.1",), sync="off", settings={"node": {"workers": 1}})
        self.addCleanup(cluster.stop)
        node = cluster.nodes[0]
        node.run_in = ["prlimit", f"--nofile={limit}"]
        node.start()
        wait_for(lambda: node.process.poll() is not None or "serving url=http" in node.log_text())
        if node.process.poll() is None:
            address = ("127.0.0.1", node.tracker_port)
            with UdpClient(address) as client:
                client.announce(fresh_hash(), 1000)
            wait_for(node.ready)
            # More at once than it may have files.
            with contextlib.ExitStack() as stack:
                for _ in range(limit):
                    client = stack.enter_context(HttpClient(address))
                    self.assertEqual(client.get(announce_target(fresh_hash(), 1000)).status, 200)
                self.assertTrue(node.ready())
                self.assertEqual(post(node, "/v1/reload").status, 200)
            self.assertEqual(node.stop(), 0)
            return True
        self.assertEqual(node.process.returncode, 1, node.log_text())
        self.assertRegex(node.log_text(), r"open files|Too many open files|error while loading shared libraries")
        return False

    def test_from_8_to_160(self):
        served = {limit: self.outcome(limit) for limit in [*range(8, 80, 6), 79, *range(80, 161, 8)]}
        self.assertFalse(served[8])
        self.assertTrue(served[160])
        # There is one limit above which it serves.
        self.assertEqual(list(served.values()), sorted(served.values()), served)

    def test_the_message_names_the_number_that_is_enough(self):
        run = shoal("node", "--tracker.udp", "127.0.0.1:1", "--tracker.http", "", "--admin.listen", "", "--node.workers", "1",
                    run_in=["prlimit", "--nofile=30"])
        self.assertEqual(run.returncode, 1)
        self.assertRegex(run.stderr, r"open files: at most 30 are allowed, and this node needs \d+: raise the limit")

    def test_what_has_become_of_the_connections(self):
        cluster = Cluster(nodes=1, sync="off")
        self.addCleanup(cluster.stop)
        cluster.nodes[0].run_in = ["prlimit", "--nofile=1024"]
        cluster.start()
        self.assertRegex(cluster.nodes[0].log_text(), r"warn limits.connections: \d\d\d instead of 8192, because at most 1024 open files")


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class FewThreads(unittest.TestCase):
    USER = 61235  # nobody else's: the kernel counts threads by user

    def test_each_number(self):
        """A reload uses the thread pool."""
        served = []
        for limit in range(1, 12, 2):
            with self.subTest(limit=limit):
                cluster = Cluster(nodes=1, sync="off", settings={"node": {"workers": 2}})
                self.addCleanup(cluster.stop)
                os.chmod(cluster.folder, 0o755)
                node = cluster.nodes[0]
                # The user may not enter the checkout's folder.
                node.program = shutil.copy(SHOAL, cluster.folder)
                node.run_in = ["setpriv", f"--reuid={self.USER}", f"--regid={self.USER}", "--clear-groups",
                               "prlimit", f"--nproc={limit}"]
                node.start()
                wait_for(lambda: node.process.poll() is not None or "serving url=http" in node.log_text())  # noqa: B023
                if node.process.poll() is None:
                    wait_for(node.ready)
                    self.assertEqual(post(node, "/v1/reload").status, 200)
                    self.assertEqual(node.stop(), 0)
                    served.append(limit)
                else:
                    self.assertEqual(node.process.returncode, 1, node.log_text())
                    self.assertRegex(node.log_text(), r"cannot start 6 threads \(node.workers = 2, .*Resource temporarily unavailable: raise the "
                                     rf"limit of threads .*the user may have {limit}")
        self.assertEqual(served, [7, 9, 11])


# Runs a command to which the kernel says that it has no IPv6: a seccomp filter answers socket(AF_INET6, ...) with EAFNOSUPPORT.
NO_IPV6 = """
import ctypes, errno, os, struct, sys
AUDIT_ARCH = {"x86_64": 0xc000003e, "aarch64": 0xc00000b7}[os.uname().machine]
SOCKET = {"x86_64": 41, "aarch64": 198}[os.uname().machine]
rules = [(0x20, 0, 0, 4), (0x15, 1, 0, AUDIT_ARCH), (0x06, 0, 0, 0x7fff0000), (0x20, 0, 0, 0), (0x15, 0, 3, SOCKET),
         (0x20, 0, 0, 16), (0x15, 0, 1, 10), (0x06, 0, 0, 0x00050000 | errno.EAFNOSUPPORT), (0x06, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(rules), ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.c_void_p(ctypes.addressof(program)), 0, 0):
    sys.exit(f"no filter: {os.strerror(ctypes.get_errno())}")
os.execvp(sys.argv[1], sys.argv[1:])
"""


class NoIpv6(unittest.TestCase):
    without = ["/usr/bin/python3", "-c", NO_IPV6]

    def test_defaults_skip_it(self):
        with tempfile.TemporaryDirectory() as folder:
            log = os.path.join(folder, "log")
            admin = f"127.0.0.1:{free_port()}"
            # In a namespace of its own, for the default port.
            command = ["unshare", "-n", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"] if os.geteuid() == 0 else []
            with open(log, "wb") as out:
                node = subprocess.Popen([*command, *self.without, SHOAL, "node", "--admin.listen", admin, "--node.workers", "1"],
                                        stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            self.addCleanup(node.kill)

            def text():
                with open(log, encoding="utf-8") as file:
                    return file.read()

            wait_for(lambda: node.poll() is not None or " ready " in text())
            self.assertIsNone(node.poll(), text())
            self.assertEqual(text().count("address=[::]:6969"), 1)
            self.assertIn("url=udp://0.0.0.0:6969/announce", text())
            self.assertNotIn("[::]:6969/announce", text())
            node.send_signal(signal.SIGHUP)
            wait_for(lambda: "reloaded" in text())
            self.assertNotIn("need a restart", text())
            node.terminate()
            self.assertEqual(node.wait(10), 0)

    def test_what_was_asked_for_is_an_error(self):
        run = shoal("node", "--tracker.udp", "[::1]:1", "--tracker.http", "", "--admin.listen", "", run_in=self.without)
        self.assertEqual(run.returncode, 1)
        self.assertIn("tracker.udp: cannot open a socket for [::1]:1: Address family not supported by protocol: "
                      "this kernel has no IPv6", run.stderr)


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class Confined(unittest.TestCase):
    @staticmethod
    def status_of(node):
        """Of every thread."""
        found = []
        folder = f"/proc/{node.process.pid}/task"
        for task in os.listdir(folder):
            with open(f"{folder}/{task}/status", encoding="utf-8") as file:
                found.append(dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line))
        return found

    def test_every_thread(self):
        for user in ("", "nobody"):
            with self.subTest(user=user), Cluster(nodes=1, sync="off", settings={"node": {"user": user}}) as cluster:
                node = cluster.nodes[0]
                threads = self.status_of(node)
                self.assertGreaterEqual(len(threads), 7)
                for thread in threads:
                    self.assertEqual(thread["NoNewPrivs"], "1")
                    self.assertEqual(int(thread["CapBnd"], 16), 0)
                    # Without a user of its own it may still read what a reload names.
                    self.assertEqual(int(thread["CapEff"], 16) & ~(1 << 1 | 1 << 2 | 1 << 10), 0)
                    if user:
                        self.assertEqual(int(thread["CapPrm"], 16), 0)
                log = node.log_text()
                self.assertRegex(log, "info confined no_new_rights=yes capabilities=yes ")
                if "calls=yes" in log:
                    self.assertEqual({thread["Seccomp"] for thread in threads}, {"2"})
                else:
                    self.assertIn('calls="no: built with a sanitizer"', log)

    def test_turned_off(self):
        with Cluster(nodes=1, sync="off", settings={"node": {"confine_calls": False, "confine_files": False}}) as cluster:
            self.assertEqual({thread["Seccomp"] for thread in self.status_of(cluster.nodes[0])}, {"0"})
            self.assertIn('calls="no: turned off" files="no: turned off"', cluster.nodes[0].log_text())
