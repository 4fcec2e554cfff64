"""A log-linear histogram whose buckets are the top bits of the number itself.

A positive IEEE-754 double compares like its bit pattern, so its sign, exponent and first
six mantissa bits (bits >> 46) are a bucket number: 64 equal buckets per power of two. The
middle of a bucket is at most 1/128 = 0.78 % away from anything in it. Merging adds counts;
nothing else is ever needed. Zero (and less, which the recorder refuses) is bucket 0.

Same idea as HdrHistogram (https://hdrhistogram.github.io/HdrHistogram/), with the float's
own layout in place of arithmetic. Pure.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate

#: float64 keeps 52 mantissa bits; 6 of them stay.
SHIFT = 46
#: The largest distance of a bucket's middle from a value in it, relative.
RELATIVE_ERROR = 1 / 128

_DOUBLE = struct.Struct("<d")
_BITS = struct.Struct("<Q")


def bucket_of(value: float) -> int:
    """The bucket that holds `value` (>= 0, finite)."""
    return int(_BITS.unpack(_DOUBLE.pack(value))[0]) >> SHIFT if value > 0 else 0


def bounds(bucket: int) -> tuple[float, float]:
    """The bucket's lower bound (inside) and upper bound (outside)."""
    low: float = _DOUBLE.unpack(_BITS.pack(bucket << SHIFT))[0]
    high: float = _DOUBLE.unpack(_BITS.pack((bucket + 1) << SHIFT))[0]
    return low, high


@lru_cache(maxsize=8192)
def middle(bucket: int) -> float:
    """The value that stands for everything in the bucket."""
    if bucket <= 0:
        return 0.0
    low, high = bounds(bucket)
    return (low + high) / 2


def pairs(flat: list[int]) -> Iterable[tuple[int, int]]:
    """Bucket and count from a list that holds them by turns."""
    return zip(flat[::2], flat[1::2], strict=False)


def quantiles(
    counts: Mapping[int, int], wanted: Iterable[float], order: Sequence[int] | None = None
) -> list[float | None]:
    """The value below which a share `q` (0 to 1) of the observations lie, for each wanted q.

    The nearest-rank definition: the smallest bucket whose cumulative count reaches
    ceil(q * n). None for each when there is nothing. `order` is the buckets, ascending.
    """
    order = sorted(counts) if order is None else order
    sums = list(accumulate(map(counts.__getitem__, order)))
    total = sums[-1] if sums else 0
    if total <= 0:
        return [None for _ in wanted]
    ranks = (max(1, -int(-q * total // 1)) for q in wanted)
    return [middle(order[bisect_left(sums, rank)]) for rank in ranks]
