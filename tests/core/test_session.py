"""The protocol's words: what a client may say, and what it is told when it may not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tachograph.core.session import (
    MAX_MESSAGE_BYTES,
    MAX_TOPIC_LENGTH,
    MAX_TOPICS,
    RATES,
    GetMetrics,
    Ping,
    Refused,
    Request,
    Subscribe,
    Unsubscribe,
    camel,
    camel_case,
    parse,
    parse_rate,
    parse_since,
    parse_topics,
)


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("ping", Ping()),
        (b"ping", Ping()),
        ('{"type": "ping"}', Ping()),
        ('{"action": "ping"}', Ping()),
        ('{"type": "ping", "sent": 5}', Ping()),
        ('{"type": "get_metrics"}', GetMetrics()),
        ('{"type": "request_metrics"}', GetMetrics()),
        ('{"type": "subscribe", "topics": ["a", "b", "a"]}', Subscribe(("a", "b"))),
        ('{"type": "subscribe", "topics": "a"}', Subscribe(("a",))),
        ('{"action": "subscribe", "topic": "a"}', Subscribe(("a",))),
        ('{"type": "unsubscribe", "topics": ["a"]}', Unsubscribe(("a",))),
        ('{"action": "unsubscribe", "topic": "a"}', Unsubscribe(("a",))),
        (b'{"action": "unsubscribe", "topic": "a"}', Unsubscribe(("a",))),
    ],
)
def test_what_is_understood(text: str | bytes, request_: Request) -> None:
    """Every message of the protocol, the short ones of scripts too; bytes are read as text."""
    assert parse(text) == request_


TOPICS = f"1 to {MAX_TOPICS} topic names of 1 to {MAX_TOPIC_LENGTH} characters"
OBJECT = "a JSON object with a type"
TYPES = "ping, subscribe, unsubscribe, get_metrics, request_metrics, command"


@pytest.mark.parametrize(
    ("text", "code", "seen", "allowed"),
    [
        ("", "bad_message", "", OBJECT),
        ("hello", "bad_message", "hello", OBJECT),
        ("[1]", "bad_message", "[1]", OBJECT),
        ('"ping"', "bad_message", '"ping"', OBJECT),
        (b"\xff\xfe", "bad_message", "\ufffd\ufffd", OBJECT),
        ("x" * 90, "bad_message", "x" * 79 + "…", OBJECT),
        ("{}", "unknown_type", "None", TYPES),
        ('{"type": "dance"}', "unknown_type", "dance", TYPES),
        ('{"type": ["ping"]}', "unknown_type", "['ping']", TYPES),
        ('{"type": "subscribe"}', "bad_topics", "None", TOPICS),
        ('{"type": "subscribe", "topics": []}', "bad_topics", "[]", TOPICS),
        ('{"type": "subscribe", "topics": [""]}', "bad_topics", "", TOPICS),
        ('{"type": "subscribe", "topics": [7]}', "bad_topics", "7", TOPICS),
        ('{"type": "subscribe", "topics": {"a": 1}}', "bad_topics", "{'a': 1}", TOPICS),
        ('{"type": "command", "name": "stop"}', "no_receiver", "command", "no program here"),
        ("x" * (MAX_MESSAGE_BYTES + 1), "too_large", "65537 bytes", "65536 bytes"),
    ],
)
def test_what_is_refused(text: str | bytes, code: str, seen: str, allowed: str) -> None:
    """A refusal names itself, what was seen (cut) and what is allowed."""
    refused = parse(text)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.seen) == (code, seen)
    assert refused.allowed.startswith(allowed)
    told = {"type": "refused", "code": code, "seen": seen, "allowed": refused.allowed}
    assert refused.message() == told


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)
WORDS = st.sampled_from(["ping", "subscribe", "unsubscribe", "get_metrics", "command"])
MESSAGES = st.fixed_dictionaries(
    {}, optional={"type": WORDS | ANY, "action": WORDS, "topics": ANY, "topic": ANY}
).map(lambda message: msgspec.json.encode(message).decode())


@given(MESSAGES | st.text(max_size=40) | st.binary(max_size=40))
@example('{"type": ' + "[" * 900 + "]" * 900 + "}")
@example('{"type": "subscribe", "topics": ' + "[" * 900 + "]" * 900 + "}")
@example('{"type": "subscribe", "topics": [' + "[" * 900 + "]" * 900 + "]}")
@example("[" * 60_000)
@example('{"type": ' + "1" * 5_000 + "}")
@example('{"type": 1' + "0" * 300 + "}")
def test_nothing_raises(text: str | bytes) -> None:
    """Whatever comes is a request or a refusal that can be sent; never an error."""
    request = parse(text)
    if isinstance(request, Refused):
        assert len(request.seen) <= 80
        msgspec.json.encode(request.message())
    elif isinstance(request, Subscribe | Unsubscribe):
        assert request.topics
        assert all(0 < len(topic) <= MAX_TOPIC_LENGTH for topic in request.topics)


def test_any_depth() -> None:
    """At no depth does a message that can be decoded fail when it is shown."""
    for depth in (*range(1, 1_000, 17), *range(900, 1_000)):
        inner = "[" * depth + "]" * depth
        for text in (f'{{"type": {inner}}}', f'{{"type": "subscribe", "topics": {inner}}}'):
            assert isinstance(parse(text), Refused)


def test_topic_names() -> None:
    """Names are taken once, in order, up to the limits."""
    assert parse_topics(("b", "a", "b")) == ("b", "a")
    assert parse_topics(["x" * MAX_TOPIC_LENGTH]) == ("x" * MAX_TOPIC_LENGTH,)
    assert isinstance(parse_topics(["x" * (MAX_TOPIC_LENGTH + 1)]), Refused)
    assert isinstance(parse_topics([f"t{n}" for n in range(MAX_TOPICS + 1)]), Refused)


@pytest.mark.parametrize(
    ("asked", "rate"),
    [("1", 1.0), ("0.2", 0.2), ("3.1", 5.0), ("2", 1.0), ("1000", 60.0), ("0.00001", 0.2)],
)
def test_rate(asked: str, rate: float) -> None:
    """The nearest class is taken, so that few classes have to be encoded."""
    assert parse_rate(asked, 20.0) == rate


@pytest.mark.parametrize("asked", ["", "0", "-1", "nan", "inf", "fast", "1e999"])
def test_bad_rate(asked: str) -> None:
    """What is no rate is refused with the rates that there are."""
    refused = parse_rate(asked, 1.0)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.seen) == ("bad_rate", asked)
    assert all(str(rate) in refused.allowed for rate in RATES)


def test_default_rate() -> None:
    """Without a wish the server's own rate holds."""
    assert parse_rate(None, 5.0) == 5.0


