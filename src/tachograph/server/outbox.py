"""What waits to be sent to one client: bounded, and honest about what it leaves out."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from tachograph.core.channel import Channel

#: Beyond this a client is lagging: it gets no deltas, and one snapshot when it has caught up.
LIMIT_BYTES = 64 * 1024


class Outbox:
    """Messages for one client. `put` never waits; `get` is the client's own task's."""

    def __init__(self, quiet: bool = False, limit_bytes: int = LIMIT_BYTES) -> None:
        #: A script that asked for values only: no reminders.
        self.quiet = quiet
        self.limit_bytes = limit_bytes
        self.dropped = 0
        self.last_at = 0.0
        self._messages: deque[bytes] = deque()
        self._bytes = 0
        self._ready = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._lagging: dict[Channel, None] = {}

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait."""
        return self._bytes

    @property
    def full(self) -> bool:
        """Whether no more should be put in now."""
        return self._bytes > self.limit_bytes

    @property
    def lagging(self) -> bool:
        """Whether deltas are being left out."""
        return bool(self._lagging)

    def put(self, message: bytes, channel: Channel | None = None) -> None:
        """Queue a message; one of a channel is left out while the client lags."""
        if channel is not None and (channel in self._lagging or self.full):
            self._lagging[channel] = None
            self.dropped += 1
            return
        self._messages.append(message)
        self._bytes += len(message)
        self._ready.set()
        if self.full:
            self._room.clear()

    def put_all(self, messages: Iterable[bytes], channel: Channel) -> None:
        """Queue what brings the client up to date in a channel."""
        for message in messages:
            self.put(message, channel)

    def forget(self, channel: Channel) -> None:
        """The client left the channel."""
        self._lagging.pop(channel, None)

    async def room(self) -> None:
        """Wait until there is room: before the client's next wish is heard, or a client that
        asks and never reads would fill the memory with answers."""
        await self._room.wait()

    async def get(self, now: float) -> bytes:
        """The next message, when there is one; snapshots for lagging channels when all is sent."""
        while not self._messages:
            if self._lagging:
                # One at a time: all of them together may be many times the limit.
                channel = next(iter(self._lagging))
                del self._lagging[channel]
                self.put(channel.whole(now))
                continue
            self._ready.clear()
            await self._ready.wait()
        message = self._messages.popleft()
        self._bytes -= len(message)
        if not self.full:
            self._room.set()
        return message
