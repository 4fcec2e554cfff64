"""A topic: its value, and the tail of changes that led there. Pure.

A position is "<epoch>:<seq>". After a restart the numbers begin again, so an equal seq may
name another delta: only the epoch tells the two histories apart.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import msgspec

from tachograph.core.patch import Json, compose, diff, normal

_encode = msgspec.json.Encoder().encode

#: Changes that are kept for clients that come back: so many, of so many bytes together.
TAIL = 300
TAIL_BYTES = 1 << 20


class Change(NamedTuple):
    """The delta from seq - 1 to seq, and its size."""

    seq: int
    delta: Json
    size_bytes: int


class Topic:
    """One owner calls it, from one thread."""

    def __init__(self, name: str, epoch: str, value: Json | None = None) -> None:
        self.name = name
        self.epoch = epoch
        self.seq = 0
        self.value: Json = normal(value or {})
        self._tail: deque[Change] = deque()
        self._tail_bytes = 0

    @property
    def position(self) -> str:
        """Where the value stands."""
        return f"{self.epoch}:{self.seq}"

    def set(self, value: Json) -> bool:
        """Replace the value; False when it is the same."""
        return self.set_normal(normal(value))

    def set_normal(self, value: Json) -> bool:
        """As `set`, for a value that has no null member. It is kept as it is, and so are its
        parts: what is the same object as before costs nothing to compare."""
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
        self._tail.append(Change(self.seq, delta, len(_encode(delta))))
        self._tail_bytes += self._tail[-1].size_bytes
        while len(self._tail) > TAIL or self._tail_bytes > TAIL_BYTES:
            self._tail_bytes -= self._tail.popleft().size_bytes

    def change(self, seq: int) -> Json | None:
        """The newest delta, if it is all that is behind `seq`."""
        if self._tail and self._tail[-1].seq == self.seq == seq + 1:
            return self._tail[-1].delta
        return None

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
