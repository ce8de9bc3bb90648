"""Who may announce what: the access list and the ways to change it, clients, networks."""

import json
import os
import signal

from cluster import free_port
from http_client import announce_target, scrape_target
from nodes import ClusterCase, fresh_hash, post, shoal
from udp_client import Refused
from wait import wait_for

DENIED = "Requested download is not authorized for use with this tracker."


class AccessCase(ClusterCase):
    nodes = 1
    sync = "off"
    access = {}  # options of [access]; file names become paths in the cluster's folder

    @classmethod
    def prepare(cls):
        for node in cls.cluster.nodes:
            node.settings["access"] = dict(cls.access)
            for key in ("file", "state_file", "fifo_add", "fifo_delete"):
                if key in cls.access:
                    node.settings["access"][key] = os.path.join(cls.cluster.folder, node.name + "." + cls.access[key])

    @classmethod
    def path(cls, key, number=0):
        return cls.cluster.nodes[number].settings["access"][key]

    def refusal(self, info_hash, protocol="UDP", number=0, **fields):
        """The reason an announce is refused with, or None."""
        client = self.client(number, protocol)
        if protocol == "UDP":
            try:
                client.announce(info_hash, 1000, **fields)
                return None
            except Refused as refused:
                return str(refused)
        answer = client.get(announce_target(info_hash, 1000)).bencoded()
        if b"failure reason" not in answer:
            return None
        self.assert_may_come_back(answer)
        return answer[b"failure reason"].decode()

    def assert_may_come_back(self, answer):
        """Lists change while a node runs: a refused client is told to retry at its next announce, not never."""
        self.assertIn(answer[b"retry in"], range(27, 34))  # minutes: 1800 s, plus or minus a tenth

    def wait_refused(self, info_hash, refused=True, number=0):
        for protocol in ("UDP", "HTTP"):
            wait_for(lambda p=protocol: (self.refusal(info_hash, p, number) == DENIED) == refused, 10,
                     f"{protocol} of node {number} to {'refuse' if refused else 'serve'} it")

    def shoal(self, *arguments, number=0):
        done = shoal("access", *arguments, "--admin", self.node(number).admin)
        return done.returncode, done.stdout, done.stderr


