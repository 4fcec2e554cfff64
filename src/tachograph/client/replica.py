"""What a client holds of each topic: messages in, values out. Pure.

Snapshots replace a value, deltas are laid over it, and each topic's position is kept: sent
along after a broken connection, the server goes on from there, or says that it can't by a
snapshot. Either way the value is the server's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec

from tachograph.core.patch import Json, apply
from tachograph.errors import TachographError

#: From here on a close code means: come back, after a while. 4400 to 4499: not the same way.
_NOT_AGAIN = range(4400, 4500)


class ClientRefused(TachographError):
    """The server doesn't serve this client, and will not if it asks again the same way."""


class Update(NamedTuple):
    """A topic has a new value.

    `value` is all of it, `changes` the merge patch that led there (None: it was replaced whole,
    because this is the first, or because what lies between is gone). `at` is the server's
    clock when it last told the time, seconds since the Unix epoch.
    """

    topic: str
    value: Json
    changes: Json | None
    pos: str
    at: float


class Replica:
    """See the module. One owner, one thread."""

    def __init__(self, topics: Iterable[str], project: str | None = None, rate: float = 1.0):
        self.topics = tuple(dict.fromkeys(topics))
        self.values: dict[str, Json] = {}
        self.positions: dict[str, str] = {}
        self.hello: Json = {}
        self._at = 0.0
        self._query = {"rate": f"{rate:g}"} | ({"project": project} if project else {})

    def query(self) -> str:
        """The query of an address that goes on where this replica stands."""
        since = ",".join(f"{topic}:{pos}" for topic, pos in self.positions.items())
        known = {"since": since} if since else {}
        # A name with a comma in it is subscribed to by a message: see `subscribe`.
        plain = [topic for topic in self.topics if "," not in topic]
        return urlencode({"topics": ",".join(plain)} | self._query | known)

    def subscribe(self) -> str | None:
        """The message that asks for the topics whose names fit into no address."""
        rest = [topic for topic in self.topics if "," in topic]
        if not rest:
            return None
        return msgspec.json.encode({"type": "subscribe", "topics": rest}).decode()

    def take(self, message: str | bytes) -> Update | None:
        """One message of the server; the update in it, if it is one of a wanted topic.

        Raises ClientRefused for a refusal.
        """
        told: dict[str, Any] = msgspec.json.decode(message)
        self._at = float(told.get("now", self._at))
        kind, topic = told.get("type"), told.get("topic")
        if kind == "hello":
            self.hello = told
        elif kind == "refused":
            raise refused(told)
        elif kind in ("snapshot", "delta") and topic in self.topics:
            return self._moved(topic, kind, told)
        return None

    def _moved(self, topic: str, kind: str, told: dict[str, Any]) -> Update:
        changes: Json | None = None
        if kind == "snapshot":
            self.values[topic] = told["value"]
        else:
            changes = told["value"]
            self.values[topic] = apply(self.values.get(topic, {}), told["value"])
        self.positions[topic] = told["pos"]
        return Update(topic, self.values[topic], changes, told["pos"], self._at)


def refused(told: Json) -> ClientRefused:
    """A refusal as an error."""
    seen, allowed = told.get("seen"), told.get("allowed")
    return ClientRefused(f"refused ({told.get('code')}): seen {seen!r}, allowed: {allowed}")


def is_final(code: int) -> bool:
    """Whether a close code says not to come back the same way."""
    return code in _NOT_AGAIN
