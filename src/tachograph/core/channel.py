"""Conflation: one topic at one rate in one form, encoded once for all who take it. Pure.

Latest wins between two sendings, and the last change is always sent: `due` says when.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from tachograph.core.patch import Json, diff
from tachograph.core.session import camel, full_type, reserved
from tachograph.core.topic import Topic

_encode = msgspec.json.Encoder().encode
#: A sending may come early by this share of the period, or a tick's jitter would skip one.
_EARLY = 0.2


class ChannelKey(NamedTuple):
    """What members of a channel have in common."""

    topic: str
    project: str | None
    rate: float
    full: bool


def snapshot(topic: str, position: str, value: Json) -> bytes:
    """A topic's whole value as a message."""
    return _encode({"type": "snapshot", "topic": topic, "pos": position, "value": value})


def delta(topic: str, position: str, patch: Json) -> bytes:
    """A change as a message."""
    return _encode({"type": "delta", "topic": topic, "pos": position, "value": patch})


def full(topic: str, value: Json, now: float) -> bytes:
    """A topic's whole value for scripts: see `format=full` in docs/design/topics.md."""
    data = camel(value, reserved(topic))
    return _encode({"type": full_type(topic), "data": data, "timestamp": now})


class Channel:
    """What its members hold: the topic's value as it was sent last."""

    def __init__(self, key: ChannelKey, topic: Topic) -> None:
        self.key = key
        self.topic = topic
        self.encoded = 0
        self._period = 1.0 / key.rate
        self._sent_at = 0.0
        self._seq = topic.seq
        self._value = topic.value

    @property
    def changed(self) -> bool:
        """Whether the topic has moved since the last sending."""
        return self._seq != self.topic.seq

    @property
    def due(self) -> float:
        """When a change may be sent."""
        return self._sent_at + self._period * (1 - _EARLY)

    def whole(self, now: float) -> bytes:
        """What a new member gets, so that the next delta fits."""
        position = f"{self.topic.epoch}:{self._seq}"
        if self.key.full:
            return full(self.key.topic, self._value, now)
        return snapshot(self.key.topic, position, self._value)

    def missed(self, position: str) -> list[bytes] | None:
        """What a member that comes back from `position` has missed; None: give it `whole`."""
        changes = self.topic.since(position)
        if changes is None or self.key.full:
            return None
        if len(changes) < self.topic.seq - self._seq:
            # It was at a faster channel. Our next delta begins before it, so what changed
            # there and went back since would stay with it for ever.
            return None
        return [
            delta(self.key.topic, f"{self.topic.epoch}:{change.seq}", change.delta)
            for change in changes
            if change.seq <= self._seq
        ]

    def send(self, now: float) -> bytes:
        """The message that brings the members up to date."""
        before, self._value = self._value, self.topic.value
        change = self.topic.change(self._seq)
        self._seq = self.topic.seq
        self._sent_at = now
        self.encoded += 1
        if self.key.full:
            return full(self.key.topic, self._value, now)
        patch = diff(before, self._value) if change is None else change
        return delta(self.key.topic, self.topic.position, patch)
