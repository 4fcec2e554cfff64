"""How long the garbage collector made the program wait."""

from __future__ import annotations

import gc
from collections.abc import Callable
from time import perf_counter
from typing import Any


class Pauses:
    """Listens to the collector, from `watch` to `unwatch`.

    The collector calls `_note` on whatever thread it runs, one collection at a time. It takes no
    lock and keeps nothing but three numbers. Everything else is the flusher's.
    """

    __slots__ = ("_began", "_longest_s", "_read_at", "_read_total_s", "_total_s", "_watching")

    def __init__(self) -> None:
        self._began = 0.0
        self._longest_s = 0.0
        self._total_s = 0.0
        self._read_total_s = 0.0
        self._read_at: float | None = None
        self._watching = False

    def watch(self) -> None:
        """Begin to listen, unless it does."""
        if not self._watching:
            self._watching = True
            self._began = 0.0
            gc.callbacks.append(self._note)

    def unwatch(self) -> None:
        """Stop listening."""
        if self._watching:
            self._watching = False
            # Somebody may have cleared the list.
            if self._note in gc.callbacks:
                gc.callbacks.remove(self._note)

    def read(self, now: float) -> tuple[float, float] | None:
        """The longest collection since the last reading (s), and the share of the time that all
        of them took (%). None the first time. `now` is perf_counter's."""
        # No function is called between these two, so no collection ends there.
        longest, self._longest_s = self._longest_s, 0.0
        total = self._total_s
        before, since = self._read_total_s, self._read_at
        self._read_total_s, self._read_at = total, now
        if since is None or now <= since:
            return None
        return longest, min(100.0, 100.0 * (total - before) / (now - since))

    # The clock as an argument: at the interpreter's end a module's names may be gone already.
    def _note(
        self, phase: str, info: dict[str, Any], clock: Callable[[], float] = perf_counter
    ) -> None:
        if phase == "start":
            self._began = clock()
        elif self._began:
            pause = clock() - self._began
            self._began = 0.0
            self._total_s += pause
            if pause > self._longest_s:
                self._longest_s = pause
