"""One timer's sums. Pure."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Sequence
from math import inf
from struct import pack
from sys import byteorder, float_info

from tachograph.core.histogram import SHIFT, bucket_of
from tachograph.model import TimerTick

#: A call with more to say than its duration: seconds, of these its own, whether it failed.
Timing = tuple[float, float, bool]
#: From so many durations on it pays to let C count them.
_MANY = 32
#: Of the 24 top bits of a double, so many are below the bucket.
_SPARE = SHIFT - 40
_CLEARED = bytes(byte >> _SPARE << _SPARE for byte in range(256))


class TimerSum:
    """One timer since the source's start."""

    __slots__ = ("buckets", "changed", "count", "errors", "id", "max_s", "min_s", "self_s", "sum_s")

    def __init__(self, number: int) -> None:
        self.id = number
        self.count = self.errors = 0
        self.sum_s = self.self_s = self.max_s = 0.0
        self.min_s = inf
        self.buckets: dict[int, int] = {}
        self.changed: set[int] = set()

    def add(self, plain: list[float], rest: Sequence[Timing] = ()) -> None:
        """Calls that went well and had no children, by their seconds; and the others."""
        own = total = sum(plain)
        durations = plain
        if rest:
            durations = plain + [seconds for seconds, _, _ in rest]
            total = sum(durations)
            own += sum(one[1] for one in rest)
            self.errors += sum(failed for _, _, failed in rest)
        self.count += len(durations)
        # Finite durations can have a sum that isn't, and nothing could show that.
        self.sum_s = min(self.sum_s + total, float_info.max)
        self.self_s = min(self.self_s + own, float_info.max)
        raw = pack(f"{len(durations)}d", *durations)
        if len(durations) < _MANY or byteorder != "little":
            self._add_few(raw, durations)
        else:
            self._add_many(raw, durations)

    def _add_few(self, raw: bytes, durations: list[float]) -> None:
        buckets, changed = self.buckets, self.changed
        for bits in memoryview(raw).cast("Q"):
            bucket = bits >> SHIFT
            buckets[bucket] = buckets.get(bucket, 0) + 1
            changed.add(bucket)
        self.min_s = min(self.min_s, *durations)
        self.max_s = max(self.max_s, *durations)

    def _add_many(self, raw: bytes, durations: list[float]) -> None:
        buckets, changed = self.buckets, self.changed
        tally = Tally(_tops(raw))
        for top, count in tally.items():
            bucket = top >> _SPARE
            buckets[bucket] = buckets.get(bucket, 0) + count
            changed.add(bucket)
        # Buckets are in the order of their values: mostly this shows that neither is new.
        if min(tally) >> _SPARE <= bucket_of(self.min_s):
            self.min_s = min(self.min_s, min(durations))
        if max(tally) >> _SPARE >= bucket_of(self.max_s):
            self.max_s = max(self.max_s, max(durations))

    def tick(self, whole: bool) -> TimerTick:
        """Its figures, with all buckets or with those that changed since the last tick."""
        buckets = self.buckets
        flat: list[int] = []
        for bucket in sorted(buckets if whole else self.changed):
            flat += (bucket, buckets[bucket])
        self.changed.clear()
        return TimerTick(
            self.id, self.count, self.errors, self.sum_s, self.self_s, self.min_s, self.max_s, flat
        )


def _tops(raw: bytes) -> memoryview:
    """The top bits of each double, those below the bucket cleared: for C to count as they are.

    Shifting each in Python, or in a map, costs as much again as counting.
    """
    tops = bytearray(len(raw) // 2)
    tops[0::4] = raw[5::8].translate(_CLEARED)
    tops[1::4] = raw[6::8]
    tops[2::4] = raw[7::8]
    return memoryview(tops).cast("I")
