"""The store on SQLite: crashes, full disks, damaged files."""

from __future__ import annotations

import os
import resource
import shlex
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachograph.errors import StoreError
from tachograph.store.base import Sample, Second, Series, SeriesKey, StoredSource
from tachograph.store.sqlite import SqliteStore

COUNTER = Series(SeriesKey("photos", "web", "requests"), "counter")
KEY = COUNTER.key


def total(store: SqliteStore) -> float:
    return sum(sample.value for row in store.seconds(0, 1 << 40) for _, sample in row.samples)


def crashed(store: SqliteStore, path: Path) -> SqliteStore:
    """The store as a killed process leaves it: its files of this instant, opened elsewhere."""
    path.mkdir()
    for suffix in ("", "-wal"):
        if os.path.exists(store.path + suffix):
            shutil.copy(store.path + suffix, path / f"store.db{suffix}")
    return SqliteStore(path / "store.db")


def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    """Sources, series, seconds and meta survive the process."""
    state = StoredSource("a", "photos", "web", "ended", 3, 10**18, b"\xff\x00")
    store = SqliteStore(tmp_path / "store.db")
    store.commit(
        sources=[state],
        series=[COUNTER],
        seconds=[Second(1, [(KEY, Sample(0.5))])],
        meta={"k": "v"},
    )
    store.close()
    again = SqliteStore(tmp_path / "store.db")
    assert (again.sources(), again.series(), again.meta("k")) == ([state], [COUNTER], "v")
    again.commit(seconds=[Second(1, [(KEY, Sample(0.25))])])
    assert total(again) == 0.75
    again.close()


def test_only_the_user_can_read_the_files(tmp_path: Path) -> None:
    """0600 for every file, 0700 for a directory that was made, whatever the umask."""
    before = os.umask(0)
    try:
        store = SqliteStore(tmp_path / "new" / "store.db")
        store.commit(meta={"k": 1})
    finally:
        os.umask(before)
    files = sorted((tmp_path / "new").iterdir())
    assert {file.name for file in files} >= {"store.db", "store.db-wal", "store.db.lease"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    store.close()


def test_seconds_go_on_while_commits_happen(tmp_path: Path) -> None:
    """A reader in the middle of its rows neither blocks a commit nor breaks."""
    store = SqliteStore(tmp_path / "store.db")
    rows = [Second(at, [(KEY, Sample(1.0))]) for at in range(200)]
    store.commit(series=[COUNTER], seconds=rows)
    reading = store.seconds(0, 1000)
    first = next(reading)
    store.commit(seconds=[Second(999, [(KEY, Sample(5.0))])])
    store.expire(1)
    assert [first, *reading] == [*rows, Second(999, [(KEY, Sample(5.0))])]
    store.close()


def test_any_thread_may_call(tmp_path: Path) -> None:
    """Commits of several threads are served one after another, none is lost."""
    store = SqliteStore(tmp_path / "store.db")
    store.commit(series=[COUNTER])

    def work() -> None:
        for _ in range(20):
            store.commit(seconds=[Second(1, [(KEY, Sample(1.0))])])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert total(store) == 80.0
    store.close()


steps = st.lists(
    st.tuples(
        st.sampled_from(["commit", "fail", "crash", "crash before", "reopen"]), st.integers(1, 4)
    ),
    max_size=12,
)


@given(steps, st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9)), max_size=30))
def test_crashes_and_repetitions_change_no_figure(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, int]],
    frames: list[tuple[int, int]],
) -> None:
    """A reader of a log that goes on from the stored position ends with the log's own sums.

    However it is cut into commits, whichever of them fail, wherever the process is killed.
    """
    path = tmp_path_factory.mktemp("store")
    store = SqliteStore(path / "store.db")
    store.commit(series=[COUNTER], sources=[StoredSource("a", "p", "s", "live", 0, 0, b"")])

    def commit(count: int, *, fail: bool = False) -> None:
        seq = store.sources()[0].seq
        batch = frames[seq : seq + count]
        state = StoredSource("a", "p", "s", "live", seq + len(batch), 0, b"")
        seconds = [Second(at, [(KEY, Sample(value))]) for at, value in batch]
        store.commit(sources=[state], seconds=seconds, meta={"x": object()} if fail else None)

    try:
        for number, (what, count) in enumerate(steps):
            if what == "fail":
                with pytest.raises(StoreError):
                    commit(count, fail=True)
            elif what == "reopen":
                store.close()
                store = SqliteStore(store.path)
            else:
                abandoned = store
                if what != "crash before":
                    commit(count)
                if what != "commit":
                    store = crashed(abandoned, path / str(number))
                    abandoned.close()
        commit(len(frames))
        stored = {row.at_s: row.samples[0][1].value for row in store.seconds(0, 9)}
    finally:
        store.close()
    sums: dict[int, float] = {}
    for at, value in frames:
        sums[at] = sums.get(at, 0.0) + value
    assert stored == sums


COMMITTING = """
import sys
from tachograph.store.base import Sample, Second, Series, SeriesKey, StoredSource
from tachograph.store.sqlite import SqliteStore

store = SqliteStore(sys.argv[1])
series = [Series(SeriesKey("p", "s", f"n{i}"), "counter") for i in range(200)]
for at in range(1, 1 << 30):
    store.commit(
        sources=[StoredSource("a", "p", "s", "live", at, at, b"")],
        series=series,
        seconds=[Second(at, [(one.key, Sample(at + 0.5)) for one in series])],
    )
    print(at, flush=True)
"""


