"""The right to write a store: a lock on a file, which one process at a time holds.

A POSIX record lock, because the kernel releases it however the process ends, and a forked
child doesn't inherit it. Its trap: when a process closes *any* descriptor of a file, all of
its locks on that file are gone. So a path is claimed within the process before it is
opened, and nobody else here opens it until the claim is given up. The file stays for ever:
deleting it would let two processes lock two files of one name.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress

from tachograph.errors import StoreError

#: How often a lease that is held elsewhere is tried again.
_RETRY_S = 0.02

_claims: set[str] = set()
_changed = threading.Condition()


def _after_fork_in_child() -> None:
    global _changed
    # The parent's leases are not ours, and its lock may have been taken while it forked.
    _claims.clear()
    _changed = threading.Condition()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


class Lease:
    """A lock on `path`, tried for `wait_s` seconds when somebody else has it.

    `held` tells how that went; `holder` is the pid that has it instead, 0 when unknown.
    Waiting blocks the calling thread. Raises StoreError where the file can't be made.
    """

    def __init__(self, path: str, wait_s: float = 0.0) -> None:
        self._path = os.path.realpath(path)
        self._pid = os.getpid()
        self._fd = -1
        self.holder = self._pid
        deadline = time.monotonic() + wait_s
        if self._claim(deadline):
            try:
                self._lock(deadline)
            finally:
                if self._fd < 0:
                    self._unclaim()

    @property
    def held(self) -> bool:
        """Whether this process may write. False in a forked child."""
        return self._fd >= 0 and self.is_ours

    @property
    def is_ours(self) -> bool:
        """Whether this is the process that asked for it, and no forked child."""
        return self._pid == os.getpid()

    def release(self) -> None:
        """Give it back. Never raises; does nothing the second time or in a forked child."""
        if self.held:
            fd, self._fd = self._fd, -1
            os.close(fd)  # and with it the lock
            self._unclaim()

    def _claim(self, deadline: float) -> bool:
        with _changed:
            while self._path in _claims:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                _changed.wait(left)
            _claims.add(self._path)
            return True

    def _unclaim(self) -> None:
        with _changed:
            _claims.discard(self._path)
            _changed.notify_all()

    def _lock(self, deadline: float) -> None:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        try:
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            fd = os.open(self._path, flags, 0o600)
        except OSError as error:
            raise StoreError(
                f"{self._path}: can't make the lease file ({error.strerror}); "
                "give the store a path in a directory that you may write"
            ) from error
        try:
            while not _try_lock(fd):
                if time.monotonic() >= deadline:
                    self.holder = _read_pid(fd)
                    return
                time.sleep(_RETRY_S)
            _write_pid(fd, self._pid)
            self._fd = fd
        finally:
            if self._fd < 0:
                os.close(fd)


def _read_pid(fd: int) -> int:
    text = os.read(fd, 32).strip()
    return int(text) if text.isdigit() else 0


def _write_pid(fd: int, pid: int) -> None:
    """For the sentence that another process says. A full disk must not cost us the lease."""
    with suppress(OSError):
        os.ftruncate(fd, 0)
        os.write(fd, b"%d\n" % pid)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(fd: int) -> bool:
        os.lseek(fd, 1 << 20, os.SEEK_SET)  # behind the pid, which others read
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(fd, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def _try_lock(fd: int) -> bool:
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except PermissionError:  # the other thing that POSIX lets a held lock say
            return False
        return True
