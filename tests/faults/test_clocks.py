"""Clocks that are wrong, clocks that are set, and a server that reads late: they look alike."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import time_machine

from tachograph.journal.memory import MemoryJournal
from tachograph.server import follower as followers
from tachograph.store.memory import MemoryStore
from tachograph.store.sqlite import SqliteStore
from tests.core.program import NOON
from tests.server.serving import Reporting, serving
from tests.server.test_follower import following, until
from tests.server.test_ingest import NOW, Reader, Writing, stored_actions

S = 1_000_000_000
HOUR, YEAR = 3600.0, 365 * 86_400.0
wrong = pytest.mark.parametrize(
    "ahead_s", [HOUR, -HOUR, YEAR, -YEAR], ids=["hour ahead", "hour behind", "year ahead", "year"]
)


class Following:
    """A program with a clock of its own, read by a server as it writes."""

    def __init__(self, ahead_s: float = 0.0) -> None:
        self.reader = Reader(MemoryJournal())
        self.reader.follow()
        self.program = Writing(self.reader.journal)
        self.ahead_s = ahead_s

    def write(self, at: float) -> None:
        """An action at `at` seconds past noon, by the server's clock."""
        self.program.work()
        self.program.say(NOON + at + self.ahead_s)

    def read(self, at: float) -> dict[str, Any]:
        """Read at that time; the source as it is shown."""
        self.reader.follow(NOW + round(at * S))
        return self.reader.row()

    @property
    def offset_s(self) -> float:
        return self.reader.ingest.states["p1"].clock_offset_s

    def seconds(self) -> list[float]:
        """Stored seconds past noon in which something was done."""
        self.reader.commit()
        rows = self.reader.store.seconds(0, 1 << 62)
        return [row.at_s - NOON for row in rows if any(one.count for _, one in row.samples)]


@wrong
def test_wall_clock_of_a_source_is_wrong_its_frames_land_now(ahead_s: float) -> None:
    """An hour or a year ahead or behind: on the page, on charts and in the store it is now."""
    case = Following(ahead_s)
    for at in range(5):
        case.write(at)
        row = case.read(at)
        assert row["last_at"] == NOON + at
    assert case.offset_s == -ahead_s
    assert case.seconds() == [0, 1, 2, 3, 4]
    assert (row["late"], row["lost"], row["state"]) == (0, 0, "live")
    assert case.reader.actions()["total_actions"] == 5


@pytest.mark.parametrize("ahead_s", [0.9, -0.9])
def test_wall_clock_of_a_source_is_nearly_right_it_is_left_alone(ahead_s: float) -> None:
    """Clocks that are less than a second apart are not corrected."""
    case = Following(ahead_s)
    case.write(0)
    assert case.read(0)["last_at"] == pytest.approx(NOON + ahead_s)
    assert case.offset_s == 0.0


@wrong
def test_wall_clock_set_under_a_running_source(ahead_s: float) -> None:
    """From the next frame on it is corrected, and when it is set right again, no more."""
    case = Following()
    for at in range(15):
        case.ahead_s = ahead_s if 5 <= at < 10 else 0.0
        case.write(at)
        assert case.read(at)["last_at"] == NOON + at
    assert case.seconds() == list(range(15))
    assert case.read(15)["late"] == 0


@pytest.mark.parametrize("ahead_s", [10.0, -10.0, HOUR, -HOUR, YEAR, -YEAR])
def test_wall_clock_of_the_server_is_set(ahead_s: float) -> None:
    """Programs beside it have the new time too; those elsewhere keep theirs, and are corrected
    from their next frame on. Nobody is silent, late or lost for it."""
    here, elsewhere = Following(), Following()
    for at in range(10):
        for case in (here, elsewhere):
            if at == 5:
                case.ahead_s = ahead_s if case is here else 0.0
                case.reader.ingest.interrupted(NOW + round((at + ahead_s) * S), stepped=True)
                case.read(at + ahead_s)
            case.write(at)
            shown = at + (ahead_s if at >= 5 else 0.0)
            row = case.read(shown)
            assert (row["state"], row["late"], row["lost"]) == ("live", 0, 0)
            assert row["last_at"] == NOON + shown
    assert (here.offset_s, elsewhere.offset_s) == (0.0, ahead_s)


def test_server_reads_late_no_clock_is_taken_for_wrong() -> None:
    """A server that stood still finds frames of half a minute ago: that is its own delay, for
    sources that it knows, and for those that began meanwhile."""
    case = Following()
    for at in range(3):
        case.write(at)
        case.read(at)
    new = Writing(case.reader.journal, "p2")
    for at in range(3, 30):
        case.write(at)
        new.work()
        new.say(NOON + at)
    case.reader.ingest.interrupted(NOW + 40 * S)
    row = case.read(40)
    assert (case.offset_s, row["last_at"], row["late"]) == (0.0, NOON + 29, 0)
    assert case.reader.ingest.states["p2"].clock_offset_s == 0.0
    assert case.seconds() == list(range(30))
    case.write(41)
    assert case.read(41)["last_at"] == NOON + 41


