"""Fresh Debian root file systems, of Debian 12 (bookworm) or another release: made by debootstrap, kept as
build/debian-SUITE[-ARCHITECTURE].tar for a month and unpacked for each use. Runs commands inside and boots an init system inside. Needs root,
debootstrap and systemd-container; for another architecture than this machine's qemu-user-static and binfmt-support as well."""

import os
import shutil
import subprocess
import tempfile
import time

from cluster import ROOT
from wait import wait_for

TOOLS = ("debootstrap", "systemd-nspawn", "nsenter")
NATIVE = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
_DAYS_MAX = 30
# The kernel's names for what runs programs of another architecture (binfmt_misc), with which a root of it is like any other.
_BINFMT = {"arm64": "qemu-aarch64", "armhf": "qemu-arm"}
# If the machine's init is not systemd, there is nobody to register a container with.
_NSPAWN = ["systemd-nspawn", "--quiet", "--register=no",
           *([] if os.path.isdir("/run/systemd/system") else ["--keep-unit"])]


def missing(tools=TOOLS):
    """Why this cannot run here; "" when it can."""
    if os.geteuid() != 0:
        return "making a root file system needs root"
    absent = [tool for tool in tools if not shutil.which(tool)]
    return f"not installed: {', '.join(absent)}" if absent else ""


def not_emulated(architecture):
    """Why a root of this architecture does not run here; "" when it does."""
    if architecture == NATIVE:
        return ""
    try:
        with open(f"/proc/sys/fs/binfmt_misc/{_BINFMT[architecture]}", encoding="ascii") as file:
            text = file.read()
            # F: the kernel has opened the emulator already, so it need not be in the root.
            if text.startswith("enabled") and "F" in text.split("flags:")[1].split("\n")[0]:
                return ""
    except (FileNotFoundError, KeyError):
        pass
    return f"the kernel does not run programs of {architecture} by QEMU: packages qemu-user-static and binfmt-support"


def tar_path(suite="bookworm", architecture=NATIVE):
    """The archive of the root file system, made if there is none of the last month."""
    path = os.path.join(ROOT, "build", f"debian-{suite}{'' if architecture == NATIVE else f'-{architecture}'}.tar")
    if not os.path.exists(path) or time.time() - os.path.getmtime(path) > _DAYS_MAX * 86400:
        print(f"making a root of Debian {suite}, {architecture}: some minutes", flush=True)
        with tempfile.TemporaryDirectory(prefix="shoal-root-") as folder:
            root = os.path.join(folder, "root")
            subprocess.run(["debootstrap", "--variant=minbase", f"--arch={architecture}", suite, root], check=True,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            # Another run may make it too.
            part = f"{path}.{os.getpid()}.part"
            subprocess.run(["tar", "-C", root, "-cf", part, "."], check=True)
            os.rename(part, path)
    return path


# All that a machine has, and a container of systemd-nspawn has not: /proc/sys and /sys to write to, every privilege.
_AS_A_MACHINE = """
mount --make-rprivate / && mount --bind "$0" "$0" && mount -t proc proc "$0/proc" && mount --rbind /sys "$0/sys" && mount --rbind /dev "$0/dev" || exit
while [ "$1" != -- ]; do mkdir -p "$0$2" && mount --bind "$1" "$0$2" || exit; shift 2; done
shift
exec chroot "$0" "$@"
"""


class DebianRoot:
    """`as_a_machine`: in namespaces of its own for mounts and processes only, with these folders of the host as well,
    {host's: its own}. It cannot be booted then."""

    def __init__(self, suite="bookworm", as_a_machine=None, architecture=NATIVE):
        archive = tar_path(suite, architecture)
        self.as_a_machine = as_a_machine
        self.path = tempfile.mkdtemp(prefix="shoal-root-")
        subprocess.run(["tar", "-C", self.path, "-xf", archive], check=True)
        self._init = None
        if as_a_machine is not None:
            shutil.copy("/etc/resolv.conf", self.file("/etc/resolv.conf"))
            with open(self.file("/etc/hosts"), "w", encoding="ascii") as hosts:
                hosts.write("127.0.0.1 localhost\n::1 localhost\n")

    def close(self):
        if self._init:
            self.shut_down()
        shutil.rmtree(self.path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def file(self, path):
        return os.path.join(self.path, path.lstrip("/"))

    def run(self, *command, fails=False, timeout_s=600):
        """Runs a command inside (in the booted system, if any) and returns its output. `fails`: it must fail."""
        done = subprocess.run(self.command(*command), check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", timeout=timeout_s)
        if bool(done.returncode) != fails:
            raise AssertionError(f"{' '.join(command)}: exit code {done.returncode}\n{(done.stdout + done.stderr)[-2000:]}")
        return done.stdout

    def command(self, *command):
        """What runs a command inside."""
        if self._init:
            prefix = ["nsenter", "--target", str(self._leader()), "--all", "--"]
        elif self.as_a_machine is not None:
            binds = [path for pair in self.as_a_machine.items() for path in pair]
            prefix = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _AS_A_MACHINE, self.path, *binds, "--"]
        else:
            prefix = [*_NSPAWN, "--pipe", "--resolv-conf=replace-host", "--directory", self.path, "--"]
        return [*prefix, "env", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "SYSTEMD_COLORS=0", "SYSTEMD_URLIFY=0",
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *command]

    def files(self):
        """Every path outside /proc and the like."""
        found = set()
        for top, folders, names in os.walk(self.path):
            inside = top[len(self.path):]
            if not inside:
                folders[:] = [f for f in folders if f not in ("proc", "sys", "dev", "run", "tmp")]
            found.update(f"{inside}/{name}" for name in folders + names)
        return found

    # The init system

    def boot(self):
        """Boots in its own network namespace, with loopback only."""
        log = open(self.file("/root/boot.log"), "wb")
        with log:
            self._init = subprocess.Popen([*_NSPAWN, "--private-network", "--boot", "--directory", self.path],
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(self._is_up, 60, "the init system to be up", interval_s=0.2)

    def _is_up(self):
        if self._init.poll() is not None:
            raise RuntimeError(f"the init system has ended: {open(self.file('/root/boot.log'), errors='replace').read()}")
        return self.run("systemctl", "list-jobs").startswith("No jobs")

    def _leader(self):
        children = subprocess.run(["pgrep", "-P", str(self._init.pid)], check=False, capture_output=True, text=True)
        if not children.stdout:
            raise AssertionError("no init system runs yet")
        return int(children.stdout.split()[0])

    def shut_down(self):
        try:
            self.run("systemctl", "poweroff")
            self._init.wait(60)
        except (AssertionError, subprocess.TimeoutExpired):
            self._init.kill()
            self._init.wait()
        self._init = None
