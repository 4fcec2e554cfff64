"""Opening the database file: what is ours, what is damaged, what must not be touched."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from urllib.parse import quote

from tachograph.errors import StoreError
from tachograph.store import migrations

#: Files that belong together: a log that is left behind would be applied to the next database.
_SUFFIXES = ("", "-wal", "-shm")
_DAMAGED = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def explained(path: str, doing: str, error: Exception) -> StoreError:
    """The sentence for what SQLite, or the making of a row, had to say."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    hint = ""
    if code in _FULL:
        hint = "; is the disk full? Free some space and go on, nothing was half-written"
    elif code in _DAMAGED:
        hint = "; the file is damaged: stop the server, and the next start moves it aside"
    return StoreError(f"{path}: can't {doing} ({error}){hint}")


def open_owned(path: str, steps: Sequence[str]) -> sqlite3.Connection:
    """The database for its one writer, made or brought up to date. The caller has the lease.

    A damaged file is moved aside, never deleted, and StoreError says where to; the next call
    begins a new one. A database of a later version stays as it is.
    """
    try:
        _prepare(path)
        try:
            # Without the right to write at first: whatever is refused is not even touched.
            with closing(_connect(f"file:{quote(path)}?mode=ro")) as connection:
                if migrations.check(connection, path, len(steps)):
                    _look_through(connection)
            return _upgraded(path, steps)
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF not in _DAMAGED:
                raise
            aside = _move_aside(path)
            raise StoreError(
                f"{path}: this is no sound database ({error}); it was moved to {aside}. "
                "Start again to begin a new one"
            ) from error
    except (OSError, sqlite3.Error) as error:
        raise explained(path, "open the store", error) from error


def open_shared(path: str, known: int) -> sqlite3.Connection:
    """The database of another process's, for reading.

    Where that process has not made one yet, an empty one that stays empty.
    """
    try:
        if os.path.exists(path):
            connection = _connect(f"file:{quote(path)}?mode=ro")
            try:
                version = migrations.check(connection, path, known)
                if version == known:
                    return connection
                if version:
                    raise StoreError(
                        f"{path}: the store has version {version}, this program needs {known}; "
                        "restart the server that holds it with this version of tachograph"
                    )
            except BaseException:
                connection.close()
                raise
            connection.close()
        connection = _connect(":memory:")
        migrations.upgrade(connection, path)
        return connection
    except (OSError, sqlite3.Error) as error:
        raise explained(path, "open the store", error) from error


def _prepare(path: str) -> None:
    """Have a file that nobody else may read. Its logs take its mode."""
    try:
        # Only a new file is opened: closing one would drop the locks that SQLite has on it.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        os.chmod(path, 0o600)


def _connect(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


def _upgraded(path: str, steps: Sequence[str]) -> sqlite3.Connection:
    connection = _connect(f"file:{quote(path)}")
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # In WAL mode this writes each commit to the kernel before it returns, and syncs at
        # checkpoints. So no kill of the process loses a commit; a loss of power may lose the
        # latest ones, but never the order. The journal has those frames still.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA journal_size_limit = {16 << 20}")
        migrations.upgrade(connection, path, steps)
    except BaseException:
        connection.close()
        raise
    return connection


def _look_through(connection: sqlite3.Connection) -> None:
    """Touch the schema and both ends of every table: a cut or overwritten file shows there.

    A whole check would read every page, which a large history has no time for.
    """
    tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
    for (table,) in connection.execute(tables).fetchall():
        for order in ("ASC", "DESC"):
            connection.execute(f'SELECT * FROM "{table}" ORDER BY rowid {order} LIMIT 1').fetchall()


def _move_aside(path: str) -> str:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    aside = f"{path}.damaged-{stamp}"
    number = 1
    while os.path.exists(aside):
        number += 1
        aside = f"{path}.damaged-{stamp}-{number}"
    for suffix in _SUFFIXES:
        with suppress(FileNotFoundError):
            os.rename(path + suffix, aside + suffix)
    return aside
