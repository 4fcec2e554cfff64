"""Conflation: the latest value wins, and the last change always arrives."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachograph.core.channel import Channel, ChannelKey, full, snapshot
from tachograph.core.patch import Json, apply
from tachograph.core.session import RATES
from tachograph.core.topic import Topic
from tests.core.values import OBJECTS, text


def channel(topic: Topic, rate: float = 1.0, *, full: bool = False) -> Channel:
    return Channel(ChannelKey(topic.name, None, rate, full), topic)


def read(message: bytes) -> dict[str, Any]:
    return msgspec.json.decode(message, type=dict[str, Any])


class Member:
    """A client of one channel."""

    def __init__(self, first: bytes) -> None:
        self.value: Json = {}
        self.position = ""
        self.take(first)

    def take(self, message: bytes) -> None:
        told = read(message)
        value = told["value"]
        self.value = value if told["type"] == "snapshot" else apply(self.value, value)
        self.position = told["pos"]


MOMENTS = st.lists(st.tuples(st.floats(0.0, 3.0), OBJECTS), max_size=8)


@given(MOMENTS, st.sampled_from(RATES))
def test_trailing_edge(moments: list[tuple[float, Json]], rate: float) -> None:
    """Whatever changes when: who sends at `due` whenever something has changed ends with the
    member at the topic's value, and never sends much oftener than the rate."""
    topic = Topic("t", "e")
    taken = channel(topic, rate)
    member = Member(taken.whole(1000.0))
    now, sent = 1000.0, []
    for pause, value in moments:
        if taken.changed and taken.due <= now + pause:
            sent.append(max(now, taken.due))
            member.take(taken.send(sent[-1]))
        now += pause
        topic.set(value)
    if taken.changed:
        member.take(taken.send(max(now, taken.due)))
    assert not taken.changed
    assert text(member.value) == text(topic.value)
    assert member.position == topic.position
    assert all(b - a >= 0.79 / rate for a, b in itertools.pairwise(sent))


@pytest.mark.parametrize("rate", RATES)
def test_due(rate: float) -> None:
    """The first change may go at once; the next after four fifths of a period, so that the
    jitter of a tick skips none."""
    topic = Topic("t", "e")
    taken = channel(topic, rate)
    assert taken.due <= 1000.0
    topic.set({"a": 1})
    taken.send(1000.0)
    assert taken.due == pytest.approx(1000.0 + 0.8 / rate)


def test_between_two_sendings_the_latest_wins() -> None:
    """Three changes are one message with the last of them."""
    topic = Topic("t", "e")
    taken = channel(topic)
    for n in (1, 2, 3):
        topic.set({"n": n})
    assert read(taken.send(5.0)) == {"type": "delta", "topic": "t", "pos": "e:3", "value": {"n": 3}}
    assert taken.encoded == 1


def test_a_new_member_fits_the_next_delta() -> None:
    """Who joins between two sendings gets what the others hold, so one delta serves all."""
    topic = Topic("t", "e", {"a": 1, "b": 1})
    taken = channel(topic)
    topic.set({"b": 2})
    late = Member(taken.whole(5.0))
    assert late.value == {"a": 1, "b": 1}
    late.take(taken.send(5.0))
    assert late.value == {"b": 2}


def test_come_back() -> None:
    """Who comes back gets exactly the changes that they missed, one by one, with positions."""
    topic = Topic("t", "e")
    taken = channel(topic)
    for n in (1, 2, 3):
        topic.set({"n": n})
        taken.send(float(n))
    missed = [read(message) for message in taken.missed("e:1") or []]
    assert [(one["type"], one["pos"], one["value"]) for one in missed] == [
        ("delta", "e:2", {"n": 2}),
        ("delta", "e:3", {"n": 3}),
    ]
    assert taken.missed("e:3") == []
    assert taken.missed("x:1") is None


def test_come_back_ahead_of_the_channel() -> None:
    """Who was at a faster channel holds more than this one has sent. Its next delta says
    nothing of what went back since, so they take a snapshot."""
    topic = Topic("t", "e", {"a": 1})
    slow = channel(topic, 0.2)
    topic.set({"a": 2})
    ahead = topic.position
    assert slow.missed(ahead) is None
    topic.set({"a": 1})
    member = Member(slow.whole(5.0))
    member.take(slow.send(5.0))
    assert member.value == topic.value


def test_full() -> None:
    """For scripts every message is the whole value, also for one who comes back."""
    topic = Topic("system", "e", {"memory_mb": 1, "cpu_percent": 2})
    taken = channel(topic, full=True)
    topic.set({"memory_mb": 1, "cpu_percent": 3})
    assert taken.missed("e:0") is None
    assert read(taken.whole(5.0))["data"] == {"memoryMb": 1, "cpuPercent": 2}
    told = {"memoryMb": 1, "cpuPercent": 3}
    assert read(taken.send(6.0)) == {"type": "system:update", "data": told, "timestamp": 6.0}


@pytest.mark.parametrize(
    ("topic", "kind", "key"),
    [
        ("metrics", "metrics:update", "someKey"),
        ("performance", "performance_update", "someKey"),
        ("quality", "qc_metrics_update", "someKey"),
        ("own", "own:update", "some_key"),
        ("tasks", "tasks:update", "some_key"),
        ("agents", "agents:update", "some_key"),
        ("providers", "providers:update", "some_key"),
    ],
)
def test_full_names(topic: str, kind: str, key: str) -> None:
    """Built-in keys are in camelCase; what users publish keeps its keys, on the topics that
    they share with us too. Two types keep the names they are known by."""
    message = read(full(topic, {"some_key": 1}, 5.0))
    assert message == {"type": kind, "data": {key: 1}, "timestamp": 5.0}


@given(OBJECTS)
def test_snapshot(value: Json) -> None:
    """A snapshot carries the value as it is."""
    message = read(snapshot("t", "e:1", value))
    assert (message["type"], message["topic"], message["pos"]) == ("snapshot", "t", "e:1")
    assert text(message["value"]) == text(value)
