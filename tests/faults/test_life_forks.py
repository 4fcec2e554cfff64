"""Forks of programs that record, wherever they happen."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from tests.faults.conftest import Page
from tests.programs import Program, eventually

FORK = """
    import os, sys
    import tachograph as tacho
    tacho.configure(service={service!r}, project="forks")
    with tacho.action({service!r} + " before"):
        pass
    pid = os.fork()
    with tacho.action({service!r} + (" parent" if pid else " child")):
        pass
    if pid == 0:
        {leave}
    else:
        os.waitpid(pid, 0)
"""
#: Four threads that record, each with a span open around the fork.
THREADS = """
    import os, threading
    import tachograph as tacho
    tacho.configure(service="threads", project="forks", interval_s=0.1)
    over, ready = threading.Event(), threading.Barrier(5)
    def work():
        with tacho.span("threads around"):
            ready.wait()
            while not over.is_set():
                with tacho.action("threads step"):
                    pass
                steps.append(None)
    steps = []
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads: thread.start()
    ready.wait()
    children = []
    for n in range(20):
        with tacho.action("threads fork"):
            pid = os.fork()
            if pid == 0:
                with tacho.action("threads child"):
                    pass
                done = tacho.flush(5)
                os._exit(0 if done else 1)
        children.append(pid)
    print(*{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children}, flush=True)
    over.set()
    for thread in threads: thread.join()
    print(len(steps), flush=True)
"""


@pytest.mark.parametrize(
    ("name", "leave", "state"),
    [
        ("leaves", "sys.exit(0)", "ended"),
        ("returns", "pass", "ended"),
        ("jumps", "tacho.flush(); os._exit(0)", "killed"),
        ("fails", "raise ValueError('child')", "failed"),
    ],
)
def test_parent_and_child_record(page: Page, name: str, leave: str, state: str) -> None:
    """Two sources, each with its own work and its own end."""
    program = Program(textwrap.dedent(FORK).format(service=name, leave=leave), page.home)
    assert program.wait() == 0
    parent, child = page.ended(name, 2)
    assert (parent["state"], child["state"]) == ("ended", state)
    assert (parent["lost"], child["lost"]) == (0, 0)
    assert page.actions(name) == {f"{name} {who}": 1 for who in ("before", "parent", "child")}


def test_forks_in_the_middle_of_recording_by_many_threads(page: Page) -> None:
    """No deadlock, nothing twice: what the threads did is the parent's, and what a child did its
    own."""
    program = Program(THREADS, page.home, measured=False)
    assert program.line() == "0"
    steps = int(program.line())
    assert program.wait() == 0
    rows = page.ended("threads", 21)
    assert [row["state"] for row in rows].count("ended") == 1
    assert {row["lost"] for row in rows} == {0}
    assert eventually(lambda: page.actions("threads").get("threads step") == steps)
    assert page.actions("threads") == {
        "threads step": steps,
        "threads fork": 20,
        "threads child": 20,
    }


def test_a_daemon_goes_on_as_a_source_of_its_own(page: Page, tmp_path: Path) -> None:
    """Forked twice, with all descriptors closed, and its parents gone: it records, is seen live,
    and ends well."""
    program = Program(
        f"""
        import os, threading
        import tachograph as tacho
        tacho.configure(service="daemon", project="forks", interval_s=0.1)
        with tacho.action("daemon foreground"):
            pass
        if os.fork():
            os.waitpid(-1, 0)
        else:
            os.setsid()
            if os.fork():
                os._exit(0)
            with tacho.action("daemon begins"):
                tacho.flush()
            os.closerange(0, 256)
            for _ in range(3):
                os.open(os.devnull, os.O_RDWR)
            with tacho.action("daemon goes on"):
                pass
            while not os.path.exists({str(tmp_path / "enough")!r}):
                threading.Event().wait(0.05)
        """,
        page.home,
    )
    assert program.wait() == 0
    assert eventually(lambda: page.actions("daemon").get("daemon goes on") == 1)
    assert eventually(lambda: page.states("daemon") == ["ended", "live"])
    (tmp_path / "enough").touch()
    assert [row["state"] for row in page.ended("daemon", 2)] == ["ended", "ended"]
    assert page.actions("daemon") == {
        "daemon foreground": 1,
        "daemon begins": 1,
        "daemon goes on": 1,
    }


def test_children_that_run_another_program_are_no_sources(page: Page) -> None:
    """They count among their parent's processes, however they were started."""
    program = Program(
        """
        import os, subprocess, sys
        import tachograph as tacho
        tacho.configure(service="starts", project="forks", interval_s=0.1)
        sleep = ["/bin/sleep", "100"]
        popen = subprocess.Popen(sleep)
        spawned = os.posix_spawn(sleep[0], sleep, os.environ)
        forked = os.fork()
        if forked == 0:
            os.execv(sleep[0], sleep)
        hooked = subprocess.Popen(sleep, preexec_fn=lambda: None)
        print("ready", flush=True)
        input()
        for pid in (popen.pid, spawned, forked, hooked.pid):
            os.kill(pid, 9)
            os.waitpid(pid, 0)
        popen.returncode = hooked.returncode = 0
        """,
        page.home,
    )
    program.line()

    def processes() -> list[int]:
        return [row.get("process_count", 0) for row in page.rows("starts")]

    assert eventually(lambda: processes() == [5]), processes()
    program.say("")
    assert program.wait() == 0
    assert [row["state"] for row in page.ended("starts")] == ["ended"]


def test_python_warns_of_no_thread_of_ours_and_the_parent_goes_on(page: Page) -> None:
    """Where Python warns of forks beside threads it has no reason to, and after the fork the
    heartbeat comes again without a record."""
    program = Program(
        """
        import os, warnings
        warnings.simplefilter("error")
        import tachograph as tacho
        tacho.configure(service="alone", project="forks", interval_s=0.1)
        for _ in range(10):
            tacho.action("alone").record(0.1)
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            os.waitpid(pid, 0)
        print("forked", flush=True)
        input()
        """,
        page.home,
    )
    program.line()

    def sent() -> int:
        return sum(row["sent"] for row in page.rows("alone"))

    before = sent()
    assert eventually(lambda: sent() > before + 5)
    program.say("")
    assert program.wait() == 0
    assert [row["state"] for row in page.ended("alone")] == ["ended"]
