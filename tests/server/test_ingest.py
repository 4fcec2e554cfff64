"""From logs to figures: nothing is missed, nothing counts twice, and every loss is shown."""

from __future__ import annotations

import logging
import shutil
import struct
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tachograph import frames
from tachograph.core.live import KEEP_ENDED_S, Live
from tachograph.errors import StoreError
from tachograph.journal.base import Journal
from tachograph.journal.file import FileJournal
from tachograph.journal.memory import MemoryJournal
from tachograph.server.ingest import Ingest
from tachograph.store.base import Second, Store
from tachograph.store.memory import MemoryStore
from tachograph.store.sqlite import SqliteStore
from tests.core.program import NOON, Program

NOW = int(NOON * 1e9)


class Reader:
    """What a server keeps of a journal and a store. It can die and begin anew."""

    def __init__(self, journal: Journal, store: Store | None = None) -> None:
        self.journal = journal
        self.store = store or MemoryStore()
        self.published: list[tuple[str, str, dict[str, Any]]] = []
        self.begin()

    def begin(self) -> None:
        """As a server starts: from what is stored."""
        self.live = Live()
        self.ingest = Ingest(self.journal, self.live, self.publish)
        self.ingest.restore(self.store.sources(), self.store.series())

    def publish(self, topic: str, project: str, value: dict[str, Any]) -> None:
        self.published.append((topic, project, value))

    def read(self, now_ns: int = NOW) -> None:
        """All that there is now."""
        self.ingest.mark(())
        while self.ingest.pump(now_ns):
            pass

    def follow(self, now_ns: int = NOW) -> None:
        """As a server that has caught up."""
        self.read(now_ns)
        self.ingest.catching_up = False
        self.ingest.check_life(now_ns)

    def commit(self) -> None:
        commit = self.ingest.take_commit()
        if commit is not None:
            self.store.commit(sources=commit.sources, series=commit.series, seconds=commit.seconds)

    def actions(self) -> dict[str, Any]:
        self.ingest.settle()
        return self.live.value("actions", None, NOON)

    def row(self, id: str = "p1") -> dict[str, Any]:
        return self.live.source_row(self.live.sources[id])


class Writing(Program):
    """A program that writes to a journal."""

    def __init__(self, journal: Journal, id: str = "p1", **more: Any) -> None:
        super().__init__(id, **more)
        self.writer = journal.open(id)
        self.done = self.failed = 0

    def work(self, count: int = 1, failed: int = 0) -> None:
        """Some actions, some of which fail."""
        self.do(*[0.5] * (count - failed))
        self.do(*[0.5] * failed, error="Oops")
        self.done += count
        self.failed += failed

    def say(self, at: float = NOON) -> int:
        """Write what is new; the frame's number."""
        seq, frame = self.frame(at, whole=self.writer.needs_checkpoint)
        self.writer.append(frames.encode(frame, seq))
        return seq

    def end(self, at: float = NOON) -> None:
        seq, frame = self.goodbye(at)
        self.writer.append(frames.encode(frame, seq))
        self.writer.close()


@pytest.fixture
def files(tmp_path: Path) -> FileJournal:
    """A journal in files that turns over every few frames."""
    return FileJournal(tmp_path / "journal", segment_bytes=2000)


def stored_actions(store: Store) -> tuple[int, int]:
    """Actions and errors over all stored seconds."""
    samples = [
        sample
        for second in store.seconds(0, 1 << 40)
        for key, sample in second.samples
        if key.span == "action"
    ]
    return sum(one.count for one in samples), sum(one.errors for one in samples)


# --- exactly once ---------------------------------------------------------------------------

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("work"), st.integers(0, 2), st.integers(1, 5)),
        st.tuples(st.sampled_from(["end", "kill"]), st.integers(0, 2)),
        st.sampled_from(["read", "follow", "commit", "fail", "crash"]).map(lambda one: (one,)),
    ),
    max_size=25,
)


