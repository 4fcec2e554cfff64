"""`tacho run -- COMMAND`: any program, no change to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tachograph.core.live import Live
from tachograph.core.source import SourceState
from tests.programs import counts, eventually, states

PYTHON = sys.executable


def tacho_run(
    home: Path, *command: str, options: tuple[str, ...] = (), **kwargs: object
) -> subprocess.CompletedProcess[str]:
    """Run a command under `tacho run` until it ends."""
    return subprocess.run(
        [PYTHON, "-m", "tachograph", "run", *options, "--", *command],
        env={**os.environ, "TACHOGRAPH_HOME": str(home)},
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
        **kwargs,  # type: ignore[call-overload]
    )


def python(code: str) -> tuple[str, ...]:
    """A Python program as a command."""
    return PYTHON, "-c", textwrap.dedent(code)


def gauge(state: SourceState, name: str) -> float | None:
    """A gauge's last value, by its name."""
    named = [n for n, d in state.definitions.items() if d.name == name]
    return state.gauges[named[0]] if named else None


def test_any_command_with_its_streams_and_its_exit_code(home: Path) -> None:
    """What goes in and out is the program's own; its end is told exactly."""
    done = tacho_run(home, "sh", "-c", "cat; echo err >&2; exit 3", input="in\n")
    assert (done.returncode, done.stdout, done.stderr) == (3, "in\n", "err\n")
    (state,) = states(home)
    assert (state.source.service, state.state, state.exit_code) == ("sh", "failed", 3)
    assert state.reason == "exit 3"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("", ("ended", "exit 0", 0, "")),
        ("import sys; sys.exit(5)", ("failed", "exit 5", 5, "")),
        ("import os; os._exit(4)", ("failed", "exit 4", 4, "")),
        ("1 / 0", ("failed", "exit 1, ZeroDivisionError: division by zero", 1, "")),
        ("import os; os.kill(os.getpid(), 9)", ("killed", "SIGKILL", None, "SIGKILL")),
        ("import os; os.kill(os.getpid(), 15)", ("terminated", "SIGTERM", None, "SIGTERM")),
        ("import os; os.abort()", ("killed", "SIGABRT", None, "SIGABRT")),
    ],
)
def test_ends_of_a_python_program(
    home: Path, code: str, expected: tuple[str, str, int | None, str]
) -> None:
    """Exit status and signal as the parent sees them; 128 + n for a signal."""
    done = tacho_run(home, *python(code))
    (state,) = states(home)
    assert (state.state, state.reason, state.exit_code, state.signal) == expected
    number = getattr(signal, expected[3], 0)
    assert done.returncode == (128 + number if number else expected[2])


def test_the_uncaught_exception_and_the_last_lines_are_there(home: Path) -> None:
    """Traceback and standard error, which is printed as ever."""
    done = tacho_run(
        home,
        *python(
            """
            import logging, sys
            logging.warning("one line")
            print("two", "words", file=sys.stderr)
            raise RuntimeError("broken")
            """
        ),
    )
    (state,) = states(home)
    assert "RuntimeError: broken" in state.error
    assert state.error.startswith("Traceback")
    texts = [line.text for line in state.lines]
    assert texts[:2] == ["WARNING:root:one line", "two words"]
    assert done.stderr.splitlines()[:2] == texts[:2]
    assert "RuntimeError: broken" in done.stderr


def test_the_current_stack_once_a_second(home: Path) -> None:
    """While the program waits somewhere, that place is known."""
    process = subprocess.Popen(
        [
            *(PYTHON, "-m", "tachograph", "run", "--service", "waiter", "--project", "p", "--"),
            *python(
                """
                def wait_for_input():
                    input()
                wait_for_input()
                """
            ),
        ],
        env={**os.environ, "TACHOGRAPH_HOME": str(home)},
        stdin=subprocess.PIPE,
    )

    def calls() -> list[str]:
        found = states(home)
        return found[0].stack.calls if found and found[0].stack is not None else []

    assert eventually(calls)
    assert [call.split()[-1] for call in calls()] == ["<module>", "wait_for_input"]
    (state,) = states(home)
    assert (state.source.service, state.source.project, state.state) == ("waiter", "p", "live")
    assert (gauge(state, "system.memory_mb") or 0) > 1
    process.communicate(b"\n", timeout=30)
    assert process.returncode == 0


