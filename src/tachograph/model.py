"""The glossary as Structs: what a source records, as it travels and as it is stored.

All of them are array-like (positions, not names, on the wire) and append-only: a new
field goes to the end and has a default, so that an older reader skips what it doesn't
know and a newer one fills what is missing. Pure: no clock, no I/O.

Units: `*_ns` are nanoseconds since the Unix epoch, `*_s` seconds. Every figure of an
instrument is *cumulative since the start of its source*, so that a frame which comes
twice, late or never changes no total.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Kind = Literal["counter", "gauge", "timer"]
SpanKind = Literal["action", "event", "pipeline", "agent", "work"]
Merge = Literal["sum", "max", "min", "last"]
State = Literal["live", "silent", "ended", "failed", "terminated", "killed"]

#: States that a source never leaves.
FINAL_STATES: frozenset[State] = frozenset(("ended", "failed", "terminated", "killed"))


class Source(msgspec.Struct, array_like=True, frozen=True):
    """One process that reports. `id` is new for every start and every fork, so it is the
    epoch of the source's frames too."""

    id: str
    service: str
    project: str
    host: str
    pid: int
    started_ns: int
    command: tuple[str, ...] = ()
    git_commit: str = ""
    python: str = ""
    sdk: str = ""
    parent: str = ""
    interval_s: float = 1.0


class Definition(msgspec.Struct, array_like=True, frozen=True):
    """What an instrument's number stands for, within one source.

    `span` is the span kind whose timings the timer holds, "" for every other instrument.
    """

    id: int
    kind: Kind
    name: str
    unit: str = ""
    labels: dict[str, str] = {}
    merge: Merge = "sum"
    span: str = ""


class CounterTick(msgspec.Struct, array_like=True, gc=False):
    """The counter's sum since the source's start."""

    id: int
    value: float


class GaugeTick(msgspec.Struct, array_like=True, gc=False):
    """The gauge's value; None: it has none any more."""

    id: int
    value: float | None


class TimerTick(msgspec.Struct, array_like=True, gc=False):
    """A timer since the source's start.

    `buckets` holds bucket number and count by turns, and only the buckets whose count
    changed since the frame before (all of them in a checkpoint). `self_s` is `sum_s`
    less the time of child spans.
    """

    id: int
    count: int
    errors: int
    sum_s: float
    self_s: float
    min_s: float
    max_s: float
    buckets: list[int] = []


class SpanStart(msgspec.Struct, array_like=True):
    """A span that has begun. `parent` is 0 for none, or a span id of the same source."""

    id: int
    parent: int
    kind: SpanKind
    name: str
    at_ns: int
    attributes: dict[str, Any] = {}


class SpanEnd(msgspec.Struct, array_like=True):
    """A span that has ended; `error` is "" or "Type: message", `trace` the traceback to it."""

    id: int
    parent: int
    kind: SpanKind
    name: str
    at_ns: int
    duration_s: float
    self_s: float
    error: str = ""
    attributes: dict[str, Any] = {}
    trace: str = ""


class Publish(msgspec.Struct, array_like=True):
    """A value for a topic of the user's."""

    topic: str
    value: dict[str, Any]


class Loss(msgspec.Struct, array_like=True):
    """How much was dropped since the source's start, and why. `sampled`: on purpose,
    aggregates still exact; otherwise it is lost."""

    reason: str
    count: int
    sampled: bool = False


class Clock(msgspec.Struct, array_like=True):
    """The wall clock moved against CLOCK_BOOTTIME by `jump_s`."""

    at_ns: int
    jump_s: float


class Goodbye(msgspec.Struct, array_like=True):
    """The last word of a source: how it ended, by its own account."""

    state: State
    at_ns: int
    reason: str = ""
    exit_code: int | None = None
    signal: str = ""
    error: str = ""


class Line(msgspec.Struct, array_like=True):
    """A line that the program wrote to its standard error."""

    at_ns: int
    text: str


class Stack(msgspec.Struct, array_like=True):
    """What the program's main thread was doing, the outermost call first."""

    at_ns: int
    calls: list[str]


class Frame(msgspec.Struct, array_like=True):
    """One numbered batch of what a source recorded. The number stands in the header.

    A checkpoint carries `source`, every definition, every cumulative figure and every
    open span, so that nothing before it is needed.
    """

    at_ns: int
    source: Source | None = None
    definitions: list[Definition] = []
    counters: list[CounterTick] = []
    gauges: list[GaugeTick] = []
    timers: list[TimerTick] = []
    started: list[SpanStart] = []
    ended: list[SpanEnd] = []
    publishes: list[Publish] = []
    losses: list[Loss] = []
    clocks: list[Clock] = []
    goodbye: Goodbye | None = None
    lines: list[Line] = []
    stacks: list[Stack] = []


class Position(msgspec.Struct, array_like=True, frozen=True, order=True):
    """Where a reader of one source's log stands: `seq` frames of `epoch` are behind it."""

    epoch: str
    seq: int = 0


class SeriesKey(msgspec.Struct, array_like=True, frozen=True):
    """What a figure is a figure of: never a pid."""

    project: str
    service: str
    name: str
    labels: tuple[tuple[str, str], ...] = ()
    span: str = ""


class Series(msgspec.Struct, array_like=True, frozen=True):
    """A series as it is stored."""

    key: SeriesKey
    kind: Kind
    unit: str = ""
    merge: Merge = "sum"


class Sample(msgspec.Struct, array_like=True):
    """What happened to one series in one second.

    counter: `value` is the increase. gauge: `value` is the merged value at the second's end.
    timer: `value` is the time spent (s) and the other fields are increases too; `buckets`
    are bucket number and count by turns.
    """

    value: float
    count: int = 0
    errors: int = 0
    self_s: float = 0.0
    buckets: list[int] = []


class Second(msgspec.Struct, array_like=True):
    """The head row of one second of event time: samples of the series that changed in it.

    Gauges that did not change are left out, except in every 60th second, which has them all.
    """

    at_s: int
    samples: list[tuple[SeriesKey, Sample]] = []


class ErrorRecord(msgspec.Struct, array_like=True, frozen=True):
    """A span that failed, as it is kept: of whom, which, when it ended, and why."""

    source: str
    project: str
    service: str
    kind: SpanKind
    name: str
    at_ns: int
    duration_s: float
    error: str
    trace: str = ""
    attributes: dict[str, Any] = {}
