"""Why a chart has no figures: each cause where it is one, and none where nothing is known."""

from __future__ import annotations

from typing import Any

import pytest

from tachograph.core import gaps
from tachograph.core.backfill import fill
from tachograph.core.live import Live
from tests.core.program import NOON, Program, Reader

TOPICS = ("system", "actions")
NOBODY, ASLEEP, STILL = gaps.NOBODY, gaps.SUSPENDED, gaps.STOOD_STILL


def causes(live: Live, topic: str = "system", project: str | None = None) -> dict[int, str]:
    """The causes by second after noon."""
    value: dict[str, Any] = live.value(topic, project, NOON)
    return {round(int(key) / 1000 - NOON): cause for key, cause in value["gaps"].items()}


def seconds(live: Live, topic: str = "system") -> list[int]:
    """The seconds after noon that have a point."""
    points = live.value(topic, None, NOON)["points"]
    return [round(int(key) / 1000 - NOON) for key in points]


def worked(reader: Reader, program: Program, begin: int, end: int, tick: bool = True) -> None:
    """One action in each second."""
    for n in range(begin, end):
        program.vitals(10.0, 100.0)
        program.do(0.5)
        reader.read(program, NOON + n)
        if tick:
            reader.live.tick(NOON + n)


def test_before_anything_is_known() -> None:
    """A server that never heard of a program says nothing of why there are no figures."""
    live = Live()
    for n in range(5):
        live.tick(NOON + n)
    assert causes(live) == causes(live, "actions") == {}


def test_no_program_runs() -> None:
    """From the end of the last program on there is none, in the charts of its project too."""
    reader, program = Reader(), Program()
    worked(reader, program, 0, 3)
    reader.take(program, program.goodbye(NOON + 2.5))
    for n in range(3, 6):
        reader.live.tick(NOON + n)
    for topic in TOPICS:
        # What was done between the last tick and the end is shown at the next one.
        assert causes(reader.live, topic) == dict.fromkeys((4, 5), NOBODY)
        assert seconds(reader.live, topic) == [0, 1, 2, 3]
    assert causes(reader.live, "system", "photos") == {4: NOBODY, 5: NOBODY}
    assert causes(reader.live, "events") == {}
    assert causes(reader.live, "system", "music") == {}


def test_a_program_says_nothing() -> None:
    """Of a living program that is silent one knows which it is, and since when."""
    reader, program = Reader(), Program()
    worked(reader, program, 0, 2)
    reader.states["p1"].state = "silent"
    reader.live.tick(NOON + 2)
    said = "catalog says nothing since 12:00:01 UTC"
    assert causes(reader.live) == causes(reader.live, "actions") == {2: said}
    other = Program("p2", "worker")
    reader.read(other, NOON + 3)
    reader.states["p2"].state = "silent"
    reader.live.tick(NOON + 4)
    assert causes(reader.live)[4] == "worker and 1 more say nothing since 12:00:03 UTC"


def test_not_measured_yet() -> None:
    """A program that has just begun has no figures yet."""
    reader, program = Reader(), Program()
    reader.read(program, NOON)
    reader.live.tick(NOON)
    assert causes(reader.live) == {0: "catalog has not been measured yet"}


@pytest.mark.parametrize(
    ("machine_s", "cause"), [(None, ASLEEP), (1.0, ASLEEP), (10.0, STILL), (9.5, STILL)]
)
def test_ticks_that_were_not(machine_s: float | None, cause: str) -> None:
    """Where the ticks themselves are missing, the machine was suspended if its own clock stood
    still meanwhile; otherwise this server did."""
    reader, program = Reader(), Program()
    worked(reader, program, 0, 1, tick=False)
    reader.live.tick(NOON, None if machine_s is None else 500.0)
    worked(reader, program, 10, 11, tick=False)
    reader.live.tick(NOON + 10, None if machine_s is None else 500.0 + machine_s)
    for topic in (*TOPICS, "source/p1"):
        assert causes(reader.live, topic) == dict.fromkeys(range(1, 10), cause)
        assert seconds(reader.live, topic) == [0, 10]


def test_the_causes_are_those_of_the_last_minute() -> None:
    """After a night there are not more of them than the window has instants."""
    reader, program = Reader(), Program()
    worked(reader, program, 0, 1)
    reader.states["p1"].state = "silent"
    reader.live.tick(NOON + 30_000)
    for topic in TOPICS:
        value = reader.live.value(topic, None, NOON)
        assert len(value["points"]) + len(value["gaps"]) <= 61
    for n in range(1, 200):
        reader.live.tick(NOON + 30_000 + n)
    assert len(causes(reader.live)) == 60