class AccessAllow(AccessCase):
    access = {"mode": "allow", "file": "list", "state_file": "state", "fifo_add": "add", "fifo_delete": "delete"}

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.listed = fresh_hash()
        cls.write_list([cls.listed])

    @classmethod
    def write_list(cls, hashes, more=""):
        with open(cls.path("file"), "w", encoding="utf-8") as file:
            file.write("# allowed\r\n" + "".join(h.hex() + " a name\r\n" for h in hashes) + more)

    def reload(self, hashes, more=""):
        self.write_list(hashes, more)
        before = self.node(0).status()["access"]
        self.node(0).signal(signal.SIGHUP)
        total = before["reloads"] + before["reloads_failed"]
        wait_for(lambda: sum(self.node(0).status()["access"][k] for k in ("reloads", "reloads_failed")) > total, 10,
                 "the list to be read")
        return self.node(0).status()["access"]

    def test_only_listed_swarms_are_served(self):
        self.assertIsNone(self.refusal(self.listed))
        self.assertIsNone(self.refusal(self.listed, "HTTP"))
        other = fresh_hash()
        self.assertEqual(self.refusal(other), DENIED)
        self.assertEqual(self.refusal(other, "HTTP"), DENIED)
        self.assertEqual(self.client().scrape(self.listed, other)[1], (0, 0, 0))
        self.assertNotIn(other, self.client(0, "HTTP").scrape(self.listed, other))
        self.assertGreaterEqual(self.node(0).metric("shoal_announces_refused_total", reason="swarm"), 2)
        self.assertEqual(self.node(0).status()["access"]["mode"], "allow")

    def test_reload_drops_what_is_no_longer_listed(self):
        other = fresh_hash()
        self.reload([self.listed, other])
        self.wait_refused(other, False)
        swarms = self.node(0).status()["swarms"]
        self.assertEqual(self.reload([self.listed])["file_entries"], 1)
        self.wait_refused(other)
        wait_for(lambda: self.node(0).status()["swarms"] < swarms, 5, "the swarm to be dropped")
        self.assertEqual(self.client().scrape(other), [(0, 0, 0)])

    def test_a_bad_file_leaves_the_old_list(self):
        failed = self.node(0).status()["access"]["reloads_failed"]
        status = self.reload([fresh_hash()], more="not a hash\n")
        self.assertEqual((status["reloads_failed"], status["file_entries"]), (failed + 1, 1))
        self.assertIsNone(self.refusal(self.listed))
        self.assertIn(":3: \"not a hash\" is not an info_hash", self.node(0).log_text().replace("\\\"", "\""))
        self.assertEqual(self.reload([self.listed])["file_entries"], 1)

    def test_command_line(self):
        info_hash = fresh_hash()
        self.assertEqual(self.refusal(info_hash), DENIED)
        code, out, err = self.shoal("add", info_hash.hex())
        self.assertEqual((code, err), (0, ""), out)
        self.wait_refused(info_hash, False)
        self.assertRegex(self.shoal("list")[1], f"(?m)^add    {info_hash.hex()} by [0-9a-f]{{16}}$")
        self.assertEqual(self.shoal("list", info_hash.hex(), self.listed.hex())[1],
                         f"{info_hash.hex()} listed, served\n{self.listed.hex()} listed, served\n")
        self.assertEqual(self.shoal("remove", info_hash.hex())[0], 0)
        self.wait_refused(info_hash)
        listed = json.loads(self.shoal("list", "--json")[1])
        self.assertIn({"info_hash": info_hash.hex(), "change": "remove"},
                      [{k: c[k] for k in ("info_hash", "change")} for c in listed["changes"]])
        # A change overrides the file.
        self.assertEqual(self.shoal("remove", self.listed.hex())[0], 0)
        self.wait_refused(self.listed)
        self.assertEqual(self.shoal("add", self.listed.hex())[0], 0)
        self.wait_refused(self.listed, False)
        many = [fresh_hash().hex() for _ in range(250)]
        self.assertEqual(self.shoal("add", *many)[0], 0)
        listed = self.shoal("list")[1]
        self.assertTrue(all(h in listed for h in many))

    def test_what_a_node_said_is_taken_back(self):
        node = self.node(0)
        info_hash = fresh_hash()
        self.assertEqual(self.shoal("add", info_hash.hex())[0], 0)
        self.wait_refused(info_hash, False)
        self.assertEqual(self.shoal("forget-origin", "nobody")[0], 0)
        self.assertIsNone(self.refusal(info_hash))
        self.assertEqual(self.shoal("forget-origin", node.name)[0], 0)
        self.wait_refused(info_hash)
        self.assertIsNone(self.refusal(self.listed))
        self.assertEqual(node.status()["access"]["changes"], 0)

        def state():
            with open(self.path("state_file"), encoding="utf-8") as file:
                return file.read()

        # It is kept over a restart, so that no copy of the changes comes back.
        wait_for(lambda: "\nforget " in state(), 5)
        # The node itself may go on.
        self.assertEqual(self.shoal("add", info_hash.hex())[0], 0)
        self.wait_refused(info_hash, False)

    def test_command_line_mistakes(self):
        for arguments, code in ((["add"], 2), (["add", "xyz"], 1), (["forget", "00" * 20], 2), ([], 2)):
            with self.subTest(arguments):
                self.assertEqual(self.shoal(*arguments)[0], code)

    def test_admin_endpoint(self):
        info_hash = fresh_hash().hex()
        self.assertEqual(post(self.node(0), f"/v1/access/add?hash={info_hash}").status, 200)
        for path, headers, status in ((f"/v1/access/add?hash={info_hash}", ["Origin: http://evil.example"], 403),
                                      ("/v1/access/add", [], 400), ("/v1/access/add?hash=1", [], 400),
                                      (f"/v1/access/add?name={info_hash}", [], 400),
                                      ("/v1/access/add?" + "&".join([f"hash={info_hash}"] * 101), [], 400),
                                      (f"/v1/access/forget?hash={info_hash}", [], 404)):
            with self.subTest(path[:40]):
                self.assertEqual(post(self.node(0), path, *headers).status, status)
        self.assertEqual(self.node(0).get("/v1/access?hash=xyz")[0], 400)

    def test_fifos(self):
        info_hash, other = fresh_hash(), fresh_hash()
        with open(self.path("fifo_add"), "w", encoding="utf-8") as fifo:
            fifo.write(f"{info_hash.hex()}\n# comment\nnonsense\n{other.hex()}\r\n")
        self.wait_refused(info_hash, False)
        self.wait_refused(other, False)
        self.assertGreaterEqual(self.node(0).status()["access"]["bad_lines"], 1)
        with open(self.path("fifo_delete"), "w", encoding="utf-8") as fifo:
            fifo.write(f"{info_hash.hex()}\n")
        self.wait_refused(info_hash)
        self.assertIsNone(self.refusal(other))

    def test_changes_survive_a_restart(self):
        info_hash = fresh_hash()
        self.assertEqual(self.shoal("add", info_hash.hex())[0], 0)
        wait_for(lambda: info_hash.hex() + " add " in open(self.path("state_file"), encoding="utf-8").read(), 10,
                 "the change to be written")
        self.node(0).signal(signal.SIGKILL)
        self.node(0).wait()
        self.node(0).start()
        wait_for(self.node(0).ready, 10)
        self.assertIsNone(self.refusal(info_hash))
        # Even one made just before an orderly stop.
        self.assertEqual(self.shoal("remove", info_hash.hex())[0], 0)
        self.assertEqual(self.node(0).stop(), 0)
        self.node(0).start()
        wait_for(self.node(0).ready, 10)
        self.assertEqual(self.refusal(info_hash), DENIED)


