"""The loop: journal in, ticks out, commits beside; and nothing that goes wrong stops it."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
import uvloop

from tachograph import frames
from tachograph.core.channel import ChannelKey
from tachograph.errors import StoreError
from tachograph.journal.file import FileJournal
from tachograph.server import follower as followers
from tachograph.server.follower import Follower
from tachograph.server.outbox import Outbox
from tachograph.store.base import Store
from tachograph.store.memory import MemoryStore
from tachograph.store.sqlite import SqliteStore
from tests.server.serving import Reporting

pytestmark = pytest.mark.anyio


class Line:
    """A connection that takes everything."""

    full = False

    def __init__(self) -> None:
        self.frames: asyncio.Queue[bytes] = asyncio.Queue()

    def write(self, frame: bytes) -> None:
        """Keep it for who reads."""
        self.frames.put_nowait(frame)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for the dead, and commit, more often than once a second."""
    monkeypatch.setattr(followers, "LIFE_S", 0.02)
    monkeypatch.setattr(followers, "COMMIT_S", 0.02)
    monkeypatch.setattr(followers, "COMMIT_SHARE", 1.0)


@pytest.fixture
def program(home: Path) -> Iterator[Reporting]:
    """A program that records into the home."""
    reporting = Reporting(home)
    yield reporting
    reporting.kill()


@asynccontextmanager
async def following(
    home: Path, store: Store | None = None, interval_s: float = 60.0
) -> AsyncIterator[Follower]:
    """A follower that runs, and has caught up."""
    opened = SqliteStore(home / "store.db", 0.0) if store is None else store
    follower = Follower(FileJournal(home / "journal"), opened, interval_s)
    follower.restore()
    task = asyncio.create_task(follower.run())
    try:
        with anyio.fail_after(20):
            await follower.ready.wait()
        yield follower
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        follower.close()


async def until(look: Callable[[], Any]) -> Any:
    """What `look` gives as soon as it gives something."""
    with anyio.fail_after(20):
        while not (value := look()):
            await anyio.sleep(0.005)
        return value


def actions(follower: Follower) -> dict[str, Any]:
    return follower.hub.topic("actions", None, time.time()).value


def done(follower: Follower) -> int:
    total: int = actions(follower)["total_actions"]
    return total


def has_read(follower: Follower, seq: int) -> bool:
    return follower.live.sources["p1"].seq == seq


def stored(home: Path) -> int:
    """Actions in the stored seconds."""
    store = SqliteStore(home / "store.db", 0.0)
    try:
        seconds = store.seconds(0, 1 << 40)
        return sum(s.count for second in seconds for key, s in second.samples if key.span)
    finally:
        store.close()


# --- following ------------------------------------------------------------------------------


async def test_before_and_after(home: Path, program: Reporting) -> None:
    """What was recorded before the server began is there when it is ready; what is recorded
    later comes by itself."""
    program.do(0.5)
    program.say(time.time())
    async with following(home) as follower:
        assert done(follower) == 1
        program.do(0.5)
        program.say(time.time())
        await until(lambda: done(follower) == 2)


async def test_a_home_without_anything(home: Path) -> None:
    """A server that begins before any program has ever run waits for the first."""
    async with following(home) as follower:
        assert follower.live.sources == {}
        program = Reporting(home)
        program.do(0.5)
        program.say(time.time())
        await until(lambda: done(follower) == 1)
        program.kill()
        states = follower.live.sources
        await until(lambda: states["p1"].state == "killed")


async def test_a_restart_forgets_nothing(home: Path, program: Reporting) -> None:
    """After a restart there are the totals, what was published by program and by script, and
    the last minute's points; and nothing counts twice."""
    program.vitals(10.0, 100.0)
    program.do(0.5, 0.5)
    program.do(0.5, error="Oops")
    program.sums.publish("tasks", {"open": 3})
    program.say(time.time() - 2)
    async with following(home) as follower:
        assert follower.hub.publish("own", "", {"a": 1}, time.time())
    assert stored(home) == 3
    program.do(0.5)
    program.say(time.time())
    for _ in range(2):
        async with following(home) as follower:
            seen = actions(follower)
            assert (seen["total_actions"], seen["error_count"]) == (4, 1)
            assert [row[0] for row in seen["points"].values()][:1] == [3.0]
            now = time.time()
            assert follower.hub.topic("tasks", None, now).value == {"open": 3}
            assert follower.hub.topic("own", None, now).value == {"a": 1}
            assert follower.hub.topic("system", None, now).value["points"]
        assert stored(home) == 4


