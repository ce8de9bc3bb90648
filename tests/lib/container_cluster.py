"""ContainerCluster: compose/cluster.yml, started with a real engine and docker-compose from a copy of compose/. Uses the
running engine; if there is none but dockerd is installed, starts one and stops it at the end. ClientMachine: another
machine, whose packets reach the published ports through the engine's address translation. Needs root."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request

from cluster import ROOT, free_port, wait_in_step
from debian_root import tar_path
from link_cluster import inside, run
from wait import wait_for

BASE = "debian:bookworm-slim"
# Another network than in cluster.yml, which may be in use.
SUBNET, GATEWAY, FRONT_ADDRESS = "172.28.71.0/24", "172.28.71.1", "172.28.71.250"
TRACKER, ADMIN = 6969, 9697
NAMES = "abc"
FORWARDING = "/proc/sys/net/ipv4/ip_forward"


def docker(*arguments, timeout_s=60, text=None):
    done = subprocess.run(["docker", *arguments], check=False, capture_output=True, text=True, timeout=timeout_s, input=text)
    if done.returncode:
        raise AssertionError(f"docker {' '.join(arguments)}: {done.stderr.strip()[-1500:]}")
    return done.stdout.strip()


def engine_answers():
    return subprocess.run(["docker", "info"], check=False, capture_output=True).returncode == 0


class Engine:
    """The engine of this machine, or one of our own, whose data (the layers of builds) is kept in build/docker."""

    def __init__(self):
        self.process = None
        self.why_not = ""
        if not shutil.which("docker") or not shutil.which("docker-compose"):
            self.why_not = "docker and docker-compose are not installed (Debian: docker.io docker-compose)"
        elif not engine_answers() and not self._start():
            self.why_not = "no container engine runs, and none can be started"

    def _start(self):
        if os.geteuid() != 0 or not shutil.which("dockerd") or not shutil.which("nft"):
            return False
        folder = os.path.join(ROOT, "build", "docker")
        os.makedirs(folder, exist_ok=True)
        os.environ["DOCKER_HOST"] = f"unix://{folder}/engine.sock"
        # Whole, as the engine's tables stay when only what it adds to others is taken back, and cost each packet time.
        self.rules = subprocess.run(["nft", "list", "ruleset"], check=True, capture_output=True, text=True).stdout
        with open(FORWARDING, encoding="utf-8") as file:
            self.forwarding = file.read()
        with open(os.path.join(folder, "engine.log"), "wb") as log:
            self.process = subprocess.Popen(
                ["dockerd", "--data-root", f"{folder}/data", "--exec-root", f"{folder}/run", "--pidfile",
                 f"{folder}/engine.pid", "--host", os.environ["DOCKER_HOST"]],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        try:
            return wait_for(engine_answers, 60, interval_s=0.3)
        except AssertionError:
            self.stop()
            return False

    def stop(self):
        """Stops the engine if it is our own, and undoes its changes to the machine's network."""
        if not self.process:
            return
        self.process.terminate()
        self.process.wait(60)
        self.process = None
        subprocess.run(["nft", "-f", "-"], check=False, input="flush ruleset\n" + self.rules, text=True, capture_output=True)
        with open(FORWARDING, "w", encoding="utf-8") as file:
            file.write(self.forwarding)
        subprocess.run(["ip", "link", "del", "docker0"], check=False, capture_output=True)


def have_base():
    """Makes the base of all images with debootstrap if it cannot be pulled."""
    if not docker("images", "-q", BASE):
        if subprocess.run(["docker", "pull", "-q", BASE], check=False, capture_output=True, timeout=120).returncode:
            with open(tar_path(), "rb") as tar:
                subprocess.run(["docker", "import", "-", BASE], check=True, stdin=tar, stdout=subprocess.DEVNULL)


def build_image(name, *arguments, text=None):
    """Builds docker/Dockerfile, or `text` with these arguments."""
    have_base()
    arguments = arguments or ("-f", os.path.join(ROOT, "docker", "Dockerfile"), ROOT)
    path = os.path.join(ROOT, "build", f"docker-build-{name}.log")
    with open(path, "w", encoding="utf-8") as log:
        # The machine's own network: not every machine lets containers out.
        done = subprocess.run(["docker", "build", "--network", "host", "-t", name, *arguments], check=False, stdout=log,
                              stderr=log, timeout=3000, input=text, text=True)
    if done.returncode:
        raise AssertionError(f"docker build of {name} failed: see {path}")


