"""One source as its frames tell it: exact totals, whatever is lost, late or repeated."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachograph.core.histogram import bucket_of
from tachograph.core.source import MAX_LINES, MAX_OPEN, SourceState, Steps
from tachograph.model import (
    Clock,
    CounterTick,
    Frame,
    GaugeTick,
    Goodbye,
    Line,
    Loss,
    Publish,
    SpanEnd,
    SpanStart,
    Stack,
    TimerTick,
)
from tests.core.program import NOON, Numbered, Program


def a_state(program: Program) -> SourceState:
    return SourceState(program.source)


def take(state: SourceState, numbered: Numbered) -> Steps:
    """Apply a frame."""
    return state.apply(numbered.frame, numbered.seq)


def timer(state: SourceState, name: str = "click") -> Any:
    """The timer of that name."""
    ids = [one.id for one in state.definitions.values() if one.name == name]
    return state.timers[ids[0]]


def test_fifty_failures_then_a_thousand_successes() -> None:
    """50 failures, then 1000 successes: 1050 in all, 50 errors, 95.2 % success."""
    program = Program()
    state = a_state(program)
    for n in range(50):
        program.do(0.01, error="Oops")
        take(state, program.frame(NOON + n))
    for n in range(1000):
        program.do(0.01)
        take(state, program.frame(NOON + 50 + n))
    total = timer(state)
    assert (total.count, total.errors) == (1050, 50)
    assert f"{100 * (total.count - total.errors) / total.count:.1f} %" == "95.2 %"


WORK = st.lists(
    st.lists(st.tuples(st.sampled_from([0.001, 0.5, 2.0]), st.booleans()), max_size=4),
    min_size=1,
    max_size=8,
)


@given(WORK, st.data())
def test_lost_frames_cost_no_total(work: list[Any], data: st.DataObject) -> None:
    """Any frames may be lost between two checkpoints: with the next checkpoint every total is
    exact, and the steps add up to it, bucket by bucket."""
    program = Program()
    state = a_state(program)
    steps = [take(state, program.frame(NOON))]
    for n, batch in enumerate(work):
        for seconds, failed in batch:
            program.do(seconds, error="Oops" if failed else "")
            program.count(2)
        numbered = program.frame(NOON + n, whole=n == len(work) - 1)
        if n == len(work) - 1 or data.draw(st.booleans()):
            steps.append(take(state, numbered))
        else:
            state.gap(1)
    everything = [one for batch in work for one in batch]
    counted = [step for one in steps for step in one.timers]
    assert sum(step.count for step in counted) == len(everything)
    assert sum(step.errors for step in counted) == sum(failed for _, failed in everything)
    buckets: dict[int, int] = {}
    for step in counted:
        for bucket, n in step.buckets.items():
            buckets[bucket] = buckets.get(bucket, 0) + n
    assert buckets == {
        bucket_of(s): sum(one == s for one, _ in everything) for s in {one for one, _ in everything}
    }
    assert sum(step for one in steps for _, step in one.counters) == 2 * len(everything)
    assert state.lost + state.received == state.seq


def busy(program: Program) -> list[Numbered]:
    """A checkpoint and two frames with something of everything in them."""
    program.do(0.5, error="Oops")
    program.count(3)
    program.gauge("depth", 5)
    program.sums.publish("tasks", {"open": 1})
    frames = [program.frame(NOON)]
    program.do(0.25, 0.125)
    program.count(1)
    program.sums.publish("tasks", {"open": 2, "done": 1})
    program.sums.lose("queue full", 4)
    program.sums.lose("span rate", 2, sampled=True)
    program.sums.clock_moved(round(NOON * 1e9), 1.5)
    frames.append(program.frame(NOON + 1))
    frames.append(program.frame(NOON + 2, whole=True))
    return frames


def nothing(steps: Steps) -> bool:
    return not (steps.counters or steps.timers or steps.ended or steps.publishes)


def test_a_frame_twice_changes_nothing() -> None:
    """A frame that was taken already, whichever, changes no figure and tells no news."""
    program = Program()
    state = a_state(program)
    frames = busy(program)
    for numbered in frames:
        take(state, numbered)
    before = msgspec.msgpack.encode(state)
    for numbered in frames:
        steps = take(state, numbered)
        assert nothing(steps)
        assert not steps.gauges
    assert msgspec.msgpack.encode(state) == before


def test_a_checkpoint_repeats() -> None:
    """A checkpoint says everything again under a new number: no total moves, and what was
    published is no news."""
    program = Program()
    state = a_state(program)
    for numbered in busy(program):
        take(state, numbered)
    steps = take(state, program.frame(NOON + 3, whole=True))
    assert nothing(steps)
    assert (timer(state).count, state.counters) == (3, {2: 4.0})


def test_a_checkpoint_stands_alone() -> None:
    """A reader that begins at a later checkpoint has the same totals as one that read all."""
    program = Program()
    whole, late = a_state(program), a_state(program)
    frames = busy(program)
    for numbered in frames:
        take(whole, numbered)
    take(late, frames[-1])
    assert (late.timers, late.counters, late.gauges) == (whole.timers, whole.counters, whole.gauges)
    assert (late.topics, late.losses, late.sampled) == (whole.topics, whole.losses, whole.sampled)


def test_restart() -> None:
    """A stored state goes on as if nothing had happened."""
    program = Program()
    state = a_state(program)
    first, second, third = busy(program)
    take(state, first)
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=SourceState)
    for one in (state, again):
        take(one, second)
        take(one, third)
    assert msgspec.msgpack.encode(again) == msgspec.msgpack.encode(state)


def test_losses_and_samples() -> None:
    """What the source dropped counts as lost, what it left out on purpose does not, and
    frames that are missing count too."""
    program = Program()
    state = a_state(program)
    for numbered in busy(program):
        take(state, numbered)
    state.gap(7)
    assert (state.lost_total, state.sampled_total) == (11, 2)
    assert state.clock_jump_s == 1.5


def test_publishes_of_a_checkpoint() -> None:
    """Of a checkpoint only what is not known is news; of another frame everything is."""
    program = Program()
    state = a_state(program)
    first = state.apply(Frame(1, program.source, publishes=[Publish("t", {"a": 1})]), 1)
    again = state.apply(Frame(2, program.source, publishes=[Publish("t", {"a": 1, "b": 2})]), 2)
    plain = state.apply(Frame(3, publishes=[Publish("t", {"a": 1})]), 3)
    seen = [[one.value for one in steps.publishes] for steps in (first, again, plain)]
    assert seen == [[{"a": 1}], [{"b": 2}], [{"a": 1}]]


def test_spans_open_and_end() -> None:
    """Spans that run are known by their number until they end; a checkpoint lists them anew."""
    program = Program()
    state = a_state(program)
    one, two = (SpanStart(n, 0, "action", f"a{n}", n) for n in (1, 2))
    state.apply(Frame(1, program.source, started=[one, two]), 1)
    assert list(state.open) == [1, 2]
    steps = state.apply(Frame(2, ended=[SpanEnd(1, 0, "action", "a1", 2, 1.0, 1.0)]), 2)
    assert list(state.open) == [2]
    assert [end.name for end in steps.ended] == ["a1"]
    state.apply(Frame(3, program.source, started=[]), 3)
    assert state.open == {}


def test_open_spans_are_bounded() -> None:
    """A source can't fill the reader's memory with spans that never end."""
    program = Program()
    state = a_state(program)
    started = [SpanStart(n, 0, "work", "x", n) for n in range(1, MAX_OPEN + 10)]
    state.apply(Frame(1, program.source, started=started), 1)
    assert len(state.open) == MAX_OPEN


def test_unknown_instruments() -> None:
    """A figure whose definition was lost is counted as unknown, and counts with the checkpoint."""
    program = Program()
    state = a_state(program)
    ticks = Frame(
        1,
        counters=[CounterTick(1, 5.0)],
        gauges=[GaugeTick(2, 1.0)],
        timers=[TimerTick(3, 1, 0, 1.0, 1.0, 1.0, 1.0, [])],
    )
    steps = state.apply(ticks, 1)
    assert nothing(steps)
    assert state.unknown == 3
    program.count(5)
    assert [step for _, step in state.apply(program.frame(NOON).frame, 2).counters] == [5.0]


def test_a_gauge_that_is_taken_back() -> None:
    """A gauge of None has no value any more, and says so."""
    program = Program()
    state = a_state(program)
    program.gauge("depth", 5)
    take(state, program.frame(NOON))
    program.gauge("depth", None)
    steps = take(state, program.frame(NOON + 1))
    assert [value for _, value in steps.gauges] == [None]
    assert list(state.gauges.values()) == [None]


def test_lives() -> None:
    """Without a goodbye the dead were killed; a goodbye's own word holds; a silent source that
    speaks is live again; and what is over stays over."""
    program = Program()
    killed, ended, silent = (a_state(program) for _ in range(3))
    killed.apply(Frame(5, program.source), 1)
    killed.dead(5)
    assert (killed.state, killed.final, killed.ended_ns) == ("killed", True, 5)
    assert "killed" in killed.reason
    ended.apply(Frame(6, program.source, goodbye=Goodbye("failed", 6, "ValueError: no")), 1)
    ended.dead(9)
    assert (ended.state, ended.reason, ended.ended_ns) == ("failed", "ValueError: no", 6)
    silent.state = "silent"
    silent.apply(Frame(7), 2)
    assert str(silent.state) == "live"


@pytest.mark.parametrize("word", ["live", "silent"])
def test_a_goodbye_is_an_end(word: Any) -> None:
    """A goodbye that names no end is an end all the same."""
    state = a_state(Program())
    state.apply(Frame(1, goodbye=Goodbye(word, 1)), 1)
    assert state.state == "ended"


def test_the_dead_run_nothing() -> None:
    """What was open when a source died is not running any more."""
    program = Program()
    for end in ("dead", "goodbye"):
        state = a_state(program)
        state.apply(Frame(1, program.source, started=[SpanStart(1, 0, "action", "a", 1)]), 1)
        if end == "dead":
            state.dead(2)
        else:
            state.apply(Frame(2, goodbye=Goodbye("ended", 2)), 2)
        assert state.open == {}


def test_losses_are_sums() -> None:
    """A loss says how many since the start, so the newest word is the count."""
    state = a_state(Program())
    state.apply(Frame(1, losses=[Loss("queue full", 3)], clocks=[Clock(1, 0.7)]), 1)
    state.apply(Frame(2, losses=[Loss("queue full", 5)]), 2)
    assert state.losses == {"queue full": 5}


def test_how_it_ended() -> None:
    """A goodbye may carry exit code, signal and error; they are known from then on."""
    state = a_state(Program())
    goodbye = Goodbye("failed", 5, "ValueError", exit_code=3, signal="SIGABRT", error="Traceback")
    state.apply(Frame(5, goodbye=goodbye), 1)
    assert (state.exit_code, state.signal, state.error) == (3, "SIGABRT", "Traceback")


def test_the_last_lines() -> None:
    """Of a program's standard error the last lines are kept, and no more."""
    state = a_state(Program())
    for n in range(MAX_LINES + 5):
        state.apply(Frame(n, lines=[Line(n, f"line {n}")]), n + 1)
    assert [line.text for line in state.lines] == [f"line {n}" for n in range(5, MAX_LINES + 5)]


def test_the_newest_stack() -> None:
    """Of where a program stood the newest is kept; a frame without one changes nothing."""
    state = a_state(Program())
    for seq, calls in enumerate((["a"], ["b"], []), 1):
        state.apply(Frame(seq, stacks=[Stack(seq, calls)] if calls else []), seq)
    assert state.stack is not None
    assert state.stack.calls == ["b"]
