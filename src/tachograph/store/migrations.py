"""The database's schema, as the numbered steps that led to it.

`PRAGMA user_version` says how many of them a database has behind it. A step is never
changed once it was released: a new one follows it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from tachograph.errors import StoreError

#: Written into every database of ours, so that another program's is not taken for one. "TACH".
APPLICATION_ID = 0x54414348

#: One string of statements for each version. They run in one transaction each.
STEPS: tuple[str, ...] = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL);
    CREATE TABLE source (
        nr INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        project TEXT NOT NULL,
        service TEXT NOT NULL,
        state TEXT NOT NULL,
        seq INTEGER NOT NULL,
        last_ns INTEGER NOT NULL,
        blob BLOB NOT NULL
    );
    CREATE TABLE series (
        id INTEGER PRIMARY KEY,
        project TEXT NOT NULL,
        service TEXT NOT NULL,
        name TEXT NOT NULL,
        labels TEXT NOT NULL,
        span TEXT NOT NULL,
        kind TEXT NOT NULL,
        unit TEXT NOT NULL,
        merge TEXT NOT NULL,
        UNIQUE (project, service, name, labels, span)
    );
    CREATE TABLE head (at_s INTEGER PRIMARY KEY, data BLOB NOT NULL);
    """,
    """
    CREATE TABLE minute (at_s INTEGER PRIMARY KEY, data BLOB NOT NULL);
    CREATE TABLE moved (at_s INTEGER PRIMARY KEY, times INTEGER NOT NULL);
    INSERT INTO moved SELECT DISTINCT at_s - at_s % 60, 1 FROM head;
    CREATE TABLE error (
        nr INTEGER PRIMARY KEY,
        project TEXT NOT NULL,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        at_ns INTEGER NOT NULL,
        source TEXT NOT NULL,
        service TEXT NOT NULL,
        blob BLOB NOT NULL
    );
    CREATE INDEX error_of_name ON error (kind, name, project, at_ns);
    CREATE INDEX error_of_source ON error (source);
    CREATE INDEX error_of_age ON error (at_ns);
    CREATE TABLE forgotten (id INTEGER PRIMARY KEY);
    """,
)


def check(connection: sqlite3.Connection, path: str, known: int = len(STEPS)) -> int:
    """The database's version, 0 for an empty one.

    Raises StoreError for a later version than `known` and for another program's database.
    Changes nothing.
    """
    version = _pragma(connection, "user_version")
    if _pragma(connection, "application_id") != APPLICATION_ID:
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if version or tables:
            raise StoreError(
                f"{path}: this database belongs to another program; "
                "give the history store a path of its own"
            )
        return 0
    if version > known:
        raise StoreError(
            f"{path}: the store has version {version}, this program reads up to {known}; "
            "upgrade tachograph, or give the store another path. It was left as it is"
        )
    return version


def upgrade(connection: sqlite3.Connection, path: str, steps: Sequence[str] = STEPS) -> int:
    """Run the steps that the database has not behind it; returns the version it had.

    Each step is a transaction of its own, so an interruption leaves a whole version behind.
    """
    version = check(connection, path, len(steps))
    for number, step in enumerate(steps[version:], version + 1):
        # executescript would commit an open transaction, so the transaction is in the script.
        connection.executescript(
            f"BEGIN IMMEDIATE; {step}; PRAGMA application_id = {APPLICATION_ID}; "
            f"PRAGMA user_version = {number}; COMMIT;"
        )
    return version


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value
