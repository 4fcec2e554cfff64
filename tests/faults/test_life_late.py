"""What is recorded while the interpreter ends, and by whom."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.programs import counts, states

HANDLERS = """
    import atexit
    def first():
        import tachograph as tacho
        tacho.action("registered first").record(0.1)
        tacho.publish("late", {"by": "first"})
    atexit.register(first)
    import tachograph as tacho
    tacho.configure(service="late", project="faults")
    @atexit.register
    def last():
        with tacho.action("registered last"):
            tacho.counter("late").add(2)
            tacho.gauge("late").set(3)
    tacho.action("before").record(0.1)
"""


def run(home: Path, code: str) -> tuple[str, str]:
    """What a program says to both of its streams; it ends well."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "TACHOGRAPH_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout, done.stderr


def test_exit_handlers_record_before_and_after_the_goodbye(home: Path) -> None:
    """Whenever a handler was registered, what it records is its program's, in one source that
    ended well."""
    assert run(home, HANDLERS) == ("", "")
    (state,) = states(home)
    assert (state.state, state.lost_total) == ("ended", 0)
    assert counts(state) == {"before": 1, "registered first": 1, "registered last": 1}
    assert sum(state.counters.values()) == 2
    assert state.topics["late"] == {"by": "first"}


def test_a_first_record_in_an_exit_handler(home: Path) -> None:
    """Where no thread can be started any more it is written all the same."""
    code = """
        import atexit, threading
        import tachograph as tacho
        @atexit.register
        def last():
            tacho.action("only").record(0.1)
    """
    assert run(home, code) == ("", "")
    (state,) = states(home)
    assert (state.state, counts(state)) == ("ended", {"only": 1})


def test_daemon_threads_that_record_to_the_end(home: Path) -> None:
    """Nothing is printed, the exit waits for nobody, and what a thread records behind the goodbye
    counts."""
    code = """
        import atexit, os, threading
        recorded = 0
        def told():
            os.write(1, str(recorded).encode())
        import tachograph as tacho
        tacho.configure(service="late", project="faults")
        late, go = threading.Event(), threading.Event()
        def work():
            global recorded
            late.wait()
            for _ in range(100):
                tacho.action("step").record(0.1)
                recorded += 1
            go.set()
            while True:
                tacho.action("for ever").record(0.1)
        def after():
            late.set()
            go.wait()
        threading.Thread(target=work, daemon=True).start()
        tacho.action("first").record(0.1)
    """
    # Called behind the goodbye, because it is registered before there is a recorder.
    early = "import atexit\nhooks = []\natexit.register(lambda: [hook() for hook in hooks])\n"
    done = run(home, early + textwrap.dedent(code) + "hooks += [after, told]\n")
    assert done == ("100", "")
    (state,) = states(home)
    assert state.state == "ended"
    assert counts(state)["step"] == 100
    assert state.lost_total == 0


def test_threads_that_are_waited_for_are_ordinary_ones(home: Path) -> None:
    """Non-daemon threads, and those of a pool, end before the goodbye."""
    code = """
        import threading
        from concurrent.futures import ThreadPoolExecutor
        import tachograph as tacho
        tacho.configure(service="late", project="faults")
        def work():
            threading.Event().wait(0.2)
            for _ in range(100):
                tacho.action("step").record(0.1)
        threading.Thread(target=work).start()
        ThreadPoolExecutor(2).submit(work)
    """
    assert run(home, code) == ("", "")
    (state,) = states(home)
    assert (state.state, counts(state), state.lost_total) == ("ended", {"step": 200}, 0)
