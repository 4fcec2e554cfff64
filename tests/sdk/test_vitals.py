"""The gauges of every source: of this process, and of one that is watched from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import tachograph as tacho
from tachograph.core.source import SourceState
from tachograph.journal.memory import MemoryJournal
from tachograph.model import Definition, Source
from tachograph.sdk import recorder as recording
from tachograph.sdk.recorder import Recorder
from tachograph.sdk.settings import Settings
from tachograph.sdk.vitals import Vitals
from tachograph.testing import Captured
from tests.programs import eventually, states
from tests.sdk.test_health import values

#: Name: unit, merge. What servers and pages of every version rely on.
GAUGES = {
    "system.cpu_percent": ("%", "sum"),
    "system.memory_mb": ("MiB", "sum"),
    "system.memory_percent": ("%", "sum"),
    "system.memory_total_mb": ("MiB", "max"),
    "system.thread_count": ("", "sum"),
    "system.process_count": ("", "sum"),
    "system.cores": ("", "max"),
    "system.open_files": ("files", "sum"),
    "system.read_bytes_per_s": ("B/s", "sum"),
    "system.written_bytes_per_s": ("B/s", "sum"),
    "runtime.gc_pause_s": ("s", "max"),
    "runtime.gc_percent": ("%", "max"),
    "tachograph.cpu_percent": ("%", "max"),
    "tachograph.flush_s": ("s", "max"),
    "tachograph.queue_length": ("records", "max"),
}


def _defined(recorded: Captured) -> dict[str, Definition]:
    journal = recorded.journal
    frames = [frame for id in journal.sources()[-1:] for frame in journal.frames(id)]
    return {d.name: d for frame in frames for d in frame.definitions if d.kind == "gauge"}


def test_every_source_has_these_gauges(recorded: Captured) -> None:
    """Names, units and ways of merging are a contract."""
    tacho.configure(service="plain", interval_s=0.05)
    assert eventually(lambda: set(_defined(recorded)) == set(GAUGES))
    assert {n: (d.unit, d.merge) for n, d in _defined(recorded).items()} == GAUGES


def test_records_that_waited_are_counted(recorded: Captured) -> None:
    """Calls, amounts, gauges and topics that one flush found; the most of an interval."""
    tacho.configure(service="busy", interval_s=0.2)
    recorder = recording.recorder()
    assert recorder is not None
    with recorder.turn:  # no flush meanwhile
        for n in range(70):
            tacho.timer("t").observe(0.1)
            tacho.counter("c").add()
            tacho.publish("topic", {"n": n})
        tacho.gauge("g").set(1)
    assert eventually(lambda: 211.0 in values(recorded, "tachograph.queue_length"))
    assert all(value is None or value > 0 for value in values(recorded, "tachograph.flush_s"))


def test_the_longest_flush_of_an_interval_is_told_once() -> None:
    """The next interval begins anew; without a flush nothing is known."""
    settings = Settings(journal=MemoryJournal())
    vitals = Vitals(Recorder(settings).source)
    for seconds, records in ((0.1, 7), (0.4, 9), (0.2, 3)):
        vitals.flushed(seconds, records)

    def read() -> dict[str, float | None]:
        return {key[1]: value for key, value in vitals.read()}

    first, second, third = read(), read(), read()
    assert (first["tachograph.flush_s"], first["tachograph.queue_length"]) == (0.4, 9)
    assert (second["tachograph.flush_s"], second["tachograph.queue_length"]) == (None, None)
    assert "tachograph.flush_s" not in third


WRITER = """
import os, subprocess, sys, time
child = '''
import os, sys
held = [open(os.devnull) for _ in range(40)]
with open(sys.argv[1], "wb") as file:
    while os.getppid() == int(sys.argv[2]):
        file.seek(0)
        file.write(bytes(4 << 20))
        file.flush()
        os.fsync(file.fileno())
'''
process = subprocess.Popen([sys.executable, "-c", child, sys.argv[1], str(os.getpid())])
sys.stdin.readline()
process.kill()
process.wait()
"""


def _gauge(home: Path, name: str) -> float:
    def of(state: SourceState) -> float | None:
        numbers = [n for n, d in state.definitions.items() if d.name == name]
        return state.gauges[numbers[0]] if numbers else None

    found = states(home)
    return (of(found[0]) if found else None) or 0.0


def test_files_and_writing_of_a_program_that_is_watched_from_outside(home: Path) -> None:
    """`tacho run`: what a child of the program opens and writes is the program's."""
    # Not in the home: that may be a memory file system, where nothing is storage I/O.
    with TemporaryDirectory(dir="/var/tmp") as folder:
        program = (sys.executable, "-c", WRITER, f"{folder}/data")
        process = subprocess.Popen(
            [sys.executable, "-m", "tachograph", "run", "--", *program],
            env={**os.environ, "TACHOGRAPH_HOME": str(home)},
            stdin=subprocess.PIPE,
        )
        assert eventually(lambda: _gauge(home, "system.written_bytes_per_s") > 1 << 20)
        assert eventually(lambda: _gauge(home, "system.open_files") > 40)
        process.communicate(b"\n", timeout=60)
    (state,) = states(home)
    names = {d.name for d in state.definitions.values()}
    # Its runtime can't be seen from outside, and the watcher's own is not it.
    assert not [name for name in names if name.startswith("runtime.")]


def test_a_program_that_reports_itself_is_counted_there() -> None:
    """What was told of it from outside becomes None, once."""
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        try:
            vitals = Vitals(Source("", "", "", "", sleeper.pid, 0))
            vitals.journal = MemoryJournal()
            before = {key[1]: value for key, value in vitals.read()}
            vitals.journal.open(f"{time.time_ns() // 1_000_000:x}-{sleeper.pid}-0")
            after = {key[1]: value for key, value in vitals.read()}
            later = {key[1] for key, _ in vitals.read()}
        finally:
            sleeper.kill()
    assert before["system.open_files"]
    assert after["system.open_files"] is None
    assert after["system.memory_mb"] is None
    assert not [name for name in later if name.startswith("system.")]
