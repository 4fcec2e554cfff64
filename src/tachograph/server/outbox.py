"""What one client is sent: written at once, or left out and made good by a snapshot later."""

from __future__ import annotations

import time
from typing import Protocol

from tachograph.core.channel import Channel
from tachograph.server.connection import framed


class Line(Protocol):
    """A connection as an outbox needs it."""

    written_bytes: int

    @property
    def waiting_bytes(self) -> int:
        """Written, and not yet taken by the network."""
        ...

    @property
    def full(self) -> bool:
        """Whether it takes nothing more; when that is over, `Outbox.drained` has to be called."""
        ...

    def write(self, frame: bytes) -> None:
        """Send a frame; never waits."""
        ...


class Outbox:
    """One client's way out. `put` never waits and holds nothing: what a client doesn't take
    stays in its connection's buffer, up to its limit."""

    __slots__ = ("_lagging", "dropped", "last_at", "line", "quiet")

    def __init__(self, line: Line, quiet: bool = False) -> None:
        self.line = line
        #: A script that asked for values only: no reminders.
        self.quiet = quiet
        self.dropped = 0
        self.last_at = 0.0
        self._lagging: dict[Channel, None] | None = None

    @property
    def lagging(self) -> bool:
        """Whether deltas are being left out."""
        return bool(self._lagging)

    def put(self, frame: bytes, channel: Channel | None = None) -> None:
        """Send a frame; one of a channel is left out while the client lags."""
        if channel is not None and (self.line.full or (self._lagging and channel in self._lagging)):
            if self._lagging is None:
                self._lagging = {}
            self._lagging[channel] = None
            self.dropped += 1
            return
        self.line.write(frame)

    def forget(self, channel: Channel) -> None:
        """The client left the channel."""
        if self._lagging is not None:
            self._lagging.pop(channel, None)

    def drained(self, now: float | None = None) -> None:
        """The line takes messages again: snapshots for the channels that lag, one at a time, for
        all of them together may be many times the limit."""
        while self._lagging and not self.line.full:
            channel = next(iter(self._lagging))
            del self._lagging[channel]
            self.line.write(framed(channel.whole(time.time() if now is None else now)))
