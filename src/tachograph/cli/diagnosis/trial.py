"""A round trip: a real program records into a home of its own, and what it says is read back."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tachograph.cli.diagnosis.finding import Finding, ok, problem
from tachograph.cli.sources import read
from tachograph.journal.file import FileJournal

#: Its first argument is where this package lies, for a Python that wouldn't find it.
_PROGRAM = """
import sys
sys.path.append(sys.argv[1])
import tachograph
tachograph.configure(service="doctor", project="doctor")
tachograph.action("trial").record(0.1)
print(tachograph.flush(timeout_s=10), flush=True)
sys.stdin.read()
"""
_PATIENCE_S = 30.0


def round_trip(environ: Mapping[str, str], program: str = _PROGRAM) -> Iterator[Finding]:
    """In the temporary directory, never in the user's home."""
    with tempfile.TemporaryDirectory(prefix="tachograph-doctor-") as place:
        began = time.perf_counter()
        seen, said = _there_and_back(Path(place), environ, program)
        took_ms = 1000 * (time.perf_counter() - began)
    if seen == _RIGHT:
        yield ok("trial", f"a program recorded and was seen alive and ended, in {took_ms:.0f} ms")
    else:
        yield problem(
            "trial",
            f"a program that recorded into {place} was seen as {seen or 'nothing'}{said}",
            _RIGHT,
            "set TMPDIR to a local disk and run this again; if it stays so, report it as a bug",
        )


_RIGHT = "1 action, live, then ended"


def _there_and_back(home: Path, environ: Mapping[str, str], program: str) -> tuple[str, str]:
    """What the journal said of it, and what it said itself when something was wrong."""
    own = {key: value for key, value in environ.items() if not key.startswith("TACHOGRAPH_")}
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(Path(__file__).parents[3])],
        env={**own, "TACHOGRAPH_HOME": str(home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    with child:
        try:
            assert child.stdout is not None
            child.stdout.readline()
            alive = _states(home, "live")
            _, errors = child.communicate(timeout=_PATIENCE_S)
        finally:
            child.kill()
    last = errors.strip().splitlines()[-1:]
    said = f"; it said: {last[0]}" if last else ""
    return ", then ".join(filter(None, (alive, _states(home, "")))), said


def _states(home: Path, count_in: str) -> str:
    """State of what is recorded; with the number of actions while it is `count_in`."""
    journal = FileJournal(home / "journal")
    states = [state for id in journal.sources() if (state := read(journal, id)) is not None]
    counts = sum(timer.count for state in states for timer in state.timers.values())
    return ", ".join(
        f"{counts} action, {state.state}" if state.state == count_in else state.state
        for state in states
    )
