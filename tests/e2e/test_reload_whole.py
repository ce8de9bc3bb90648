"""Reload as a whole: a mistake changes nothing, options that need a restart are named, one reload follows the other."""

import json
import os
import signal
import socket
import subprocess
import threading
import unittest

from cluster import SHOAL, Cluster
from http_client import HttpClient
from nodes import fresh_hash, shoal
from reloads import TOKEN, ReloadCase, hang_up, post_json
from wait import wait_for


class Mistakes(ReloadCase):
    """All or nothing: a valid change beside a mistake is not made either."""

    settings = {"tracker": {"interval_s": 1000, "interval_jitter": 0}}

    def expect_refused(self, reason):
        node = self.node(0)
        self.set(tracker__interval_s=500)
        status, document = post_json(node, "/v1/reload")
        self.assertEqual((status, list(document)), (409, ["error"]))
        self.assertRegex(document["error"], reason)
        self.assertFalse(hang_up(node))
        self.assertEqual(self.answer()[b"interval"], 1000)
        self.assertRegex(node.log_text().replace('\\"', '"').splitlines()[-1],
                         f'everything stays as it was cause=SIGHUP reason=.*{reason}')
        done = shoal("reload", "--admin", node.admin)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, f"409: .*{reason}")

    def test_a_value(self):
        self.set(tracker__numwant_max=0)
        self.expect_refused("tracker.numwant_max: 0 is not allowed")

    def test_text_that_is_no_toml(self):
        config = self.node(0).write_config()
        with open(config, "a", encoding="utf-8") as file:
            file.write("nonsense\n")
        self.assertEqual(post_json(self.node(0), "/v1/reload")[0], 409)
        os.unlink(config)
        status, document = post_json(self.node(0), "/v1/reload")
        self.assertEqual((status, document["error"]), (409, f"{config}: cannot be read: No such file or directory"))

    def test_a_list(self):
        self.set(access__mode="deny", access__file=self.path("bad", "nonsense\n"))
        failed = self.node(0).status()["access"]["reloads_failed"]
        self.expect_refused('access.file: .*bad:1: "nonsense" is not an info_hash')
        self.assertEqual(self.node(0).status()["access"]["reloads_failed"], failed + 3)
        self.assertEqual(self.node(0).status()["access"]["mode"], "open")

    def test_a_token(self):
        self.set(admin__token_file=self.path("token", "short\n"))
        self.expect_refused("admin.token_file: token file .* holds no token")

    def test_an_export(self):
        self.set(admin__export_file="/nonexistent/file")
        self.expect_refused("admin.export_file: cannot write into /nonexistent")

    def test_keys(self):
        self.set(sync__key_files=[self.cluster.key])
        self.expect_refused("sync.key_files: from none to some")

    def test_what_does_not_fit_until_a_restart(self):
        self.set(tracker__peer_timeout_s=100_000, tracker__target_rps=1, tracker__interval_max_s=50_000)
        self.expect_refused("not without a restart, which tracker.peer_timeout_s needs")


class BadKey(unittest.TestCase):
    def test_a_bad_key_keeps_the_list(self):
        """And a bad list keeps the keys."""
        cluster = Cluster(nodes=1)
        self.addCleanup(cluster.stop)
        node = cluster.nodes[0]
        listed = os.path.join(cluster.folder, "list")
        with open(listed, "w", encoding="utf-8") as file:
            file.write("00" * 20 + "\n")
        node.settings["access"] = {"mode": "deny", "file": listed}
        cluster.start()
        ids = node.status()["keys"]["ids"]
        good = cluster.key + ".good"
        subprocess.run([SHOAL, "keygen", good], check=True, stdout=subprocess.DEVNULL)
        for key_is_bad in (True, False):
            with self.subTest(key_is_bad=key_is_bad):
                bad = os.path.join(cluster.folder, "bad")
                with open(bad, "w", encoding="utf-8") as file:
                    file.write("nonsense\n")
                with open(listed, "a", encoding="utf-8") as file:
                    file.write("11" * 20 + "\n" if key_is_bad else "nonsense\n")
                node.settings["sync"]["key_files"] = [bad if key_is_bad else good]
                node.write_config()
                self.assertFalse(hang_up(node))
                self.assertEqual(node.status()["keys"]["ids"], ids)
                self.assertEqual(node.status()["access"]["file_entries"], 1)
        with open(listed, "w", encoding="utf-8") as file:
            file.write("00" * 20 + "\n" + "11" * 20 + "\n")
        self.assertTrue(hang_up(node))
        self.assertNotEqual(node.status()["keys"]["ids"], ids)
        self.assertEqual(node.status()["access"]["file_entries"], 2)


class Failed(ReloadCase):
    def test_a_signal_that_failed_shows_in_the_status(self):
        node = self.node(0)
        before = shoal("status", "--admin", node.admin).stdout
        self.assertNotIn("reload", before)
        self.set(tracker__interval_s=0, tracker__numwant_max=0)
        self.assertFalse(hang_up(node))
        error = node.status()["reload"]["error"]
        self.assertRegex(error, r"^.*/a\.toml:\d+: tracker\.interval_s: 0 is not allowed: .*\n.*tracker\.numwant_max: 0 is not")
        shown = shoal("status", "--admin", node.admin).stdout
        self.assertIn("\nthe last reload failed, everything stays as it was: ", shown)
        self.assertIn("tracker.interval_s: 0 is not allowed", shown)
        self.set(tracker__interval_s=1800, tracker__numwant_max=None)
        self.assertTrue(hang_up(node))
        self.assertEqual(node.status()["reload"]["error"], "")
        self.assertNotIn("reload", shoal("status", "--admin", node.admin).stdout)


