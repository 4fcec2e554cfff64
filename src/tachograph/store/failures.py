"""The table of spans that failed: the last ones of each name, and not too many in all.

Functions over the connection of a transaction; the caller has the lock.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from tachograph.errors import StoreError
from tachograph.store.base import ErrorRecord
from tachograph.store.codec import squeezed, unsqueezed

#: Failures that are kept of one name in one project, and of all together.
KEEP_OF_NAME = 50
KEEP = 20_000
#: What SQLite can count to: a source's clock may say anything.
_LATEST_NS = (1 << 63) - 1

_COLUMNS = "source, project, service, kind, name, at_ns, blob"
_Key = tuple[str, str, str]


class _Rest(msgspec.Struct, array_like=True):
    """What is not looked for."""

    duration_s: float
    error: str
    trace: str
    attributes: dict[str, Any]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Rest).decode


def newest(records: Iterable[ErrorRecord], keep: int = KEEP_OF_NAME) -> list[ErrorRecord]:
    """The last ones of each name, oldest first; among equals what came later is newer."""
    names: dict[_Key, list[ErrorRecord]] = defaultdict(list)
    for record in records:
        names[record.project, record.kind, record.name].append(record)
    kept = [
        record
        for found in names.values()
        for record in sorted(found, key=lambda one: one.at_ns)[-keep:]
    ]
    return sorted(kept, key=lambda record: record.at_ns)


def insert(connection: sqlite3.Connection, records: Sequence[ErrorRecord]) -> None:
    """Add them, and let go of the oldest of each name and of all."""
    if not records:
        return
    # A flood of one name need not pass through the table.
    kept = newest(records)
    connection.executemany(
        f"INSERT INTO error ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", map(_row, kept)
    )
    for key in {(record.project, record.kind, record.name) for record in kept}:
        connection.execute(
            "DELETE FROM error WHERE nr IN (SELECT nr FROM error WHERE project = ? AND kind = ?"
            f" AND name = ? ORDER BY at_ns DESC, nr DESC LIMIT -1 OFFSET {KEEP_OF_NAME})",
            key,
        )
    connection.execute(
        "DELETE FROM error WHERE nr IN"
        f" (SELECT nr FROM error ORDER BY at_ns DESC, nr DESC LIMIT -1 OFFSET {KEEP})"
    )


def query(kind: str, name: str, project: str | None, limit: int) -> tuple[str, tuple[Any, ...]]:
    """How to ask for the last failures of a name, newest first; each row is for `record`."""
    owner = "" if project is None else " AND project = ?"
    values = (kind, name) if project is None else (kind, name, project)
    return (
        f"SELECT {_COLUMNS} FROM error WHERE kind = ? AND name = ?{owner}"
        " ORDER BY at_ns DESC, nr DESC LIMIT ?",
        (*values, limit),
    )


def record(row: tuple[Any, ...]) -> ErrorRecord:
    """The record in a row of `query`. Raises StoreError for a damaged one."""
    *known, blob = row
    try:
        return ErrorRecord(*known, *msgspec.structs.astuple(_decode(unsqueezed(blob))))
    except (msgspec.DecodeError, zlib.error, ValueError) as error:
        raise StoreError(f"a failure of {known[4]} is damaged ({error}); it is lost") from error


def _row(one: ErrorRecord) -> tuple[Any, ...]:
    rest = _encode(_Rest(one.duration_s, one.error, one.trace, one.attributes))
    at_ns = min(one.at_ns, _LATEST_NS)
    return one.source, one.project, one.service, one.kind, one.name, at_ns, squeezed(rest)
