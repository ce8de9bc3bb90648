"""What builds shoal in a Debian root (debian_root.py), for its own architecture or another: the compilers and protoc of the
root's, the libraries of the other (multiarch). docker/debian-ARCHITECTURE.cmake is the toolchain."""

import os
import shutil
import subprocess

from debian_root import NATIVE

QEMU = {"arm64": "qemu-aarch64-static", "armhf": "qemu-arm-static"}
TRIPLETS = {"arm64": "aarch64-linux-gnu", "armhf": "arm-linux-gnueabihf"}
_HERE = os.path.dirname(os.path.abspath(__file__))

_INSTALL = """
set -euo pipefail
. /tmp/packages.sh
architecture=$1
shift
wanted=("${build_packages[@]}")
for list in "$@"; do
  declare -n more=$list
  wanted+=("${more[@]}")
done
if [ "$architecture" != "$(dpkg --print-architecture)" ]; then
  dpkg --add-architecture "$architecture"
  mapfile -t wanted < <(cross_packages "$architecture" "${wanted[@]}")
fi
apt-get update -q
# The root may be some weeks old, and what is linked in or copied into an image comes from it too.
apt-get dist-upgrade -qy
apt-get install -qy --no-install-recommends "${wanted[@]}"
"""


def install_build_packages(root, architecture, log, lists=()):
    """`lists`: names of further lists of tests/lib/packages.sh. apt's output goes to the open file."""
    shutil.copyfile(os.path.join(_HERE, "packages.sh"), root.file("/tmp/packages.sh"))
    done = subprocess.run(root.command("bash", "-c", _INSTALL, "bash", architecture, *lists), check=False,
                          stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    if done.returncode:
        raise AssertionError(f"the packages for {architecture} cannot be installed: {log.name}")


def toolchain(checkout, architecture):
    """The argument of cmake."""
    return [] if architecture == NATIVE else [f"-DCMAKE_TOOLCHAIN_FILE={checkout}/docker/debian-{architecture}.cmake"]
