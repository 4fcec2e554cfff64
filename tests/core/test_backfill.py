"""Backfill: a server that starts late shows the last minute too."""

from __future__ import annotations

from typing import Any

import pytest

from tachograph.core.backfill import fill
from tachograph.core.live import Live
from tests.core.program import NOON, Program, Reader


def after_restart(reader: Reader, since: float, until: float = NOON + 1e6) -> Live:
    """A new server's live figures, from what the one before has stored."""
    series, seconds = reader.seconds.take()
    live = Live()
    for state in reader.states.values():
        live.put(state)
    fill(live, [one for one in seconds if one.at_s < until], series, int(since))
    return live


def column(live: Live, topic: str, name: str, project: str | None = None) -> list[Any]:
    value = live.value(topic, project, NOON)
    return [row[value["columns"].index(name)] for row in value["points"].values()]


def worked(reader: Reader, program: Program, seconds: int) -> None:
    """Some seconds of vitals and one action in each, every fifth of which fails."""
    for n in range(seconds):
        program.vitals(float(n), 100.0 + n, thread_count=3.0)
        program.do(0.5, error="Oops" if n % 5 == 0 else "")
        reader.read(program, NOON + n)


def test_the_points_are_those_that_ticks_would_have_made() -> None:
    """The stored minute gives the same points as a server that had been there, tick by tick."""
    reader, program = Reader(), Program()
    for n in range(90):
        program.vitals(float(n), 100.0 + n, thread_count=3.0)
        program.do(0.5, error="Oops" if n % 5 == 0 else "")
        program.do(0.25, kind="event", name="message")
        program.gauge("events.queue_depth", n % 7)
        reader.read(program, NOON + n + 0.5)
        reader.live.tick(NOON + n + 1)
    live = after_restart(reader, NOON + 30)
    for topic in ("system", "actions", "events"):
        for project in (None, "photos"):
            seen = live.value(topic, project, NOON + 90)["points"]
            known = reader.value(topic, NOON + 90, project)["points"]
            # The first tick of all has no tick before it that it could count errors from.
            assert seen == known


def test_only_from_then_on() -> None:
    """Seconds before the window fill the rates, and make no points of their own."""
    reader, program = Reader(), Program()
    worked(reader, program, 20)
    live = after_restart(reader, NOON + 15)
    assert list(live.value("system", None, NOON)["points"]) == [
        str(round((NOON + n) * 1000)) for n in range(16, 21)
    ]
    assert column(live, "actions", "actions_per_minute") == [16.0, 17.0, 18.0, 19.0, 20.0]
    assert column(live, "actions", "errors") == [1.0, 0.0, 0.0, 0.0, 0.0]


def test_a_gap_stays_a_gap() -> None:
    """Seconds in which nobody reported have no points."""
    reader, program = Reader(), Program()
    worked(reader, program, 5)
    program.vitals(1.0, 50.0)
    reader.read(program, NOON + 30)
    points = after_restart(reader, NOON).value("system", None, NOON)["points"]
    seconds = [round(int(key) / 1000 - NOON) for key in points]
    assert seconds[:5] == [1, 2, 3, 4, 5]
    assert seconds[-1] == 31
    assert not set(seconds) & set(range(7, 31))


def test_projects() -> None:
    """Each project's window has its own sources alone."""
    reader = Reader()
    for project, memory in (("photos", 100.0), ("music", 50.0)):
        program = Program(project, project=project)
        program.vitals(60.0, memory)
        reader.read(program, NOON)
    live = after_restart(reader, NOON)
    memories = {p: column(live, "system", "memory_mb", p) for p in (None, "photos", "music")}
    assert memories == {None: [150.0], "photos": [100.0], "music": [50.0]}
    assert column(live, "system", "cpu_percent") == [100.0]


@pytest.mark.parametrize("end", ["goodbye", "kill"])
def test_an_ended_service_does_not_live_on(end: str) -> None:
    """When one service ended in the window, the points after it are the others' alone."""
    reader, ended, living = Reader(), Program("p1", "a"), Program("p2", "b")
    for n in range(40):
        if n < 10:
            ended.vitals(10.0, 100.0 + n)
            reader.read(ended, NOON + n)
        if n == 10 and end == "goodbye":
            reader.take(ended, ended.goodbye(NOON + n))
        living.vitals(5.0, 50.0 + n)
        reader.read(living, NOON + n)
    reader.states["p1"].dead(reader.states["p1"].last_ns)
    memory = column(after_restart(reader, NOON), "system", "memory_mb")
    assert memory[9] == 168.0
    assert memory[20:] == [50.0 + n for n in range(20, 40)]


def test_nothing_stored() -> None:
    """An empty store leaves the windows empty."""
    live = Live()
    fill(live, [], [], int(NOON))
    assert live.value("system", None, NOON)["points"] == {}