@pytest.mark.parametrize(
    ("text", "positions"),
    [
        (None, {}),
        ("", {}),
        ("a:k3.1:5", {"a": "k3.1:5"}),
        ("a:k3.1:5,b:k3.2:0", {"a": "k3.1:5", "b": "k3.2:0"}),
        ("project/x:y:k3.1:5", {"project/x:y": "k3.1:5"}),
        ("a,:,b:,:c:5,d:k:1", {"d": "k:1"}),
    ],
)
def test_since(text: str | None, positions: dict[str, str]) -> None:
    """Positions by topic, colons in a topic's name included; what is no position is left out."""
    assert parse_since(text) == positions


@given(st.text(":,ab1", max_size=30))
def test_since_never_raises(text: str) -> None:
    """Any text gives positions of named topics, or none."""
    assert all(topic and position for topic, position in parse_since(text).items())


def test_camel_case() -> None:
    """snake_case becomes camelCase; what has no underscore stays."""
    assert [camel_case(name) for name in ("success_rate", "p95", "last_at_s", "")] == [
        "successRate",
        "p95",
        "lastAtS",
        "",
    ]


def test_camel_keeps_what_users_named() -> None:
    """Names of actions, sources, losses and instants are data, not keys of ours."""
    value: dict[str, Any] = {
        "total_actions": 3,
        "points": {"1800000000000": [1]},
        "columns": ["p95_s"],
        "names": {"my_click": {"total_s": 1, "services": ["a_b"]}},
        "current": {"p_1:2": {"since_at": 5}},
        "sources": {"p_1": {"started_at": 1, "losses": {"queue_full": 2}, "command": ["a_b"]}},
    }
    assert camel(value, True) == {
        "totalActions": 3,
        "points": {"1800000000000": [1]},
        "columns": ["p95_s"],
        "names": {"my_click": {"totalS": 1, "services": ["a_b"]}},
        "current": {"p_1:2": {"sinceAt": 5}},
        "sources": {"p_1": {"startedAt": 1, "losses": {"queue_full": 2}, "command": ["a_b"]}},
    }
    assert camel(value, False) == value
