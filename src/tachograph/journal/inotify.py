"""Linux's inotify, as much of it as following logs needs.

Called directly, because the watchers that exist gather changes for tens of milliseconds
before they tell anybody, and a live page wants the first frame at once.
"""

from __future__ import annotations

import ctypes
import os
import struct
from typing import NamedTuple

MODIFY = 0x2
CLOSE_WRITE = 0x8
MOVED_FROM = 0x40
MOVED_TO = 0x80
CREATE = 0x100
DELETE = 0x200
OVERFLOW = 0x4000
IGNORED = 0x8000
ONLY_DIRECTORY = 0x1000000
IS_DIRECTORY = 0x40000000

_HEADER = struct.Struct("iIII")
_READ_BYTES = 64 << 10


class Event(NamedTuple):
    """What happened to `name` in the watched directory; -1 is the queue's own watch. Where a
    file grew, and nothing else, the name is left out."""

    watch: int
    mask: int
    name: str


class Inotify:
    """One kernel queue of changes. `fd` becomes readable when there are any."""

    def __init__(self) -> None:
        """Raises OSError: EMFILE at the limit of instances, ENOSYS where there is no inotify."""
        try:
            library = ctypes.CDLL(None, use_errno=True)
            self._add = library.inotify_add_watch
            self._remove = library.inotify_rm_watch
            begin = library.inotify_init1
        except (AttributeError, OSError, TypeError) as error:
            raise OSError(f"no inotify on this system ({error})") from error
        self.fd = _checked(begin(os.O_NONBLOCK | os.O_CLOEXEC))

    def add(self, directory: str, mask: int) -> int:
        """Watch a directory; its number. Raises OSError: ENOSPC at the limit of watches."""
        return _checked(self._add(self.fd, os.fsencode(directory), mask | ONLY_DIRECTORY))

    def remove(self, watch: int) -> None:
        """Stop watching. An IGNORED event confirms it."""
        self._remove(self.fd, watch)

    def events(self) -> list[Event]:
        """What has come up since the last call; doesn't wait."""
        try:
            data = os.read(self.fd, _READ_BYTES)
        except BlockingIOError:
            return []
        found = []
        at, end, header = 0, len(data), _HEADER.size
        while at < end:
            watch, mask, _, length = _HEADER.unpack_from(data, at)
            at += header
            # Nearly all news are growth, of which nobody asks in which file.
            name = "" if mask == MODIFY else _text(data[at : at + length])
            found.append(Event(watch, mask, name))
            at += length
        return found

    def close(self) -> None:
        """Give the queue and all of its watches back."""
        os.close(self.fd)


def _text(name: bytes) -> str:
    return os.fsdecode(name.rstrip(b"\0"))


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
