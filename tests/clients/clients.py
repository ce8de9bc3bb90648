"""Debian 12's BitTorrent clients, unmodified, told to find peers by the tracker only."""

import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


class Client:
    """One running client with one torrent: a seeder if `folder` already holds the content. Writes its own log;
    stop() ends it as a user would."""

    @staticmethod
    def why_not():
        """Why this client cannot run here, or None."""
        raise NotImplementedError

    @staticmethod
    def cannot(protocol, family):
        """Why the client itself does not support this, or None."""
        return None

    # A file with the authority of the trackers' certificates, which each client must verify.
    ca = ""

    def __init__(self, torrent, folder, address, port, log):
        environment = dict(os.environ, HOME=folder, XDG_CONFIG_HOME=folder, LC_ALL="C.UTF-8", SSL_CERT_FILE=self.ca,
                           CURL_CA_BUNDLE=self.ca, TR_CURL_SSL_VERIFY="1")
        self.log = log
        with open(log, "wb") as output:
            self.process = subprocess.Popen(
                self.command(torrent, folder, address, port),
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=folder)

    def command(self, torrent, folder, address, port):
        raise NotImplementedError

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(8)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Aria2(Client):
    name = "aria2"

    @staticmethod
    def why_not():
        return None if shutil.which("aria2c") else "aria2c is not installed"

    @staticmethod
    def cannot(protocol, family):
        if (protocol, family) == ("udp", "IPv6"):
            return "aria2 1.36 asks UDP trackers over IPv4 only"
        return None

    def command(self, torrent, folder, address, port):
        # Its UDP tracker client needs the DHT's socket. No lookup follows: the torrent is private, and the
        # namespace has no DHT node.
        with open(torrent, "rb") as file:
            dht = "true" if b"udp://" in file.read() else "false"
        return [
            "aria2c", "--no-conf", f"--dir={folder}", f"--listen-port={port}", f"--interface={address}",
            f"--enable-dht={dht}", f"--dht-listen-port={port}", f"--dht-file-path={folder}/dht.dat",
            "--enable-dht6=false", "--bt-enable-lpd=false", "--enable-peer-exchange=false",
            "--check-integrity=true", "--allow-overwrite=true", "--seed-ratio=0.0", "--file-allocation=none",
            "--bt-tracker-timeout=5", "--bt-tracker-connect-timeout=5", "--disable-ipv6=false",
            f"--ca-certificate={self.ca}", "--summary-interval=0", "--console-log-level=info", "--enable-color=false", torrent,
        ]


class Transmission(Client):
    name = "transmission"

    @staticmethod
    def why_not():
        return None if shutil.which("transmission-cli") else "transmission-cli is not installed"

    @staticmethod
    def cannot(protocol, family):
        if (protocol, family) == ("udp", "IPv6"):
            return "transmission 3.00 reads each IPv6 peer in a UDP answer as three IPv4 peers"
        return None

    def command(self, torrent, folder, address, port):
        settings = {
            "dht-enabled": False, "lpd-enabled": False, "pex-enabled": False, "utp-enabled": False,
            "port-forwarding-enabled": False, "rpc-enabled": False, "peer-port": port,
            "download-dir": folder, "incomplete-dir-enabled": False, "ratio-limit-enabled": False,
            "idle-seeding-limit-enabled": False, "message-level": 3,
        }
        config = os.path.join(folder, "transmission")
        os.makedirs(config, exist_ok=True)
        with open(os.path.join(config, "settings.json"), "w", encoding="utf-8") as file:
            json.dump(settings, file)
        # -et: in the clear. With -er one connection in 256 fails for good: where the first byte of the other's public key
        # is 19, transmission 3.00 takes it for the length of an open handshake and closes, and who is closed rests for minutes.
        return ["transmission-cli", "-g", config, "-w", folder, "-p", str(port), "-M", "-et", torrent]


class Libtorrent(Client):
    name = "libtorrent"

    @staticmethod
    def why_not():
        found = subprocess.run([sys.executable, "-c", "import libtorrent"], stderr=subprocess.DEVNULL, check=False)
        return None if found.returncode == 0 else "python3-libtorrent is not installed"

    def command(self, torrent, folder, address, port):
        listen = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        return [sys.executable, os.path.join(HERE, "libtorrent_peer.py"), torrent, folder, listen]


ALL = [Aria2, Transmission, Libtorrent]