class AccessDeny(AccessCase):
    access = {"mode": "deny"}

    def test_a_denied_swarm_is_dropped_and_not_scraped(self):
        info_hash = fresh_hash()
        self.assertIsNone(self.refusal(info_hash))
        self.assertEqual(self.client().scrape(info_hash), [(0, 0, 1)])
        self.assertEqual(self.shoal("add", info_hash.hex())[0], 0)
        self.wait_refused(info_hash)
        self.assertEqual(self.client().scrape(info_hash), [(0, 0, 0)])
        self.assertEqual(self.client(0, "HTTP").scrape(info_hash), {})
        wait_for(lambda: self.node(0).status()["access"]["swarms_dropped"] == 1, 5)
        self.assertEqual(self.shoal("remove", info_hash.hex())[0], 0)
        self.wait_refused(info_hash, False)
        self.assertEqual(self.client().scrape(info_hash), [(0, 0, 1)])


class AccessFile(AccessCase):
    """An access list that changed while a node was away: the node brings no denied swarm back."""

    settings = {"tracker": {"full_scrape": True, "full_scrape_interval_s": 0}}
    access = {"mode": "deny", "file": "list"}

    @classmethod
    def prepare(cls):
        super().prepare()
        for number, node in enumerate(cls.cluster.nodes):
            cls.deny([], number)
            node.settings["node"]["snapshot"] = os.path.join(cls.cluster.folder, node.name + ".snapshot")

    @classmethod
    def deny(cls, hashes, number=0):
        with open(cls.path("file", number), "w", encoding="utf-8") as file:
            file.write("".join(info_hash.hex() + "\n" for info_hash in hashes))

    def restart(self, number, denied):
        node = self.node(number)
        self.assertEqual(node.stop(), 0)
        self.deny(denied, number)
        node.start()
        wait_for(node.ready, 20)
        return node

    def scraped(self, number=0):
        text = self.client(number, "HTTP").get("/scrape?format=txt").body.decode()
        return {line.split(":")[0].lower() for line in text.splitlines()}

    def top(self, number=0):
        return {swarm["info_hash"] for swarm in json.loads(self.node(number).get("/v1/top")[1])["swarms"]}


class AccessSnapshot(AccessFile):
    def test_a_snapshot_brings_back_no_denied_swarm(self):
        denied, served = fresh_hash(), fresh_hash()
        for info_hash in (denied, served):
            self.assertIsNone(self.refusal(info_hash))
        node = self.restart(0, [denied])
        self.assertEqual(node.status()["snapshot"]["loaded"], 1)
        self.assertEqual(node.status()["swarms"], 1)
        self.assertEqual(self.scraped(), {served.hex()})
        # And none was written: with the old list there is still only one.
        node = self.restart(0, [])
        self.assertEqual(node.status()["snapshot"]["loaded"], 1)

    def test_top_lists_forget_a_swarm_when_it_is_denied(self):
        denied = fresh_hash()
        self.assertIsNone(self.refusal(denied))
        wait_for(lambda: denied.hex() in self.top(), 40, "the swarm to be listed")
        self.assertEqual(self.shoal("add", denied.hex())[0], 0)
        self.wait_refused(denied)
        self.assertNotIn(denied.hex(), self.top())
        self.assertNotIn(denied.hex(), self.scraped())


class AccessPull(AccessFile):
    nodes = 2
    sync = "unicast"

    def test_a_pull_of_everything_brings_back_no_denied_swarm(self):
        denied, served = fresh_hash(), fresh_hash()
        for info_hash in (denied, served):
            self.assertIsNone(self.refusal(info_hash))
            wait_for(lambda h=info_hash: self.client(1).scrape(h) == [(0, 0, 1)], 10, "the other node to know it")
        self.node(1).settings["node"].pop("snapshot", None)
        node = self.restart(1, [denied])
        wait_for(lambda: self.client(1).scrape(served) == [(0, 0, 1)], 10, "the served swarm to be pulled")
        self.assertEqual(node.status()["swarms"], 1)
        self.assertEqual(self.scraped(1), {served.hex()})


