"""The series of a database, in memory by key and by number.

A number stands in rows for the series. It is used again only when no row has it any more:
numbers of forgotten series are kept apart until `sweep` has taken them out of every row.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from tachograph.store.base import Series, SeriesKey

QUERY = "SELECT id, project, service, name, labels, span, kind, unit, merge FROM series ORDER BY id"
_NEXT = (
    "1 + max(coalesce((SELECT max(id) FROM series), 0),"
    " coalesce((SELECT max(id) FROM forgotten), 0))"
)
_labels = msgspec.json.Decoder(tuple[tuple[str, str], ...]).decode


class KnownSeries:
    """See the module. The caller has the lock."""

    def __init__(self, rows: Iterable[tuple[Any, ...]] = ()) -> None:
        self.by_id: dict[int, Series] = {}
        self.ids: dict[SeriesKey, int] = {}
        for number, project, service, name, labels, span, *rest in rows:
            key = SeriesKey(project, service, name, _labels(labels), span)
            self._put(number, Series(key, *rest))

    def write(self, connection: sqlite3.Connection, series: Sequence[Series]) -> None:
        """Have these in the table. What a rollback takes back has to be read anew."""
        for one in series:
            number = self.ids.get(one.key)
            if number is None:
                number = self._insert(connection, one)
            elif self.by_id[number] != one:
                connection.execute(
                    "UPDATE series SET kind = ?, unit = ?, merge = ? WHERE id = ?",
                    (*_kind(one), number),
                )
            self._put(number, one)

    def forget(self, connection: sqlite3.Connection, project: str) -> None:
        """Take a project's series out of the table; their numbers wait for the rows."""
        connection.execute(
            "INSERT INTO forgotten SELECT id FROM series WHERE project = ?", (project,)
        )
        connection.execute("DELETE FROM series WHERE project = ?", (project,))
        kept = {n: one for n, one in self.by_id.items() if one.key.project != project}
        # New ones, not these changed: somebody may be reading rows by them.
        self.by_id, self.ids = kept, {one.key: n for n, one in kept.items()}

    def adding(self) -> set[int]:
        """Numbers of the series whose samples add up."""
        return {number for number, one in self.by_id.items() if one.kind != "gauge"}

    def _put(self, number: int, one: Series) -> None:
        self.by_id[number] = one
        self.ids[one.key] = number

    def _insert(self, connection: sqlite3.Connection, one: Series) -> int:
        key = one.key
        labels = msgspec.json.encode(key.labels).decode()
        number = connection.execute(
            "INSERT INTO series (id, project, service, name, labels, span, kind, unit, merge)"
            f" VALUES ({_NEXT}, ?, ?, ?, ?, ?, ?, ?, ?)",
            (key.project, key.service, key.name, labels, key.span, *_kind(one)),
        ).lastrowid
        assert number is not None
        return number


def _kind(series: Series) -> tuple[str, str, str]:
    """What may change about a series; its key may not."""
    return series.kind, series.unit, series.merge
