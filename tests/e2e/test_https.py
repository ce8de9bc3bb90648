"""HTTPS: announces, versions and ciphers, certificates by SNI, resumption on other nodes, reloads, what is refused."""

import contextlib
import http.server
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

import bencode
from certificates import Authority
from cluster import SHOAL, at, free_port
from http_client import announce_target, parse_announce
from nodes import ClusterCase, fresh_hash, shoal
from reloads import hang_up
from wait import wait_for

NAME = "tracker.example"
SESSIONS = 12


class TlsClient:
    """One connection; `session` of another to resume."""

    def __init__(self, port, ca, session=None, host=NAME, version=None, context=None, address="127.0.0.1"):
        self.context = context or trusting(ca, version)
        raw = socket.create_connection((address, port), timeout=5)
        self.socket = self.context.wrap_socket(raw, server_hostname=host, session=session)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def get(self, target, keep=True):
        """Status and body."""
        kind = "keep-alive" if keep else "close"
        self.socket.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: {kind}\r\n\r\n".encode("latin-1"))
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.more()
        head, body = data.split(b"\r\n\r\n", 1)
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += self.more()
        return int(head.split()[1]), body

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("closed inside an answer")
        return data


def trusting(ca, version=None):
    context = ssl.create_default_context(cafile=ca)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def subject(connection):
    return dict(pair[0] for pair in connection.socket.getpeercert()["subject"])["commonName"]


def s_client(port, *arguments):
    """openssl s_client, whose input ends at once; returns its output."""
    ended = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", NAME, *arguments],
                           input="", capture_output=True, text=True, timeout=20, check=False)
    return ended.stdout + ended.stderr


class HttpsCase(ClusterCase):
    hosts = ("127.0.0.1",)
    certificates = (("first", [NAME, "127.0.0.1"], "ec"),)

    @classmethod
    def prepare(cls):
        cls.authority = Authority(cls.cluster.folder)
        cls.pairs = [cls.authority.issue(*one) for one in cls.certificates]
        cls.ports = [free_port(cls.hosts) for _ in cls.cluster.nodes]
        for node, port in zip(cls.cluster.nodes, cls.ports):
            node.settings["tracker"].update(https=[at("127.0.0.1", port)], tls_certificates=[pair[0] for pair in cls.pairs],
                                            tls_keys=[pair[1] for pair in cls.pairs])

    def connect(self, number=0, **more):
        client = TlsClient(self.ports[number], self.authority.ca, **more)
        self.addCleanup(client.socket.close)
        return client


