"""Versions of the schema."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tachograph.errors import StoreError
from tachograph.store import codec
from tachograph.store.base import Sample, Second, Series, SeriesKey, StoredSource
from tachograph.store.migrations import APPLICATION_ID, STEPS, upgrade
from tachograph.store.sqlite import SqliteStore

COUNTER = Series(SeriesKey("p", "s", "n"), "counter")
SOURCE = StoredSource("a", "p", "s", "ended", 3, 10**18, b"blob")
LATER = (
    *STEPS,
    "CREATE TABLE run (id TEXT PRIMARY KEY, note TEXT NOT NULL)",
    "INSERT INTO run SELECT name, 'from ' || service FROM series",
)
LAST = len(LATER)


def version_one(path: Path) -> None:
    """A database as the first version left it: two minutes, three seconds."""
    with closing(sqlite3.connect(path)) as connection:
        upgrade(connection, str(path), STEPS[:1])
        connection.execute(
            "INSERT INTO source VALUES (1, 'a', 'p', 's', 'ended', 3, ?, ?)", (10**18, b"blob")
        )
        connection.execute(
            "INSERT INTO series VALUES (1, 'p', 's', 'n', '[]', '', 'counter', '', 'sum')"
        )
        rows = [
            (at_s, codec.encode({1: Sample(value)}))
            for at_s, value in ((1, 4.0), (9, 2.0), (60, 1.0))
        ]
        connection.executemany("INSERT INTO head VALUES (?, ?)", rows)
        connection.commit()


def query(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def test_a_database_of_version_1_migrates(tmp_path: Path) -> None:
    """It is brought up to date, what was in it stays, and the seconds that it had are folded
    into minutes like new ones."""
    path = tmp_path / "store.db"
    version_one(path)
    with closing(SqliteStore(path)) as store:
        assert store.sources() == [SOURCE]
        assert store.series() == [COUNTER]
        assert [(row.at_s, row.samples[0][1].value) for row in store.seconds(0, 99)] == [
            (1, 4.0),
            (9, 2.0),
            (60, 1.0),
        ]
        assert store.errors("action", "n") == []
        store.commit(seconds=[Second(2, [(COUNTER.key, Sample(1.0))])])
        assert store.fold(120) == 2
        assert list(store.minutes(0, 99)) == [
            Second(0, [(COUNTER.key, Sample(7.0))]),
            Second(60, [(COUNTER.key, Sample(1.0))]),
        ]
    assert query(path, "PRAGMA user_version") == [(len(STEPS),)]


def test_every_step_runs_once(tmp_path: Path) -> None:
    """A later program runs those that are not behind a database, in their order."""
    path = tmp_path / "store.db"
    version_one(path)
    for _ in range(2):
        SqliteStore(path, steps=LATER).close()
        assert query(path, "PRAGMA user_version") == [(LAST,)]
        assert query(path, "SELECT * FROM run") == [("n", "from s")]


def test_a_step_that_fails_leaves_a_whole_version(tmp_path: Path) -> None:
    """The steps before it stay, nothing of it does, and a mended program goes on from there."""
    path = tmp_path / "store.db"
    version_one(path)
    broken = (*STEPS, "CREATE TABLE half (x); INSERT INTO nowhere VALUES (1)")
    with pytest.raises(StoreError, match="no such table: nowhere"):
        SqliteStore(path, steps=broken)
    assert query(path, "PRAGMA user_version") == [(len(STEPS),)]
    assert query(path, "SELECT name FROM sqlite_master WHERE name = 'half'") == []
    SqliteStore(path, steps=LATER).close()
    assert query(path, "PRAGMA user_version") == [(LAST,)]


def test_a_database_from_the_future_is_left_untouched(tmp_path: Path) -> None:
    """Refused with both versions named; also one whose writer was killed keeps its log."""
    later, path = tmp_path / "later" / "store.db", tmp_path / "store.db"
    store = SqliteStore(later, steps=LATER)
    store.commit(series=[COUNTER])
    for suffix in ("", "-wal"):
        shutil.copy(f"{later}{suffix}", f"{path}{suffix}")
    store.close()
    before = path.read_bytes(), Path(f"{path}-wal").read_bytes()
    with pytest.raises(StoreError, match="has version 4, this program reads up to 2; upgrade"):
        SqliteStore(path)
    assert (path.read_bytes(), Path(f"{path}-wal").read_bytes()) == before
    SqliteStore(path, steps=LATER).close()


def test_another_programs_database_is_left_untouched(tmp_path: Path) -> None:
    """Tables that are not ours are not written into."""
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE recipes (name)")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="belongs to another program"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_a_new_database_says_whose_it_is(tmp_path: Path) -> None:
    """By the application id and the number of steps."""
    path = tmp_path / "store.db"
    SqliteStore(path).close()
    assert query(path, "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert query(path, "PRAGMA user_version") == [(len(STEPS),)]
    assert os.path.getsize(path) > 0


def test_a_reader_does_not_migrate_what_another_process_holds(tmp_path: Path) -> None:
    """An older schema under a running server is refused, with what to do, and stays as it is."""
    path = tmp_path / "store.db"
    owner = SqliteStore(path)
    with pytest.raises(StoreError, match="has version 2, this program needs 4; restart the server"):
        SqliteStore(path, wait_s=0.0, steps=LATER)
    owner.commit(series=[COUNTER])
    owner.close()
    assert query(path, "PRAGMA user_version") == [(len(STEPS),)]
