"""The page at / in a real browser: it loads, updates itself, causes no browser errors, and is readable on a phone and
in dark mode. Leaves screenshots in build/screenshots."""

import os
import signal
import threading
import unittest

from browser import CHROMIUM, Browser
from cluster import ROOT
from nodes import ClusterCase, fresh_hash
from wait import wait_for

SCREENSHOTS = os.path.join(ROOT, "build", "screenshots")
DESKTOP = {"width": 1200, "height": 900}
PHONE = {"width": 390, "height": 844, "phone": True}
PHONE_SMALL = {"width": 320, "height": 640, "phone": True}
# The minimum contrast of text in WCAG 2.1 (AA).
CONTRAST_MIN = 4.5


def luminance(color):
    """The luminance of "rgb(r, g, b)" as WCAG 2.1 defines it."""
    parts = [int(part) / 255 for part in color[color.index("(") + 1 : -1].split(",")[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


class Page(ClusterCase):
    nodes = 3

    def setUp(self):
        self.browser = None

    @staticmethod
    def announce_until(stop, clients):
        """Announces new peers until `stop` is set; some swarms are larger."""
        swarms = [fresh_hash() for _ in range(5)]
        number = 0
        while not stop.wait(0.02):
            number += 1
            swarm = swarms[number % 5] if number % 3 else fresh_hash()
            clients[number % len(clients)].announce(swarm, 1000 + number, left=number % 2)

    def busy(self):
        """Keeps all nodes busy with clients until the test ends."""
        stop = threading.Event()
        clients = [self.client(number) for number in range(self.nodes)]
        thread = threading.Thread(target=self.announce_until, args=(stop, clients))
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(stop.set)

    def open(self, number=0, **looks):
        self.browser = Browser()
        self.addCleanup(self.browser.close)
        self.browser.look(**looks)
        self.browser.open(f"http://{self.node(number).admin}/")
        wait_for(lambda: self.browser.value("document.readyState") == "complete", 30, "the page to load")
        return self.browser

    def changes(self, part):
        return int(self.browser.value(f"document.getElementById('{part}').dataset.changes") or 0)

    def test_without_a_browser(self):
        status, page = self.node(0).get("/")
        self.assertEqual(status, 200)
        for name in "abc":
            self.assertIn(f">{name}<", page)
        # Nothing from other hosts: no URL with a host, and no script or style in the page itself.
        self.assertNotRegex(page, r"(?:src|href|action)=\"(?:https?:)?//")
        self.assertNotRegex(page, r"<style|<script>|\son\w+=|\sstyle=")

    @unittest.skipUnless(CHROMIUM, "needs chromium")
    def test_it_loads_and_keeps_itself_up_to_date(self):
        self.busy()
        browser = self.open(**DESKTOP)
        wait_for(lambda: self.changes("tiles") >= 2 and self.changes("charts") >= 1, 40, "the page to update itself")
        self.assertTrue(browser.value("document.getElementById('offline').hidden"))
        self.assertEqual(browser.value("document.querySelectorAll('.picture-wide .link.alive').length"), 2)
        texts = browser.value("document.querySelector('.picture-wide').textContent")
        self.assertEqual(texts.count("synced"), 2)
        self.assertIn("ready", texts)
        wait_for(lambda: "ms" in browser.value("document.querySelector('.picture-wide').textContent"), 30,
                 "the lag to be measured")
        browser.screenshot(os.path.join(SCREENSHOTS, "desktop.png"))
        self.assertEqual(browser.complaints, [])

    @unittest.skipUnless(CHROMIUM, "needs chromium")
    def test_a_node_that_does_not_answer(self):
        self.open(2, **DESKTOP)
        self.node(2).signal(signal.SIGSTOP)
        # Cleanups run last to first: the node continues, then the others see it.
        self.addCleanup(wait_for, lambda: all(node.members_alive() == 2 for node in self.cluster.nodes), 30,
                        "its return")
        self.addCleanup(self.node(2).signal, signal.SIGCONT)
        wait_for(lambda: not self.browser.value("document.getElementById('offline').hidden"), 30,
                 "the page to show that the node does not answer")
        self.browser.screenshot(os.path.join(SCREENSHOTS, "offline.png"))

    @unittest.skipUnless(CHROMIUM, "needs chromium")
    def test_it_is_readable_on_a_phone_and_in_the_dark(self):
        self.busy()
        browser = self.open(**DESKTOP)
        wait_for(lambda: self.changes("charts") >= 1, 40, "the page to update itself")
        for name, dark, looks in (("desktop-dark", True, DESKTOP), ("phone", False, PHONE), ("phone-dark", True, PHONE),
                                  ("phone-small", False, PHONE_SMALL)):
            browser.look(**looks, dark=dark)
            with self.subTest(name):
                self.assertLessEqual(browser.value("document.documentElement.scrollWidth"), looks["width"])
                back = browser.value("getComputedStyle(document.body).backgroundColor")
                self.assertEqual(luminance(back) < 0.1, dark)
                for part in ("body", "#summary", ".state.ready", ".state.alive", "th", "a", ".key.s0", ".key.s1"):
                    color = browser.value(f"getComputedStyle(document.querySelector('{part}')).color")
                    self.assertGreaterEqual(contrast(color, back), CONTRAST_MIN, part)
                for part in ("members", "top"):
                    table = f"document.getElementById('{part}')"
                    self.assertLessEqual(browser.value(f"{table}.scrollWidth"),
                                         browser.value(f"{table}.clientWidth"), part)
                # The picture is scaled, but stays readable.
                picture = ".picture-narrow" if looks.get("phone") else ".picture-wide"
                self.assertGreaterEqual(
                    browser.value(f"document.querySelector('{picture} .label').getBoundingClientRect().height"), 8)
            browser.screenshot(os.path.join(SCREENSHOTS, name + ".png"))
        self.assertEqual(browser.complaints, [])


class PageWithAMemberDown(ClusterCase):
    nodes = 3

    def test_a_member_down(self):
        self.node(1).process.kill()
        self.node(1).process.wait()
        self.addCleanup(wait_for, self.node(1).ready)  # runs after the next line
        self.addCleanup(self.node(1).start)
        wait_for(lambda: any(member["state"] == "down" for member in self.node(0).status()["members"]), 30,
                 "a member to be down")
        page = self.node(0).get("/")[1]
        self.assertIn('<path class="link down"', page)
        self.assertIn("2 of 3", page)
        if not CHROMIUM:
            return
        browser = Browser()
        self.addCleanup(browser.close)
        browser.look(**DESKTOP)
        browser.open(f"http://{self.node(0).admin}/")
        wait_for(lambda: browser.value("document.querySelectorAll('.picture-wide .link.down').length") == 1, 30,
                 "the page to load")
        browser.screenshot(os.path.join(SCREENSHOTS, "member-down.png"))
        self.assertEqual(browser.complaints, [])
