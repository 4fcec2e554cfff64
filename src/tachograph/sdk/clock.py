"""Instants that survive a change of the wall clock and a sleep of the machine."""

from __future__ import annotations

import time

#: Wall and boot clock may part by this much before a frame says so.
TOLERANCE_S = 0.5
_BOOT = getattr(time, "CLOCK_BOOTTIME", None)


def _boot_ns() -> int:
    return time.clock_gettime_ns(_BOOT) if _BOOT is not None else time.monotonic_ns()


class Clock:
    """Wall clock at its start plus boot time since: it never jumps, and goes on in a suspend."""

    def __init__(self) -> None:
        self._wall = time.time_ns()
        self._boot = _boot_ns()
        self._told = 0

    def now_ns(self) -> int:
        """Nanoseconds since the epoch."""
        return self._wall + _boot_ns() - self._boot

    def jump_s(self) -> float | None:
        """By how much the wall clock moved against this one, once a move above TOLERANCE_S."""
        apart = time.time_ns() - self.now_ns()
        if abs(apart - self._told) <= TOLERANCE_S * 1e9:
            return None
        moved = (apart - self._told) / 1e9
        self._told = apart
        return moved
