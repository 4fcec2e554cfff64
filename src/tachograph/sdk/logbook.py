"""The log of a source: frames get their numbers here and go into the journal."""

from __future__ import annotations

from collections.abc import Callable

from tachograph import frames
from tachograph.journal.base import Journal, Writer
from tachograph.model import Frame
from tachograph.sdk.split import fitting, items


class Logbook:
    """One source's writer, opened when there is something to write.

    Called by one thread at a time, under the recorder's lock.
    """

    def __init__(self, source_id: str) -> None:
        #: Number of the last frame that is in the log.
        self.seq = 0
        #: The journal that it writes to, None until it was opened.
        self.journal: Journal | None = None
        self._source_id = source_id
        self._writer: Writer | None = None

    def open(self, find_journal: Callable[[], Journal]) -> None:
        """Begin the log, unless it is open. Raises TachographError or OSError."""
        if self._writer is None:
            journal = find_journal()
            self._writer = journal.open(self._source_id)
            self.journal = journal

    @property
    def needs_checkpoint(self) -> bool:
        """Whether the next frame has to be one."""
        return self._writer is None or self._writer.needs_checkpoint

    def append(self, frame: Frame) -> int:
        """Write a frame, in parts if it is too large; how many records fitted into none of them.

        Either all that fits is in the log afterwards, or it raises TachographError or OSError.
        """
        assert self._writer is not None
        data = bytearray()
        seq, kept, whole = self.seq, 0, False
        for part, payload in fitting(frame):
            seq += 1
            # Counting costs more than packing, and nearly every frame fits as it is.
            whole = part is frame
            kept += 0 if whole else items(part)
            flags = (frames.CHECKPOINT if part.source else 0) | (
                frames.GOODBYE if part.goodbye else 0
            )
            data += frames.wrap(payload, seq, flags)
        if data:
            self._writer.append(bytes(data))
            self.seq = seq
        return 0 if whole else items(frame) - kept

    def close(self) -> None:
        """Give the log up; readers see that its writer is gone."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