class OneNode(HttpsCase):
    nodes = 1
    sync = "off"
    certificates = (("first", [NAME, "127.0.0.1"], "ec"), ("second", ["other.example", "*.wild.example"], "rsa"))

    def test_announces(self):
        info_hash = fresh_hash()
        self.client(0).announce(info_hash, 1111)
        with self.connect() as client:
            for port in (2222, 3333):  # one connection
                status, body = client.get(announce_target(info_hash, port))
                self.assertEqual(status, 200)
        self.assertIn(("127.0.0.1", 1111), parse_announce(bencode.decode(body), socket.AF_INET)["peers"])
        self.assertIn(("127.0.0.1", 3333), self.peers_seen(0, info_hash))

    def test_versions(self):
        full = self.node(0).metric("shoal_tls_handshakes_total", kind="full")
        for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
            with self.connect(version=version) as client:
                self.assertEqual(client.socket.version(), name)
                self.assertEqual(client.get("/scrape")[0], 200)
                # Connections of other tests may still be closing.
                wait_for(lambda: self.node(0).metric("shoal_tls_connections", version=name[4:]) == 1, 5)
        self.assertEqual(self.node(0).metric("shoal_tls_handshakes_total", kind="full"), full + 2)
        wait_for(lambda: self.node(0).metric("shoal_tls_connections") == 0, 5)
        self.assertEqual(self.node(0).status()["tls"]["connections_1_3"], 0)

    def test_certificate_by_sni(self):
        for host, wanted in ((NAME, "first"), ("other.example", "second"), ("a.wild.example", "second")):
            with self.connect(host=host) as client:
                self.assertEqual(subject(client), wanted)
        with self.connect(host="127.0.0.1") as client:  # no SNI
            self.assertEqual(subject(client), "first")
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.connect(host="unknown.example")
        wait_for(lambda: self.node(0).metric("shoal_tls_handshake_failures_total", reason="certificate") >= 1, 5)

    def test_what_openssl_says(self):
        port = self.ports[0]
        for arguments, wanted in (
                (("-tls1_2",), "Protocol  : TLSv1.2"),
                (("-tls1_3",), "New, TLSv1.3, Cipher is TLS_AES_128_GCM_SHA256"),
                (("-tls1_2", "-cipher", "ECDHE+CHACHA20"), "CHACHA20-POLY1305"),
                (("-alpn", "h2,http/1.1"), "ALPN protocol: http/1.1"),
                (("-groups", "P-256"), "Temp Key: ECDH, prime256v1")):
            self.assertIn(wanted, s_client(port, *arguments), arguments)
        for arguments in (("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"), ("-tls1_2", "-cipher", "AES128-GCM-SHA256"),
                          ("-tls1_2", "-cipher", "ECDHE+AES+SHA256"), ("-tls1_2", "-cipher", "ECDHE+AES+SHA1"),
                          ("-alpn", "h2"), ("-groups", "P-521")):
            self.assertIn("Cipher is (NONE)", s_client(port, *arguments), arguments)
        shown = s_client(port, "-tls1_3", "-status")
        self.assertIn("Compression: NONE", shown)
        self.assertIn("Early data was not sent", shown)

    def test_what_is_no_tls(self):
        def failures(reason):
            return self.node(0).metric("shoal_tls_handshake_failures_total", reason=reason)

        before = {reason: failures(reason) for reason in ("not_tls", "cut", "version")}
        for data, reason in ((b"GET / HTTP/1.1\r\n\r\n", "not_tls"), (b"\x16\x03\x01", "cut"),
                             (b"\x16\x03\x01\x40\x00", "not_tls"), (b"\x16\x03\x01\x00\x10\x01\x01\x00\x00", "not_tls")):
            with socket.create_connection(("127.0.0.1", self.ports[0]), 5) as sock:
                sock.sendall(data)
                if reason != "cut":
                    self.assertEqual(sock.recv(100), b"")
        wait_for(lambda: failures("not_tls") == before["not_tls"] + 3 and failures("cut") == before["cut"] + 1, 5)
        s_client(self.ports[0], "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
        wait_for(lambda: failures("version") == before["version"] + 1, 5)

    def test_renegotiation_is_refused(self):
        ended = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{self.ports[0]}", "-tls1_2"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        broken = self.node(0).metric("shoal_tls_broken_total")
        # s_client renegotiates at a line that begins with R.
        time.sleep(0.3)
        ended.stdin.write(b"R\n")
        ended.stdin.flush()
        output = ended.communicate(timeout=10)[0]
        self.assertIn(b"RENEGOTIATING", output)
        wait_for(lambda: self.node(0).metric("shoal_tls_broken_total") == broken + 1, 5)

    def test_many_on_one_connection(self):
        with self.connect() as client:
            request = f"GET {announce_target(fresh_hash(), 1)} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 50
            client.socket.sendall(request)
            data = b""
            while data.count(b"HTTP/1.1 200") < 50:
                data += client.more()

    def test_closing_is_announced(self):
        with self.connect() as client:
            client.get("/scrape", keep=False)
            # Python raises an error where the close_notify is missing.
            self.assertEqual(client.socket.recv(10), b"")

    def test_a_trackers_port_is_no_admin_endpoint(self):
        for more in ((), ("--ready",)):
            ended = shoal("status", "--admin", f"https://127.0.0.1:{self.ports[0]}", *more,
                          environment={"SSL_CERT_FILE": self.authority.ca})
            self.assertEqual(ended.returncode, 1)
            self.assertIn("this is a tracker's port", ended.stderr)

    def test_status(self):
        with self.connect() as client:
            client.get("/scrape")
            shown = self.node(0).status()["tls"]
        self.assertEqual([one["subject"] for one in shown["certificates"]], ["first", "second"])
        self.assertEqual(shown["certificates"][1]["names"], ["other.example", "*.wild.example"])
        self.assertGreater(shown["handshakes_full"], 0)
        expiry = self.node(0).metric("shoal_tls_certificate_expiry_timestamp_seconds", subject="first")
        self.assertLess(abs(expiry - time.time() - 30 * 86400), 3600)


class NotKept(HttpsCase):
    nodes = 1
    sync = "off"
    settings = {"tracker": {"http_keep_alive": False}}

    def test_one_answer_a_connection(self):
        info_hash = fresh_hash()
        for port in (1111, 2222):
            with self.connect() as client:
                status, body = client.get(announce_target(info_hash, port))
                self.assertEqual((status, client.socket.recv(1)), (200, b""))  # with a close_notify, or it would raise
        self.assertEqual(parse_announce(bencode.decode(body), socket.AF_INET)["peers"], {("127.0.0.1", 1111)})


class Reload(HttpsCase):
    nodes = 1
    sync = "off"

    def test_new_certificate(self):
        old = self.connect()
        self.assertEqual(subject(old), "first")
        certificate, key = self.authority.issue("renewed", [NAME])
        self.replace(certificate, key)
        self.assertTrue(hang_up(self.node(0)))
        wait_for(lambda: subject(self.connect()) == "renewed", 5)
        self.assertEqual(old.get("/scrape")[0], 200)  # it goes on

    def replace(self, certificate, key):
        for new, path in zip((certificate, key), self.pairs[0]):
            # As certbot: the file is another.
            shutil.copy(new, path + ".new")
            os.rename(path + ".new", path)

    def test_what_changes_nothing(self):
        kept = [path + ".kept" for path in self.pairs[0]]
        for path, copy in zip(self.pairs[0], kept):
            shutil.copy(path, copy)
        now = subject(self.connect())
        other = self.authority.issue("wrong", [NAME])
        with open(kept[0], encoding="ascii") as file:
            cut = file.read()[:200]
        damaged = os.path.join(self.cluster.folder, "damaged.pem")
        with open(damaged, "w", encoding="ascii") as file:
            file.write(cut)
        for certificate, key, why in ((other[0], kept[1], "is not the key of"), (kept[0], other[1], "is not the key of"),
                                      (damaged, kept[1], "has no certificate"), (kept[0], damaged, "has no private key")):
            self.replace(certificate, key)
            self.assertFalse(hang_up(self.node(0)), why)
            error = self.node(0).status()["reload"]["error"]
            self.assertIn(why if certificate != damaged else "tracker.tls_certificates", error)
            self.assertEqual(subject(self.connect()), now)
        expired = self.authority.issue("expired", [NAME], days=-1) if days_may_be_negative(self.authority) else None
        if expired:
            self.replace(*expired)
            self.assertFalse(hang_up(self.node(0)))
            self.assertIn("has expired", self.node(0).status()["reload"]["error"])
            self.assertEqual(subject(self.connect()), now)
        self.replace(*kept)
        self.assertTrue(hang_up(self.node(0)))

    def test_under_load(self):
        done = threading.Event()
        failed, served = [], []

        def announce():
            context = trusting(self.authority.ca)
            while not done.is_set():
                try:
                    with TlsClient(self.ports[0], None, context=context) as client:
                        client.get("/scrape")
                        served.append(1)
                except OSError as error:
                    failed.append(error)

        threads = [threading.Thread(target=announce) for _ in range(3)]
        pairs = [self.authority.issue(f"turn{i}", [NAME]) for i in range(2)]
        for thread in threads:
            thread.start()
        try:
            for i in range(20):
                self.replace(*pairs[i % 2])
                self.assertTrue(hang_up(self.node(0)))
        finally:
            done.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failed, [])
        self.assertGreater(len(served), 20)

    def test_oldest_version(self):
        self.node(0).settings["tls"] = {"min_version": "1.3"}
        self.node(0).write_config()
        self.assertTrue(hang_up(self.node(0)))
        wait_for(lambda: "Cipher is (NONE)" in s_client(self.ports[0], "-tls1_2"), 5)
        self.assertEqual(self.connect().socket.version(), "TLSv1.3")
        self.node(0).settings["tls"] = {"min_version": "1.2"}
        self.node(0).write_config()
        self.assertTrue(hang_up(self.node(0)))
        wait_for(lambda: "Cipher is (NONE)" not in s_client(self.ports[0], "-tls1_2"), 5)


