"""The journal over files: one directory per source under a root. See docs/design/journal.md.

Any number of processes write, each its own log; any number read. Logs of processes that
are gone stay until `trim`, `forget` or `enforce_cap` deletes them.
"""

from __future__ import annotations

import functools
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tachograph.errors import JournalError
from tachograph.journal.base import Batch
from tachograph.journal.life import held
from tachograph.journal.reader import LogReader, no_batch
from tachograph.journal.segment import (
    LOCK,
    SegmentFiles,
    file_size,
    free_bytes,
    log_directory,
    remove_segments,
    segment_numbers,
    segment_path,
)
from tachograph.journal.writer import FileWriter
from tachograph.model import Position

if TYPE_CHECKING:
    from tachograph.journal.descriptors import Descriptors

SEGMENT_BYTES = 8 << 20
SOURCE_BYTES = 64 << 20
TOTAL_BYTES = 512 << 20
FREE_SHARE = 0.05


class FileJournal:
    """All logs under `root`, which is created when the first log is opened.

    A segment is left for a new one above `segment_bytes`; a writer keeps its own log below
    `source_bytes`. `enforce_cap` keeps all of them below `total_bytes` and below
    `free_share` of what would be free on that disk without them. Several threads may read;
    each writer belongs to one thread at a time.
    """

    def __init__(
        self,
        root: Path,
        segment_bytes: int = SEGMENT_BYTES,
        source_bytes: int = SOURCE_BYTES,
        total_bytes: int = TOTAL_BYTES,
        free_share: float = FREE_SHARE,
    ) -> None:
        self.root = Path(os.path.abspath(root))
        self._root = str(self.root)
        self._segment_bytes = segment_bytes
        self._source_bytes = source_bytes
        self._total_bytes = total_bytes
        self._free_share = free_share
        self._readers: dict[str, LogReader] = {}
        self._began: dict[str, int] = {}
        self._errors: dict[str, str] = {}

    @property
    def errors(self) -> Mapping[str, str]:
        """What can't be read now and why, by source id; "" stands for the root itself."""
        return dict(self._errors)

    def open(self, source_id: str) -> FileWriter:
        """See `Journal`. An id is used once: JournalError when its log is there already."""
        return FileWriter(self._root, source_id, self._segment_bytes, self._source_bytes)

    def sources(self) -> list[str]:
        """See `Journal`. An unreadable root has none, and stands in `errors`."""
        try:
            names = [name for name in os.listdir(self._root) if name[0] != "."]
        except FileNotFoundError:
            names = []
        except OSError as error:
            self._report("", f"{self._root}: {error.strerror}")
            return []
        self._report("", "")
        self._began = {name: self._began.get(name) or self._beginning(name) for name in names}
        for name in self._readers.keys() - self._began.keys():
            self._readers.pop(name, None)
        return sorted((name for name in names if self._began[name]), key=self._age)

    def alive(self, source_id: str) -> bool:
        """See `Journal`. Where it can't be told, it is true: the living are never deleted."""
        try:
            return held(os.path.join(log_directory(self._root, source_id), LOCK))
        except JournalError:
            return False
        except OSError as error:
            self._report(source_id, f"{error.filename or source_id}: {error.strerror}")
            return True

    def read(self, source_id: str, after: Position, limit_bytes: int = 4 << 20) -> Batch:
        """See `Journal`. What can't be opened reads as empty, and stands in `errors`."""
        reader = self._readers.get(source_id)
        if reader is None:
            try:
                directory = log_directory(self._root, source_id)
            except JournalError:
                return no_batch(source_id, after)
            reader = LogReader(source_id, SegmentFiles(directory, self._descriptors))
            if os.path.isdir(directory):
                self._readers[source_id] = reader
        batch = reader.read(after, limit_bytes)
        if not batch.frames:
            # Over, or quiet: what no longer grows keeps no descriptor.
            self._descriptors.release(os.path.join(self._root, source_id))
        self._report(source_id, reader.error)
        return batch

    def size_bytes(self, source_id: str) -> int:
        """See `Journal`."""
        try:
            directory = log_directory(self._root, source_id)
            numbers = segment_numbers(directory)
        except (JournalError, OSError):
            return 0
        return sum(file_size(segment_path(directory, number)) for number in numbers)

    def trim(self, source_id: str, upto: Position) -> int:
        """See `Journal`."""
        if upto.epoch != source_id:
            return 0
        try:
            directory = log_directory(self._root, source_id)
            numbers = segment_numbers(directory)
            reader = LogReader(source_id, SegmentFiles(directory, self._descriptors))
            for index in range(len(numbers) - 1, 0, -1):
                first = reader.first_seq(numbers[index])
                if first is not None and first <= upto.seq + 1:
                    return remove_segments(directory, numbers[:index])
        except (JournalError, OSError) as error:
            self._report(source_id, str(error))
        return 0

    def forget(self, source_id: str) -> int:
        """See `Journal`. Everything else in the source's directory goes too."""
        if self.alive(source_id):
            return 0
        import shutil

        before = self.size_bytes(source_id)
        try:
            shutil.rmtree(log_directory(self._root, source_id), ignore_errors=True)
        except JournalError:
            return 0
        self._readers.pop(source_id, None)
        self._errors.pop(source_id, None)
        self._descriptors.release(os.path.join(self._root, source_id))
        return before - self.size_bytes(source_id)

    def enforce_cap(self) -> list[str]:
        """Forget dead sources, oldest first, until all logs together keep to the caps.

        Returns their ids. The living stay, so the caps are exceeded when they are that large.
        """
        sizes = {name: self.size_bytes(name) for name in self.sources()}
        total = sum(sizes.values())
        try:
            free = free_bytes(self._root)
        except OSError:
            return []
        allowed = min(self._total_bytes, self._free_share * (free + total))
        forgotten = []
        for name, size in sizes.items():
            if total <= allowed:
                break
            if not self.alive(name):
                self.forget(name)
                total -= size
                forgotten.append(name)
        return forgotten

    @functools.cached_property
    def _descriptors(self) -> Descriptors:
        # Reading needs more than a program that only writes shall pay for.
        from tachograph.journal.descriptors import Descriptors

        return Descriptors()

    def watch(self) -> AsyncIterator[Iterable[str]]:
        """See `Journal`. Begins with (), when it stands ready."""
        # Watching needs asyncio; a program that only writes shall not pay for it.
        from tachograph.journal.watch import watch_logs

        return watch_logs(self)

    def _age(self, name: str) -> tuple[int, str]:
        return self._began[name], name

    def _beginning(self, name: str) -> int:
        """When the log began: its lock file is never written. 0 for what is no log."""
        directory = os.path.join(self._root, name)
        if not os.path.isdir(directory):
            return 0
        try:
            return os.stat(os.path.join(directory, LOCK)).st_mtime_ns
        except OSError:
            return 1  # its lock was deleted; it counts as the oldest

    def _report(self, source_id: str, error: str) -> None:
        if error:
            self._errors[source_id] = error
        else:
            self._errors.pop(source_id, None)
