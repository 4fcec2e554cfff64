"""Logs made by hand: frames, appended as a source does, and read as a follower does.

Imports little, because the programs that tests start import it too.
"""

from __future__ import annotations

from collections.abc import Iterable

from tachograph import frames
from tachograph.journal.base import Batch, Journal, Writer
from tachograph.model import CounterTick, Frame, Position, Publish, Source

#: What a rig's journal rotates at: some ten frames.
SEGMENT_BYTES = 1000


def checkpoint(source_id: str, seq: int) -> bytes:
    """A frame that may open a segment."""
    source = Source(source_id, "catalog", "photos", "here", 7, 5)
    return frames.encode(Frame(at_ns=seq, source=source), seq)


def tick(seq: int, size: int = 0) -> bytes:
    """A frame that may not, of about `size` bytes."""
    publishes = [Publish("t", {"text": "x" * size})] if size else []
    frame = Frame(at_ns=seq, counters=[CounterTick(1, float(seq))], publishes=publishes)
    return frames.encode(frame, seq)


def append(writer: Writer, source_id: str, seqs: Iterable[int], size: int = 0) -> None:
    """Append frames as a source does: a checkpoint wherever it is asked for."""
    for seq in seqs:
        data = checkpoint(source_id, seq) if writer.needs_checkpoint else tick(seq, size)
        writer.append(data)


def follow(journal: Journal, after: Position, limit_bytes: int = 4 << 20) -> Batch:
    """Read until there is no more, all in one batch."""
    parts = [journal.read(after.epoch, after, limit_bytes)]
    while parts[-1].more:
        parts.append(journal.read(after.epoch, parts[-1].position, limit_bytes))
    return Batch(
        [frame for part in parts for frame in part.frames],
        parts[-1].position,
        [gap for part in parts for gap in part.gaps],
        sum(part.damaged_bytes for part in parts),
    )


def seqs(batch: Batch) -> list[int]:
    """The numbers of its frames."""
    return [frame.seq for frame in batch.frames]


def start(source_id: str) -> Position:
    """Before the first frame."""
    return Position(source_id)


def segment_starts(batch: Batch) -> list[int]:
    """Numbers of the frames that opened a segment, given that all of them were checkpoints."""
    return [frame.seq for frame in batch.frames if frame.is_checkpoint]
