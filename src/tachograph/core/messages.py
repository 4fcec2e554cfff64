"""The live protocol's messages as types, for its description and for who checks real ones. Pure."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

Text = Annotated[str, msgspec.Meta(min_length=1)]
Position = Annotated[
    str, msgspec.Meta(description="opaque; given back in `since`, the server goes on from there")
]
Instant = Annotated[float, msgspec.Meta(description="seconds since the Unix epoch")]
Topics = Annotated[list[Text], msgspec.Meta(min_length=1, max_length=64)]


class Message(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """Anything that is sent, by its `type`."""


class Hello(Message, tag="hello"):
    """The first message of a connection in the format `delta`."""

    server: Annotated[str, msgspec.Meta(description="the server's version")]
    epoch: Annotated[str, msgspec.Meta(description="new with each start of the server")]
    now: Instant
    interval_s: Annotated[float, msgspec.Meta(description="seconds between two ticks")]
    role: Annotated[str, msgspec.Meta(description="view, or control")]
    topics: list[str]
    host: str
    home: str
    first_frame: Annotated[bool, msgspec.Meta(description="whether any source was ever seen")]
    stored: Annotated[bool, msgspec.Meta(description="false while no history is kept")]


class Snapshot(Message, tag="snapshot"):
    """A topic's whole value: at the beginning, and where the way to it is gone."""

    topic: str
    pos: Position
    value: dict[str, Any]


class Delta(Message, tag="delta"):
    """A topic's change as an RFC 7396 merge patch: null deletes, arrays are whole."""

    topic: str
    pos: Position
    value: dict[str, Any]


class Tick(Message, tag="tick"):
    """Nothing has changed, and the connection lives: once an interval."""

    now: Instant


class Pong(Message, tag="pong"):
    """The answer to a ping."""

    now: Instant


class Refused(Message, tag="refused"):
    """What can't be served; the connection stays unless it began with it."""

    code: str
    seen: str
    allowed: str


class Update(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A topic's whole value in the format `full`; `type` is `<topic>:update`, but for the topics
    `performance` (`performance_update`) and `quality` (`qc_metrics_update`). Built-in keys are in
    camelCase."""

    type: str
    data: dict[str, Any]
    timestamp: Instant


class Ping(Message, tag="ping"):
    """Is anybody there? The bare text `ping` does it too."""


class Subscribe(Message, tag="subscribe"):
    """Send these topics too."""

    topics: Topics


class Unsubscribe(Message, tag="unsubscribe"):
    """Send these topics no more."""

    topics: Topics


class GetMetrics(Message, tag="get_metrics"):
    """Send the values of all subscribed topics again. `request_metrics` means the same."""


class Command(Message, tag="command"):
    """For a program that records: pause, cancel, or a word of its own."""

    name: Text
    args: dict[str, Any] = {}
    run: str = ""


FROM_SERVER = (Hello, Snapshot, Delta, Tick, Pong, Refused, Update)
FROM_CLIENT = (Ping, Subscribe, Unsubscribe, GetMetrics, Command)
