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

    def __init__(self, quiet: bool = False) -> None:
        #: A script that asked for values only: no reminders.
        self.quiet = quiet
        self.dropped = 0
        self.sent_bytes = 0
        self.last_at = 0.0
        self._messages: deque[bytes] = deque()
        self._bytes = 0
        self._ready = asyncio.Event()
        self._lagging: dict[Channel, None] = {}

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait."""
        return self._bytes

    @property
    def lagging(self) -> bool:
        """Whether deltas are being left out."""
        return bool(self._lagging)

    def put(self, message: bytes, channel: Channel | None = None) -> None:
        """Queue a message; one of a channel is left out while the client lags."""
        if channel is not None and (channel in self._lagging or self._bytes > LIMIT_BYTES):
            self._lagging[channel] = None
            self.dropped += 1
            return
        self._messages.append(message)
        self._bytes += len(message)
        self._ready.set()

    def put_all(self, messages: Iterable[bytes]) -> None:
        """Queue what must not be left out."""
        for message in messages:
            self.put(message)

    def forget(self, channel: Channel) -> None:
        """The client left the channel."""
        self._lagging.pop(channel, None)

    async def get(self, now: float) -> bytes:
        """The next message, when there is one; snapshots for lagging channels when all is sent."""
        while not self._messages:
            if self._lagging:
                lagging, self._lagging = self._lagging, {}
                self.put_all(channel.whole(now) for channel in lagging)
                continue
            self._ready.clear()
            await self._ready.wait()
        message = self._messages.popleft()
        self._bytes -= len(message)
        self.sent_bytes += len(message)
        return message
