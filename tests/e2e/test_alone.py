"""A node knows when it is alone or has another's name; members that left, and members that are forgotten."""

import os
import re
import signal
import subprocess
import tempfile
import unittest

from cluster import SHOAL, Cluster, at, free_port
from nodes import ClusterCase, fresh_hash, post, shoal
from udp_client import UdpClient
from wait import wait_for

ALONE_S = 25  # a node waits 15 s for the peers that it names


def key_id(node):
    return node.status()["keys"]["ids"]


def states(node):
    return {member["name"]: member["state"] for member in node.status()["members"]}


def table(node):
    return shoal("status", "--admin", node.admin).stdout


def one_node(case, name, **settings):
    """A node of its own cluster object, not started; `settings` by section."""
    cluster = Cluster(nodes=1, settings={"node": {"name": name}, **settings})
    case.addCleanup(cluster.stop)
    return cluster.nodes[0]


class Strangers(unittest.TestCase):
    """Four nodes that name each other: two keys, two cluster names; and an address where nothing runs."""

    def test_each_names_the_others_and_is_not_ready(self):
        with tempfile.TemporaryDirectory(prefix="shoal-test-") as folder:
            ours, other = (os.path.join(folder, name) for name in ("ours", "other"))
            for path in (ours, other):
                subprocess.run([SHOAL, "keygen", path], check=True, stdout=subprocess.DEVNULL)
            listens = [at("127.0.0.1", free_port()) for _ in range(4)]
            nobody, keyed, foreign, here = listens
            nodes = {}
            for name, listen, key, cluster in (("here", here, ours, "main"), ("keyed", keyed, other, "main"),
                                               ("foreign", foreign, ours, "else")):
                nodes[name] = one_node(self, name, sync={"listen": listen, "cluster": cluster, "key_files": [key],
                                                         "peers": [*listens, "no-such-host.invalid:6970"]})
                nodes[name].start()
            node = nodes["here"]
            wait_for(lambda: node.status()["node"]["alone"], ALONE_S, "the node to be alone")
            status, text = node.get("/readyz")
            theirs = key_id(nodes["keyed"])
            self.assertEqual(status, 503)
            self.assertTrue(text.startswith("not ready: alone: no sync peer of 4 answers ("), text)
            for part in (f"{nobody} silent", f"{keyed} seals with key {theirs} that this node lacks",
                         f"{foreign} is of another cluster", "no-such-host.invalid:6970 does not resolve"):
                self.assertIn(part, text)
            sights = {peer["peer"]: peer["sight"] for peer in node.status()["sync_peers"]}
            self.assertEqual(sights, {nobody: "silent", keyed: "other_key", foreign: "other_cluster", here: "own",
                                      "no-such-host.invalid:6970": "unresolved"})
            self.assertEqual({one["address"] for one in node.status()["strangers"]}, {keyed, foreign})
            self.assertIn(f"{keyed} seals with key {theirs} that this node lacks", table(node))
            self.assertEqual(node.metric("shoal_sync_alone"), 1)
            self.assertEqual(node.metric("shoal_ready"), 0)
            self.assertEqual(node.metric("shoal_sync_peer_met"), 0)
            wait_for(lambda: "this node is alone: no sync peer of 4 answers" in node.log_text(), 5, "a line in the log")
            # Both sides say so.
            for one, what in (("keyed", f"{here} seals with key {key_id(node)} that this node lacks"),
                              ("foreign", f"{here} is of another cluster")):
                wait_for(lambda n=nodes[one]: n.status()["node"]["alone"], ALONE_S)
                self.assertIn(what, nodes[one].get("/readyz")[1])
            # It serves all the same.
            with UdpClient(("127.0.0.1", node.tracker_port)) as client:
                client.announce(fresh_hash(), 1000)
            # The right key ends it.
            nodes["keyed"].settings["sync"]["key_files"] = [ours]
            nodes["keyed"].write_config()
            nodes["keyed"].signal(signal.SIGHUP)
            for one in ("here", "keyed"):
                wait_for(nodes[one].ready, 10, f"{one} to be ready")
                self.assertEqual(nodes[one].status()["node"]["alone"], "")
            wait_for(lambda: "this node is no longer alone" in node.log_text(), 5, "a line in the log")


class LastOne(unittest.TestCase):
    def test_a_first_node_becomes_ready_with_the_second_and_stays_so_as_the_last_one(self):
        with Cluster(nodes=2, settings={"node": {"log_level": "info"}}) as cluster:
            first, second = cluster.nodes
            second.process.kill()
            second.wait()
            wait_for(lambda: first.status()["node"]["alone"], 20, "the last one to be alone")
            self.assertEqual(first.get("/readyz")[0], 200)
            self.assertRegex(first.get("/readyz")[1], r"^ready\nalone: the only sync peer does not answer \(.* silent\)\n$")
            self.assertIn("alone: the only sync peer does not answer", table(first))
            # A restart forgets what was held, unless there is a snapshot.
            first.stop()
            first.start()
            wait_for(lambda: first.status()["node"]["alone"], ALONE_S, "the first one to be alone")
            self.assertEqual(first.get("/readyz")[0], 503)
            second.settings["node"]["snapshot"] = os.path.join(cluster.folder, "snapshot")
            second.start()
            for node in (first, second):
                wait_for(node.ready, 20, f"{node.name} to be ready")
            first.process.kill()
            first.wait()
            wait_for(lambda: second.status()["node"]["alone"], 20)
            second.stop()
            second.start()
            wait_for(lambda: second.status()["node"]["alone"], ALONE_S, "the second one to be alone")
            self.assertEqual(second.get("/readyz")[0], 200)
            self.assertTrue(second.status()["node"]["held"])


