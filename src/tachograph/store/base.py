"""The history store's contract: what must survive a restart of the server.

One `commit` is one transaction. It holds the new state and position of every source that
moved, and the figures of the seconds that were touched; either all of it is there after a
crash or nothing is, so reading the journal again from the stored positions repeats nothing.

A store has one owner. `lease` says whether this process got it; without it `commit` is
refused and the server runs live only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import msgspec

from tachograph.model import Sample, Second, Series, SeriesKey

__all__ = ["Sample", "Second", "Series", "SeriesKey", "Store", "StoredSource"]


class StoredSource(msgspec.Struct, array_like=True):
    """One source's accumulated state: opaque to the store but for the fields it can list."""

    id: str
    project: str
    service: str
    state: str
    seq: int
    last_ns: int
    blob: bytes


class Store(Protocol):
    """See the module."""

    @property
    def leased(self) -> bool:
        """Whether this process may write."""
        ...

    def sources(self) -> list[StoredSource]:
        """Everything that `commit` wrote of sources, newest version each, oldest first."""
        ...

    def commit(
        self,
        *,
        sources: Sequence[StoredSource] = (),
        series: Sequence[Series] = (),
        seconds: Sequence[Second] = (),
        meta: dict[str, Any] | None = None,
    ) -> None:
        """Write all of it in one transaction.

        A second that is stored already is merged: counters and timers add, gauges replace.
        Raises StoreError when it could not be written; nothing of it is there then.
        """
        ...

    def series(self) -> list[Series]:
        """All series."""
        ...

    def seconds(self, start_s: int, end_s: int) -> Iterator[Second]:
        """Head rows with start_s <= at_s < end_s, ascending."""
        ...

    def meta(self, key: str) -> Any:
        """A value that a commit wrote, None without."""
        ...

    def forget(self, source_id: str) -> None:
        """Delete a source's state. Its figures in the seconds stay."""
        ...

    def expire(self, before_s: int) -> int:
        """Delete head rows before that second; returns how many."""
        ...

    def close(self) -> None:
        """Give the lease back. Never raises."""
        ...
