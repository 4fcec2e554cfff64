"""Counts of the last while, in equal slots: rates and recent quantiles. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

#: Slots beside the newest one that are kept open: frames still come for them.
_OPEN = 2


class Slot:
    """What happened in one slot of time, or in several."""

    __slots__ = ("buckets", "count", "errors", "sum_s")

    def __init__(self) -> None:
        self.count = 0
        self.errors = 0
        self.sum_s = 0.0
        self.buckets: dict[int, int] = {}

    def add(self, count: int, errors: int, sum_s: float, buckets: Mapping[int, int] | None) -> None:
        """Count more."""
        self.count += count
        self.errors += errors
        self.sum_s += sum_s
        if buckets:
            own = self.buckets
            for bucket, n in buckets.items():
                own[bucket] = own.get(bucket, 0) + n

    def merge(self, other: Slot) -> None:
        """Add another one."""
        if self.buckets:
            self.add(other.count, other.errors, other.sum_s, other.buckets)
            return
        self.count += other.count
        self.errors += other.errors
        self.sum_s += other.sum_s
        self.buckets = other.buckets.copy()

    def merge_closed(self, closed: _Closed) -> None:
        """Add one that was closed."""
        self.count += int(closed[0])
        self.errors += int(closed[1])
        self.sum_s += closed[2]
        own, flat = self.buckets, iter(closed[3:])
        for bucket, n in zip(flat, flat, strict=True):
            own[int(bucket)] = own.get(int(bucket), 0) + int(n)

    def take_away(self, other: Slot) -> None:
        """Undo a merge."""
        self.count -= other.count
        self.errors -= other.errors
        # Nothing that was subtracted may leave a crumb of a float behind.
        self.sum_s = max(0.0, self.sum_s - other.sum_s) if self.count else 0.0
        own = self.buckets
        for bucket, n in other.buckets.items():
            left = own[bucket] - n
            if left:
                own[bucket] = left
            else:
                del own[bucket]


#: A slot to which nothing comes any more: count, errors, sum_s, then bucket and count by turns.
#: Ten thousand names have six hundred thousand of them, and a tuple of numbers is small and no
#: work for the garbage collector.
_Closed = tuple[float, ...]


def _close(slot: Slot) -> _Closed:
    flat = [number for pair in slot.buckets.items() for number in pair]
    return slot.count, slot.errors, slot.sum_s, *flat


def _opened(closed: _Closed) -> Slot:
    slot = Slot()
    slot.count, slot.errors, slot.sum_s = int(closed[0]), int(closed[1]), closed[2]
    slot.buckets = dict(zip(map(int, closed[3::2]), map(int, closed[4::2]), strict=True))
    return slot


class Window:
    """The last `span_s` seconds in slots of `slot_s`. Times are any clock's seconds.

    A time before the window is left out; one ahead of `now` lands in its own slot and is
    counted when its time has come. The slot of `now` has only begun, so it comes on top of
    those: at a tick, which is a slot's beginning, they are `span_s`, and not a slot less.
    """

    __slots__ = ("_closed", "_newest", "_open", "_ordered", "_slot_s", "_span", "_sum", "_sum_to")

    def __init__(self, span_s: float = 60.0, slot_s: float = 1.0) -> None:
        self._slot_s = slot_s
        self._span = round(span_s / slot_s) + 1
        self._open: dict[int, Slot] = {}
        #: Ascending while `_ordered`, so that the oldest is the first.
        self._closed: dict[int, _Closed] = {}
        self._newest = 0
        self._ordered = True
        #: The closed slots up to number `_sum_to` in one, so that a look costs a few slots only.
        self._sum: Slot | None = None
        self._sum_to = 0

    def add(
        self,
        at: float,
        count: int,
        errors: int = 0,
        sum_s: float = 0.0,
        buckets: Mapping[int, int] | None = None,
    ) -> None:
        """Count what happened at `at`."""
        number = int(at // self._slot_s)
        slot = self._open.get(number)
        if slot is None:
            slot = self._begin(number)
        # Not slot.add(): this runs for every name in every frame.
        slot.count += count
        slot.errors += errors
        slot.sum_s += sum_s
        if buckets:
            own = slot.buckets
            for bucket, n in buckets.items():
                own[bucket] = own.get(bucket, 0) + n

    def _begin(self, number: int) -> Slot:
        """A slot to add to: a new one, or one that was closed."""
        if len(self._open) > 2 * _OPEN:
            newest = max(self._open)
            self._close(newest - _OPEN - 1)
            if len(self._closed) > self._span + _OPEN:
                self._drop(newest)
        closed = self._closed.pop(number, None)
        slot = self._open[number] = Slot() if closed is None else _opened(closed)
        if closed is not None and self._sum is not None and number <= self._sum_to:
            self._sum.take_away(slot)
        return slot

    def _close(self, border: int) -> None:
        """Close what is open up to that slot."""
        for number in [n for n in self._open if n <= border]:
            slot = self._open.pop(number)
            if number > self._newest or not self._closed:
                self._newest = number
            else:
                self._ordered = False
            self._closed[number] = _close(slot)
            if self._sum is not None and number <= self._sum_to:
                self._sum.merge(slot)

    def _oldest(self) -> int:
        if self._ordered:
            return next(iter(self._closed))
        self._closed = dict(sorted(self._closed.items()))
        self._ordered = True
        return self._oldest()

    def _drop(self, newest: int) -> None:
        """Forget what has left the window."""
        last = newest - self._span
        while self._closed and (number := self._oldest()) <= last:
            closed = self._closed.pop(number)
            if self._sum is not None and number <= self._sum_to:
                self._sum.take_away(_opened(closed))

    def total(self, now: float) -> Slot:
        """Everything of the last `span_s` seconds before `now`, added up."""
        newest = int(now // self._slot_s)
        border = newest - _OPEN - 1
        self._close(border)
        self._drop(newest)
        whole = Slot()
        whole.merge(self._settled(border))
        for number in range(border + 1, newest + 1):
            slot = self._open.get(number)
            if slot is not None:
                whole.merge(slot)
            elif number in self._closed:
                whole.merge_closed(self._closed[number])
        return whole

    def _settled(self, border: int) -> Slot:
        """All closed slots up to that one, added up once and then kept."""
        begin = border - self._span
        if self._sum is None or border < self._sum_to:
            self._sum = Slot()
        else:
            begin = max(begin, self._sum_to)
        for number in range(begin + 1, border + 1):
            closed = self._closed.get(number)
            if closed is not None:
                self._sum.merge_closed(closed)
        self._sum_to = border
        return self._sum

    def _slot(self, number: int) -> Slot | None:
        slot = self._open.get(number)
        if slot is None and number in self._closed:
            return _opened(self._closed[number])
        return slot

    def _numbers(self, now: float) -> range:
        newest = int(now // self._slot_s)
        return range(newest - self._span + 2, newest + 1)

    def slots(self, now: float) -> Iterator[tuple[int, Slot]]:
        """Number and content of each slot of the last `span_s`, ascending, with that of `now` as
        the last. A slot begins at its number times `slot_s`; one without anything is left out."""
        for number in self._numbers(now):
            slot = self._slot(number)
            if slot is not None:
                yield number, slot

    def counts(self, now: float) -> Iterator[tuple[int, int]]:
        """As `slots`, but only how many there were in each."""
        for number in self._numbers(now):
            if number in self._closed:
                yield number, int(self._closed[number][0])
            elif number in self._open:
                yield number, self._open[number].count

    def moves_at(self, now: float) -> float:
        """When its total changes by time alone: something leaves it, or its time has come."""
        newest = int(now // self._slot_s)
        first = [*self._open, self._oldest()] if self._closed else list(self._open)
        if self._newest > newest:
            first += self._closed
        moves = [number if number > newest else number + self._span for number in first]
        return min(moves, default=newest + self._span) * self._slot_s

    @property
    def empty(self) -> bool:
        """Nothing in it at all."""
        return not self._open and not self._closed
