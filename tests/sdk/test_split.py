"""Frames that are too large become several, or lose what can't be carried, and say so."""

from __future__ import annotations

import msgspec

import tachograph as tacho
from tachograph.core.source import SourceState
from tachograph.frames import MAX_PAYLOAD_BYTES
from tachograph.model import CounterTick, Definition, Frame, Goodbye, Source, SpanEnd
from tachograph.sdk.limits import MAX_TRACE
from tachograph.sdk.split import fitting, items
from tachograph.testing import Captured

SOURCE = Source("id", "service", "project", "host", 1, 1)


def test_parts_say_what_the_frame_said() -> None:
    """Applied one by one they come to the same state."""
    numbers = range(1, 1001)
    frame = Frame(
        5,
        SOURCE,
        [Definition(n, "counter", f"c{n}") for n in numbers],
        [CounterTick(n, float(n)) for n in numbers],
        goodbye=Goodbye("ended", 5),
    )
    parts = list(fitting(frame, 2_000))
    assert len(parts) > 10
    assert all(len(payload) <= 2_000 for _, payload in parts)
    assert sum(items(part) for part, _ in parts) == items(frame) == 2_000
    state = SourceState(SOURCE)
    for seq, (_, payload) in enumerate(parts, 1):
        state.apply(msgspec.msgpack.decode(payload, type=Frame), seq)
    assert state.counters == {n: float(n) for n in numbers}
    assert state.state == "ended"


def test_a_record_that_fits_no_frame_is_counted(recorded: Captured) -> None:
    """The rest of the frame is written."""
    tacho.counter("kept").add(1)
    huge = {f"key {n}": "x" * 100_000 for n in range(MAX_PAYLOAD_BYTES // 100_000 + 5)}
    tacho.publish("huge", huge)
    assert recorded.counter("kept") == 1
    assert recorded.losses()["record too large"] >= 1


def test_many_long_traces_become_several_frames() -> None:
    """None is lost, and none is cut further."""
    trace = "x" * MAX_TRACE
    ended = [SpanEnd(n, 0, "action", "a", 5, 0.1, 0.1, "E", {}, trace) for n in range(1, 1_000)]
    parts = list(fitting(Frame(5, ended=ended)))
    assert len(parts) > 1
    assert [end for part, _ in parts for end in part.ended] == ended


def test_ten_thousand_series_fit(recorded: Captured) -> None:
    """A checkpoint of everything a source may have comes back whole."""
    for n in range(9_900):
        for value in (0.001, 0.01, 0.1):
            tacho.timer(f"timer {n}").observe(value * (1 + n % 7))
    timers = recorded.state.timers
    assert len(timers) == 9_900
    assert {timer.count for timer in timers.values()} == {3}
