"""Follow one log through its segments, past damage and deletion, and declare every gap.

Pure but for what its `Segments` do: the same reading serves files and memory. Safe to call
from several threads; they share nothing but a table of immutable cursors.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from tachograph import frames
from tachograph.frames import HEADER_BYTES, Encoded, Scan
from tachograph.journal.base import Batch, Gap
from tachograph.model import Position

#: Positions of a log that are remembered, so that as many readers follow without searching.
_CURSORS = 4


class Piece(NamedTuple):
    """Bytes of a segment from an offset on; `last` when the segment has no more of them."""

    data: bytes
    last: bool


class Segments(Protocol):
    """The pieces of one log, numbered upwards."""

    def numbers(self) -> list[int]:
        """What is there, ascending; empty for no log. Raises OSError."""
        ...

    def exists(self, number: int) -> bool:
        """Whether this one is there: cheaper than the list."""
        ...

    def load(self, number: int, offset: int, size: int) -> Piece | None:
        """Up to `size` bytes, or None for a segment that is gone. Raises OSError."""
        ...

    def finished(self) -> bool:
        """Nobody will append to this log any more."""
        ...


class Cursor(NamedTuple):
    """Where the frame behind `seq` is to be looked for.

    `reason` is why frames may lack right there. `seeking`: the search began before the
    position, so what comes up to it is known already, its damage too.
    """

    seq: int
    segment: int
    offset: int
    reason: str = ""
    seeking: bool = False


def seq_in(source_id: str, after: Position) -> int:
    """How many frames of this source a position has behind it: none, if it is another's."""
    return after.seq if after.epoch == source_id else 0


def no_batch(source_id: str, after: Position) -> Batch:
    """What is read of a log that isn't there."""
    return Batch([], Position(source_id, seq_in(source_id, after)), [])


class LogReader:
    """Reads one log. `error` is what the last `read` could not open, "" when nothing."""

    def __init__(self, source_id: str, segments: Segments) -> None:
        self._id = source_id
        self._segments = segments
        self._cursors: dict[int, Cursor] = {}
        self.error = ""

    def read(self, after: Position, limit_bytes: int) -> Batch:
        """See `Journal.read`. Never raises OSError: an unreadable log reads as empty."""
        seq = seq_in(self._id, after)
        cursor = self._cursors.get(seq)
        self.error = ""
        if cursor is not None and (batch := self._follow(cursor, max(1, limit_bytes))):
            return batch
        walk = _Walk(self._segments, cursor or Cursor(seq, 0, 0))
        more = False
        try:
            if cursor and not self._segments.exists(cursor.segment + 1):
                # The common case, a reader that follows, needs no listing. When nothing came
                # of it, the listing tells, for a segment may lack in the numbers.
                more = walk.through([cursor.segment], max(1, limit_bytes))
            if not cursor or walk.cursor.offset == cursor.offset:
                numbers = self._segments.numbers()
                walk = _Walk(self._segments, cursor or self._find(numbers, seq))
                more = walk.through(numbers, max(1, limit_bytes))
        except OSError as error:
            self.error = f"{error.filename or self._id}: {error.strerror or error}"
        self._remember(walk.cursor)
        position = Position(self._id, walk.cursor.seq)
        return Batch(walk.frames, position, walk.gaps, walk.damaged_bytes, more)

    def _follow(self, cursor: Cursor, limit: int) -> Batch | None:
        """The common case: whole frames behind the position, the next ones in order, and no end
        of a segment after them. None for everything else, and nothing is changed then."""
        if cursor.reason or cursor.seeking:
            return None
        try:
            piece = self._segments.load(cursor.segment, cursor.offset, limit)
            if piece is None:
                return None
            found, used, _, holes = frames.scan(piece.data)
            if holes or not found:
                return None
            torn = used < len(piece.data)
            if piece.last and (torn or self._segments.exists(cursor.segment + 1)):
                return None
        except OSError:
            return None
        last = cursor.seq + len(found)
        if found[0].seq != cursor.seq + 1 or found[-1].seq != last:
            return None
        self._remember(Cursor(last, cursor.segment, cursor.offset + used))
        return Batch(found, Position(self._id, last), [], more=not piece.last)

    def first_seq(self, number: int) -> int | None:
        """Number of the first frame in a segment; None when it can't be told."""
        piece = self._segments.load(number, 0, HEADER_BYTES)
        header = frames.read_header(piece.data) if piece else None
        return header.seq if header else None

    def _find(self, numbers: list[int], seq: int) -> Cursor:
        """The newest segment that begins at or before the wanted frame."""
        if not numbers:
            return Cursor(seq, 0, 0)
        for number in reversed(numbers[1:]) if seq else ():
            first = self.first_seq(number)
            if first is not None and first <= seq + 1:
                return Cursor(seq, number, 0, seeking=True)
        reason = "trimmed" if numbers[0] > 1 else ""
        return Cursor(seq, numbers[0], 0, reason, seeking=True)

    def _remember(self, cursor: Cursor) -> None:
        if not cursor.segment or self._cursors.get(cursor.seq) == cursor:
            return
        others = [one for one in self._cursors.values() if one.seq != cursor.seq]
        # A new table each time: another thread may be looking into the old one.
        self._cursors = {one.seq: one for one in (*others[1 - _CURSORS :], cursor)}


