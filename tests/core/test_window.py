"""The rolling window: what counts as the last minute."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tachograph.core.window import Slot, Window

NOON = 1_800_014_400

ADDS = st.lists(
    st.tuples(st.integers(-200, 30), st.integers(0, 5), st.integers(0, 2), st.integers(1, 3)),
    max_size=30,
)
Adds = list[tuple[int, int, int, int]]


def fill(window: Window, adds: Adds) -> None:
    for at, count, errors, bucket in adds:
        window.add(NOON + at, count, errors, count * 0.5, {bucket: count} if count else None)


def figures(slot: Slot) -> tuple[int, int, float, dict[int, int]]:
    return slot.count, slot.errors, slot.sum_s, slot.buckets


def expected(adds: Adds) -> tuple[int, int, float, dict[int, int]]:
    """The sums over the last 60 whole seconds, the one of `NOON` included."""
    inside = [one for one in adds if -60 < one[0] <= 0]
    buckets: dict[int, int] = {}
    for _, count, _, bucket in inside:
        if count:
            buckets[bucket] = buckets.get(bucket, 0) + count
    count = sum(one[1] for one in inside)
    return count, sum(one[2] for one in inside), count * 0.5, buckets


@given(ADDS)
def test_total(adds: Adds) -> None:
    """Everything of the last 60 s is added up, in whatever order it came; what is older is
    left out, and so is what is dated ahead of now."""
    window = Window()
    fill(window, adds)
    assert figures(window.total(NOON)) == expected(adds)


@given(ADDS, ADDS)
def test_merge(first: Adds, second: Adds) -> None:
    """Two windows merged hold what one would that had got both."""
    one, other = Window(), Window()
    fill(one, first)
    fill(other, second)
    one.merge(other)
    assert figures(one.total(NOON)) == expected(first + second)
    assert figures(other.total(NOON)) == expected(second)


def test_merge_of_small_slots() -> None:
    """Slots of a tenth of a second stay where they are when windows are merged."""
    one, other = Window(6.0, 0.1), Window(6.0, 0.1)
    for n in range(60):
        other.add(n * 0.1 + 0.05, 1)
    one.merge(other)
    for now in (0.95, 1.15, 3.05, 5.95):
        assert one.total(now).count == other.total(now).count


def test_ahead_of_now() -> None:
    """What is dated ahead is counted when its time has come."""
    window = Window()
    window.add(NOON + 5, 1)
    assert window.total(NOON).count == 0
    assert window.total(NOON + 5).count == 1
    assert window.total(NOON + 64).count == 1
    assert window.total(NOON + 65).count == 0


def test_memory_is_bounded() -> None:
    """A window that nobody looks at keeps no more than two spans of slots."""
    window = Window()
    for second in range(10_000):
        window.add(NOON + second, 1)
    assert len(window._slots) <= 121
    assert window.total(NOON + 9_999).count == 60


def test_empty() -> None:
    """Empty is what never got anything, or lost it to time."""
    window = Window()
    assert window.empty
    window.add(NOON, 1)
    assert not window.empty
    window.total(NOON + 60)
    assert window.empty
