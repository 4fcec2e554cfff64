"""`/ws` and its fixed subscriptions: what one client asks for, and what it is answered."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.datastructures import QueryParams
from starlette.websockets import WebSocket

from tachograph.core import session
from tachograph.core.channel import Channel, ChannelKey
from tachograph.core.session import Refused
from tachograph.server.about import About
from tachograph.server.connection import CONNECTION, Connection, framed
from tachograph.server.follower import Follower
from tachograph.server.outbox import Outbox

_encode = msgspec.json.Encoder().encode
#: 4400 to 4499: don't come back the same way; 4500 and above: come back, after a while.
CLOSE_BAD_REQUEST = 4400
CLOSE_TOO_MANY_MESSAGES = 4429
CLOSE_TOO_MANY_CLIENTS = 4503
#: Clients at once; a further one is told to come back later.
MAX_CLIENTS = 20_000
#: Messages that a client may send within MESSAGES_S.
MAX_MESSAGES = 600
MESSAGES_S = 10.0
ROLE = "tachograph.role"


async def serve(socket: WebSocket, follower: Follower, about: About, topics: Sequence[str]) -> None:
    """Shake hands; from then on the connection is the client's, and no task is left."""
    await socket.accept()
    query = socket.query_params
    connection: Connection = socket.scope[CONNECTION]
    role = str(socket.scope.get(ROLE) or "view")
    Client(connection, follower, query).begin(about, role, topics, query.get("since"))


class Client:
    """One WebSocket connection: what it takes, at which rate, in which form."""

    __slots__ = (
        "_channels",
        "_connection",
        "_follower",
        "_full",
        "_messages",
        "_messages_since",
        "_outbox",
        "_project",
        "_rate",
    )

    def __init__(self, connection: Connection, follower: Follower, query: QueryParams) -> None:
        self._connection = connection
        self._follower = follower
        self._project = query.get("project") or None
        self._full = query.get("format") == "full"
        self._rate: float = 1.0
        self._outbox = Outbox(connection, quiet=self._full)
        self._channels: dict[str, Channel] = {}
        self._messages = 0
        self._messages_since = 0.0
        connection.take_over(self)
        refused = self._refusal(query)
        if refused is not None:
            self._say(refused.message())
            connection.close(CLOSE_BAD_REQUEST, refused.seen[:100])

    def _refusal(self, query: QueryParams) -> Refused | None:
        if query.get("format", "delta") not in ("delta", "full"):
            return Refused("bad_format", query["format"], "delta, full")
        rate = session.parse_rate(query.get("rate"), self._follower.default_rate)
        if isinstance(rate, Refused):
            return rate
        self._rate = rate
        return None

    def begin(self, about: About, role: str, topics: Sequence[str], since: str | None) -> None:
        """Hello, and every topic's value or what was missed of it."""
        if self._connection.close_sent:
            return
        wanted = session.parse_topics(topics)
        if isinstance(wanted, Refused):
            self._say(wanted.message())
            self._connection.close(CLOSE_BAD_REQUEST, wanted.seen[:100])
            return
        if len(self._follower.hub.members) >= MAX_CLIENTS:
            self._connection.close(CLOSE_TOO_MANY_CLIENTS, f"{MAX_CLIENTS} clients at once")
            return
        if not self._full:
            hello = about.hello(self._follower, time.time())
            self._say(hello | {"role": role, "topics": list(wanted)})
        self._follower.hub.members[self._outbox] = None
        self._subscribe(wanted, session.parse_since(since))

    # -- what the connection tells -----------------------------------------

    def received(self, message: str | bytes) -> None:
        """A wish of the client's."""
        now = time.time()
        if not 0 <= now - self._messages_since < MESSAGES_S:
            self._messages, self._messages_since = 0, now
        self._messages += 1
        if self._messages > MAX_MESSAGES:
            allowed = f"{MAX_MESSAGES} messages in {MESSAGES_S:.0f} s"
            self._say(Refused("too_many_messages", str(self._messages), allowed).message())
            self._connection.close(CLOSE_TOO_MANY_MESSAGES, allowed)
            return
        self._answer(session.parse(message))
        if self._connection.full:
            # One that asks and never reads would fill the memory with answers.
            self._connection.hear(False)

    def drained(self) -> None:
        """It takes messages again."""
        self._outbox.drained()
        if not self._connection.full:
            self._connection.hear(True)

    def lost(self) -> None:
        """It is over."""
        self._follower.hub.part(self._outbox)
        for channel in self._channels.values():
            self._follower.hub.leave(self._outbox, channel)
        self._channels.clear()

    # -- answers -----------------------------------------------------------

    def _answer(self, request: session.Request) -> None:
        if isinstance(request, session.Ping):
            if self._connection.full:
                return  # it doesn't even take what it has been sent
            self._say({"type": "pong", "now": time.time()})
        elif isinstance(request, session.Subscribe):
            self._subscribe(request.topics, {})
        elif isinstance(request, session.Unsubscribe):
            for topic in request.topics:
                channel = self._channels.pop(topic, None)
                if channel is not None:
                    self._follower.hub.leave(self._outbox, channel)
        elif isinstance(request, session.GetMetrics):
            now = time.time()
            for channel in self._channels.values():
                self._outbox.put(framed(channel.whole(now)), channel)
        else:
            self._say(request.message())

    def _say(self, message: dict[str, Any]) -> None:
        self._outbox.put(framed(_encode(message)))

    def _subscribe(self, topics: Sequence[str], since: dict[str, str]) -> None:
        now = time.time()
        for topic in topics:
            if topic in self._channels:
                continue
            if len(self._channels) >= session.MAX_TOPICS:
                refused = Refused("too_many_topics", topic, f"{session.MAX_TOPICS} topics a client")
                self._say(refused.message())
                return
            key = ChannelKey(topic, self._project, self._rate, self._full)
            hub = self._follower.hub
            self._channels[topic] = hub.join(self._outbox, key, since.get(topic), now)
