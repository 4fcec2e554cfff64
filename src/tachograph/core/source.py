"""What a reader knows of one source: its frames applied, one after another.

Figures in frames are cumulative, so applying the same frame twice changes nothing, and a
frame that is lost costs detail in time but no total. Pure.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from tachograph.core.bounds import LARGE, MOST, possible
from tachograph.core.patch import carried
from tachograph.core.timing import TimerState, TimerStep
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
)

__all__ = ["SourceState", "Steps", "TimerState", "TimerStep"]

#: Why a source is taken for dead that said nothing of it.
NO_GOODBYE = "no goodbye: killed or os._exit"
UNWATCHED = "tacho run was killed, the program perhaps not"
#: Lines of standard error kept for one source.
MAX_LINES = 50
#: Spans kept as open for one source; a source that says more is cut, and says so itself.
MAX_OPEN = 10_000
#: Topics and reasons of losses that are kept of one source.
MAX_TOPICS = 1_000
MAX_REASONS = 1_000


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
        self.lost = min(self.lost + count, MOST)

    def apply(self, frame: Frame, seq: int, count: int = 1) -> Steps:
        """Take one frame in, or `count` that became one: `seq` is the last one's number. They
        come in the order of their numbers; what was taken, or given up, already changes
        nothing."""
        if seq <= self.seq:
            return Steps([], [], [], [], [])
        self.seq = seq
        self.received += count
        self.last_ns = max(self.last_ns, frame.at_ns)
        if frame.source is not None:
            self.source = frame.source
            self.open.clear()
        for definition in frame.definitions:
            self._define(definition)
        for loss in frame.losses:
            losses = self.sampled if loss.sampled else self.losses
            if loss.reason in losses or len(losses) < MAX_REASONS:
                losses[loss.reason] = min(max(0, loss.count), MOST)
        for clock in frame.clocks:
            if -LARGE < clock.jump_s < LARGE:
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
            # Who reports another process knows no Python of it.
            self.reason = NO_GOODBYE if self.source.python else UNWATCHED
            self.ended_ns = at_ns
        self.open.clear()

    @property
    def presumed(self) -> bool:
        """Whether its death was only concluded: it may come back."""
        return self.state == "killed" and self.reason in (NO_GOODBYE, UNWATCHED)

    def back(self) -> None:
        """It lives after all: its log was deleted, or let go of, and made anew."""
        self.state, self.reason, self.ended_ns = "live", "", 0

    def _say_goodbye(self, goodbye: Goodbye) -> None:
        self.state = goodbye.state if goodbye.state in FINAL_STATES else "ended"
        self.reason = goodbye.reason
        self.ended_ns = goodbye.at_ns
        self.exit_code = goodbye.exit_code
        self.signal, self.error = goodbye.signal, goodbye.error
        self.open.clear()

    def _define(self, definition: Definition) -> None:
        """The first word on a number holds: what is counted under it has gone elsewhere already."""
        known = self.definitions.setdefault(definition.id, definition)
        if known is not definition and known != definition:
            self.unknown += 1

    def _publishes(self, frame: Frame) -> list[Publish]:
        """A checkpoint says again what is known already; only the rest of it is news."""
        news = []
        for publish in frame.publishes:
            value = publish.value
            known = self.topics.get(publish.topic)
            if known is None and len(self.topics) < MAX_TOPICS:
                known = self.topics[publish.topic] = {}
            if known is not None and carried(value):
                if frame.source is not None:
                    value = {k: v for k, v in value.items() if k not in known or known[k] != v}
                known.update(value)
            if value:
                news.append(Publish(publish.topic, value))
        return news

    def _counters(self, frame: Frame) -> list[tuple[Definition, float]]:
        steps: list[tuple[Definition, float]] = []
        definitions, counters = self.definitions, self.counters
        for tick in frame.counters:
            number, value = tick.id, tick.value
            definition = definitions.get(number)
            if definition is None or definition.kind != "counter":
                self.unknown += 1
                continue
            step = value - counters.get(number, 0.0)
            # Neither NaN nor infinity is between them.
            if 0 < step < LARGE:
                counters[number] = value
                steps.append((definition, step))
        return steps

    def _gauges(self, frame: Frame) -> list[tuple[Definition, float | None]]:
        steps: list[tuple[Definition, float | None]] = []
        definitions, gauges = self.definitions, self.gauges
        for tick in frame.gauges:
            number, value = tick.id, tick.value
            definition = definitions.get(number)
            if definition is None or definition.kind != "gauge":
                self.unknown += 1
            elif value is None or -LARGE < value < LARGE:
                gauges[number] = value
                steps.append((definition, value))
        return steps

    def _timers(self, frame: Frame) -> list[TimerStep]:
        steps = []
        for tick in frame.timers:
            definition = self.definitions.get(tick.id)
            if definition is None or definition.kind != "timer" or not possible(tick):
                self.unknown += 1
                continue
            timer = self.timers.get(tick.id)
            if timer is None:
                timer = self.timers[tick.id] = TimerState(min_s=tick.min_s)
            step = timer.take(definition, tick)
            # After a lost frame a checkpoint may bring nothing new but its buckets.
            if step.count > 0 or step.buckets:
                steps.append(step)
        return steps
