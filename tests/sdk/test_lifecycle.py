"""The ends of a process, and its forks, as a reader of the journal sees them."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.programs import Program, counts, eventually, states

RECORD = """
    import os, signal, sys
    import tachograph as tacho
    tacho.configure(service="job", project="ends")
    with tacho.action("step"):
        pass
"""


@pytest.mark.parametrize(
    ("code", "state", "reason", "exit_code"),
    [
        ("", "ended", "", 0),
        ("sys.exit(3)", "ended", "", 3),
        ("raise ValueError('broken')", "failed", "ValueError: broken", 1),
        ("os.kill(os.getpid(), signal.SIGTERM); signal.pause()", "terminated", "SIGTERM", -15),
        ("tacho.flush(); os._exit(0)", "killed", "no goodbye: killed or os._exit", 0),
    ],
)
def test_ends(home: Path, code: str, state: str, reason: str, exit_code: int) -> None:
    """Every end is told apart, and its own exit code is what it was."""
    program = Program(RECORD + "    " + code, home)
    assert program.wait() == exit_code
    (seen,) = states(home)
    assert (seen.state, seen.reason) == (state, reason)
    assert counts(seen) == {"step": 1}
    assert seen.source.service == "job"


def test_a_handler_of_the_program_is_left_alone(home: Path) -> None:
    """A program with its own SIGTERM handler keeps it."""
    program = Program(
        """
        import signal, sys
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
        import tachograph as tacho
        tacho.configure(service="job")
        tacho.action("step").record(0.1)
        print("ready", flush=True)
        signal.pause()
        """,
        home,
    )
    program.line()
    program.process.send_signal(signal.SIGTERM)
    assert program.wait() == 7
    (seen,) = states(home)
    assert seen.state == "ended"


def test_a_fork_is_a_new_source(home: Path) -> None:
    """Parent and child each report their own work; what was open at the fork counts once."""
    program = Program(
        """
        import os
        import tachograph as tacho
        tacho.configure(service="forks", project="ends")
        with tacho.action("before"):
            pass
        with tacho.action("around"):
            pid = os.fork()
            if pid == 0:
                with tacho.action("child"):
                    pass
        if pid == 0:
            tacho.shutdown()
            os._exit(0)
        os.waitpid(pid, 0)
        with tacho.action("after"):
            pass
        """,
        home,
    )
    assert program.wait() == 0
    parent, child = states(home)
    assert counts(parent) == {"before": 1, "around": 1, "after": 1}
    assert counts(child) == {"child": 1}
    assert child.source.parent == parent.source.id
    assert (parent.state, child.state) == ("ended", "ended")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_workers_say_goodbye(home: Path, tmp_path: Path, method: str) -> None:
    """Workers leave by os._exit, and yet they end well and lose nothing."""
    module = tmp_path / "workers.py"
    module.write_text(
        "import multiprocessing, sys\n"
        "import tachograph as tacho\n"
        "def work(n):\n"
        "    for _ in range(n):\n"
        "        with tacho.action('item'):\n"
        "            pass\n"
        "if __name__ == '__main__':\n"
        "    tacho.configure(service='pool', project='ends')\n"
        "    tacho.action('main').record(0.1)\n"
        "    context = multiprocessing.get_context(sys.argv[1])\n"
        "    workers = [context.Process(target=work, args=(100,)) for _ in range(3)]\n"
        "    for worker in workers: worker.start()\n"
        "    for worker in workers: worker.join()\n"
    )
    program = Program(
        f"""
        import os, sys
        os.execv(sys.executable, [sys.executable, {str(module)!r}, {method!r}])
        """,
        home,
    )
    assert program.wait() == 0
    found = [state for state in states(home) if "item" in counts(state)]
    assert [counts(state)["item"] for state in found] == [100, 100, 100]
    assert {state.state for state in found} == {"ended"}
    assert all(state.lost_total == 0 for state in found)


def test_children_that_record_are_counted_by_themselves(home: Path) -> None:
    """A source leaves out the descendants that are sources; each pid counts once."""
    program = Program(
        """
        import os, subprocess, sys
        import tachograph as tacho
        tacho.configure(service="parent", interval_s=0.05)
        wait = "print(1, flush=True); input()"
        code = "import tachograph as t; t.configure(service='child', interval_s=0.05);" + wait

        def start(code):
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            child = subprocess.Popen([sys.executable, "-c", code], **pipes)
            child.stdout.readline()
            return child

        recording, silent = start(code), start(wait)
        print("ready", flush=True)
        input()
        recording.communicate(b"\\n"); silent.communicate(b"\\n")
        """,
        home,
    )
    program.line()

    def processes() -> dict[str, float | None]:
        return {
            state.source.service: next(
                (
                    state.gauges.get(n)
                    for n, d in state.definitions.items()
                    if d.name == "system.process_count"
                ),
                None,
            )
            for state in states(home)
        }

    assert eventually(lambda: processes() == {"parent": 2.0, "child": 1.0}), processes()
    program.say("")
    assert program.wait() == 0
