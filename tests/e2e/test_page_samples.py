"""The pages of nodes in many states (tests/unit/support/page_samples.h) in a real browser: nothing overlaps or sticks
out, foreign text does nothing, and the script shows the values under the pointer. Leaves screenshots in
build/screenshots."""

import functools
import http.server
import json
import os
import shutil
import subprocess
import tempfile
import threading
import unittest

from browser import CHROMIUM, Browser
from cluster import ROOT, SHOAL
from wait import wait_for

SAMPLES = os.path.join(os.path.dirname(SHOAL), "tests", "page_samples")
SCREENSHOTS = os.path.join(ROOT, "build", "screenshots")
DESKTOP = {"width": 1440, "height": 900}
NARROW = {"width": 900, "height": 900}
PHONE = {"width": 390, "height": 844, "phone": True}
PHONE_SMALL = {"width": 320, "height": 640, "phone": True}
LOOKS = (DESKTOP, NARROW, PHONE, PHONE_SMALL)

# Pairs of texts in the pictures that overlap, and texts that stick out of their picture.
OVERLAPS = """
(() => {
  const found = [];
  for (const svg of document.querySelectorAll("#cluster svg")) {
    const frame = svg.getBoundingClientRect();
    if (frame.width === 0) continue;
    const texts = [...svg.querySelectorAll("text")].map(text => [text.textContent, text.getBoundingClientRect()]);
    const circles = [...svg.querySelectorAll("circle")].map(one => ["a circle", one.getBoundingClientRect()]);
    const all = texts.filter(([text]) => text.length > 1).concat(circles);
    for (const [text, box] of all) {
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 ||
          box.bottom > frame.bottom + 1) found.push("out of the picture: " + text);
    }
    all.forEach(([one, a], i) => all.slice(i + 1).forEach(([other, b]) => {
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (wide > 1 && high > 1) found.push(one + " / " + other);
    }));
  }
  return found;
})()
"""
# What is written at the links and what is written below names must not be hidden behind a link's curve.
CURVES = """
(() => {
  const found = [];
  for (const svg of document.querySelectorAll("#cluster svg")) {
    if (svg.getBoundingClientRect().width === 0) continue;
    const texts = [...svg.querySelectorAll("text")].map(text => [text.textContent, text.getBBox()]);
    for (const path of svg.querySelectorAll(".link")) {
      for (let at = 0, all = path.getTotalLength(); at < all; at += 2) {
        const {x, y} = path.getPointAtLength(at);
        for (const [text, box] of texts) {
          if (x > box.x && x < box.x + box.width && y > box.y + 3 && y < box.y + box.height - 3)
            found.push(text + " is crossed");
        }
      }
    }
  }
  return [...new Set(found)];
})()
"""


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves the folder that page_samples has filled, as a node would."""

    TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

    def __init__(self, folder, *arguments):
        self.folder = folder
        super().__init__(*arguments)

    def do_GET(self):
        name = os.path.basename(self.path.split("?")[0])
        kind = self.TYPES.get(os.path.splitext(name)[1], "text/html; charset=utf-8")
        path = os.path.join(self.folder, name if "." in name else name + ".html")
        if not os.path.exists(path):
            self.send_error(404)
            return
        with open(path, "rb") as file:
            content = file.read()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        if kind.startswith("text/html"):
            with open(os.path.join(self.folder, "headers"), encoding="ascii", newline="") as file:
                for line in file.read().splitlines():
                    self.send_header(*line.split(": ", 1))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@unittest.skipUnless(CHROMIUM, "needs chromium")
@unittest.skipUnless(os.path.exists(SAMPLES), "page_samples is not built beside the program")
class PageSamples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="shoal-test-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        subprocess.run([SAMPLES, cls.folder], check=True, timeout=60)
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, cls.folder))
        cls.addClassCleanup(cls.server.server_close)
        thread = threading.Thread(target=cls.server.serve_forever)
        thread.start()
        cls.addClassCleanup(thread.join)
        cls.addClassCleanup(cls.server.shutdown)

    def setUp(self):
        self.browser = Browser()
        self.addCleanup(self.browser.close)

    def open(self, name, **looks):
        self.browser.look(**looks)
        self.browser.open(f"http://127.0.0.1:{self.server.server_port}/{name}")
        wait_for(lambda: self.browser.value(
            f"location.pathname === '/{name}' && document.readyState === 'complete'"), 30, "the page to load")

    def names(self, prefix=""):
        return sorted(name[: -len(".html")] for name in os.listdir(self.folder)
                      if name.endswith(".html") and name.startswith(prefix))

    def texts(self, selector):
        return self.browser.value(f"[...document.querySelectorAll({json.dumps(selector)})].map(one => one.textContent)")

    def test_names_and_labels_do_not_overlap(self):
        for name in self.names("members-"):
            self.open(name, **DESKTOP)
            for looks in LOOKS:
                with self.subTest(name, width=looks["width"]):
                    self.browser.look(**looks)
                    self.assertEqual(self.browser.value("[...document.querySelectorAll('#cluster svg')].filter("
                                                        "svg => svg.getBoundingClientRect().width > 0).length"), 1)
                    self.assertEqual(self.browser.value(OVERLAPS), [])
                    self.assertEqual(self.browser.value(CURVES), [])

    def test_nothing_is_wider_than_the_window(self):
        for name in self.names():
            self.open(name, **DESKTOP)
            for looks in LOOKS:
                with self.subTest(name, width=looks["width"]):
                    self.browser.look(**looks)
                    self.assertLessEqual(self.browser.value("document.documentElement.scrollWidth"), looks["width"])
                    # A part of a page may be scrolled sideways, but none needs to be.
                    self.assertEqual(self.browser.value(
                        "[...document.querySelectorAll('.scroll')].filter(one => one.scrollWidth > one.clientWidth)"
                        ".map(one => one.id)"), [])

    def test_foreign_text_does_nothing(self):
        for name in ("hostile", "swarm-hostile"):
            with self.subTest(name):
                self.open(name, **DESKTOP)
                self.assertEqual(self.browser.value("document.querySelectorAll('script').length"), 1)
                self.assertEqual(self.browser.value("document.querySelectorAll('main img, header img').length"), 0)
                self.assertEqual(self.browser.value(
                    "[...document.querySelectorAll('*')].filter(one => [...one.attributes].some("
                    "it => it.name.startsWith('on') || it.name === 'style')).length"), 0)
                self.assertEqual(self.browser.complaints, [])
        self.open("hostile", **DESKTOP)
        self.assertEqual(self.browser.value(
            "[...document.querySelectorAll('#members a')].filter(one => !one.getAttribute('href').startsWith('http://%3C'))"
            ".length"), 0)

    def test_the_values_under_the_pointer(self):
        self.open("well-3", **DESKTOP)
        now = self.texts("#charts .key > span")
        self.assertEqual(len(now), 15)
        box = self.browser.value("JSON.stringify(document.querySelector('#charts svg').getBoundingClientRect())")
        box = json.loads(box)
        self.browser.value("document.querySelector('#charts svg').scrollIntoView()")
        box["y"] = self.browser.value("document.querySelector('#charts svg').getBoundingClientRect().y")

        def point(share):
            self.browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=box["x"] + share * (box["width"] - 0.3),
                              y=box["y"] + box["height"] / 2)
            return self.texts("#charts .key > span")

        left = point(0)
        values = self.browser.value("[...document.querySelectorAll('#charts .line')].map("
                                    "line => line.dataset.values.split('|'))")
        self.assertEqual(left, [line[0] for line in values])
        self.assertEqual(point(1), [line[-1] for line in values])
        middle = point(0.5)
        self.assertTrue(all(value in line[170:190] for value, line in zip(middle, values)))
        self.assertNotEqual(middle, left)
        # Every chart shows the moment, by its time and by a line.
        self.assertEqual(len(set(self.texts("#charts time"))), 1)
        self.assertRegex(self.texts("#charts time")[0], r"\d:\d\d")
        self.assertEqual(self.browser.value("document.querySelectorAll('.cursor[d^=M]').length"), 8)
        # An update of the page does not lose it.
        changes = "Number(document.getElementById('charts').dataset.changes || 0)"
        before = self.browser.value(changes)
        self.browser.value("rendered.delete('charts')")
        wait_for(lambda: self.browser.value(changes) > before, 20, "the page to update itself")
        self.assertEqual(self.texts("#charts .key > span"), middle)
        self.browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)
        self.assertEqual(self.texts("#charts .key > span"), now)
        self.assertEqual(self.browser.value("document.querySelectorAll('.cursor[d^=M]').length"), 0)
        self.assertEqual(self.browser.complaints, [])

    def test_a_nodes_old_figures_look_old(self):
        self.open("mixed-5", **DESKTOP)
        colors = ("[...document.querySelectorAll('#members tr')].filter(row => /down|alive/.test(row.textContent))"
                  ".map(row => [row.className, getComputedStyle(row.cells[5]).color])")
        colors = self.browser.value(colors)
        self.assertEqual({kind for kind, _ in colors}, {"", "old"})
        self.assertEqual(len({color for kind, color in colors if kind == "old"} -
                             {color for kind, color in colors if kind == ""}), 1)

    def test_screenshots(self):
        for name in ("single", "alone", "cut-off", "well-3", "mixed-3", "mixed-5", "mixed-12", "members-300", "hostile", "swarm",
                     "swarm-unknown", "linked-3"):
            for kind, looks in (("desktop", DESKTOP), ("phone", PHONE)):
                for dark in (False, True):
                    self.open(name, **looks, dark=dark)
                    path = os.path.join(SCREENSHOTS, f"{name}-{kind}{'-dark' if dark else ''}.png")
                    self.browser.screenshot(path)
                    self.assertGreater(os.path.getsize(path), 10_000)
        self.assertEqual(self.browser.complaints, [])


if __name__ == "__main__":
    unittest.main()
