"""Real programs in processes of their own, for tests of what a process does to others."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event
from time import monotonic
from typing import IO, TypeVar

from tachograph.cli.sources import read
from tachograph.core.source import SourceState
from tachograph.journal.file import FileJournal

Value = TypeVar("Value")


class Program:
    """A Python program that was started and speaks line by line."""

    def __init__(
        self,
        code: str,
        home: Path,
        environ: Mapping[str, str] | None = None,
        *,
        measured: bool = True,
    ) -> None:
        # Coverage has a lock of its own that a fork beside busy threads may inherit.
        inherited = dict(os.environ) if measured else without_coverage()
        # The child's errors are this process's, so that a failing test shows them.
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)],
            env={**inherited, "TACHOGRAPH_HOME": str(home), **(environ or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def line(self) -> str:
        """The next line that it prints."""
        line = _open(self.process.stdout).readline()
        assert line, f"the program ended with {self.process.wait()}"
        return line.strip()

    def say(self, text: str) -> None:
        """Write a line to its standard input."""
        stdin = _open(self.process.stdin)
        stdin.write(text + "\n")
        stdin.flush()

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.process.kill()
        self.wait()

    def wait(self) -> int:
        """Wait for its end; its exit code."""
        with suppress(BrokenPipeError):
            _open(self.process.stdin).close()
        code = self.process.wait(30)
        _open(self.process.stdout).close()
        return code

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def without_coverage() -> dict[str, str]:
    """The environment for a program that is not to be measured."""
    return {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_PROCESS")}


def _open(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def eventually(look: Callable[[], Value], timeout_s: float = 20.0) -> Value:
    """What `look` gives as soon as it gives something; the last answer when time is up."""
    deadline, pause = monotonic() + timeout_s, Event()
    while not (value := look()) and monotonic() < deadline:
        pause.wait(0.02)
    return value


def states(home: Path) -> list[SourceState]:
    """What the journal in a home says of every source, oldest first."""
    journal = FileJournal(home / "journal")
    found = [read(journal, id) for id in journal.sources()]
    return sorted((s for s in found if s is not None), key=lambda one: one.source.started_ns)


def counts(state: SourceState, span: str = "action") -> dict[str, int]:
    """Calls by name of one source's timers."""
    return {
        state.definitions[n].name: timer.count
        for n, timer in state.timers.items()
        if state.definitions[n].span == span
    }
