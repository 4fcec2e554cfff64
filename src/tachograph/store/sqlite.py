"""The history store on SQLite: one file, one process, one connection. See docs/design/store.md."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, cast

import msgspec

from tachograph.errors import StoreError
from tachograph.store import codec, migrations
from tachograph.store.base import ErrorRecord, Sample, Second, Series, SeriesKey, StoredSource
from tachograph.store.database import explained, open_owned, open_shared
from tachograph.store.lease import Lease

#: Head rows that are fetched at once: a reader never keeps a commit waiting for long.
_PAGE_ROWS = 64
#: What the making of a row raises for values that can't be stored.
_UNFIT = (TypeError, ValueError, OverflowError)

log = logging.getLogger("tachograph.store")
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode
_labels = msgspec.json.Decoder(tuple[tuple[str, str], ...]).decode


class SqliteStore:
    """See `tachograph.store.base.Store`.

    Waits up to `wait_s` for the lease, blocking; without it `leased` is False, commits are
    refused, and what another process has stored can be read. Calls may come from any thread
    and are served one after another. A forked child must open a store of its own.

    A commit that has returned survives the kill of the process, not a loss of power.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        wait_s: float = 5.0,
        *,
        steps: Sequence[str] = migrations.STEPS,
    ) -> None:
        self.path = os.path.abspath(path)
        #: Rows that could not be read; each is a second without figures.
        self.damaged_rows = 0
        self._lock = threading.RLock()
        self._ids: dict[SeriesKey, int] = {}
        self._series: dict[int, Series] = {}
        self._fresh = False
        self._open = True
        self._lease = Lease(f"{self.path}.lease", wait_s)
        try:
            if self._lease.held:
                self._connection = open_owned(self.path, steps)
            else:
                self._connection = open_shared(self.path, len(steps))
        except BaseException:
            self._lease.release()
            raise

    @property
    def leased(self) -> bool:
        return self._open and self._lease.held

    def sources(self) -> list[StoredSource]:
        columns = "id, project, service, state, seq, last_ns, blob"
        rows = self._read(f"SELECT {columns} FROM source ORDER BY nr")
        return [StoredSource(*row) for row in rows]

    def commit(
        self,
        *,
        sources: Sequence[StoredSource] = (),
        series: Sequence[Series] = (),
        seconds: Sequence[Second] = (),
        errors: Sequence[ErrorRecord] = (),
        meta: dict[str, Any] | None = None,
    ) -> None:
        with self._transaction("commit") as connection:
            self._write_series(connection, series)
            self._write_seconds(connection, seconds)
            connection.executemany(
                "INSERT INTO source (id, project, service, state, seq, last_ns, blob)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " project = excluded.project, service = excluded.service,"
                " state = excluded.state, seq = excluded.seq,"
                " last_ns = excluded.last_ns, blob = excluded.blob",
                [msgspec.structs.astuple(source) for source in sources],
            )
            connection.executemany(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)",
                [(key, _pack(value)) for key, value in (meta or {}).items()],
            )

    def series(self) -> list[Series]:
        with self._lock:
            self._know_series()
            return list(self._series.values())

    def seconds(self, start_s: int, end_s: int) -> Iterator[Second]:
        query = "SELECT at_s, data FROM head WHERE at_s >= ? AND at_s < ? ORDER BY at_s LIMIT ?"
        while True:
            with self._lock:
                rows = self._read(query, (start_s, end_s, _PAGE_ROWS))
                self._know_series()
                series = self._series
            for at_s, data in rows:
                samples = self._decoded(at_s, data)
                yield Second(at_s, [(series[number].key, sample) for number, sample in samples])
            if len(rows) < _PAGE_ROWS:
                return
            start_s = rows[-1][0] + 1

    def meta(self, key: str) -> Any:
        rows = self._read("SELECT value FROM meta WHERE key = ?", (key,))
        return _unpack(rows[0][0]) if rows else None

    def forget(self, source_id: str) -> None:
        with self._transaction("forget a source") as connection:
            connection.execute("DELETE FROM source WHERE id = ?", (source_id,))

    def expire(self, before_s: int) -> int:
        with self._transaction("expire old seconds") as connection:
            return connection.execute("DELETE FROM head WHERE at_s < ?", (before_s,)).rowcount

    def close(self) -> None:
        with self._lock:
            if self._open and self._lease.is_ours:
                with suppress(sqlite3.Error):
                    self._connection.close()
                self._lease.release()
            self._open = False

    def _write_series(self, connection: sqlite3.Connection, series: Sequence[Series]) -> None:
        self._know_series()
        for one in series:
            number = self._ids.get(one.key)
            if number is None:
                key = one.key
                labels = msgspec.json.encode(key.labels).decode()
                number = connection.execute(
                    "INSERT INTO series (project, service, name, labels, span, kind, unit, merge)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (key.project, key.service, key.name, labels, key.span, *_kind(one)),
                ).lastrowid
                assert number is not None
            elif self._series[number] != one:
                connection.execute(
                    "UPDATE series SET kind = ?, unit = ?, merge = ? WHERE id = ?",
                    (*_kind(one), number),
                )
            self._ids[one.key] = number
            self._series[number] = one

    def _write_seconds(self, connection: sqlite3.Connection, seconds: Sequence[Second]) -> None:
        rows: dict[int, dict[int, Sample]] = {}
        for second in seconds:
            if second.at_s not in rows:
                rows[second.at_s] = self._stored(connection, second.at_s)
            self._add(rows[second.at_s], second)
        connection.executemany(
            "INSERT OR REPLACE INTO head VALUES (?, ?)",
            [(at_s, codec.encode(row)) for at_s, row in rows.items()],
        )

    def _stored(self, connection: sqlite3.Connection, at_s: int) -> dict[int, Sample]:
        rows = connection.execute("SELECT data FROM head WHERE at_s = ?", (at_s,)).fetchall()
        return dict(self._decoded(at_s, rows[0][0])) if rows else {}

    def _decoded(self, at_s: int, data: bytes) -> list[tuple[int, Sample]]:
        """A row's samples. A damaged one must not stop what follows: it is empty, and counted."""
        try:
            return codec.decode(data)
        except StoreError as error:
            self.damaged_rows += 1
            log.warning("tachograph: %s: second %d is damaged (%s)", self.path, at_s, error)
            return []

    def _add(self, row: dict[int, Sample], second: Second) -> None:
        for key, sample in second.samples:
            number = self._ids.get(key)
            if number is None:
                raise StoreError(
                    f"{self.path}: second {second.at_s} has a sample of {key}, which is no "
                    "series yet; commit the series before or with it"
                )
            old = row.get(number)
            kind = self._series[number].kind
            row[number] = sample if old is None else codec.merge(kind, old, sample)

    def _know_series(self) -> None:
        """Have all series in memory. Another process may add some to what we only read."""
        if self._fresh:
            return
        columns = "id, project, service, name, labels, span, kind, unit, merge"
        known: dict[int, Series] = {}
        for number, project, service, name, labels, span, *rest in self._read(
            f"SELECT {columns} FROM series ORDER BY id"
        ):
            known[number] = Series(SeriesKey(project, service, name, _labels(labels), span), *rest)
        self._series = known
        self._ids = {one.key: number for number, one in known.items()}
        self._fresh = self.leased

    def _read(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            self._require_open()
            try:
                rows = self._connection.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise explained(self.path, "read", error) from error
            return cast(list[tuple[Any, ...]], rows)

    @contextmanager
    def _transaction(self, doing: str) -> Iterator[sqlite3.Connection]:
        """All or nothing, and what we know of the series is as the database has it."""
        with self._lock:
            self._require_open()
            if not self._lease.held:
                raise StoreError(
                    f"{self.path}: can't {doing}, process {self._lease.holder or '?'} has the "
                    "lease; stop it or give this server another home, until then it is live only"
                )
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException as error:
                self._fresh = False
                with suppress(sqlite3.Error):
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                if isinstance(error, (sqlite3.Error, *_UNFIT)):
                    raise explained(self.path, doing, error) from error
                raise

    def _require_open(self) -> None:
        if not self._open:
            raise StoreError(f"{self.path}: the store is closed; open it again")
        if not self._lease.is_ours:
            raise StoreError(
                f"{self.path}: the store was opened before this process was forked; "
                "open it again in this one"
            )


def _kind(series: Series) -> tuple[str, str, str]:
    """What may change about a series; its key may not."""
    return series.kind, series.unit, series.merge
