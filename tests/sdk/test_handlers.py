"""Handlers of signals that record: they come between any two steps of the main thread."""

from __future__ import annotations

from pathlib import Path

from tests.programs import Program, counts, eventually, states


def test_a_handler_that_records_while_recording_begins(home: Path) -> None:
    """It interrupts the program's first record: neither waits for the other, and both count."""
    program = Program(
        """
        import signal
        import tachograph as tacho
        from tachograph.sdk import recorder

        def interrupted(*given, new_source=recorder.new_source):
            signal.raise_signal(signal.SIGUSR1)
            return new_source(*given)

        def handle(*_):
            with tacho.action("handled"):
                tacho.counter("signals").add()

        signal.signal(signal.SIGUSR1, handle)
        recorder.new_source = interrupted
        with tacho.action("first"):
            pass
        """,
        home,
    )
    assert program.wait() == 0
    (seen,) = states(home)
    assert counts(seen) == {"first": 1, "handled": 1}
    assert list(seen.losses) == []


def test_a_handler_that_records_while_tachograph_is_loaded(home: Path) -> None:
    """Nothing reaches the program, and what could not be recorded then is counted."""
    program = Program(
        """
        import importlib.abc, signal, sys
        import tachograph as tacho

        class Interrupting(importlib.abc.MetaPathFinder):
            def find_spec(self, name, path, target=None):
                if name == "tachograph.sdk.spans":
                    signal.raise_signal(signal.SIGUSR1)

        def handle(*_):
            with tacho.action("handled"):
                pass
            tacho.action("handled").record(0.1)
            tacho.counter("signals").add()

        signal.signal(signal.SIGUSR1, handle)
        sys.meta_path.insert(0, Interrupting())
        for _ in range(2):
            with tacho.action("first"):
                pass
        handle()
        """,
        home,
    )
    assert program.wait() == 0
    (seen,) = states(home)
    assert counts(seen) == {"first": 2, "handled": 2}
    assert sum(seen.losses.values()) == 3


def test_a_handler_that_shuts_down_in_the_middle_of_a_frame(home: Path) -> None:
    """The frame is written first, then the goodbye, and nothing reaches the program."""
    program = Program(
        """
        import signal
        import tachograph as tacho
        from tachograph.sdk import logbook

        def interrupted(frame, fitting=logbook.fitting):
            signal.raise_signal(signal.SIGUSR1)
            return fitting(frame)

        signal.signal(signal.SIGUSR1, lambda *_: tacho.shutdown())
        tacho.configure(interval_s=3600)
        tacho.flush()
        logbook.fitting = interrupted
        with tacho.action("step"):
            tacho.flush()
        logbook.fitting = interrupted.__defaults__[0]
        """,
        home,
    )
    assert program.wait() == 0
    seen = states(home)[0]
    assert seen.state == "ended"
    assert list(seen.losses) == []


def test_no_thread_to_be_had(home: Path) -> None:
    """Where no thread can be started now, the program goes on, and recording begins later."""
    program = Program(
        """
        import logging, threading
        import tachograph as tacho
        start, tries, told = threading.Thread.start, [], []
        logging.getLogger("tachograph").addFilter(lambda record: told.append(record) or False)

        def refuse(thread):
            tries.append(thread)
            raise RuntimeError("can't start new thread")

        threading.Thread.start = refuse
        for _ in range(1000):
            with tacho.action("step"):
                pass
        print(len(tries) < 100, len(told), flush=True)
        threading.Thread.start = start
        for _ in iter(input, "end"):
            with tacho.action("step"):
                pass
        """,
        home,
    )
    assert program.line() == "True 1"

    def begun() -> bool:
        program.say("again")
        return any(counts(seen) for seen in states(home))

    assert eventually(begun)
    program.say("end")
    assert program.wait() == 0
