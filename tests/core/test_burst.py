"""Frames of one second taken as one: the same figures as one by one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachograph.core.burst import Burst, joins
from tachograph.core.source import SourceState, Steps
from tachograph.model import (
    Clock,
    Definition,
    Frame,
    GaugeTick,
    Goodbye,
    Line,
    Loss,
    Publish,
    SpanEnd,
    SpanStart,
    Stack,
)
from tests.core.program import NOON, Program

#: What happens before each frame: calls of two names, failed or not, a counter, a gauge.
WORK = st.lists(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from(["a", "b"]), st.sampled_from([0.25, 3.0]), st.booleans()),
            st.tuples(st.sampled_from(["count", "gauge"]), st.integers(1, 9)),
        ),
        max_size=4,
    ),
    min_size=1,
    max_size=6,
)


def do(program: Program, what: Any) -> None:
    match what:
        case (name, float() as seconds, failed):
            program.do(seconds, name=name, error="Oops" if failed else "")
        case ("count", n):
            program.count(n)
        case ("gauge", n):
            program.gauge("depth", n)


def added(steps: list[Steps]) -> Any:
    """What steps add up to, by name."""
    counters: dict[str, float] = {}
    timers: dict[str, Any] = {}
    gauges: dict[str, Any] = {}
    for one in steps:
        for definition, step in one.counters:
            counters[definition.name] = counters.get(definition.name, 0) + step
        for timer in one.timers:
            total = timers.setdefault(timer.definition.name, [0, 0, 0.0, {}])
            total[:3] = total[0] + timer.count, total[1] + timer.errors, total[2] + timer.sum_s
            for bucket, n in timer.buckets.items():
                total[3][bucket] = total[3].get(bucket, 0) + n
        gauges |= {definition.name: value for definition, value in one.gauges}
    return counters, timers, gauges


@given(WORK)
def test_a_burst_says_what_its_frames_say(work: list[Any]) -> None:
    """Taken as one, frames move a source to the same state, by the same steps, as one by one."""
    program = Program()
    for name in ("a", "b"):
        program.do(1.0, name=name)
    program.count(1)
    program.gauge("depth", 0)
    first = program.frame(NOON)
    numbered = []
    for n, happens in enumerate(work):
        for what in happens:
            do(program, what)
        numbered.append(program.frame(NOON + n / 10))
    single, burst = SourceState(program.source), None
    together = SourceState(program.source)
    for state in (single, together):
        state.apply(msgspec.convert(msgspec.to_builtins(first.frame), Frame), first.seq)
    steps = [single.apply(one.frame, one.seq) for one in numbered]
    for seq, frame in numbered:
        assert joins(frame)
        copy = msgspec.convert(msgspec.to_builtins(frame), Frame)
        if burst is None:
            burst = Burst(copy, seq)
        else:
            burst.add(copy, seq)
    assert burst is not None
    step = together.apply(burst.frame(), burst.seq, burst.count)
    assert msgspec.msgpack.encode(together) == msgspec.msgpack.encode(single)
    assert added([step]) == added(steps)


def test_spans_of_a_burst() -> None:
    """Spans that began and ended in any of its frames did so in the burst."""
    burst = Burst(Frame(1, started=[SpanStart(1, 0, "action", "a", 1)]), 1)
    end = SpanEnd(1, 0, "action", "a", 2, 1.0, 1.0, "Oops")
    burst.add(Frame(2, ended=[end], started=[SpanStart(2, 0, "action", "b", 2)]), 2)
    burst.add(Frame(3), 3)
    frame = burst.frame()
    assert [start.id for start in frame.started] == [1, 2]
    assert frame.ended == [end]
    assert (frame.at_ns, burst.seq, burst.count) == (3, 3, 3)


@pytest.mark.parametrize(
    "members",
    [
        {"source": Program().source},
        {"definitions": [Definition(1, "counter", "a")]},
        {"publishes": [Publish("t", {"a": 1})]},
        {"losses": [Loss("queue full", 1)]},
        {"clocks": [Clock(1, 1.0)]},
        {"goodbye": Goodbye("ended", 1)},
        {"lines": [Line(1, "a")]},
        {"stacks": [Stack(1, ["a"])]},
        {"gauges": [GaugeTick(1, 1.0), GaugeTick(2, None)]},
    ],
    ids=lambda members: next(iter(members)),
)
def test_what_has_its_own_instant_is_taken_by_itself(members: Any) -> None:
    """A frame with more than figures and spans is no part of a burst."""
    assert not joins(Frame(1, **members))
