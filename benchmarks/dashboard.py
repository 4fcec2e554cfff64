"""A `tacho dashboard` in a process of its own: where it listens and what it takes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import psutil


class Usage(NamedTuple):
    """What a process has taken: CPU seconds since its start, and resident memory now."""

    at_s: float
    cpu_s: float
    rss_bytes: int

    def share(self, before: Usage) -> float:
        """Percent of a core since `before`."""
        return 100 * (self.cpu_s - before.cpu_s) / (self.at_s - before.at_s)


class Dashboard(NamedTuple):
    """A server that listens on loopback and asks for no token."""

    url: str
    home: Path
    process: psutil.Process

    def live(self, topics: str, rate: float) -> str:
        """Where a WebSocket client connects."""
        return f"{self.url.replace('http', 'ws', 1)}ws?topics={topics}&rate={rate:g}"

    def usage(self) -> Usage:
        """What it has taken until now."""
        cpu = self.process.cpu_times()
        return Usage(time.monotonic(), cpu.user + cpu.system, self.process.memory_info().rss)


@contextmanager
def dashboard() -> Iterator[Dashboard]:
    """A server with an empty home of its own. It ends, and the home goes, with the block."""
    with TemporaryDirectory(prefix="home-") as directory:
        command = "-m tachograph dashboard --no-open --port 0 --token none".split()
        server = subprocess.Popen(
            [sys.executable, *command],
            env=environment(Path(directory)),
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            if not url.startswith("http://"):
                raise RuntimeError(f"tacho dashboard did not start, exit {server.wait()}")
            yield Dashboard(url, Path(directory), psutil.Process(server.pid))
        finally:
            ended(server)


def environment(home: Path) -> dict[str, str]:
    """The environment of a program that records into this home."""
    return {**os.environ, "TACHOGRAPH_HOME": str(home)}


def ended(process: subprocess.Popen[str]) -> None:
    """Ask a process to end, make it end, and wait until it has."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
