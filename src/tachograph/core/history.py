"""A timer or a counter over stored time, in equal steps. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from tachograph.core.histogram import middle, pairs, quantiles
from tachograph.core.window import Slot
from tachograph.model import Second

Json = dict[str, Any]

MAX_POINTS = 1_000
MINUTE_S = 60
#: Up to this length a range may be cut into steps of less than a minute.
FINE_S = 3_600
#: Steps that people read well; beyond them whole days.
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200)
_DAY_S = 86_400


class Plan(NamedTuple):
    """Which seconds are asked for, and how they are cut: step n begins at begin_s + n * step_s."""

    start_s: int
    end_s: int
    begin_s: int
    step_s: int


def plan(start: float, end: float, points: int) -> Plan:
    """At most so many steps over all seconds that begin from `start` to before `end`. Steps
    begin at multiples of themselves where that goes, so that they stay when the range moves."""
    start_s, end_s = math.ceil(start), math.ceil(end)
    length = max(1, end_s - start_s)
    finest = 1 if length <= FINE_S else MINUTE_S
    for step_s in _steps(finest, 4 * length / points):
        # One more than the length needs: wherever the range begins, the step is the same.
        if (points - 1) * step_s >= length:
            return Plan(start_s, end_s, start_s // step_s * step_s, step_s)
    begin_s = start_s // finest * finest
    step_s = math.ceil((end_s - begin_s) / points / finest) * finest
    return Plan(start_s, end_s, begin_s, max(finest, step_s))


def _steps(finest: int, coarsest: float) -> Iterator[int]:
    for step_s in _STEPS:
        if finest <= step_s <= max(finest, coarsest):
            yield step_s
    days = 1
    while days * _DAY_S <= coarsest:
        yield days * _DAY_S
        days += 1 if days < 7 else 7


class History:
    """Adds up seconds, or whole minutes where a step is one or more."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._steps: dict[int, Slot] = {}

    def add(self, row: Second) -> None:
        """Take a row that holds the wanted series alone."""
        if not row.samples:
            return
        number = (row.at_s - self._plan.begin_s) // self._plan.step_s
        step = self._steps.get(number)
        if step is None:
            step = self._steps[number] = Slot()
        for _, sample in row.samples:
            step.add(sample.count, sample.errors, sample.value, dict(pairs(sample.buckets)))

    def timer(self) -> list[Json]:
        """Each step in which it was called."""
        return [
            {"at": float(at_s), "count": step.count, "errors": step.errors, **_durations(step)}
            for at_s, step in self._in_order()
            if step.count > 0
        ]

    def counter(self) -> list[Json]:
        """Each step in which it went up: by how much, and how much that is per second."""
        return [
            {
                "at": float(at_s),
                "sum": round(step.sum_s, 6),
                "rate": round(step.sum_s / self._plan.step_s, 6),
            }
            for at_s, step in self._in_order()
            if step.sum_s > 0
        ]

    def _in_order(self) -> Iterable[tuple[int, Slot]]:
        for number, step in sorted(self._steps.items()):
            yield self._plan.begin_s + number * self._plan.step_s, step


def _durations(step: Slot) -> Json:
    p50, p95, p99 = quantiles(step.buckets, (0.5, 0.95, 0.99))
    figures = {
        "mean": step.sum_s / step.count,
        "p50": p50,
        "p95": p95,
        "p99": p99,
        "max": middle(max(step.buckets)) if step.buckets else None,
    }
    return {name: round(figure, 6) for name, figure in figures.items() if figure is not None}
