"""What holds for every journal. A test module of one says `from ... import *` and gives a `rig`.

@pytest.fixture
def rig(tmp_path):
    return Rig(FileJournal(tmp_path, segment_bytes=SEGMENT_BYTES), damage, drop)
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from contextlib import aclosing
from typing import Any, NamedTuple, cast

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tachograph import frames
from tachograph.errors import JournalError
from tachograph.journal.base import Batch, Gap, Journal
from tachograph.model import Position
from tests.journal.logs import append, checkpoint, follow, segment_starts, seqs, start, tick


class Rig(NamedTuple):
    """A journal under test, and how to hurt it.

    `damage(source_id, seq)` spoils the frame's payload, `drop` takes the frame out.
    """

    journal: Journal
    damage: Callable[[str, int], None]
    drop: Callable[[str, int], None]


def test_appended_frames_are_read_in_order(rig: Rig) -> None:
    """Everything that was appended comes back as it was, in order, once, without a gap."""
    writer = rig.journal.open("a")
    append(writer, "a", range(1, 100))
    batch = rig.journal.read("a", start("a"))
    assert seqs(batch) == list(range(1, 100))
    assert [frames.decode(frame).at_ns for frame in batch.frames] == list(range(1, 100))
    assert batch[1:] == (Position("a", 99), [], 0, False)


def test_several_frames_in_one_append(rig: Rig) -> None:
    """One append may hold any number of whole frames."""
    writer = rig.journal.open("a")
    writer.append(checkpoint("a", 1) + tick(2) + tick(3))
    assert seqs(rig.journal.read("a", start("a"))) == [1, 2, 3]


def test_following_gives_each_frame_once(rig: Rig) -> None:
    """Reading on from a batch's position gives what is new, and nothing when there is nothing."""
    writer = rig.journal.open("a")
    position = start("a")
    for first in range(1, 100, 7):
        append(writer, "a", range(first, first + 7))
        batch = rig.journal.read("a", position)
        assert seqs(batch) == list(range(first, first + 7))
        position = batch.position
        assert rig.journal.read("a", position) == Batch([], position, [])


def test_reading_again_gives_the_same(rig: Rig) -> None:
    """A reader may go back to any position, as often as it likes."""
    append(rig.journal.open("a"), "a", range(1, 60))
    for after in [*range(59, -1, -1), 17, 17]:
        batch = rig.journal.read("a", Position("a", after))
        assert seqs(batch) == list(range(after + 1, 60))
        assert batch.gaps == []


def test_two_readers_don_t_disturb_each_other(rig: Rig) -> None:
    """Readers at different positions of one log each get all of it."""
    writer = rig.journal.open("a")
    positions = {7: start("a"), 11: start("a"), 400: start("a")}
    found: dict[int, list[int]] = {limit: [] for limit in positions}
    for seq in range(1, 60):
        append(writer, "a", [seq])
        for limit, position in positions.items():
            if seq % 3 == 0 or limit != 7:
                batch = rig.journal.read("a", position, limit)
                found[limit] += seqs(batch)
                positions[limit] = batch.position
    for limit, position in positions.items():
        found[limit] += seqs(follow(rig.journal, position, limit))
        assert found[limit] == list(range(1, 60))


def test_a_position_of_another_epoch_reads_from_the_beginning(rig: Rig) -> None:
    """Equal numbers of two starts are never confused."""
    append(rig.journal.open("a"), "a", range(1, 5))
    assert seqs(rig.journal.read("a", Position("b", 3))) == [1, 2, 3, 4]
    assert seqs(rig.journal.read("a", Position("", 0))) == [1, 2, 3, 4]


def test_logs_are_apart(rig: Rig) -> None:
    """Two sources that write by turns have a log each, listed oldest first."""
    writers = {name: rig.journal.open(name) for name in ("zoe", "amy")}
    for seq in range(1, 40):
        for name, writer in writers.items():
            append(writer, name, [seq])
    assert rig.journal.sources() == ["zoe", "amy"]
    for name in writers:
        batch = follow(rig.journal, start(name), 300)
        ids = {frame.source.id for frame in map(frames.decode, batch.frames) if frame.source}
        assert (seqs(batch), ids) == (list(range(1, 40)), {name})


