"""Instants that survive a change of the wall clock and a sleep of the machine.

Instants are wall clock and boot time, which goes on in a suspend; durations are perf_counter's,
which doesn't everywhere. The two are never mixed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

#: Wall and boot clock may part by this much before a frame says so.
TOLERANCE_S = 0.5
#: The two clocks are compared only if they were read within so long of each other.
_CLOSE_NS = 10_000_000
#: After the wall clock was set back, instants take this share of a second per second.
_SLOWED = 0.9
_BOOT = getattr(time, "CLOCK_BOOTTIME", None)


def _boot_ns() -> int:
    return time.clock_gettime_ns(_BOOT) if _BOOT is not None else time.monotonic_ns()


class _Course(NamedTuple):
    """From `boot` on: the wall clock was right in saying `wall`, we had said `told` already."""

    boot: int
    wall: int
    told: int


class Clock:
    """Wall clock at its start plus boot time since, corrected by `jump_s`. Never goes back.

    Any thread may ask for instants, one at a time for jumps. `wall` and `boot` give nanoseconds.
    """

    def __init__(
        self, wall: Callable[[], int] = time.time_ns, boot: Callable[[], int] = _boot_ns
    ) -> None:
        self._read_wall = wall
        self._read_boot = boot
        at = wall()
        self._course = _Course(boot(), at, at)

    def now_ns(self) -> int:
        """Nanoseconds since the epoch."""
        return _instant(self._course, self._read_boot())

    def jump_s(self) -> float | None:
        """By how much the wall clock was set since it was last asked, if by over TOLERANCE_S.

        Instants follow: forwards at once; backwards they are slowed until they are right, so that
        none comes before one that was given.
        """
        before = self._read_boot()
        wall = self._read_wall()
        boot = self._read_boot()
        course = self._course
        moved = wall - (course.wall + boot - course.boot)
        if boot - before > _CLOSE_NS or abs(moved) <= TOLERANCE_S * 1e9:
            return None
        self._course = _Course(boot, wall, max(wall, _instant(course, boot)))
        return moved / 1e9


def _instant(course: _Course, boot: int) -> int:
    since = boot - course.boot
    # Integers: a float would lose the nanoseconds of what is told.
    return max(course.wall + since, course.told + int(since * _SLOWED))
