"""The gauges that every source has: its process tree, its runtime, and what recording costs."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from tachograph.journal.base import Journal
from tachograph.model import Source
from tachograph.sdk.health import Health
from tachograph.sdk.ids import started_of
from tachograph.sdk.inbox import InstrumentKey
from tachograph.system import Sampler

Reading = tuple[InstrumentKey, float | None]


def _key(name: str, unit: str, merge: str = "sum") -> InstrumentKey:
    return ("gauge", name, unit, (), merge)


CPU = _key("system.cpu_percent", "%")
MEMORY = _key("system.memory_mb", "MiB")
MEMORY_PERCENT = _key("system.memory_percent", "%")
MEMORY_TOTAL = _key("system.memory_total_mb", "MiB", "max")
THREADS = _key("system.thread_count", "")
PROCESSES = _key("system.process_count", "")
CORES = _key("system.cores", "", "max")
OPEN_FILES = _key("system.open_files", "files")
READ = _key("system.read_bytes_per_s", "B/s")
WRITTEN = _key("system.written_bytes_per_s", "B/s")
OWN_CPU = _key("tachograph.cpu_percent", "%", "max")
FLUSH = _key("tachograph.flush_s", "s", "max")
QUEUE = _key("tachograph.queue_length", "records", "max")
#: Of whoever is counted elsewhere.
_COUNTED = (CPU, MEMORY, MEMORY_PERCENT, THREADS, PROCESSES, OPEN_FILES, READ, WRITTEN)


class Vitals:
    """Reads the process tree, this process's runtime and the flusher's own cost.

    Called on the flusher's thread. Children that are sources themselves report themselves; the
    journal's directory knows them. Of a source that is another process only the tree can be read.
    """

    def __init__(self, source: Source) -> None:
        self.journal: Journal | None = None
        self._foreign = source.pid != os.getpid()
        self._health = None if self._foreign else Health()
        self._sampler = Sampler(source.pid, exclude=self._is_source)
        self._others: dict[int, float] | None = None
        self._cpu: float | None = None
        self._at = 0.0
        self._flush_s: float | None = None
        self._queue = 0
        self._told: set[InstrumentKey] = set()

    def watch(self) -> None:
        """Begin to listen to the runtime, unless it does."""
        if self._health is not None:
            self._health.watch()

    def unwatch(self) -> None:
        """Listen no more."""
        if self._health is not None:
            self._health.unwatch()

    def flushed(self, seconds: float, records: int) -> None:
        """A flush took so long, and so many records had waited for it."""
        self._flush_s = max(self._flush_s or 0.0, seconds)
        self._queue = max(self._queue, records)

    def read(self) -> Iterator[Reading]:
        """Each gauge with its new value. One that isn't known is left out; one that was known
        before becomes None."""
        for key, value in self._read():
            if value is not None:
                self._told.add(key)
                yield key, value
            elif key in self._told:
                self._told.remove(key)
                yield key, None

    def _read(self) -> Iterator[Reading]:
        self._others = None
        yield from self._own()
        if self._health is not None:
            yield from self._health.read()
        if self._foreign and self._is_source(self._sampler.pid, 0.0):
            # The program that we watch from outside reports itself: each pid counts once.
            yield from ((key, None) for key in _COUNTED)
            return
        try:
            sample = self._sampler.sample()
        except ProcessLookupError:
            return
        yield CPU, sample.cpu_percent
        yield MEMORY, sample.memory_mb
        yield MEMORY_PERCENT, sample.memory_percent
        yield MEMORY_TOTAL, sample.memory_total_mb
        yield THREADS, sample.thread_count
        yield PROCESSES, sample.process_count
        yield CORES, sample.cores
        yield OPEN_FILES, sample.open_files
        yield READ, sample.read_bytes_per_s
        yield WRITTEN, sample.written_bytes_per_s

    def _own(self) -> Iterator[Reading]:
        cpu, now = time.thread_time(), time.monotonic()
        if self._cpu is not None and now > self._at and cpu >= self._cpu:
            yield OWN_CPU, 100.0 * (cpu - self._cpu) / (now - self._at)
        self._cpu, self._at = cpu, now
        yield FLUSH, self._flush_s
        yield QUEUE, None if self._flush_s is None else self._queue
        self._flush_s, self._queue = None, 0

    def _is_source(self, pid: int, started_at: float) -> bool:
        """Whether a child records too: a log of that pid which began after the child did."""
        if self._others is None:
            self._others = self._recording()
        # A process's start is known to about a second.
        return pid in self._others and self._others[pid] >= started_at - 1.5

    def _recording(self) -> dict[int, float]:
        if self.journal is None:
            return {}
        known = (started_of(id) for id in self.journal.sources())
        return dict(filter(None, known))
