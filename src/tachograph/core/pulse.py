"""Tell whether time went on as usual since the last look, from two clocks. Pure.

The wall clock says the time and may be set; the other one only goes on, in a suspend of the
machine too where there is such a clock. Seconds that both of them have are a standstill: of
this process, or of the machine with everybody on it. What only the wall clock has was set.
"""

from __future__ import annotations

from typing import Literal

Beat = Literal["usual", "late", "stepped"]
#: Looks are this close to each other; more is a standstill.
LATE_NS = 1_000_000_000
#: The clocks part by this much at most without being set.
TOLERANCE_NS = 500_000_000


class Pulse:
    """One who is asked often, with nanoseconds of both clocks."""

    __slots__ = ("_going", "_wall")

    def __init__(self, wall_ns: int, going_ns: int) -> None:
        self._wall, self._going = wall_ns, going_ns

    def beat(self, wall_ns: int, going_ns: int) -> Beat:
        """What happened since the last call."""
        wall, going = wall_ns - self._wall, going_ns - self._going
        self._wall, self._going = wall_ns, going_ns
        if abs(wall - going) > TOLERANCE_NS:
            return "stepped"
        return "late" if going > LATE_NS else "usual"