class AccessCluster(AccessCase):
    nodes = 3
    sync = "unicast"
    access = {"mode": "deny"}

    def test_changes_hold_on_all_nodes(self):
        info_hash = fresh_hash()
        for number in range(3):
            self.assertIsNone(self.refusal(info_hash, number=number))
        self.assertEqual(self.shoal("add", info_hash.hex(), number=1)[0], 0)
        for number in range(3):
            self.wait_refused(info_hash, number=number)
            wait_for(lambda n=number: self.client(n).scrape(info_hash) == [(0, 0, 0)], 5, "it is not scraped")
        self.assertEqual(self.shoal("remove", info_hash.hex(), number=2)[0], 0)
        for number in range(3):
            self.wait_refused(info_hash, False, number=number)

    def test_a_node_that_starts_knows_before_it_is_ready(self):
        # Of so many a policy is made once a second.
        hashes = [fresh_hash() for _ in range(11_000)]
        self.assertEqual(self.shoal("add", *[h.hex() for h in hashes])[0], 0)
        node = self.node(2)
        wait_for(lambda: node.status()["access"]["changes"] >= 11_000, 60)
        self.assertEqual(node.stop(), 0)
        self.assertEqual(self.shoal("add", *[h.hex() for h in hashes[:1]])[0], 0)
        node.start()
        wait_for(node.ready, 20)
        for info_hash in hashes[7::1000]:
            self.assertEqual(self.refusal(info_hash, number=2), DENIED)
        self.assertGreaterEqual(node.status()["access"]["changes"], 11_000)


class AccessOpen(AccessCase):
    access = {"mode": "open"}

    def test_there_is_no_list_to_change(self):
        code, _, err = self.shoal("add", fresh_hash().hex())
        self.assertEqual(code, 1)
        self.assertIn("access.mode is open", err)

    def test_mode_changes_with_a_reload(self):
        node, info_hash = self.node(0), fresh_hash()
        self.assertIsNone(self.refusal(info_hash))
        node.settings["access"]["mode"] = "allow"
        node.write_config()
        node.signal(signal.SIGHUP)
        self.wait_refused(info_hash)
        wait_for(lambda: node.status()["swarms"] == 0, 5, "the swarms to be dropped")
        node.settings["access"]["mode"] = "open"
        node.write_config()
        node.signal(signal.SIGHUP)
        self.wait_refused(info_hash, False)
        self.assertNotIn("need a restart", node.log_text())


class AccessClients(AccessCase):
    access = {"clients_allow": ["-qB", "-TR"], "clients_deny": ["-TR1"], "deny_networks": ["127.0.0.128/25"]}

    def test_clients(self):
        for peer_id, served in ((b"-qB4520-", True), (b"-TR4000-", True), (b"-TR1000-", False), (b"-XL0012-", False)):
            with self.subTest(peer_id):
                refusal = self.refusal(fresh_hash(), peer_id=peer_id + bytes(12))
                self.assertEqual(refusal, None if served else "this client is not allowed on this tracker")

    def test_networks(self):
        client = self.client(source="127.0.0.127")
        client.announce(fresh_hash(), 1000, peer_id=b"-qB4520-" + bytes(12))
        denied = self.client(source="127.0.0.129", timeout_s=0.3)
        # Its connect is dropped, and so would be an announce with the id of another address.
        with self.assertRaises(TimeoutError):
            denied.connect()
        wait_for(lambda: self.node(0).metric("shoal_udp_dropped_total", reason="network") >= 1, 5)
        http = self.client(0, "HTTP", source="127.0.0.129")
        for target in (announce_target(fresh_hash(), 1000), scrape_target(fresh_hash())):
            answer = http.get(target).bencoded()
            self.assertEqual(answer[b"failure reason"], b"this network is not allowed on this tracker")
            self.assert_may_come_back(answer)


class AccessPublic(AccessCase):
    access = {"private_addresses": False}

    def test_private_addresses_are_refused(self):
        reason = "private addresses are not allowed on this tracker"
        self.assertEqual(self.refusal(fresh_hash()), reason)
        self.assertEqual(self.refusal(fresh_hash(), "HTTP"), reason)


class AccessStart(ClusterCase):
    """A node that cannot read its list does not start."""

    nodes = 1
    sync = "off"

    def test_bad_files(self):
        folder = self.cluster.folder
        bad = os.path.join(folder, "bad.list")
        with open(bad, "w", encoding="utf-8") as file:
            file.write("00" * 20 + "\nzz\n")
        for option, value, message in (("file", bad, bad + ":2: \"zz\" is not an info_hash"),
                                       ("file", "/nonexistent", "access.file: /nonexistent: cannot be read"),
                                       ("state_file", bad, bad + ":1: is not an access state"),
                                       ("fifo_add", bad, bad + ": is not a FIFO")):
            with self.subTest(option=option, value=value):
                done = shoal("node", "--tracker.udp=", f"--tracker.http=127.0.0.1:{free_port()}", "--admin.listen=",
                             "--access.mode=deny", f"--access.{option}={value}")
                self.assertEqual(done.returncode, 1)
                self.assertIn(message, done.stderr.replace("\\\"", "\""))