@settings(max_examples=80)
@given(STEPS, st.sampled_from([0, 1, 16]))
def test_exactly_once(steps: list[Any], bursts: int) -> None:
    """Whenever the server dies, commits or fails to, and whether it takes frames at once or
    gathers them: what programs did is counted once, live and in the stored seconds; programs
    that end or are killed stay in the totals."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tachograph.server.ingest.MAX_BURSTS", bursts)
        once(steps)


def once(steps: list[Any]) -> None:
    journal = MemoryJournal(segment_bytes=1500)
    reader = Reader(journal)
    programs: list[Writing] = []
    current: dict[int, Writing] = {}
    for n, step in enumerate(steps):
        play(reader, programs, current, step, NOON + n)
    reader.follow(NOW + len(steps) * 10**9)
    reader.commit()
    done, failed = sum(p.done for p in programs), sum(p.failed for p in programs)
    seen = reader.actions()
    assert (seen["total_actions"], seen["error_count"]) == (done, failed)
    assert stored_actions(reader.store) == (done, failed)
    assert sum(state.lost for state in reader.ingest.states.values()) == 0
    reader.begin()
    reader.follow(NOW + len(steps) * 10**9)
    assert reader.actions()["total_actions"] == done


def play(
    reader: Reader, programs: list[Writing], current: dict[int, Writing], step: Any, at: float
) -> None:
    match step:
        case ("work", n, count):
            if n not in current:
                current[n] = Writing(reader.journal, f"p{len(programs)}")
                programs.append(current[n])
            current[n].work(count, failed=count // 2)
            current[n].say(at)
        case ("end" | "kill", n):
            program = current.pop(n, None)
            if program is not None:
                program.end(at) if step[0] == "end" else program.writer.close()
        case ("read",):
            reader.read(round(at * 1e9))
        case ("follow",):
            reader.follow(round(at * 1e9))
        case ("commit",):
            reader.commit()
        case ("fail",):
            commit = reader.ingest.take_commit()
            if commit is not None:
                reader.ingest.give_back(commit)
        case ("crash",):
            reader.begin()


def test_exactly_once_on_disk(files: FileJournal, tmp_path: Path) -> None:
    """The same over files and SQLite: after each of ten deaths the totals are exact."""
    program = Writing(files)
    for n in range(1, 11):
        reader = Reader(files, SqliteStore(tmp_path / "store.db"))
        program.work(7, failed=2)
        program.say(NOON + n)
        reader.follow(NOW + n * 10**9)
        if n % 2:
            reader.commit()
        assert (reader.actions()["total_actions"], reader.actions()["error_count"]) == (
            7 * n,
            2 * n,
        )
        reader.store.close()
    store = SqliteStore(tmp_path / "store.db")
    assert stored_actions(store) == (63, 18)
    store.close()
    program.writer.close()


def test_fifty_failures_then_a_thousand_successes(files: FileJournal) -> None:
    """50 failures, then 1000 successes, across segments: total 1050, errors 50, 95.2 %."""
    program = Writing(files)
    reader = Reader(files)
    program.work(50, failed=50)
    program.say()
    for _ in range(100):
        program.work(10)
        program.say()
    reader.follow()
    seen = reader.actions()
    assert (seen["total_actions"], seen["error_count"]) == (1050, 50)
    assert f"{seen['success_rate']:.1f} %" == "95.2 %"
    assert reader.row()["sent"] == reader.row()["received"] == 101
    program.writer.close()


def test_stored_state_that_cannot_be_read(files: FileJournal) -> None:
    """A source whose stored state is damaged is read anew from its log."""
    program = Writing(files)
    program.work(3)
    program.say()
    reader = Reader(files)
    reader.follow()
    reader.commit()
    stored = reader.store.sources()
    stored[0].blob = b"\xc1" + stored[0].blob
    reader.store.commit(sources=stored)
    reader.begin()
    reader.follow()
    assert reader.actions()["total_actions"] == 3
    program.writer.close()


def test_many_sources_are_gathered() -> None:
    """Of many sources frames of a second become one, until it is over or somebody looks: then
    all figures, numbers of frames and gauges by the second are what they were."""
    journal = MemoryJournal()
    programs = [Writing(journal, f"p{n}") for n in range(20)]
    reader = Reader(journal)
    for at in range(31):
        for program in programs:
            program.work(2, failed=1)
            program.gauge("depth", at)
            if program is programs[0]:  # what is published is taken at once
                program.sums.publish("tasks", {"at": at})
            program.say(NOON + at / 10)
        reader.read(NOW + at * 10**8)
    assert reader.ingest.counting.bursts
    assert reader.actions()["total_actions"] == 31 * 20 * 2
    assert not reader.ingest.counting.bursts
    for state in reader.ingest.states.values():
        assert (state.received, state.seq, state.lost) == (31, 31, 0)
    reader.commit()
    assert stored_actions(reader.store) == (31 * 40, 31 * 20)
    depths = {
        second.at_s - NOON: sample.value
        for second in reader.store.seconds(0, 1 << 40)
        for key, sample in second.samples
        if key.name == "depth"
    }
    assert depths == {0: 180.0, 1: 380.0, 2: 580.0, 3: 600.0}


# --- order ----------------------------------------------------------------------------------


def test_order_of_time() -> None:
    """What several sources said while nobody followed is taken in the order of time, so that of
    two publishers the later wins, whoever's log is read first."""
    journal = MemoryJournal()
    one, two = Writing(journal, "p1"), Writing(journal, "p2")
    for program, at in ((one, 0), (two, 1), (one, 2), (two, 3), (one, 4)):
        program.sums.publish("tasks", {"by": program.source.id, "at": at})
        program.say(NOON + at)
    reader = Reader(journal)
    reader.read()
    assert [value["at"] for _, _, value in reader.published] == [0, 1, 2, 3, 4]


