"""Program and server die together, or stand still together."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from threading import Event

from tachograph.core.source import SourceState
from tests.dashboards import Dashboard
from tests.faults.test_server_killed import WORKER, _stored
from tests.programs import Program, counts, eventually, states

#: Records as fast as it can until it is killed.
BUSY = """
    import tachograph as tacho
    tacho.configure(service="busy", project="faults", interval_s=0.1)
    print("ready", flush=True)
    n = 0
    while True:
        n += 1
        tacho.action("step").record(0.001, success=n % 10 != 0)
        tacho.counter("items").add(2)
        if n % 100 == 0:
            tacho.flush()
            print(n, flush=True)
"""


def _sums(found: list[SourceState]) -> tuple[int, int, float]:
    """Actions, errors and items by the journal's own account."""
    timers = [timer for state in found for timer in state.timers.values()]
    items = sum(
        value
        for state in found
        for number, value in state.counters.items()
        if state.definitions[number].name == "items"
    )
    return sum(one.count for one in timers), sum(one.errors for one in timers), items


def test_source_and_server_killed_in_the_middle_then_a_server_starts(home: Path) -> None:
    """Twice over: what is in the journal is on the page and in the store, exactly, and
    nothing counts twice; the programs are shown as killed."""
    for _ in range(2):
        programs = [Program(BUSY, home) for _ in range(2)]
        dashboard = Dashboard(home)
        for program in programs:
            for _ in range(20):
                program.line()
        # Somewhere between reading, storing and writing.
        dashboard.process.send_signal(signal.SIGKILL)
        for program in programs:
            program.kill()
        dashboard.kill()
    actions, errors, items = _sums(states(home))
    assert actions >= 2 * 2 * 1900
    assert {counts(state).keys() == {"step"} for state in states(home)} == {True}
    with Dashboard(home) as dashboard:
        assert eventually(lambda: dashboard.topic("actions").get("total_actions") == actions)
        assert dashboard.topic("actions")["error_count"] == errors
        rows = dashboard.get("/api/sources")["items"]
        assert [row["state"] for row in rows] == ["killed"] * 4
        assert sum(row["losses"].get("missing frames", 0) for row in rows) <= 4  # half a frame each
        assert dashboard.stop() == 0
    stored = _stored(home)
    assert (stored["step"], stored["step errors"]) == (actions, errors)
    assert (stored["step buckets"], stored["items"]) == (actions, items)


def test_laptop_suspended_program_and_server_stand_still_nobody_is_dead(home: Path) -> None:
    """Both are stopped for longer than it takes to be called silent, and go on: the program is
    live at each look, nothing is lost, no clock is taken for wrong."""
    with Program(WORKER, home) as worker, Dashboard(home) as dashboard:
        worker.line()
        worker.say("go")
        worker.line()
        assert eventually(lambda: dashboard.topic("actions").get("total_actions") == 500)
        both = (worker.pid, dashboard.process.pid)
        for pid in both:
            os.kill(pid, signal.SIGSTOP)
        Event().wait(4.5)  # this is the suspend
        for pid in reversed(both):
            os.kill(pid, signal.SIGCONT)
        worker.say("go")
        worker.line()
        seen = set()

        def counted() -> bool:
            (row,) = dashboard.get("/api/sources")["items"]
            seen.add((row["state"], row["lost"], row["late"], row.get("clock_offset_s", 0)))
            return bool(dashboard.topic("actions")["total_actions"] == 1000)

        assert eventually(counted)
        assert seen == {("live", 0, 0, 0)}


def test_server_stopped_for_a_while_what_it_missed_is_where_it_was(home: Path) -> None:
    """The server alone stands still while a program records and another one begins: what they
    said then is counted, at its own time, and is not late."""
    with Program(WORKER, home) as worker, Dashboard(home) as dashboard:
        worker.line()
        os.kill(dashboard.process.pid, signal.SIGSTOP)
        with Program(WORKER, home) as other:
            other.line()
            for _ in range(2):
                for program in (worker, other):
                    program.say("go")
                    program.line()
            Event().wait(2.5)  # so long nobody reads
            os.kill(dashboard.process.pid, signal.SIGCONT)
            assert eventually(lambda: dashboard.topic("actions").get("total_actions") == 2000)
            rows = dashboard.get("/api/sources")["items"]
            shown = [(row["lost"], row["late"], row.get("clock_offset_s", 0)) for row in rows]
            assert shown == [(0, 0, 0)] * 2
            assert {row["state"] for row in rows} <= {"live", "silent"}
