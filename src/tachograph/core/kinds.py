"""Topics `actions` and `events`: the totals of every project, and what they say. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tachograph.core.histogram import quantiles
from tachograph.core.names import Names
from tachograph.core.source import SourceState, TimerStep
from tachograph.core.totals import KindTotal, rounded
from tachograph.core.window import Slot
from tachograph.model import Second

Json = dict[str, Any]

KINDS: tuple[str, ...] = ("action", "event")
COLUMNS = {
    "action": ("actions_per_minute", "avg_duration_s", "p95_s", "queue_depth", "errors"),
    "event": ("events_per_minute", "avg_processing_time_s", "p95_s", "queue_depth", "errors"),
}


class Kinds:
    """The totals of every project and kind."""

    def __init__(self) -> None:
        self._totals: dict[tuple[str, str], KindTotal] = {}
        self._names: dict[tuple[str | None, str], Names] = {}

    def restore(self, state: SourceState) -> None:
        """Everything that a source has said so far."""
        for kind in KINDS:
            self._total(state.source.project, kind).restore(state, kind)

    def step(self, state: SourceState, at_ns: int, steps: Iterable[TimerStep]) -> None:
        """A frame moved these timers."""
        source = state.source
        for timer in steps:
            definition = timer.definition
            if definition.span in KINDS:
                total = self._total(source.project, definition.span)
                total.step(source.service, at_ns, timer)
                name = total.names[definition.name]
                name.updated_ns = max(name.updated_ns, at_ns)

    def recall(self, seconds: Iterable[Second]) -> None:
        """What is stored of the last minute, from before a restart. Call it once, after every
        `restore` and before any `step`."""
        for second in seconds:
            for key, sample in second.samples:
                total = self._totals.get((key.project, key.span))
                if total is not None:
                    total.recall(second.at_s, key.name, sample)

    def recount(self, states: Iterable[SourceState]) -> None:
        """Make the totals anew, because a source has gone; the last minute stays."""
        before, self._totals = self._totals, {}
        for state in states:
            self.restore(state)
        for key, old in before.items():
            total = self._totals.get(key)
            if total is None:
                continue
            total.minute = old.minute
            for name, was in old.names.items():
                if name in total.names:
                    total.names[name].minute = was.minute
                    total.names[name].updated_ns = was.updated_ns
        self._names = {at: names for at, names in self._names.items() if self.of(*at)}

    def of(self, project: str | None, kind: str) -> list[KindTotal]:
        """One project's totals of a kind, or those of all."""
        return [
            total
            for (owner, which), total in self._totals.items()
            if which == kind and project in (None, owner)
        ]

    def names(self, project: str | None, kind: str) -> Names:
        """A scope's names of a kind."""
        names = self._names.get((project, kind))
        if names is None:
            names = self._names[project, kind] = Names()
        return names

    def _total(self, project: str, kind: str) -> KindTotal:
        total = self._totals.get((project, kind))
        if total is None:
            total = self._totals[project, kind] = KindTotal()
        return total

    # -- values ------------------------------------------------------------

    def point(
        self, project: str | None, kind: str, queue: float | None, errors: int, now: float
    ) -> list[float | None]:
        """The figures of a tick."""
        minute = recent(self.of(project, kind), now)
        mean, p95 = _mean(minute), _p95(minute)
        return [float(minute.count), mean, p95, queue, float(max(0, errors))]

    def actions(self, project: str | None, queue: float | None, now: float) -> Json:
        """Topic `actions` but for its window and what runs."""
        count, errors, sum_s = _sums(self.of(project, "action"))
        value = self._value(project, "action", queue, now)
        return value | rounded(
            {
                "total_actions": count,
                "error_count": errors,
                "actions_per_minute": value.pop("per_minute"),
                "avg_duration": sum_s / count if count else None,
            }
        )

    def events(self, project: str | None, queue: float | None, now: float) -> Json:
        """Topic `events` but for its window."""
        count, failed, sum_s = _sums(self.of(project, "event"))
        value = self._value(project, "event", queue, now)
        return value | rounded(
            {
                "events_processed": count - failed,
                "events_failed": failed,
                "events_queued": count + int(queue or 0),
                "events_per_minute": value.pop("per_minute"),
                "avg_processing_time": sum_s / count if count else None,
            }
        )

    def _value(self, project: str | None, kind: str, queue: float | None, now: float) -> Json:
        kinds = self.of(project, kind)
        count, errors, _ = _sums(kinds)
        minute = recent(kinds, now)
        updated = max((total.updated_ns for total in kinds), default=0)
        rows, names_total = self.names(project, kind).rows(kinds, now)
        return rounded(
            {
                "updated_at": updated / 1e9 if updated else None,
                "success_rate": 100.0 * (count - errors) / count if count else None,
                "p95": _p95(minute),
                "errors_per_minute": minute.errors,
                "per_minute": minute.count,
                "queue_depth": queue,
                "names": rows,
                "names_total": names_total,
            }
        )


def recent(kinds: Iterable[KindTotal], now: float) -> Slot:
    """The last minute of all of them."""
    whole = Slot()
    for kind in kinds:
        whole.merge(kind.minute.total(now))
    return whole


def _sums(kinds: Iterable[KindTotal]) -> tuple[int, int, float]:
    """Count, errors and time spent since the start."""
    kinds = list(kinds)
    count, errors = sum(one.count for one in kinds), sum(one.errors for one in kinds)
    return count, errors, sum(one.sum_s for one in kinds)


def _mean(minute: Slot) -> float | None:
    return minute.sum_s / minute.count if minute.count else None


def _p95(minute: Slot) -> float | None:
    return quantiles(minute.buckets, (0.95,))[0] if minute.count else None