def test_order_of_time_over_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """That holds too when the logs are larger than what is read of one at a time."""
    monkeypatch.setattr("tachograph.server.reading.TURN_BYTES", 3000)
    journal = MemoryJournal()
    programs = [Writing(journal, f"p{n}") for n in range(3)]
    for n in range(60):
        program = programs[n * n % 3]
        program.sums.publish("tasks", {"n": n, "text": "x" * (200 if n % 3 else 900)})
        program.say(NOON + n)
    reader = Reader(journal)
    reader.read(NOW + 60 * 10**9)
    assert [value["n"] for _, _, value in reader.published] == list(range(60))


def test_a_turn_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many logs there are to catch up with, the event loop has its turn in between."""
    monkeypatch.setattr("tachograph.server.reading.TURN_BYTES", 4000)
    journal = MemoryJournal()
    for program in [Writing(journal, f"p{n}") for n in range(10)]:
        for n in range(10):
            program.sums.publish("tasks", {"n": n, "text": "x" * 300})
            program.say(NOON + n)
    reader = Reader(journal)
    reader.ingest.mark(())
    turns = [0]
    while reader.ingest.pump(NOW + 60 * 10**9):
        turns.append(reader.ingest.frames)
    most = max(after - before for before, after in pairwise(turns))
    assert 0 < most < 30
    assert reader.ingest.frames == 100


def test_published_once(files: FileJournal) -> None:
    """After a restart what was published is no news, though checkpoints say it again."""
    program = Writing(files)
    program.sums.publish("tasks", {"open": 1})
    program.say()
    reader = Reader(files)
    reader.follow()
    reader.commit()
    assert reader.published == [("tasks", "photos", {"open": 1})]
    reader.published.clear()
    reader.begin()
    seq, frame = program.frame(NOON + 1, whole=True)
    program.writer.append(frames.encode(frame, seq))
    reader.follow()
    assert reader.published == []
    program.writer.close()


# --- losses ---------------------------------------------------------------------------------


def test_damage_and_missing_frames() -> None:
    """A frame that is damaged or gone is counted as lost; with the next one the totals are
    exact again, and a restart doesn't count the loss twice."""
    journal = MemoryJournal()
    program = Writing(journal)
    for _ in range(6):
        program.work()
        program.say()
    journal.damage("p1", 3)
    journal.drop("p1", 5)
    reader = Reader(journal)
    reader.follow()
    row = reader.row()
    assert (row["sent"], row["received"], row["lost"]) == (6, 4, 2)
    assert row["losses"] == {"missing frames": 2}
    assert reader.actions()["total_actions"] == 6
    reader.commit()
    reader.begin()
    reader.follow()
    assert reader.row()["lost"] == 2


def segments(journal: FileJournal, id: str = "p1") -> list[Path]:
    return sorted((journal.root / id).glob("*.seg"))


