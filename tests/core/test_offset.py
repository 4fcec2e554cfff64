"""A source's clock against ours: told by when frames come, if somebody read as they came."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachograph.core.offset import SPAN_NS, ClockOffset, corrected
from tachograph.model import Frame, Goodbye, Line, SpanEnd, SpanStart
from tests.core.program import Program

S = 1_000_000_000
NOON = 1_800_014_400 * S
HOUR, YEAR = 3600 * S, 365 * 86_400 * S


@given(
    st.sampled_from([0, S // 2, -S // 2, HOUR, -HOUR, YEAR, -YEAR]),
    st.lists(st.integers(0, 20 * S), min_size=1, max_size=30),
)
def test_the_least_delay_is_the_clock_s_own(offset: int, delays: list[int]) -> None:
    """Whatever the delays of frames are: the offset is at most the least of them too large."""
    clock = ClockOffset()
    for n, delay in enumerate(delays):
        clock.come(NOON + n * S // 2 - offset, NOON + n * S // 2 + delay)
    true = offset + min(delays)
    assert clock.ns == (true if abs(true) > S else 0)


def test_a_second_is_near() -> None:
    """Clocks that are up to a second apart are not corrected."""
    clock = ClockOffset()
    clock.come(NOON, NOON + S)
    assert clock.ns == 0
    clock = ClockOffset()
    clock.come(NOON, NOON + S + 1)
    assert clock.ns == S + 1


def test_a_clock_that_is_set_back_is_noticed_at_once() -> None:
    """Instants that go back say that the source's clock was set: the past minute says nothing."""
    clock = ClockOffset()
    clock.come(NOON, NOON)
    clock.come(NOON + S - HOUR, NOON + S)
    assert clock.ns == HOUR


def test_a_clock_that_is_set_ahead_is_noticed_at_once() -> None:
    """So is one that was set ahead, and one that is right again."""
    clock = ClockOffset()
    for offset in (0, -YEAR, 0, HOUR, -HOUR):
        for n in range(3):
            clock.come(NOON + n * S - offset, NOON + n * S)
        assert clock.ns == offset


def test_what_is_long_ago_is_forgotten() -> None:
    """A clock that falls behind slowly is followed, by what came of late."""
    clock = ClockOffset()
    for n in range(1000):
        clock.come(NOON + n * S - n * S // 10, NOON + n * S)
    assert 0 <= 100 * S - clock.ns <= SPAN_NS // 10 + S


def test_restored_and_forgotten() -> None:
    """What was known before a restart holds until a frame comes; the same after our own clock
    was set."""
    clock = ClockOffset(HOUR)
    assert (clock.ns, clock.known) == (HOUR, False)
    clock.come(NOON, NOON)
    assert (clock.ns, clock.known) == (0, True)
    clock.forget()
    assert (clock.ns, clock.known) == (0, False)


@pytest.mark.parametrize("ns", [HOUR, -HOUR])
def test_every_instant_of_a_frame_is_corrected(ns: int) -> None:
    """Not the frame's own alone, or a span would run since an hour or end before it began."""
    frame = Frame(
        NOON,
        Program().source,
        started=[SpanStart(1, 0, "action", "a", NOON)],
        ended=[SpanEnd(2, 0, "action", "b", NOON, 1.0, 1.0)],
        goodbye=Goodbye("ended", NOON),
        lines=[Line(NOON, "x")],
    )
    assert frame.source is not None
    began = frame.source.started_ns
    corrected(frame, ns)
    assert frame.goodbye is not None
    inner = (frame.started[0], frame.ended[0], frame.goodbye, frame.lines[0])
    assert {one.at_ns for one in inner} == {frame.at_ns} == {NOON + ns}
    assert frame.source.started_ns == began + ns
