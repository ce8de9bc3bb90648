"""Packages: which Debian package of a root file system a file belongs to, from dpkg's own files. sbom(): the packages whose
files came into a program, as CycloneDX JSON, the same bytes for the same packages."""

import collections
import json
import os
import time
import urllib.parse
import uuid

Package = collections.namedtuple("Package", "name version architecture source")
RELEASES = {"bookworm": "debian-12", "trixie": "debian-13"}


class Packages:
    def __init__(self, root):
        self.root = root
        self._status = {}
        with open(os.path.join(root, "var/lib/dpkg/status"), encoding="utf-8") as file:
            for block in file.read().split("\n\n"):
                fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and line[0] != " ")
                if fields.get("Status", "").endswith(" installed"):
                    package = Package(fields["Package"], fields["Version"], fields["Architecture"], fields.get("Source", fields["Package"]))
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
    quoted = urllib.parse.quote(package.version, safe="")
    return f"pkg:deb/debian/{package.name}@{quoted}?arch={package.architecture}&distro={RELEASES[suite]}"


def sbom(packages, name, version, epoch, inputs, suite):
    """`inputs`: {path in the root: "linked" or "headers"}."""
    uses = {}
    for path, use in sorted(inputs.items()):
        for package in packages.owners([path]):
            # A package of which both came in is a linked one.
            uses[package] = "linked" if "linked" in (use, uses.get(package)) else use
    components = [{
        "type": "library",
        "bom-ref": purl(package, suite),
        "name": package.name,
        "version": package.version,
        "purl": purl(package, suite),
        "properties": [{"name": "shoal:use", "value": use}, {"name": "shoal:debian-source", "value": package.source}],
    } for package, use in sorted(uses.items())]
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch)),
            "component": {"type": "application", "bom-ref": name, "name": name, "version": version,
                          "licenses": [{"license": {"id": "MIT"}}]},
        },
        "components": components,
        "dependencies": [{"ref": name, "dependsOn": [component["bom-ref"] for component in components]}],
    }
    bill["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(bill, sort_keys=True))}"
    return json.dumps(bill, indent=1, sort_keys=True) + "\n"
