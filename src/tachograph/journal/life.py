"""Whether the process that writes a log still lives: a lock on a file, which dies with it.

POSIX record locks (`fcntl.lockf`) fit, because a forked child doesn't inherit them and
SIGKILL releases them. They have one trap: when a process closes *any* descriptor of a file,
all of its locks on that file are gone. So `held` never opens a file that this process holds.
A lock that stands on a network file system is as good as that file system's locks.
"""

from __future__ import annotations

import os
import struct
import sys
import time

# Windows moves no file that is open, and no directory with one in it.
_IN_PLACE = sys.platform == "win32"

# To look at a pipe that somebody put there must not wait for its writer.
_LOOK = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)

#: Device and inode of the files that this process holds.
_own: set[tuple[int, int]] = set()

# A forked child holds nothing of what its parent holds.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_own.clear)


class Hold:
    """A lock on a file, kept until `release` or the end of the process, however it ends."""

    def __init__(self, path: str) -> None:
        """Put a locked file at `path`, in place of any other. Raises OSError."""
        # It gets its name when it is locked: who sees it sees it held, and `held` in another
        # thread can't open it before it stands in `_own`.
        hidden = path if _IN_PLACE else f"{path}.{os.getpid()}"
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0)
        self._fd = os.open(hidden, flags, 0o600)
        stat = os.fstat(self._fd)
        self._identity = (stat.st_dev, stat.st_ino)
        _own.add(self._identity)
        try:
            _lock(self._fd)
            # Logs are ordered by this; the kernel's own stamps are some milliseconds coarse.
            now = time.time_ns()
            os.utime(hidden, ns=(now, now))
            if hidden != path:
                os.rename(hidden, path)
        except OSError:
            self.release()
            raise

    def stands_at(self, path: str) -> bool:
        """Whether `path` is still the file that is locked: it may have been deleted, or the
        program may have closed the descriptor under us."""
        try:
            file, mine = os.stat(path), os.fstat(self._fd)
        except OSError:
            return False
        return (file.st_dev, file.st_ino) == (mine.st_dev, mine.st_ino) == self._identity

    def renew(self, path: str) -> bool:
        """As `stands_at`, and the lock is taken once more: a program that copies its own home
        has closed another descriptor of the file, and with it given the lock up."""
        try:
            if self.stands_at(path):
                _renew(self._fd)
                return True
        except OSError:
            pass
        return False

    def release(self) -> None:
        """Give the lock up. Never raises; does nothing the second time."""
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        _own.discard(self._identity)
        close_if_same(fd, self._identity)


def held(path: str) -> bool:
    """Whether a living process holds `path`; a file that isn't there is held by nobody.

    Raises OSError where it can't be told.
    """
    try:
        stat = os.stat(path)
        if (stat.st_dev, stat.st_ino) in _own:
            return True
        fd = os.open(path, _LOOK)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        return _locked(fd)
    finally:
        os.close(fd)


def close_if_same(fd: int, identity: tuple[int, int]) -> None:
    """Close a descriptor, unless it stands for another file by now: a program that closes
    descriptors wholesale (to become a daemon) may have got the same number again."""
    try:
        stat = os.fstat(fd)
        if (stat.st_dev, stat.st_ino) == identity:
            os.close(fd)
    except OSError:
        pass


if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int) -> None:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

    def _renew(fd: int) -> None:
        pass  # it is the handle's

    def _locked(fd: int) -> bool:
        # There is no test without trying. The lock isn't the process's but the handle's,
        # so a try from elsewhere breaks nothing.
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return True
        msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)
        return False

else:
    import fcntl

    # Order of the fields of `struct flock`: type, whence, start, length, pid, or the BSD one.
    _BSD = sys.platform.startswith(("darwin", "freebsd", "openbsd", "netbsd"))
    _FLOCK = struct.Struct("qqihhi" if _BSD else "hhqqi4x")

    def _lock(fd: int) -> None:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    _renew = _lock

    def _locked(fd: int) -> bool:
        wanted = (0, 0, 0, fcntl.F_WRLCK, 0, 0) if _BSD else (fcntl.F_WRLCK, 0, 0, 0, 0)
        found = _FLOCK.unpack(fcntl.fcntl(fd, fcntl.F_GETLK, _FLOCK.pack(*wanted)))
        return bool(found[3 if _BSD else 0] != fcntl.F_UNLCK)
