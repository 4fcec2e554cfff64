"""A program that stands still is not dead."""

from __future__ import annotations

import signal

from tests.faults.conftest import Page
from tests.programs import Program, eventually


def test_stopped_is_silent_and_goes_on_live(page: Page) -> None:
    """SIGSTOP: silent, never killed; after SIGCONT live again, and no frame is lost."""
    program = Program(
        """
        import sys
        import tachograph as tacho
        tacho.configure(service="stopped", project="faults", interval_s=0.1)
        for line in sys.stdin:
            tacho.action("stopped").record(0.1)
            print(tacho.flush(), flush=True)
        """,
        page.home,
    )
    program.say("")
    assert program.line() == "True"
    assert eventually(lambda: page.states("stopped") == ["live"])
    seen = set()

    def state() -> str:
        (state,) = page.states("stopped")
        seen.add(state)
        return state

    program.process.send_signal(signal.SIGSTOP)
    assert eventually(lambda: state() == "silent")
    (row,) = page.rows("stopped")
    program.process.send_signal(signal.SIGCONT)
    assert eventually(lambda: state() == "live")
    assert seen == {"live", "silent"}
    program.say("")
    assert program.line() == "True"
    assert program.wait() == 0
    (after,) = page.ended("stopped")
    assert (after["state"], after["id"], after["lost"]) == ("ended", row["id"], 0)
    assert after["sent"] == after["received"]
    assert page.actions("stopped") == {"stopped": 2}


def test_killed_while_it_stands_still(page: Page) -> None:
    """A stopped program dies by SIGKILL: the page says killed, not silent for ever."""
    program = Program(
        """
        import tachograph as tacho
        tacho.configure(service="stopped and killed", project="faults", interval_s=0.1)
        tacho.flush()
        print("ready", flush=True)
        input()
        """,
        page.home,
    )
    program.line()
    program.process.send_signal(signal.SIGSTOP)
    assert eventually(lambda: page.states("stopped and killed") == ["silent"])
    program.kill()
    assert [row["state"] for row in page.ended("stopped and killed")] == ["killed"]
