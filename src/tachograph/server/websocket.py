"""`/ws` and its fixed subscriptions: one task that reads, one that writes, per client."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from tachograph.core import session
from tachograph.core.channel import Channel, ChannelKey
from tachograph.core.session import Refused
from tachograph.server.about import About
from tachograph.server.follower import Follower
from tachograph.server.outbox import Outbox

_encode = msgspec.json.Encoder().encode
#: A client that takes nothing for so long is let go.
STALLED_S = 30.0
CLOSE_BAD_REQUEST = 4400
ROLE = "tachograph.role"
#: Where a server puts the function that ends the connection without waiting for anything.
ABORT = "tachograph.abort"


class Client:
    """One WebSocket connection: what it takes, at which rate, in which form."""

    def __init__(
        self, socket: WebSocket, follower: Follower, about: About, topics: Sequence[str]
    ) -> None:
        self._socket = socket
        self._follower = follower
        self._about = about
        query = socket.query_params
        self._topics = topics
        self._project = query.get("project") or None
        self._full = query.get("format") == "full"
        self._since = session.parse_since(query.get("since"))
        self._rate: float = 1.0
        self._outbox = Outbox(quiet=self._full)
        self._channels: dict[str, Channel] = {}

    async def serve(self) -> None:
        """Until the client leaves, is refused or stalls."""
        await self._socket.accept()
        refused = self._refusal()
        if refused is not None:
            await self._socket.send_text(_encode(refused.message()).decode())
            await self._socket.close(CLOSE_BAD_REQUEST, refused.seen[:100])
            return
        if not self._full:
            self._outbox.put(_encode(self._hello()))
        self._subscribe(self._topics)
        writer = asyncio.create_task(self._write())
        reader = asyncio.create_task(self._read())
        try:
            await asyncio.wait((writer, reader), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for channel in self._channels.values():
                self._follower.hub.leave(self._outbox, channel)
            for task in (writer, reader):
                task.cancel()
            await asyncio.gather(writer, reader, return_exceptions=True)

    def _refusal(self) -> Refused | None:
        query = self._socket.query_params
        if query.get("format", "delta") not in ("delta", "full"):
            return Refused("bad_format", query["format"], "delta, full")
        rate = session.parse_rate(query.get("rate"), self._follower.default_rate)
        if isinstance(rate, Refused):
            return rate
        self._rate = rate
        topics = session.parse_topics(self._topics)
        return topics if isinstance(topics, Refused) else None

    def _hello(self) -> dict[str, Any]:
        role = self._socket.scope.get(ROLE) or "view"
        return self._about.hello(self._follower, time.time()) | {
            "role": role,
            "topics": list(self._topics),
        }

    async def _write(self) -> None:
        while True:
            message = await self._outbox.get(time.time())
            try:
                async with asyncio.timeout(STALLED_S):
                    await self._socket.send_text(message.decode())
            except TimeoutError:
                # Nobody would read a reason. Without this the connection stays, and what
                # was written to it, for as long as the client likes.
                self._socket.scope.get(ABORT, lambda: None)()
                return

    async def _read(self) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await self._outbox.room()
                message = await self._socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                text = message.get("text")
                self._answer(
                    session.parse(text if text is not None else message.get("bytes") or b"")
                )

    def _answer(self, request: session.Request) -> None:
        if isinstance(request, session.Ping):
            self._outbox.put(_encode({"type": "pong", "now": time.time()}))
        elif isinstance(request, session.Subscribe):
            self._subscribe(request.topics)
        elif isinstance(request, session.Unsubscribe):
            for topic in request.topics:
                channel = self._channels.pop(topic, None)
                if channel is not None:
                    self._follower.hub.leave(self._outbox, channel)
        elif isinstance(request, session.GetMetrics):
            now = time.time()
            for channel in self._channels.values():
                self._outbox.put(channel.whole(now), channel)
        else:
            self._outbox.put(_encode(request.message()))

    def _subscribe(self, topics: Sequence[str]) -> None:
        now = time.time()
        for topic in topics:
            if topic in self._channels:
                continue
            if len(self._channels) >= session.MAX_TOPICS:
                refused = Refused("too_many_topics", topic, f"{session.MAX_TOPICS} topics a client")
                self._outbox.put(_encode(refused.message()))
                return
            key = ChannelKey(topic, self._project, self._rate, self._full)
            position = self._since.pop(topic, None)
            self._channels[topic] = self._follower.hub.join(self._outbox, key, position, now)
