"""What a client holds: any sequence of messages leaves it with the server's value."""

from __future__ import annotations

from urllib.parse import parse_qs

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachograph.client.backoff import FIRST_S, LONGEST_S, Backoff
from tachograph.client.replica import ClientRefused, Replica, is_final
from tachograph.core.channel import delta, snapshot
from tachograph.core.topic import Topic
from tests.core.values import OBJECTS


@given(st.lists(st.tuples(OBJECTS, st.booleans()), max_size=20))
def test_every_change_and_every_return_ends_with_the_value(steps: list[tuple[dict, bool]]) -> None:  # type: ignore[type-arg]
    """Whatever the topic does, and wherever the connection breaks, the replica that goes on from
    its position holds the topic's value."""
    topic, replica = Topic("own", "e"), Replica(["own"])
    replica.take(snapshot("own", topic.position, topic.value))
    for value, broken in steps:
        topic.set(value)
        if broken:
            continue  # it comes with what is missed, later
        missed = topic.since(replica.positions["own"])
        if missed is None:
            replica.take(snapshot("own", topic.position, topic.value))
            continue
        for change in missed:
            replica.take(delta("own", f"e:{change.seq}", change.delta))
        assert replica.values["own"] == topic.value
    for change in topic.since(replica.positions["own"]) or []:
        replica.take(delta("own", f"e:{change.seq}", change.delta))
    assert replica.values["own"] == topic.value


def test_an_update_has_the_value_and_what_changed() -> None:
    """The first one is whole, the next says what changed, and the server's time goes along."""
    replica = Replica(["a"])
    assert replica.take(msgspec.json.encode({"type": "hello", "now": 5.0, "role": "view"})) is None
    first = replica.take(snapshot("a", "e:1", {"x": 1, "y": {"z": 2}}))
    assert first is not None
    assert (first.value, first.changes, first.pos) == ({"x": 1, "y": {"z": 2}}, None, "e:1")
    replica.take('{"type": "tick", "now": 6.5}')
    second = replica.take(delta("a", "e:2", {"x": None, "y": {"w": 3}}))
    assert second is not None
    assert second.value == {"y": {"z": 2, "w": 3}}
    assert (second.changes, second.at) == ({"x": None, "y": {"w": 3}}, 6.5)
    assert first.value == {"x": 1, "y": {"z": 2}}, "an update that was handed out stays as it was"


def test_the_address_goes_on_where_it_stands() -> None:
    """Positions go into the address; names with commas don't, they are asked for by a message."""
    replica = Replica(["a", "action/x, y", "a"], project="p", rate=5)
    assert parse_qs(replica.query()) == {"topics": ["a"], "rate": ["5"], "project": ["p"]}
    assert msgspec.json.decode(replica.subscribe() or "") == {
        "type": "subscribe",
        "topics": ["action/x, y"],
    }
    replica.take(snapshot("a", "e:7", {}))
    assert parse_qs(replica.query())["since"] == ["a:e:7"]
    assert Replica(["a"]).subscribe() is None


def test_a_topic_that_nobody_asked_for_is_left_out() -> None:
    """A server that sends more than was asked for changes nothing here."""
    replica = Replica(["a"])
    assert replica.take(snapshot("b", "e:1", {"x": 1})) is None
    assert replica.values == {}


def test_a_refusal_is_an_error_that_says_what_is_allowed() -> None:
    """What the server refused, and what it allows, are in the sentence."""
    told = {"type": "refused", "code": "bad_rate", "seen": "0", "allowed": "0.2 to 60"}
    with pytest.raises(ClientRefused, match=r"bad_rate.*'0'.*0\.2 to 60"):
        Replica(["a"]).take(msgspec.json.encode(told))


def test_close_codes_say_whether_to_come_back() -> None:
    """4400 to 4499 are final; all others are worth another try."""
    assert [code for code in (1000, 1012, 4399, 4400, 4499, 4500, 4503) if is_final(code)] == [
        4400,
        4499,
    ]


def test_waits_grow_up_to_a_bound_and_begin_anew_after_success() -> None:
    """Twice as long each time, half of it by chance, never above the longest."""
    highest, lowest = Backoff(lambda: 1.0), Backoff(lambda: 0.0)
    waits = [highest.next_s() for _ in range(40)]
    assert waits[:3] == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S]
    assert waits[-1] == LONGEST_S
    assert [2 * lowest.next_s() for _ in range(40)] == waits
    highest.reset()
    assert highest.next_s() == FIRST_S
