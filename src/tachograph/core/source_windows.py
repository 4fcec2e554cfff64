"""Each source's own rolling window, while it lives and for a minute after. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tachograph.core import gaps
from tachograph.core.points import Points
from tachograph.core.source import SourceState
from tachograph.core.vitals import GAUGES, SOURCE_COLUMNS, Vitals

#: Windows at once; a further source has none until another one has gone.
MAX_WINDOWS = 1_000
#: A window outlives its source for so long.
AFTER_S = 60.0

_COLUMN_GAUGES = tuple(GAUGES[column] for column in SOURCE_COLUMNS)


class SourceWindows:
    """See the module."""

    def __init__(self) -> None:
        self._windows: dict[str, Points] = {}
        self._over: dict[str, SourceState] = {}

    def tick(self, states: Iterable[SourceState], vitals: dict[str, Vitals], now: float) -> None:
        """Add a point for each living source, or why it has none."""
        self._leave(now)
        for state in states:
            window = self._window(state)
            if window is None:
                continue
            if state.state == "live":
                figures = vitals[state.source.id]
                window.add(now, [figures.get(gauge) for gauge in _COLUMN_GAUGES])
            elif state.final:
                self._over[state.source.id] = state
                window.gap(now, gaps.end(state))
            else:
                window.gap(now, gaps.silence([state]))

    def _window(self, state: SourceState) -> Points | None:
        window = self._windows.get(state.source.id)
        if window is None and not state.final and len(self._windows) < MAX_WINDOWS:
            window = self._windows[state.source.id] = Points(SOURCE_COLUMNS)
        return window

    def _leave(self, now: float) -> None:
        for id, state in list(self._over.items()):
            if now - state.ended_ns / 1e9 > AFTER_S:
                self.forget(id)
            else:
                self._windows[id].gap(now, gaps.end(state))

    def back(self, id: str) -> None:
        """The source is not over."""
        self._over.pop(id, None)

    def note(self, id: str, at: float, cause: str) -> None:
        """Say of a source why an instant is not as it should be."""
        if id in self._windows:
            self._windows[id].gap(at, cause)

    def note_all(self, at: float, cause: str) -> None:
        """Say it of all."""
        for window in self._windows.values():
            window.gap(at, cause)

    def forget(self, id: str) -> None:
        """The source is not known any more."""
        self._windows.pop(id, None)
        self._over.pop(id, None)

    def value(self, id: str) -> dict[str, Any]:
        """Columns, points and gaps of a source."""
        return (self._windows.get(id) or Points(SOURCE_COLUMNS)).value()