def test_children_of_the_program_see_nothing_of_it(home: Path, tmp_path: Path) -> None:
    """Environment and path are as without it, and the user's own sitecustomize is loaded."""
    (tmp_path / "sitecustomize.py").write_text("import builtins; builtins.customized = True\n")
    code = """
        import os, subprocess, sys
        print(customized, os.environ.get("PYTHONPATH"), "TACHOGRAPH_TELLTALE" in os.environ)
        print(any("telltale" in entry for entry in sys.path), flush=True)
        code = "import os, sys; print('telltale' in str(sys.path), customized)"
        subprocess.run([sys.executable, "-c", code])
    """
    environ = {**os.environ, "TACHOGRAPH_HOME": str(home), "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [PYTHON, "-m", "tachograph", "run", "--", *python(code)],
        env=environ,
        text=True,
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines() == [f"True {tmp_path} False", "False", "False True"]


def test_a_program_that_forks_tells_its_own_only(home: Path) -> None:
    """The child of a fork says nothing in its parent's name, and no warning comes of it."""
    done = tacho_run(
        home,
        *(PYTHON, "-W", "error"),
        *python(
            """
            import os, sys
            pid = os.fork()
            print("child" if pid == 0 else "parent", file=sys.stderr)
            if pid == 0:
                os._exit(0)
            os.waitpid(pid, 0)
            """
        )[1:],
    )
    assert done.returncode == 0
    (state,) = states(home)
    assert [line.text for line in state.lines] == ["parent"]


def test_a_program_with_the_sdk_is_counted_once_and_its_death_is_witnessed(home: Path) -> None:
    """Both are sources; the pid's figures come from one, the cause of death from the other."""
    code = """
        import os
        import tachograph as tacho
        tacho.configure(service="inner", interval_s=0.05)
        tacho.action("step").record(0.1)
        tacho.flush()
        print("ready", flush=True)
        input()
        os.kill(os.getpid(), 9)
    """
    process = subprocess.Popen(
        [PYTHON, "-m", "tachograph", "run", "--service", "outer", "--", *python(code)],
        env={**os.environ, "TACHOGRAPH_HOME": str(home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"

    def found() -> dict[str, SourceState]:
        return {state.source.service: state for state in states(home)}

    def once() -> bool:
        both = found()
        if set(both) != {"inner", "outer"}:
            return False
        memory = {name: gauge(state, "system.memory_mb") for name, state in both.items()}
        return memory["outer"] is None and (memory["inner"] or 0) > 1

    assert eventually(once)
    process.communicate(b"\n", timeout=30)
    assert process.returncode == 128 + 9
    both = found()
    assert both["inner"].source.parent == both["outer"].source.id
    assert counts(both["inner"]) == {"step": 1}
    live = Live()
    for state in both.values():
        live.put(state)
    row = live.source_row(both["inner"])
    assert (row["state"], row["reason"], row["signal"]) == ("killed", "SIGKILL", "SIGKILL")


def test_signals_are_passed_on(home: Path) -> None:
    """SIGTERM to `tacho run` ends the program, not only its watcher."""
    process = subprocess.Popen(
        [
            *(PYTHON, "-m", "tachograph", "run", "--"),
            *python(
                """
                import signal, sys
                signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))
                print("ready", flush=True)
                signal.pause()
                """
            ),
        ],
        env={**os.environ, "TACHOGRAPH_HOME": str(home)},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    assert eventually(lambda: states(home))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 9


def test_wrong_use(home: Path) -> None:
    """One sentence, exit code 2."""
    missing = tacho_run(home, "no-such-program")
    assert (missing.returncode, len(missing.stderr.splitlines())) == (2, 1)
    assert "no-such-program can't be started" in missing.stderr
    empty = subprocess.run(
        [PYTHON, "-m", "tachograph", "run"], text=True, capture_output=True, check=False
    )
    assert (empty.returncode, "needs a command" in empty.stderr) == (2, True)


def test_disabled_it_is_the_program_itself(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TACHOGRAPH_DISABLED=1: no watcher, no journal."""
    monkeypatch.setenv("TACHOGRAPH_DISABLED", "1")
    done = tacho_run(home, "sh", "-c", "echo out; exit 6")
    assert (done.returncode, done.stdout) == (6, "out\n")
    assert not home.exists()


def test_a_home_that_cannot_be_written_hurts_nobody(tmp_path: Path) -> None:
    """The program runs as ever; one warning."""
    (tmp_path / "file").write_text("")
    done = tacho_run(tmp_path / "file" / "home", "sh", "-c", "echo out; exit 6")
    assert (done.returncode, done.stdout) == (6, "out\n")
    assert done.stderr.count("the program goes on") == 1