@pytest.mark.parametrize("kept", [10, -5], ids=["in its header", "in its payload"])
@pytest.mark.parametrize("followed", [True, False])
def test_a_torn_end(files: FileJournal, followed: bool, kept: int) -> None:
    """Of a program that was killed while it wrote, the half frame at the end is one lost, no
    matter whether the server was there then or began later."""
    program, reader = Writing(files), Reader(files)
    for _ in range(3):
        program.work()
        program.say()
    if followed:
        reader.follow()
    seq, frame = program.frame(NOON)
    with segments(files)[-1].open("ab") as last:
        last.write(frames.encode(frame, seq)[:kept])
    if followed:
        reader.follow()
        assert reader.row()["lost"] == 0
    program.writer.close()
    reader.follow()
    row = reader.row()
    assert (row["state"], row["received"], row["lost"]) == ("killed", 3, 1)
    reader.commit()
    reader.begin()
    reader.follow()
    assert reader.row()["lost"] == 1


def test_a_damaged_beginning(files: FileJournal) -> None:
    """Without the first checkpoint nobody knows whose the frames are; with the next one its
    totals are all there, live and stored, and what was lost is counted."""
    program, reader = Writing(files), Reader(files)
    for _ in range(60):
        program.work()
        program.say()
    first = segments(files)[0]
    data = bytearray(first.read_bytes())
    data[40] ^= 1
    first.write_bytes(data)
    assert len(segments(files)) > 2
    in_first = len(frames.scan(bytes(data), final=True).frames) + 1
    reader.follow()
    reader.commit()
    row = reader.row()
    assert (row["sent"], row["lost"]) == (60, in_first)
    assert reader.actions()["total_actions"] == 60
    assert stored_actions(reader.store) == (60, 0)
    program.writer.close()


def test_nothing_but_damage(files: FileJournal) -> None:
    """A log of which nothing can be read is no source, disturbs no other one, and is not
    stored; it is kept as long as any other."""
    bad, good = Writing(files, "p1"), Writing(files, "p2")
    for program in (bad, good):
        program.work()
        program.say()
        program.writer.close()
    segments(files)[0].write_bytes(b"\x00" * 500)
    reader = Reader(files)
    reader.follow()
    reader.commit()
    assert list(reader.live.sources) == ["p2"]
    assert [one.id for one in reader.store.sources()] == ["p2"]
    assert reader.actions()["total_actions"] == 1
    assert reader.ingest.expire(NOON + KEEP_ENDED_S - 10) == []
    assert sorted(files.sources()) == ["p1", "p2"]
    assert sorted(reader.ingest.expire(NOON + KEEP_ENDED_S + 10)) == ["p1", "p2"]
    assert files.sources() == []


def of_a_later_version(data: bytes) -> bytes:
    """The same frame with version 2 in its header."""
    fields = data[:4] + b"\x02" + data[5:24]
    return fields + struct.pack("<I", zlib.crc32(fields)) + data[frames.HEADER_BYTES :]


def test_a_source_of_a_later_version(files: FileJournal, caplog: pytest.LogCaptureFixture) -> None:
    """A program that is newer than the server is listed with what has to be done, once, and its
    log is kept for the server that can read it."""
    new, old = Writing(files, "p1"), Writing(files, "p2")
    for _ in range(3):
        seq, frame = new.frame(NOON)
        new.writer.append(of_a_later_version(frames.encode(frame, seq)))
    old.work()
    old.say()
    reader = Reader(files)
    with caplog.at_level(logging.WARNING):
        reader.follow()
        reader.commit()
    row = reader.row("p1")
    assert "frame version 2" in row["reason"]
    assert "upgrade" in row["reason"]
    assert row["lost"] == 3
    assert [record.message.count("upgrade") for record in caplog.records] == [1]
    assert reader.actions()["total_actions"] == 1
    assert [one.id for one in reader.store.sources()] == ["p2"]
    for program in (new, old):
        program.writer.close()
    reader.follow()
    reader.ingest.expire(NOON + 10 * KEEP_ENDED_S)
    assert files.sources() == ["p1"]


def test_a_frame_that_is_none() -> None:
    """Bytes with good checksums that are no frame are one frame lost."""
    journal = MemoryJournal()
    program, reader = Writing(journal), Reader(journal)
    program.work()
    program.say()
    program.seq += 1
    program.writer.append(frames.wrap(b"\xc1", program.seq, 0))
    program.work()
    program.say()
    reader.follow()
    assert (reader.row()["lost"], reader.actions()["total_actions"]) == (1, 2)


