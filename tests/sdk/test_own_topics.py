"""What a source has published: the latest by key, within bounds, and nothing is let go silently."""

from __future__ import annotations

import pytest

from tachograph.sdk import own_topics
from tachograph.sdk.own_topics import OwnTopics


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that a test reaches soon."""
    monkeypatch.setattr(own_topics, "TOPICS", 2)
    monkeypatch.setattr(own_topics, "KEYS", 3)


def test_the_latest_of_every_key_is_kept() -> None:
    """Values lie over each other; what is taken away is told as such until room is needed."""
    topics = OwnTopics()
    assert topics.publish("jobs", {"a": 1, "b": 2}) == 0
    assert topics.publish("jobs", {"b": 3, "a": None}) == 0
    assert topics.every == topics.news == {"jobs": {"a": None, "b": 3}}


def test_keys_that_come_and_go_need_no_more_room() -> None:
    """Jobs that begin and end for ever: what ended first is forgotten, what lives stays."""
    topics = OwnTopics()
    topics.publish("jobs", {"stays": 0})
    for n in range(100):
        assert topics.publish("jobs", {f"job {n}": n}) == 0
        assert topics.publish("jobs", {f"job {n}": None}) == 0
        assert len(topics.every["jobs"]) <= 3
    assert topics.every["jobs"]["stays"] == 0


def test_a_key_or_topic_too_many_is_refused_and_counted() -> None:
    """What was there stays and can be changed; taking a key away makes room again."""
    topics = OwnTopics()
    assert topics.publish("a", {str(n): n for n in range(5)}) == 2
    assert topics.publish("a", {"0": 9, "new": 1}) == 1
    assert topics.every["a"] == {"1": 1, "2": 2, "0": 9}
    assert topics.publish("a", {"1": None}) == 0
    assert topics.publish("a", {"new": 1}) == 0
    assert topics.every["a"] == {"2": 2, "0": 9, "new": 1}
    assert topics.publish("b", {"x": 1}) == 0
    assert topics.publish("c", {"x": 1, "y": 2}) == 2
    assert set(topics.every) == {"a", "b"}
