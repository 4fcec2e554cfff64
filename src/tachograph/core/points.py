"""The rolling window of a chart as an object keyed by time, so that a delta appends. Pure."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

Row = list[float | None]


def instant(now: float, interval_s: float) -> float:
    """The tick that `now` belongs to, which is at it or before."""
    # Not `now // interval_s`, which knows that 0.1 is a little more than a tenth.
    return math.floor(now / interval_s) * interval_s


class Points:
    """Rows of the last `span_s` seconds, one per tick, and why one is missing or incomplete.

    See docs/design/topics.md. Instants are seconds and come in ascending order; one before
    the newest means that the clock was set back, and what is dated later goes.
    """

    def __init__(self, columns: Iterable[str], span_s: float = 60.0) -> None:
        self.columns = list(columns)
        self._span_ms = round(span_s * 1000)
        self._rows: deque[tuple[int, Row]] = deque()
        self._gaps: deque[tuple[int, str]] = deque()
        self._value: dict[str, Any] | None = None

    @property
    def empty(self) -> bool:
        """Whether it holds neither a row nor a gap."""
        return not self._rows and not self._gaps

    def add(self, at: float, row: Iterable[float | None]) -> None:
        """The figures at `at`."""
        at_ms = self._move(at)
        if self._rows and self._rows[-1][0] == at_ms:
            self._rows.pop()
        self._rows.append((at_ms, [None if value is None else round(value, 6) for value in row]))

    def gap(self, at: float, cause: str) -> None:
        """Why there are no figures at `at`, or not all of them."""
        at_ms = self._move(at)
        if self._gaps and self._gaps[-1][0] == at_ms:
            cause = f"{self._gaps.pop()[1]}; {cause}"
        self._gaps.append((at_ms, cause))

    def _move(self, at: float) -> int:
        """The window ends at `at` now."""
        at_ms = round(at * 1000)
        for kept in (self._rows, self._gaps):
            while kept and kept[0][0] <= at_ms - self._span_ms:
                kept.popleft()
            while kept and kept[-1][0] > at_ms:
                kept.pop()
        self._value = None
        return at_ms

    def value(self) -> dict[str, Any]:
        """The members of a topic's value. What was handed out never changes."""
        if self._value is None:
            self._value = {
                "columns": self.columns,
                "points": {str(at_ms): row for at_ms, row in self._rows},
                "gaps": {str(at_ms): cause for at_ms, cause in self._gaps},
            }
        return self._value


def missed(last: float, now: float, interval_s: float, span_s: float = 60.0) -> Iterator[float]:
    """The instants between two ticks at which there was none, those of the window before `now`."""
    count = round((now - last) / interval_s)
    for n in range(max(1, count - math.ceil(span_s / interval_s)), count):
        yield last + n * interval_s
