"""One process at a time from /proc/<pid>/stat, and only if it has run since the last time."""

from __future__ import annotations

import os
import time
from itertools import islice

from tachograph.system.process import Process

_HZ = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
#: clock_gettime's name for the CPU time of a process is made of its pid: see clock_getcpuclockid.
_CPUCLOCK_SCHED = 2
#: In so many looks each is read again though it sleeps: others change its memory and its parent.
_RECHECK = 32
_NOTHING: tuple[bytes, Process | None] = (b"", None)


def parse_stat(pid: int, data: bytes) -> Process:
    """A line of /proc/<pid>/stat. The name in it may hold spaces and parentheses."""
    fields = data[data.rindex(b")") + 2 :].split(b" ", 22)
    return Process(
        pid,
        int(fields[1]),
        int(fields[19]) / _HZ,
        (int(fields[11]) + int(fields[12])) / _HZ,
        (int(fields[13]) + int(fields[14])) / _HZ,
        int(fields[21]) * _PAGE_BYTES,
        int(fields[17]),
        fields[0] in b"ZX",
    )


class StatReader:
    """Reads processes, and remembers them.

    A process that has not run is as it was, and the clock of its CPU time tells, for a
    twentieth of what reading costs. Few of a large tree run in any second.
    """

    def __init__(self, proc: str = "/proc") -> None:
        self._proc = proc
        self._has_clocks = _has_clocks(proc)
        #: Processes and the lines that they were read from, longest ago first.
        self._known: dict[int, tuple[bytes, Process]] = {}
        self._turn = 0
        #: Threads of the processes that had to be read since `begin`.
        self.threads_read = 0

    def begin(self) -> None:
        """Forget some, so that they are read again; whoever has ended goes for good."""
        self.threads_read = 0
        forget, self._turn = divmod(self._turn + len(self._known), _RECHECK)
        for pid in list(islice(self._known, forget)):
            del self._known[pid]

    def read(self, pid: int) -> Process | None:
        """The process, None when it is gone; the very same object if it has not run."""
        # The only path that is walked hundreds of times a sample.
        line, process = self._known.get(pid, _NOTHING)
        ran = None
        if self._has_clocks:
            try:
                # Before the file: if the process runs in between, the next look will read it.
                ran = time.clock_gettime_ns(~pid << 3 | _CPUCLOCK_SCHED) or None
            except OSError:
                pass
            else:
                if process is not None and process.ran_ns == ran is not None:
                    return process
        data = self._line(pid)
        if data is None:
            return None
        # Comparing is cheaper than parsing.
        if process is None or line != data:
            process = parse_stat(pid, data)
        if process.ran_ns != ran:
            process = process._replace(ran_ns=ran)
        self._known[pid] = data, process
        self.threads_read += process.threads + 1
        return process

    def read_anew(self, pid: int) -> Process | None:
        """The process as it is now, whether it has run or not."""
        self._known.pop(pid, None)
        return self.read(pid)

    def _line(self, pid: int) -> bytes | None:
        try:
            fd = os.open(f"{self._proc}/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            return os.read(fd, 1024)
        except OSError:  # ESRCH: the process ended after the opening
            return None
        finally:
            os.close(fd)


def _has_clocks(proc: str) -> bool:
    """Whether clocks tell who has run: pids must mean the same to `proc` as to system calls."""
    pid = os.getpid()
    try:
        if proc != "/proc" or os.readlink("/proc/self") != str(pid):
            return False
        return time.clock_gettime_ns(~pid << 3 | _CPUCLOCK_SCHED) > 0
    except (OSError, OverflowError):
        return False
