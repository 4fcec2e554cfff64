"""The histogram: how far off a bucket is, how two become one, what a quantile is."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachograph.core.histogram import (
    RELATIVE_ERROR,
    bounds,
    bucket_of,
    middle,
    pairs,
    quantiles,
)

DURATIONS = st.floats(1e-300, 1e300)
SHARES = [0.0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 1.0]


@given(DURATIONS)
def test_relative_error(value: float) -> None:
    """What stands for a value is at most 1/128 of it away."""
    assert abs(middle(bucket_of(value)) - value) <= value * RELATIVE_ERROR
    assert RELATIVE_ERROR <= 0.0079


@given(DURATIONS)
def test_bounds(value: float) -> None:
    """A value lies in its bucket, and the bucket's upper bound is the next one's lower."""
    low, high = bounds(bucket_of(value))
    assert low <= value < high
    assert bucket_of(high) == bucket_of(low) + 1


@given(st.lists(DURATIONS, min_size=2, max_size=2))
def test_buckets_are_in_order(values: list[float]) -> None:
    """A larger value is never in a lower bucket, so sorted buckets are sorted values."""
    low, high = sorted(values)
    assert bucket_of(low) <= bucket_of(high)


@pytest.mark.parametrize("value", [0.0, -0.0, -1.0])
def test_nothing_and_less(value: float) -> None:
    """Zero is bucket 0 and comes back as zero; so does what is less, which nobody records."""
    assert bucket_of(value) == 0
    assert middle(0) == 0.0


def histogram(values: list[float]) -> Counter[int]:
    return Counter(map(bucket_of, values))


@given(st.lists(DURATIONS), st.lists(DURATIONS))
def test_merge_is_union(first: list[float], second: list[float]) -> None:
    """Adding the counts of two histograms gives the histogram of both lists together."""
    added = histogram(first) + histogram(second)
    assert added == histogram(first + second)


@given(st.lists(DURATIONS, min_size=1, max_size=60), st.permutations(SHARES))
def test_quantile_by_nearest_rank(values: list[float], shares: list[float]) -> None:
    """A quantile is the ceil(q * n)-th smallest value, to a bucket's precision, in whatever
    order the shares are asked for."""
    values.sort()
    answer = quantiles(histogram(values), shares)
    for share, seen in zip(shares, answer, strict=True):
        rank = max(1, math.ceil(round(share * len(values), 9)))
        assert seen == middle(bucket_of(values[rank - 1]))


def test_quantiles_of_nothing() -> None:
    """Without observations there is no quantile; zero would be a false figure."""
    assert quantiles({}, (0.5, 0.95)) == [None, None]
    assert quantiles({5: 0}, (0.5,)) == [None]


def test_pairs() -> None:
    """Buckets travel flat, number and count by turns; a lone last number is left out."""
    assert list(pairs([7, 2, 9, 1])) == [(7, 2), (9, 1)]
    assert list(pairs([7, 2, 9])) == [(7, 2)]
