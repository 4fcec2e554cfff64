"""Versions of the schema."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tachograph.errors import StoreError
from tachograph.store.base import Sample, Second, Series, SeriesKey
from tachograph.store.migrations import APPLICATION_ID, STEPS
from tachograph.store.sqlite import SqliteStore

COUNTER = Series(SeriesKey("p", "s", "n"), "counter")
LATER = (
    STEPS[0],
    "CREATE TABLE run (id TEXT PRIMARY KEY, note TEXT NOT NULL)",
    "INSERT INTO run SELECT name, 'from ' || service FROM series",
)


def version_one(path: Path) -> None:
    store = SqliteStore(path, steps=STEPS[:1])
    store.commit(series=[COUNTER], seconds=[Second(1, [(COUNTER.key, Sample(4.0))])])
    store.close()


def query(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def test_a_database_of_version_1_migrates(tmp_path: Path) -> None:
    """A later program brings it up to date step by step, and what was in it stays."""
    path = tmp_path / "store.db"
    version_one(path)
    store = SqliteStore(path, steps=LATER)
    assert [row.samples for row in store.seconds(0, 9)] == [[(COUNTER.key, Sample(4.0))]]
    store.commit(seconds=[Second(2, [(COUNTER.key, Sample(1.0))])])
    store.close()
    assert query(path, "PRAGMA user_version") == [(3,)]
    assert query(path, "SELECT * FROM run") == [("n", "from s")]


def test_a_step_that_fails_leaves_a_whole_version(tmp_path: Path) -> None:
    """The steps before it stay, nothing of it does, and a mended program goes on from there."""
    path = tmp_path / "store.db"
    version_one(path)
    broken = (*LATER[:2], "CREATE TABLE half (x); INSERT INTO nowhere VALUES (1)")
    with pytest.raises(StoreError, match="no such table: nowhere"):
        SqliteStore(path, steps=broken)
    assert query(path, "PRAGMA user_version") == [(2,)]
    assert query(path, "SELECT name FROM sqlite_master WHERE name = 'half'") == []
    SqliteStore(path, steps=LATER).close()
    assert query(path, "PRAGMA user_version") == [(3,)]


def test_a_database_from_the_future_is_left_untouched(tmp_path: Path) -> None:
    """Refused with both versions named; also one whose writer was killed keeps its log."""
    later, path = tmp_path / "later" / "store.db", tmp_path / "store.db"
    store = SqliteStore(later, steps=LATER)
    store.commit(series=[COUNTER])
    for suffix in ("", "-wal"):
        shutil.copy(f"{later}{suffix}", f"{path}{suffix}")
    store.close()
    before = path.read_bytes(), Path(f"{path}-wal").read_bytes()
    with pytest.raises(StoreError, match="has version 3, this program reads up to 1; upgrade"):
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
    owner = SqliteStore(path, steps=STEPS[:1])
    with pytest.raises(StoreError, match="has version 1, this program needs 3; restart the server"):
        SqliteStore(path, wait_s=0.0, steps=LATER)
    owner.commit(series=[COUNTER])
    owner.close()
    assert query(path, "PRAGMA user_version") == [(1,)]
