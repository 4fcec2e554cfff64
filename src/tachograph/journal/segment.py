"""The files of one log: a directory with numbered segments and the lock of their writer.

    <root>/<source id>/lock           held while the source lives
    <root>/<source id>/00000001.seg   frames, one after the other

Everything is for its user alone: directories are 0700, files 0600.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from tachograph.errors import JournalError
from tachograph.journal.life import Hold, held

if TYPE_CHECKING:
    from tachograph.journal.descriptors import Descriptors
    from tachograph.journal.reader import Piece

LOCK = "lock"
_SUFFIX = ".seg"
_BINARY = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def segment_path(directory: str, number: int) -> str:
    """Where a segment lies; numbers count from 1 and sort as text."""
    return f"{directory}{os.sep}{number:08d}{_SUFFIX}"


def segment_numbers(directory: str) -> list[int]:
    """Numbers of the segments that are there, ascending. Raises OSError."""
    try:
        names = os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return []
    stems = (name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))
    return sorted(int(stem) for stem in stems if stem.isdecimal())


def create_segment(path: str) -> int:
    """A descriptor that appends to a new segment. Raises OSError, FileExistsError too."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)


def file_size(path: str) -> int:
    """Size in bytes; 0 for a file that is gone."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def free_bytes(path: str) -> int:
    """What an ordinary user may still write on that disk. Raises OSError."""
    if sys.platform == "win32":
        import shutil

        return shutil.disk_usage(path).free
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize


def remove_segments(directory: str, numbers: list[int]) -> int:
    """Delete segments, oldest first; returns the bytes set free. One that can't be deleted
    stays, and so do the newer ones."""
    freed = 0
    for number in numbers:
        path = segment_path(directory, number)
        try:
            size = os.stat(path).st_size
            os.unlink(path)
        except FileNotFoundError:
            continue
        except OSError:
            break
        freed += size
    return freed


def create_log(directory: str) -> Hold:
    """Make the directory of a new log, held by this process. Raises OSError.

    It is made under a hidden name and moved, so nobody ever sees a log that isn't held yet
    and takes it for a dead one.
    """
    root, name = os.path.split(directory)
    make_private(root)
    if sys.platform == "win32":  # where nothing moves that is open
        os.mkdir(directory)
        return Hold(os.path.join(directory, LOCK))
    hidden = os.path.join(root, f".{name}.{os.getpid()}")
    os.mkdir(hidden, 0o700)
    hold = None
    try:
        hold = Hold(os.path.join(hidden, LOCK))
        os.rename(hidden, directory)
    except OSError:
        if hold:
            hold.release()
        import shutil

        shutil.rmtree(hidden, ignore_errors=True)
        raise
    return hold


def make_private(directory: str) -> None:
    """Create a directory and its missing parents, each for the user alone. Raises OSError."""
    if os.path.isdir(directory):
        return
    parent = os.path.dirname(directory)
    if parent != directory:
        make_private(parent)
    try:
        os.mkdir(directory, 0o700)
    except FileExistsError:
        if not os.path.isdir(directory):
            raise


def log_directory(root: str, source_id: str) -> str:
    """Where a source's log lies. Ids come from other processes and from requests, so one that
    would lead out of the root is refused with a JournalError."""
    printable = source_id.isprintable() and len(source_id) <= 200
    if not source_id or not printable or source_id[0] == "." or set(source_id) & set("/\\"):
        raise JournalError(
            f"{source_id[:50]!r} can't name a log; allowed are 1 to 200 printable characters "
            "without slashes, not beginning with a dot"
        )
    return os.path.join(root, source_id)


class SegmentFiles:
    """The segments of one directory, for reading through descriptors that others may share."""

    def __init__(self, directory: str, descriptors: Descriptors) -> None:
        self._directory = directory
        self._descriptors = descriptors

    def numbers(self) -> list[int]:
        return segment_numbers(self._directory)

    def exists(self, number: int) -> bool:
        return os.access(segment_path(self._directory, number), os.F_OK)

    def load(self, number: int, offset: int, size: int) -> Piece | None:
        path = segment_path(self._directory, number)
        return self._descriptors.load(self._directory, path, offset, size)

    def finished(self) -> bool:
        return not held(os.path.join(self._directory, LOCK))
