"""Several frames of one source within one second, taken as one. Pure.

Figures in frames are cumulative, so of frames that follow each other the newest word on each
instrument says all; only where something has its own instant, or must go out at once, a frame
has to be taken by itself. Ten frames of a second then cost one step of every total.
"""

from __future__ import annotations

from tachograph.model import CounterTick, Frame, GaugeTick, TimerTick


def joins(frame: Frame) -> bool:
    """Whether a frame says nothing but figures and spans: then it may be one of a burst."""
    if frame.source is not None or frame.definitions or frame.publishes or frame.losses:
        return False
    if frame.clocks or frame.lines or frame.stacks or frame.goodbye is not None:
        return False
    for tick in frame.gauges:  # noqa: SIM110  # a generator costs more than all the rest here
        if tick.value is None:
            return False
    return True


class Burst:
    """Begins with one frame; `add` takes the next ones, in order, all for which `joins`."""

    __slots__ = ("_counters", "_first", "_gauges", "_timers", "at_ns", "count", "second", "seq")

    def __init__(self, frame: Frame, seq: int) -> None:
        self._first = frame
        self.at_ns = frame.at_ns
        self.second = frame.at_ns // 1_000_000_000
        self.seq = seq
        self.count = 1
        self._counters: dict[int, CounterTick] | None = None
        self._gauges: dict[int, GaugeTick] = {}
        self._timers: dict[int, TimerTick] = {}

    def add(self, frame: Frame, seq: int) -> None:
        """Take in the next one."""
        counters = self._counters
        if counters is None:
            counters = self._counters = {}
            self._take(self._first, counters)
        self._take(frame, counters)
        if frame.started:
            self._first.started = [*self._first.started, *frame.started]
        if frame.ended:
            self._first.ended = [*self._first.ended, *frame.ended]
        self.at_ns = max(self.at_ns, frame.at_ns)
        self.seq = seq
        self.count += 1

    def _take(self, frame: Frame, counters: dict[int, CounterTick]) -> None:
        for counter in frame.counters:
            counters[counter.id] = counter
        if frame.gauges:
            for gauge in frame.gauges:
                self._gauges[gauge.id] = gauge
        timers = self._timers
        for timer in frame.timers:
            before = timers.get(timer.id)
            if before is not None:
                # Buckets are said when they change, so each frame has others.
                before.buckets += timer.buckets
                timer.buckets = before.buckets
            timers[timer.id] = timer

    def frame(self) -> Frame:
        """One frame that says what all of them did."""
        first = self._first
        first.at_ns = self.at_ns
        if self._counters is not None:
            first.counters = list(self._counters.values())
            first.gauges = list(self._gauges.values())
            first.timers = list(self._timers.values())
        return first
