"""The gauges that every source has: its process tree, and what recording costs."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from tachograph.journal.base import Journal
from tachograph.model import Source
from tachograph.sdk.ids import started_of
from tachograph.sdk.inbox import InstrumentKey
from tachograph.system import Sampler


def _key(name: str, unit: str, merge: str = "sum") -> InstrumentKey:
    return ("gauge", name, unit, (), merge)


CPU = _key("system.cpu_percent", "%")
MEMORY = _key("system.memory_mb", "MiB")
MEMORY_PERCENT = _key("system.memory_percent", "%")
MEMORY_TOTAL = _key("system.memory_total_mb", "MiB", "max")
THREADS = _key("system.thread_count", "")
PROCESSES = _key("system.process_count", "")
CORES = _key("system.cores", "", "max")
OWN_CPU = _key("tachograph.cpu_percent", "%", "max")


class Vitals:
    """Reads the process tree and the flusher's own CPU time. Called on the flusher's thread.

    Children that are sources themselves report themselves; the journal's directory knows them.
    """

    def __init__(self, source: Source) -> None:
        self.journal: Journal | None = None
        self._foreign = source.pid != os.getpid()
        self._sampler = Sampler(source.pid, exclude=self._is_source)
        self._others: dict[int, float] | None = None
        self._cpu: float | None = None
        self._at = 0.0

    def read(self) -> Iterator[tuple[InstrumentKey, float | None]]:
        """Each gauge with its new value; one that isn't known yet is left out."""
        self._others = None
        if self._foreign and self._is_source(self._sampler.pid, 0.0):
            # The program that we watch from outside reports itself: each pid counts once.
            yield from ((key, None) for key in (CPU, MEMORY, MEMORY_PERCENT, THREADS, PROCESSES))
            return
        try:
            sample = self._sampler.sample()
        except ProcessLookupError:
            return
        if sample.cpu_percent is not None:
            yield CPU, sample.cpu_percent
        yield MEMORY, sample.memory_mb
        yield MEMORY_PERCENT, sample.memory_percent
        yield MEMORY_TOTAL, sample.memory_total_mb
        yield THREADS, sample.thread_count
        yield PROCESSES, sample.process_count
        yield CORES, sample.cores
        cpu, now = time.thread_time(), time.monotonic()
        if self._cpu is not None and now > self._at and cpu >= self._cpu:
            yield OWN_CPU, 100.0 * (cpu - self._cpu) / (now - self._at)
        self._cpu, self._at = cpu, now

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
