"""Packages: which Debian package of a root file system a file belongs to, from dpkg's own files. sbom(): the packages whose
files came into a program, as CycloneDX JSON. buildinfo(): all packages, as text. Both: the same bytes for the same packages.

`about`: {"version", "commit", "epoch", "suite", "supplier", "homepage"} of the program, and for sbom() the "file" it is in and
the file's "sha256"."""

import collections
import json
import os
import time
import urllib.parse
import uuid

Package = collections.namedtuple("Package", "name version architecture source source_version")
RELEASES = {"bookworm": "debian-12", "trixie": "debian-13"}


class Packages:
    def __init__(self, root):
        self.root = root
        self._status = {}
        with open(os.path.join(root, "var/lib/dpkg/status"), encoding="utf-8") as file:
            for block in file.read().split("\n\n"):
                fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and line[0] != " ")
                if fields.get("Status", "").endswith(" installed"):
                    # "Source: gcc-12 (12.2.0-14)": what is left out is as the package's own.
                    source, _, version = fields.get("Source", fields["Package"]).partition(" ")
                    package = Package(fields["Package"], fields["Version"], fields["Architecture"], source,
                                      version.strip("()") or fields["Version"])
                    self._status[package.name, package.architecture] = self._status[package.name, None] = package
        self._owners = {}
        folder = os.path.join(root, "var/lib/dpkg/info")
        for name in sorted(os.listdir(folder)):
            if not name.endswith(".list"):
                continue
            package, _, architecture = name[:-len(".list")].partition(":")
            known = self._status.get((package, architecture or None))
            if known:
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    for path in file.read().splitlines():
                        self._owners[_merged(path)] = known

    def all(self):
        return sorted(set(self._status.values()))

    def owner(self, path):
        """The package of this path inside the root, links followed there; None: no package has it."""
        inside = _merged(path)
        for _ in range(20):
            there = os.path.join(self.root, inside.lstrip("/"))
            if not os.path.islink(there):
                break
            inside = _merged(os.path.normpath(os.path.join(os.path.dirname(inside), os.readlink(there))))
        return self._owners.get(inside)

    def owners(self, paths):
        """Sorted; raises KeyError for a path that belongs to no package."""
        found = set()
        for path in paths:
            package = self.owner(path)
            if package is None:
                raise KeyError(f"{path} belongs to no package")
            found.add(package)
        return sorted(found)


def _merged(path):
    """Packages name some files under /lib and some under /usr/lib, which are one folder."""
    first = path.split("/", 2)[1:2]
    return "/usr" + path if first and first[0] in ("lib", "lib64", "bin", "sbin") else path


def purl(package, suite):
    """With the source package as `upstream`: what scanners look for in Debian's advisories."""
    upstream = package.source if package.source_version == package.version else f"{package.source}@{package.source_version}"
    qualifiers = {"arch": package.architecture, "distro": RELEASES[suite], "upstream": upstream}
    text = "&".join(f"{key}={_quoted(value)}" for key, value in qualifiers.items())
    return f"pkg:deb/debian/{_quoted(package.name)}@{_quoted(package.version)}?{text}"


def _quoted(text):
    return urllib.parse.quote(text, safe=":")


def buildinfo(packages, about):
    """The packages in the syntax of deb-buildinfo(5)."""
    lines = [f" {package.name}:{package.architecture} (= {package.version})" for package in packages.all()]
    return (f"Source: shoal\nVersion: {about['version']}\nCommit: {about['commit']}\nRelease: {about['suite']}\n"
            "Installed-Build-Depends:\n" + ",\n".join(lines) + "\n")


def sbom(packages, about, inputs):
    """`inputs`: {path in the root: "linked", "copied" or "headers"}."""
    uses = {}
    for path, use in sorted(inputs.items()):
        for package in packages.owners([path]):
            # Most of all "linked", if several came in.
            uses[package] = max(use, uses.get(package, ""), key=("", "headers", "copied", "linked").index)
    components = [{
        "type": "library",
        "bom-ref": purl(package, about["suite"]),
        "name": package.name,
        "version": package.version,
        "purl": purl(package, about["suite"]),
        "properties": [{"name": "shoal:use", "value": use}],
    } for package, use in sorted(uses.items())]
    ours = f"pkg:generic/shoal@{about['version']}?checksum=sha256:{about['sha256']}&file_name={_quoted(about['file'])}"
    supplier = {"name": about["supplier"], **({"url": [about["homepage"]]} if about["homepage"] else {})}
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(about["epoch"])),
            "tools": {"components": [{"type": "application", "name": "docker/release of shoal", "version": about["version"]}]},
            "supplier": supplier,
            "component": {"type": "application", "bom-ref": ours, "name": "shoal", "version": about["version"], "purl": ours,
                          "supplier": supplier, "hashes": [{"alg": "SHA-256", "content": about["sha256"]}],
                          "licenses": [{"license": {"id": "MIT"}}],
                          "properties": [{"name": "shoal:file", "value": about["file"]}, {"name": "shoal:commit", "value": about["commit"]}]},
        },
        "components": components,
        "dependencies": [{"ref": ours, "dependsOn": [component["bom-ref"] for component in components]}],
    }
    bill["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(bill, sort_keys=True))}"
    return json.dumps(bill, indent=1, sort_keys=True) + "\n"
