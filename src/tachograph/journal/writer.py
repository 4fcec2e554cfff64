"""Append to a log of files: whole frames or an error, one system call each.

Nothing is synced to the disk. What `write` has taken lies in the kernel's page cache, so it
survives the death of the process by any signal; only a crash of the machine can lose it, and
waiting for the disk at each append would cost the host program more than that is worth.
"""

from __future__ import annotations

import contextlib
import os
import weakref
from time import monotonic

from tachograph import frames
from tachograph.errors import JournalError
from tachograph.journal.life import Hold, close_if_same
from tachograph.journal.segment import (
    LOCK,
    create_log,
    create_segment,
    file_size,
    log_directory,
    remove_segments,
    segment_numbers,
    segment_path,
)

#: Whether the log still stands where it stood is looked at once in this time at most. It is
#: shorter than the recorder's pace: what is spared is a look at each frame of a burst.
LOOK_S = 0.005

_writers: weakref.WeakSet[FileWriter] = weakref.WeakSet()


class FileWriter:
    """The log of one source of this process. One thread at a time calls it. It ends with
    `close`, with the process, or when nobody refers to the writer any more.

    A forked child must not go on with its parent's log; there, every append is refused.
    """

    def __init__(self, root: str, source_id: str, segment_bytes: int, source_bytes: int) -> None:
        """Create the log. Raises JournalError."""
        self._refusal = "it was never opened"
        self._directory = log_directory(root, source_id)
        self._segment_bytes = segment_bytes
        self._source_bytes = source_bytes
        self._fd = -1
        self._identity = (0, 0)
        self._look_at = 0.0
        self._number = 1
        self._size = 0
        try:
            self._hold = create_log(self._directory)
        except OSError as error:
            raise JournalError(
                f"{self._directory}: can't begin a log ({error.strerror}); an id is used once, and "
                "the directory above has to be writable (TACHOGRAPH_HOME names another)"
            ) from error
        self._refusal = ""
        _writers.add(self)

    @property
    def needs_checkpoint(self) -> bool:
        """See `Writer`. A log that was deleted, moved away or let go of under the writer is
        noticed here, before there is a frame to lose: it begins again where it was."""
        now = monotonic()
        if self._fd >= 0 and now >= self._look_at:
            self._look_at = now + LOOK_S
            if not self._stands():
                self._leave_segment()
        return self._fd < 0

    def append(self, data: bytes) -> None:
        """See `Writer`: exactly one `os.write`, all of it or JournalError."""
        if self._refusal:
            raise JournalError(f"{self._directory}: {self._refusal}")
        path = segment_path(self._directory, self._number)
        try:
            if self._fd < 0:
                self._open_segment(path, data)
            else:
                self._check_segment(path)
            written = os.write(self._fd, data)
        except OSError as error:
            empty = self._fd >= 0 and not self._size
            self._leave_segment()
            if empty:  # or a full disk would be littered with them
                remove_segments(self._directory, [self._number])
            raise JournalError(
                f"{path}: can't append {len(data)} bytes ({error.strerror}); what they held is "
                "lost, the next append tries a new segment"
            ) from error
        self._size += written
        if written < len(data):
            self._leave_segment()
            raise JournalError(
                f"{path}: only {written} of {len(data)} bytes could be appended, the disk or the "
                "quota is full; free some space, the next append tries a new segment"
            )
        if self._size >= self._segment_bytes:
            self._leave_segment()

    def close(self) -> None:
        """See `Writer`."""
        self._refuse("this log is closed")

    def __del__(self) -> None:
        # What nobody can append to any more is over, and its descriptors are free. At the
        # interpreter's end there may be too little left to do it with; the kernel does it then.
        with contextlib.suppress(Exception):
            self.close()

    def _refuse(self, why: str) -> None:
        if not self._refusal:
            self._refusal = why
            self._leave_segment()
            self._hold.release()

    def _stands(self) -> bool:
        """Whether what is written now is seen, and seen as a living process's."""
        try:
            file, mine = os.stat(segment_path(self._directory, self._number)), os.fstat(self._fd)
        except OSError:
            return False
        same = (file.st_dev, file.st_ino) == (mine.st_dev, mine.st_ino) == self._identity
        return same and self._hold.renew(os.path.join(self._directory, LOCK))

    def _check_segment(self, path: str) -> None:
        """Raise FileNotFoundError when the descriptor leads nowhere any more: the file was
        deleted, or the program has closed it under us. Else bytes would go into a file that
        nobody sees, or into one of the program's own."""
        stat = os.fstat(self._fd)
        if stat.st_nlink == 0 or (stat.st_dev, stat.st_ino) != self._identity:
            raise FileNotFoundError(
                2, "the segment was deleted or closed while it was written", path
            )

    def _open_segment(self, path: str, data: bytes) -> None:
        header = frames.read_header(data)
        if header is None or not header.flags & frames.CHECKPOINT:
            raise JournalError(f"{path}: a segment opens with a checkpoint; send one first")
        self._ensure_log()
        try:
            self._fd = create_segment(path)
        except FileExistsError:
            self._number += 1
            raise
        stat = os.fstat(self._fd)
        self._identity = (stat.st_dev, stat.st_ino)
        self._make_room()

    def _ensure_log(self) -> None:
        """Make the directory or the lock again that somebody has deleted."""
        lock = os.path.join(self._directory, LOCK)
        if self._hold.stands_at(lock):
            return
        self._hold.release()
        if os.path.isdir(self._directory):
            self._hold = Hold(lock)
        else:
            self._hold = create_log(self._directory)

    def _make_room(self) -> None:
        """Delete own segments, oldest first, so that the new one has its place."""
        old = segment_numbers(self._directory)[:-1]
        sizes = [file_size(segment_path(self._directory, number)) for number in old]
        excess = sum(sizes) + self._segment_bytes - self._source_bytes
        count = 0
        while excess > 0 and count < len(old):
            excess -= sizes[count]
            count += 1
        remove_segments(self._directory, old[:count])

    def _leave_segment(self) -> None:
        """Close the segment; the next append opens another, or the same if it is empty."""
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        close_if_same(fd, self._identity)
        if self._size:
            self._number += 1
        self._size = 0


def _forked() -> None:
    for writer in list(_writers):
        writer._refuse("it belongs to the parent process; open a new log after a fork")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
