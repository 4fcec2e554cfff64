"""`tacho` in a process of its own, as a user starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

#: Packages of the extras, none of which the base installation has.
EXTRAS = (
    "fastapi starlette uvicorn uvloop websockets httpx2 watchfiles rich prometheus_client "
    "opentelemetry itsdangerous simpleeval"
).split()
#: Runs the command where none of them can be imported.
BASE = f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {EXTRAS!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
from tachograph.cli import main
sys.exit(main(sys.argv[1:]))
"""

Ended = subprocess.CompletedProcess[str]


def tacho(
    *words: str, home: Path, environ: Mapping[str, str] | None = None, base: bool = False
) -> Ended:
    """Run it to its end. `base`: on the base installation."""
    start = ["-c", BASE] if base else ["-m", "tachograph"]
    return subprocess.run(
        [sys.executable, "-W", "error", *start, *words],
        env={**os.environ, "TACHOGRAPH_HOME": str(home), **(environ or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def refused(ended: Ended) -> str:
    """The one sentence that it ended with, and nothing but it."""
    assert (ended.returncode, ended.stdout) == (2, "")
    lines = ended.stderr.splitlines()
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("tacho: ")
    return lines[0].removeprefix("tacho: ")
