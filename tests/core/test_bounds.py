"""What a frame may say: instants near now, figures that can be added up."""

from __future__ import annotations

from typing import Any

import pytest

from tachograph.core.bounds import AHEAD_NS, MOST, bound, possible
from tachograph.core.source import MAX_REASONS, MAX_TOPICS, SourceState
from tachograph.model import (
    Clock,
    CounterTick,
    Definition,
    Frame,
    GaugeTick,
    Goodbye,
    Loss,
    Publish,
    SpanEnd,
    SpanStart,
    TimerTick,
)
from tests.core.program import Program

NOW = 1_800_014_400_000_000_000
INF, NAN = float("inf"), float("nan")


@pytest.mark.parametrize(
    ("said", "kept"), [(1 << 63, NOW + AHEAD_NS), (-(1 << 63), 0), (NOW - 5, NOW - 5)]
)
def test_instants(said: int, kept: int) -> None:
    """Every instant that is stored lies between the epoch and a moment from now."""
    frame = Frame(
        said,
        started=[SpanStart(1, 0, "action", "a", said)],
        ended=[SpanEnd(2, 0, "action", "b", said, 1.0, 1.0)],
        goodbye=Goodbye("ended", said),
    )
    bound(frame, NOW)
    assert frame.goodbye is not None
    instants = (frame.at_ns, frame.started[0].at_ns, frame.ended[0].at_ns, frame.goodbye.at_ns)
    assert instants == (kept,) * 4


@pytest.mark.parametrize("value", [NAN, 1 << 64, b"bytes", {"a": {"b": INF}}])
def test_attributes_that_cannot_be_carried(value: Any) -> None:
    """They are left out; the span stays."""
    start = SpanStart(1, 0, "action", "a", 1, {"x": value})
    end = SpanEnd(2, 0, "action", "b", 1, NAN, 1.0, "Oops", {"x": value})
    fine = SpanStart(3, 0, "action", "c", 1, {"x": [1, "a"]})
    bound(Frame(NOW, started=[start, fine], ended=[end]), NOW)
    assert (start.attributes, end.attributes, fine.attributes) == ({}, {}, {"x": [1, "a"]})
    assert end.duration_s == 0.0


@pytest.mark.parametrize(
    "tick",
    [
        TimerTick(1, MOST, 0, 1.0, 1.0, 1.0, 1.0),
        TimerTick(1, -1, 0, 1.0, 1.0, 1.0, 1.0),
        TimerTick(1, 1, 2, 1.0, 1.0, 1.0, 1.0),
        TimerTick(1, 1, -1, 1.0, 1.0, 1.0, 1.0),
        TimerTick(1, 1, 0, NAN, 1.0, 1.0, 1.0),
        TimerTick(1, 1, 0, 1.0, INF, 1.0, 1.0),
        TimerTick(1, 1, 0, 1.0, 1.0, -INF, INF),
        TimerTick(1, 1, 0, 1e308, 1e308, 1.0, 1.0),
    ],
)
def test_timers_that_cannot_be(tick: TimerTick) -> None:
    """Figures that no timer has move none; those that one has do."""
    program = Program()
    state = SourceState(program.source)
    definitions = [Definition(1, "timer", "a", span="action")]
    assert not state.apply(Frame(1, definitions=definitions, timers=[tick]), 1).timers
    assert (state.unknown, state.timers) == (1, {})
    assert possible(TimerTick(1, 2, 1, 1.0, 0.5, 0.1, 0.9))


def test_figures_that_cannot_be() -> None:
    """NaN and infinities are no figures; nor are buckets that no number falls into."""
    state = SourceState(Program().source)
    definitions = [
        Definition(1, "counter", "a"),
        Definition(2, "gauge", "b"),
        Definition(3, "timer", "c"),
    ]
    for seq, value in enumerate((NAN, INF, -INF, 1e308), 1):
        steps = state.apply(
            Frame(
                seq,
                definitions=definitions,
                counters=[CounterTick(1, value)],
                gauges=[GaugeTick(2, value)],
                clocks=[Clock(1, value)],
                losses=[Loss("x", 1 << 60), Loss("y", -5)],
            ),
            seq,
        )
        assert (steps.counters, steps.gauges) == ([], [])
    assert (state.counters, state.gauges, state.clock_jump_s) == ({}, {}, 0.0)
    assert state.losses == {"x": MOST, "y": 0}
    buckets = [-1, 1, 1 << 40, 1, 131_007, 1, 5, MOST, 6, 2]
    (step,) = state.apply(Frame(9, timers=[TimerTick(3, 2, 0, 1, 1, 1, 1, buckets)]), 9).timers
    assert step.buckets == {6: 2}
    state.gap(1 << 60)
    state.gap(1 << 60)
    assert state.lost == MOST


def test_definitions_that_lie() -> None:
    """The first word on a number holds, and figures of another kind than it says are none."""
    state = SourceState(Program().source)
    state.apply(Frame(1, definitions=[Definition(1, "counter", "a")]), 1)
    lie = [Definition(1, "gauge", "b"), Definition(2, "timer", "t")]
    timer = TimerTick(1, 1, 0, 1.0, 1.0, 1.0, 1.0)
    steps = state.apply(Frame(2, definitions=lie, gauges=[GaugeTick(1, 5.0)], timers=[timer]), 2)
    assert (steps.gauges, steps.timers) == ([], [])
    assert (state.definitions[1].name, state.unknown) == ("a", 3)
    assert state.apply(Frame(3, counters=[CounterTick(1, 2.0), CounterTick(2, 1.0)]), 3).counters


def test_what_a_source_makes_us_keep_is_bounded() -> None:
    """Topics and reasons of losses have a limit; what can't be carried is handed on to be
    refused, and not kept."""
    state = SourceState(Program().source)
    publishes = [Publish(f"t{n}", {"a": n}) for n in range(MAX_TOPICS + 5)]
    losses = [Loss(f"r{n}", 1) for n in range(MAX_REASONS + 5)]
    steps = state.apply(Frame(1, publishes=publishes, losses=losses), 1)
    assert len(steps.publishes) == MAX_TOPICS + 5
    assert (len(state.topics), len(state.losses)) == (MAX_TOPICS, MAX_REASONS)
    (handed,) = state.apply(Frame(2, publishes=[Publish("t1", {"b": NAN})]), 2).publishes
    assert set(handed.value) == {"b"}
    assert state.topics["t1"] == {"a": 1}
