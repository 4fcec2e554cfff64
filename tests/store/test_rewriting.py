"""Minutes, errors and forgotten projects on SQLite: crashes, full disks, damage, other threads."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tachograph.errors import StoreError
from tachograph.store.base import ErrorRecord, Sample, Second, Series, SeriesKey
from tachograph.store.codec import columns
from tachograph.store.migrations import APPLICATION_ID
from tachograph.store.sqlite import SqliteStore

COUNTER = Series(SeriesKey("photos", "web", "requests"), "counter")
ALIEN = Series(SeriesKey("music", "web", "requests"), "counter")
ALL = (COUNTER, ALIEN)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a store will be."""
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    """A store with both series."""
    opened = SqliteStore(path)
    opened.commit(series=ALL)
    yield opened
    opened.close()


def second(at_s: int, value: float = 1.0) -> Second:
    return Second(at_s, [(one.key, Sample(value, 1)) for one in ALL])


def failure(at_ns: int, name: str = "resize") -> ErrorRecord:
    return ErrorRecord("a", "photos", "web", "action", name, at_ns, 0.5, "Oops", "in x " * 99)


def sums(rows: Iterator[Second]) -> dict[int, float]:
    """By minute."""
    found: dict[int, float] = {}
    for row in rows:
        minute = row.at_s - row.at_s % 60
        found[minute] = found.get(minute, 0.0) + sum(one.value for _, one in row.samples)
    return found


def fold_all(store: SqliteStore) -> None:
    while store.fold(1 << 40):
        pass


