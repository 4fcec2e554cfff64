"""One timer's sums. Pure."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Sequence
from math import inf
from struct import pack
from sys import byteorder

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
        self.sum_s += total
        self.self_s += own
        tally = _tally(durations)
        buckets = self.buckets
        for bucket, count in tally.items():
            buckets[bucket] = buckets.get(bucket, 0) + count
        self.changed.update(tally)
        # Buckets are in the order of their values: mostly this shows that neither is new.
        if min(tally) <= bucket_of(self.min_s):
            self.min_s = min(self.min_s, min(durations))
        if max(tally) >= bucket_of(self.max_s):
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


def _tally(durations: list[float]) -> dict[int, int]:
    """How many are in each bucket, as `bucket_of` has it."""
    raw = pack(f"{len(durations)}d", *durations)
    if len(durations) >= _MANY and byteorder == "little":
        return {top >> _SPARE: count for top, count in Tally(_tops(raw)).items()}
    tally: dict[int, int] = {}
    for bits in memoryview(raw).cast("Q"):
        bucket = bits >> SHIFT
        tally[bucket] = tally.get(bucket, 0) + 1
    return tally


def _tops(raw: bytes) -> memoryview:
    """The top bits of each double, those below the bucket cleared: for C to count as they are.

    Shifting each in Python, or in a map, costs as much again as counting.
    """
    tops = bytearray(len(raw) // 2)
    tops[0::4] = raw[5::8].translate(_CLEARED)
    tops[1::4] = raw[6::8]
    tops[2::4] = raw[7::8]
    return memoryview(tops).cast("I")
