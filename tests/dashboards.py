"""A real `tacho dashboard` in a process of its own, asked over HTTP."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx2


class Dashboard:
    """Started on a free port of loopback; `url` is what it printed."""

    def __init__(self, home: Path, *options: str) -> None:
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tachograph", "dashboard"),
                *("--no-open", "--port", "0", *options),
            ],
            env={**os.environ, "TACHOGRAPH_HOME": str(home)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        first = self.process.stdout.readline().strip()
        assert first.startswith("http://"), first or self.process.wait()
        self.launch_url = first
        self.url, _, token = first.partition("/?token=")
        self.client = httpx2.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=10
        )

    def get(self, path: str) -> Any:
        """The JSON at a path, None when the server is not there (yet, or any more)."""
        try:
            return self.client.get(path).raise_for_status().json()
        except httpx2.HTTPError:
            return None

    def topic(self, name: str) -> dict[str, Any]:
        """A topic's value."""
        answer = self.get(f"/api/topics/{name}")
        return answer["value"] if answer else {}

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """As Ctrl-C; the exit code."""
        return self._end(signal.SIGINT)

    def _end(self, number: int) -> int:
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(number)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(30)

    def __enter__(self) -> Dashboard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, t: TracebackType | None
    ) -> None:
        self.kill()
