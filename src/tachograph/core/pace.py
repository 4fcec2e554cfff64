"""How long to gather news before all of it is taken: not at all, when there is little. Pure.

Waking costs the same for one frame as for a hundred. So after each turn the next one waits, the
longer the more frames come; the first after a pause finds nobody waiting.
"""

from __future__ import annotations

#: With so many logs a second that have news, and more, the pause is the longest one.
MANY_HZ = 1_000.0
LONGEST_S = 0.02
#: The rate is that of about this time.
_OVER_S = 0.1


class Pace:
    """The rate of news, and the pause that fits it. Times are any clock's seconds."""

    __slots__ = ("_at", "_rate")

    def __init__(self) -> None:
        self._at = 0.0
        self._rate = 0.0

    def pause_s(self, count: int, now: float) -> float:
        """`count` logs had news just now; how long to wait before the next look."""
        passed, self._at = max(0.0, now - self._at), now
        keep = max(0.0, 1.0 - passed / _OVER_S)
        self._rate = self._rate * keep + count / _OVER_S
        return LONGEST_S * min(1.0, self._rate / MANY_HZ)
