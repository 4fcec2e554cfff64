"""The tables of rows by time: `head` (seconds), `minute`, and `moved`, which says what to fold.

Functions over the connection of a transaction; the caller has the lock.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import Literal

from tachograph.errors import StoreError
from tachograph.store import codec
from tachograph.store.fold import MAX_MINUTES, MINUTE_S, minute_of

Table = Literal["head", "minute"]
#: In the order in which they are swept.
TABLES: tuple[Table, ...] = ("head", "minute")
#: Rows that are fetched at once: a reader never keeps a commit waiting for long.
PAGE_ROWS = 64

#: Minutes that have moved since they were folded and ended before a second, with how often.
TO_FOLD = (
    f"SELECT at_s, times FROM moved WHERE at_s <= ? - {MINUTE_S} ORDER BY at_s LIMIT {MAX_MINUTES}"
)


def page(table: Table) -> str:
    """The query for the next rows from one second to before another."""
    where = "at_s >= ? AND at_s < ?"
    return f"SELECT at_s, data FROM {table} WHERE {where} ORDER BY at_s LIMIT {PAGE_ROWS}"


def read(table: Table) -> str:
    """As `page`, for who asks what happened: a minute that has moved since it was folded would
    say too little, and its seconds say it all."""
    if table == "head":
        return page(table)
    return page(table).replace("ORDER BY", "AND at_s NOT IN (SELECT at_s FROM moved) ORDER BY")


def put_seconds(connection: sqlite3.Connection, rows: dict[int, bytes]) -> None:
    """Write head rows, and mark the minutes that they are in."""
    connection.executemany("INSERT OR REPLACE INTO head VALUES (?, ?)", rows.items())
    connection.executemany(
        "INSERT INTO moved VALUES (?, 1) ON CONFLICT (at_s) DO UPDATE SET times = times + 1",
        [(at_s,) for at_s in {minute_of(at_s) for at_s in rows}],
    )


def put_minute(connection: sqlite3.Connection, at_s: int, times: int, data: bytes | None) -> bool:
    """Write a minute, or none where nothing is known of it; False, and nothing is changed, when
    it has moved since it was read."""
    mark = connection.execute("DELETE FROM moved WHERE at_s = ? AND times = ?", (at_s, times))
    if not mark.rowcount:
        return False
    if data is None:
        connection.execute("DELETE FROM minute WHERE at_s = ?", (at_s,))
    else:
        connection.execute("INSERT OR REPLACE INTO minute VALUES (?, ?)", (at_s, data))
    return True


def expire(connection: sqlite3.Connection, before_s: int) -> int:
    """Delete what is older; returns how many seconds."""
    for table in ("minute", "moved"):
        connection.execute(f"DELETE FROM {table} WHERE at_s < ?", (before_s,))
    return connection.execute("DELETE FROM head WHERE at_s < ?", (before_s,)).rowcount


def without(
    rows: Iterable[tuple[int, bytes]], gone: AbstractSet[int]
) -> list[tuple[bytes, int, bytes]]:
    """Of these rows the ones that have samples of these series: new data, second, old data.

    A damaged one is left out: nobody can read what is in it. Raises nothing.
    """
    changes = []
    for at_s, data in rows:
        with suppress(StoreError):
            swept = codec.without(data, gone)
            if swept is not None:
                changes.append((swept, at_s, data))
    return changes


def replace(
    connection: sqlite3.Connection, table: Table, changes: Iterable[tuple[bytes, int, bytes]]
) -> None:
    """Write what `without` gave. A row that was written meanwhile is left as it is: who writes
    one leaves forgotten series out."""
    connection.executemany(f"UPDATE {table} SET data = ? WHERE at_s = ? AND data = ?", changes)
