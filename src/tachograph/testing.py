"""Fakes to test with: record into memory and look at what was recorded.

with capture() as recorded:
    my_function()
assert recorded.timer("action", "resize").count == 1
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tachograph.core.source import SourceState, TimerState
from tachograph.journal.memory import MemoryJournal
from tachograph.model import Frame, Source
from tachograph.sdk import recorder as recording

__all__ = ["Captured", "MemoryJournal", "capture"]


class Captured:
    """What this process recorded since `capture` began. Every reading flushes first."""

    def __init__(self, journal: MemoryJournal) -> None:
        self.journal = journal

    @property
    def frames(self) -> list[Frame]:
        """All frames so far, of this source and of those before it, oldest first."""
        recorder = recording.recorder()
        if recorder is not None:
            recorder.flush()
        return [frame for id in self.journal.sources() for frame in self.journal.frames(id)]

    @property
    def state(self) -> SourceState:
        """What the newest source's frames add up to."""
        state = SourceState(Source("", "", "", "", 0, 0))
        for seq, frame in enumerate(self.frames, 1):
            if frame.source is not None and frame.source.id != state.source.id:
                state = SourceState(frame.source)
            state.apply(frame, seq)
        return state

    def timer(self, span: str, name: str) -> TimerState:
        """The timer of a span kind ("" for `timer`) and a name. KeyError: never recorded."""
        state = self.state
        return state.timers[self._number(state, "timer", name, span)]

    def counter(self, name: str, **labels: str) -> float:
        """A counter's sum. KeyError: never recorded."""
        state = self.state
        return state.counters[self._number(state, "counter", name, "", labels)]

    def gauge(self, name: str, **labels: str) -> float | None:
        """A gauge's value. KeyError: never recorded."""
        state = self.state
        return state.gauges[self._number(state, "gauge", name, "", labels)]

    def losses(self) -> dict[str, int]:
        """What was dropped, by reason, what was left out on purpose included."""
        state = self.state
        return state.losses | state.sampled

    def _number(
        self,
        state: SourceState,
        kind: str,
        name: str,
        span: str,
        labels: dict[str, str] | None = None,
    ) -> int:
        for number, one in state.definitions.items():
            same = (one.kind, one.name, one.span) == (kind, name, span)
            if same and labels in (None, one.labels):
                return number
        raise KeyError(f"{kind} {name!r} was not recorded")


@contextmanager
def capture(service: str = "test", project: str = "test") -> Iterator[Captured]:
    """Record into memory inside the block; what recorded before goes on after it."""
    before = recording.settings()
    journal = MemoryJournal()
    recording.apply_settings(
        before.changed(service=service, project=project, journal=journal, enabled=True)
    )
    recording.begin()
    try:
        yield Captured(journal)
    finally:
        recording.apply_settings(before)