class Container:
    """One node, with the methods of lib/cluster.py's Node that Ready uses."""

    def __init__(self, cluster, name, port):
        self.cluster = cluster
        self.name = name
        self.port = port  # published
        self.address = None  # inside the network of the containers; None: not known

    @property
    def tracker(self):
        return (GATEWAY, self.port)

    def id(self):
        return self.cluster.compose("ps", "-q", self.name)

    def inspect(self):
        return json.loads(docker("inspect", self.id()))[0]

    def look_up(self):
        networks = self.inspect()["NetworkSettings"]["Networks"]
        self.address = next((n["IPAddress"] for n in networks.values() if n["IPAddress"]), None)

    def get(self, path, timeout_s=1.0):
        """Status code and body of an admin page. A recreated container may have another address."""
        if not self.address:
            self.look_up()
        try:
            with urllib.request.urlopen(f"http://{self.address}:{ADMIN}{path}", timeout=timeout_s) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            self.address = None
            raise

    def ready(self):
        return self.get("/readyz")[0] == 200

    def status(self):
        status = json.loads(self.get("/status.json")[1])
        if status["node"]["name"] != self.name:
            self.address = None
            raise AssertionError(f"{status['node']['name']} has the address that {self.name} had")
        return status

    def members_alive(self):
        return sum(member["state"] == "alive" for member in self.status()["members"])

    def kill(self):
        """Kills it as a crash would, without the engine."""
        os.kill(self.inspect()["State"]["Pid"], signal.SIGKILL)


class ClientMachine:
    """A network namespace outside the machine that runs the engine: code in `with machine.inside():` sends from ADDRESS."""

    HOST, ADDRESS = "198.18.71.1", "198.18.71.2"

    def __init__(self):
        self.name = f"sc{os.getpid()}"
        device = f"{self.name}-h"
        try:
            run("ip", "netns", "add", self.name)
            run("ip", "link", "add", device, "type", "veth", "peer", "name", "wan", "netns", self.name)
            run("ip", "addr", "add", f"{self.HOST}/30", "dev", device)
            run("ip", "link", "set", device, "up")
            run("ip", "-n", self.name, "addr", "add", f"{self.ADDRESS}/30", "dev", "wan")
            run("ip", "-n", self.name, "link", "set", "wan", "up")
            run("ip", "-n", self.name, "route", "add", "default", "via", self.HOST)
        except BaseException:
            self.close()
            raise

    def close(self):
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)

    def inside(self):
        return inside(self.name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class ContainerCluster:
    """Without an image, compose builds one, as it does in a clone; `image` is its name then."""

    def __init__(self, image=None):
        self.folder = tempfile.mkdtemp(prefix="shoal-compose-")
        self.project = f"shoaltest{os.getpid()}"
        self.image = image or f"{self.project}-built"
        self.builds = image is None
        # The context of the build is the folder above compose/; .dockerignore says what of it counts.
        shutil.copytree(ROOT, self.folder, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns(".git", "build", ".env", "__pycache__", "corpus"))
        ports = {name: free_port() for name in NAMES}
        self.front_port, self.prometheus_port, self.admin_port = free_port(), free_port(), free_port()
        self.environment = {**os.environ, "SHOAL_IMAGE": self.image, "SHOAL_BUILD_NETWORK": "host",
                            "COMPOSE_ARGUMENTS": f"-p {self.project}",
                            "COMPOSE_PROFILES": "front",
                            "SHOAL_ADMIN_PORT": str(self.admin_port), "SHOAL_SUBNET": SUBNET, "SHOAL_FRONT_ADDRESS": FRONT_ADDRESS,
                            "SHOAL_FRONT_PORT": str(self.front_port), "SHOAL_FRONT_IMAGE": "shoal-test-front",
                            "SHOAL_PROMETHEUS_PORT": str(self.prometheus_port),
                            "SHOAL_PROMETHEUS_IMAGE": "shoal-test-prometheus",
                            **{f"SHOAL_PORT_{name.upper()}": str(port) for name, port in ports.items()}}
        self.nodes = [Container(self, name, ports[name]) for name in NAMES]

    def compose(self, *arguments, timeout_s=120):
        return self._run("docker-compose", "-f", "cluster.yml", "-p", self.project, *arguments, timeout_s=timeout_s)

    def rolling_update(self, *nodes):
        return self._run("./rolling-update", *nodes, timeout_s=300)

    def _run(self, *command, timeout_s):
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=timeout_s,
                              cwd=os.path.join(self.folder, "compose"), env=self.environment)
        if done.returncode:
            raise AssertionError(f"{' '.join(command)}: {(done.stdout + done.stderr).strip()[-1500:]}")
        return done.stdout.strip()

    def network(self):
        return f"{self.project}_cluster"

    def wait_in_step(self, timeout_s=60):
        for node in self.nodes:
            wait_in_step(node, 2, timeout_s, interval_s=0.1)

    def dump_logs(self):
        try:
            print(self.compose("logs", "--no-color", "--tail", "15"), flush=True)
        except AssertionError as error:
            print(error, flush=True)

    def stop(self):
        try:
            self.compose("--profile", "front", "--profile", "monitoring", "down", "-v", "-t", "1")
            if self.builds:
                docker("rmi", self.image)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
