"""Actions and events by name, over all sources of a project. Pure.

Totals are sums of what every source said of itself, so they are exact over restarts of
the reader; the last 60 s are kept beside them for rates and recent quantiles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from tachograph.core.histogram import pairs, quantiles
from tachograph.core.source import SourceState, TimerStep
from tachograph.core.window import Slot, Window
from tachograph.model import Sample

Row = dict[str, Any]


class NameTotal:
    """One name: since the start, and the last minute."""

    __slots__ = (
        "_order",
        "_row",
        "_row_from",
        "_row_until",
        "_row_version",
        "_version",
        "buckets",
        "count",
        "dirty",
        "errors",
        "max_s",
        "min_s",
        "minute",
        "self_s",
        "services",
        "sum_s",
        "updated_ns",
    )

    def __init__(self) -> None:
        self.count = self.errors = 0
        self.sum_s = self.self_s = self.max_s = 0.0
        self.min_s = float("inf")
        self.buckets: dict[int, int] = {}
        self.services: set[str] = set()
        self.minute = Window()
        self.updated_ns = 0
        self.dirty = True
        self._version = 0
        self._order: Sequence[int] = ()
        self._row: Row = {}
        self._row_version = -1
        self._row_from = self._row_until = 0.0

    def add(
        self,
        service: str,
        count: int,
        errors: int,
        sum_s: float,
        self_s: float,
        extremes: tuple[float, float],
        buckets: dict[int, int],
    ) -> None:
        """Add counts that came since the last time. `extremes` are min and max since the start."""
        self.dirty = True
        self.services.add(service)
        self.count += count
        self.errors += errors
        self.sum_s += sum_s
        self.self_s += self_s
        self.min_s = min(self.min_s, extremes[0])
        self.max_s = max(self.max_s, extremes[1])
        for bucket, n in buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + n

    @property
    def version(self) -> int:
        """Another number after each `add`."""
        if self.dirty:
            self.dirty = False
            self._version += 1
        return self._version

    def recent(self, now: float) -> Slot:
        """The last minute."""
        return self.minute.total(now)

    def slots(self, now: float) -> Iterator[tuple[int, Slot]]:
        """The last minute second by second, those without a call left out."""
        return self.minute.slots(now)

    def counts(self, now: float) -> Iterator[tuple[int, int]]:
        """Calls in each of these seconds."""
        return self.minute.counts(now)

    def age_s(self, now: float) -> float:
        """How old its row is; infinite without."""
        return now - self._row_from if self._row else float("inf")

    @property
    def made(self) -> Row:
        """The row as it was made last."""
        return self._row

    def row(self, now: float) -> Row:
        """Its figures as they stand in a topic's value; the same object until they change."""
        if self.version != self._row_version or not self._row_from <= now < self._row_until:
            recent = self.minute.total(now)
            if len(self._order) != len(self.buckets):
                self._order = sorted(self.buckets)
            self._row = row_of(self, recent, self._order)
            self._row_version = self._version
            self._row_from, self._row_until = now, self.minute.moves_at(now)
        return self._row


class Figures(Protocol):
    """What a row is made of."""

    count: int
    errors: int
    sum_s: float
    self_s: float
    min_s: float
    max_s: float
    buckets: dict[int, int]
    services: set[str]


def row_of(total: Figures, recent: Slot, order: Sequence[int] | None = None) -> Row:
    """A row as docs/design/topics.md has it. `order` is the total's buckets, ascending."""
    p50, p95, p99 = quantiles(total.buckets, (0.5, 0.95, 0.99), order)
    (recent_p95,) = quantiles(recent.buckets, (0.95,))
    row: Row = {
        "count": total.count,
        "errors": total.errors,
        "rate": recent.count,
        "p50": _within(p50, total),
        "p95": _within(p95, total),
        "p99": _within(p99, total),
        "mean": total.sum_s / total.count if total.count else None,
        "min": total.min_s if total.count else None,
        "max": total.max_s if total.count else None,
        "total_s": total.sum_s,
        "self_s": total.self_s,
        "recent_p95": _within(recent_p95, total),
        "recent_s": recent.sum_s or None,
        "services": sorted(total.services),
    }
    return rounded(row)


def rounded(row: Row) -> Row:
    """Without figures that are not known, and floats to a millionth: what a page can show."""
    return {
        key: round(value, 6) if type(value) is float else value
        for key, value in row.items()
        if value is not None
    }


def _within(value: float | None, total: Figures) -> float | None:
    """A bucket's middle, not beyond what was really seen."""
    return None if value is None else min(max(value, total.min_s), total.max_s)


class KindTotal:
    """All names of one span kind in one project."""

    def __init__(self) -> None:
        self.names: dict[str, NameTotal] = {}
        self.minute = Window()
        self.count = self.errors = 0
        self.sum_s = 0.0
        self.updated_ns = 0

    def step(self, service: str, at_ns: int, step: TimerStep) -> None:
        """A frame moved one of the timers."""
        name = self._name(step.definition.name)
        state = step.state
        name.add(
            service,
            step.count,
            step.errors,
            step.sum_s,
            step.self_s,
            (state.min_s, state.max_s),
            step.buckets,
        )
        at = at_ns / 1e9
        name.minute.add(at, step.count, step.errors, step.sum_s, step.buckets)
        self.minute.add(at, step.count, step.errors, step.sum_s, step.buckets)
        self.count += step.count
        self.errors += step.errors
        self.sum_s += step.sum_s
        self.updated_ns = max(self.updated_ns, at_ns)

    def restore(self, state: SourceState, kind: str) -> None:
        """Everything a source said before a restart; `recall` says what of it is recent."""
        for number, timer in state.timers.items():
            definition = state.definitions[number]
            if definition.span != kind or not timer.count:
                continue
            name = self._name(definition.name)
            name.updated_ns = max(name.updated_ns, state.last_ns)
            name.add(
                state.source.service,
                timer.count,
                timer.errors,
                timer.sum_s,
                timer.self_s,
                (timer.min_s, timer.max_s),
                timer.buckets,
            )
            self.count += timer.count
            self.errors += timer.errors
            self.sum_s += timer.sum_s
            self.updated_ns = max(self.updated_ns, state.last_ns)

    def recall(self, at_s: int, name: str, sample: Sample) -> None:
        """A stored second of one name, from before a restart: part of the last minute."""
        known = self.names.get(name)
        if known is None:
            return
        buckets = dict(pairs(sample.buckets))
        for minute in (known.minute, self.minute):
            minute.add(at_s, sample.count, sample.errors, sample.value, buckets)
        known.dirty = True

    def _name(self, name: str) -> NameTotal:
        total = self.names.get(name)
        if total is None:
            total = self.names[name] = NameTotal()
        return total