def test_the_clock_is_set_back() -> None:
    """A wall clock that goes back leaves no instant of a time that is still to come."""
    reader, program = Reader(), Program()
    worked(reader, program, 0, 5)
    reader.live.tick(NOON - 100)
    assert all(int(key) <= (NOON - 100) * 1000 for key in system(reader.live)["points"])
    assert set(causes(reader.live)) <= {-100}


def system(live: Live) -> dict[str, Any]:
    return live.value("system", None, NOON)


def test_missing_frames() -> None:
    """Frames and records that are missing mark the instant, though it has a point: whose they
    are, how many, and why; each is told once."""
    reader, program = Reader(), Program(service="worker")
    worked(reader, program, 0, 1)
    reader.states["p1"].gap(3)
    reader.live.tick(NOON + 1)
    program.sums.lose("journal not writable", 1)
    program.sums.lose("queue full", 20)
    program.sums.lose("span rate", 5, sampled=True)
    worked(reader, program, 2, 5)
    wanted = {
        1: "3 frames of worker are missing",
        2: "1 frame of worker is missing: journal not writable; "
        "20 records of worker are missing: queue full",
    }
    for topic in (*TOPICS, "source/p1"):
        assert causes(reader.live, topic) == wanted
    assert causes(reader.live, "system", "photos") == wanted
    assert 2 in seconds(reader.live)


def test_what_was_lost_before_a_restart_is_no_news() -> None:
    """A server that starts anew doesn't tell again what was missing before."""
    reader, program = Reader(), Program()
    worked(reader, program, 0, 1)
    reader.states["p1"].gap(3)
    after = Live()
    after.put(reader.states["p1"])
    after.tick(NOON + 1)
    assert causes(after) == {}


# --- after a start --------------------------------------------------------------------------


def restarted(reader: Reader, states_at: int, until: int) -> Live:
    """A server that starts at `until`; what it knew by then is from `states_at`."""
    series, rows = reader.seconds.take()
    reader.seconds.give_back(series, rows)
    live = Live()
    for state in reader.states.values():
        live.put(state)
    live.restored_s = NOON + states_at
    fill(live, rows, series, int(NOON), int(NOON) + until)
    return live


def test_a_late_start_after_the_end() -> None:
    """A server that starts after the program's end says so of the time between, and nothing of
    the time before its beginning."""
    reader, program = Reader(), Program()
    worked(reader, program, 0, 5, tick=False)
    reader.take(program, program.goodbye(NOON + 4.5))
    live = restarted(reader, 0, 20)
    assert seconds(live) == [1, 2, 3, 4, 5]
    for topic in TOPICS:
        assert causes(live, topic) == dict.fromkeys(range(6, 21), NOBODY)
    before = Live()
    before.put(reader.states["p1"])
    fill(before, [], [], int(NOON) - 60, int(NOON))
    assert causes(before) == {}


def test_this_server_was_not_running() -> None:
    """What a living program did while there was no server, and its log doesn't have either."""
    reader, program = Reader(), Program()
    worked(reader, program, 0, 3, tick=False)
    worked(reader, program, 10, 12, tick=False)
    live = restarted(reader, 2, 12)
    assert seconds(live) == [1, 2, 3, 11, 12]
    assert causes(live) == dict.fromkeys(range(4, 11), gaps.NOT_SERVED)
    # A server was there all the time, and nothing came.
    assert causes(restarted(reader, 12, 12)) == dict.fromkeys(range(4, 11), gaps.NOTHING)


def test_silence_before_a_start() -> None:
    """A program that lives and has said nothing for a while is named."""
    reader, program = Reader(), Program()
    worked(reader, program, 0, 3, tick=False)
    reader.states["p1"].state = "silent"
    live = restarted(reader, 2, 6)
    said = "catalog says nothing since 12:00:02 UTC"
    assert causes(live) == dict.fromkeys(range(4, 7), said)


@pytest.mark.parametrize(
    ("at_s", "shown"),
    [(0, "00:00:00"), (86_399, "23:59:59"), (86_400 + 3_661, "01:01:01")],
)
def test_clock(at_s: int, shown: str) -> None:
    """The time of day, in UTC."""
    assert gaps.clock(at_s * 1_000_000_000 + 999_999_999) == f"{shown} UTC"
