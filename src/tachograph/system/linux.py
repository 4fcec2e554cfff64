"""The table of processes on Linux, read from /proc.

Three ways to find the descendants, by what they cost now: the kernel says that there are no
children (one system call); the `children` files of the tree's threads, where the kernel
has them; one pass over /proc, in which processes known to be foreign are not read again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import islice

from tachograph.system.limits import read_machine
from tachograph.system.process import Family, Machine, Process, descend
from tachograph.system.procusage import ProcUsage
from tachograph.system.stat import StatReader

_WALL = 0x40000000  # __WALL: children that were cloned with another signal too
#: Listing a process costs about this share of reading it.
_LISTING_COST = 0.1
#: One foreign process in so many is read again each time: its pid may be another's by now.
_RECHECK = 32


class LinuxTable:
    """/proc at a path of the caller's choice. Holds no open file between calls."""

    inherits_io = True

    def __init__(self, proc: str = "/proc") -> None:
        self._proc = proc
        self._foreign: dict[int, None] = {}
        self._has_children_files: bool | None = None
        self._walk_cost = 0
        self._reader = StatReader(proc)
        #: The children of a process, as of a reading of it.
        self._children_of: dict[int, tuple[Process, list[int]]] = {}
        self.usage = ProcUsage(proc).read

    def read(self, pid: int) -> Process | None:
        return self._reader.read(pid)

    def machine(self, pid: int) -> Machine:
        return read_machine(self._proc, pid)

    def now_s(self) -> float:
        data = self._bytes(f"{self._proc}/uptime")
        return float(data.split(None, 1)[0]) if data else float("inf")

    def family(self, pid: int, exclude: Callable[[Process], bool] | None) -> Family:
        self._reader.begin()
        root = self.read(pid)
        if root is None:
            raise ProcessLookupError(
                f"process {pid} is not in {self._proc}: it has ended, or never was there; "
                "stop sampling it"
            )
        if self._is_childless(pid):
            return Family({pid: root}, {})
        if self._walking_pays(root):
            family = self._walk(root, exclude)
        else:
            family = self._scan(root, exclude)
        # What following the children files costs next time, if as many run as since last time.
        self._walk_cost = self._reader.threads_read
        if len(self._children_of) > 2 * len(family.members) + 64:
            self._children_of.clear()
        return family

    def _is_childless(self, pid: int) -> bool:
        """Whether the kernel says so; it answers only the parent itself."""
        if pid != os.getpid() or self._proc != "/proc":
            return False
        try:
            # WNOWAIT takes nothing away from whoever waits for the child.
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT | _WALL)
        except ChildProcessError:
            return True
        except OSError:
            return False
        return False

    def _walking_pays(self, root: Process) -> bool:
        if self._has_children_files is None:
            path = f"{self._proc}/{root.pid}/task/{root.pid}/children"
            self._has_children_files = os.path.exists(path)
        if not self._has_children_files:
            return False
        # The link count of /proc is the number of processes, so that nothing need be listed.
        scan_cost = os.stat(self._proc).st_nlink * (_LISTING_COST if self._foreign else 1.0)
        return max(self._walk_cost, root.threads) <= scan_cost

    def _walk(self, root: Process, exclude: Callable[[Process], bool] | None) -> Family:
        self._foreign.clear()
        family = Family({root.pid: root}, {})
        pending = [root]
        while pending:
            parent = pending.pop()
            for pid in self._children(parent):
                child = self.read(pid)
                if child is not None and child.parent != parent.pid:
                    child = self._reader.read_anew(pid)
                if child is None or pid in family.members:
                    continue
                if exclude and exclude(child):
                    family.excluded[pid] = child
                else:
                    family.members[pid] = child
                    pending.append(child)
        return family

    def _children(self, parent: Process) -> list[int]:
        """Who is a child of it; as long as it doesn't run, it makes none."""
        then, found = self._children_of.get(parent.pid, (None, []))
        # It is read again now and then in any case, and so orphans that it was given are found.
        if parent.ran_ns is None or then is not parent:
            found = self._list_children(parent)
            self._children_of[parent.pid] = parent, found
        return found

    def _list_children(self, parent: Process) -> list[int]:
        tasks = f"{self._proc}/{parent.pid}/task"
        try:
            threads = os.listdir(tasks) if parent.threads > 1 else [str(parent.pid)]
        except OSError:
            return []
        found: list[int] = []
        for thread in threads:
            found += map(int, self._bytes(f"{tasks}/{thread}/children", 1 << 20).split())
        return found

    def _scan(self, root: Process, exclude: Callable[[Process], bool] | None) -> Family:
        foreign = self._foreign
        for pid in list(islice(foreign, -(-len(foreign) // _RECHECK))):
            del foreign[pid]
        listed = [int(name) for name in os.listdir(self._proc) if name.isdigit()]
        present = set(listed)
        children: dict[int, list[Process]] = {}
        seen = {root.pid}
        for pid in listed:
            if pid in foreign or pid == root.pid:
                continue
            process = self.read(pid)
            if process is not None and process.parent not in present:
                process = self._reader.read_anew(pid)  # an orphan: its parent is another one now
            if process is not None:
                seen.add(pid)
                children.setdefault(process.parent, []).append(process)
        below = descend(root, children).members
        self._remember_foreign(present, seen, below, children)
        return descend(root, children, exclude) if exclude else Family(below, {})

    def _remember_foreign(
        self,
        present: set[int],
        seen: set[int],
        below: dict[int, Process],
        children: dict[int, list[Process]],
    ) -> None:
        """Descent doesn't change to ours later, so whoever is foreign need not be read again."""
        known = self._foreign
        # In the order of `known`, so that everyone's turn to be read again comes round.
        foreign = {pid: None for pid in known if pid in present}
        for parent, processes in children.items():
            # A parent that the listing has missed (it began meanwhile) may be one of ours.
            if parent not in below and (parent == 0 or parent in seen or parent in known):
                foreign.update((process.pid, None) for process in processes)
        self._foreign = foreign

    @staticmethod
    def _bytes(path: str, size: int = 1024) -> bytes:
        """A small file's content, b"" when it is gone or not for us."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return b""
        try:
            return os.read(fd, size)
        except OSError:  # ESRCH: the process ended after the opening
            return b""
        finally:
            os.close(fd)
