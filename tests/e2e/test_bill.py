"""What a release says of itself (docker/debian_packages.py), for a small made-up root."""

import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docker"))

from debian_packages import Packages, buildinfo, sbom  # noqa: E402

STATUS = """Package: libstdc++-12-dev
Status: install ok installed
Architecture: amd64
Source: gcc-12 (12.2.0-14)
Version: 12.2.0-14+deb12u1

Package: zlib1g-dev
Status: install ok installed
Architecture: amd64
Source: zlib
Version: 1:1.2.13

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1
"""
FILES = {"libstdc++-12-dev:amd64": ["/usr/include/c++/12/array"], "zlib1g-dev:amd64": ["/usr/include/zlib.h", "/lib/libz.a"],
         "gone": ["/etc/gone"]}
ABOUT = {"version": "1.2.3", "commit": "0123abc", "epoch": 86400, "suite": "bookworm", "supplier": "us", "homepage": "",
         "file": "shoal_1.2.3.deb12_amd64.deb", "sha256": "ab" * 32}
LIBRARY = "pkg:deb/debian/libstdc%2B%2B-12-dev@12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12&upstream=gcc-12%4012.2.0-14"
ZLIB = "pkg:deb/debian/zlib1g-dev@1:1.2.13?arch=amd64&distro=debian-12&upstream=zlib"


class BillTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        info = os.path.join(folder.name, "var/lib/dpkg/info")
        os.makedirs(info)
        with open(os.path.join(info, "..", "status"), "w", encoding="utf-8") as file:
            file.write(STATUS)
        for name, paths in FILES.items():
            with open(os.path.join(info, f"{name}.list"), "w", encoding="utf-8") as file:
                file.write("\n".join(paths) + "\n")
        self.packages = Packages(folder.name)

    def test_names_packages_as_scanners_do(self):
        inputs = {"/usr/include/c++/12/array": "headers", "/usr/include/zlib.h": "headers", "/usr/lib/libz.a": "linked"}
        bill = json.loads(sbom(self.packages, ABOUT, inputs))
        uses = {component["purl"]: component["properties"][0]["value"] for component in bill["components"]}
        self.assertEqual(uses, {LIBRARY: "headers", ZLIB: "linked"})
        self.assertEqual(bill["metadata"]["timestamp"], "1970-01-02T00:00:00Z")

    def test_says_which_file_it_is_of(self):
        ours = json.loads(sbom(self.packages, ABOUT, {}))["metadata"]["component"]
        self.assertEqual(ours["hashes"], [{"alg": "SHA-256", "content": ABOUT["sha256"]}])
        other = json.loads(sbom(self.packages, {**ABOUT, "file": "shoal-1.2.3-linux-amd64.tar.gz"}, {}))["metadata"]["component"]
        self.assertNotEqual(ours["bom-ref"], other["bom-ref"])

    def test_refuses_a_file_of_no_package(self):
        for path in ("/usr/local/include/mine.h", "/etc/gone"):
            with self.assertRaises(KeyError):
                sbom(self.packages, ABOUT, {path: "headers"})

    def test_lists_all_that_is_installed(self):
        text = buildinfo(self.packages, ABOUT)
        self.assertIn("Commit: 0123abc\n", text)
        self.assertTrue(text.endswith("Installed-Build-Depends:\n libstdc++-12-dev:amd64 (= 12.2.0-14+deb12u1),\n"
                                      " zlib1g-dev:amd64 (= 1:1.2.13)\n"))
