"""Counts of the last while, in equal slots: rates and recent quantiles. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

#: Slots beside the newest one that are added up anew each time: frames still come for them.
_OPEN = 3


class Slot:
    """What happened in one slot of time."""

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
        self.add(other.count, other.errors, other.sum_s, other.buckets)

    def subtract(self, other: Slot) -> None:
        """Take away what was merged."""
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


class Window:
    """The last `span_s` seconds in slots of `slot_s`. Times are any clock's seconds.

    A time before the window is left out; one ahead of `now` lands in its own slot and is
    counted when its time has come.
    """

    __slots__ = ("_slot_s", "_slots", "_span", "_sum", "_sum_to")

    def __init__(self, span_s: float = 60.0, slot_s: float = 1.0) -> None:
        self._slot_s = slot_s
        self._span = round(span_s / slot_s)
        self._slots: dict[int, Slot] = {}
        #: All slots up to number `_sum_to` in one, so that a look costs a few slots, not all.
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
        slot = self._slots.get(number)
        if slot is None:
            slot = self._slots[number] = Slot()
            if len(self._slots) > 2 * self._span:
                self._drop(max(self._slots))
        # Not slot.add(): this runs for every name in every frame.
        slot.count += count
        slot.errors += errors
        slot.sum_s += sum_s
        if buckets:
            own = slot.buckets
            for bucket, n in buckets.items():
                own[bucket] = own.get(bucket, 0) + n
        if number <= self._sum_to and self._sum is not None and number in self._slots:
            self._sum.add(count, errors, sum_s, buckets)

    def _drop(self, newest: int) -> None:
        for number in [n for n in self._slots if n <= newest - self._span]:
            slot = self._slots.pop(number)
            if self._sum is not None and number <= self._sum_to:
                self._sum.subtract(slot)

    def total(self, now: float) -> Slot:
        """Everything of the last `span_s` seconds before `now`, added up."""
        newest = int(now // self._slot_s)
        self._drop(newest)
        whole = Slot()
        if not self._slots:
            self._sum = None
            return whole
        whole.merge(self._settled(newest - _OPEN - 1))
        for number in range(newest - _OPEN, newest + 1):
            slot = self._slots.get(number)
            if slot is not None:
                whole.merge(slot)
        return whole

    def _settled(self, number: int) -> Slot:
        """All slots up to that one, added up once and then kept."""
        if self._sum is None or number < self._sum_to:
            self._sum, self._sum_to = Slot(), number - self._span
        if number - self._sum_to > self._span:
            self._sum_to = number - self._span - _OPEN
        for later in range(self._sum_to + 1, number + 1):
            slot = self._slots.get(later)
            if slot is not None:
                self._sum.merge(slot)
        self._sum_to = number
        return self._sum

    def slots(self, now: float) -> Iterator[tuple[int, Slot]]:
        """Number and content of each slot of the last `span_s` before `now`, ascending. A slot
        begins at its number times `slot_s`; one without anything is left out."""
        newest = int(now // self._slot_s)
        for number in range(newest - self._span + 1, newest + 1):
            slot = self._slots.get(number)
            if slot is not None:
                yield number, slot

    def moves_at(self, now: float) -> float:
        """When its total changes by time alone: something leaves it, or its time has come."""
        newest = int(now // self._slot_s)
        leaving = (n + self._span if n <= newest else n for n in self._slots)
        return min(leaving, default=float("inf")) * self._slot_s

    @property
    def empty(self) -> bool:
        """Nothing in it at all."""
        return not self._slots

    def merge(self, other: Window) -> None:
        """Add another window of the same slots."""
        for number, slot in other._slots.items():
            # The slot's middle: its beginning may be rounded into the slot before.
            middle = (number + 0.5) * self._slot_s
            self.add(middle, slot.count, slot.errors, slot.sum_s, slot.buckets)
