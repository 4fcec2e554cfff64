"""One process writes; the others wait, then read."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tachograph.errors import StoreError
from tachograph.store.base import Sample, Second, Series, SeriesKey, StoredSource
from tachograph.store.lease import Lease
from tachograph.store.sqlite import SqliteStore

COUNTER = Series(SeriesKey("p", "s", "n"), "counter")
ROW = Second(1, [(COUNTER.key, Sample(1.5))])

HOLDING = """
import sys
from tachograph.store.base import Sample, Second, Series, SeriesKey
from tachograph.store.sqlite import SqliteStore

store = SqliteStore(sys.argv[1])
series = Series(SeriesKey("p", "s", "n"), "counter")
store.commit(series=[series], seconds=[Second(1, [(series.key, Sample(1.5))])])
print("holding", flush=True)
sys.stdin.readline()
store.close()
print("closed", flush=True)
sys.stdin.readline()
"""

ASKING = """
import sys
from tachograph.store.lease import Lease

lease = Lease(sys.argv[1])
print(lease.held, lease.holder)
"""


@contextmanager
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process with the store open."""
    command = [sys.executable, "-c", HOLDING, str(path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "holding\n"
        try:
            yield process
        finally:
            process.kill()


def asked_elsewhere(path: Path) -> tuple[bool, int]:
    """Whether another process gets the lease, and whom it sees holding it."""
    command = [sys.executable, "-c", ASKING, str(path)]
    held, pid = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return held == "True", int(pid)


def test_without_the_lease_the_store_only_reads(tmp_path: Path) -> None:
    """What the other process wrote is there; writing is refused and names that process."""
    path = tmp_path / "store.db"
    with holder(path) as process:
        store = SqliteStore(path, wait_s=0.0)
        assert not store.leased
        assert store.series() == [COUNTER]
        assert list(store.seconds(0, 9)) == [ROW]
        for refused in (
            lambda: store.commit(seconds=[ROW]),
            lambda: store.forget("a"),
            lambda: store.expire(9),
        ):
            with pytest.raises(StoreError, match=f"process {process.pid} has the lease"):
                refused()
        store.close()


def test_a_reader_sees_what_is_written_later(tmp_path: Path) -> None:
    """Series that came after it opened are known to it."""
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    reader = SqliteStore(path, wait_s=0.0)
    assert not reader.leased
    assert reader.series() == []
    store.commit(
        series=[COUNTER], seconds=[ROW], sources=[StoredSource("a", "p", "s", "live", 1, 1, b"")]
    )
    assert list(reader.seconds(0, 9)) == [ROW]
    assert reader.sources() == store.sources()
    reader.close()
    assert not asked_elsewhere(Path(f"{path}.lease"))[0]
    store.commit(seconds=[ROW])
    store.close()


@pytest.mark.parametrize("made", [False, True], ids=["no file", "an empty file"])
def test_a_store_that_is_not_made_yet_reads_as_empty(tmp_path: Path, made: bool) -> None:
    """Another process has the lease and has not come to making the database."""
    path = tmp_path / "store.db"
    lease = Lease(f"{path}.lease")
    if made:
        path.touch()
    store = SqliteStore(path, wait_s=0.0)
    assert not store.leased
    assert (store.sources(), store.series(), list(store.seconds(0, 9))) == ([], [], [])
    assert path.exists() == made
    store.close()
    lease.release()


def test_the_lease_of_a_killed_process_is_free(tmp_path: Path) -> None:
    """The kernel gives it back, and the next one finds everything."""
    path = tmp_path / "store.db"
    with holder(path) as process:
        process.kill()
        process.wait()
        store = SqliteStore(path, wait_s=0.0)
    assert store.leased
    assert list(store.seconds(0, 9)) == [ROW]
    store.close()


def test_a_second_server_waits_for_the_lease(tmp_path: Path) -> None:
    """It is given as soon as the first one closes, in a rolling restart."""
    path = tmp_path / "store.db"
    with holder(path) as process:
        opened: list[SqliteStore] = []
        waiting = threading.Thread(target=lambda: opened.append(SqliteStore(path, wait_s=60.0)))
        waiting.start()
        assert waiting.is_alive()
        assert process.stdin
        process.stdin.write("close\n")
        process.stdin.flush()
        waiting.join()
    assert opened[0].leased
    assert list(opened[0].seconds(0, 9)) == [ROW]
    opened[0].close()


def test_a_process_gives_its_own_lease_once(tmp_path: Path) -> None:
    """POSIX locks don't tell two threads of a process apart; the claim does, and loses no lock."""
    path = tmp_path / "store.db.lease"
    first = Lease(str(path))
    second = Lease(str(path))
    assert (first.held, second.held, second.holder) == (True, False, os.getpid())
    second.release()
    assert asked_elsewhere(path) == (False, os.getpid())
    got: list[Lease] = []
    waiting = threading.Thread(target=lambda: got.append(Lease(str(path), wait_s=60.0)))
    waiting.start()
    first.release()
    waiting.join()
    assert got[0].held
    assert asked_elsewhere(path) == (False, os.getpid())
    got[0].release()
    assert asked_elsewhere(path)[0]


def test_another_name_of_the_file_is_the_same_lease(tmp_path: Path) -> None:
    """A link to the directory makes no second lease, and opening it there drops no lock."""
    (tmp_path / "link").symlink_to(tmp_path)
    first = Lease(str(tmp_path / "lease"))
    assert not Lease(str(tmp_path / "link" / "lease")).held
    assert asked_elsewhere(tmp_path / "lease") == (False, os.getpid())
    first.release()


FORKING = """
import os, sys
from tachograph.errors import StoreError
from tachograph.store.sqlite import SqliteStore

store = SqliteStore(sys.argv[1])
child = os.fork()
if child == 0:
    try:
        assert not store.leased
        try:
            store.commit(meta={"k": "child"})
        except StoreError as error:
            assert "before this process was forked" in str(error)
        else:
            raise AssertionError("a forked child could write")
        store.close()
        own = SqliteStore(sys.argv[1], wait_s=0.0)
        assert not own.leased
        own.close()
        os._exit(0)
    finally:
        os._exit(1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
store.commit(meta={"k": "parent"})
print(store.leased, store.meta("k"))
store.close()
"""


def test_a_forked_child_has_no_lease(tmp_path: Path) -> None:
    """It may not write, closes nothing of its parent's, and the parent goes on."""
    command = [sys.executable, "-c", FORKING, str(tmp_path / "store.db")]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (ran.stdout, ran.stderr) == ("True parent\n", "")