@pytest.mark.parametrize("acknowledged", [1, 40, 150])
def test_nothing_acknowledged_is_lost_under_kill_9(tmp_path: Path, acknowledged: int) -> None:
    """Every second that a killed process had reported as committed is there, and whole."""
    path = tmp_path / "store.db"
    command = [sys.executable, "-c", COMMITTING, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for _ in range(acknowledged):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().splitlines()
    reported = acknowledged + len(rest)
    store = SqliteStore(path)
    rows = list(store.seconds(0, 1 << 40))
    # The last one may have been committed and not yet printed.
    assert reported <= len(rows) <= reported + 1
    assert [row.at_s for row in rows] == list(range(1, len(rows) + 1))
    assert all(
        [sample.value for _, sample in row.samples] == [row.at_s + 0.5] * 200 for row in rows
    )
    assert store.sources()[0].seq == len(rows)
    store.close()


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[tuple[Path, Callable[[], None]]]:
    """A directory in which files can't grow past a megabyte, and a call that makes room.

    A file system of that size where we may mount one, else a limit on the process's files.
    """
    path = tmp_path / "tiny"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(path)]
    if (
        subprocess.run(["sh", "-c", f"{shlex.join(mount)} 2>/dev/null"], check=False).returncode
        == 0
    ):
        remount = ["mount", "-o", "remount,size=64m", str(path)]
        yield path, lambda: _run(remount)
        _run(["umount", str(path)])
    else:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
        yield path, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_loses_nothing_that_was_committed(
    tiny_disk: tuple[Path, Callable[[], None]],
) -> None:
    """StoreError with path and remedy, nothing half-written, and it goes on when there is room."""
    path, make_room = tiny_disk
    store = SqliteStore(path / "store.db")
    committed = 0

    def fill() -> None:
        nonlocal committed
        while committed < 100:
            store.commit(
                sources=[StoredSource(str(committed), "p", "s", "live", 1, 1, os.urandom(40_000))],
                series=[Series(SeriesKey("p", "s", str(committed)), "counter")],
            )
            committed += 1

    with pytest.raises(StoreError, match=r"store\.db: can't commit .*Free some space"):
        fill()
    assert 5 < committed < 100
    names = [str(number) for number in range(committed)]
    assert [source.id for source in store.sources()] == names
    assert [series.key.name for series in store.series()] == names
    make_room()
    extra = Series(SeriesKey("p", "s", str(committed)), "counter")
    store.commit(series=[extra], seconds=[Second(1, [(extra.key, Sample(2.0))])])
    store.close()
    again = SqliteStore(path / "store.db")
    assert len(again.sources()) == committed
    assert total(again) == 2.0
    again.close()


def large_store(path: Path) -> None:
    store = SqliteStore(path)
    noise = os.urandom(100_000)
    store.commit(sources=[StoredSource(str(n), "p", "s", "live", 1, 1, noise) for n in range(5)])
    store.close()


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "not a database": lambda _: b"this is something else, " * 100,
    "overwritten": lambda data: data[:4096] + b"\xaa" * 40_000 + data[44_096:],
    "cut": lambda data: data[: len(data) // 3],
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_moved_aside(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    """Refused in a sentence that says where it is now, byte for byte; the next start works."""
    path = tmp_path / "store.db"
    large_store(path)
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    with pytest.raises(StoreError, match=r"no sound database.*was moved to.*Start again") as caught:
        SqliteStore(path)
    (aside,) = tmp_path.glob("store.db.damaged-*Z")
    assert str(aside) in str(caught.value)
    assert aside.read_bytes() == damaged
    store = SqliteStore(path)
    assert store.leased
    assert store.sources() == []
    store.close()


def test_a_log_of_a_damaged_file_goes_with_it(tmp_path: Path) -> None:
    """It is not applied to the database that follows, and is not deleted either."""
    path = tmp_path / "store.db"
    path.write_bytes(b"junk" * 1000)
    Path(f"{path}-wal").write_bytes(b"a log")
    with pytest.raises(StoreError, match="moved"):
        SqliteStore(path)
    (log,) = tmp_path.glob("store.db.damaged-*-wal")
    assert log.read_bytes() == b"a log"
    assert not Path(f"{path}-wal").exists()


def test_a_path_that_can_be_no_store_says_so(tmp_path: Path) -> None:
    """A directory in the file's place, or a file in the directory's."""
    (tmp_path / "store.db").mkdir()
    with pytest.raises(StoreError, match=r"store\.db: can't open the store"):
        SqliteStore(tmp_path / "store.db")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="can't make the lease file"):
        SqliteStore(tmp_path / "file" / "store.db")


def test_a_damaged_second_does_not_stop_the_others(tmp_path: Path) -> None:
    """One row of rubbish: it reads as empty and is counted, later commits to it go through."""
    path = tmp_path / "store.db"
    key = SeriesKey("p", "s", "items")
    series = [Series(key, "counter")]
    seconds = [Second(at_s, [(key, Sample(1.0, 1))]) for at_s in (10, 11)]
    with closing(SqliteStore(path)) as store:
        store.commit(series=series, seconds=seconds)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE head SET data = x'ff00ff' WHERE at_s = 10")
        connection.commit()
    with closing(SqliteStore(path)) as store:
        store.commit(seconds=seconds)
        assert store.damaged_rows == 1
        rows = {
            row.at_s: sum(sample.value for _, sample in row.samples)
            for row in store.seconds(0, 100)
        }
        assert rows == {10: 1, 11: 2}
