"""What a reader knows of one timer, and by how much a frame moves it. Pure."""

from __future__ import annotations

import msgspec

from tachograph.core.bounds import MOST
from tachograph.core.histogram import pairs
from tachograph.model import Definition, TimerTick

#: Buckets of finite numbers are below this one.
_BUCKETS = (0x7FF << 6) - 1


class TimerState(msgspec.Struct, array_like=True):
    """A timer since the source's start."""

    count: int = 0
    errors: int = 0
    sum_s: float = 0.0
    self_s: float = 0.0
    min_s: float = 0.0
    max_s: float = 0.0
    buckets: dict[int, int] = {}

    def take(self, definition: Definition, tick: TimerTick) -> TimerStep:
        """Move to what the tick says."""
        buckets: dict[int, int] = {}
        known = self.buckets
        for bucket, count in pairs(tick.buckets):
            more = count - known.get(bucket, 0)
            if more > 0 and 0 <= bucket < _BUCKETS and count < MOST:
                # A burst says a bucket again and again.
                buckets[bucket] = buckets.get(bucket, 0) + more
                known[bucket] = count
        more = tick.count - self.count
        if more <= 0:
            return TimerStep(definition, 0, 0, 0.0, 0.0, buckets, self)
        step = TimerStep(
            definition,
            more,
            max(0, tick.errors - self.errors),
            max(0.0, tick.sum_s - self.sum_s),
            max(0.0, tick.self_s - self.self_s),
            buckets,
            self,
        )
        self.count, self.errors = tick.count, tick.errors
        self.sum_s, self.self_s = tick.sum_s, tick.self_s
        self.min_s, self.max_s = tick.min_s, tick.max_s
        return step


class TimerStep(msgspec.Struct, frozen=True):
    """By how much a frame moved a timer."""

    definition: Definition
    count: int
    errors: int
    sum_s: float
    self_s: float
    buckets: dict[int, int]
    state: TimerState
