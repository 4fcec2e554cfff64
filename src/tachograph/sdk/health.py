"""The gauges of the Python runtime: event loops that are behind, garbage collections."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

from tachograph.sdk.inbox import InstrumentKey
from tachograph.sdk.lag import Lag
from tachograph.sdk.pauses import Pauses

LOOP_LAG: InstrumentKey = ("gauge", "runtime.loop_lag_s", "s", (), "max")
GC_PAUSE: InstrumentKey = ("gauge", "runtime.gc_pause_s", "s", (), "max")
GC_PERCENT: InstrumentKey = ("gauge", "runtime.gc_percent", "%", (), "max")


class Health:
    """This process's own runtime. Read on the flusher's thread, between `watch` and `unwatch`."""

    def __init__(self) -> None:
        self._pauses = Pauses()
        self._lag = Lag()

    def watch(self) -> None:
        """Begin to listen to the collector, unless it does."""
        self._pauses.watch()

    def unwatch(self) -> None:
        """Leave nothing behind in the interpreter."""
        self._pauses.unwatch()

    def read(self) -> Iterator[tuple[InstrumentKey, float | None]]:
        """Each gauge with its value; None: not known."""
        yield LOOP_LAG, self._lag.read()
        pause, percent = self._pauses.read(perf_counter()) or (None, None)
        yield GC_PAUSE, pause
        yield GC_PERCENT, percent
