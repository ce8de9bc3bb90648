"""How a node starts and stops: drain, second signals, snapshots."""

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import unittest

from announcer import Announcer, Ready
from cluster import SHOAL, Cluster
from http_client import HttpClient
from nodes import ClusterCase, fresh_hash, post, shoal
from udp_client import Refused, UdpClient
from wait import wait_for


def drain(node):
    return shoal("drain", "--admin", node.admin)


class Drain(ClusterCase):
    settings = {"node": {"drain_s": 3}}

    def setUp(self):
        for node in self.cluster.nodes:
            if node.process.poll() is not None:
                node.start()
        for node in self.cluster.nodes:
            wait_for(node.ready, 20)

    def test_not_ready_serves_on_leaves_and_exits(self):
        node = self.node(2)
        client = self.client(2)
        keep_alive = HttpClient(("127.0.0.1", node.tracker_port))
        self.addCleanup(keep_alive.close)
        info_hash = fresh_hash()
        self.assertEqual(keep_alive.get(f"/scrape?info_hash={'%01' * 20}").headers.get("connection"), None)
        asked = drain(node)
        self.assertEqual((asked.returncode, asked.stdout), (0, f"{node.admin}: draining\n"), asked.stderr)
        self.assertEqual(node.get("/readyz"), (503, "not ready: draining\n"))
        self.assertEqual(drain(node).stdout, f"{node.admin}: draining already\n")
        self.assertEqual(node.get("/healthz")[0], 200)
        client.announce(info_hash, 1000)
        # A client on a kept connection is told to close it.
        self.assertEqual(keep_alive.get(f"/scrape?info_hash={'%01' * 20}").headers.get("connection"), "close")
        # The first signal during a drain started by request does not cut it short.
        node.signal()
        self.assertEqual(node.process.wait(10), 0)
        self.assertEqual(self.peers_seen(0, info_hash), {("127.0.0.1", 1000)})
        self.assertNotIn("c", [m["name"] for m in self.node(0).status()["members"] if m["state"] == "alive"])

    def test_second_signal_exits_at_once(self):
        node = self.node(2)
        start = time.monotonic()
        node.signal()
        wait_for(lambda: node.get("/readyz")[0] == 503, 2)
        node.signal(signal.SIGINT)
        self.assertEqual(node.process.wait(2), 1)
        self.assertLess(time.monotonic() - start, 3)

    def test_no_answer_is_lost_under_load(self):
        targets = [("127.0.0.1", node.tracker_port) for node in self.cluster.nodes]
        with Ready(self.cluster.nodes) as ready, Announcer(targets, 500, choose=ready.numbers) as load:
            for number in range(3):
                wait_for(lambda: ready.numbers() == [0, 1, 2], 20)
                node = self.node(number)
                node.signal()
                self.assertEqual(node.process.wait(10), 0)
                node.start()
        self.assertGreater(load.answered, 1000)
        self.assertEqual(load.unanswered, [])
        self.assertEqual(load.answered, load.sent)

    def test_the_tracker_takes_no_post(self):
        with HttpClient(("127.0.0.1", self.node(0).tracker_port)) as client:
            client.send(b"POST /v1/drain HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertEqual(client.read_response().status, 405)
        self.assertTrue(self.node(0).ready())

    def test_a_web_page_cannot_drain(self):
        self.assertEqual(post(self.node(0), "/v1/drain", "Origin: http://evil.example").status, 403)
        self.assertTrue(self.node(0).ready())

    def test_drain_of_no_node(self):
        asked = shoal("drain", "--admin", "127.0.0.1:1")
        self.assertEqual(asked.returncode, 1)
        self.assertIn("127.0.0.1:1: Connection refused", asked.stderr)


class ServiceManager(unittest.TestCase):
    """What a unit of Type=notify reports to systemd."""

    def test_ready_reload_stop(self):
        cluster = Cluster(nodes=1, sync="off", settings={"node": {"drain_s": 1}})
        self.addCleanup(cluster.stop)
        path = os.path.join(cluster.folder, "notify")
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(path)
        manager.settimeout(10)
        node = cluster.nodes[0]
        node.run_in = ["env", f"NOTIFY_SOCKET={path}", "WATCHDOG_USEC=200000"]

        def expect(wanted):
            while True:
                message = manager.recv(4096).decode()
                if message.startswith(wanted):
                    return
                self.assertIn(message.split("=")[0], ("STATUS", "WATCHDOG"))

        node.start()
        expect("READY=1")
        self.assertTrue(node.ready())
        node.signal(signal.SIGHUP)
        expect("RELOADING=1\nMONOTONIC_USEC=")
        expect("READY=1")
        node.signal()
        expect("STOPPING=1")
        expect("STATUS=not ready: draining")
        expect("WATCHDOG=1")
        self.assertEqual(node.process.wait(10), 0)


class SnapshotCase(unittest.TestCase):
    def cluster_with(self, nodes=1, sync="off", **node):
        """A running cluster; each node has its own snapshot."""
        cluster = Cluster(nodes=nodes, sync=sync, settings={"node": node})
        self.addCleanup(cluster.stop)
        for one in cluster.nodes:
            one.settings["node"]["snapshot"] = os.path.join(cluster.folder, f"{one.name}.snapshot")
        return cluster.start()

    @staticmethod
    def again(cluster):
        for node in cluster.nodes:
            node.signal()
        codes = [node.process.wait(20) for node in cluster.nodes]
        if any(codes):
            raise AssertionError(f"exit codes {codes}")
        cluster.start()

    @staticmethod
    def scrape(node, info_hash):
        with UdpClient(("127.0.0.1", node.tracker_port)) as client:
            return client.scrape(info_hash)[0]

    @staticmethod
    def fill(node, swarms, peers=100):
        with UdpClient(("127.0.0.1", node.tracker_port)) as client:
            for _ in range(swarms):
                info_hash = fresh_hash()
                for port in range(1, peers + 1):
                    client.announce(info_hash, port, numwant=0)
        return info_hash


class Snapshot(SnapshotCase):
    def test_whole_cluster_restarts(self):
        cluster = self.cluster_with(nodes=3, sync="unicast")
        info_hash = fresh_hash()
        with UdpClient(("127.0.0.1", cluster.nodes[0].tracker_port)) as client:
            client.announce(info_hash, 1000)
            client.announce(info_hash, 1001, left=0, event="completed")
            client.announce(info_hash, 1002)
            client.announce(info_hash, 1002, event="stopped")
        for node in cluster.nodes:
            wait_for(lambda n=node: self.scrape(n, info_hash) == (1, 1, 1), 5)
        self.again(cluster)
        for node in cluster.nodes:
            self.assertEqual(self.scrape(node, info_hash), (1, 1, 1))
            with UdpClient(("127.0.0.1", node.tracker_port)) as client:
                peers = client.announce(info_hash, 60000, event="started")["peers"]
                client.announce(info_hash, 60000, event="stopped")
            self.assertEqual({port for _, port in peers if port < 2000}, {1000, 1001})

    def test_a_single_node(self):
        cluster = self.cluster_with()
        info_hash = self.fill(cluster.nodes[0], 3)
        self.again(cluster)
        self.assertEqual(self.scrape(cluster.nodes[0], info_hash), (0, 0, 100))

    def test_damaged_and_foreign_files_are_set_aside(self):
        cluster = self.cluster_with()
        node = cluster.nodes[0]
        path = node.settings["node"]["snapshot"]
        info_hash = self.fill(node, 1)
        node.stop()
        with open(path, "r+b") as file:
            file.seek(100)
            file.write(b"damage")
        node.start()
        wait_for(node.ready, 10)
        self.assertIn("snapshot ignored", node.log_text())
        self.assertTrue(os.path.exists(path + ".bad"))
        self.assertEqual(self.scrape(node, info_hash), (0, 0, 0))
        self.assertEqual(node.metric("shoal_snapshot_refused"), 1)
        node.stop()
        node.settings["sync"] = {"cluster": "other"}
        node.start()
        wait_for(node.ready, 10)
        self.assertIn('it belongs to cluster \\"default\\", this node to \\"other\\"', node.log_text())

    def test_killed_while_it_writes(self):
        cluster = self.cluster_with(snapshot_interval_s=1)
        node = cluster.nodes[0]
        path = node.settings["node"]["snapshot"]
        info_hash = self.fill(node, 40)
        node.stop()
        before = os.stat(path).st_size
        for pause_s in (0.98, 1.0, 1.01, 1.02, 1.05):
            node.start()
            wait_for(node.ready, 10)
            time.sleep(pause_s)  # waits for nothing: kills at another moment each time
            node.process.kill()
            node.process.wait()
        self.assertGreaterEqual(os.stat(path).st_size, before - 100)
        node.start()
        wait_for(node.ready, 10)
        self.assertEqual(self.scrape(node, info_hash), (0, 0, 100))
        self.assertNotIn("snapshot ignored", node.log_text())

    def test_folder_that_is_not_there(self):
        run = shoal("node", "--node.snapshot", "/nonexistent/snapshot", "--admin.listen", "", "--tracker.http", "",
                    "--tracker.udp", "127.0.0.1:1999")
        self.assertEqual(run.returncode, 1)
        self.assertIn("node.snapshot: cannot write into /nonexistent", run.stderr)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_inside_a_chroot_as_another_user(self):
        cluster = Cluster(nodes=1, sync="off")
        self.addCleanup(cluster.stop)
        node = cluster.nodes[0]
        jail = os.path.join(cluster.folder, "jail")
        os.makedirs(os.path.join(jail, "state"))
        os.chmod(cluster.folder, 0o755)
        shutil.chown(os.path.join(jail, "state"), "nobody")
        node.settings["node"].update(user="nobody", chroot=jail, snapshot="/state/snapshot")
        cluster.start()
        info_hash = self.fill(node, 1)
        self.again(cluster)
        self.assertEqual(self.scrape(node, info_hash), (0, 0, 100))
        self.assertTrue(os.path.exists(os.path.join(jail, "state", "snapshot")))

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_full_disk(self):
        cluster = Cluster(nodes=1, sync="off")
        self.addCleanup(cluster.stop)
        node = cluster.nodes[0]
        disk = os.path.join(cluster.folder, "disk")
        os.mkdir(disk)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", disk], check=False).returncode:
            self.skipTest("no tmpfs to be had")
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=True)
        node.settings["node"].update(snapshot=os.path.join(disk, "snapshot"), snapshot_interval_s=1)
        cluster.start()
        wait_for(lambda: node.metric("shoal_snapshot_writes_total", result="ok") > 0, 10)
        self.fill(node, 400, 20)
        wait_for(lambda: node.metric("shoal_snapshot_writes_total", result="failed") > 0, 10)
        self.assertEqual(os.listdir(disk), ["snapshot"])
        self.assertIn("No space left on device", node.log_text())
        self.assertTrue(node.ready())
        node.stop()
        node.start()
        wait_for(node.ready, 10)
        self.assertNotIn("snapshot ignored", node.log_text())


