"""The page at / in a real browser: it loads, keeps itself up to date, and has nothing to complain about."""

import re
import shutil
import subprocess
import tempfile
import threading
import unittest

from nodes import ClusterCase, fresh_hash
from wait import wait_for

CHROMIUM = shutil.which("chromium")
# The browser's own time: it runs ahead when there is nothing to wait for.
BUDGET_MS = 12_000


class Page(ClusterCase):
    nodes = 3

    def dom(self, number):
        """The document after some updates, and what the browser said on its console."""
        with tempfile.TemporaryDirectory(prefix="shoal-test-", ignore_cleanup_errors=True) as profile:
            run = subprocess.run(
                [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                 f"--user-data-dir={profile}", "--enable-logging=stderr", f"--virtual-time-budget={BUDGET_MS}",
                 "--dump-dom", f"http://{self.node(number).admin}/"],
                check=True, capture_output=True, text=True, timeout=120)
        return run.stdout, [line for line in run.stderr.splitlines() if "CONSOLE" in line]

    def test_without_a_browser(self):
        status, page = self.node(0).get("/")
        self.assertEqual(status, 200)
        for name in "abc":
            self.assertIn(f">{name}<", page)
        # Nothing from elsewhere: no address with a host, no script or style in the page itself.
        self.assertNotRegex(page, r"(?:src|href|action)=\"(?:https?:)?//")
        self.assertNotRegex(page, r"<style|<script>|\son\w+=|\sstyle=")

    @unittest.skipUnless(CHROMIUM, "needs chromium")
    def test_it_loads_and_keeps_itself_up_to_date(self):
        stop = threading.Event()

        def announce():
            client = self.client(0)
            while not stop.wait(0.05):
                client.announce(fresh_hash(), 4000)

        busy = threading.Thread(target=announce)
        busy.start()
        try:
            dom, console = self.dom(0)
        finally:
            stop.set()
            busy.join()
        self.assertEqual(console, [])
        self.assertRegex(dom, r'<section id="tiles"[^>]* data-changes="\d')
        self.assertRegex(dom, r'<p id="offline"[^>]* hidden')
        self.assertEqual(len(re.findall('<path class="link alive"', dom)), 2)


class PageWithAMemberDown(ClusterCase):
    nodes = 2

    def test_a_member_down(self):
        self.node(1).process.kill()
        self.node(1).process.wait()
        self.addCleanup(wait_for, self.node(1).ready)  # runs after the next line
        self.addCleanup(self.node(1).start)
        wait_for(lambda: self.node(0).status()["members"][0]["state"] == "down", 30, "a member to be down")
        page = self.node(0).get("/")[1]
        self.assertIn('<path class="link down"', page)
        self.assertIn("1 of 2", page)
