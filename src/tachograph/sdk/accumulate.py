"""What a source knows of itself: every instrument's sum since the start, and what is new.

Pure: records and times go in, frames come out. One owner at a time calls it (the flusher,
under its lock).
"""

from __future__ import annotations

from array import array
from collections import Counter as Tally
from collections.abc import Iterable
from itertools import repeat
from operator import rshift
from typing import Any

from tachograph.core.histogram import SHIFT
from tachograph.model import (
    Clock,
    CounterTick,
    Definition,
    Frame,
    GaugeTick,
    Goodbye,
    Line,
    Loss,
    Publish,
    Source,
    SpanEnd,
    SpanStart,
    Stack,
    TimerTick,
)
from tachograph.sdk import limits
from tachograph.sdk.spans import InstrumentKey, Span, TimerKey

#: Individual spans of one name that are kept each second; the others are counted as sampled.
SPANS_PER_SECOND = 10
#: Lines of standard error that one frame may carry.
LINES_PER_FRAME = 100
#: Spans that may be open at once; more are counted as lost.
OPEN_SPANS = 100_000


class TimerSum:
    """One timer since the source's start."""

    __slots__ = ("buckets", "changed", "count", "errors", "id", "max_s", "min_s", "self_s", "sum_s")

    def __init__(self, number: int) -> None:
        self.id = number
        self.count = self.errors = 0
        self.sum_s = self.self_s = self.max_s = 0.0
        self.min_s = float("inf")
        self.buckets: dict[int, int] = {}
        self.changed: set[int] = set()

    def add(self, durations: list[float], errors: int, self_s: float) -> None:
        """Add a batch. Most of the work is C: sums, extremes, and the bits of an array."""
        self.count += len(durations)
        self.errors += errors
        self.sum_s += sum(durations)
        self.self_s += self_s
        self.min_s = min(self.min_s, min(durations))
        self.max_s = max(self.max_s, max(durations))
        bits = memoryview(array("d", durations)).cast("B").cast("Q")
        tally = Tally(map(rshift, bits, repeat(SHIFT)))
        for bucket, count in tally.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + count
        self.changed.update(tally)

    def tick(self, whole: bool) -> TimerTick:
        buckets = self.buckets
        flat: list[int] = []
        for bucket in sorted(buckets if whole else self.changed):
            flat += (bucket, buckets[bucket])
        self.changed.clear()
        return TimerTick(
            self.id, self.count, self.errors, self.sum_s, self.self_s, self.min_s, self.max_s, flat
        )


