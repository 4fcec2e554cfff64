"""The rolling window of a chart as an object keyed by time, so that a delta appends. Pure."""

from __future__ import annotations

import math
from typing import Any


def instant(now: float, interval_s: float) -> float:
    """The tick that `now` belongs to, which is at it or before."""
    # Not `now // interval_s`, which knows that 0.1 is a little more than a tenth.
    return math.floor(now / interval_s) * interval_s


class Points:
    """Rows of the last `span_s` seconds, one per tick. See docs/design/topics.md."""

    def __init__(self, columns: tuple[str, ...], span_s: float = 60.0) -> None:
        self.columns = list(columns)
        self._span_ms = round(span_s * 1000)
        self._rows: dict[str, list[float | None]] = {}

    def add(self, at: float, row: list[float | None]) -> None:
        """The figures at `at` (seconds); rows older than the window go."""
        at_ms = round(at * 1000)
        rows = {
            key: old for key, old in self._rows.items() if at_ms - self._span_ms < int(key) < at_ms
        }
        rows[str(at_ms)] = [None if value is None else round(value, 4) for value in row]
        # A new dict, because the one before is part of a value that was handed out.
        self._rows = rows

    def value(self) -> dict[str, Any]:
        """The two members of a topic's value."""
        return {"columns": self.columns, "points": self._rows}
