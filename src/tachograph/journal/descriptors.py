"""Segments that stay open between two reads, so that following a log opens no file.

At most one per log and a bounded number of all. Logs beyond the bound are opened for each
read, and so is everything on Windows, where nothing is deleted or moved that is open.
Thread-safe.
"""

from __future__ import annotations

import os
import stat as kinds
import sys
import threading

from tachograph.journal.life import close_if_same
from tachograph.journal.reader import Piece

#: Segments that are kept open together, at most.
MOST = 512
#: Of the descriptors that the process may have, this share at most.
SHARE = 0.25
# Without O_NONBLOCK whoever puts a pipe there would stop the reader for ever.
_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_FLAGS |= getattr(os, "O_NONBLOCK", 0)


def allowed() -> int:
    """How many may stay open: a share of what the system allows this process."""
    if sys.platform == "win32":
        return 0
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else min(MOST, int(SHARE * soft))


class _Kept:
    """A descriptor, the file that it was opened for, and whether it was of use lately."""

    __slots__ = ("fd", "identity", "path", "used")

    def __init__(self, path: str, fd: int, identity: tuple[int, int]) -> None:
        self.path = path
        self.fd = fd
        self.identity = identity
        self.used = True


class Descriptors:
    """See the module. `close` gives all of them back."""

    def __init__(self, limit: int | None = None) -> None:
        self._limit = allowed() if limit is None else limit
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def load(self, log: str, path: str, offset: int, size: int) -> Piece | None:
        """Up to `size` bytes of a file of that log; None when it is gone. Raises OSError."""
        with self._lock:
            kept = self._kept.get(log)
            if kept is not None:
                length = self._length(log, kept) if kept.path == path else -1
                if length >= 0:
                    kept.used = True
                    return _piece(kept.fd, offset, size, length)
                self._drop(log)
            return self._open(log, path, offset, size)

    def release(self, log: str) -> None:
        """Close what is open of a log."""
        with self._lock:
            self._drop(log)

    def close(self) -> None:
        """Close everything."""
        with self._lock:
            for log in tuple(self._kept):
                self._drop(log)

    __del__ = close

    def _length(self, log: str, kept: _Kept) -> int:
        """The file's size; -1 when the descriptor leads to no such file any more: it was
        deleted, or the program has closed the descriptor under us and may have got another
        file by the same number, which must not be closed."""
        try:
            stat = os.fstat(kept.fd)
        except OSError:
            del self._kept[log]
            return -1
        if (stat.st_dev, stat.st_ino) != kept.identity:
            del self._kept[log]
            return -1
        return stat.st_size if stat.st_nlink else -1

    def _open(self, log: str, path: str, offset: int, size: int) -> Piece | None:
        try:
            fd = os.open(path, _FLAGS)
        except FileNotFoundError:
            return None
        keep = False
        try:
            stat = os.fstat(fd)
            if not kinds.S_ISREG(stat.st_mode):
                raise OSError(22, "this is no file; a log holds nothing else", path)
            piece = _piece(fd, offset, size, stat.st_size)
            keep = self._has_room()
        finally:
            if not keep:
                os.close(fd)
        if keep:
            self._kept[log] = _Kept(path, fd, (stat.st_dev, stat.st_ino))
        return piece

    def _has_room(self) -> bool:
        """Whether one more may stay open. Each try looks at one that is kept: if nobody has
        read it since it was looked at last, it makes room."""
        if len(self._kept) < self._limit:
            return True
        if not self._kept:
            return False
        log = next(iter(self._kept))
        kept = self._kept.pop(log)
        self._kept[log] = kept
        if kept.used:
            kept.used = False
            return False
        self._drop(log)
        return True

    def _drop(self, log: str) -> None:
        kept = self._kept.pop(log, None)
        if kept is not None:
            close_if_same(kept.fd, kept.identity)


def _piece(fd: int, offset: int, size: int, length: int) -> Piece:
    remaining = length - offset
    data = _read_at(fd, min(size, remaining), offset) if remaining > 0 else b""
    return Piece(data, len(data) >= remaining)


def _read_at(fd: int, size: int, offset: int) -> bytes:
    if sys.platform != "win32":
        return os.pread(fd, size, offset)
    os.lseek(fd, offset, os.SEEK_SET)
    return os.read(fd, size)
