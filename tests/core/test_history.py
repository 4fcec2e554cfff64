"""History: every stored second is in exactly one step, and steps stand where they stood."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tachograph.core.histogram import bucket_of
from tachograph.core.history import FINE_S, History, plan
from tachograph.model import Sample, Second, SeriesKey
from tests.core.program import NOON

KEY = SeriesKey("photos", "catalog", "click", span="action")
STARTS = st.floats(0, 2e9)
LENGTHS = st.floats(0.001, 4e6)
POINTS = st.integers(1, 1000)


@given(STARTS, LENGTHS, POINTS)
def test_steps_cover_the_range(start: float, length: float, points: int) -> None:
    """No second of the range is outside of the steps, there are at most as many as were asked
    for, and of a long range they are whole minutes."""
    made = plan(start, start + length, points)
    assert made.begin_s <= made.start_s
    assert made.begin_s + points * made.step_s >= made.end_s
    assert made.start_s - made.begin_s < made.step_s
    if made.end_s - made.start_s > FINE_S:
        assert made.step_s % 60 == made.begin_s % 60 == 0


@given(STARTS, st.integers(60, 86_400), st.integers(10, 1000))
def test_steps_are_not_much_longer_than_asked(start: float, length: int, points: int) -> None:
    """With many points the steps are about as short as can be: a page gets what it asked for."""
    made = plan(start, start + length, points)
    finest = 1 if made.end_s - made.start_s <= FINE_S else 60
    assert made.step_s <= max(finest, 4 * (made.end_s - made.start_s) / points)


def test_steps_stay_when_the_range_moves() -> None:
    """Asked again a little later, steps are as long and begin at the same instants: a chart
    doesn't tremble."""
    plans = [plan(NOON - 3600 + n, NOON + n, 120) for n in range(90)]
    assert {made.step_s for made in plans} == {60}
    assert {made.begin_s % 60 for made in plans} == {0}


def test_timer() -> None:
    """Counts and errors add up, durations are of all calls together; an empty step is absent."""
    history = History(plan(NOON, NOON + 60, 7))
    for second, duration, errors in ((0, 0.5, 1), (1, 1.5, 0), (25, 0.25, 0)):
        sample = Sample(duration * 2, 2, errors, 0.0, [bucket_of(duration), 2])
        history.add(Second(int(NOON) + second, [(KEY, sample)]))
    history.add(Second(int(NOON) + 40))
    first, later = history.timer()
    assert (first["at"], first["count"], first["errors"], first["mean"]) == (NOON, 4, 1, 1.0)
    assert abs(first["p50"] - 0.5) <= 0.5 / 128
    assert abs(first["max"] - 1.5) <= 1.5 / 128
    assert first["p95"] == first["p99"] == first["max"]
    assert (later["at"], later["count"], later["mean"]) == (NOON + 20, 2, 0.25)


def test_counter() -> None:
    """A counter has its increase, and that per second."""
    history = History(plan(NOON, NOON + 60, 7))
    for second in (0, 9, 10):
        history.add(Second(int(NOON) + second, [(KEY, Sample(5.0))]))
    assert history.counter() == [
        {"at": NOON, "sum": 10.0, "rate": 1.0},
        {"at": NOON + 10, "sum": 5.0, "rate": 0.5},
    ]