class Restart(ReloadCase):
    def test_they_are_named(self):
        node = self.node(0)
        self.set(node__name="other", node__workers=1, tracker__interval_s=900)
        self.assertEqual(post_json(node, "/v1/reload"), (200, {"result": "reloaded", "applied": ["tracker.interval_s"],
                                                          "need_restart": ["node.name", "node.workers"]}))
        self.assertEqual(node.status()["reload"]["need_restart"], ["node.name", "node.workers"])
        self.assertEqual(node.metric("shoal_options_need_restart"), 2)
        self.assertIn('options have changed that need a restart options="node.name, node.workers"', node.log_text())
        self.assertEqual(node.status()["node"]["name"], "a")

    def test_command(self):
        node = self.node(0)
        self.set(node__name="other", tracker__interval_s=901)

        def reload(*arguments):
            return shoal("reload", "--admin", node.admin, *arguments).stdout

        self.assertEqual(reload(), f"{node.admin}: reloaded\nchanged: tracker.interval_s\n"
                                   "changed, but need a restart: node.name\n")
        self.assertEqual(json.loads(reload("--json"))["applied"], [])
        self.set(node__name="a")
        self.assertEqual(reload(), f"{node.admin}: reloaded\nchanged: no options\n")


class Held(unittest.TestCase):
    """A reload held up by the test: the token file is a FIFO, which the node reads to its end."""

    def setUp(self):
        self.cluster = Cluster(nodes=1, sync="off")
        self.addCleanup(self.cluster.stop)
        self.node = self.cluster.nodes[0]
        self.token = os.path.join(self.cluster.folder, "token")
        with open(self.token, "w", encoding="utf-8") as file:
            file.write(TOKEN + "\n")
        self.node.settings["admin"]["token_file"] = self.token
        self.node.settings["tracker"].update(interval_jitter=0)
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        notify = os.path.join(self.cluster.folder, "notify")
        self.manager.bind(notify)
        self.manager.settimeout(10)
        self.node.run_in = ["env", f"NOTIFY_SOCKET={notify}"]
        self.cluster.start()
        self.expect("READY=1")
        os.unlink(self.token)
        os.mkfifo(self.token)

    def expect(self, wanted):
        while not (message := self.manager.recv(4096).decode()).startswith(wanted):
            self.assertTrue(message.startswith("STATUS="), message)

    def expect_silence(self):
        self.manager.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            self.manager.recv(4096)
        self.manager.settimeout(10)

    def hold(self):
        """Returns once the node reads the token and waits for what we write."""
        # ENXIO: nobody reads yet; wait_for tries again.
        return wait_for(lambda: os.open(self.token, os.O_WRONLY | os.O_NONBLOCK), 10, "the token to be read")

    def let_go(self, held):
        os.write(held, TOKEN.encode() + b"\n")
        os.close(held)

    def set_interval(self, interval_s):
        self.node.settings["tracker"]["interval_s"] = interval_s
        self.node.write_config()

    def interval(self):
        with HttpClient(("127.0.0.1", self.node.tracker_port)) as client:
            return client.announce(fresh_hash(), 1000)["interval"]

    def test_a_second_one_is_remembered_and_ready_is_told_at_the_end(self):
        self.set_interval(500)
        self.node.signal(signal.SIGHUP)
        self.expect("RELOADING=1")
        held = self.hold()
        self.assertEqual(self.interval(), 1800)  # it serves during the reload
        self.assertTrue(self.node.ready())
        self.set_interval(600)
        self.node.signal(signal.SIGHUP)
        self.expect("RELOADING=1")  # and no READY=1 before
        self.let_go(held)
        wait_for(lambda: self.interval() == 500)
        held = self.hold()
        self.manager.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            self.manager.recv(4096)
        self.manager.settimeout(10)
        self.let_go(held)
        self.expect("READY=1")
        wait_for(lambda: self.interval() == 600)
        self.assertEqual(self.node.status()["reload"]["reloads"], 2)

    def test_who_asks_meanwhile_hears_of_the_next(self):
        self.set_interval(500)
        self.node.signal(signal.SIGHUP)
        self.expect("RELOADING=1")
        held = self.hold()
        self.set_interval(700)
        answers = []
        asked = threading.Thread(
            target=lambda: answers.append(post_json(self.node, "/v1/reload", f"Authorization: Bearer {TOKEN}")))
        asked.start()
        self.expect("RELOADING=1")
        self.let_go(held)
        wait_for(lambda: self.interval() == 500)
        self.let_go(self.hold())
        asked.join(10)
        self.assertEqual(answers, [(200, {"result": "reloaded", "applied": ["tracker.interval_s"], "need_restart": []})])
        wait_for(lambda: self.interval() == 700)

    def test_it_leaves_in_good_order_meanwhile(self):
        self.node.signal(signal.SIGHUP)
        self.expect("RELOADING=1")
        held = self.hold()
        self.node.signal()
        self.expect("STOPPING=1")
        self.let_go(held)
        self.assertEqual(self.node.wait(), 0)