def test_late_frames() -> None:
    """A frame that comes long after it was written is counted as late, but not while the server
    catches up: then it is the server that is late."""
    journal = MemoryJournal()
    program, reader = Writing(journal), Reader(journal)
    for at, read_at in ((0, 60), (61, 61), (62, 63), (64, 74), (75, 75)):
        program.work()
        program.say(NOON + at)
        reader.follow(NOW + read_at * 10**9)
    assert (reader.row()["late"], reader.row()["last_at"]) == (1, NOON + 75)


def test_a_clock_that_is_ahead() -> None:
    """A source whose clock is a year ahead is dated no later than a moment from now."""
    journal = MemoryJournal()
    program, reader = Writing(journal), Reader(journal)
    program.work()
    program.say(NOON + 365 * 86_400)
    reader.follow()
    assert reader.row()["last_at"] <= NOON + 10
    assert all(second.at_s <= NOON + 10 for second in stored_seconds(reader))


def stored_seconds(reader: Reader) -> Iterator[Second]:
    reader.commit()
    return reader.store.seconds(0, 1 << 62)


# --- life and death -------------------------------------------------------------------------


@pytest.mark.parametrize(("interval_s", "patience_s"), [(1.0, 2), (0.05, 2), (10.0, 20)])
def test_silent(interval_s: float, patience_s: int) -> None:
    """A source that lives and says nothing for two of its intervals is silent; a word makes
    it live again."""
    journal = MemoryJournal()
    program, reader = Writing(journal, interval_s=interval_s), Reader(journal)
    program.work()
    program.say()
    states = []
    for seconds in (patience_s, patience_s + 1):
        reader.follow(NOW + seconds * 10**9)
        states.append(reader.row()["state"])
    program.work()
    program.say(NOON + patience_s + 1)
    reader.follow(NOW + (patience_s + 1) * 10**9)
    assert [*states, reader.row()["state"]] == ["live", "silent", "live"]


def test_death(files: FileJournal) -> None:
    """With a goodbye a source has ended, without one it was killed, as of its last frame; what
    it had written is read first; and after a restart it still is what it was."""
    ended, killed = Writing(files, "p1"), Writing(files, "p2")
    reader = Reader(files)
    for program in (ended, killed):
        program.work()
        program.say()
    reader.follow()
    for program in (ended, killed):
        program.work()
    ended.end(NOON + 1)
    killed.say(NOON + 2)
    killed.writer.close()
    reader.ingest.check_life(NOW + 60 * 10**9)
    for _ in range(2):
        assert (reader.row("p1")["state"], reader.row("p1")["ended_at"]) == ("ended", NOON + 1)
        assert (reader.row("p2")["state"], reader.row("p2")["ended_at"]) == ("killed", NOON + 2)
        assert reader.actions()["total_actions"] == 4
        reader.commit()
        reader.begin()
        reader.follow()


def test_a_source_that_died_while_nobody_looked(files: FileJournal) -> None:
    """What was known as living and has died meanwhile is noticed at the start."""
    program, reader = Writing(files), Reader(files)
    program.work()
    program.say()
    reader.follow()
    reader.commit()
    program.work()
    program.say(NOON + 1)
    program.writer.close()
    reader.begin()
    reader.follow()
    assert (reader.row()["state"], reader.actions()["total_actions"]) == ("killed", 2)


@pytest.mark.parametrize("restarted", [False, True])
def test_a_source_that_is_back_counts_again(files: FileJournal, *, restarted: bool) -> None:
    """A program that was taken for dead and goes on is one of the living in everything: the
    system's figures are its own, too, and its window goes on without a word of its death."""
    program, reader = Writing(files), Reader(files)
    program.vitals(10.0, 100.0)
    program.say()
    reader.follow()
    reader.live.tick(NOON + 1)
    shutil.rmtree(files.root / "p1")
    for second in range(2, 7):
        reader.ingest.check_life(NOW + second * 10**9)
        reader.live.tick(NOON + second)
    assert reader.row()["state"] == "killed"
    if restarted:
        reader.commit()
        reader.begin()
        reader.follow(NOW + 7 * 10**9)
    program.vitals(20.0, 200.0)
    program.say(NOON + 8)
    for _ in range(2):  # once to see that it is there, once to read it
        reader.follow(NOW + 8 * 10**9)
    reader.live.tick(NOON + 9)
    assert reader.row()["state"] == "live"
    system = reader.live.value("system", None, NOON + 9)
    assert (system["live"], system["memory_mb"]) == (1, 200.0)
    at = str(round((NOON + 9) * 1000))
    assert at in system["points"]
    window = reader.live.value("source/p1", None, NOON + 9)
    assert (at in window["points"], at in window["gaps"]) == (True, False)


