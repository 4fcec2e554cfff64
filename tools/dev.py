"""The server, and vite's dev server beside it, until Ctrl-C: `make dev`.

Open vite's address: it serves web/src and hands everything else on to the server.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

BIN = Path(sys.executable).parent
HERE = Path(__file__).resolve().parent


def until_one_ends(commands: Sequence[Sequence[object]]) -> int:
    """Run commands side by side; when one ends, end the others too, and give its exit code.

    Each gets a process group, so that what npm started ends with npm.
    """
    running = [
        subprocess.Popen([str(part) for part in command], start_new_session=True)
        for command in commands
    ]
    try:
        while True:
            for process in running:
                try:
                    return process.wait(0.2)
                except subprocess.TimeoutExpired:
                    continue
    except KeyboardInterrupt:
        return 0
    finally:
        for process in running:
            try:
                os.killpg(process.pid, signal.SIGTERM)
            except ProcessLookupError:
                continue
        for process in running:
            process.wait()


def interrupt(*_: object) -> NoReturn:
    """End by SIGTERM as by Ctrl-C."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupt)
    # The page comes from vite's address, so the server has to take that as its own.
    allowed = ("--allow-host", "localhost:5173", "--allow-host", "127.0.0.1:5173")
    server = (BIN / "tacho", "dashboard", "--no-open", "--token", "none", *allowed)
    npm = (sys.executable, HERE / "dashboard.py", "npm", "run", "--silent")
    sys.exit(until_one_ends((server, (*npm, "dev", "--", "--port", "5173", "--strictPort"))))
