"""The files shipped with the program are valid: option files, units, firewall, kernel settings, BIRD, HAProxy."""

import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from cluster import ROOT, SHOAL

COMPOSE = os.path.join(ROOT, "compose")


def read(name):
    with open(os.path.join(COMPOSE, name), encoding="utf-8") as file:
        return file.read()


def needs(*programs, root=False):
    absent = [program for program in programs if not shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")]
    reason = f"not installed: {', '.join(absent)}" if absent else "needs root"
    return unittest.skipIf(absent or (root and os.geteuid() != 0), reason)


class Shipped(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="shoal-shipped-")
        self.addCleanup(shutil.rmtree, self.folder)

    def works(self, *command, environment=None):
        run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30,
                             env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", **(environment or {})})
        self.assertEqual(run.returncode, 0, f"{' '.join(command)}\n{run.stdout}{run.stderr}")
        return run.stdout + run.stderr

    def test_one_version(self):
        """CMakeLists.txt has it; the changelog and the notes on upgrades know it."""
        def read_top(name):
            with open(os.path.join(ROOT, name), encoding="utf-8") as file:
                return file.read()

        version = re.search(r"^project\(shoal VERSION ([\d.]+) ", read_top("CMakeLists.txt"), re.MULTILINE).group(1)
        self.assertEqual(self.works(SHOAL, "--version").strip(), f"shoal {version}")
        self.assertRegex(read_top("CHANGELOG.md"), rf"(?m)^## (?:\[?{re.escape(version)}\b|Unreleased \({re.escape(version)}\))")
        self.assertIn(f"\n### {version}\n", read_top("docs/UPGRADING.md"))

    @needs("cmake", "ninja", "powerpc-linux-gnu-g++")
    def test_big_endian_is_refused_at_once(self):
        run = subprocess.run(["cmake", "-S", ROOT, "-B", self.folder, "-G", "Ninja", "-DCMAKE_SYSTEM_NAME=Linux",
                              "-DCMAKE_SYSTEM_PROCESSOR=ppc", "-DCMAKE_CXX_COMPILER=powerpc-linux-gnu-g++"], check=False,
                             capture_output=True, text=True, timeout=60)
        self.assertNotEqual(run.returncode, 0)
        self.assertIn("shoal does not run on big-endian processors (ppc)", run.stderr)

    def test_option_files(self):
        key = os.path.join(self.folder, "cluster.key")
        self.works(SHOAL, "keygen", key)
        here = {"SHOAL_SYNC_KEY_FILES": key, "SHOAL_NODE_SNAPSHOT": os.path.join(self.folder, "snapshot")}
        for name in ("vps/shoal.toml", "anycast/shoal.toml", "debian/shoal.toml"):
            with self.subTest(name):
                self.works(SHOAL, "config", "--check", os.path.join(COMPOSE, name), environment=here)

    @needs("systemd-analyze")
    def test_units(self):
        units = glob.glob(os.path.join(COMPOSE, "*", "*.service"))
        self.assertEqual(len(units), 2)
        for path in units:
            text = read(os.path.relpath(path, COMPOSE))
            text = text.replace("/usr/bin/shoal", SHOAL)
            text = text.replace("/usr/local/sbin/shoal-anycast", os.path.join(COMPOSE, "anycast", "shoal-anycast"))
            copy = os.path.join(self.folder, os.path.basename(path))
            with open(copy, "w", encoding="utf-8") as file:
                file.write(text)
            with self.subTest(path):
                said = self.works("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", copy)
                self.assertNotIn(os.path.basename(path), said)
                # It is started again, whatever killed it.
                self.assertIn("StartLimitIntervalSec=0\n", text)

    @needs("nft", "unshare", root=True)
    def test_firewall(self):
        self.works("unshare", "--net", "nft", "-c", "-f", os.path.join(COMPOSE, "vps", "nftables.conf"))
        self.works("unshare", "--net", "nft", "-f", os.path.join(COMPOSE, "vps", "nftables.conf"))

    def test_kernel_settings_exist(self):
        keys = re.findall(r"^([\w.]+) =", read("vps/60-shoal.conf"), re.MULTILINE)
        self.assertGreater(len(keys), 3)
        for key in keys:
            # Some belong to the whole machine and are invisible in a container.
            path = "/proc/sys/" + key.replace(".", "/")
            self.assertTrue(os.path.exists(path) or not os.path.exists("/proc/sys/net/core/rmem_max"), path)

    @needs("bird")
    def test_bird(self):
        self.works("bird", "-p", "-c", os.path.join(COMPOSE, "anycast", "bird.conf"))

    @needs("haproxy")
    def test_front(self):
        self.works("haproxy", "-c", "-f", os.path.join(COMPOSE, "front", "haproxy.cfg"))
        self.assertEqual(re.findall(r"server (\w+) (\w+):6969", read("front/haproxy.cfg")), [(n, n) for n in "abc"])

    @needs("docker-compose")
    def test_compose(self):
        profiles = ("--profile", "front", "--profile", "monitoring")
        text = self.works("docker-compose", "-f", os.path.join(COMPOSE, "cluster.yml"), *profiles, "config")
        for name in ("key", "a", "b", "c", "front", "prometheus", "grafana"):
            self.assertIn(f"\n  {name}:\n", text)
