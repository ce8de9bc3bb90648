"""Commands that ask running nodes, as operators and scripts use them."""

import json
import os
import pty
import signal
import subprocess

from cluster import SHOAL
from nodes import ClusterCase, fresh_hash, shoal
from wait import wait_for


class Status(ClusterCase):
    nodes = 3

    def admins(self, *numbers):
        return [word for number in numbers for word in ("--admin", self.node(number).admin)]

    def watch(self, *arguments):
        """A watch that writes to a pipe and ends with the test."""
        process = subprocess.Popen([SHOAL, "status", "--watch", *arguments], stdout=subprocess.PIPE, text=True,
                                   stderr=subprocess.DEVNULL)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_the_table_has_all_members(self):
        def settled():
            members = self.node(0).status()["members"]
            return all(member["round_trip_us"] > 0 and member["synced"] for member in members)

        wait_for(settled, 20, "round trips to be measured")
        head, members, links = shoal("status", *self.admins(0)).stdout.split("\n\n")
        self.assertRegex(head, r"^shoal [\d.]+, cluster default: .* announces\nmemory .*B of .*B\nkeys [0-9a-f]{8}$")
        titles, *rows = members.splitlines()
        self.assertEqual(titles.split(), ["NAME", "STATE", "SYNCED", "ADDRESS", "HEARD"])
        rows = {row.split()[0]: row for row in rows}
        self.assertEqual(set(rows), {"a", "b", "c"})
        self.assertEqual(rows["a"].split()[1:3], ["ready", "yes"])
        self.assertEqual(rows["b"].split()[1:3], ["alive", "yes"])
        titles, *rows = links.splitlines()
        rows = {row.split()[0]: row for row in rows}
        self.assertEqual(set(rows), {"b", "c"})
        self.assertRegex(rows["b"][titles.index("ROUND TRIP"):], r"^\d+\.\d ms ")
        self.assertRegex(rows["b"][titles.index("LOSS IN"):], r"^[\d.]+ % ")
        self.assertIn("CLOCK", titles)

    def on_terminal(self, *arguments, code=0, **environment):
        """What the program writes to a terminal."""
        ours, theirs = pty.openpty()
        variables = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
        process = subprocess.Popen([SHOAL, *arguments], stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.DEVNULL,
                                   env={**variables, "TERM": "xterm", **environment})
        os.close(theirs)
        written = b""
        try:
            while block := os.read(ours, 65536):
                written += block
        except OSError:  # the end of a terminal that the other side has closed
            pass
        os.close(ours)
        self.assertEqual(process.wait(10), code)
        return written.decode()

    def test_colours_are_for_terminals(self):
        ready = "\x1b[32mready\x1b[0m"
        self.assertIn(ready, self.on_terminal("status", *self.admins(0)))
        self.assertNotIn("\x1b", self.on_terminal("status", *self.admins(0), NO_COLOR="1"))
        self.assertNotIn("\x1b", self.on_terminal("status", *self.admins(0), TERM="dumb"))
        self.assertIn(ready, self.on_terminal("status", *self.admins(0), NO_COLOR=""))
        self.assertNotIn("\x1b", shoal("status", *self.admins(0), environment={"TERM": "xterm"}).stdout)
        probe = ("probe", "--all", f"127.0.0.1:{self.node(0).tracker_port}")
        self.assertIn("\x1b[1mADDRESS\x1b[0m", self.on_terminal(*probe))
        self.assertNotIn("\x1b", self.on_terminal(*probe, NO_COLOR="1"))
        failing = ("probe", "http://127.0.0.1:1/announce")
        self.assertIn("\x1b[1;31mFAILED\x1b[0m", self.on_terminal(*failing, code=1))
        self.assertNotIn("\x1b", self.on_terminal(*failing, code=1, NO_COLOR="1"))

    def test_tables_fit_100_columns(self):
        probe = [f"{host}:{node.tracker_port}" for node in self.cluster.nodes for host in ("127.0.0.1", "[::1]")]
        for command in (["status", *self.admins(0)], ["probe", "--all", *probe, *self.admins(0)]):
            with self.subTest(command[0]):
                lines = shoal(*command).stdout.splitlines()
                self.assertGreater(len(lines), 5)
                self.assertLessEqual(max(map(len, lines)), 100)

    def test_watch_shows_it_anew_in_a_pipe_until_interrupted(self):
        process = self.watch(*self.admins(0))
        shown = [process.stdout.readline() for _ in range(20)]
        self.assertGreaterEqual(sum(line.startswith("shoal ") for line in shown), 2)
        self.assertGreaterEqual(sum(line.startswith("c ") for line in shown), 2)
        self.assertNotIn("\x1b", "".join(shown))
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(10), 0)

    def test_watch_as_json_is_a_line_each(self):
        process = self.watch("--json", *self.admins(0, 1), "--admin", "127.0.0.1:1")
        for _ in range(2):
            a, b, none = json.loads(process.stdout.readline())
            self.assertEqual((a["node"]["name"], b["node"]["name"]), ("a", "b"))
            self.assertEqual(none, {"admin": "127.0.0.1:1", "error": "Connection refused"})

    def test_watch_ends_when_nobody_reads(self):
        process = self.watch(*self.admins(0))
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual(process.wait(10), -signal.SIGPIPE)

    def test_ready_as_json(self):
        run = shoal("status", "--ready", "--json", *self.admins(0), "--admin", "127.0.0.1:1")
        self.assertEqual(run.returncode, 1)
        self.assertEqual(json.loads(run.stdout), [
            {"admin": self.node(0).admin, "ready": True},
            {"admin": "127.0.0.1:1", "error": "Connection refused", "ready": False}])
        self.assertEqual(run.stderr, "shoal: 127.0.0.1:1: Connection refused\n")


    def test_a_trackers_port_is_named_as_such(self):
        tracker = f"127.0.0.1:{self.node(0).tracker_port}"
        swarm = os.urandom(20).hex()
        for command in (["status"], ["status", "--ready"], ["top"], ["drain"], ["reload"], ["access", "list"],
                        ["access", "add", swarm]):
            with self.subTest(command):
                run = shoal(*command, "--admin", tracker)
                self.assertEqual((run.returncode, run.stdout), (1, ""))
                self.assertEqual(run.stderr, f"shoal: {tracker}: this is a tracker's port; the admin endpoint is at "
                                             "admin.listen, by default 127.0.0.1:9697\n")
        self.assertTrue(self.node(0).ready())


