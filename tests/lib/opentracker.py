"""A running opentracker, Debian's, for comparison. It serves only the swarms on its list."""

import os
import shutil
import subprocess
import tempfile
from urllib.parse import quote

from cluster import free_port
from http_client import HttpClient
from wait import wait_for

PROGRAM = shutil.which("opentracker", path=os.environ.get("PATH", "") + ":/usr/bin:/usr/sbin")


class Opentracker:
    def __init__(self, hashes):
        self.folder = tempfile.mkdtemp(prefix="shoal-test-")
        os.chmod(self.folder, 0o755)
        self.tracker_port = free_port()
        self.probe = os.urandom(20)  # on its list, too, for wait_for_list
        with open(os.path.join(self.folder, "whitelist"), "w", encoding="utf-8") as file:
            file.writelines(info_hash.hex().upper() + "\n" for info_hash in [*hashes, self.probe])
        self.process = None

    def __enter__(self):
        port = str(self.tracker_port)
        # As root it changes into the folder and becomes nobody; as another user it does neither.
        self.process = subprocess.Popen(
            [PROGRAM, "-i", "127.0.0.1", "-p", port, "-P", port, "-d", self.folder, "-u", "nobody", "-w", "whitelist",
             "-A", "127.0.0.1"],
            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(self._answers, 10, "opentracker to answer")
        except BaseException:
            self.__exit__()
            raise
        return self

    def _answers(self):
        with HttpClient(("127.0.0.1", self.tracker_port)) as client:
            return client.get("/stats?mode=torr").status == 200

    def wait_for_list(self):
        """It reads its list in a thread of its own, and refuses every swarm until then. This asks by announces, which it counts."""
        wait_for(self._serves_its_list, 60, "opentracker to have read its list")
        return self

    def _serves_its_list(self):
        # It refuses no stop, whatever the swarm: that only takes the peer away again.
        announce = f"/announce?info_hash={quote(self.probe)}&peer_id={'x' * 20}&port=9&left=0"
        with HttpClient(("127.0.0.1", self.tracker_port)) as client:
            served = b"failure reason" not in client.get(announce).body
        with HttpClient(("127.0.0.1", self.tracker_port)) as client:
            client.get(f"{announce}&event=stopped")
        return served

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
