"""Replacing the keys of a running cluster: add, use, remove, each by SIGHUP, while clients announce."""

import os
import shutil
import signal
import stat
import subprocess
import tempfile
import unittest

from announcer import Announcer, numbered_peer
from cluster import SHOAL
from nodes import ClusterCase
from wait import wait_for


class Rotation(ClusterCase):
    def reload(self, node, key_files):
        before = node.status()["keys"]["reloads"]
        node.settings["sync"]["key_files"] = key_files
        node.write_config()
        node.signal(signal.SIGHUP)
        wait_for(lambda: node.status()["keys"]["reloads"] == before + 1, 5)

    def everyone_holds(self, ids):
        """Waits until each node's status shows it of all nodes: what an operator checks before the next round."""
        def held():
            return {text for node in self.cluster.nodes
                    for text in [node.status()["keys"]["ids"], *(m["keys"] for m in node.status()["members"])]}
        wait_for(lambda: held() == {ids}, 10, f"all nodes to hold {ids}")

    def test_three_rounds_under_load(self):
        old = os.path.join(self.cluster.folder, "old.key")
        new = os.path.join(self.cluster.folder, "new.key")
        shutil.copy(self.cluster.key, old)
        subprocess.run([SHOAL, "keygen", new], check=True, stdout=subprocess.DEVNULL)
        old_id = self.node(0).status()["keys"]["ids"]
        salt = os.urandom(8)
        targets = [("127.0.0.1", node.tracker_port) for node in self.cluster.nodes]
        with Announcer(targets, 300, peer=lambda number: numbered_peer(number, salt), id_life_s=0.5) as load:
            for number, keys in enumerate(([old, new], [new, old], [new])):
                for node in self.cluster.nodes:
                    self.reload(node, keys)
                ids = self.node(0).status()["keys"]["ids"]
                self.assertEqual(len(ids.split(", ")), len(keys))
                self.assertEqual(ids.startswith(old_id), number == 0)
                self.everyone_holds(ids)
                # Clients drop the connection ids made with the old key.
                sent = load.sent
                wait_for(lambda s=sent: load.sent > s + 500, 20)
        self.assertNotIn(old_id, self.node(0).status()["keys"]["ids"])
        self.assertEqual(load.unanswered, [])
        swarms = {numbered_peer(number, salt)[0] for number in range(load.sent)}
        # Each peer announced once, and every node knows all of them.
        expected = {info_hash: 0 for info_hash in swarms}
        for number in range(load.sent):
            expected[numbered_peer(number, salt)[0]] += 1

        def counts(node_number):
            client = self.client(node_number)
            return {info_hash: sum(client.scrape(info_hash)[0][::2]) for info_hash in swarms}

        for node_number, node in enumerate(self.cluster.nodes):
            wait_for(lambda n=node_number: counts(n) == expected, 10, f"node {node.name} to know all peers")
            self.assertEqual([m["lost"] for m in node.status()["members"]], [0, 0])
            self.assertNotIn("member is silent", node.log_text())
            self.assertNotIn("does not hold key", node.log_text())


class Keygen(unittest.TestCase):
    def test_keep(self):
        """Made once; a key that is there stays, and what is no key is an error."""
        with tempfile.TemporaryDirectory(prefix="shoal-test-") as folder:
            path, other = os.path.join(folder, "cluster.key"), os.path.join(folder, "other")

            def keygen(*arguments):
                run = subprocess.run([SHOAL, "keygen", *arguments], check=False, capture_output=True, text=True)
                return run.returncode, run.stdout.strip(), run.stderr.strip()

            self.assertEqual(keygen("--keep", path), (0, f"{path}: new key", ""))
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
            with open(path, encoding="utf-8") as file:
                text = file.read()
            self.assertEqual(keygen("--keep", path), (0, f"{path}: kept", ""))
            self.assertEqual(keygen("--keep", "--json", path)[1].split(), ["{", '"file":', f'"{path}",', '"result":', '"kept"', "}"])
            self.assertEqual(keygen(path)[0], 1)
            with open(path, encoding="utf-8") as file:
                self.assertEqual(file.read(), text)
            with open(other, "w", encoding="utf-8") as file:
                file.write("no key\n")
            code, _, said = keygen("--keep", other)
            self.assertEqual(code, 1)
            self.assertIn("is not a key", said)
            os.symlink("/nonexistent", os.path.join(folder, "link"))
            self.assertEqual(keygen("--keep", os.path.join(folder, "link"))[0], 1)
