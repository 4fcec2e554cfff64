"""Counters and gauges: names for numbers, light enough to be made at every call."""

from __future__ import annotations

from math import inf

from tachograph.sdk.spans import InstrumentKey, inbox, refuse

_counts = inbox.counts
_append_count = inbox.counts.append


class Counter:
    """A sum that only grows."""

    __slots__ = ("key",)

    def __init__(self, key: InstrumentKey) -> None:
        self.key = key

    def add(self, n: float = 1) -> None:
        """Add `n` (>= 0, finite). Anything else is refused and counted."""
        try:
            valid = 0 <= n < inf
        except TypeError:
            valid = False
        if not valid:
            refuse()
        elif len(_counts) < inbox.limit:
            _append_count((self.key, n))
        else:
            inbox.dropped += 1
        if inbox.idle:
            inbox.ring()


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
                inbox.gauges[self.key] = None if value is None else float(value)
        except (TypeError, ValueError, OverflowError):
            valid = False
        if not valid:
            refuse()
        if inbox.idle:
            inbox.ring()