class Namesake(ClusterCase):
    nodes = 3

    def test_the_second_of_a_name_is_refused_and_the_first_goes_on(self):
        first = self.node(1)
        double = one_node(self, "b", sync={"key_files": [self.cluster.key],
                                           "peers": [self.node(0).settings["sync"]["listen"]]})
        double.start()
        there, here = (node.settings["sync"]["listen"] for node in (double, first))
        wait_for(lambda: double.status()["node"]["name_taken_by"], 10, "the second to know")
        self.assertEqual(double.status()["node"]["name_taken_by"], here)
        self.assertEqual(double.get("/readyz"), (
            503, f"not ready: refused: another node of this name was there first, at {here}; give each node a name of "
                 "its own (node.name)\n"))
        self.assertEqual(double.metric("shoal_sync_name_taken"), 1)
        self.assertIn("another node is named b and was there first: this node is refused", double.log_text())
        wait_for(lambda: first.status()["node"]["namesake"] == there, 10, "the first to know")
        for number in (0, 2):
            def told(n=self.node(number)):
                return {m["name"]: m["namesake"] for m in n.status()["members"]}["b"] == there
            wait_for(told, 10, "the others to know")
            member = {m["name"]: m for m in self.node(number).status()["members"]}["b"]
            self.assertEqual((member["state"], member["address"]), ("alive", here))
            self.assertEqual(member["incarnation"], first.status()["node"]["incarnation"])
            self.assertEqual(self.node(number).metric("shoal_sync_namesakes"), 1)
        self.assertIn("two nodes are named b", self.node(0).log_text())
        self.assertIn(f"another node has the name b and is refused: {there}", table(self.node(0)))
        for number in range(3):
            self.assertTrue(self.node(number).ready())
        # The first one's peers go round, the second one's do not.
        theirs, ours = fresh_hash(), fresh_hash()
        with UdpClient(("127.0.0.1", double.tracker_port)) as client:
            client.announce(theirs, 1000)
        self.client(1).announce(ours, 1000)
        wait_for(lambda: self.client(0).scrape(ours) == [(0, 0, 1)], 5)
        self.assertEqual(self.client(0).scrape(theirs), [(0, 0, 0)])

    def test_a_killed_node_that_starts_again_has_its_name(self):
        node = self.node(2)
        before = self.node(0).log_text().count("names must differ")
        for new_address in (False, True):
            node.process.kill()
            node.wait()
            if new_address:
                node.settings["sync"]["listen"] = at("127.0.0.1", free_port())
            node.start()
            wait_for(node.ready, 10, "the node to be ready")
            run = node.status()["node"]["incarnation"]
            for number in (0, 1):
                wait_for(lambda n=self.node(number), r=run: r in [m["incarnation"] for m in n.status()["members"]], 5)
            self.assertEqual(node.status()["node"]["name_taken_by"], "")
        self.assertEqual(self.node(0).log_text().count("names must differ"), before)


class Leaving(ClusterCase):
    nodes = 4

    def test_left_and_down_and_forgotten(self):
        nodes = self.cluster.nodes
        self.assertEqual(nodes[2].stop(), 0)
        wait_for(lambda: states(nodes[0]).get("c") == "left", 5, "c to have left")
        nodes[3].process.kill()
        nodes[3].wait()
        nodes[3].process = None
        wait_for(lambda: states(nodes[0]).get("d") == "down", 20, "d to be down")
        self.assertEqual(states(nodes[0]), {"b": "alive", "c": "left", "d": "down"})
        node = nodes[0]
        self.assertEqual(node.metric("shoal_sync_member_state", member="c", state="left"), 1)
        self.assertEqual(node.metric("shoal_sync_member_state", member="c", state="down"), 0)
        # The four places where the state stands agree.
        page = node.get("/")[1]
        rows = {}
        for line in table(node).splitlines():
            if line.strip():
                rows.setdefault(line.split()[0], line.split()[1:3])
        for member in node.status()["members"]:
            name, state, synced = member["name"], member["state"], "yes" if member["synced"] else "no"
            self.assertEqual(rows[name], [state, synced])
            row = re.search(rf"<td>{name}<small.*?</tr>", page).group()
            self.assertIn(f'<span class="state {state}">{state}</span>', row)
            self.assertIn(f'<td class="wide">{synced}</td>', row)
            self.assertEqual(node.metric("shoal_sync_member_synced", member=name), int(member["synced"]))
            self.assertEqual(node.metric("shoal_sync_member_state", member=name, state=state), 1)
        # Nobody is alone for that, and only what has ended can be forgotten.
        for one in nodes[:2]:
            self.assertEqual(one.status()["node"]["alone"], "")
        self.assertEqual(post(node, "/v1/members/forget?name=b").status, 409)
        self.assertEqual(post(node, "/v1/members/forget?name=nobody").status, 404)
        refused = shoal("forget", "b", "--admin", node.admin)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("b runs: only a member that is down or has left can be forgotten", refused.stderr)
        for name in ("c", "d"):
            done = shoal("forget", name, "--admin", node.admin)
            self.assertEqual((done.returncode, done.stdout), (0, f"{node.admin}: {name} is forgotten\n"), done.stderr)
        self.assertEqual(states(node), {"b": "alive"})
        wait_for(lambda: states(nodes[1]) == {"a": "alive"}, 10, "the other node to forget them")
        self.assertIn("member forgotten, as an operator asked", nodes[1].log_text())
