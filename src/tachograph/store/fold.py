"""A minute from its seconds: counters and timers add up. Pure.

Straight from the columns of the rows: by samples it would cost twice as much.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from itertools import accumulate

from tachograph.store.base import Sample
from tachograph.store.codec import Columns

MINUTE_S = 60
#: Minutes that one call of `fold` writes at most.
MAX_MINUTES = 60


def minute_of(at_s: int) -> int:
    """The first second of the minute that this second is in."""
    return at_s - at_s % MINUTE_S


class _Timer:
    """What a timer's samples have beside a value."""

    __slots__ = ("buckets", "count", "errors", "self_s")

    def __init__(self) -> None:
        self.count = self.errors = 0
        self.self_s = 0.0
        self.buckets: dict[int, int] = {}

    def sample(self, value: float) -> Sample:
        flat = [figure for pair in sorted(self.buckets.items()) for figure in pair]
        return Sample(value, self.count, self.errors, self.self_s, flat)


def added(rows: Iterable[Columns], wanted: Container[int]) -> dict[int, Sample]:
    """The sums by series id of what is wanted in these rows."""
    values: dict[int, float] = {}
    timers: dict[int, _Timer] = {}
    for row in rows:
        ids = list(accumulate(row.ids))
        for id, value in zip(ids, row.values, strict=True):
            values[id] = values[id] + value if id in values else value
        _add_timers(timers, ids, row)
    return {
        id: timers[id].sample(value) if id in timers else Sample(value)
        for id, value in values.items()
        if id in wanted
    }


def _add_timers(timers: dict[int, _Timer], ids: list[int], row: Columns) -> None:
    at = 0
    for place, count, errors, self_s, length in zip(
        accumulate(row.timers), row.count, row.errors, row.self_s, row.lengths, strict=True
    ):
        timer = timers.get(ids[place])
        if timer is None:
            timer = timers[ids[place]] = _Timer()
        timer.count += count
        timer.errors += errors
        timer.self_s += row.values[place] if self_s is None else self_s
        if length:
            buckets, number, end = timer.buckets, 0, at + length
            for step, n in zip(row.numbers[at:end], row.counts[at:end], strict=True):
                number += step
                buckets[number] = buckets.get(number, 0) + n
            at = end