def test_an_unknown_source_is_empty(rig: Rig) -> None:
    """What isn't there reads as empty, is not alive, takes no space and can't be deleted."""
    journal = rig.journal
    assert journal.read("nobody", Position("nobody", 7)) == Batch([], Position("nobody", 7), [])
    assert journal.sources() == []
    assert not journal.alive("nobody")
    assert journal.size_bytes("nobody") == 0
    assert journal.trim("nobody", Position("nobody", 7)) == 0
    assert journal.forget("nobody") == 0


def test_each_segment_opens_with_a_checkpoint(rig: Rig) -> None:
    """A checkpoint is asked for at the start and after each rotation, and only then."""
    writer = rig.journal.open("a")
    asked = []
    for seq in range(1, 100):
        if writer.needs_checkpoint:
            asked.append(seq)
        append(writer, "a", [seq])
    assert asked[0] == 1
    assert 3 < len(asked) < 25
    assert segment_starts(rig.journal.read("a", start("a"))) == asked


def test_a_segment_is_not_opened_by_another_frame(rig: Rig) -> None:
    """What isn't a checkpoint is refused at the start, and nothing of it is in the log."""
    writer = rig.journal.open("a")
    with pytest.raises(JournalError, match="a segment opens with a checkpoint"):
        writer.append(tick(1))
    assert writer.needs_checkpoint
    append(writer, "a", [1])
    assert seqs(rig.journal.read("a", start("a"))) == [1]


@pytest.mark.parametrize("limit", [0, 1, 100, 1000, 5000])
def test_the_limit_cuts_a_log_into_batches(rig: Rig, limit: int) -> None:
    """Batches keep to about the limit, say that there is more, and lose nothing between them."""
    append(rig.journal.open("a"), "a", range(1, 80), size=150)
    first = rig.journal.read("a", start("a"), limit)
    assert first.more
    assert first.frames
    assert sum(len(frame.payload) for frame in first.frames) <= limit + 200
    assert seqs(follow(rig.journal, start("a"), limit)) == list(range(1, 80))


def test_a_frame_above_the_limit_is_read(rig: Rig) -> None:
    """One frame that is larger than the limit still comes, on its own."""
    writer = rig.journal.open("a")
    writer.append(checkpoint("a", 1) + tick(2, size=200_000) + tick(3))
    batch = rig.journal.read("a", Position("a", 1), 1000)
    assert (seqs(batch)[:1], batch.more) in [([2], True), ([2], False)]
    assert seqs(follow(rig.journal, start("a"), 1000)) == [1, 2, 3]


_runs = itertools.count()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.lists(
        st.tuples(st.just("append"), st.integers(1, 8))
        | st.tuples(st.just("read"), st.sampled_from([1, 200, 3000]))
        | st.tuples(st.just("damage"), st.integers(1, 60))
        | st.tuples(st.just("drop"), st.integers(1, 60))
        | st.tuples(st.just("trim"), st.integers(0, 60)),
        max_size=25,
    )
)
def test_frames_and_gaps_together_are_the_whole_log(rig: Rig, steps: list[tuple[str, int]]) -> None:
    """Whatever is appended, damaged, dropped and trimmed in between: read frames and declared
    gaps are every number exactly once, in order, up to the reader's position."""
    name = f"run-{next(_runs)}"
    writer = rig.journal.open(name)
    reader = _Ledger(rig.journal, name)
    written = 0
    for step, n in steps:
        if step == "append":
            append(writer, name, range(written + 1, written + n + 1))
            written += n
        elif step == "read":
            reader.read(n)
        elif step == "trim":
            rig.journal.trim(name, Position(name, n))
        elif reader.position.seq < n <= written:
            with contextlib.suppress(KeyError):  # it was trimmed, or hurt before
                (rig.damage if step == "damage" else rig.drop)(name, n)
    append(writer, name, [written + 1])
    writer.close()
    while reader.read(2000):
        pass
    assert reader.covered == list(range(1, written + 2))


class _Ledger:
    """A reader that keeps the numbers it was given or told to be lost."""

    def __init__(self, journal: Journal, source_id: str) -> None:
        self._journal = journal
        self.position = start(source_id)
        self.covered: list[int] = []

    def read(self, limit_bytes: int) -> bool:
        batch = self._journal.read(self.position.epoch, self.position, limit_bytes)
        known = [(seq, seq) for seq in seqs(batch)] + [(gap.first, gap.last) for gap in batch.gaps]
        for first, last in sorted(known):
            self.covered += range(first, last + 1)
        self.position = batch.position
        assert self.covered == list(range(1, self.position.seq + 1))
        return batch.more


