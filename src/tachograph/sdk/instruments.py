"""Counters and gauges: names for numbers, light enough to be asked for at every call."""

from __future__ import annotations

from math import inf
from typing import Any

from tachograph.sdk import limits
from tachograph.sdk.inbox import (
    GAUGES,
    InstrumentKey,
    Tray,
    admit,
    inbox,
    keep_tray,
    refuse,
)


class Counter:
    """A sum that only grows."""

    __slots__ = ("tray",)

    def __init__(self, tray: Tray) -> None:
        self.tray = tray

    def add(self, n: float = 1) -> None:
        """Add `n` (>= 0, finite). Anything else is refused and counted."""
        try:
            valid = 0 <= n < inf
        except TypeError:
            valid = False
        if not valid:
            return refuse()
        if inbox.room:
            inbox.room -= 1
        elif not admit():
            return None
        tray = self.tray
        tray.numbers.append(n)
        if not tray.waiting:
            tray.announce()
        return None


class Gauge:
    """A value that goes up and down. The last one set before a flush is the one that counts."""

    __slots__ = ("key",)

    def __init__(self, key: InstrumentKey) -> None:
        self.key = key

    def set(self, value: float | None) -> None:
        """Set it; None takes the value away. NaN and infinities are refused and counted."""
        try:
            valid = value is None or -inf < value < inf
            if valid:
                gauges = inbox.gauges
                if len(gauges) < GAUGES or self.key in gauges:
                    gauges[self.key] = None if value is None else float(value)
                else:
                    inbox.dropped += 1
        except (TypeError, ValueError, OverflowError):
            valid = False
        if not valid:
            refuse()
        elif inbox.idle:
            inbox.ring()


_trays: dict[tuple[Any, ...], Tray] = {}


def find_counter(name: Any, unit: Any, labels: tuple[tuple[str, str], ...]) -> Counter:
    """The counter of that name, unit and labels."""
    try:
        return Counter(_trays[name, unit, labels])
    except Exception:  # a new name, or something that is none
        key = (_text(name), _text(unit), labels)
    tray = Tray(("counter", *key, "sum"), inbox.counts)
    return Counter(_trays.get(key) or keep_tray(_trays, key, tray))


def find_gauge(name: Any, unit: Any, labels: tuple[tuple[str, str], ...], merge: Any) -> Gauge:
    """The gauge of that name, unit, labels and way of merging."""
    return Gauge(("gauge", _text(name), _text(unit), labels, _text(merge)))


def _text(value: Any) -> str:
    return value if type(value) is str else limits.text(value, limits.MAX_NAME)
