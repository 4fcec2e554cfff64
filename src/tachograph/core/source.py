"""What a reader knows of one source: its frames applied, one after another.

Figures in frames are cumulative, so applying the same frame twice changes nothing, and a
frame that is lost costs detail in time but no total. Pure.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from tachograph.core.histogram import pairs
from tachograph.model import (
    FINAL_STATES,
    Definition,
    Frame,
    Goodbye,
    Line,
    Publish,
    Source,
    SpanEnd,
    SpanStart,
    Stack,
    State,
    TimerTick,
)

#: Lines of standard error kept for one source.
MAX_LINES = 50
#: Spans kept as open for one source; a source that says more is cut, and says so itself.
MAX_OPEN = 10_000


class TimerState(msgspec.Struct, array_like=True):
    """A timer since the source's start."""

    count: int = 0
    errors: int = 0
    sum_s: float = 0.0
    self_s: float = 0.0
    min_s: float = 0.0
    max_s: float = 0.0
    buckets: dict[int, int] = {}


class TimerStep(msgspec.Struct, frozen=True):
    """By how much a frame moved a timer."""

    definition: Definition
    count: int
    errors: int
    sum_s: float
    self_s: float
    buckets: dict[int, int]
    state: TimerState


class Steps(NamedTuple):
    """What a frame changed: increases of counters and timers, new values of gauges."""

    counters: list[tuple[Definition, float]]
    gauges: list[tuple[Definition, float | None]]
    timers: list[TimerStep]
    ended: list[SpanEnd]
    publishes: list[Publish]


class SourceState(msgspec.Struct):
    """Everything that must survive a restart of the reader, as one Struct.

    `seq` frames were read; `lost` of them were not there; `late` came more than a moment
    after they were written. `state` is by the source's own word until `dead` is called.
    """

    source: Source
    seq: int = 0
    received: int = 0
    lost: int = 0
    late: int = 0
    unknown: int = 0
    last_ns: int = 0
    clock_jump_s: float = 0.0
    state: State = "live"
    reason: str = ""
    ended_ns: int = 0
    definitions: dict[int, Definition] = {}
    counters: dict[int, float] = {}
    gauges: dict[int, float | None] = {}
    timers: dict[int, TimerState] = {}
    open: dict[int, SpanStart] = {}
    losses: dict[str, int] = {}
    sampled: dict[str, int] = {}
    topics: dict[str, dict[str, Any]] = {}
    exit_code: int | None = None
    signal: str = ""
    error: str = ""
    lines: list[Line] = []
    stack: Stack | None = None
    #: By how much the source's instants are behind (+) or ahead of (-) the reader's clock.
    clock_offset_s: float = 0.0

    @property
    def final(self) -> bool:
        """Whether it is over."""
        return self.state in FINAL_STATES

    @property
    def lost_total(self) -> int:
        """Frames that are missing, and what the source itself had to drop."""
        return self.lost + sum(self.losses.values())

    @property
    def sampled_total(self) -> int:
        """Records that were left out on purpose."""
        return sum(self.sampled.values())

    def gap(self, count: int) -> None:
        """`count` frames are not there."""
        self.lost += count

    def apply(self, frame: Frame, seq: int) -> Steps:
        """Take one frame in. Frames come in the order of their numbers; one that was taken, or
        given up, already changes nothing."""
        if seq <= self.seq:
            return Steps([], [], [], [], [])
        self.seq = seq
        self.received += 1
        self.last_ns = max(self.last_ns, frame.at_ns)
        if frame.source is not None:
            self.source = frame.source
            self.open.clear()
        for definition in frame.definitions:
            self.definitions[definition.id] = definition
        for loss in frame.losses:
            (self.sampled if loss.sampled else self.losses)[loss.reason] = loss.count
        for clock in frame.clocks:
            self.clock_jump_s += clock.jump_s
        for start in frame.started:
            if len(self.open) < MAX_OPEN:
                self.open[start.id] = start
        for end in frame.ended:
            self.open.pop(end.id, None)
        if frame.lines:
            self.lines = [*self.lines, *frame.lines][-MAX_LINES:]
        if frame.stacks:
            self.stack = frame.stacks[-1]
        if self.state == "silent":
            self.state = "live"
        steps = Steps(
            self._counters(frame),
            self._gauges(frame),
            self._timers(frame),
            frame.ended,
            self._publishes(frame),
        )
        if frame.goodbye is not None:
            self._say_goodbye(frame.goodbye)
        return steps

    def dead(self, at_ns: int) -> None:
        """The writer is gone. Without a goodbye it was killed."""
        if not self.final:
            self.state = "killed"
            self.reason = "no goodbye: killed or os._exit"
            self.ended_ns = at_ns
        self.open.clear()

    def _say_goodbye(self, goodbye: Goodbye) -> None:
        self.state = goodbye.state if goodbye.state in FINAL_STATES else "ended"
        self.reason = goodbye.reason
        self.ended_ns = goodbye.at_ns
        self.exit_code = goodbye.exit_code
        self.signal, self.error = goodbye.signal, goodbye.error
        self.open.clear()

    def _publishes(self, frame: Frame) -> list[Publish]:
        """A checkpoint says again what is known already; only the rest of it is news."""
        news = []
        for publish in frame.publishes:
            known = self.topics.setdefault(publish.topic, {})
            value = publish.value
            if frame.source is not None:
                value = {k: v for k, v in value.items() if k not in known or known[k] != v}
            known.update(value)
            if value:
                news.append(Publish(publish.topic, value))
        return news

    def _counters(self, frame: Frame) -> list[tuple[Definition, float]]:
        steps = []
        for tick in frame.counters:
            definition = self.definitions.get(tick.id)
            if definition is None:
                self.unknown += 1
                continue
            step = tick.value - self.counters.get(tick.id, 0.0)
            if step > 0:
                self.counters[tick.id] = tick.value
                steps.append((definition, step))
        return steps

    def _gauges(self, frame: Frame) -> list[tuple[Definition, float | None]]:
        steps = []
        for tick in frame.gauges:
            definition = self.definitions.get(tick.id)
            if definition is None:
                self.unknown += 1
                continue
            self.gauges[tick.id] = tick.value
            steps.append((definition, tick.value))
        return steps

    def _timers(self, frame: Frame) -> list[TimerStep]:
        steps = []
        for tick in frame.timers:
            definition = self.definitions.get(tick.id)
            if definition is None:
                self.unknown += 1
                continue
            step = self._timer(definition, tick)
            # After a lost frame a checkpoint may bring nothing new but its buckets.
            if step.count > 0 or step.buckets:
                steps.append(step)
        return steps

    def _timer(self, definition: Definition, tick: TimerTick) -> TimerStep:
        state = self.timers.get(tick.id)
        if state is None:
            state = self.timers[tick.id] = TimerState(min_s=tick.min_s, buckets={})
        buckets = {}
        for bucket, count in pairs(tick.buckets):
            more = count - state.buckets.get(bucket, 0)
            if more > 0:
                buckets[bucket] = more
                state.buckets[bucket] = count
        step = TimerStep(
            definition,
            max(0, tick.count - state.count),
            max(0, tick.errors - state.errors),
            max(0.0, tick.sum_s - state.sum_s),
            max(0.0, tick.self_s - state.self_s),
            buckets,
            state,
        )
        if step.count:
            state.count, state.errors = tick.count, tick.errors
            state.sum_s, state.self_s = tick.sum_s, tick.self_s
            state.min_s, state.max_s = tick.min_s, tick.max_s
        return step
