"""The parts of `compare`: servers to start and stop, loads, and a table of rounds."""

import json
import os
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PORT = 17069
SYNC_PORT = 17170
ADMIN_PORT = 17180
START_S = 30
TICKS = os.sysconf("SC_CLK_TCK")
IN_NAMESPACE = "SHOAL_BENCH_NAMESPACE"


def enter_namespace(script):
    """Restarts `script` in a network namespace that has only loopback."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        print("not root, or no ip: running in the machine's own network, with its firewall", file=sys.stderr)
    elif IN_NAMESPACE not in os.environ:
        os.environ[IN_NAMESPACE] = "1"
        os.execvp("unshare", ["unshare", "--net", sys.executable, os.path.abspath(script), *sys.argv[1:]])
    else:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


class Missing(Exception):
    """A program that is not installed."""


def answers_udp(port):
    """Whether a connect request of BEP 15 is answered."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.1)
        client.connect(("127.0.0.1", port))
        try:
            client.send(struct.pack(">QII", 0x41727101980, 0, 1))
            return len(client.recv(64)) == 16
        except OSError:
            return False


def answers_http(port, path="/"):
    """Whether a request is answered with 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            return client.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


class Server:
    """A process that ends with the with block; it is ready once `answers()` is true."""

    def __init__(self, bench, command, answers, cpu="0", folder=None, port=PORT):
        if shutil.which(command[0]) is None:
            raise Missing(command[0])
        self.command = bench.prefix(cpu) + command
        self.answers = answers
        self.folder = folder
        self.port = port

    def __enter__(self):
        log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(self.command, cwd=self.folder, stdout=log, stderr=log)
        deadline = time.monotonic() + START_S
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                log.seek(0)
                sys.exit("did not start: " + " ".join(self.command) + "\n" + log.read().decode())
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        # shoal drains for some seconds unless it gets two signals.
        for _ in range(2):
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(0.3)
                return
            except subprocess.TimeoutExpired:
                pass
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    @property
    def pid(self):
        return self.process.pid

    def cpu_s(self):
        """CPU time of the process and its children, all threads."""
        total = 0
        for pid in [self.pid] + children_of(self.pid):
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat") as file:
                    total += int(file.read().split()[0]) / 1e9
        return total

    def user_s(self):
        """The part of it outside the kernel, to a clock tick."""
        total = 0
        for pid in [self.pid] + children_of(self.pid):
            with open(f"/proc/{pid}/stat") as file:
                total += int(file.read().rsplit(")", 1)[1].split()[11]) / TICKS
        return total

    def rss_bytes(self):
        with open(f"/proc/{self.pid}/status") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) * 1024

    def written_bytes(self):
        """Bytes written to files, and to clients over HTTP."""
        with open(f"/proc/{self.pid}/io") as file:
            return int(re.search(r"wchar: (\d+)", file.read()).group(1))


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.build = arguments.build
        self.folder = tempfile.mkdtemp(prefix="shoal-bench-")
        os.chmod(self.folder, 0o755)  # opentracker drops root before it reads
        self.hash_files = {}
        self.figures = []

    def figure(self, what, bar, measured, met=None):
        """Adds a line to the final table; `met`: whether the bar was met, None if there is none."""
        self.figures.append((what, bar, measured, {None: "", True: "met", False: "**missed**"}[met]))

    def prefix(self, cpu):
        return (["chrt", "-f", "10"] if self.arguments.realtime else []) + ["taskset", "-c", cpu]

    def shoal(self, *extra, workers=1, cpu="0", port=PORT, answers=None):
        address = f"127.0.0.1:{port}"
        options = ["--node.workers", str(workers), "--tracker.udp", address, "--tracker.http", address]
        # The load has one address.
        for limit in ("connections_per_address", "requests_per_s_per_address", "requests_per_s_per_prefix"):
            options += [f"--limits.{limit}", "0"]
        if "--admin.listen" not in extra:
            options += ["--admin.listen", ""]
        command = [self.build + "/shoal", "node", *options, *extra]
        return Server(self, command, answers or (lambda: answers_udp(port)), cpu, port=port)

    def floor(self, peers, cpu="0", port=PORT):
        command = [self.build + "/tests/udp_floor_bench", "--port", str(port), "--peers", f"{peers:.2f}"]
        return Server(self, command, lambda: answers_udp(port), cpu, port=port)

    def hashes(self, torrents):
        """A file with the info_hashes of the workload."""
        if torrents not in self.hash_files:
            path = f"{self.folder}/hashes-{torrents}"
            command = [self.build + "/tests/udp_load_bench", "--torrents", str(torrents), "--print-hashes", path]
            subprocess.run(command, check=True)
            self.hash_files[torrents] = path
        return self.hash_files[torrents]

    def opentracker(self, torrents=1_000_000, cpu="0", port=PORT):
        """Debian's build needs a whitelist, so it gets one with every torrent of the workload."""
        command = ["opentracker", "-i", "127.0.0.1", "-p", str(port), "-P", str(port), "-w", self.hashes(torrents)]
        return Server(self, command, lambda: answers_udp(port), cpu, self.folder, port)

    def aquatic(self, cpu="0", port=PORT):
        """aquatic_udp with its defaults, but for the address; one worker, at most 30 peers in an answer."""
        path = f"{self.folder}/aquatic-{port}.toml"
        with open(path, "w") as file:
            file.write(f'[network]\naddress = "127.0.0.1:{port}"\n')
        return Server(self, [self.arguments.aquatic, "-c", path], lambda: answers_udp(port), cpu, self.folder, port)

    def aquatic_http(self, cpu="0", port=PORT):
        """aquatic_http with its defaults, but for the address and at most 30 peers in an answer."""
        path = f"{self.folder}/aquatic-http-{port}.toml"
        with open(path, "w") as file:
            file.write(f'[network]\naddress = "127.0.0.1:{port}"\n[protocol]\nmax_peers = 30\n')
        request = "/scrape?info_hash=" + 20 * "a"
        return Server(self, [self.arguments.aquatic_http, "-c", path], lambda: answers_http(port, request), cpu, self.folder, port)

    def load(self, server, *extra, cpu="1", seconds=None, warmup=None):
        seconds = self.arguments.seconds if seconds is None else seconds
        warmup = self.arguments.warmup if warmup is None else warmup
        command = self.prefix(cpu) + [self.build + "/tests/udp_load_bench", "--json", "--port", str(server.port)]
        command += ["--pid", str(server.pid), "--seconds", str(seconds), "--warmup", str(warmup), *extra]
        ran = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if ran.returncode != 0:
            sys.exit("the load found wrong answers:\n" + ran.stdout)
        return json.loads(ran.stdout) if ran.stdout else None

    def http_load(self, server, client):
        """Announces over HTTP by clients that do this with their connections."""
        command = self.prefix("1") + [self.build + "/tests/http_load_bench", "--port", str(server.port), "--client", client,
                                      "--pid", str(server.pid), "--seconds", str(self.arguments.seconds), "--warmup", "1"]
        ran = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if ran.returncode != 0:
            sys.exit("the load found wrong answers:\n" + ran.stdout)
        return json.loads(ran.stdout)

    def fill(self, server, peers, *extra):
        """Announces this many peers once."""
        self.load(server, "--fill", str(peers), *extra, seconds=0, warmup=0)

    def wrk(self, server, connections, close=False):
        """Announces over HTTP: 20,000 peers in 1,000 torrents."""
        if shutil.which("wrk") is None:
            raise Missing("wrk")
        command = self.prefix("1") + ["wrk", "-t1", f"-c{connections}", f"-s{ROOT}/tests/bench/announce.lua"]
        tail = [f"http://127.0.0.1:{PORT}/announce", "--", self.hashes(1000), "20000", "30"]
        tail.append("close" if close else "keep-alive")
        subprocess.run(command + [f"-d{self.arguments.warmup}s"] + tail, stdout=subprocess.DEVNULL, check=True)
        cpu_s, user_s = server.cpu_s(), server.user_s()
        command += [f"-d{self.arguments.seconds}s"]
        text = subprocess.run(command + tail, stdout=subprocess.PIPE, text=True, check=True).stdout
        cpu_s, user_s = server.cpu_s() - cpu_s, server.user_s() - user_s
        count, amount, unit = re.search(r"(\d+) requests in .*, ([\d.]+)([KMG]?)B read", text).groups()
        read_bytes = float(amount) * 1024 ** " KMG".index(unit or " ")
        return {
            "answers_per_s": float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)),
            "tracker_us_per_answer": cpu_s / int(count) * 1e6,
            "user_us_per_answer": user_s / int(count) * 1e6,
            "bytes_per_answer": read_bytes / int(count),
            "failed": sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", text))),
        }

    def rounds(self):
        for number in range(self.arguments.rounds):
            print(f"round {number + 1} of {self.arguments.rounds}", file=sys.stderr)
            yield number

    def close(self):
        shutil.rmtree(self.folder)


