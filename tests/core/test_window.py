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
    """The sums over the 60 s up to `NOON`, and of what there is of the second that it begins."""
    inside = [one for one in adds if -60 <= one[0] <= 0]
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


LOOKS = st.lists(st.tuples(st.integers(0, 40), ADDS), max_size=8)


@given(LOOKS)
def test_looks_in_between(looks: list[tuple[int, Adds]]) -> None:
    """However often it is looked at in between, and whatever comes late or ahead of its time:
    the total is that of a window that is looked at once. So are its
    slots, and nothing of it is lost or left over."""
    window, now = Window(), 0
    every: Adds = []
    for step, adds in looks:
        now += step
        late = [(now + at, count, errors, bucket) for at, count, errors, bucket in adds]
        fill(window, late)
        every += late
        seen = window.total(NOON + now)
        assert figures(seen) == expected([(at - now, *rest) for at, *rest in every])  # type: ignore[misc]
        slots = dict(window.slots(NOON + now))
        oldest = expected([(at - now, *rest) for at, *rest in every if at == now - 60])  # type: ignore[misc]
        assert sum(slot.count for slot in slots.values()) == seen.count - oldest[0]
        assert {n: slot.count for n, slot in slots.items()} == dict(window.counts(NOON + now))


def test_the_clock_goes_back() -> None:
    """Looked at from before, a window counts what there was up to then."""
    window = Window()
    for second in range(20):
        window.add(NOON + second, 1, sum_s=0.5, buckets={7: 1})
        window.total(NOON + second)
    assert figures(window.total(NOON + 9)) == (10, 0, 5.0, {7: 10})
    assert figures(window.total(NOON + 19)) == (20, 0, 10.0, {7: 20})


@given(ADDS, st.integers(0, 70))
def test_moves_at(adds: Adds, later: int) -> None:
    """Until the instant that it names the total stays as it is."""
    window = Window()
    fill(window, adds)
    before, until = figures(window.total(NOON)), window.moves_at(NOON)
    assert until > NOON
    if NOON + later < until:
        assert figures(window.total(NOON + later)) == before


def test_ahead_of_now() -> None:
    """What is dated ahead is counted when its time has come."""
    window = Window()
    window.add(NOON + 5, 1)
    assert window.total(NOON).count == 0
    assert window.total(NOON + 5).count == 1
    assert window.total(NOON + 65).count == 1
    assert window.total(NOON + 66).count == 0


def test_a_minute_is_sixty_seconds() -> None:
    """At a tick, which is the beginning of a second, ten calls in each second are 600 in the last
    minute: the second that has only begun takes no whole one's place."""
    window = Window()
    for tenth in range(2_000):
        window.add(NOON + 0.05 + tenth / 10, 1)
    assert window.total(NOON + 200).count == 600


def test_memory_is_bounded() -> None:
    """A window that nobody looks at keeps no more than two spans of slots."""
    window = Window()
    for second in range(10_000):
        window.add(NOON + second, 1)
    assert len(window._open) + len(window._closed) <= 121
    assert window.total(NOON + 9_999).count == 61


def test_empty() -> None:
    """Empty is what never got anything, or lost it to time."""
    window = Window()
    assert window.empty
    window.add(NOON, 1)
    assert not window.empty
    window.total(NOON + 61)
    assert window.empty