async def test_a_restart_keeps_the_last_minute(home: Path, program: Reporting) -> None:
    """Rates and recent figures are those of the last 60 s after a restart too, of all and of each
    name, as often as a server begins anew; and what is read later is added to them."""
    now = time.time()
    program.do(0.25)
    program.say(now - 200)
    for at in (now - 20, now - 10):
        program.do(0.5, 0.5, error="Oops")
        program.say(at)
    for _ in range(3):
        async with following(home) as follower:
            seen = actions(follower)
            assert (seen["actions_per_minute"], seen["errors_per_minute"]) == (4, 4)
            assert seen["p95"] == pytest.approx(0.5, rel=1 / 128)
            row = seen["names"]["click"]
            assert (row["count"], row["rate"], row["recent_s"]) == (5, 4, 2.0)
            named = follower.hub.topic("action/click", None, time.time()).value
            counts = [row[0] for row in named["points"].values()]
            assert (sum(counts), len(counts)) == (4, 2)
    async with following(home) as follower:
        program.do(0.5)
        program.say(time.time())
        await until(lambda: done(follower) == 6)
        assert actions(follower)["actions_per_minute"] == 5


async def test_commits_by_itself(home: Path, program: Reporting) -> None:
    """What is followed is stored within moments, without anybody's end."""
    async with following(home) as follower:
        program.do(0.5)
        program.say(time.time())
        await until(lambda: done(follower) == 1)
        await until(lambda: [one.seq for one in follower.store.sources()] == [1])


@pytest.mark.parametrize(
    ("interval_s", "rate"), [(60.0, 0.2), (5.0, 0.2), (1.0, 1.0), (0.5, 5.0), (0.05, 20.0)]
)
def test_default_rate(home: Path, interval_s: float, rate: float) -> None:
    """Who asks for no rate gets every tick."""
    follower = Follower(FileJournal(home / "journal"), MemoryStore(), interval_s)
    assert follower.default_rate == rate


async def test_what_is_old_goes(home: Path) -> None:
    """What ended over a day ago is gone when the server is ready: from figures, log and store."""
    journal, store = FileJournal(home / "journal"), MemoryStore()
    old = Reporting(home, "old")
    old.do(0.5)
    old.say(time.time() - 90_000)
    before = Follower(journal, store)
    before.ingest.mark(())
    before.ingest.pump(time.time_ns())
    commit = before.ingest.take_commit()
    assert commit is not None
    store.commit(sources=commit.sources, series=commit.series, seconds=commit.seconds)
    old.end(time.time() - 90_000)
    async with following(home, store) as follower:
        assert done(follower) == 0
        assert follower.live.sources == {}
        assert journal.sources() == []
        assert store.sources() == []
        assert list(store.seconds(0, 1 << 40)) == []


async def test_publishing_where_nobody_may(home: Path, program: Reporting) -> None:
    """What a program publishes to a topic that is ours is refused, and shown as its loss; what it
    publishes beside it arrives. A restart counts neither again."""
    program.sums.publish("system", {"live": 99})
    program.sums.publish("tasks", {"open": 1})
    program.say(time.time())
    for _ in range(2):
        async with following(home) as follower:
            now = time.time()
            assert follower.hub.topic("tasks", None, now).value == {"open": 1}
            assert follower.hub.topic("system", None, now).value["live"] == 0
            row = follower.live.source_row(follower.live.sources["p1"])
            assert (row["losses"], row["lost"]) == ({"publish refused": 1}, 1)
            seq, frame = program.frame(now, whole=True)
            program.writer.append(frames.encode(frame, seq))
            await until(partial(has_read, follower, seq))


# --- what goes wrong ------------------------------------------------------------------------


class Full(MemoryStore):
    """A store on a disk that is full for a while, or slow."""

    def __init__(self, *, full: bool = True) -> None:
        super().__init__()
        self.full = full
        self.asked = self.expiries = 0
        self.go = threading.Event()
        self.go.set()

    def commit(self, **given: Any) -> None:
        self.asked += 1
        full = self.full
        self.go.wait(20)
        if full:
            raise StoreError("disk full")
        super().commit(**given)

    def expire(self, before_s: int) -> int:
        self.expiries += 1
        if self.full:
            raise StoreError("disk full")
        return super().expire(before_s)

    def asked_since(self, count: int) -> bool:
        """Whether it was asked to commit more often than that."""
        return self.asked > count

    def actions(self) -> int:
        """Actions in the stored seconds."""
        seconds = self.seconds(0, 1 << 40)
        return sum(s.count for second in seconds for key, s in second.samples if key.span)


