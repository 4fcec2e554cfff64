"""The live protocol's words: what a client may ask, and what it may not. Pure.

`parse` takes a text message and gives the request in it, or a refusal that says what was
seen and what is allowed. See docs/design/topics.md.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

#: Rate classes in Hz: a tick is encoded once for each of them.
RATES = (0.2, 1.0, 5.0, 20.0, 60.0)
DEFAULT_TOPICS = ("agents", "tasks", "providers", "metrics")
BUILT_IN = (
    "system actions events performance agents tasks providers metrics quality alerts sources"
).split()
#: Topics of one source, or of one name; what stands behind is its id, or its name as it is.
EACH = ("source/", "action/", "event/")
#: Built-in topics that users may add keys to; the other ones are ours alone.
SHARED = ("agents", "tasks", "providers")
MAX_TOPICS = 64
#: A name of 200, the longest that is recorded, and what stands before it.
MAX_TOPIC_LENGTH = 220
MAX_MESSAGE_BYTES = 64 * 1024

#: Members of our values whose keys are nobody's names of fields.
_NOT_OURS = ("points", "gaps", "losses", "server_losses", "labels", "attributes")
_TYPES = "ping, subscribe, unsubscribe, get_metrics, request_metrics, command"


class Ping(NamedTuple):
    """Answer with a pong."""


class Subscribe(NamedTuple):
    """Send these topics too."""

    topics: tuple[str, ...]


class Unsubscribe(NamedTuple):
    """Send these topics no more."""

    topics: tuple[str, ...]


class GetMetrics(NamedTuple):
    """Send the subscribed topics' snapshots again."""


class Refused(NamedTuple):
    """What can't be served."""

    code: str
    seen: str
    allowed: str

    def message(self) -> dict[str, str]:
        """As it goes to the client."""
        return {"type": "refused", "code": self.code, "seen": self.seen, "allowed": self.allowed}


Request = Ping | Subscribe | Unsubscribe | GetMetrics | Refused


def reserved(topic: str) -> bool:
    """Whether nobody may publish to it, because its values are ours alone."""
    return (topic in BUILT_IN and topic not in SHARED) or topic.startswith(("project/", *EACH))


def parse(text: str | bytes) -> Request:
    """The request in a client's message."""
    if text in ("ping", b"ping"):
        return Ping()
    if len(text) > MAX_MESSAGE_BYTES:
        return Refused("too_large", f"{len(text)} bytes", f"{MAX_MESSAGE_BYTES} bytes")
    try:
        message = msgspec.json.decode(text)
        if isinstance(message, dict):
            return _request(message, message.get("type", message.get("action")))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    return Refused("bad_message", _shown(text), "a JSON object with a type")


def _request(message: dict[str, Any], kind: Any) -> Request:
    if kind == "ping":
        return Ping()
    if kind in ("get_metrics", "request_metrics"):
        return GetMetrics()
    if kind in ("subscribe", "unsubscribe"):
        names = message.get("topics", message.get("topic"))
        topics = parse_topics([names] if isinstance(names, str) else names)
        if isinstance(topics, Refused):
            return topics
        return Subscribe(topics) if kind == "subscribe" else Unsubscribe(topics)
    if kind == "command":
        return Refused("no_receiver", "command", "no program here takes commands")
    return Refused("unknown_type", _shown(str(kind)), _TYPES)


def parse_topics(names: Any) -> tuple[str, ...] | Refused:
    """Topic names from a list, each once, in order."""
    allowed = f"1 to {MAX_TOPICS} topic names of 1 to {MAX_TOPIC_LENGTH} characters"
    if not isinstance(names, list | tuple) or not 0 < len(names) <= MAX_TOPICS:
        return Refused("bad_topics", _shown(str(names)), allowed)
    for name in names:
        if not isinstance(name, str) or not 0 < len(name) <= MAX_TOPIC_LENGTH:
            return Refused("bad_topics", _shown(str(name)), allowed)
    return tuple(dict.fromkeys(names))


def parse_rate(text: str | None, default: float) -> float | Refused:
    """The nearest rate class to what was asked, `default` when nothing was."""
    if text is None:
        return default
    try:
        wanted = float(text)
    except ValueError:
        wanted = 0.0
    if not 0 < wanted < float("inf"):
        return Refused(
            "bad_rate", _shown(text), "updates per second: " + ", ".join(map(str, RATES))
        )
    return min(RATES, key=lambda rate: abs(rate - wanted))


def parse_since(text: str | None) -> dict[str, str]:
    """Positions by topic from `topic:epoch:seq,...`; what is none is left out."""
    positions: dict[str, str] = {}
    for part in (text or "").split(",")[:MAX_TOPICS]:
        # From the right: a topic's name may hold colons.
        topic, *position = part.rsplit(":", 2)
        if topic and len(position) == 2 and all(position):
            positions[topic] = ":".join(position)
    return positions


def camel_case(name: str) -> str:
    """`success_rate` -> `successRate`."""
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def camel(value: dict[str, Any], built_in: bool) -> dict[str, Any]:
    """Built-in keys in camelCase, for `format=full`; users' names stay as they are, and so do
    all keys of a topic that is not `built_in`."""
    if not built_in:
        return value
    return {camel_case(key): _camel_inner(key, inner) for key, inner in value.items()}


def _camel_inner(key: str, value: Any) -> Any:
    if not isinstance(value, dict) or key in _NOT_OURS:
        return value
    if key in ("names", "sources", "current", "running", "recent_errors"):  # keyed by names
        return {
            name: {camel_case(k): v for k, v in row.items()} if isinstance(row, dict) else row
            for name, row in value.items()
        }
    return {camel_case(k): _camel_inner(k, v) for k, v in value.items()}


def full_type(topic: str) -> str:
    """The `type` of a topic's message under `format=full`."""
    return {"performance": "performance_update", "quality": "qc_metrics_update"}.get(
        topic, f"{topic}:update"
    )


def _shown(text: str | bytes) -> str:
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    return text if len(text) <= 80 else text[:79] + "…"
