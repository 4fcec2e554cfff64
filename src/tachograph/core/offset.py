"""By how much a source's clock is behind the reader's: from when its frames come. Pure.

A frame comes after it was written, a little or a lot, so what its instant seems to be behind
is never too small: the least of some frames is the clock's own part. That holds only for
frames that were read when they came. Who reads late, because it was not there, stood still
or had too much to do, must not ask: its own delay would be taken for the clock's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol

import msgspec

from tachograph.model import Frame

#: Instants are corrected when the clocks are further apart.
APART_NS = 1_000_000_000
#: The least is that of the last so long. Shorter than a minute, because a source whose clock was
#: set back may say its instants slowed, until they are right: by so much as they slow down in
#: that time it is corrected too far.
SPAN_NS = 30_000_000_000
_SLOT_NS = 5_000_000_000


class _Dated(Protocol):
    at_ns: int


class ClockOffset:
    """Of one source. `ns` is what has to be added to its instants, 0 while they are near."""

    __slots__ = ("_lows", "_newest", "ns")

    def __init__(self, ns: int = 0) -> None:
        self.ns = ns
        #: The least of each slot of time, oldest first.
        self._lows: deque[tuple[int, int]] = deque()
        self._newest = 0

    def come(self, at_ns: int, now_ns: int) -> None:
        """A frame that says it is of `at_ns` has come now, right after it was written."""
        if at_ns < self._newest:
            self.forget()
        self._newest = at_ns
        lows, behind, slot = self._lows, now_ns - at_ns, now_ns // _SLOT_NS
        if not lows or slot != lows[-1][0]:
            lows.append((slot, behind))
            while lows[0][0] <= slot - SPAN_NS // _SLOT_NS:
                lows.popleft()
        elif behind < lows[-1][1]:
            lows[-1] = (slot, behind)
        else:
            return
        least = min(low for _, low in lows)
        self.ns = least if abs(least) > APART_NS else 0

    @property
    def known(self) -> bool:
        """Whether anything has been learned."""
        return bool(self._lows)

    def forget(self) -> None:
        """One of the two clocks was set: what was learned says nothing of the next frames."""
        self._lows.clear()
        self._newest = 0


def corrected(frame: Frame, ns: int) -> Frame:
    """The frame with that much added to all of its instants, in place."""
    frame.at_ns += ns
    groups: tuple[Sequence[_Dated], ...]
    groups = (frame.started, frame.ended, frame.clocks, frame.lines, frame.stacks)
    for group in groups:
        for one in group:
            one.at_ns += ns
    if frame.goodbye is not None:
        frame.goodbye.at_ns += ns
    if frame.source is not None:
        started = max(0, min(frame.source.started_ns + ns, frame.at_ns))
        frame.source = msgspec.structs.replace(frame.source, started_ns=started)
    return frame