class Changes(ClusterCase):
    nodes = 1
    sync = "off"
    settings = {"access": {"mode": "deny"}}

    def shoal(self, *arguments):
        return shoal(*arguments, "--admin", self.node(0).admin)

    def test_access_as_json(self):
        hashes = sorted(os.urandom(20).hex() for _ in range(150))
        for verb, result in (("add", "added"), ("remove", "removed")):
            run = self.shoal("access", verb, *hashes, "--json")
            self.assertEqual(json.loads(run.stdout), {"result": result, "hashes": 150})
        run = self.shoal("access", "list", *hashes, "--json")
        self.assertEqual([row["info_hash"] for row in json.loads(run.stdout)["hashes"]], hashes)
        run = self.shoal("access", "list", "--json")
        self.assertEqual({row["change"] for row in json.loads(run.stdout)["changes"]}, {"remove"})
        self.assertEqual(len(self.shoal("access", "list", *hashes).stdout.splitlines()), 150)

    def test_top(self):
        with self.client() as client:
            for number in range(3):
                client.announce(fresh_hash(), 1000 + number)
            popular = fresh_hash()
            for number in range(4):
                client.announce(popular, 2000 + number, left=0)

        def known():
            swarms = json.loads(self.shoal("top", "--json", "--amount", "1").stdout)["swarms"]
            return swarms and swarms[0]["info_hash"] == popular.hex()

        wait_for(known, 60, "the node to look for its largest swarms", interval_s=0.5)
        lines = self.shoal("top").stdout.splitlines()
        self.assertEqual(lines[0].split(), ["INFO_HASH", "SEEDERS", "LEECHERS", "COMPLETED"])
        self.assertEqual(lines[1].split(), [popular.hex(), "4", "0", "0"])
