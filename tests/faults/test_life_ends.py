"""Every end of a process, as the page shows it."""

from __future__ import annotations

import signal
import textwrap

import pytest

from tests.faults.conftest import Page
from tests.programs import Program, eventually

BEGIN = """
    import ctypes, os, resource, signal, sys
    import tachograph as tacho
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    tacho.configure(service={service!r}, project="ends")
    with tacho.action({service!r}):
        pass
"""
OWN_HANDLER = """
def leave(*_):
    sys.exit(7)
signal.signal(signal.SIGTERM, leave)
os.kill(os.getpid(), signal.SIGTERM)
"""
PASSED_ON = """
def leave(number, _):
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
signal.signal(signal.SIGTERM, leave)
os.kill(os.getpid(), signal.SIGTERM)
"""
NO_GOODBYE = "no goodbye: killed or os._exit"


def started(page: Page, service: str, code: str) -> Program:
    """A program that has recorded one action of its service's name."""
    return Program(
        textwrap.dedent(BEGIN.format(service=service)) + textwrap.dedent(code), page.home
    )


@pytest.mark.parametrize(
    ("name", "code", "exit_code", "state", "reason"),
    [
        ("returns", "", 0, "ended", None),
        ("exit-0", "sys.exit(0)", 0, "ended", None),
        ("exit-3", "sys.exit(3)", 3, "ended", None),
        ("uncaught", "raise ValueError('broken')", 1, "failed", "ValueError: broken"),
        ("interrupt", "raise KeyboardInterrupt", -2, "terminated", "SIGINT"),
        ("exit-now", "tacho.flush(); os._exit(0)", 0, "killed", NO_GOODBYE),
        ("abort", "tacho.flush(); os.abort()", -6, "killed", NO_GOODBYE),
        ("segfault", "tacho.flush(); ctypes.string_at(0)", -11, "killed", NO_GOODBYE),
        ("own-handler", OWN_HANDLER, 7, "ended", None),
        ("passed-on", PASSED_ON, -15, "terminated", "SIGTERM"),
        ("exec", "os.execvp('true', ['true'])", 0, "ended", "exec /usr/bin/true"),
        ("exec-fails", "os.execv('/nowhere', ['no'])", 1, "failed", "FileNotFoundError: "),
    ],
)
def test_by_its_own_hand(
    page: Page, name: str, code: str, exit_code: int, state: str, reason: str | None
) -> None:
    """Each way to leave is told apart, all that was recorded counts, and nothing stays live."""
    program = started(page, name, code)
    assert program.wait() == exit_code
    (row,) = page.ended(name)
    assert (row["state"], row["lost"]) == (state, 0)
    if name == "exec":
        assert row["reason"].startswith("exec ")
        assert row["reason"].endswith("/true")
    elif reason and reason.endswith(": "):
        assert row["reason"].startswith(reason)
    else:
        assert row.get("reason") == reason
    assert page.actions(name) == {name: 1}


@pytest.mark.parametrize(
    ("number", "state", "reason"),
    [
        (signal.SIGTERM, "terminated", "SIGTERM"),
        (signal.SIGHUP, "terminated", "SIGHUP"),
        (signal.SIGINT, "terminated", "SIGINT"),
        (signal.SIGKILL, "killed", NO_GOODBYE),
        (signal.SIGQUIT, "killed", NO_GOODBYE),
    ],
)
def test_by_a_signal_of_others(page: Page, number: signal.Signals, state: str, reason: str) -> None:
    """It dies by that signal as it would without a recorder, and the page says so."""
    program = started(page, number.name, "tacho.flush(); print(1, flush=True); input()")
    program.line()
    assert eventually(lambda: page.states(number.name) == ["live"])
    program.process.send_signal(number)
    assert program.wait() == -number
    (row,) = page.ended(number.name)
    assert (row["state"], row["reason"]) == (state, reason)
    assert page.actions(number.name) == {number.name: 1}


@pytest.mark.parametrize("ignored", ["SIGHUP", "SIGTERM"])
def test_an_ignored_signal_stays_ignored(page: Page, ignored: str) -> None:
    """Under nohup a program survives its terminal, recorded or not."""
    service = f"ignores-{ignored}"
    program = Program(
        f"""
        import os, signal
        signal.signal(signal.{ignored}, signal.SIG_IGN)
        import tachograph as tacho
        tacho.configure(service={service!r})
        os.kill(os.getpid(), signal.{ignored})
        tacho.action({service!r}).record(0.1)
        """,
        page.home,
    )
    assert program.wait() == 0
    assert [row["state"] for row in page.ended(service)] == ["ended"]
    assert page.actions(service) == {service: 1}


def test_a_signal_in_the_middle_of_a_frame(page: Page) -> None:
    """Between a frame's write and the count of it: the frame comes to its end first, then the
    goodbye is said, and the program dies by the signal."""
    code = """
    write = os.write
    def interrupted(fd, data):
        written = write(fd, data)
        os.kill(os.getpid(), signal.SIGTERM)
        return written
    tacho.flush()
    os.write = interrupted
    tacho.action("middle").record(0.1)
    tacho.flush()
    print("not reached")
    """
    program = started(page, "middle", code)
    assert program.wait() == -signal.SIGTERM
    (row,) = page.ended("middle")
    assert (row["state"], row["lost"]) == ("terminated", 0)
    assert row["sent"] == row["received"]
    assert page.actions("middle") == {"middle": 2}


def test_programs_that_flush_without_a_pause(page: Page) -> None:
    """Whenever the signal comes, they die by it, and each says goodbye."""
    flush = (
        "print(1, flush=True)\nwhile True:\n    tacho.action('flush').record(0.1); tacho.flush()"
    )
    programs = [started(page, "flushes", flush) for _ in range(4)]
    for program in programs:
        program.line()
        program.process.send_signal(signal.SIGTERM)
    assert [program.wait() for program in programs] == [-signal.SIGTERM] * 4
    rows = page.ended("flushes", 4)
    assert [(row["state"], row["lost"]) for row in rows] == [("terminated", 0)] * 4


def test_a_first_record_on_another_thread(page: Page) -> None:
    """It records; SIGTERM is not heard there, because only a main thread may listen."""
    program = Program(
        """
        import signal, threading
        import tachograph as tacho
        def work():
            tacho.configure(service="aside")
            tacho.action("aside").record(0.1)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        tacho.flush()
        print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, flush=True)
        input()
        """,
        page.home,
    )
    assert program.line() == "True"
    program.process.send_signal(signal.SIGTERM)
    assert program.wait() == -15
    assert [row["state"] for row in page.ended("aside")] == ["killed"]
    assert page.actions("aside") == {"aside": 1}