class Table:
    """Measurements by row; prints medians and ratios to one row."""

    def __init__(self):
        self.rows = {}

    def add(self, name, result):
        self.rows.setdefault(name, []).append(result)
        print("  ", name, json.dumps(result), file=sys.stderr)

    def median(self, name, key):
        return statistics.median(result[key] for result in self.rows[name])

    def ratio(self, name, reference, key):
        """The median of the rounds' ratios: compares what was measured one after the other."""
        rows = zip(self.rows[name], self.rows[reference])
        return statistics.median(row[key] / other[key] for row, other in rows)

    def throughput(self, name, reference):
        return self.ratio(name, reference, "answers_per_s")

    def cpu(self, name, reference):
        return self.ratio(name, reference, "tracker_us_per_answer")

    def print(self, *references):
        columns = ["tracker", "answers/s", "us CPU/answer", "of it user", "peers/announce"]
        columns += [f"{what} / {name}" for name in references for what in ("throughput", "CPU")]
        print("| " + " | ".join(columns) + " |\n|" + " --- |" * len(columns))
        for name, results in self.rows.items():
            rate, cpu = self.median(name, "answers_per_s"), self.median(name, "tracker_us_per_answer")
            peers = f"{self.median(name, 'peers_per_announce'):.1f}" if "peers_per_announce" in results[0] else ""
            user = f"{self.median(name, 'user_us_per_answer'):.2f}" if "user_us_per_answer" in results[0] else ""
            cells = [name, f"{rate:,.0f}", f"{cpu:.2f}", user, peers]
            for reference in references:
                cells += [f"{self.throughput(name, reference):.2f}", f"{self.cpu(name, reference):.2f}"]
            print("| " + " | ".join(cells) + " |", flush=True)