async def test_a_store_that_is_full(
    home: Path, program: Reporting, caplog: pytest.LogCaptureFixture
) -> None:
    """While nothing can be stored the page lives on, one warning says so, and when there is room
    again everything is stored, once."""
    store = Full()
    with caplog.at_level(logging.WARNING):
        async with following(home, store) as follower:
            for n in range(1, 4):
                program.do(0.5)
                program.say(time.time())
                await until(partial(store.asked_since, store.asked + 1))
                assert done(follower) == n
            assert follower.store_error == "disk full"
            store.full = False
            await until(store.sources)
            await until(lambda: not follower.store_error)
    assert [record.message for record in caplog.records] == [
        "history is not being stored: disk full"
    ]
    assert store.actions() == 3


async def test_expiry_that_fails(
    home: Path, program: Reporting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is old and can't be deleted stops nothing: it is tried again."""
    monkeypatch.setattr(followers, "EXPIRE_S", 0.0)
    store = Full()
    async with following(home, store) as follower:
        await until(lambda: store.expiries > 3)
        program.do(0.5)
        program.say(time.time())
        await until(lambda: done(follower) == 1)


@pytest.mark.parametrize("fails", [False, True])
async def test_stopped_in_the_middle_of_a_commit(
    home: Path, program: Reporting, fails: bool
) -> None:
    """A server that is stopped while it commits waits for the end of that, and then stores the
    rest, with what that commit failed to."""
    store = Full(full=False)
    async with following(home, store) as follower:
        store.go.clear()
        store.full = fails
        program.do(0.5)
        program.say(time.time())
        asked = store.asked
        await until(lambda: store.asked > asked)
        store.full = False
        program.do(0.5)
        program.say(time.time())
        await until(lambda: done(follower) == 2)
        asyncio.get_running_loop().call_later(0.1, store.go.set)
    assert [one.seq for one in store.sources()] == [2]
    assert store.actions() == 2


class ReadOnly(MemoryStore):
    """A store whose lease another server has."""

    @property
    def leased(self) -> bool:
        return False

    def commit(self, **given: Any) -> None:
        raise AssertionError("nothing may be written")


async def test_without_the_lease(home: Path, program: Reporting) -> None:
    """A server that doesn't own the store runs live, and writes nothing."""
    async with following(home, ReadOnly()) as follower:
        program.do(0.5)
        program.say(time.time())
        await until(lambda: done(follower) == 1)


async def test_a_tick_that_fails(
    home: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tick that fails is logged, and the next one comes."""
    async with following(home, interval_s=0.05) as follower:
        ticks: list[float] = []

        def tick(now: float, machine_s: float) -> None:
            ticks.append(now)
            raise RuntimeError("no")

        with caplog.at_level(logging.ERROR):
            monkeypatch.setattr(follower.live, "tick", tick)
            await until(lambda: len(ticks) > 2)
    assert "a tick failed" in caplog.text


@pytest.mark.parametrize("loops", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_the_trailing_change_on_every_loop(home: Path, loops: Any) -> None:
    """A change that waits is sent by the timer, on the loop of the standard library and on
    uvloop, though it may be due at once or not at all any more."""

    async def run() -> bytes:
        follower = Follower(FileJournal(home / "journal"), MemoryStore(), 1.0)
        line = Line()
        follower.hub.join(Outbox(line), ChannelKey("own", None, 60.0, False), None, time.time())
        for n in range(200):
            follower._publish("own", "", {"n": n})
            follower._schedule(time.time() - 1)
            follower._schedule(time.time() + 0.001)
        with anyio.fail_after(20):
            while b'"n":199' not in (message := await line.frames.get()):
                pass
        follower.close()
        return message

    with asyncio.Runner(loop_factory=loops) as runner:
        assert b'"value":{"n":199}' in runner.run(run())


async def test_what_a_server_lost_is_said(home: Path) -> None:
    """The store's damaged rows stand beside what could not be stored."""
    store = MemoryStore()
    async with following(home, store) as follower:
        assert follower.losses() == {}
        follower.ingest.seconds.dropped = 2
        store.damaged_rows = 5  # type: ignore[attr-defined]
        assert follower.losses() == {
            "seconds that could not be stored": 2,
            "stored rows that were damaged": 5,
        }
        follower.ingest.seconds.dropped = 0