class KeyReload(ClusterCase):
    nodes = 1
    sync = "off"

    def test_bad_files_change_nothing(self):
        node = self.node(0)
        client = self.client(0)
        client.connect()
        path = os.path.join(self.cluster.folder, "one.key")
        shutil.copy(self.cluster.key, path)
        node.stop()
        node.settings["sync"] = {"key_files": [path]}
        node.start()
        wait_for(node.ready, 10)
        ids = node.status()["keys"]["ids"]
        self.assertRegex(ids, "^[0-9a-f]{8}$")
        connection_id = client.connect()
        with open(path, "w", encoding="utf-8") as file:
            file.write("nonsense\n")
        node.signal(signal.SIGHUP)
        wait_for(lambda: node.status()["keys"]["reloads_failed"] == 1, 5)
        self.assertEqual(node.status()["keys"]["ids"], ids)
        self.assertIn("everything stays as it was", node.log_text())
        client.announce(fresh_hash(), 1000)

        other = os.path.join(self.cluster.folder, "two.key")
        subprocess.run([SHOAL, "keygen", other], check=True, stdout=subprocess.DEVNULL)
        shutil.copy(self.cluster.key, path)
        node.settings["sync"]["key_files"] = [other, path]
        node.write_config()
        node.signal(signal.SIGHUP)
        wait_for(lambda: node.status()["keys"]["reloads"] == 1, 5)
        self.assertRegex(node.status()["keys"]["ids"], f"^[0-9a-f]{{8}}, {ids}$")
        client.announce(fresh_hash(), 1000)  # with an id made with the old key
        self.assertNotEqual(client.connect(), connection_id)
        # The old key is removed, and with it the ids made with it.
        node.settings["sync"]["key_files"] = [other]
        node.write_config()
        node.signal(signal.SIGHUP)
        wait_for(lambda: node.status()["keys"]["reloads"] == 2, 5)
        client.announce(fresh_hash(), 1000)
        client.connection_id = connection_id
        with self.assertRaisesRegex(Refused, "^connect again$"):
            client.announce(fresh_hash(), 1000)

    def test_under_load(self):
        """Many reloads while announces flow: none is lost."""
        node = self.node(0)
        over = threading.Event()

        def hang_up():
            while not over.wait(0.05):
                node.signal(signal.SIGHUP)

        thread = threading.Thread(target=hang_up)
        with Announcer([("127.0.0.1", node.tracker_port)], 1000, limit=1000) as load:
            thread.start()
            load.wait(30)
        over.set()
        thread.join()
        self.assertEqual((load.answered, load.unanswered), (1000, []))