class Accumulator:
    """See the module."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.timers: dict[TimerKey, TimerSum | None] = {}
        self.numbers: dict[InstrumentKey, int | None] = {}
        self.values: dict[int, float] = {}
        self.gauges: dict[int, float | None] = {}
        self.topics: dict[str, dict[str, Any]] = {}
        self.losses: dict[tuple[str, bool], int] = {}
        self.open: dict[int, Span] = {}
        self._definitions: list[Definition] = []
        self._new_definitions = 0
        self._dirty_timers: set[TimerSum] = set()
        self._dirty_values: set[int] = set()
        self._dirty_gauges: set[int] = set()
        self._dirty_topics: dict[str, dict[str, Any]] = {}
        self._dirty_losses: set[tuple[str, bool]] = set()
        self._started: list[SpanStart] = []
        self._ended: list[SpanEnd] = []
        self._clocks: list[Clock] = []
        self._lines: list[Line] = []
        self._stacks: list[Stack] = []
        self._kept: dict[tuple[str, str], int] = {}
        self._kept_until = 0.0
        self._last_span = 0

    # -- what comes in -----------------------------------------------------

    def add_timings(self, records: Iterable[tuple[TimerKey, float, str]]) -> None:
        """Timings with the same key are added together."""
        grouped: dict[TimerKey, tuple[list[float], list[int]]] = {}
        for key, seconds, error in records:
            try:
                group = grouped.get(key)
            except TypeError:  # a name that can't be hashed
                key = (key[0], limits.text(key[1], limits.MAX_NAME), key[2])
                group = grouped.get(key)
            if group is None:
                group = grouped[key] = ([], [0])
            group[0].append(seconds)
            if error:
                group[1][0] += 1
        for key, (durations, errors) in grouped.items():
            self._add(key, durations, errors[0], sum(durations))

    def add_spans(self, spans: Iterable[Span], now: float, now_ns: int) -> None:
        """Spans that have started or ended, in the order of their records.

        `now` is perf_counter's reading, `now_ns` the wall clock's at the same instant.
        """
        if now >= self._kept_until:
            self._kept.clear()
            self._kept_until = now + 1.0
        grouped: dict[TimerKey, tuple[list[float], list[float]]] = {}
        for span in spans:
            if span.done:
                continue
            if not span.end:
                self._opened(span, now, now_ns)
                if not span.end:
                    continue
            self._finish(span, now, now_ns, grouped)
        for key, (durations, more) in grouped.items():
            self._add(key, durations, int(more[0]), more[1])

    def _opened(self, span: Span, now: float, now_ns: int) -> None:
        """List a running span; from here on its end is queued."""
        if span.listed:
            return
        if len(self.open) >= OPEN_SPANS:
            span.done = True
            self.lose("open spans", 1)
            return
        self._number(span)
        span.listed = True
        self.open[span.id] = span
        self._started.append(self._start_of(span, now, now_ns))

    def _number(self, span: Span) -> None:
        if not span.id:
            self._last_span += 1
            span.id = self._last_span

    def _start_of(self, span: Span, now: float, now_ns: int) -> SpanStart:
        parent = span.parent
        if parent is not None:
            self._number(parent)
        start = span.start or now
        return SpanStart(
            span.id,
            parent.id if parent is not None else 0,
            span.kind,
            limits.text(span.name, limits.MAX_NAME),
            now_ns - int((now - start) * 1e9),
            limits.attributes(span.attributes),
        )

    def _finish(
        self,
        span: Span,
        now: float,
        now_ns: int,
        grouped: dict[TimerKey, tuple[list[float], list[float]]],
    ) -> None:
        span.done = True
        duration = span.end - span.start
        self_s = max(0.0, duration - span.children_s)
        if not span.silent:
            name = span.name
            key = (span.kind, name, ())
            try:
                group = grouped.get(key)
            except TypeError:
                key = (span.kind, limits.text(name, limits.MAX_NAME), ())
                group = grouped.get(key)
            if group is None:
                group = grouped[key] = ([], [0, 0.0])
            group[0].append(duration)
            more = group[1]
            more[1] += self_s
            if span.error:
                more[0] += 1
        listed = self.open.pop(span.id, None) is not None if span.id else False
        if listed or self._keep(span):
            self._number(span)
            self._ended.append(self._end_of(span, duration, self_s, now, now_ns))
        # The chain of parents must not be kept alive by a span that somebody holds.
        span.parent = None

    def _keep(self, span: Span) -> bool:
        """Whether this one is among the first of its name in this second."""
        if span.kind in ("pipeline", "agent"):
            return True
        key = (span.kind, str(span.name))
        seen = self._kept.get(key, 0)
        if seen < SPANS_PER_SECOND and len(self._kept) < 1_000:
            self._kept[key] = seen + 1
            return True
        self.lose("span rate", 1, sampled=True)
        return False

    def _end_of(
        self, span: Span, duration: float, self_s: float, now: float, now_ns: int
    ) -> SpanEnd:
        parent = span.parent
        return SpanEnd(
            span.id,
            parent.id if parent is not None else 0,
            span.kind,
            limits.text(span.name, limits.MAX_NAME),
            now_ns - int((now - span.end) * 1e9),
            duration,
            self_s,
            limits.text(span.error, limits.MAX_TEXT),
            limits.attributes(span.attributes),
        )

    def _add(self, key: TimerKey, durations: list[float], errors: int, self_s: float) -> None:
        timer = self.timers.get(key)
        if timer is None:
            timer = self._define_timer(key)
            if timer is None:
                self.lose("series limit", len(durations))
                return
        timer.add(durations, errors, self_s)
        self._dirty_timers.add(timer)

    def add_counts(self, records: Iterable[tuple[InstrumentKey, float]]) -> None:
        """Increases of counters."""
        grouped: dict[InstrumentKey, float] = {}
        for key, n in records:
            try:
                grouped[key] = grouped.get(key, 0) + n
            except TypeError:
                key = (key[0], limits.text(key[1], limits.MAX_NAME), *key[2:])
                grouped[key] = grouped.get(key, 0) + n
        for key, n in grouped.items():
            number = self._number_of(key)
            if number:
                total = self.values.get(number, 0.0) + n
                # The sum of finite numbers can overflow; it then stays where it was.
                if total - total == 0:
                    self.values[number] = total
                    self._dirty_values.add(number)
                else:
                    self.lose("invalid value", 1)
            else:
                self.lose("series limit", 1)

    def set_gauge(self, key: InstrumentKey, value: float | None) -> None:
        """A gauge's newest value."""
        number = self._number_of(key)
        if not number:
            self.lose("series limit", 1)
        elif number not in self.gauges or self.gauges[number] != value:
            self.gauges[number] = value
            self._dirty_gauges.add(number)

    def publish(self, topic: str, value: dict[str, Any]) -> None:
        """Merge `value` into the topic, key by key."""
        topic = limits.text(topic, limits.MAX_NAME)
        value = limits.json_value(value)
        for store in (self.topics, self._dirty_topics):
            store.setdefault(topic, {}).update(value)

    def lose(self, reason: str, count: int, *, sampled: bool = False) -> None:
        """Add to the loss ledger."""
        key = (reason, sampled)
        self.losses[key] = self.losses.get(key, 0) + count
        self._dirty_losses.add(key)

    def clock_moved(self, at_ns: int, jump_s: float) -> None:
        """The wall clock parted from the boot clock."""
        self._clocks.append(Clock(at_ns, jump_s))

    def add_line(self, at_ns: int, text: str) -> None:
        """A line of standard error; of too many between two frames the newest are kept."""
        self._lines.append(Line(at_ns, limits.text(text, limits.MAX_TEXT)))
        if len(self._lines) > LINES_PER_FRAME:
            self.lose("lines of stderr", 1, sampled=True)
            del self._lines[0]

    def add_stack(self, at_ns: int, calls: list[str]) -> None:
        """What the program is doing."""
        self._stacks = [Stack(at_ns, [limits.text(call, limits.MAX_NAME) for call in calls[-100:]])]

    def total(self, kind: str) -> tuple[int, int, float]:
        """Count, errors and seconds of all timers of one span kind."""
        found = [t for key, t in self.timers.items() if key[0] == kind and t is not None]
        return (
            sum(t.count for t in found),
            sum(t.errors for t in found),
            sum(t.sum_s for t in found),
        )

    # -- definitions -------------------------------------------------------

    def _room(self) -> bool:
        return len(self._definitions) < limits.MAX_SERIES

    def _define_timer(self, key: TimerKey) -> TimerSum | None:
        clean = (key[0], limits.text(key[1], limits.MAX_NAME), _clean(key[2]))
        if clean != key:
            # Names that become equal by cutting share one timer.
            self._count_cut(key[1])
            timer = self.timers.get(clean) or self._define_timer(clean)
            if timer is not None and _small(key[1], key[2]):
                self._alias(self.timers, key, timer)
            return timer
        if not self._room():
            return None
        kind, name, labels = key
        timer = self.timers[key] = TimerSum(len(self._definitions) + 1)
        self._define(Definition(timer.id, "timer", name, "s", dict(labels), "sum", kind))
        return timer

    def _count_cut(self, name: Any) -> None:
        if not isinstance(name, str) or len(name) > limits.MAX_NAME:
            self.lose("name cut", 1, sampled=True)

    def _alias(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        """Remember what a name as it came stands for, so that it is cut only once."""
        if len(table) < 2 * limits.MAX_SERIES:
            table[key] = value

    def _number_of(self, key: InstrumentKey) -> int:
        try:
            number = self.numbers.get(key)
        except TypeError:
            key = (key[0], limits.text(key[1], limits.MAX_NAME), *key[2:])
            number = self.numbers.get(key)
        if number is not None:
            return number
        kind, name, unit, labels, merge = key
        clean = (
            kind,
            limits.text(name, limits.MAX_NAME),
            limits.text(unit, limits.MAX_LABEL_KEY),
            _clean(labels),
            merge if merge in ("sum", "max", "min", "last") else "sum",
        )
        if clean != key:
            self._count_cut(name)
            number = self._number_of(clean)
            if number and _small(name, labels):
                self._alias(self.numbers, key, number)
            return number
        if not self._room():
            return 0
        number = self.numbers[key] = len(self._definitions) + 1
        self._define(Definition(number, kind, name, unit, dict(labels), merge))  # type: ignore[arg-type]
        return number

    def _define(self, definition: Definition) -> None:
        self._definitions.append(definition)
        self._new_definitions += 1

    # -- what goes out -----------------------------------------------------

    @property
    def dirty(self) -> bool:
        """Whether a frame would say anything."""
        return bool(
            self._dirty_timers
            or self._dirty_values
            or self._dirty_gauges
            or self._dirty_topics
            or self._dirty_losses
            or self._started
            or self._ended
            or self._clocks
            or self._lines
            or self._stacks
            or self._new_definitions
        )

    def frame(self, at_ns: int, goodbye: Goodbye | None = None) -> Frame:
        """What is new since the frame before."""
        new = self._definitions[len(self._definitions) - self._new_definitions :]
        frame = Frame(
            at_ns,
            None,
            new,
            [CounterTick(n, self.values[n]) for n in self._dirty_values],
            [GaugeTick(n, self.gauges[n]) for n in self._dirty_gauges],
            [timer.tick(False) for timer in self._dirty_timers],
            self._started,
            self._ended,
            [Publish(topic, value) for topic, value in self._dirty_topics.items()],
            [Loss(key[0], self.losses[key], key[1]) for key in self._dirty_losses],
            self._clocks,
            goodbye,
            self._lines,
            self._stacks,
        )
        self._clean()
        return frame

    def checkpoint(self, at_ns: int, now: float = 0.0, goodbye: Goodbye | None = None) -> Frame:
        """All that is known: nothing before this frame is needed to go on from it."""
        new_ones = {start.id for start in self._started}
        still_open = [
            self._start_of(span, now, at_ns)
            for span in self.open.values()
            if span.id not in new_ones
        ]
        frame = Frame(
            at_ns,
            self.source,
            list(self._definitions),
            [CounterTick(n, value) for n, value in self.values.items()],
            [GaugeTick(n, value) for n, value in self.gauges.items()],
            [timer.tick(True) for timer in set(self.timers.values()) if timer is not None],
            still_open + self._started,
            self._ended,
            [Publish(topic, value) for topic, value in self.topics.items()],
            [Loss(reason, count, sampled) for (reason, sampled), count in self.losses.items()],
            self._clocks,
            goodbye,
            self._lines,
            self._stacks,
        )
        self._clean()
        return frame

    def _clean(self) -> None:
        self._new_definitions = 0
        self._dirty_timers.clear()
        self._dirty_values.clear()
        self._dirty_gauges.clear()
        self._dirty_topics = {}
        self._dirty_losses.clear()
        self._started = []
        self._ended = []
        self._clocks = []
        self._lines = []
        self._stacks = []


def _clean(labels: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(limits.labels(labels).items())) if labels else ()


def _small(name: Any, labels: tuple[tuple[str, str], ...]) -> bool:
    """Whether a key may be kept as it came; a huge one is cut anew each time."""
    if not isinstance(name, str) or len(name) > 4 * limits.MAX_NAME:
        return False
    return len(labels) <= limits.MAX_LABELS and all(len(k) + len(v) < 1_000 for k, v in labels)
