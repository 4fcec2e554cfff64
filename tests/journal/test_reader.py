"""Reading while others write and delete: what happens between two looks of the reader."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from tachograph.journal.base import Gap
from tachograph.journal.reader import LogReader, Piece
from tachograph.model import Position
from tests.journal.logs import checkpoint, seqs, start, tick


class Scripted:
    """A log that changes just when it is asked something: `on(question, n)` comes before the
    n-th asking of `numbers`, `load` or `finished`."""

    def __init__(self, segments: dict[int, bytes], dead: bool = False) -> None:
        self.segments = segments
        self.dead = dead
        self.script: dict[tuple[str, int], Callable[[], None]] = {}
        self._asked: dict[str, itertools.count[int]] = {}

    def _ask(self, question: str) -> None:
        n = next(self._asked.setdefault(question, itertools.count(1)))
        self.script.get((question, n), lambda: None)()

    def numbers(self) -> list[int]:
        self._ask("numbers")
        return sorted(self.segments)

    def exists(self, number: int) -> bool:
        return number in self.segments

    def load(self, number: int, offset: int, size: int) -> Piece | None:
        self._ask("load")
        data = self.segments.get(number)
        if data is None:
            return None
        return Piece(data[offset : offset + size], offset + size >= len(data))

    def finished(self) -> bool:
        self._ask("finished")
        return self.dead


WHOLE = checkpoint("a", 1) + tick(2) + tick(3)
LIMIT = 1 << 20


def test_a_frame_completed_just_before_the_death_is_read() -> None:
    """The tail was torn at the first look and the writer is dead at the second: it is looked
    at once more, because it may have been completed in between."""
    log = Scripted({1: WHOLE[:-4]}, dead=True)
    log.script["finished", 1] = lambda: log.segments.update({1: WHOLE})
    batch = LogReader("a", log).read(start("a"), LIMIT)
    assert (seqs(batch), batch.gaps, batch.damaged_bytes) == ([1, 2, 3], [], 0)


def test_a_frame_sent_again_in_a_segment_that_just_came_is_no_loss() -> None:
    """The writer left a torn frame, sent it again in a new segment and died, all between two
    looks: its number isn't given up."""
    log = Scripted({1: WHOLE[:-4]}, dead=True)
    log.script["finished", 1] = lambda: log.segments.update({2: checkpoint("a", 3)})
    reader = LogReader("a", log)
    first = reader.read(start("a"), LIMIT)
    assert (seqs(first), first.gaps, first.position) == ([1, 2], [], Position("a", 2))
    second = reader.read(first.position, LIMIT)
    assert (seqs(second), second.gaps) == ([3], [])


@pytest.mark.parametrize("limit", [1, 100, LIMIT])
def test_a_segment_deleted_between_listing_and_loading(limit: int) -> None:
    """What was listed and is gone a moment later was trimmed."""
    log = Scripted({1: WHOLE, 2: checkpoint("a", 4) + tick(5), 3: checkpoint("a", 6)})

    def trim() -> None:
        log.segments.pop(1)
        log.segments.pop(2)

    log.script["load", 1] = trim
    reader = LogReader("a", log)
    position, found, gaps = start("a"), [], []
    for _ in range(4):
        batch = reader.read(position, limit)
        position = batch.position
        found += seqs(batch)
        gaps += batch.gaps
    assert (found, gaps) == ([6], [Gap(1, 5, "trimmed")])


def test_the_whole_log_deleted_between_listing_and_loading() -> None:
    """A log that vanishes under the reader reads as empty."""
    log = Scripted({1: WHOLE})
    log.script["load", 1] = log.segments.clear
    batch = LogReader("a", log).read(start("a"), LIMIT)
    assert (seqs(batch), batch.gaps, batch.position) == ([], [], start("a"))


def test_a_segment_missing_in_the_middle_was_deleted() -> None:
    """Numbers of segments that aren't consecutive tell that somebody deleted one."""
    log = Scripted({1: WHOLE, 3: checkpoint("a", 9)})
    batch = LogReader("a", log).read(start("a"), LIMIT)
    assert (seqs(batch), batch.gaps) == ([1, 2, 3, 9], [Gap(4, 8, "trimmed")])


def test_a_follower_gets_past_a_segment_missing_in_the_middle() -> None:
    """Who waits at a segment's end finds the next but one too, when the next was deleted."""
    log = Scripted({1: WHOLE})
    reader = LogReader("a", log)
    position = reader.read(start("a"), LIMIT).position
    log.segments[3] = checkpoint("a", 9)
    log.segments[1] += tick(4)
    first = reader.read(position, LIMIT)
    second = reader.read(first.position, LIMIT)
    assert (seqs(first) + seqs(second), second.position.seq) == ([4, 9], 9)
    assert first.gaps + second.gaps == [Gap(5, 8, "trimmed")]


def test_what_is_missing_in_a_trimmed_log_is_not_trimmed() -> None:
    """The reason is that of this gap: what lacks behind frames that are there wasn't trimmed."""
    log = Scripted({7: checkpoint("a", 40) + tick(41) + tick(43)})
    for after in (40, 41):
        batch = LogReader("a", log).read(Position("a", after), LIMIT)
        assert (seqs(batch)[-1], batch.gaps) == (43, [Gap(42, 42, "missing")])
    batch = LogReader("a", log).read(Position("a", 38), LIMIT)
    assert batch.gaps == [Gap(39, 39, "trimmed"), Gap(42, 42, "missing")]


def test_an_error_is_reported_and_what_was_read_before_it_is_kept() -> None:
    """A segment that can't be opened ends the batch; the frames before it are given."""
    log = Scripted({1: WHOLE, 2: checkpoint("a", 4)})

    def fail() -> None:
        raise OSError(5, "Input/output error", "a/00000002.seg")

    log.script["load", 2] = fail
    reader = LogReader("a", log)
    batch = reader.read(start("a"), LIMIT)
    assert (seqs(batch), batch.more) == ([1, 2, 3], False)
    assert reader.error == "a/00000002.seg: Input/output error"
    assert seqs(reader.read(batch.position, LIMIT)) == [4]
    assert reader.error == ""


def test_following_costs_what_is_new() -> None:
    """A reader that goes on, from any of a few positions, loads nothing twice."""
    log = Scripted({1: WHOLE})
    reader = LogReader("a", log)
    loaded: list[tuple[int, int]] = []
    load = log.load

    def counted(number: int, offset: int, size: int) -> Piece | None:
        loaded.append((number, offset))
        return load(number, offset, size)

    log.load = counted  # type: ignore[method-assign]
    position = reader.read(start("a"), LIMIT).position
    offsets = [(1, 0)]
    for seq in range(4, 40):
        offsets.append((1, len(log.segments[1])))
        log.segments[1] += tick(seq)
        position = reader.read(position, LIMIT).position
    assert position == Position("a", 39)
    assert loaded == offsets
    before = reader.read(Position("a", 38), LIMIT)
    assert (seqs(before), loaded[-1]) == ([39], offsets[-1])
