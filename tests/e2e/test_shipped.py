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
        for name in ("a", "b", "c", "front", "prometheus", "grafana"):
            self.assertIn(f"\n  {name}:\n", text)
