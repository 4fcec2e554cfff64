"""A journal in memory, the public fake: for tests of what writes to a journal or follows one.

It keeps the whole contract of `Journal`, and can do on demand what otherwise takes a crash:
kill a writer, refuse an append, lose or damage a frame. Thread-safe.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable

from tachograph import frames
from tachograph.errors import JournalError
from tachograph.journal.base import Batch
from tachograph.journal.reader import LogReader, Piece, no_batch
from tachograph.model import Frame, Position


class _Log:
    """The segments of one log, and whether it has a writer. Guarded by the journal's lock."""

    def __init__(self, source_id: str) -> None:
        self.segments: dict[int, bytearray] = {}
        self.next_number = 1
        self.writer: MemoryWriter | None = None
        self.failures = 0
        self.reader = LogReader(source_id, self)

    def numbers(self) -> list[int]:
        return list(self.segments)

    def exists(self, number: int) -> bool:
        return number in self.segments

    def load(self, number: int, offset: int, size: int) -> Piece | None:
        segment = self.segments.get(number)
        if segment is None:
            return None
        return Piece(bytes(segment[offset : offset + size]), offset + size >= len(segment))

    def finished(self) -> bool:
        return self.writer is None

    def size(self) -> int:
        return sum(map(len, self.segments.values()))


class MemoryWriter:
    """See `Writer`."""

    def __init__(self, journal: MemoryJournal, source_id: str, log: _Log) -> None:
        self._journal = journal
        self._id = source_id
        self._log = log
        self._segment: bytearray | None = None

    @property
    def needs_checkpoint(self) -> bool:
        """See `Writer`."""
        return self._segment is None

    def append(self, data: bytes) -> None:
        """See `Writer`."""
        with self._journal._lock:
            self._append(data)
        self._journal._changed(self._id)

    def close(self) -> None:
        """See `Writer`."""
        self._journal.kill(self._id)

    def _append(self, data: bytes) -> None:
        log = self._log
        if log.writer is not self:
            raise JournalError(f"{self._id}: this log is closed")
        if log.failures:
            log.failures -= 1
            self._segment = None
            raise JournalError(f"{self._id}: can't append {len(data)} bytes (told to fail)")
        if self._segment is None:
            header = frames.read_header(data)
            if header is None or not header.flags & frames.CHECKPOINT:
                raise JournalError(f"{self._id}: a segment opens with a checkpoint; send one first")
            self._segment = log.segments[log.next_number] = bytearray()
            log.next_number += 1
        self._segment += data
        if len(self._segment) >= self._journal.segment_bytes:
            self._segment = None


class MemoryJournal:
    """See `Journal`. Nothing is ever deleted but by `trim` and `forget`."""

    def __init__(self, segment_bytes: int = 8 << 20) -> None:
        self.segment_bytes = segment_bytes
        self._lock = threading.RLock()
        self._logs: dict[str, _Log] = {}
        self._watchers: list[_Watcher] = []

    def open(self, source_id: str) -> MemoryWriter:
        """See `Journal`. An id is used once: JournalError when its log is there already."""
        with self._lock:
            if source_id in self._logs:
                raise JournalError(f"{source_id}: this log is there already; an id is used once")
            log = self._logs[source_id] = _Log(source_id)
            log.writer = MemoryWriter(self, source_id, log)
        self._changed(source_id)
        return log.writer

    def sources(self) -> list[str]:
        """See `Journal`."""
        with self._lock:
            return list(self._logs)

    def alive(self, source_id: str) -> bool:
        """See `Journal`."""
        with self._lock:
            log = self._logs.get(source_id)
            return log is not None and log.writer is not None

    def read(self, source_id: str, after: Position, limit_bytes: int = 4 << 20) -> Batch:
        """See `Journal`."""
        with self._lock:
            log = self._logs.get(source_id)
            if log is None:
                return no_batch(source_id, after)
            return log.reader.read(after, limit_bytes)

    def size_bytes(self, source_id: str) -> int:
        """See `Journal`."""
        with self._lock:
            log = self._logs.get(source_id)
            return log.size() if log else 0

    def trim(self, source_id: str, upto: Position) -> int:
        """See `Journal`."""
        with self._lock:
            log = self._logs.get(source_id)
            if log is None or upto.epoch != source_id:
                return 0
            before = log.size()
            numbers = log.numbers()
            for index in range(len(numbers) - 1, 0, -1):
                first = log.reader.first_seq(numbers[index])
                if first is not None and first <= upto.seq + 1:
                    for number in numbers[:index]:
                        del log.segments[number]
                    break
            return before - log.size()

    def forget(self, source_id: str) -> int:
        """See `Journal`."""
        with self._lock:
            if source_id not in self._logs or self.alive(source_id):
                return 0
            return self._logs.pop(source_id).size()

    async def watch(self) -> AsyncIterator[Iterable[str]]:
        """See `Journal`. Begins with (), when it stands ready."""
        watcher = _Watcher(asyncio.get_running_loop())
        self._watchers.append(watcher)
        try:
            yield ()
            while True:
                yield await watcher.take()
        finally:
            self._watchers.remove(watcher)

    # What only this journal can do.

    def kill(self, source_id: str) -> None:
        """End the log's writer without a goodbye, as SIGKILL would."""
        with self._lock:
            self._logs[source_id].writer = None
        self._changed(source_id)

    def fail_appends(self, source_id: str, count: int = 1) -> None:
        """Refuse the next `count` appends to this log with JournalError."""
        with self._lock:
            self._logs[source_id].failures = count

    def drop(self, source_id: str, seq: int) -> None:
        """Take a frame out of the log. Raises KeyError where it isn't."""
        with self._lock:
            segment, start, end = self._place(source_id, seq)
            del segment[start:end]
            # What it remembers of offsets is wrong now.
            self._logs[source_id].reader = LogReader(source_id, self._logs[source_id])

    def damage(self, source_id: str, seq: int) -> None:
        """Turn over a bit in a frame's payload. Raises KeyError where it isn't."""
        with self._lock:
            segment, _, end = self._place(source_id, seq)
            segment[end - 1] ^= 1

    def frames(self, source_id: str) -> list[Frame]:
        """Every frame that stands in the log, decoded."""
        with self._lock:
            segments = self._logs[source_id].segments.values()
            found = [frames.scan(bytes(segment), final=True).frames for segment in segments]
        return [frames.decode(encoded) for part in found for encoded in part]

    def _place(self, source_id: str, seq: int) -> tuple[bytearray, int, int]:
        for segment in self._logs[source_id].segments.values():
            start = 0
            while header := frames.read_header(segment, start):
                if header.seq == seq:
                    return segment, start, start + header.end
                start += header.end
        raise KeyError(f"{source_id} has no frame {seq}")

    def _changed(self, source_id: str) -> None:
        for watcher in tuple(self._watchers):
            watcher.put(source_id)


class _Watcher:
    """Ids that changed, handed from any thread to one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ids: set[str] = set()
        self._event = asyncio.Event()

    def put(self, source_id: str) -> None:
        try:
            self._loop.call_soon_threadsafe(self._put, source_id)
        except RuntimeError:
            pass  # the loop is closed, nobody listens any more

    def _put(self, source_id: str) -> None:
        self._ids.add(source_id)
        self._event.set()

    async def take(self) -> Iterable[str]:
        await self._event.wait()
        self._event.clear()
        ids, self._ids = self._ids, set()
        return ids