def test_damage_costs_only_the_frame_it_hit(rig: Rig) -> None:
    """Damaged frames are declared with their numbers and bytes, all others are read."""
    append(rig.journal.open("a"), "a", range(1, 100))
    whole = {frame.seq: frame for frame in rig.journal.read("a", start("a")).frames}
    for seq in (5, 6, 50):
        rig.damage("a", seq)
    for limit in (200, 4 << 20):
        batch = follow(rig.journal, start("a"), limit)
        assert set(range(1, 100)) - set(seqs(batch)) == {5, 6, 50}
        assert batch.gaps == [Gap(5, 6, "damaged"), Gap(50, 50, "damaged")]
        assert batch.damaged_bytes == sum(
            len(whole[seq].payload) + frames.HEADER_BYTES for seq in (5, 6, 50)
        )


def test_damage_is_declared_once(rig: Rig) -> None:
    """Who reads on behind damage, or comes back to a position behind it, hears of it no more."""
    append(rig.journal.open("a"), "a", range(1, 30))
    rig.damage("a", 5)
    assert rig.journal.read("a", start("a")).gaps == [Gap(5, 5, "damaged")]
    for after in (5, 6, 29):
        batch = rig.journal.read("a", Position("a", after))
        assert (batch.gaps, batch.damaged_bytes * (after > 5)) == ([], 0)
        assert seqs(batch) == list(range(after + 1, 30))


def test_a_number_that_never_came_is_missing(rig: Rig) -> None:
    """Frames that aren't in the log though nothing is damaged are declared as missing."""
    append(rig.journal.open("a"), "a", [1, 2, 5, 6, 7, 40])
    rig.drop("a", 6)
    batch = rig.journal.read("a", start("a"))
    assert seqs(batch) == [1, 2, 5, 7, 40]
    assert batch.gaps == [Gap(3, 4, "missing"), Gap(6, 6, "missing"), Gap(8, 39, "missing")]
    assert sum(gap.count for gap in batch.gaps) == 2 + 1 + 32


def test_duplicates_are_skipped(rig: Rig) -> None:
    """A frame that was sent twice is read once."""
    append(rig.journal.open("a"), "a", [1, 2, 3, 2, 3, 4, 4, 5])
    assert seqs(rig.journal.read("a", start("a"))) == [1, 2, 3, 4, 5]
    assert seqs(rig.journal.read("a", Position("a", 3))) == [4, 5]


def test_trim_deletes_whole_segments_that_are_done(rig: Rig) -> None:
    """Nothing behind `upto` goes; a late reader sees the gap, and then a checkpoint first."""
    journal = rig.journal
    append(journal.open("a"), "a", range(1, 60))
    starts = segment_starts(journal.read("a", start("a")))
    before = journal.size_bytes("a")
    assert journal.trim("a", Position("a", starts[2] - 2)) > 0
    batch = journal.read("a", start("a"))
    assert seqs(batch) == list(range(starts[1], 60))
    assert batch.frames[0].is_checkpoint
    assert batch.gaps == [Gap(1, starts[1] - 1, "trimmed")]
    assert journal.trim("a", Position("a", starts[2] - 1)) > 0
    assert seqs(journal.read("a", start("a"))) == list(range(starts[2], 60))
    assert journal.size_bytes("a") < before


def test_trim_frees_what_it_says(rig: Rig) -> None:
    """The bytes that `trim` returns are those that the log is smaller by."""
    append(rig.journal.open("a"), "a", range(1, 60))
    before = rig.journal.size_bytes("a")
    freed = rig.journal.trim("a", Position("a", 30))
    assert 0 < freed == before - rig.journal.size_bytes("a")


def test_trim_keeps_the_newest_segment(rig: Rig) -> None:
    """However much is asked for, the newest segment stays, so the log's state is never gone."""
    append(rig.journal.open("a"), "a", range(1, 60))
    starts = segment_starts(rig.journal.read("a", start("a")))
    rig.journal.trim("a", Position("a", 10**9))
    assert seqs(rig.journal.read("a", start("a"))) == list(range(starts[-1], 60))


def test_trim_leaves_what_is_still_wanted(rig: Rig) -> None:
    """A position at the beginning, or of another epoch, deletes nothing."""
    append(rig.journal.open("a"), "a", range(1, 60))
    assert rig.journal.trim("a", start("a")) == 0
    assert rig.journal.trim("a", Position("b", 50)) == 0
    assert len(rig.journal.read("a", start("a")).frames) == 59


