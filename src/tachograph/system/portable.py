"""The table of processes where there is no /proc: macOS, Windows, through psutil.

Slower, and ended children's time is known only where the system keeps it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress

import psutil

from tachograph.system.process import Family, Machine, Process, Usage, descend


class PortableTable:
    """The processes that psutil shows."""

    inherits_io = sys.platform == "linux"

    def family(self, pid: int, exclude: Callable[[Process], bool] | None) -> Family:
        root = self.read(pid)
        if root is None:
            raise ProcessLookupError(
                f"process {pid} is not there: it has ended, or never was; stop sampling it"
            )
        children: dict[int, list[Process]] = {}
        for handle in psutil.Process(pid).children(recursive=True):
            child = self._read(handle)
            if child is not None:
                children.setdefault(child.parent, []).append(child)
        return descend(root, children, exclude)

    def read(self, pid: int) -> Process | None:
        try:
            return self._read(psutil.Process(pid))
        except psutil.NoSuchProcess:
            return None

    def usage(self, pid: int) -> Usage:
        # What a platform lacks psutil doesn't have either: Windows counts handles of all kinds
        # instead of files, macOS no bytes.
        files = read = written = None
        with suppress(AttributeError, psutil.Error, OSError):
            files = psutil.Process(pid).num_fds()
        with suppress(AttributeError, psutil.Error, OSError):
            counters = psutil.Process(pid).io_counters()
            read, written = counters.read_bytes, counters.write_bytes
        return Usage(files, read, written)

    def machine(self, pid: int) -> Machine:
        cores = psutil.cpu_count() or 1
        with suppress(AttributeError, psutil.Error):  # macOS has no affinity
            cores = len(psutil.Process(pid).cpu_affinity() or ()) or cores
        return Machine(float(cores), psutil.virtual_memory().total, 0.0)

    def now_s(self) -> float:
        return time.time()

    @staticmethod
    def _read(handle: psutil.Process) -> Process | None:
        try:
            with handle.oneshot():
                spent = handle.cpu_times()
                return Process(
                    handle.pid,
                    handle.ppid(),
                    handle.create_time(),
                    spent.user + spent.system,
                    getattr(spent, "children_user", 0.0) + getattr(spent, "children_system", 0.0),
                    handle.memory_info().rss,
                    handle.num_threads(),
                    handle.status() == psutil.STATUS_ZOMBIE,
                )
        except psutil.Error:
            # Gone, or another user's: neither can be counted.
            return None
