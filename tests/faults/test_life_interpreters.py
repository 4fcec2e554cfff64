"""Interpreters that are not a script's: a notebook's kernel, and interpreters inside others."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import Page
from tests.programs import counts, eventually, states, without_coverage

#: Everything that can be recorded with.
INSIDE = """
    import tachograph as tacho
    tacho.configure(service="sub")
    with tacho.action("sub", key=1) as action:
        action.fail("nothing")
    @tacho.action
    def function():
        return 1
    @tacho.action("named")
    def other():
        return 2
    assert (function(), other()) == (1, 2)
    tacho.counter("n").add(1)
    tacho.gauge("g").set(1)
    with tacho.timer("t"):
        pass
    tacho.event("e").record(processing_s=0.1)
    tacho.publish("x", {})
    tacho.flush()
    tacho.MetricsCollector().start()
    tacho.shutdown()
"""
SUBINTERPRETER = """
    import importlib, sys
    try:
        interpreters = importlib.import_module("_interpreters")
    except ImportError:
        interpreters = importlib.import_module("_xxsubinterpreters")
    import tachograph as tacho
    tacho.configure(service="main", project="faults")
    tacho.action("main").record(0.1)
    one = interpreters.create()
    code = INSIDE
    error = interpreters.run_string(one, f"import sys; sys.path[:] = {sys.path!r}\\n" + code)
    assert not error, error
    interpreters.destroy(one)
    tacho.action("main").record(0.1)
"""


def test_subinterpreters_are_refused_in_a_sentence(home: Path) -> None:
    """Nothing is recorded there and nothing raised; the main interpreter goes on."""
    program = textwrap.dedent(SUBINTERPRETER)
    done = subprocess.run(
        [sys.executable, "-c", program.replace("INSIDE", repr(textwrap.dedent(INSIDE)))],
        # Coverage has something to say about a subinterpreter, too.
        env=without_coverage() | {"TACHOGRAPH_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    (warning,) = done.stderr.splitlines()
    assert "nothing is recorded in a subinterpreter" in warning
    (state,) = states(home)
    assert (state.source.service, state.state) == ("main", "ended")
    assert counts(state) == {"main": 2}


class Kernel:
    """A notebook's kernel, spoken to as Jupyter does."""

    def __init__(self, page: Page, **environ: str) -> None:
        from jupyter_client.manager import KernelManager

        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(
            env={**os.environ, "TACHOGRAPH_HOME": str(page.home), **environ},
            extra_arguments=["--Application.log_level=50"],
        )
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, code: str) -> Any:
        """Run a cell; how it ended: "ok" or "error"."""
        return self.client.execute_interactive(
            textwrap.dedent(code), timeout=60, output_hook=lambda _: None
        )["content"]["status"]

    def restart(self) -> None:
        """A new kernel, the old one is killed."""
        self.manager.restart_kernel(now=True)
        self.client.wait_for_ready(timeout=60)

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel()
        self.manager.cleanup_resources()


CELL = """
    import tachograph as tacho
    with tacho.action("cell"):
        pass
    _ = tacho.flush()
"""


@pytest.mark.filterwarnings("default")  # of the client's own
def test_a_notebook(page: Page) -> None:
    """It is called by its notebook's name; a cell that fails or is interrupted is no end of the
    process, a restart is one, and the kernel's shutdown another."""
    with Kernel(page, JPY_SESSION_NAME="/home/me/Sales report.ipynb") as kernel:
        assert kernel.run(CELL) == "ok"
        assert eventually(lambda: page.states("Sales report") == ["live"])
        assert kernel.run("1 / 0") == "error"
        message = kernel.client.execute(
            "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nwhile True: pass"
        )
        reply = kernel.client.get_shell_msg(timeout=60)
        while reply["parent_header"].get("msg_id") != message:
            reply = kernel.client.get_shell_msg(timeout=60)
        assert reply["content"]["ename"] == "KeyboardInterrupt"
        assert kernel.run(CELL) == "ok"
        assert page.states("Sales report") == ["live"]
        kernel.restart()
        assert eventually(lambda: page.states("Sales report") == ["killed"])
        assert kernel.run(CELL) == "ok"
    rows = page.ended("Sales report", 2)
    assert [row["state"] for row in rows] == ["killed", "ended"]
    assert page.actions("Sales report") == {"cell": 3}


@pytest.mark.filterwarnings("default")
def test_a_notebook_without_a_name(page: Page) -> None:
    """Where nobody says which notebook it is, its service is jupyter."""
    with Kernel(page, JPY_SESSION_NAME="") as kernel:
        assert kernel.run(CELL) == "ok"
    assert [row["state"] for row in page.ended("jupyter")] == ["ended"]
