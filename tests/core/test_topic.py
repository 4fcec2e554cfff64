"""A topic: whoever follows it ends up with its value, however often they drop and come back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachograph.core.patch import Json, apply, normal
from tachograph.core.topic import TAIL, TAIL_BYTES, Topic
from tests.core.values import LOOSE_OBJECTS, text


class Client:
    """What somebody holds who follows a topic by positions alone."""

    def __init__(self, topic: Topic) -> None:
        self.snapshots = 0
        self.value: Json = {}
        self.position = ""
        self.come_back(topic)

    def come_back(self, topic: Topic, *, one_patch: bool = False) -> None:
        """Take what was missed: change by change or as one patch; else the value."""
        changes = topic.since(self.position)
        patch = topic.patch_since(self.position)
        if one_patch and patch is not None:
            self.value = apply(self.value, patch)
        elif changes is not None:
            for change in changes:
                self.value = apply(self.value, change.delta)
        else:
            self.snapshots += 1
            self.value = topic.value
        self.position = topic.position


SETS = st.tuples(st.sampled_from(["set", "merge"]), LOOSE_OBJECTS)
STEPS = st.lists(SETS | st.sampled_from(["changes", "patch"]), max_size=8)


@given(STEPS)
def test_a_client_ends_with_the_value(steps: list[Any]) -> None:
    """Any sequence of changes, drops and resumes: after the last resume the client holds
    exactly the topic's value, and one snapshot was enough."""
    topic = Topic("t", "e")
    client = Client(topic)
    for step in steps:
        if isinstance(step, str):
            client.come_back(topic, one_patch=step == "patch")
            assert text(client.value) == text(topic.value)
        else:
            how, value = step
            getattr(topic, how)(value)
    client.come_back(topic)
    assert text(client.value) == text(topic.value)
    assert client.snapshots == 1


@given(st.lists(LOOSE_OBJECTS, max_size=6))
def test_set(values: list[Json]) -> None:
    """`set` replaces the value, says whether it moved, and moves the position by one if so."""
    topic = Topic("t", "e")
    for value in values:
        before, seq = text(topic.value), topic.seq
        moved = topic.set(value)
        assert text(topic.value) == text(normal(value))
        assert moved == (text(topic.value) != before)
        assert topic.seq == seq + moved


def test_merge() -> None:
    """`merge` lays keys over the value at the top level only, and None deletes."""
    topic = Topic("t", "e", {"a": 1, "b": {"x": 1}})
    assert topic.merge({"a": None, "b": {"y": 2}, "c": 3})
    assert topic.value == {"b": {"y": 2}, "c": 3}
    assert not topic.merge({"c": 3, "nothing": None})


def test_another_epoch() -> None:
    """After a restart the numbers begin again: an old position gets a snapshot, never a delta
    that belongs to another history."""
    old, new = Topic("t", "one"), Topic("t", "two")
    for n in range(3):
        old.set({"n": n})
        new.set({"n": -n - 1})
    assert new.since(old.position) is None
    assert new.patch_since(old.position) is None
    assert new.since(new.position) == []


def test_history_is_bounded() -> None:
    """The last 300 changes are kept; who missed more takes a snapshot."""
    topic = Topic("t", "e")
    start = topic.position
    for n in range(TAIL):
        topic.set({"n": n})
    assert len(topic.since(start) or []) == TAIL
    topic.set({"n": "more"})
    assert topic.since(start) is None
    assert len(topic.since("e:1") or []) == TAIL


@given(st.text(max_size=12) | st.text("e:0123456789", max_size=30))
def test_any_position(position: str) -> None:
    """A position that is none, or from the future, means a snapshot and never an error."""
    topic = Topic("t", "e")
    topic.set({"a": 1})
    changes = topic.since(position)
    assert changes in (None, []) or position == "e:0" or position.strip("0") == "e:"


@pytest.mark.parametrize("position", ["", ":", "e", "e:", "e:-1", "e:x", "e:2", "e:" + "9" * 400])
def test_positions_that_are_none(position: str) -> None:
    """Examples of those."""
    topic = Topic("t", "e")
    topic.set({"a": 1})
    assert topic.since(position) is None


def test_the_tail_is_bounded_in_bytes() -> None:
    """Large changes are kept as long as they fit together: a topic of a megabyte that moves
    every second would otherwise hold three hundred. One that alone is too large is not kept."""
    topic = Topic("t", "e")
    for n in range(50):
        topic.set({"text": f"{n}" + "x" * (TAIL_BYTES // 10)})
    kept = [seq for seq in range(50) if topic.since(f"e:{seq}") is not None]
    assert len(kept) == 9
    assert topic.since("e:50") == []
    topic.set({"text": "x" * 2 * TAIL_BYTES})
    assert topic.since("e:50") is None
    assert topic.since("e:51") == []
    topic.set({"text": ""})
    assert topic.patch_since("e:51") == {"text": ""}


def test_a_normal_value_is_kept_as_it_is() -> None:
    """What is known to hold no null is not copied: equal parts cost nothing to compare."""
    rows = {"a": {"count": 1}, "b": {"count": 2}}
    topic = Topic("t", "e")
    assert topic.set_normal({"rows": rows})
    assert topic.value["rows"] is rows
    assert not topic.set_normal({"rows": rows})
    assert topic.set_normal({"rows": {**rows, "a": {"count": 2}}})
    assert topic.patch_since("e:1") == {"rows": {"a": {"count": 2}}}
