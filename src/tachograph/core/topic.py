"""A topic: its value, and the tail of changes that led there. Pure.

A position is "<epoch>:<seq>". After a restart the numbers begin again, so an equal seq may
name another delta: only the epoch tells the two histories apart.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from tachograph.core.patch import Json, compose, diff, normal

#: Changes that are kept for clients that come back.
TAIL = 300


class Change(NamedTuple):
    """The delta from seq - 1 to seq."""

    seq: int
    delta: Json


class Topic:
    """One owner calls it, from one thread."""

    def __init__(self, name: str, epoch: str, value: Json | None = None) -> None:
        self.name = name
        self.epoch = epoch
        self.seq = 0
        self.value: Json = normal(value or {})
        self._tail: deque[Change] = deque(maxlen=TAIL)

    @property
    def position(self) -> str:
        """Where the value stands."""
        return f"{self.epoch}:{self.seq}"

    def set(self, value: Json) -> bool:
        """Replace the value; False when it is the same."""
        value = normal(value)
        delta = diff(self.value, value)
        if not delta:
            return False
        self._move(value, delta)
        return True

    def merge(self, patch: Json) -> bool:
        """Lay top-level keys over the value; None deletes. False when nothing changes."""
        value = dict(self.value)
        for key, change in patch.items():
            if change is None:
                value.pop(key, None)
            else:
                value[key] = change
        return self.set(value)

    def _move(self, value: Json, delta: Json) -> None:
        self.seq += 1
        self.value = value
        self._tail.append(Change(self.seq, delta))

    def since(self, position: str) -> list[Change] | None:
        """The changes behind a position, [] when it is the newest; None: take a snapshot."""
        epoch, _, text = position.rpartition(":")
        if epoch != self.epoch or not text.isdecimal() or len(text) > 18:
            return None
        seq = int(text)
        if seq > self.seq:
            return None
        missed = [change for change in self._tail if change.seq > seq]
        return missed if len(missed) == self.seq - seq else None

    def patch_since(self, position: str) -> Json | None:
        """The changes behind a position as one patch; None: take the value."""
        changes = self.since(position)
        if changes is None:
            return None
        patch: Json | None = {}
        for change in changes:
            patch = compose(patch, change.delta) if patch is not None else None
        return patch
