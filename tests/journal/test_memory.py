"""The journal in memory: the contract, and what only the fake can do."""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing
from typing import Any, cast

import pytest

from tachograph.errors import JournalError
from tachograph.journal.base import Gap
from tachograph.journal.memory import MemoryJournal
from tachograph.model import Position
from tests.journal.conformance import *  # noqa: F403
from tests.journal.conformance import Rig, told
from tests.journal.logs import SEGMENT_BYTES, append, checkpoint, seqs, start, tick


@pytest.fixture
def rig() -> Rig:
    """A journal that rotates often."""
    journal = MemoryJournal(SEGMENT_BYTES)
    return Rig(journal, journal.damage, journal.drop)


def test_kill_ends_a_writer_without_a_goodbye() -> None:
    """A killed writer's log is dead, keeps what was appended, and takes nothing more."""
    journal = MemoryJournal()
    writer = journal.open("a")
    append(writer, "a", [1, 2])
    journal.kill("a")
    assert not journal.alive("a")
    with pytest.raises(JournalError):
        writer.append(tick(3))
    assert [frame.at_ns for frame in journal.frames("a")] == [1, 2]


def test_appends_fail_on_demand() -> None:
    """As many appends as wanted are refused; the next frame has to be a checkpoint again."""
    journal = MemoryJournal()
    writer = journal.open("a")
    append(writer, "a", [1, 2])
    journal.fail_appends("a", 2)
    for seq in (3, 4):
        with pytest.raises(JournalError, match="told to fail"):
            writer.append(checkpoint("a", seq))
        assert writer.needs_checkpoint
    append(writer, "a", [5, 6])
    batch = journal.read("a", start("a"))
    assert seqs(batch) == [1, 2, 5, 6]
    assert batch.gaps == [Gap(3, 4, "missing")]


def test_only_frames_that_are_there_can_be_hurt() -> None:
    """Dropping or damaging an unknown frame is a mistake in the test, and says so."""
    journal = MemoryJournal()
    append(journal.open("a"), "a", [1])
    for hurt in (journal.drop, journal.damage):
        with pytest.raises(KeyError, match="a has no frame 2"):
            hurt("a", 2)


def test_a_torn_append_of_a_dead_writer_is_lost_with_its_number() -> None:
    """What was damaged at a log's end is declared as soon as nothing can follow."""
    journal = MemoryJournal()
    append(journal.open("a"), "a", [1, 2, 3])
    journal._logs["a"].segments[1][-5:] = b""
    assert journal.read("a", start("a")).position == Position("a", 2)
    journal.kill("a")
    batch = journal.read("a", Position("a", 2))
    assert batch.position == Position("a", 3)
    assert batch.gaps == [Gap(3, 3, "damaged")]
    assert batch.damaged_bytes == len(tick(3)) - 5


def test_dropping_what_was_read_disturbs_no_follower() -> None:
    """A frame that is taken out behind a reader's back shifts nothing before it."""
    journal = MemoryJournal()
    writer = journal.open("a")
    append(writer, "a", [1, 2, 3])
    position = journal.read("a", start("a")).position
    journal.drop("a", 2)
    append(writer, "a", [4, 5])
    batch = journal.read("a", position)
    assert (seqs(batch), batch.gaps) == ([4, 5], [])


@pytest.mark.anyio
async def test_watch_hears_other_threads() -> None:
    """An append on another thread wakes an event loop that waits for nothing else."""
    journal = MemoryJournal()
    writer = journal.open("a")
    waiting = threading.Semaphore(0)

    def append_when_waited_for() -> None:
        for seq in range(1, 21):
            waiting.acquire()
            append(writer, "a", [seq])

    thread = threading.Thread(target=append_when_waited_for, daemon=True)
    thread.start()
    async with aclosing(cast(Any, journal.watch())) as changes:
        await told(changes, "a")
        position = start("a")
        for seq in range(1, 21):
            asyncio.get_running_loop().call_soon(waiting.release)
            while position.seq < seq:
                await told(changes, "a")
                position = journal.read("a", position).position
    thread.join()
