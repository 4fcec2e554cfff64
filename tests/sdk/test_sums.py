"""A timer's sums: few durations and many go different ways to the same figures."""

from __future__ import annotations

from collections import Counter
from sys import float_info

from hypothesis import given
from hypothesis import strategies as st

from tachograph.core.histogram import bucket_of, pairs
from tachograph.sdk.sums import TimerSum

durations = st.floats(0, allow_infinity=False, allow_nan=False)


@given(st.lists(st.lists(durations, min_size=1, max_size=100), min_size=1, max_size=5))
def test_batches_add_up(batches: list[list[float]]) -> None:
    """Count, extremes and buckets are those of all durations, however they came."""
    timer = TimerSum(1)
    for batch in batches:
        timer.add(batch)
    everything = [seconds for batch in batches for seconds in batch]
    tick = timer.tick(whole=True)
    assert tick.count == len(everything)
    assert (tick.min_s, tick.max_s) == (min(everything), max(everything))
    assert dict(pairs(tick.buckets)) == Counter(map(bucket_of, everything))


@given(st.lists(durations, min_size=40, max_size=100), st.lists(durations, max_size=3))
def test_a_tick_says_what_changed(first: list[float], second: list[float]) -> None:
    """Only buckets that moved since the tick before, each with its whole count."""
    timer = TimerSum(1)
    timer.add(first)
    timer.tick(whole=False)
    if second:
        timer.add(second)
    told = dict(pairs(timer.tick(whole=False).buckets))
    everything = Counter(map(bucket_of, first + second))
    assert told == {bucket: everything[bucket] for bucket in set(map(bucket_of, second))}


@given(st.lists(st.tuples(durations, durations, st.booleans()), min_size=1, max_size=50))
def test_calls_with_more_to_say(rest: list[tuple[float, float, bool]]) -> None:
    """Failures are counted, and own time is summed apart from time."""
    timer = TimerSum(1)
    timer.add([1.0], rest)
    tick = timer.tick(whole=True)
    assert tick.errors == sum(failed for _, _, failed in rest)
    assert tick.count == len(rest) + 1
    assert tick.self_s == min(1.0 + sum(own for _, own, _ in rest), float_info.max)


def test_sums_stay_finite() -> None:
    """Durations that no sum can hold leave it at the largest number there is."""
    timer = TimerSum(1)
    timer.add([1e308] * 40, [(1e308, 1e308, False)])
    tick = timer.tick(whole=True)
    assert (tick.count, tick.sum_s, tick.self_s) == (41, float_info.max, float_info.max)
