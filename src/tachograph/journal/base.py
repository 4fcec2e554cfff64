"""The journal's contract: an append-only log per source, and readers that follow it.

Writing. A source opens one `Writer`. `append` takes encoded frames and either all of the
bytes are in the log when it returns, or it raises JournalError and the caller counts what
was in them. After an error the writer stands before a new segment: `needs_checkpoint` is
true, and the caller's next frame has to be a checkpoint. It is true at the start and after
rotation too, so that every segment stands alone. A writer is called by one thread at a time.

Reading. A `Journal` lists the logs it can see; `read` returns the frames after a position,
in order, each at most once, with the gaps between them declared. A position is (epoch,
seq); the epoch is the source's id, so equal numbers of two starts are never confused.
Reading never blocks on a writer and never changes a log. `alive` says whether the log's
writer still exists. `watch` tells which logs may have grown.

Trimming. `trim` deletes what is no longer needed; the newest segment of a log is kept until
the whole log goes. A reader that comes later sees a gap, and the first frame it gets is a
checkpoint.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import NamedTuple, Protocol

from tachograph.frames import Encoded
from tachograph.model import Position


class Gap(NamedTuple):
    """Frames `first` to `last` are not in the log any more, or never were whole.

    `reason`: "damaged" (bytes that are no frame), "trimmed" (deleted on purpose) or
    "missing" (the log goes on, the number does not).
    """

    first: int
    last: int
    reason: str

    @property
    def count(self) -> int:  # type: ignore[override]  # nobody counts equal fields of a gap
        return self.last - self.first + 1


class Batch(NamedTuple):
    """What `read` found. `position` is where to go on; `more` when it stopped at the limit.

    `damaged_bytes` were skipped because they belonged to no good frame. A frame that is
    torn at the very end of a live log is simply not there yet; of a dead one, it is damage.
    """

    frames: list[Encoded]
    position: Position
    gaps: list[Gap]
    damaged_bytes: int = 0
    more: bool = False

    @property
    def torn(self) -> bool:
        """Whether there is damage that no gap stands for: behind a torn end there is no number."""
        return self.damaged_bytes > 0 and all(gap.reason != "damaged" for gap in self.gaps)


class Writer(Protocol):
    """The log of one source, for appending."""

    @property
    def needs_checkpoint(self) -> bool:
        """The next frame opens a segment, so it has to be a checkpoint."""
        ...

    def append(self, data: bytes) -> None:
        """Append one or several whole encoded frames.

        Raises JournalError, naming path and cause.
        """
        ...

    def close(self) -> None:
        """Give up the log. Its readers see `alive` false from now on. Never raises."""
        ...


class Journal(Protocol):
    """All logs in one place."""

    def open(self, source_id: str) -> Writer:
        """Begin the log of a new source. Raises JournalError where that isn't possible."""
        ...

    def sources(self) -> list[str]:
        """Ids of the logs that are there, oldest first."""
        ...

    def alive(self, source_id: str) -> bool:
        """Whether the process that writes this log still exists and still holds it."""
        ...

    def read(self, source_id: str, after: Position, limit_bytes: int = 4 << 20) -> Batch:
        """Frames behind `after`. A position of another epoch reads from the log's beginning.

        An unknown source, or one whose log is gone, gives an empty batch.
        """
        ...

    def size_bytes(self, source_id: str) -> int:
        """Bytes that the log takes now."""
        ...

    def trim(self, source_id: str, upto: Position) -> int:
        """Delete whole segments whose frames are all <= `upto.seq`, but never the newest.

        Returns the bytes set free.
        """
        ...

    def forget(self, source_id: str) -> int:
        """Delete the whole log of a dead source; 0 and no change while it is alive."""
        ...

    def watch(self) -> AsyncIterator[Iterable[str]]:
        """Ids of logs that are new or may have grown, as it happens; () when unsure, which
        asks the reader to look at all. Ends when the iterator is closed."""
        ...
