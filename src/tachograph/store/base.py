"""The history store's contract: what must survive a restart of the server.

One `commit` is one transaction. It holds the new state and position of every source that
moved, and the figures of the seconds that were touched; either all of it is there after a
crash or nothing is, so reading the journal again from the stored positions repeats nothing.

A store has one owner. `lease` says whether this process got it; without it `commit` is
refused and the server runs live only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Protocol

import msgspec

from tachograph.model import ErrorRecord, Sample, Second, Series, SeriesKey

__all__ = ["ErrorRecord", "Sample", "Second", "Series", "SeriesKey", "Store", "StoredSource"]


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
        errors: Sequence[ErrorRecord] = (),
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

    def seconds(
        self, start_s: int, end_s: int, keys: Collection[SeriesKey] | None = None
    ) -> Iterator[Second]:
        """Head rows with start_s <= at_s < end_s, ascending; with `keys` only the samples of
        these series, which is much quicker for a few."""
        ...

    def minutes(
        self, start_s: int, end_s: int, keys: Collection[SeriesKey] | None = None
    ) -> Iterator[Second]:
        """Counters and timers of whole minutes that `fold` has added up, ascending; those that
        have moved since are left out until it has done so again: `seconds` has them.

        `at_s` is the minute's first second, start_s <= at_s < end_s. Gauges are not in them.
        `keys` as for `seconds`.
        """
        ...

    def fold(self, before_s: int) -> int:
        """Add up the seconds of every minute that ended before `before_s` and has moved since
        it was folded; returns how many minutes were written. Bounded work: at most 60 a call.
        From another thread than `commit`: none of them waits for it."""
        ...

    def errors(
        self, kind: str, name: str, project: str | None = None, limit: int = 50
    ) -> list[ErrorRecord]:
        """The last spans of this name that failed, newest first; None: of all projects.

        Kept are 50 of a name in a project, and 20,000 of all."""
        ...

    def meta(self, key: str) -> Any:
        """A value that a commit wrote, None without."""
        ...

    def forget(self, source_id: str) -> None:
        """Delete a source's state and its errors. Its figures in the seconds stay."""
        ...

    def forget_project(self, project: str) -> None:
        """Delete a project for good: sources, series and errors at once. Its samples can't be
        read any more either, and are in no row when `sweep` has gone through them."""
        ...

    def sweep(self) -> bool:
        """Take what forgotten projects left out of some more rows; False when there is nothing
        left. Bounded work, on any thread; a new store goes on where another one stopped."""
        ...

    def expire(self, before_s: int) -> int:
        """Delete seconds, minutes and errors before that second; returns how many seconds."""
        ...

    def close(self) -> None:
        """Give the lease back. Never raises."""
        ...
