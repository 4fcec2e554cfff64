"""A program dies by SIGKILL: what it recorded is there, and its death is noticed."""

from __future__ import annotations

from pathlib import Path

from tests.dashboards import Dashboard
from tests.programs import Program, eventually, states


def test_program_killed_all_but_the_last_50_ms_is_there(home: Path) -> None:
    """Everything before the last flush interval survives SIGKILL.

    The program prints what it has recorded before it records a mark; when the mark is in the
    journal, at most one interval after it, all that was printed must be there too.
    """
    program = Program(
        """
        import tachograph as tacho
        tacho.configure(service="job", project="faults")
        n = 0
        while True:
            n += 1
            tacho.action("step").record(0.001)
            tacho.gauge("last").set(n)
            print(n, flush=True)
        """,
        home,
    )

    def reached() -> float:
        for state in states(home):
            for number, value in state.gauges.items():
                if state.definitions[number].name == "last":
                    return value or 0
        return 0

    seen = [int(program.line()) for _ in range(2_000)]
    assert eventually(lambda: reached() >= seen[-1]), reached()
    program.kill()
    (state,) = states(home)
    (steps,) = [t.count for n, t in state.timers.items() if state.definitions[n].name == "step"]
    assert steps >= seen[-1]
    assert state.state == "killed"
    # The counter and the gauge of one frame belong together.
    assert abs(steps - reached()) <= 1


def test_a_killed_program_is_shown_as_killed(home: Path) -> None:
    """Not "running" for ever."""
    program = Program(
        """
        import tachograph as tacho
        tacho.configure(service="job", project="faults")
        with tacho.action("never ends"):
            print("ready", flush=True)
            input()
        """,
        home,
    )
    program.line()
    with Dashboard(home) as dashboard:
        assert eventually(lambda: dashboard.topic("actions").get("current_action") == "never ends")
        program.kill()
        assert eventually(lambda: dashboard.topic("sources").get("live") == 0)
        (row,) = dashboard.topic("sources")["sources"].values()
        assert row["state"] == "killed"
        assert "current_action" not in dashboard.topic("actions")
