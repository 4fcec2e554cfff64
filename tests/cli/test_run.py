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


def started(home: Path, code: str, **kwargs: object) -> subprocess.Popen[str]:
    """`tacho run` of a Python program that has printed a line, which is read already."""
    process = subprocess.Popen(
        [PYTHON, "-m", "tachograph", "run", "--service", "job", "--", *python(code)],
        env={**os.environ, "TACHOGRAPH_HOME": str(home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **kwargs,  # type: ignore[call-overload]
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_before_the_recorder_is_there(home: Path, number: signal.Signals) -> None:
    """However early it comes, and with no terminal that would send it: it is the program's."""
    code = "import signal; print(1, flush=True); signal.pause()"
    process = started(home, code, start_new_session=True)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == 128 + number
    (state,) = states(home)
    expected = "killed" if number == signal.SIGUSR1 else "terminated"
    assert (state.state, state.reason) == (expected, number.name)


def test_nohup_holds_for_the_program_too(home: Path) -> None:
    """What `tacho run` was started to ignore, the program ignores."""
    code = """
        import signal
        print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN, flush=True)
        input()
    """
    ignore = "import signal, os, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); "
    process = subprocess.Popen(
        [
            *(PYTHON, "-c", ignore + "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"),
            *("-m", "tachograph", "run", "--", *python(code)),
        ],
        env={**os.environ, "TACHOGRAPH_HOME": str(home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    process.send_signal(signal.SIGHUP)
    process.communicate("\n", timeout=30)
    assert process.returncode == 0


def test_the_death_of_tacho_run_itself(home: Path) -> None:
    """SIGKILL takes the watcher, not the program; what is shown doesn't claim more."""
    process = started(home, "import os; print(os.getpid(), flush=True); print(input(), flush=True)")
    assert eventually(lambda: [state.state for state in states(home)] == ["live"])
    process.kill()
    process.wait(30)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("still there\n")
    process.stdin.close()
    assert process.stdout.read() == "still there\n"
    process.stdout.close()
    (state,) = states(home)
    assert (state.state, state.reason) == (
        "killed",
        "tacho run was killed, the program perhaps not",
    )


def test_one_inside_the_other(home: Path) -> None:
    """Both record, the inner one as the outer one's child, and the exit code comes through."""
    inner = (PYTHON, "-m", "tachograph", "run", "--service", "inner", "--", *python("exit(5)"))
    done = tacho_run(home, *inner, options=("--service", "outer"))
    assert done.returncode == 5
    found = {state.source.service: state for state in states(home)}
    assert {name: state.reason for name, state in found.items()} == {
        "inner": "exit 5",
        "outer": "exit 5",
    }


def test_what_it_inherits_the_program_inherits(home: Path, tmp_path: Path) -> None:
    """Descriptors beyond the standard ones, as of a shell's `3<file`; and none of ours is added
    but the one that it speaks through, which its own children don't get."""
    (tmp_path / "three").write_text("from three")
    code = """
        import os, subprocess, sys
        print(os.read(int(sys.argv[1]), 100).decode(), flush=True)
        subprocess.run(["ls", "/proc/self/fd"], close_fds=False)
    """
    with open(tmp_path / "three") as three:
        done = tacho_run(home, *python(code), str(three.fileno()), pass_fds=[three.fileno()])
    first, *descriptors = done.stdout.split("\n")
    assert first == "from three"
    # The three standard ones, the file, and what `ls` itself has opened.
    assert len([one for one in descriptors if one]) == 5


HOSTILE = {
    "closes everything": """
        os.closerange(3, 256)
        own = [os.open(f"{home}/own-{n}", os.O_RDWR | os.O_CREAT) for n in range(10)]
        print("a line", file=sys.stderr)
        sys.excepthook(ValueError, ValueError("told to nobody"), None)
        assert [os.fstat(fd).st_size for fd in own] == [0] * 10
    """,
    "replaces stderr": """
        import gc, io
        sys.stderr = io.StringIO()
        print("kept", file=sys.stderr)
        gc.collect()
        sys.stderr = sys.__stderr__
        print("shown", file=sys.stderr)
    """,
    "has none": "sys.stderr = None; os.close(2)",
    "is binary": """
        sys.stderr.buffer.write(bytes(range(256)) * 100)
        sys.stderr.flush()
        os.write(2, bytes(range(256)))
    """,
    "is very chatty": """
        for n in range(100_000):
            print("line", n, file=sys.stderr)
    """,
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_a_program_that_does_as_it_likes(home: Path, tmp_path: Path, name: str) -> None:
    """Whatever it does with its descriptors and its standard error: it ends as ever, its files
    are its own, and so is what it wrote."""
    code = "import os, sys\nhome = sys.argv[1]\n" + textwrap.dedent(HOSTILE[name]) + "\nexit(3)"
    command = [PYTHON, "-c", code, str(tmp_path)]
    plain = subprocess.run(command, capture_output=True, timeout=60, check=False)
    done = subprocess.run(
        [PYTHON, "-m", "tachograph", "run", "--", *command],
        env={**os.environ, "TACHOGRAPH_HOME": str(home)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (plain.returncode, done.returncode) == (3, 3), done.stderr
    assert (done.stdout, done.stderr) == (plain.stdout, plain.stderr)
    (state,) = states(home)
    assert (state.state, state.reason.split(",")[0]) == ("failed", "exit 3")
    if name == "is very chatty":
        assert len(state.lines) == 50
        assert state.sampled["lines of stderr"] > 90_000


def test_a_script_without_a_first_line(home: Path, tmp_path: Path) -> None:
    """A shell runs it as any shell would."""
    script = tmp_path / "script"
    script.write_text("echo from the shell\nexit 4\n")
    script.chmod(0o700)
    done = tacho_run(home, str(script))
    assert (done.returncode, done.stdout) == (4, "from the shell\n")


def test_disabled_a_missing_command_is_one_sentence(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a recorder: exit code 2, because the program never ran."""
    monkeypatch.setenv("TACHOGRAPH_DISABLED", "1")
    done = tacho_run(home, "no-such-program")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "no-such-program can't be started" in done.stderr