def test_a_backlog_tells_nothing_of_clocks() -> None:
    """What was written before the server began lies where its source says."""
    journal = MemoryJournal()
    program = Writing(journal)
    program.work()
    program.say(NOON - HOUR)
    reader = Reader(journal)
    reader.follow()
    assert reader.row()["last_at"] == NOON - HOUR
    assert reader.ingest.states["p1"].clock_offset_s == 0.0


def test_a_log_that_was_copied_here_tells_nothing_of_clocks() -> None:
    """A log that is new here, and whose writer is gone, has frames that are old."""
    case = Following()
    case.write(-HOUR)
    case.program.writer.close()
    case.reader.read(NOW)
    assert case.reader.row()["last_at"] == NOON - HOUR


def test_offset_survives_a_restart_and_a_replay_counts_once() -> None:
    """After a crash frames of an hour ahead are read again: they land where they did, once."""
    case = Following(HOUR)
    for at in range(3):
        case.write(at)
        case.read(at)
    case.reader.commit()
    for at in range(3, 6):
        case.write(at)
        case.read(at)
    for _ in range(2):
        case.reader.begin()
        row = case.read(6)
        assert (case.offset_s, row["last_at"]) == (-HOUR, NOON + 5)
        assert case.reader.actions()["total_actions"] == 6
    assert case.seconds() == [0, 1, 2, 3, 4, 5]
    assert stored_actions(case.reader.store) == (6, 0)


def test_machine_suspended_for_everyone_nobody_is_dead_silent_or_lost() -> None:
    """After two hours of sleep the sources are live, what they say next counts, and the gap is a
    gap; a source that goes on saying nothing is silent after its usual patience."""
    case = Following()
    quiet = Writing(case.reader.journal, "p2")
    quiet.work()
    quiet.say(NOON)
    for at in range(3):
        case.write(at)
        case.read(at)
    case.write(3)
    awake = 2 * HOUR
    case.reader.ingest.interrupted(NOW + round(awake * S))
    case.reader.ingest.check_life(NOW + round(awake * S))
    assert case.read(awake)["state"] == case.reader.row("p2")["state"] == "live"
    case.write(awake + 1)
    row = case.read(awake + 1)
    assert (row["state"], row["lost"], row["late"], case.offset_s) == ("live", 0, 0, 0.0)
    assert case.seconds() == [0, 1, 2, 3, awake + 1]
    case.read(awake + 4)
    assert case.reader.row("p2")["state"] == "silent"


# --- the whole server -------------------------------------------------------------------------


@pytest.mark.parametrize("moved_s", [-HOUR, YEAR], ids=["back an hour", "forward a year"])
def test_wall_clock_set_under_a_running_server(
    home: Path, moved_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on reading, showing and storing, and deletes nothing for being old by the new time;
    and when the clock is right again, too."""
    monkeypatch.setattr(followers, "EXPIRE_S", 0.0)
    ended, program = Reporting(home, "old"), Reporting(home)
    ended.do(0.5)
    ended.end(time.time())

    def recorded(total: int) -> None:
        program.do(0.5)
        program.say(time.time())
        page.until_value("actions", lambda value: value.get("total_actions") == total)

    with (
        serving(home, interval_s=0.1) as served,
        served.page("topics=actions,sources&rate=20") as page,
    ):
        recorded(2)
        with time_machine.travel(time.time() + moved_s):
            recorded(3)
            recorded(4)
            moved = page.until_value("sources", lambda value: value["received"] == 4)
            rows = moved["sources"]
            assert {id: row["state"] for id, row in rows.items()} == {"old": "ended", "p1": "live"}
            assert rows["p1"]["last_at"] == pytest.approx(time.time(), abs=60)
        recorded(5)
        row = page.until_value("sources", lambda value: value["received"] == 5)["sources"]["p1"]
        assert (row["state"], row["lost"], row["late"]) == ("live", 0, 0)
    program.kill()
    store = SqliteStore(home / "store.db", 0.0)
    assert stored_actions(store) == (5, 0)
    store.close()


@pytest.mark.anyio
async def test_wall_clock_set_forward_a_year_nothing_is_deleted_for_being_old(home: Path) -> None:
    """By a clock that is wrong for a while nothing is old; by one that stays so, an hour later."""
    old, store = Reporting(home, "old"), MemoryStore()
    old.do(0.5)
    old.end(time.time())
    async with following(home, store) as follower:
        await until(lambda: stored_actions(store) == (1, 0))
        with time_machine.travel(time.time() + YEAR):
            await follower._expire()
            assert list(follower.live.sources) == ["old"]
            assert stored_actions(store) == (1, 0)
            follower._keep_until = 0.0
            await follower._expire()
            assert list(follower.live.sources) == []
            assert stored_actions(store) == (0, 0)
