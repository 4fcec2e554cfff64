"""By how much event loops are behind: the time that a callback waits until its loop runs it."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any
from weakref import ref

from tachograph.sdk.scope import loops


class Probe:
    """One loop's callback, of which at most one is on its way. It keeps no loop alive.

    `look` is the flusher's, `_arrive` runs in the loop. Each only writes what the other waits for.
    """

    __slots__ = ("_lag_s", "_sent", "_void", "loop")

    def __init__(self, loop: ref[Any]) -> None:
        self.loop = loop
        self._sent = 0.0
        self._lag_s: float | None = None
        #: The loop stood still since it was sent: what it will measure is no lag.
        self._void = False

    def look(self, clock: Callable[[], float] = perf_counter) -> float | None:
        """How long the last one took, or how long this one has been on its way; then send another.

        None: the loop doesn't run, or nothing is known yet. Raises LookupError if it never will.
        """
        loop = self.loop()
        if loop is None or loop.is_closed():
            raise LookupError
        if not loop.is_running():
            # A callback would wait until somebody runs it again, if ever.
            self._void, self._lag_s = True, None
            return None
        if self._sent:
            return None if self._void else clock() - self._sent
        lag, self._lag_s = self._lag_s, None
        self._void = False
        self._sent = clock()
        try:
            # What it returns would keep the loop alive.
            loop.call_soon_threadsafe(self._arrive)
        except RuntimeError:  # closed just now
            self._sent = 0.0
        return lag

    def _arrive(self, clock: Callable[[], float] = perf_counter) -> None:
        if not self._void:
            self._lag_s = clock() - self._sent
        self._sent = 0.0


class Lag:
    """The probes of the loops that `scope` has come across. Called on the flusher's thread."""

    def __init__(self) -> None:
        self._probes: dict[int, Probe] = {}

    def read(self) -> float | None:
        """By how much the worst loop is behind (s); None when none runs, or none has answered."""
        worst: float | None = None
        known = dict(loops.known)
        for key in self._probes.keys() - known.keys():
            del self._probes[key]
        for key, loop in known.items():
            lag = self._look(key, loop)
            if lag is not None and (worst is None or lag > worst):
                worst = lag
        return worst

    def _look(self, key: int, loop: ref[Any]) -> float | None:
        probe = self._probes.get(key)
        if probe is None or probe.loop is not loop:
            probe = self._probes[key] = Probe(loop)
        try:
            return probe.look()
        except Exception:  # closed, or no loop as we know them
            loops.known.pop(key, None)
            return None
