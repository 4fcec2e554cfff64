"""Rolling windows from stored seconds: a server that starts late shows the last minute. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from tachograph.core import gaps
from tachograph.core.histogram import pairs, quantiles
from tachograph.core.kinds import KINDS
from tachograph.core.live import Live
from tachograph.core.scope import Scope
from tachograph.core.seconds import merged
from tachograph.core.source import SourceState
from tachograph.core.vitals import GAUGES, SYSTEM_COLUMNS
from tachograph.core.window import Window
from tachograph.model import Second, Series, SeriesKey

#: The second in which the last source of a project's service ended.
Ends = dict[tuple[str, str], int]


class _Replay:
    """One scope's figures, second by second."""

    def __init__(self, series: dict[SeriesKey, Series], ends: Ends) -> None:
        self._series = series
        self._ends = ends
        self._gauges: dict[SeriesKey, float] = {}
        self._minutes = {span: Window() for span in KINDS}
        self._errors = dict.fromkeys(KINDS, 0)

    def take(self, second: Second, project: str | None) -> bool:
        """Apply a row; whether a source said anything in it."""
        said = False
        for key in [k for k in self._gauges if self._ended(k, second.at_s)]:
            del self._gauges[key]
        self._errors = dict.fromkeys(KINDS, 0)
        for key, sample in second.samples:
            if project not in (None, key.project):
                continue
            said = True
            if key.span in KINDS:
                self._minutes[key.span].add(
                    second.at_s,
                    sample.count,
                    sample.errors,
                    sample.value,
                    dict(pairs(sample.buckets)),
                )
                self._errors[key.span] += sample.errors
            elif key in self._series and self._series[key].kind == "gauge":
                self._gauges[key] = sample.value
        return said

    def _ended(self, key: SeriesKey, at_s: int) -> bool:
        """Whether nobody is left who could set the gauge: an unchanged one isn't stored."""
        return self._ends.get((key.project, key.service), at_s) < at_s

    def system(self) -> list[float | None] | None:
        if self._gauge(GAUGES["memory_mb"]) is None:
            return None
        return [self._gauge(GAUGES[column]) for column in SYSTEM_COLUMNS]

    def _gauge(self, name: str) -> float | None:
        found = [(key, v) for key, v in self._gauges.items() if key.name == name and not key.labels]
        if not found:
            return None
        value = merged([value for _, value in found], self._series[found[0][0]].merge)
        return min(100.0, value) if name == "system.cpu_percent" else value

    def kind(self, span: str, at_s: int) -> list[float | None] | None:
        if self._minutes[span].empty:
            return None
        minute = self._minutes[span].total(at_s + 1)
        mean = minute.sum_s / minute.count if minute.count else None
        (p95,) = quantiles(minute.buckets, (0.95,))
        queue = self._gauge(f"{span}s.queue_depth")
        return [float(minute.count), mean, p95, queue, float(self._errors[span])]


def fill(
    live: Live,
    seconds: Iterable[Second],
    series: Iterable[Series],
    since_s: int,
    until_s: int | None = None,
) -> None:
    """Add the points of what happened from `since_s` on, and before `until_s` why there are none.

    `seconds` begin a minute or two earlier, ascending. What happened in a second is shown at its
    end, as the tick shows it that comes then.
    """
    known = {one.key: one for one in series}
    rows, ends = list(seconds), _ends(live)
    if until_s is None:
        until_s = rows[-1].at_s + 1 if rows else since_s
    for project, scope in live.scopes():
        replay, said_at = _Replay(known, ends), 0
        causes = _Causes(live, project)
        second = since_s
        for row in rows:
            while second < min(row.at_s, until_s):
                _gap(scope, second, causes)
                second += 1
            if replay.take(row, project):
                said_at = row.at_s
            if row.at_s < since_s:
                continue
            # Frames a second apart may leave out a second between them.
            if row.at_s <= said_at + 1:
                _add(scope, row.at_s, replay)
            else:
                _gap(scope, row.at_s, causes)
            second = row.at_s + 1
        for rest in range(second, until_s):
            _gap(scope, rest, causes)


def _add(scope: Scope, at_s: int, replay: _Replay) -> None:
    figures = replay.system()
    if figures is not None:
        scope.system.add(at_s + 1.0, figures)
    for span, points in scope.kinds.items():
        row = replay.kind(span, at_s)
        if row is not None:
            points.add(at_s + 1.0, row)


def _gap(scope: Scope, at_s: int, causes: _Causes) -> None:
    cause = causes.at(at_s)
    if cause:
        scope.gap(at_s + 1.0, cause, causes.recorded)


class _Causes:
    """Why a second has no figures: who was running in it, and who was there to write it down."""

    def __init__(self, live: Live, project: str | None) -> None:
        states = [s for s in live.sources.values() if project in (None, s.source.project)]
        self._states = states
        self._first_s = min((s.source.started_ns for s in states), default=0) // 1_000_000_000
        self._stored_to_s = live.restored_s
        self.recorded = live.recorded(project)

    def at(self, at_s: int) -> str:
        """The cause, "" where nothing is known of that time."""
        if not self._states or at_s < self._first_s:
            return ""
        at_ns = at_s * 1_000_000_000
        there = [s for s in self._states if s.source.started_ns <= at_ns and not _over(s, at_ns)]
        if not there:
            return gaps.NOBODY
        if all(state.last_ns < at_ns for state in there):
            return gaps.silence(there)
        return gaps.NOT_SERVED if at_s > self._stored_to_s else gaps.NOTHING


def _over(state: SourceState, at_ns: int) -> bool:
    return state.final and state.ended_ns < at_ns


def _ends(live: Live) -> Ends:
    """Of the services of which no source lives any more."""
    ends: Ends = {}
    alive = set()
    for state in live.sources.values():
        service = (state.source.project, state.source.service)
        ends[service] = max(ends.get(service, 0), state.ended_ns // 1_000_000_000)
        if not state.final:
            alive.add(service)
    return {service: at_s for service, at_s in ends.items() if service not in alive}