def test_expire(files: FileJournal) -> None:
    """A day after its end a source is forgotten: its log is deleted, and reading on doesn't
    bring it back. The living stay."""
    old, living = Writing(files, "p1"), Writing(files, "p2")
    for program in (old, living):
        program.work()
        program.say()
    old.end()
    reader = Reader(files)
    reader.follow()
    later = NOON + KEEP_ENDED_S + 1
    assert reader.ingest.expire(later) == ["p1"]
    assert files.sources() == ["p2"]
    reader.follow(round(later * 1e9))
    assert list(reader.ingest.states) == ["p2"]
    assert reader.actions()["total_actions"] == 1
    living.writer.close()


class Undeletable(MemoryJournal):
    """A journal in a directory that can't be written."""

    def forget(self, source_id: str) -> int:
        return 0


def test_a_log_that_cannot_be_deleted() -> None:
    """It isn't read and counted once more after its source was forgotten."""
    journal = Undeletable()
    program = Writing(journal)
    program.work()
    program.end()
    reader = Reader(journal)
    reader.follow()
    assert reader.ingest.expire(NOON + KEEP_ENDED_S + 1) == ["p1"]
    reader.follow()
    assert reader.actions()["total_actions"] == 0
    assert reader.live.sources == {}


# --- storing --------------------------------------------------------------------------------


class Full(MemoryStore):
    """A store on a disk that is full for a while."""

    full = True

    def commit(self, **given: Any) -> None:
        if self.full:
            raise StoreError("disk full")
        super().commit(**given)


def test_a_commit_that_fails(files: FileJournal) -> None:
    """What could not be stored is part of the next commit, with what came meanwhile."""
    program, store = Writing(files), Full()
    reader = Reader(files, store)
    for n in range(3):
        program.work(2, failed=1)
        program.say(NOON + n)
        reader.follow(NOW + n * 10**9)
        commit = reader.ingest.take_commit()
        assert commit is not None
        with pytest.raises(StoreError):
            store.commit(sources=commit.sources, seconds=commit.seconds, series=commit.series)
        reader.ingest.give_back(commit)
    store.full = False
    reader.commit()
    assert stored_actions(store) == (6, 3)
    assert [one.seq for one in store.sources()] == [3]
    assert reader.ingest.take_commit() is None
    program.writer.close()


def test_one_bad_frame_stops_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever goes wrong with a frame: it is lost and logged, and everybody is served on."""
    journal = MemoryJournal()
    one, two = Writing(journal, "p1"), Writing(journal, "p2")
    reader = Reader(journal)
    for program in (one, two):
        program.work()
        program.say()
    reader.follow()

    def fail(topic: str, project: str, value: dict[str, Any]) -> None:
        raise RuntimeError("no room")

    monkeypatch.setattr(reader.ingest.counting, "_publish", fail)
    one.sums.publish("tasks", {"a": 1})
    for program in (one, two):
        program.work()
        program.say(NOON + 1)
    with caplog.at_level(logging.ERROR):
        reader.follow()
    assert reader.actions()["total_actions"] == 4
    assert (reader.row("p1")["lost"], reader.row("p2")["lost"]) == (1, 0)
    assert [record.message[:7] for record in caplog.records] == ["frame 2"]


def test_what_the_server_itself_lost() -> None:
    """Seconds and failures that could never be stored are counted, by reason; none, none said."""
    journal = MemoryJournal()
    reader = Reader(journal)
    assert reader.ingest.losses() == {}
    reader.ingest.seconds.dropped, reader.ingest.failed.dropped = 3, 0
    assert reader.ingest.losses() == {"seconds that could not be stored": 3}
    reader.ingest.failed.dropped = 2
    assert reader.ingest.losses() == {
        "seconds that could not be stored": 3,
        "errors that could not be stored": 2,
    }
