"""Counts of the last while, in equal slots: rates and recent quantiles. Pure."""

from __future__ import annotations

from collections.abc import Mapping


class Slot:
    """What happened in one slot of time."""

    __slots__ = ("buckets", "count", "errors", "sum_s")

    def __init__(self) -> None:
        self.count = 0
        self.errors = 0
        self.sum_s = 0.0
        self.buckets: dict[int, int] = {}


class Window:
    """The last `span_s` seconds in slots of `slot_s`. Times are any clock's seconds.

    A time before the window is left out; one ahead of `now` lands in its own slot and is
    counted when its time has come.
    """

    __slots__ = ("_slot_s", "_slots", "_span")

    def __init__(self, span_s: float = 60.0, slot_s: float = 1.0) -> None:
        self._slot_s = slot_s
        self._span = round(span_s / slot_s)
        self._slots: dict[int, Slot] = {}

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
        slot.count += count
        slot.errors += errors
        slot.sum_s += sum_s
        if buckets:
            own = slot.buckets
            for bucket, n in buckets.items():
                own[bucket] = own.get(bucket, 0) + n

    def _drop(self, newest: int) -> None:
        for number in [n for n in self._slots if n <= newest - self._span]:
            del self._slots[number]

    def total(self, now: float) -> Slot:
        """Everything of the last `span_s` seconds before `now`, added up."""
        newest = int(now // self._slot_s)
        self._drop(newest)
        whole = Slot()
        for number, slot in self._slots.items():
            if number <= newest:
                whole.count += slot.count
                whole.errors += slot.errors
                whole.sum_s += slot.sum_s
                for bucket, n in slot.buckets.items():
                    whole.buckets[bucket] = whole.buckets.get(bucket, 0) + n
        return whole

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