def damage(path: Path, change: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        connection.execute(change)
        connection.commit()


# --- crashes --------------------------------------------------------------------------------

FOLDING = """
import sys, threading
from tachograph.store.base import Sample, Second, Series, SeriesKey
from tachograph.store.sqlite import SqliteStore

store = SqliteStore(sys.argv[1])
series = [Series(SeriesKey("p", "s", f"n{i}"), "counter") for i in range(20)]
store.commit(series=series)

def fold():
    while True:
        store.fold(1 << 40)

threading.Thread(target=fold, daemon=True).start()
for n in range(1, 1 << 30):
    at = n * 7 % 600
    store.commit(seconds=[Second(at, [(one.key, Sample(1.0, 1)) for one in series])])
    print(n, flush=True)
"""


@pytest.mark.parametrize("acknowledged", [5, 60, 200])
def test_a_process_killed_while_it_folds(path: Path, acknowledged: int) -> None:
    """Minutes are the sums of their seconds when the next one has folded: nothing is missing,
    nothing is in them twice."""
    command = [sys.executable, "-c", FOLDING, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for _ in range(acknowledged):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    with closing(SqliteStore(path)) as store:
        before = list(store.minutes(0, 999))
        fold_all(store)
        expected = sums(store.seconds(0, 999))
        assert sums(store.minutes(0, 999)) == expected
        assert sum(expected.values()) >= acknowledged * 20
        assert {row.at_s for row in before} <= set(expected)


def test_a_process_killed_while_it_sweeps(store: SqliteStore, tmp_path: Path) -> None:
    """Wherever it stopped: what is forgotten stays so, the next one goes on, and the numbers
    in rows that are not swept yet never stand for another series."""
    store.commit(seconds=[second(at) for at in range(200)])
    fold_all(store)
    store.forget_project("photos")
    for number in range(9):
        left = tmp_path / str(number)
        left.mkdir()
        for suffix in ("", "-wal"):
            shutil.copy(store.path + suffix, left / f"store.db{suffix}")
        more = store.sweep()
        with closing(SqliteStore(left / "store.db")) as again:
            new = Series(SeriesKey("films", "web", "requests"), "counter")
            again.commit(series=[new, COUNTER])
            for _ in range(2):
                for rows in (again.seconds(0, 999), again.minutes(0, 999)):
                    assert {key for row in rows for key, _ in row.samples} == {ALIEN.key}
                while again.sweep():
                    pass
            assert sums(again.minutes(0, 999)) == {0: 60.0, 60: 60.0, 120: 60.0, 180: 20.0}
            held = again._database.read("SELECT count(*) FROM forgotten")
            assert held == [(0,)]
        if not more:
            break
    else:
        raise AssertionError("it never came to an end")


def test_nothing_of_a_forgotten_project_is_left_in_the_rows(store: SqliteStore, path: Path) -> None:
    """Not hidden but gone: they are as if it had never been."""
    other = SqliteStore(path.with_name("other.db"))
    only = [Second(at, [(ALIEN.key, Sample(1.0, 1))]) for at in range(150)]
    other.commit(series=ALL, seconds=only)
    store.commit(seconds=[second(at) for at in range(150)])
    for one in (store, other):
        fold_all(one)
    store.forget_project("photos")
    while store.sweep():
        pass
    for table in ("head", "minute"):
        query = f"SELECT * FROM {table} ORDER BY at_s"
        assert store._database.read(query) == other._database.read(query)
    other.close()


def test_a_row_that_is_committed_to_is_swept_by_that(store: SqliteStore) -> None:
    """So a sweep that has read it just before may leave it as it is."""
    store.commit(seconds=[second(1), second(2)])
    store.forget_project("photos")
    store.commit(seconds=[Second(1, [(ALIEN.key, Sample(1.0, 1))])])
    rows = dict(store._database.read("SELECT at_s, data FROM head"))
    assert [len(columns(rows[at]).ids) for at in (1, 2)] == [1, 2]


# --- other threads --------------------------------------------------------------------------


def test_commits_go_on_while_minutes_are_folded(store: SqliteStore) -> None:
    """What is committed while its minute is being added up is in it at the end."""
    stop = threading.Event()

    def fold() -> None:
        while not stop.is_set():
            store.fold(1 << 40)

    folding = threading.Thread(target=fold)
    folding.start()
    for n in range(300):
        store.commit(seconds=[second(n * 7 % 120)])
    stop.set()
    folding.join()
    fold_all(store)
    assert sums(store.minutes(0, 999)) == sums(store.seconds(0, 999))
    assert sum(sums(store.minutes(0, 999)).values()) == 600.0


def test_commits_go_on_while_a_project_is_swept(store: SqliteStore) -> None:
    """None is lost, and none brings back what was forgotten."""
    store.commit(seconds=[second(at) for at in range(600)])
    store.forget_project("photos")
    stop = threading.Event()

    def sweep() -> None:
        while store.sweep() or not stop.is_set():
            pass

    sweeping = threading.Thread(target=sweep)
    sweeping.start()
    for n in range(100):
        store.commit(seconds=[Second(n * 7 % 600, [(ALIEN.key, Sample(1.0, 1))])])
    stop.set()
    sweeping.join()
    rows = list(store.seconds(0, 999))
    assert {key for row in rows for key, _ in row.samples} == {ALIEN.key}
    assert sum(one.value for row in rows for _, one in row.samples) == 700.0


# --- who may not ----------------------------------------------------------------------------

WRITING: dict[str, Callable[[SqliteStore], object]] = {
    "fold": lambda store: store.fold(999),
    "forget": lambda store: store.forget("a"),
    "forget a project": lambda store: store.forget_project("photos"),
    "sweep": lambda store: store.sweep(),
    "expire": lambda store: store.expire(999),
    "errors": lambda store: store.commit(errors=[failure(1)]),
}


@pytest.mark.parametrize("write", WRITING.values(), ids=WRITING)
def test_without_the_lease_nothing_is_written(
    store: SqliteStore, path: Path, write: Callable[[SqliteStore], object]
) -> None:
    """Refused with a sentence; minutes and errors of the one who has it can be read."""
    store.commit(seconds=[second(1)], errors=[failure(1)])
    store.fold(60)
    reader = SqliteStore(path, wait_s=0.0)
    with pytest.raises(StoreError, match=f"process {os.getpid()} has the lease"):
        write(reader)
    assert list(reader.minutes(0, 999)) == list(store.minutes(0, 999)) != []
    assert reader.errors("action", "resize") == [failure(1)]
    reader.close()
    store.close()
    with pytest.raises(StoreError, match="is closed"):
        write(store)


FORKING = """
import os, sys, threading
from tachograph.errors import StoreError
from tachograph.store.sqlite import SqliteStore

store = SqliteStore(sys.argv[1])
calls = [lambda: store.fold(9), store.sweep, lambda: store.forget_project("p"),
         lambda: store.forget("a"), lambda: store.expire(9), lambda: list(store.minutes(0, 9)),
         lambda: store.errors("action", "n")]
store._rewriting.acquire()  # as while another thread folds
child = os.fork()
if child == 0:
    refused = 0
    for call in calls:
        try:
            call()
        except StoreError as error:
            refused += "before this process was forked" in str(error)
    os._exit(refused)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == len(calls)
store._rewriting.release()
print(store.fold(9), store.sweep())
store.close()
"""


def test_a_forked_child_may_not(path: Path) -> None:
    """It is refused, also while a thread of its parent's was at work, and waits for none."""
    command = [sys.executable, "-c", FORKING, str(path)]
    ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (ran.stdout, ran.stderr) == ("0 False\n", "")


# --- damage and full disks ------------------------------------------------------------------


def test_a_damaged_second_does_not_stop_its_minute(store: SqliteStore, path: Path) -> None:
    """The minute has what the others say, and the damage is counted."""
    store.commit(seconds=[second(at) for at in (0, 1, 2, 60)])
    store.close()
    damage(path, "UPDATE head SET data = x'ff00ff' WHERE at_s = 1")
    with closing(SqliteStore(path)) as again:
        assert again.fold(1 << 40) == 2
        assert again.damaged_rows == 1
        assert sums(again.minutes(0, 999)) == {0: 4.0, 60: 2.0}


def test_a_damaged_minute_is_one_without_figures(store: SqliteStore, path: Path) -> None:
    """Others can be read, it can be swept past, and a second that comes late mends it."""
    store.commit(seconds=[second(at) for at in (0, 60)])
    fold_all(store)
    store.close()
    damage(path, "UPDATE minute SET data = x'ff00ff' WHERE at_s = 0")
    with closing(SqliteStore(path)) as again:
        assert sums(again.minutes(0, 999)) == {0: 0, 60: 2.0}
        assert again.damaged_rows == 1
        again.forget_project("music")
        while again.sweep():
            pass
        again.commit(seconds=[Second(1, [(COUNTER.key, Sample(1.0, 1))])])
        fold_all(again)
        assert sums(again.minutes(0, 999)) == {0: 2.0, 60: 1.0}


def test_a_damaged_error_is_left_out(store: SqliteStore, path: Path) -> None:
    """And counted; the others are there."""
    store.commit(errors=[failure(1), failure(2), failure(3)])
    store.close()
    damage(path, "UPDATE error SET blob = x'ff00ff' WHERE at_ns = 2")
    with closing(SqliteStore(path)) as again:
        assert again.errors("action", "resize") == [failure(3), failure(1)]
        assert again.damaged_rows == 1


def test_an_instant_that_no_database_can_hold(store: SqliteStore) -> None:
    """A source's clock may say anything: its error is stored, and nothing else waits for it."""
    store.commit(errors=[failure(1), failure((1 << 64) - 1)])
    assert [one.at_ns for one in store.errors("action", "resize")] == [(1 << 63) - 1, 1]


def test_a_full_disk_stops_no_minute_half_way(store: SqliteStore) -> None:
    """StoreError with path and remedy, each minute is there whole or not at all, and with room
    it goes on."""
    many = [Series(SeriesKey("photos", "web", f"n{n}"), "counter") for n in range(2000)]
    row = [(one.key, Sample(n + 0.1, 1)) for n, one in enumerate(many)]
    store.commit(series=many, seconds=[Second(at, row) for at in (0, 1, 60, 120, 180)])
    expected = sums(store.seconds(0, 999))
    ((pages,),) = store._database.read("PRAGMA page_count")
    store._database.read(f"PRAGMA max_page_count = {pages}")
    for _ in range(2):
        with pytest.raises(StoreError, match=r"store\.db: can't fold .*Free some space"):
            fold_all(store)
        for minute, value in (found := sums(store.minutes(0, 999))).items():
            assert value == pytest.approx(expected[minute])
        assert len(found) < len(expected)
    store._database.read(f"PRAGMA max_page_count = {pages * 9}")
    fold_all(store)
    assert sums(store.minutes(0, 999)) == pytest.approx(expected)
