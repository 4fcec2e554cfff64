"""From frames to states, live figures, seconds and failures: everything that is counted.

Figures that others read are whole after `settle`: of sources that write faster than anybody
looks, frames of a second are gathered and taken as one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from tachograph.core.bounds import bound
from tachograph.core.burst import Burst, joins
from tachograph.core.live import Live
from tachograph.core.seconds import Seconds
from tachograph.core.source import SourceState
from tachograph.model import Frame, Source
from tachograph.server.reading import Read

log = logging.getLogger("tachograph.server")

#: A frame that comes so long after it was written is late.
LATE_NS = 5_000_000_000
#: Why something that was published is lost: a reserved topic, or a value that can't be carried.
REFUSED = "publish refused"
Publish = Callable[[str, str, dict[str, Any]], object]


class Counting:
    """See the module. `offset_s` says by how much a source's clock is behind; `changed` are the
    sources that have moved since somebody emptied it; `too_new` can't be read by this version."""

    def __init__(self, live: Live, publish: Publish, offset_s: Callable[[str], float]) -> None:
        self.live = live
        self.seconds = Seconds()
        self.failed = live.failed
        self.states: dict[str, SourceState] = {}
        self.frames = 0
        self.bursts: dict[str, Burst] = {}
        self.changed: set[str] = set()
        self.too_new: set[str] = set()
        self._publish = publish
        self._offset_s = offset_s
        self._second = 0

    def take(self, ready: Iterable[Read], now_ns: int, in_time: bool) -> None:
        """Count what was read; `in_time`: as it came, so that it can be late by itself."""
        for read in ready:
            if read.frame is None:
                self._miss(read, now_ns)
                continue
            self.frames += 1
            bound(read.frame, now_ns)
            if in_time and now_ns - read.frame.at_ns > LATE_NS:
                self.state(read.id).late += 1
            self._gather(read.id, read.frame, read.seq)

    def _gather(self, id: str, frame: Frame, seq: int) -> None:
        """Add a frame to its source's burst, or take it at once."""
        second = frame.at_ns // 1_000_000_000
        if second > self._second:
            # Gauges of all sources become one value at the end of each second.
            self.settle()
            self._second = second
        burst = self.bursts.get(id)
        if not joins(frame):
            if burst is not None:
                self._settle(id)
            self._apply(id, frame, seq, 1)
        elif burst is not None and burst.second == second:
            burst.add(frame, seq)
        else:
            if burst is not None:
                self._settle(id)
            self.bursts[id] = Burst(frame, seq)

    def settle(self) -> None:
        """Take all that was gathered into states, live figures and seconds."""
        for id in tuple(self.bursts):
            self._settle(id)

    def _settle(self, id: str) -> None:
        burst = self.bursts.pop(id)
        self._apply(id, burst.frame(), burst.seq, burst.count)

    def _apply(self, id: str, frame: Frame, seq: int, count: int) -> None:
        try:
            self._step(id, frame, seq, count)
        except Exception:  # whatever a log holds, the others are served
            log.exception("frame %d of source %s can't be applied; it is lost", seq, id)
            self.state(id).gap(count)

    def _step(self, id: str, frame: Frame, seq: int, count: int) -> None:
        state = self.state(id)
        self.changed.add(id)
        state.clock_offset_s = self._offset_s(id)
        if not state.source.pid:
            if frame.source is None:
                # The checkpoint will say the figures again.
                self._lose(state, seq, frame.at_ns, count)
                return
            # Before its first frame, because from here on the totals move by steps.
            state.source = frame.source
            self.live.put(state)
        steps = state.apply(frame, seq, count)
        self.live.step(state, frame.at_ns, steps)
        self.seconds.add(state.source, frame.at_ns, steps)
        if steps.ended:
            self.failed.add(state.source, steps.ended)
        if state.final:
            self.seconds.gone(state.source, state.ended_ns)
        for publish in steps.publishes:
            if self._publish(publish.topic, state.source.project, publish.value) is False:
                state.losses[REFUSED] = state.losses.get(REFUSED, 0) + 1

    def _miss(self, read: Read, now_ns: int) -> None:
        """Frames that are not there, or that can't be read."""
        if read.id in self.bursts:
            self._settle(read.id)
        state = self.state(read.id)
        self.changed.add(read.id)
        self._lose(state, read.seq, min(read.at_ns, now_ns), read.lost)
        if read.advice and read.id not in self.too_new:
            # The source is listed with what has to be done; its log stays for a newer server.
            log.warning("source %s: %s", read.id, read.advice)
            self.too_new.add(read.id)
            state.reason = read.advice
            if read.id not in self.live.sources:
                self.live.put(state)

    def _lose(self, state: SourceState, seq: int, at_ns: int, count: int) -> None:
        state.gap(count)
        state.seq = max(state.seq, seq)
        state.last_ns = max(state.last_ns, at_ns)

    def state(self, id: str) -> SourceState:
        """A source's state, made when it isn't known yet."""
        state = self.states.get(id)
        if state is None:
            unknown = Source(id, "unknown", "unknown", "unknown", 0, 0)
            state = self.states[id] = SourceState(unknown)
        return state