def test_trimmed_under_a_slow_reader(rig: Rig) -> None:
    """A reader that is overtaken by `trim` goes on behind the gap."""
    append(rig.journal.open("a"), "a", range(1, 60))
    starts = segment_starts(rig.journal.read("a", start("a")))
    slow = rig.journal.read("a", start("a"), 100).position
    assert 0 < slow.seq < starts[1] - 1
    rig.journal.trim("a", Position("a", starts[3]))
    batch = rig.journal.read("a", slow)
    assert batch.gaps == [Gap(slow.seq + 1, starts[3] - 1, "trimmed")]
    assert seqs(batch) == list(range(starts[3], 60))


def test_alive_until_closed(rig: Rig) -> None:
    """A log is alive from `open` on, reading and listing don't change it, `close` ends it."""
    journal = rig.journal
    writer = journal.open("a")
    assert journal.alive("a")
    append(writer, "a", range(1, 4))
    for _ in range(3):
        journal.sources()
        journal.read("a", start("a"))
        journal.trim("a", Position("a", 2))
        assert journal.alive("a")
    writer.close()
    assert not journal.alive("a")
    assert seqs(journal.read("a", start("a"))) == [1, 2, 3]


def test_nothing_is_appended_after_close(rig: Rig) -> None:
    """A closed writer refuses, and closing it again does nothing."""
    writer = rig.journal.open("a")
    append(writer, "a", [1])
    writer.close()
    writer.close()
    with pytest.raises(JournalError, match="a: this log is closed"):
        writer.append(checkpoint("a", 2))
    assert seqs(rig.journal.read("a", start("a"))) == [1]


def test_an_id_is_used_once(rig: Rig) -> None:
    """Opening a log that is there is refused, whether it lives or not."""
    writer = rig.journal.open("a")
    append(writer, "a", [1])
    with pytest.raises(JournalError, match="an id is used once"):
        rig.journal.open("a")
    assert rig.journal.alive("a")
    writer.close()
    with pytest.raises(JournalError, match="an id is used once"):
        rig.journal.open("a")
    assert seqs(rig.journal.read("a", start("a"))) == [1]


def test_only_the_dead_are_forgotten(rig: Rig) -> None:
    """`forget` leaves a living log alone, and deletes a dead one with all that it held."""
    journal = rig.journal
    writer = journal.open("a")
    append(writer, "a", range(1, 60))
    size = journal.size_bytes("a")
    assert journal.forget("a") == 0
    assert len(journal.read("a", start("a")).frames) == 59
    writer.close()
    assert journal.forget("a") == size
    assert journal.sources() == []
    assert journal.read("a", Position("a", 5)) == Batch([], Position("a", 5), [])


async def told(changes: Any, source_id: str) -> None:
    """Wait until a watcher is told to look at this log, or at all of them."""
    with anyio.fail_after(20):
        while True:
            ids = list(await anext(changes))
            if not ids or source_id in ids:
                return


@pytest.mark.anyio
async def test_watch_tells_of_new_and_growing_logs(rig: Rig) -> None:
    """Every new log and every append is told, and what is told can be read."""
    old = rig.journal.open("old")
    append(old, "old", [1])
    async with aclosing(cast(Any, rig.journal.watch())) as changes:
        await told(changes, "old")
        positions = {"old": rig.journal.read("old", start("old")).position, "new": start("new")}
        assert positions["old"].seq == 1
        writers = {"old": old, "new": rig.journal.open("new")}
        for seq in range(2, 40):
            for name, writer in writers.items():
                append(writer, name, [seq])
                while positions[name].seq < seq:
                    await told(changes, name)
                    positions[name] = rig.journal.read(name, positions[name]).position


@pytest.mark.anyio
async def test_watchers_are_independent(rig: Rig) -> None:
    """Two watchers of one journal are both told; one that ends doesn't end the other."""
    async with aclosing(cast(Any, rig.journal.watch())) as first:
        async with aclosing(cast(Any, rig.journal.watch())) as second:
            await told(first, "a")
            await told(second, "a")
            writer = rig.journal.open("a")
            await told(first, "a")
            await told(second, "a")
        append(writer, "a", [1])
        while not rig.journal.read("a", start("a")).frames:
            await told(first, "a")


@pytest.mark.anyio
async def test_a_closed_watch_is_over(rig: Rig) -> None:
    """Closing the iterator ends it."""
    changes = cast(Any, rig.journal.watch())
    await told(changes, "any")
    await changes.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(changes)
