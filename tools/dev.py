"""The server, and vite's dev server beside it, until Ctrl-C: `make dev`.

Open vite's address: it serves web/src and hands everything else on to the server.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

BIN = Path(sys.executable).parent
HERE = Path(__file__).resolve().parent


def until_one_ends(commands: Sequence[Sequence[object]]) -> int:
    """Run commands side by side; when one ends, end the others too, and give its exit code."""
    running = [subprocess.Popen([str(part) for part in command]) for command in commands]
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
            process.terminate()
        for process in running:
            process.wait()


if __name__ == "__main__":
    # The page comes from vite's address, so the server has to take that as its own.
    allowed = ("--allow-host", "localhost:5173", "--allow-host", "127.0.0.1:5173")
    server = (BIN / "tacho", "dashboard", "--no-open", "--token", "none", *allowed)
    npm = (sys.executable, HERE / "dashboard.py", "npm", "run", "--silent")
    sys.exit(until_one_ends((server, (*npm, "dev", "--", "--port", "5173", "--strictPort"))))
