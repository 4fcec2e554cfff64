"""What a source knows of itself: every instrument's sum since the start, and what is new.

Pure: records and times go in, frames come out. One owner at a time calls it (the flusher,
under its lock).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

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
    Stack,
)
from tachograph.sdk import limits
from tachograph.sdk.details import Details
from tachograph.sdk.inbox import InstrumentKey, TimerKey
from tachograph.sdk.own_topics import OwnTopics
from tachograph.sdk.scrub import Scrubber, lines, published
from tachograph.sdk.sums import TimerSum, Timing

#: Lines of standard error that one frame may carry.
LINES_PER_FRAME = 100
_SAMPLED = ("span rate", True)


class Accumulator:
    """See the module."""

    def __init__(self, source: Source, scrub: Scrubber | None = None) -> None:
        self.source = source
        self._scrub = scrub or Scrubber()
        self.timers: dict[TimerKey, TimerSum | None] = {}
        self.numbers: dict[InstrumentKey, int | None] = {}
        self.values: dict[int, float] = {}
        self.gauges: dict[int, float | None] = {}
        self.topics = OwnTopics()
        self.losses: dict[tuple[str, bool], int] = {}
        self.spans = Details(self._scrub)
        self._definitions: list[Definition] = []
        self._new_definitions = 0
        self._dirty_timers: set[TimerSum] = set()
        self._dirty_values: set[int] = set()
        self._dirty_gauges: set[int] = set()
        self._dirty_losses: set[tuple[str, bool]] = set()
        self._clocks: list[Clock] = []
        self._lines: list[Line] = []
        self._stacks: list[Stack] = []
        self._line = lines(self._scrub.text)

    # -- what comes in -----------------------------------------------------

    def take_scrubber(self, scrub: Scrubber) -> None:
        """From now on, what this one calls a secret is hidden."""
        self._scrub = self.spans.scrub = scrub
        self._line = lines(scrub.text)

    def add_calls(self, key: TimerKey, plain: list[float], rest: Sequence[Timing] = ()) -> None:
        """Calls of one name: the seconds of plain ones, and those with more to say."""
        if not plain and not rest:
            return
        timer = self.timers.get(key)
        if timer is None:
            timer = self._define_timer(key)
            if timer is None:
                self.lose("series limit", len(plain) + len(rest))
                return
        timer.add(plain, rest)
        self._dirty_timers.add(timer)

    def add_amounts(self, key: InstrumentKey, amounts: list[float]) -> None:
        """Increases of one counter."""
        number = self._number_of(key) if amounts else 0
        if not number:
            if amounts:
                self.lose("series limit", len(amounts))
            return
        try:
            total = float(self.values.get(number, 0.0) + sum(amounts))
        except (TypeError, ValueError, OverflowError):
            total = float("inf")
        # The sum of finite numbers can overflow; it then stays where it was.
        if total - total == 0:
            self.values[number] = total
            self._dirty_values.add(number)
        else:
            self.lose("invalid value", len(amounts))

    def add_timings(self, records: Iterable[tuple[TimerKey, float, str]]) -> None:
        """Calls one by one: key, seconds, error."""
        for key, seconds, error in records:
            self.add_calls(key, [], [(seconds, seconds, bool(error))])

    def add_counts(self, records: Iterable[tuple[InstrumentKey, float]]) -> None:
        """Increases one by one."""
        for key, amount in records:
            self.add_amounts(key, [amount])

    def set_gauge(self, key: InstrumentKey, value: float | None) -> None:
        """A gauge's newest value."""
        number = self._number_of(key)
        if not number:
            self.lose("series limit", 1)
        elif number not in self.gauges or self.gauges[number] != value:
            self.gauges[number] = value
            self._dirty_gauges.add(number)

    def publish(self, topic: str, value: dict[str, Any]) -> None:
        """Merge `value`, which JSON can carry, into the topic, key by key."""
        refused = self.topics.publish(topic, published(value))
        if refused:
            self.lose("publish limit", refused)

    def lose(self, reason: str, count: int, *, sampled: bool = False) -> None:
        """Add to the loss ledger."""
        key = (reason, sampled)
        self.losses[key] = self.losses.get(key, 0) + count
        self._dirty_losses.add(key)

    def count_left_out(self) -> None:
        """Put the spans that ended without being told whole into the ledger."""
        if self.spans.left_out > self.losses.get(_SAMPLED, 0):
            self.losses[_SAMPLED] = self.spans.left_out
            self._dirty_losses.add(_SAMPLED)

    def clock_moved(self, at_ns: int, jump_s: float) -> None:
        """The wall clock parted from the boot clock."""
        self._clocks.append(Clock(at_ns, jump_s))

    def add_line(self, at_ns: int, text: str) -> None:
        """A line of standard error; of too many between two frames the newest are kept."""
        self._lines.append(Line(at_ns, limits.text(self._line(text), limits.MAX_TEXT)))
        if len(self._lines) > LINES_PER_FRAME:
            self.lose("lines of stderr", 1, sampled=True)
            del self._lines[0]

    def add_stack(self, at_ns: int, calls: list[str]) -> None:
        """What the program is doing."""
        told = [limits.text(self._scrub.text(call), limits.MAX_NAME) for call in calls[-100:]]
        self._stacks = [Stack(at_ns, told)]

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
        clean = (key[0], limits.text(key[1], limits.MAX_NAME), self._clean(key[2]))
        # Names that become equal by cutting share one timer.
        timer = self.timers.get(clean) or self._new_timer(clean)
        if clean != key:
            self._count_cut(key[1])
            if timer is not None and _small(key[1], key[2]):
                self._alias(self.timers, key, timer)
        return timer

    def _new_timer(self, key: TimerKey) -> TimerSum | None:
        if not self._room():
            return None
        kind, name, labels = key
        timer = self.timers[key] = TimerSum(len(self._definitions) + 1)
        self._define(Definition(timer.id, "timer", name, "s", dict(labels), "sum", kind))
        return timer

    def _clean(self, labels: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        """Labels without secrets, cut to their limits, in order."""
        if not labels:
            return ()
        return tuple(sorted(limits.labels(self._scrub.labels(dict(labels)).items()).items()))

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
            self._clean(labels),
            merge if merge in ("sum", "max", "min", "last") else "sum",
        )
        number = self.numbers.get(clean) or self._new_number(clean)
        if clean != key:
            self._count_cut(name)
            if number and _small(name, labels):
                self._alias(self.numbers, key, number)
        return number

    def _new_number(self, key: InstrumentKey) -> int:
        if not self._room():
            return 0
        kind, name, unit, labels, merge = key
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
            or self.topics.news
            or self._dirty_losses
            or self.spans.started
            or self.spans.ended
            or self._clocks
            or self._lines
            or self._stacks
            or self._new_definitions
        )

    def frame(self, at_ns: int) -> Frame:
        """What is new since the frame before."""
        frame = Frame(at_ns)
        # Most frames say little, and what isn't set costs nothing.
        if self._new_definitions:
            frame.definitions = self._definitions[-self._new_definitions :]
        if self._dirty_values:
            frame.counters = [CounterTick(n, self.values[n]) for n in self._dirty_values]
        if self._dirty_gauges:
            frame.gauges = [GaugeTick(n, self.gauges[n]) for n in self._dirty_gauges]
        frame.timers = [timer.tick(False) for timer in self._dirty_timers]
        frame.started, frame.ended = self.spans.started, self.spans.ended
        if self.topics.news:
            frame.publishes = [Publish(name, value) for name, value in self.topics.news.items()]
        if self._dirty_losses:
            frame.losses = [Loss(key[0], self.losses[key], key[1]) for key in self._dirty_losses]
        frame.clocks, frame.lines, frame.stacks = self._clocks, self._lines, self._stacks
        self._forget_news()
        return frame

    def checkpoint(self, at_ns: int, now: float = 0.0, goodbye: Goodbye | None = None) -> Frame:
        """All that is known: nothing before this frame is needed to go on from it."""
        frame = Frame(
            at_ns,
            self.source,
            list(self._definitions),
            [CounterTick(n, value) for n, value in self.values.items()],
            [GaugeTick(n, value) for n, value in self.gauges.items()],
            [timer.tick(True) for timer in set(self.timers.values()) if timer is not None],
            self.spans.starts(now, at_ns),
            self.spans.ended,
            [Publish(topic, value) for topic, value in self.topics.every.items()],
            [Loss(reason, count, sampled) for (reason, sampled), count in self.losses.items()],
            self._clocks,
            self._last_words(goodbye),
            self._lines,
            self._stacks,
        )
        self._forget_news()
        return frame

    def _last_words(self, goodbye: Goodbye | None) -> Goodbye | None:
        if goodbye is None:
            return None
        reason = limits.text(self._scrub.text(goodbye.reason), limits.MAX_ERROR)
        return msgspec.structs.replace(
            goodbye, reason=reason, error=self._scrub.text(goodbye.error)
        )

    def _forget_news(self) -> None:
        self._new_definitions = 0
        self._dirty_timers.clear()
        self._dirty_values.clear()
        self._dirty_gauges.clear()
        self.topics.news = {}
        self._dirty_losses.clear()
        self.spans.clear_news()
        self._clocks = []
        self._lines = []
        self._stacks = []


def _small(name: Any, labels: tuple[tuple[str, str], ...]) -> bool:
    """Whether a key may be kept as it came; a huge one is cut anew each time."""
    if not isinstance(name, str) or len(name) > 4 * limits.MAX_NAME:
        return False
    return len(labels) <= limits.MAX_LABELS and all(len(k) + len(v) < 1_000 for k, v in labels)