def days_may_be_negative(authority):
    with contextlib.suppress(subprocess.CalledProcessError):
        authority.issue("probe", ["x.example"], days=-1)
        return True
    return False


class ThreeNodes(HttpsCase):
    nodes = 3

    def sessions(self, version):
        """Connects to one node after another, each time with the session of the last; returns how often it resumed."""
        context = trusting(self.authority.ca, version)
        session, resumed = None, 0
        for number in range(SESSIONS):
            with TlsClient(self.ports[number % 3], None, session=session, context=context) as client:
                client.get("/scrape")
                resumed += client.socket.session_reused
                session = client.socket.session
        return resumed, session, context

    def test_any_node_resumes(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            self.assertEqual(self.sessions(version)[0], SESSIONS - 1)

    def test_across_a_rotation_of_the_key(self):
        new_key = os.path.join(self.cluster.folder, "new.key")
        if not os.path.exists(new_key):
            subprocess.run([SHOAL, "keygen", new_key], check=True, stdout=subprocess.DEVNULL)
        old = self.cluster.key
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            session, context = self.sessions(version)[1:]
            for keys in ([old, new_key], [new_key, old], [new_key], [new_key, old], [old]):
                # Node by node, as an operator does it; a client goes round meanwhile.
                for number in range(3):
                    self.node(number).settings["sync"]["key_files"] = keys
                    self.node(number).write_config()
                    self.assertTrue(hang_up(self.node(number)))
                    if keys == [new_key] or keys == [old]:
                        continue
                    for other in range(3):
                        with TlsClient(self.ports[other], None, session=session, context=context) as client:
                            client.get("/scrape")
                            self.assertTrue(client.socket.session_reused, (keys, number, other))
                            session = client.socket.session


    def test_probe(self):
        ca = ["--ca", self.authority.ca]
        url = f"https://127.0.0.1:{self.ports[0]}"
        ended = shoal("probe", url, *ca, "--json")
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        document = json.loads(ended.stdout)
        self.assertEqual(document["tls"], "TLSv1.3")
        self.assertEqual([step["name"] for step in document["steps"]], ["connect", "announce", "scrape", "resume", "stopped"])
        self.assertIn("session resumed", shoal("probe", url, *ca).stdout)
        ended = shoal("probe", url)
        self.assertEqual(ended.returncode, 1)
        self.assertIn("unable to get local issuer certificate", ended.stderr)
        ended = shoal("probe", f"https://localhost:{self.ports[0]}", *ca)
        self.assertEqual(ended.returncode, 1)
        self.assertIn("hostname mismatch", ended.stderr)
        ended = shoal("probe", f"https://127.0.0.1:{self.node(0).tracker_port}", *ca)
        self.assertIn("TLS: ", ended.stderr)


class FakeTracker(http.server.ThreadingHTTPServer):
    """Answers announces and scrapes of a swarm, over TLS; what asks for no swarm has no answer. `with` runs it."""

    daemon_threads = True

    def __init__(self, host, port, pair):
        super().__init__((host, port), FakeTracker.Request)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.hosts = []
        self.thread = threading.Thread(target=self.serve_forever)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.thread.join()
        self.server_close()

    class Request(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.hosts.append(self.headers["Host"])
            path, _, query = self.path.partition("?")
            asked = urllib.parse.parse_qs(query, encoding="latin-1").get("info_hash")
            if not asked:
                with contextlib.suppress(OSError):
                    self.rfile.read(1)  # until the client has gone
                return
            swarm = b"8:completei0e10:downloadedi0e10:incompletei1e"
            body = b"d5:filesd20:" + asked[0].encode("latin-1") + b"d" + swarm + b"eee" if path == "/scrape" else \
                b"d8:completei0e10:incompletei1e8:intervali1800e5:peers0:e"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass


class SeveralAddresses(HttpsCase):
    """Three nodes behind one name: a port on addresses of their own, and a file of hosts that only the command sees."""

    nodes = 3
    addresses = ("127.0.0.1", "127.0.0.2", "127.0.0.3")

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root, to give a command its own /etc/hosts")
        super().setUpClass()

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.port = free_port(cls.addresses)
        for node, host in zip(cls.cluster.nodes, cls.addresses):
            node.settings["tracker"]["https"] = [at(host, cls.port)]
        cls.names = os.path.join(cls.cluster.folder, "hosts")
        with open(cls.names, "w", encoding="ascii") as file:
            file.write("".join(f"{host} {NAME}\n" for host in cls.addresses))

    def probe_all(self, *more, names=None):
        mount = f"mount --bind {names or self.names} /etc/hosts && exec \"$@\""
        return shoal("probe", "--all", f"https://{NAME}:{self.port}", "--ca", self.authority.ca, *more,
                     run_in=["unshare", "--mount", "sh", "-c", mount, "sh"])

    def test_probe_all(self):
        ended = self.probe_all("--json")
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        found = json.loads(ended.stdout)["addresses"]
        self.assertEqual([(one["http"]["ok"], one["resumes"]) for one in found], [(True, None), (True, True), (True, True)])
        self.assertIn("resumed", self.probe_all().stdout)

    def test_trackers_of_others(self):
        """A request names the tracker, not its address; who does not answer has not refused to resume."""
        hosts = [f"127.0.0.{number}" for number in (4, 5)]
        names = os.path.join(self.cluster.folder, "hosts_of_others")
        with open(names, "w", encoding="ascii") as file:
            file.write("".join(f"{host} {NAME}\n" for host in hosts))
        with contextlib.ExitStack() as stack:
            trackers = [stack.enter_context(FakeTracker(host, self.port, self.pairs[0])) for host in hosts]
            more = ("--timeout-ms", "1000", "--agree-ms", "100")
            ended = self.probe_all(*more, "--json", names=names)
            self.assertEqual(ended.returncode, 1, ended.stdout + ended.stderr)
            first, second = json.loads(ended.stdout)["addresses"]
            self.assertEqual((first["ok"], first["resumes"], first["resume_error"]), (True, None, None))
            self.assertEqual((second["ok"], second["http"]["ok"], second["resumes"]), (False, True, None))
            self.assertIn("timed out", second["resume_error"])
            text = self.probe_all(*more, names=names).stdout
            self.assertIn("TLS session: timed out", text)
            self.assertNotIn("NOT RESUMED", text)
        # A table of one address has no answer about sessions, and is of HTTPS nevertheless.
        with open(names, "w", encoding="ascii") as file:
            file.write(f"{hosts[0]} {NAME}\n")
        with FakeTracker(hosts[0], self.port, self.pairs[0]):
            self.assertIn("HTTPS", self.probe_all(*more, names=names).stdout)
        asked = [host for tracker in trackers for host in tracker.hosts]
        self.assertGreater(len(asked), 10)
        self.assertEqual(set(asked), {f"{NAME}:{self.port}"})

    def test_a_node_with_another_key_does_not_resume(self):
        node, other = self.node(1), os.path.join(self.cluster.folder, "other.key")
        subprocess.run([SHOAL, "keygen", other], check=True, stdout=subprocess.DEVNULL)
        try:
            node.settings["sync"]["key_files"] = [other, self.cluster.key]
            node.write_config()
            self.assertTrue(hang_up(node))
            node.settings["sync"]["key_files"] = [other]
            node.write_config()
            self.assertTrue(hang_up(node))
            ended = self.probe_all("--agree-ms", "100", "--json")
            self.assertEqual(ended.returncode, 1)
            self.assertEqual([one["resumes"] for one in json.loads(ended.stdout)["addresses"]], [None, False, True])
        finally:
            node.settings["sync"]["key_files"] = [self.cluster.key]
            node.write_config()
            self.assertTrue(hang_up(node))


class Admin(HttpsCase):
    nodes = 1
    sync = "off"

    @classmethod
    def prepare(cls):
        super().prepare()
        node = cls.cluster.nodes[0]
        node.settings["admin"]["tls"] = True
        node.settings["tracker"]["http"] = []
        # The test's own questions go over TLS, too.
        context = trusting(cls.authority.ca)

        def get(path, timeout_s=5.0):
            try:
                with urllib.request.urlopen(f"https://{node.admin}{path}", timeout=timeout_s, context=context) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, error.read().decode()

        node.get = get

    def test_limits_in_the_log(self):
        limits = [line for line in self.node(0).log_text().splitlines() if "requests_per_s_per_prefix" in line]
        self.assertGreater(int(re.search(r"\bconnections=(\d+)", limits[0])[1]), 0, limits)

    def test_commands(self):
        environment = {"SSL_CERT_FILE": self.authority.ca}
        ended = shoal("status", "--admin", f"https://{self.node(0).admin}", environment=environment)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        ended = shoal("status", "--admin", f"https://{self.node(0).admin}")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("certificate", ended.stderr)
        ended = shoal("reload", "--admin", f"https://{self.node(0).admin}", environment=environment)
        self.assertEqual(ended.returncode, 0, ended.stderr)


class Start(ClusterCase):
    """What a start and `shoal config --check` say of files; the cluster only lends its folder."""

    nodes = 1
    sync = "off"

    def check(self, certificates, keys, **tracker):
        config = os.path.join(self.cluster.folder, "check.toml")
        port = free_port(("127.0.0.1",))
        settings = {"https": [at("127.0.0.1", port)], "tls_certificates": certificates, "tls_keys": keys, **tracker}
        with open(config, "w", encoding="utf-8") as file:
            file.write("[tracker]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items()))
        ended = shoal("config", "--check", config)
        return ended.returncode, ended.stdout + ended.stderr

    def test_config_check(self):
        authority = Authority(self.cluster.folder)
        good = authority.issue("good", [NAME])
        other = authority.issue("other", [NAME])
        code, text = self.check([good[0]], [good[1]])
        self.assertEqual(code, 0, text)
        for certificates, keys, wanted in (([good[0]], [other[1]], "is not the key of"), ([good[0]], [], "each needs one"),
                                           ([], [], "needs a certificate"), (["/none"], [good[1]], "/none")):
            code, text = self.check(certificates, keys)
            self.assertEqual(code, 1, text)
            self.assertIn(wanted, text)
        code, text = self.check([authority.issue("soon", [NAME], days=3)[0]], [os.path.join(self.cluster.folder, "soon.key")])
        self.assertEqual(code, 0, text)
        self.assertIn("expires in", text)
