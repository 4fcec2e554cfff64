"""What starting a program costs when it is recorded, and how soon its death is seen."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import msgspec
from websockets.asyncio.client import connect

from benchmarks.dashboard import Dashboard, dashboard, ended, environment
from benchmarks.measure import Figure
from tachograph.sdk.supervise import TELLTALE

PYTHON = sys.executable
FIRST = "import time; print(time.monotonic_ns(), flush=True)"
THROUGH = "import os, sys; os.execv(sys.executable, [sys.executable, '-c', sys.argv[1]])"
IMPORT = """
import time
begin = time.perf_counter()
import tachograph as tacho
imported = time.perf_counter()
with tacho.action("first"):
    pass
print(imported - begin, time.perf_counter() - begin, flush=True)
"""
VICTIM = """
import sys
import tachograph as tacho
with tacho.action("job"):
    tacho.flush()
    print("running", flush=True)
    sys.stdin.read()
"""


def run(seconds: float) -> list[Figure]:
    """Milliseconds of a start, and seconds until a killed program is shown as such."""
    with TemporaryDirectory(prefix="home-") as home:
        starts = _starts(seconds * 0.5, Path(home))
        imports = _imports(seconds * 0.15, Path(home))
    with dashboard() as server:
        deaths = asyncio.run(_deaths(server, seconds * 0.35))
    bare, told, supervised = (median(starts[name]) for name in ("bare", "told", "supervised"))
    return [
        Figure("python to its first line", bare, "ms", note=f"{len(starts['bare'])} times each"),
        Figure("the same by `tacho run`", supervised, "ms", supervised / bare, "bare"),
        Figure("`tacho run` adds", _added(starts, "supervised"), "ms"),
        Figure("of it a Python that only starts another", _added(starts, "through"), "ms"),
        Figure("of it inside the program", _added(starts, "told"), "ms", told / bare, "bare"),
        Figure("resolution: bare against bare", _added(starts, "bare again"), "ms"),
        Figure("import tachograph", median(one[0] for one in imports), "ms"),
        Figure("import and first action", median(one[1] for one in imports), "ms"),
        Figure(
            "SIGKILL to shown as killed",
            median(deaths),
            "s",
            target="<= 3 s",
            note=f"longest of {len(deaths)}: {max(deaths):.2f} s",
        ),
    ]


def _added(starts: Mapping[str, list[float]], name: str) -> float:
    pairs = zip(starts[name], starts["bare"], strict=True)
    return median(one - bare for one, bare in pairs)


def _starts(seconds: float, home: Path) -> dict[str, list[float]]:
    """Milliseconds from the start of a command to the program's first line, in turns."""
    ways: dict[str, Callable[[], float]] = {
        "bare": lambda: _first_line_ms([PYTHON, "-c", FIRST], home),
        "told": lambda: _told_ms(home),
        "bare again": lambda: _first_line_ms([PYTHON, "-c", FIRST], home),
        "through": lambda: _first_line_ms([PYTHON, "-c", THROUGH, FIRST], home),
        "supervised": lambda: _first_line_ms(
            [PYTHON, "-m", "tachograph", "run", "--", PYTHON, "-c", FIRST], home
        ),
    }
    starts: dict[str, list[float]] = {name: [] for name in ways}
    end = time.perf_counter() + seconds
    for way in ways.values():
        way()  # what is read from the disk is read now
    while not starts["bare"] or time.perf_counter() < end:
        for name, way in ways.items():
            starts[name].append(way())
    return starts


def _first_line_ms(
    command: list[str], home: Path, more: Mapping[str, str] | None = None, fds: tuple[int, ...] = ()
) -> float:
    environ = {**environment(home), **(more or {})}
    begin = time.monotonic_ns()
    done = subprocess.run(
        command, env=environ, pass_fds=fds, stdout=subprocess.PIPE, check=True, text=True
    )
    return (int(done.stdout) - begin) / 1e6


def _told_ms(home: Path) -> float:
    """As `tacho run` starts it, without `tacho run`."""
    reader, writer = os.pipe()
    try:
        path = os.pathsep.join(filter(None, (str(TELLTALE), os.environ.get("PYTHONPATH", ""))))
        told = {"PYTHONPATH": path, "TACHOGRAPH_TELLTALE": str(writer)}
        return _first_line_ms([PYTHON, "-c", FIRST], home, told, (writer,))
    finally:
        os.close(reader)
        os.close(writer)


def _imports(seconds: float, home: Path) -> list[tuple[float, float]]:
    """Milliseconds of the import, and of import and first use."""
    found: list[tuple[float, float]] = []
    end = time.perf_counter() + seconds
    while not found or time.perf_counter() < end:
        done = subprocess.run(
            [PYTHON, "-c", IMPORT],
            env=environment(home),
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        imported, used = map(float, done.stdout.split())
        found.append((imported * 1000, used * 1000))
    return found


async def _deaths(server: Dashboard, seconds: float) -> list[float]:
    """Seconds from SIGKILL to a client's being told, of one program after the other."""
    found: list[float] = []
    end = time.perf_counter() + seconds
    while not found or time.perf_counter() < end:
        victim = subprocess.Popen(
            [PYTHON, "-c", VICTIM],
            env=environment(server.home),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            found.append(await _death_s(server, victim))
        finally:
            ended(victim)
    return found


async def _death_s(server: Dashboard, victim: subprocess.Popen[str]) -> float:
    assert victim.stdout is not None
    victim.stdout.readline()
    killed_at = 0.0
    sources: dict[str, dict[str, object]] = {}
    async with asyncio.timeout(30), connect(server.live("sources", 60)) as socket:
        async for message in socket:
            received = msgspec.json.decode(message)
            for id, row in (received.get("value") or {}).get("sources", {}).items():
                sources[id] = sources.get(id, {}) | row
            own = [row for row in sources.values() if row.get("pid") == victim.pid]
            if own and not killed_at:
                victim.kill()
                killed_at = time.monotonic()
            elif own and own[0]["state"] == "killed":
                break
    return time.monotonic() - killed_at
