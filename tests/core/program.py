"""A made-up program that reports as a real one does: the recorder's own sums make its frames."""

from __future__ import annotations

from typing import Any, NamedTuple

from tachograph.core.live import Live
from tachograph.core.seconds import Seconds
from tachograph.core.source import SourceState, Steps
from tachograph.frames import Encoded, decode, encode, scan
from tachograph.model import Frame, Goodbye, Merge, Source, State
from tachograph.sdk.accumulate import Accumulator

#: Noon of a day; a whole minute, so that windows begin where one expects.
NOON = 1_800_014_400.0


class Numbered(NamedTuple):
    """A frame and its number."""

    seq: int
    frame: Frame


class Program:
    """One source. What it records is said by its next frame."""

    def __init__(
        self,
        id: str = "p1",
        service: str = "catalog",
        project: str = "photos",
        host: str = "here",
        pid: int = 7,
        interval_s: float = 1.0,
    ) -> None:
        self.source = Source(
            id, service, project, host, pid, int(NOON * 1e9), ("job.py",), interval_s=interval_s
        )
        self.sums = Accumulator(self.source)
        self.seq = 0

    def do(
        self, *seconds: float, name: str = "click", kind: str = "action", error: str = ""
    ) -> None:
        """Actions (or events, or `""` for a timer's observations) that took so long."""
        self.sums.add_timings([((kind, name, ()), one, error) for one in seconds])

    def count(self, n: float, name: str = "files") -> None:
        """A counter goes up."""
        self.sums.add_counts([(("counter", name, "", (), "sum"), n)])

    def gauge(self, name: str, value: float | None, merge: Merge = "sum") -> None:
        """A gauge is set."""
        self.sums.set_gauge(("gauge", name, "", (), merge), value)

    def vitals(self, cpu: float | None = None, memory: float = 100.0, **more: float) -> None:
        """What the sampler sets each second; `more` are `thread_count`, `cores` and so on."""
        named = {"cpu_percent": cpu, "memory_mb": memory, **more}
        for name, value in named.items():
            if value is not None:
                self.gauge(f"system.{name}", value)

    def frame(self, at: float, *, whole: bool = False) -> Numbered:
        """What is new, at `at` seconds; the first frame and `whole` ones are checkpoints."""
        at_ns = round(at * 1e9)
        if whole or self.seq == 0:
            return self._numbered(self.sums.checkpoint(at_ns))
        return self._numbered(self.sums.frame(at_ns))

    def goodbye(self, at: float, state: State = "ended", reason: str = "") -> Numbered:
        """The last word."""
        at_ns = round(at * 1e9)
        return self._numbered(self.sums.checkpoint(at_ns, 0.0, Goodbye(state, at_ns, reason)))

    def _numbered(self, frame: Frame) -> Numbered:
        self.seq += 1
        return Numbered(self.seq, through_the_wire(frame, self.seq))


def on_the_wire(frame: Frame, seq: int) -> Encoded:
    """The frame as a log holds it."""
    return scan(encode(frame, seq)).frames[0]


def through_the_wire(frame: Frame, seq: int) -> Frame:
    """The frame as a reader gets it."""
    return decode(on_the_wire(frame, seq))


class Reader:
    """States, live figures and seconds of several programs, kept as the server keeps them."""

    def __init__(self, interval_s: float = 1.0) -> None:
        self.states: dict[str, SourceState] = {}
        self.live = Live(interval_s)
        self.seconds = Seconds()

    def take(self, program: Program, numbered: Numbered) -> Steps:
        """Apply a frame."""
        state = self.states.get(program.source.id)
        if state is None:
            state = self.states[program.source.id] = SourceState(program.source)
            self.live.put(state)
        steps = state.apply(numbered.frame, numbered.seq)
        self.live.step(state, numbered.frame.at_ns, steps)
        self.seconds.add(state.source, numbered.frame.at_ns, steps)
        if state.final:
            self.seconds.gone(state.source, state.ended_ns)
        return steps

    def read(self, program: Program, at: float) -> Steps:
        """Let the program say what is new."""
        return self.take(program, program.frame(at))

    def value(self, topic: str, at: float, project: str | None = None) -> dict[str, Any]:
        """A topic's value."""
        return self.live.value(topic, project, at)
