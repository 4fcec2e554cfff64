"""Open files and storage I/O of one process on Linux, from /proc/<pid>/fd and /proc/<pid>/io."""

from __future__ import annotations

import os

from tachograph.system.process import Usage

#: Counting takes so many files per look at most, over time: with more, it pauses in between.
_FILES_A_LOOK = 2000


class ProcUsage:
    """Reads them at a /proc of the caller's choice. Holds no open file between calls."""

    def __init__(self, proc: str = "/proc") -> None:
        self._proc = proc
        #: Where the kernel gives the number as the directory's size (from 6.2 on). Elsewhere the
        #: entries have to be counted, and of a copy of /proc the size is another thing.
        self._has_sizes = proc == "/proc" and _size("/proc/self/fd") > 0
        self._counted: dict[int, tuple[int, int]] = {}

    def read(self, pid: int) -> Usage:
        """What is to be known of it: nothing if it has ended, little if it is another user's."""
        return Usage(self._open_files(pid), *self._io(pid))

    def _open_files(self, pid: int) -> int | None:
        path = f"{self._proc}/{pid}/fd"
        try:
            if self._has_sizes:
                return os.stat(path).st_size
            count, pause = self._counted.pop(pid, (0, 0))
            if not pause:
                count = len(os.listdir(path))
                pause = 1 + count // _FILES_A_LOOK
            if pause > 1:
                if len(self._counted) > 64:  # of processes that are gone, mostly
                    self._counted.clear()
                self._counted[pid] = count, pause - 1
        except OSError:
            return None
        return count

    def _io(self, pid: int) -> tuple[int | None, int | None]:
        try:
            fd = os.open(f"{self._proc}/{pid}/io", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None, None
        try:
            words = os.read(fd, 512).split()
        except OSError:  # ended, or not for us
            return None, None
        finally:
            os.close(fd)
        named = dict(zip(words[::2], words[1::2], strict=False))
        try:
            return int(named[b"read_bytes:"]), int(named[b"write_bytes:"])
        except (KeyError, ValueError):
            return None, None


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
