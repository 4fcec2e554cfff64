"""The history store on SQLite: one file, one process, one connection. See docs/design/store.md."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from tachograph.errors import StoreError
from tachograph.store import codec, failures, known, migrations, rows
from tachograph.store.base import ErrorRecord, Sample, Second, Series, SeriesKey, StoredSource
from tachograph.store.fold import MINUTE_S, added
from tachograph.store.leased import LeasedDatabase

#: No further minute is begun after so long a call of `fold`.
_FOLD_S = 0.25

log = logging.getLogger("tachograph.store")
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode


class SqliteStore:
    """See `tachograph.store.base.Store`.

    Waits up to `wait_s` for the lease, blocking; without it `leased` is False, commits are
    refused, and what another process has stored can be read. Calls may come from any thread
    and are served one after another; `fold` and `sweep` work on rows without keeping a commit
    waiting. A forked child must open a store of its own.

    A commit that has returned survives the kill of the process, not a loss of power.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        wait_s: float = 5.0,
        *,
        steps: Sequence[str] = migrations.STEPS,
    ) -> None:
        self._database = LeasedDatabase(path, wait_s, steps)
        self.path = self._database.path
        #: Rows that could not be read; each is a second without figures, or a failure.
        self.damaged_rows = 0
        #: Held by who works on rows outside of a transaction; always taken before the database's.
        self._rewriting = threading.Lock()
        self._known = known.KnownSeries()
        #: How many rollbacks there had been when the series were read.
        self._known_at = -1
        #: Where `sweep` stands: a table's place in TABLES, and a second in it.
        self._swept = (0, 0)

    @property
    def leased(self) -> bool:
        return self._database.leased

    # -- state -------------------------------------------------------------

    def sources(self) -> list[StoredSource]:
        columns = "id, project, service, state, seq, last_ns, blob"
        found = self._database.read(f"SELECT {columns} FROM source ORDER BY nr")
        return [StoredSource(*row) for row in found]

    def commit(
        self,
        *,
        sources: Sequence[StoredSource] = (),
        series: Sequence[Series] = (),
        seconds: Sequence[Second] = (),
        errors: Sequence[ErrorRecord] = (),
        meta: dict[str, Any] | None = None,
    ) -> None:
        with self._database.transaction("commit") as connection:
            self._series().write(connection, series)
            self._write_seconds(connection, seconds)
            connection.executemany(
                "INSERT INTO source (id, project, service, state, seq, last_ns, blob)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " project = excluded.project, service = excluded.service,"
                " state = excluded.state, seq = excluded.seq,"
                " last_ns = excluded.last_ns, blob = excluded.blob",
                [msgspec.structs.astuple(source) for source in sources],
            )
            failures.insert(connection, errors)
            connection.executemany(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)",
                [(key, _pack(value)) for key, value in (meta or {}).items()],
            )

    def meta(self, key: str) -> Any:
        found = self._database.read("SELECT value FROM meta WHERE key = ?", (key,))
        return _unpack(found[0][0]) if found else None

    # -- reading -----------------------------------------------------------

    def series(self) -> list[Series]:
        with self._database.lock:
            return list(self._series().by_id.values())

    def seconds(
        self, start_s: int, end_s: int, keys: Collection[SeriesKey] | None = None
    ) -> Iterator[Second]:
        return self._rows("head", start_s, end_s, keys)

    def minutes(
        self, start_s: int, end_s: int, keys: Collection[SeriesKey] | None = None
    ) -> Iterator[Second]:
        return self._rows("minute", start_s, end_s, keys)

    def errors(
        self, kind: str, name: str, project: str | None = None, limit: int = 50
    ) -> list[ErrorRecord]:
        found = []
        for row in self._database.read(*failures.query(kind, name, project, limit)):
            try:
                found.append(failures.record(row))
            except StoreError as error:
                self._note_damage(str(error))
        return found

    def _rows(
        self, table: rows.Table, start_s: int, end_s: int, keys: Collection[SeriesKey] | None
    ) -> Iterator[Second]:
        while True:
            with self._database.lock:
                page = self._database.read(rows.read(table), (start_s, end_s))
                series = self._series()
                by_id = series.by_id
                wanted = None if keys is None else {series.ids.get(key, 0) for key in keys}
            for at_s, data in page:
                samples = self._decoded(at_s, data, wanted)
                yield Second(at_s, [(by_id[n].key, one) for n, one in samples if n in by_id])
            if len(page) < rows.PAGE_ROWS:
                return
            start_s = page[-1][0] + 1

    # -- minutes, forgetting -------------------------------------------------

    def fold(self, before_s: int) -> int:
        written, began = 0, time.monotonic()
        with self._rewrite("fold"):
            for at_s, times in self._database.read(rows.TO_FOLD, (before_s,)):
                seconds = self._database.read(rows.page("head"), (at_s, at_s + MINUTE_S))
                with self._database.lock:
                    wanted = self._series().adding()
                sums = added(self._columns(seconds), wanted)
                data = codec.encode(sums) if seconds else None
                with self._database.transaction("fold") as connection:
                    written += rows.put_minute(connection, at_s, times, data)
                if time.monotonic() - began > _FOLD_S:
                    break
        return written

    def forget(self, source_id: str) -> None:
        with self._database.transaction("forget a source") as connection:
            connection.execute("DELETE FROM source WHERE id = ?", (source_id,))
            connection.execute("DELETE FROM error WHERE source = ?", (source_id,))

    def forget_project(self, project: str) -> None:
        with (
            self._rewrite("forget a project"),
            self._database.transaction("forget a project") as connection,
        ):
            self._series().forget(connection, project)
            for table in ("source", "error"):
                connection.execute(f"DELETE FROM {table} WHERE project = ?", (project,))
            self._swept = (0, 0)

    def sweep(self) -> bool:
        with self._rewrite("sweep"):
            gone = {number for (number,) in self._database.read("SELECT id FROM forgotten")}
            place, start_s = self._swept
            if not gone:
                return False
            if place == len(rows.TABLES):
                with self._database.transaction("sweep") as connection:
                    connection.execute("DELETE FROM forgotten")
                return False
            table = rows.TABLES[place]
            page = self._database.read(rows.page(table), (start_s, 1 << 62))
            changes = rows.without(page, gone)
            if changes:
                with self._database.transaction("sweep") as connection:
                    rows.replace(connection, table, changes)
            last = len(page) < rows.PAGE_ROWS
            self._swept = (place + 1, 0) if last else (place, page[-1][0] + 1)
            return True

    def expire(self, before_s: int) -> int:
        with self._database.transaction("expire old seconds") as connection:
            connection.execute("DELETE FROM error WHERE at_ns < ?", (before_s * 1_000_000_000,))
            return rows.expire(connection, before_s)

    def close(self) -> None:
        self._database.close()

    # -- rows --------------------------------------------------------------

    def _write_seconds(self, connection: sqlite3.Connection, seconds: Sequence[Second]) -> None:
        touched: dict[int, dict[int, Sample]] = {}
        for second in seconds:
            if second.at_s not in touched:
                touched[second.at_s] = self._stored(connection, second.at_s)
            self._add(touched[second.at_s], second)
        rows.put_seconds(connection, {at_s: codec.encode(row) for at_s, row in touched.items()})

    def _stored(self, connection: sqlite3.Connection, at_s: int) -> dict[int, Sample]:
        found = connection.execute("SELECT data FROM head WHERE at_s = ?", (at_s,)).fetchall()
        samples = self._decoded(at_s, found[0][0]) if found else []
        return {number: one for number, one in samples if number in self._known.by_id}

    def _decoded(
        self, at_s: int, data: bytes, wanted: Collection[int] | None = None
    ) -> list[tuple[int, Sample]]:
        """A row's samples. A damaged one must not stop what follows: it is empty, and counted."""
        try:
            return codec.decode(data, wanted)
        except StoreError as error:
            self._note_damage(f"second {at_s} is damaged ({error})")
            return []

    def _columns(self, page: list[tuple[Any, ...]]) -> Iterator[codec.Columns]:
        for at_s, data in page:
            try:
                yield codec.columns(data)
            except StoreError as error:
                self._note_damage(f"second {at_s} is damaged ({error})")

    def _note_damage(self, what: str) -> None:
        self.damaged_rows += 1
        log.warning("tachograph: %s: %s", self.path, what)

    def _add(self, row: dict[int, Sample], second: Second) -> None:
        for key, sample in second.samples:
            number = self._known.ids.get(key)
            if number is None:
                raise StoreError(
                    f"{self.path}: second {second.at_s} has a sample of {key}, which is no "
                    "series yet; commit the series before or with it"
                )
            old = row.get(number)
            kind = self._known.by_id[number].kind
            row[number] = sample if old is None else codec.merge(kind, old, sample)

    def _series(self) -> known.KnownSeries:
        """All series, as the database has them. Another process may add some to what we only
        read."""
        if self._known_at != self._database.rollbacks or not self.leased:
            self._known = known.KnownSeries(self._database.read(known.QUERY))
            self._known_at = self._database.rollbacks
        return self._known

    @contextmanager
    def _rewrite(self, doing: str) -> Iterator[None]:
        """One at a time, but beside commits."""
        self._database.require_lease(doing)
        with self._rewriting:
            yield
