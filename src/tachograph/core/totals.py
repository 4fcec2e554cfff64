"""Actions and events by name, over all sources of a project. Pure.

Totals are sums of what every source said of itself, so they are exact over restarts of
the reader; the last 60 s are kept beside them for rates and recent quantiles.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tachograph.core.histogram import quantiles
from tachograph.core.source import SourceState, TimerStep
from tachograph.core.window import Window

#: Names whose rows travel in a topic's value; the others are counted in `names_total`.
MAX_NAMES = 1_000
Row = dict[str, Any]


class NameTotal:
    """One name: since the start, and the last minute."""

    __slots__ = (
        "_row",
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
    )

    def __init__(self) -> None:
        self.count = self.errors = 0
        self.sum_s = self.self_s = self.max_s = 0.0
        self.min_s = float("inf")
        self.buckets: dict[int, int] = {}
        self.services: set[str] = set()
        self.minute = Window()
        self.dirty = True
        self._row: Row = {}

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

    def merge(self, other: NameTotal) -> None:
        """Take in the same name of another project, minute included."""
        for service in other.services:
            self.services.add(service)
        self.add(
            "",
            other.count,
            other.errors,
            other.sum_s,
            other.self_s,
            (other.min_s, other.max_s),
            other.buckets,
        )
        self.services.discard("")

    def row(self, now: float) -> Row:
        """Its figures as they stand in a topic's value."""
        if not self.dirty and self.minute.empty:
            return self._row
        recent = self.minute.total(now)
        p50, p95, p99 = quantiles(self.buckets, (0.5, 0.95, 0.99))
        (recent_p95,) = quantiles(recent.buckets, (0.95,))
        row: Row = {
            "count": self.count,
            "errors": self.errors,
            "rate": recent.count,
            "p50": _within(p50, self),
            "p95": _within(p95, self),
            "p99": _within(p99, self),
            "mean": self.sum_s / self.count if self.count else None,
            "min": self.min_s if self.count else None,
            "max": self.max_s if self.count else None,
            "total_s": self.sum_s,
            "self_s": self.self_s,
            "recent_p95": _within(recent_p95, self),
            "recent_s": recent.sum_s or None,
            "services": sorted(self.services),
        }
        self.dirty = False
        self._row = rounded(row)
        return self._row


def rounded(row: Row) -> Row:
    """Without figures that are not known, and floats to a millionth: what a page can show."""
    return {
        key: round(value, 6) if type(value) is float else value
        for key, value in row.items()
        if value is not None
    }


def _within(value: float | None, total: NameTotal) -> float | None:
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
        """Everything a source said before a restart; nothing of it is recent."""
        for number, timer in state.timers.items():
            definition = state.definitions[number]
            if definition.span != kind or not timer.count:
                continue
            self._name(definition.name).add(
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

    def _name(self, name: str) -> NameTotal:
        total = self.names.get(name)
        if total is None:
            total = self.names[name] = NameTotal()
        return total


def name_rows(kinds: Iterable[KindTotal], now: float) -> tuple[dict[str, Row], int]:
    """Rows by name, and how many names there are; the ones with the most total time first kept."""
    found = [kind for kind in kinds if kind.names]
    names = found[0].names if found else {}
    if len(found) > 1:
        names = _merged(found)
    total = len(names)
    if total > MAX_NAMES:
        kept = sorted(names, key=lambda name: names[name].sum_s, reverse=True)[:MAX_NAMES]
        return {name: names[name].row(now) for name in kept}, total
    return {name: one.row(now) for name, one in names.items()}, total


def _merged(kinds: list[KindTotal]) -> dict[str, NameTotal]:
    names: dict[str, NameTotal] = {}
    shared: set[str] = set()
    for kind in kinds:
        for name, total in kind.names.items():
            if name not in names:
                names[name] = total
                continue
            if name not in shared:
                shared.add(name)
                first, names[name] = names[name], NameTotal()
                names[name].merge(first)
                names[name].minute.merge(first.minute)
            names[name].merge(total)
            names[name].minute.merge(total.minute)
    return names
