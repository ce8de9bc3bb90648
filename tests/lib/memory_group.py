"""MemoryGroup: a control group with a limit of memory, of version 2 or 1, below the one this process is in."""

import os

from report import Skip

V2 = {"limit": "memory.max", "used": "memory.current", "swap": "memory.swap.max"}
V1 = {"limit": "memory.limit_in_bytes", "used": "memory.usage_in_bytes", "swap": None}


def _read(path):
    with open(path, encoding="ascii") as file:
        return file.read().strip()


def _mounts():
    """(type, options, folder, mounted group) of each mounted hierarchy."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        for line in file:
            before, _, after = line.partition(" - ")
            kind, _, options = after.split()[:3]
            if kind in ("cgroup", "cgroup2"):
                yield kind, options.split(","), before.split()[4], before.split()[3]


def _own_folder(kind):
    """The folder of this process's own group in the hierarchy that limits memory; None: there is none."""
    for mounted, options, folder, root in _mounts():
        if mounted != kind or (kind == "cgroup" and "memory" not in options):
            continue
        for line in _read("/proc/self/cgroup").splitlines():
            _, controllers, group = line.split(":", 2)
            if (kind == "cgroup2" and not controllers) or (kind == "cgroup" and "memory" in controllers.split(",")):
                if root != "/" and group.startswith(root):
                    group = group[len(root):]
                path = os.path.join(folder, group.lstrip("/"))
                return path if os.path.isdir(path) else folder
    return None


class MemoryGroup:
    """`with MemoryGroup(100 << 20) as group:` Raises Skip where no group can be made."""

    def __init__(self, limit_bytes):
        self.limit_bytes = limit_bytes
        self.folder = self.files = None

    def __enter__(self):
        reasons = []
        for kind, files in (("cgroup2", V2), ("cgroup", V1)):
            parent = _own_folder(kind)
            if parent is None:
                reasons.append(f"no {kind} for memory is mounted")
                continue
            folder = os.path.join(parent, f"shoal-test-{os.getpid()}")
            try:
                os.mkdir(folder)
            except OSError as error:
                reasons.append(f"{folder}: {error.strerror}")
                continue
            try:
                with open(os.path.join(folder, files["limit"]), "w", encoding="ascii") as file:
                    file.write(str(self.limit_bytes))
            except OSError as error:
                os.rmdir(folder)
                reasons.append(f"{folder} cannot limit memory: {error.strerror}")
                continue
            self.folder, self.files = folder, files
            return self
        raise Skip("no control group that limits memory can be made: " + "; ".join(reasons))

    def __exit__(self, *_):
        os.rmdir(self.folder)

    @property
    def run_in(self):
        """A command that runs another in this group."""
        procs = os.path.join(self.folder, "cgroup.procs")
        return ["sh", "-c", f'echo $$ > {procs} && exec "$@"', "sh"]

    def kills(self):
        """How often the kernel has killed a process here for lack of memory."""
        name = "memory.events" if self.files is V2 else "memory.oom_control"
        for line in _read(os.path.join(self.folder, name)).splitlines():
            key, value = line.split()
            if key == "oom_kill":
                return int(value)
        return 0

    def used_bytes(self):
        return int(_read(os.path.join(self.folder, self.files["used"])))