class _Walk:
    """One pass over a log: gathers frames, gaps and damage until the limit or the end."""

    def __init__(self, segments: Segments, start: Cursor) -> None:
        self._segments = segments
        self._seq, self._segment, self._offset, self._reason, self._seeking = start
        self.frames: list[Encoded] = []
        self.gaps: list[Gap] = []
        self.damaged_bytes = 0

    @property
    def cursor(self) -> Cursor:
        return Cursor(self._seq, self._segment, self._offset, self._reason, self._seeking)

    def through(self, numbers: list[int], limit: int) -> bool:
        """Read segment after segment; true when the limit stopped it."""
        if self._segment not in numbers:
            self._reason = "trimmed"
        for number in numbers:
            if number < self._segment:
                continue
            if number > self._segment:
                self._enter(number)
            last = False
            while not last:
                if limit <= 0:
                    return True
                used, last = self._step(limit, newest=number == numbers[-1])
                # What is cut off at the end would be looked at once more for a frame or two.
                limit -= used if last else max(used, (limit + 1) // 2)
        return False

    def _enter(self, number: int) -> None:
        if number != self._segment + 1:
            self._reason = "trimmed"
        self._segment, self._offset = number, 0

    def _step(self, size: int, *, newest: bool) -> tuple[int, bool]:
        """Take in one piece of the current segment: bytes used, and whether it was the last."""
        size = max(size, HEADER_BYTES)
        piece = self._load(size)
        found = frames.scan(piece.data)
        if not found.used and not piece.last and (header := frames.read_header(piece.data)):
            # This one frame is larger than what was asked for.
            size = header.end
            piece = self._load(size)
            found = frames.scan(piece.data)
        if found.used == len(piece.data) or not piece.last:
            return self._take(found), piece.last
        if newest and not self._over():
            return self._take(found), True
        # Once more: the writer may have completed its frame before it went.
        piece = self._load(size)
        torn = frames.read_header(piece.data, found.used) if newest else None
        known = torn is not None and torn.seq <= self._seq
        used = self._take(frames.scan(piece.data, final=piece.last), known_end=known)
        if torn and piece.last and torn.seq > self._seq:
            # Its header stands, so it is known which frame was lost.
            self._declare(torn.seq)
            self._arrive(torn.seq)
        return used, piece.last

    def _load(self, size: int) -> Piece:
        piece = self._segments.load(self._segment, self._offset, size)
        if piece is None:
            self._reason = "trimmed"
        return piece or Piece(b"", last=True)

    def _over(self) -> bool:
        """Nothing will follow what was read: the writer is gone, and left no newer segment."""
        if not self._segments.finished():
            return False
        numbers = self._segments.numbers()
        return not numbers or numbers[-1] == self._segment

    def _take(self, found: Scan, *, known_end: bool = False) -> int:
        holes = found.holes
        for index, frame in enumerate(found.frames):
            behind = frame.seq <= self._seq
            if index in holes:
                self._skip(holes[index], known=behind)
            if behind:
                self._reason = "" if self._seeking else self._reason
                continue
            if frame.seq > self._seq + 1:
                self._declare(frame.seq - 1)
            self.frames.append(frame)
            self._arrive(frame.seq)
        self._skip(holes.get(len(found.frames), 0), known=known_end)
        self._offset += found.used
        return found.used

    def _skip(self, hole: int, *, known: bool) -> None:
        if hole and not (known and self._seeking):
            self.damaged_bytes += hole
            self._reason = self._reason or "damaged"

    def _declare(self, last: int) -> None:
        self.gaps.append(Gap(self._seq + 1, last, self._reason or "missing"))

    def _arrive(self, seq: int) -> None:
        self._seq, self._reason, self._seeking = seq, "", False
