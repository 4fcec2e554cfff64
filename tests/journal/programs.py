"""Other processes: a Python program that a test talks to through its pipes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

PREAMBLE = """
import os, signal, subprocess, sys
from pathlib import Path
from tachograph.errors import JournalError
from tachograph.journal.file import FileJournal
from tests.journal.logs import append, checkpoint, start, tick
root = Path(sys.argv[1])

def say(*words):
    print(*words, flush=True)

def wait():
    sys.stdin.readline()
"""


class Program:
    """A running program."""

    def __init__(self, code: str, root: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PREAMBLE + code, str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert self.process.stdin
        assert self.process.stdout
        self.stdin: IO[bytes] = self.process.stdin
        self.stdout: IO[bytes] = self.process.stdout

    def line(self) -> str:
        """The next line that it says."""
        line = self.stdout.readline()
        assert line, f"the program ended with {self.process.wait()}"
        return line.decode().rstrip("\n")

    def go_on(self) -> None:
        """Let it pass its next `wait()`."""
        self.stdin.write(b"\n")
        self.stdin.flush()

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.process.kill()
        self.process.wait()


@contextmanager
def running(code: str, root: Path) -> Iterator[Program]:
    """Run `code` behind the preamble; what still runs at the end is killed."""
    program = Program(code, root)
    try:
        yield program
    finally:
        program.kill()
        program.stdin.close()
        program.stdout.close()


def answer(code: str, root: Path, under: Sequence[str] = ()) -> str:
    """All that the code says, run to its end; `under` is a command that runs it."""
    done = subprocess.run(
        [*under, sys.executable, "-c", PREAMBLE + code, str(root)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        check=True,
        text=True,
    )
    return done.stdout.strip()
