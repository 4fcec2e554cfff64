"""Points of a chart: each is sent once, and leaves after a minute."""

from __future__ import annotations

import pytest

from tachograph.core.patch import diff
from tachograph.core.points import Points, instant, missed

NOON = 1_800_014_400.0


def test_a_delta_appends() -> None:
    """The delta from tick to tick holds the new point, and deletes the one that left."""
    points = Points(("a", "b"))
    points.add(NOON, [1.0, None])
    before = points.value()
    points.add(NOON + 1, [2.0, 3.0])
    assert diff(before, points.value()) == {"points": {"1800014401000": [2.0, 3.0]}}
    before = points.value()
    points.add(NOON + 60, [4.0, 5.0])
    assert diff(before, points.value()) == {
        "points": {"1800014400000": None, "1800014460000": [4.0, 5.0]}
    }


def test_a_value_that_was_handed_out_stays() -> None:
    """What a topic holds doesn't change under it."""
    points = Points(("a",))
    points.add(NOON, [1.0])
    value = points.value()
    points.add(NOON + 1, [2.0])
    assert value == {"columns": ["a"], "points": {"1800014400000": [1.0]}, "gaps": {}}


@pytest.mark.parametrize("ticks", [1, 59, 60, 61, 130])
@pytest.mark.parametrize("interval_s", [0.5, 1.0, 2.0])
def test_window(interval_s: float, ticks: int) -> None:
    """Any number of ticks leaves the points of the last 60 s, in order."""
    points = Points(("a",))
    for n in range(ticks):
        points.add(NOON + n * interval_s, [float(n)])
    kept = points.value()["points"]
    expected = min(ticks, round(60 / interval_s))
    assert [row[0] for row in kept.values()] == [float(n) for n in range(ticks)][-expected:]
    assert list(kept) == sorted(kept)


@pytest.mark.parametrize("interval_s", [0.05, 0.1, 0.3, 0.7, 1.0, 1.1, 60.0])
def test_instant(interval_s: float) -> None:
    """A tick belongs to its own instant, exactly in time and late, whatever the interval is as
    a binary number; none is skipped and none doubled."""
    first = round(NOON / interval_s)
    for n in range(first, first + 2000):
        for late in (0.0, 0.3, 0.99):
            seen = instant((n + late) * interval_s, interval_s)
            assert round(seen * 1000) == round(n * interval_s * 1000)


def test_the_same_instant_again() -> None:
    """A tick that fires twice replaces its point."""
    points = Points(("a",))
    points.add(NOON, [1.0])
    points.add(NOON, [2.0])
    assert points.value()["points"] == {"1800014400000": [2.0]}


def test_the_clock_goes_back() -> None:
    """After the wall clock was set back the window goes on from there: what is dated later
    would stand at the wrong end of the chart."""
    points = Points(("a",))
    for n in range(3):
        points.add(NOON + n, [float(n)])
    points.add(NOON - 3600, [9.0])
    assert list(points.value()["points"]) == [str(round((NOON - 3600) * 1000))]


def test_rounding() -> None:
    """Figures are cut to what a chart can show."""
    points = Points(("a", "b"))
    points.add(NOON, [1 / 3, None])
    assert points.value()["points"]["1800014400000"] == [0.333333, None]


def test_gaps() -> None:
    """A cause is sent once and leaves after a minute, as a point does; what is said of the same
    instant twice is said together, and beside a point that is there."""
    points = Points(("a",))
    points.gap(NOON, "one")
    points.gap(NOON, "two")
    points.add(NOON + 1, [1.0])
    points.gap(NOON + 1, "three")
    before = points.value()
    assert before["gaps"] == {"1800014400000": "one; two", "1800014401000": "three"}
    assert list(before["points"]) == ["1800014401000"]
    points.gap(NOON + 60, "four")
    assert diff(before, points.value()) == {
        "gaps": {"1800014400000": None, "1800014460000": "four"}
    }
    points.gap(NOON + 61, "five")
    assert points.value()["points"] == {}
    points.gap(NOON - 3600, "six")
    assert points.value()["gaps"] == {str(round((NOON - 3600) * 1000)): "six"}


@pytest.mark.parametrize("interval_s", [0.1, 0.5, 1.0, 2.0, 60.0])
def test_missed(interval_s: float) -> None:
    """The instants between two ticks, those of the last minute: none between neighbours."""
    assert list(missed(NOON, NOON + interval_s, interval_s)) == []
    seen = [round(at * 1000) for at in missed(NOON, NOON + 4 * interval_s, interval_s)]
    within = [n for n in (1, 2, 3) if (4 - n) * interval_s <= 60]
    assert seen == [round((NOON + n * interval_s) * 1000) for n in within]
    late = list(missed(NOON, NOON + 3600, interval_s))
    assert late[-1] == pytest.approx(NOON + 3600 - interval_s)
    assert len(late) <= max(1, 60 / interval_s)
    assert list(missed(NOON, NOON - 3600, interval_s)) == []
