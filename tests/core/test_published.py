"""What users publish: the latest wins, key by key, in each project and over all of them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachograph.core.published import MAX_TOPICS, Published

PUBLISHES = st.lists(
    st.tuples(
        st.sampled_from(["", "photos", "music"]),
        st.dictionaries(
            st.sampled_from(["a", "b"]), st.sampled_from([None, 0, 1, [1], {"x": 1}]), max_size=2
        ),
    ),
    max_size=10,
)


def replayed(publishes: list[tuple[str, dict[str, Any]]], sees: list[str]) -> dict[str, Any]:
    """What holds when only these projects' words are heard, one after another."""
    value: dict[str, Any] = {}
    for project, said in publishes:
        if project in sees:
            value |= said
    return {key: one for key, one in value.items() if one is not None}


@given(PUBLISHES)
def test_latest_wins(publishes: list[tuple[str, dict[str, Any]]]) -> None:
    """Each project sees what it and nobody in particular said, all of them see everything; of
    two words on one key the later one holds, and None deletes."""
    published = Published()
    for project, said in publishes:
        assert published.merge("t", project, said)
    assert published.value("t", None) == replayed(publishes, ["", "photos", "music"])
    assert published.value("t", "photos") == replayed(publishes, ["", "photos"])
    assert published.value("t", "music") == replayed(publishes, ["", "music"])
    assert published.value("t", "other") == replayed(publishes, [""])


@given(PUBLISHES, PUBLISHES)
def test_restart(
    before: list[tuple[str, dict[str, Any]]], after: list[tuple[str, dict[str, Any]]]
) -> None:
    """After a restart from what was stored it goes on as if there had been none."""
    published = Published()
    for project, said in before:
        published.merge("t", project, said)
    again = Published()
    again.load(msgspec.msgpack.decode(msgspec.msgpack.encode(published.dump())))
    for project, said in after:
        again.merge("t", project, said)
    for seen_by in (None, "photos", "music"):
        sees = ["", "photos", "music"] if seen_by is None else ["", seen_by]
        assert again.value("t", seen_by) == replayed(before + after, sees)


def test_topics() -> None:
    """Topics are listed once somebody published; one that nobody knows is empty."""
    published = Published()
    assert published.topics() == []
    assert published.value("t", None) == {}
    published.merge("t", "", {})
    published.merge("s", "", {"a": 1})
    assert published.topics() == ["s", "t"]


def test_too_many_topics() -> None:
    """A new topic above the limit is refused and counted; the known ones go on."""
    published = Published()
    for n in range(MAX_TOPICS):
        assert published.merge(f"t{n}", "", {"a": 1})
    assert not published.merge("one more", "", {"a": 1})
    assert published.refused == 1
    assert published.merge("t0", "", {"a": 2})
    assert published.value("t0", None) == {"a": 2}


@pytest.mark.parametrize("value", [float("nan"), 1 << 70, {"x": b"bytes"}])
def test_what_cannot_be_carried(value: Any) -> None:
    """A value that can't be sent or stored is refused and counted, and the topic stays."""
    published = Published()
    published.merge("t", "", {"a": 1})
    assert not published.merge("t", "", {"a": value})
    assert published.refused == 1
    assert published.value("t", None) == {"a": 1}


@pytest.mark.parametrize(
    "topic", "system actions metrics sources project/photos source/p1 action/a/b event/".split()
)
def test_reserved_topics(topic: str) -> None:
    """Nobody publishes into topics that are ours."""
    published = Published()
    assert not published.merge(topic, "photos", {"a": 1})
    assert published.refused == 1
    assert published.topics() == []
    published.load([(topic, "a", "photos", 1, 1)])
    assert published.topics() == []


@pytest.mark.parametrize("topic", "tasks agents providers own projects action sources/p1".split())
def test_topics_for_users(topic: str) -> None:
    """They do publish into the three that we share with them, and into their own."""
    published = Published()
    assert published.merge(topic, "photos", {"a": 1})
    assert published.value(topic, "photos") == {"a": 1}
