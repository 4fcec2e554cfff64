"""The loop that keeps a server up to date: journal in, ticks out, commits beside.

Everything runs on the event loop's thread but the store's transactions, which have a
thread of their own; one at a time, and never more than a twentieth of the time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import Any

from tachograph.core.backfill import fill
from tachograph.core.live import Live
from tachograph.core.pace import Pace
from tachograph.core.points import instant
from tachograph.core.pulse import Pulse
from tachograph.core.session import RATES
from tachograph.errors import StoreError
from tachograph.journal.base import Journal
from tachograph.server.hub import Hub
from tachograph.server.ingest import Commit, Ingest
from tachograph.server.upkeep import Upkeep
from tachograph.store.base import Store

log = logging.getLogger("tachograph.server")

Topics = list[tuple[str, str, str, int, Any]]

LIFE_S = 0.5
COMMIT_S = 1.0
#: A commit may take this share of the time.
COMMIT_SHARE = 0.05
#: Per-second figures are kept for so long.
KEEP_SECONDS_S = 86_400
EXPIRE_S = 60.0
#: Between two looks at the clocks: a standstill that is not noticed is shorter than a second.
BEAT_S = 0.5
#: Of a restart: what happened so lately is still in the rates of the last minute.
MINUTE_S = 60
#: After the wall clock was set nothing is deleted for so long.
KEEP_AFTER_STEP_S = 3_600.0
_BOOT = getattr(time, "CLOCK_BOOTTIME", None)


def _going_ns() -> int:
    """A clock that nobody sets, and that goes on in a suspend where there is such a one."""
    return time.clock_gettime_ns(_BOOT) if _BOOT is not None else time.monotonic_ns()


class Follower:
    """See the module. `run` ends when it is cancelled; `close` writes the rest."""

    def __init__(self, journal: Journal, store: Store, interval_s: float = 1.0) -> None:
        self.journal = journal
        self.store = store
        self.interval_s = interval_s
        self.ingest = Ingest(journal, Live(interval_s), self._publish)
        self.hub = Hub(self._value, self._schedule)
        self.ready = asyncio.Event()
        self.upkeep = Upkeep(store)
        self.store_error = ""
        self._timer: asyncio.Handle | None = None
        self._rings_at = 0.0
        self._commit_took = 0.0
        self._old: set[str] = set()
        self._pulse = Pulse(time.time_ns(), _going_ns())
        self._keep_until = 0.0

    @property
    def live(self) -> Live:
        """What all sources say, up to what was read last."""
        self.ingest.settle()
        return self.ingest.live

    @property
    def default_rate(self) -> float:
        """The slowest rate class that keeps up with the ticks."""
        return next((rate for rate in RATES if rate * self.interval_s >= 1.0), RATES[-1])

    # -- start -------------------------------------------------------------

    def restore(self) -> None:
        """Take up what the store knows; nothing of it will be counted again."""
        self.ingest.restore(self.store.sources(), self.store.series())
        self.hub.published.load(self.store.meta("topics") or [])
        now = int(time.time())
        with contextlib.suppress(StoreError):
            # Together with the positions: what comes behind these is counted as it is read.
            self.live.kinds.recall(self.store.seconds(now - MINUTE_S, now + MINUTE_S))

    async def run(self) -> None:
        """Catch up with the journal, then follow it."""
        self.ingest.mark(())
        while self.ingest.pump(time.time_ns()):
            await asyncio.sleep(0)
        self.ingest.check_life(time.time_ns())
        self.ingest.catching_up = False
        await self._expire()
        await self.commit()
        self._backfill()
        self.ready.set()
        self._pulse = Pulse(time.time_ns(), _going_ns())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._beat())
            tasks.create_task(self._tick())
            tasks.create_task(self._look_after())
            tasks.create_task(self._housekeep())
            tasks.create_task(self.upkeep.run())

    def _backfill(self) -> None:
        now = int(time.time())
        with contextlib.suppress(StoreError):
            seconds = self.store.seconds(now - 180, now)
            fill(self.live, seconds, self.store.series(), now - 60, now)

    # -- the loops ---------------------------------------------------------

    async def _follow(self) -> None:
        """Read what is new at once; when there is much of it, gather it for a moment."""
        pace = Pace()
        async for ids in self.journal.watch():
            self._feel()
            news = list(ids)
            self.ingest.mark(news)
            await self._read()
            await asyncio.sleep(pace.pause_s(len(news), time.monotonic()))

    async def _read(self) -> None:
        while self.ingest.pump(time.time_ns()):
            await asyncio.sleep(0)

    async def _beat(self) -> None:
        """Notice soon when this process, the machine or its clock did not go on as usual."""
        while True:
            await asyncio.sleep(BEAT_S)
            if self._feel():
                await self._read()

    def _feel(self) -> bool:
        """Whether time has not gone on as usual since the last look."""
        now_ns = time.time_ns()
        beat = self._pulse.beat(now_ns, _going_ns())
        if beat == "usual":
            return False
        self.ingest.interrupted(now_ns, stepped=beat == "stepped")
        if beat == "stepped":
            # By a clock that is wrong for a while nothing is old.
            self._keep_until = time.monotonic() + KEEP_AFTER_STEP_S
        return True

    async def _tick(self) -> None:
        while True:
            # Points stand at whole intervals; a timer may ring a little early.
            at = (time.time() // self.interval_s + 1) * self.interval_s
            await asyncio.sleep(max(0.0, at - time.time()))
            now = max(at, time.time())
            try:
                self.live.tick(instant(now, self.interval_s), time.monotonic())
                self.hub.tick(now)
                self.hub.remind(now, self.interval_s)
            except Exception:  # one bad value must not stop the clock for everybody
                log.exception("a tick failed; the next one tries again")

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(LIFE_S)
            self.ingest.check_life(time.time_ns())
            if self.ingest.reading.more:
                await self._read()

    async def _housekeep(self) -> None:
        expire_at = time.monotonic() + EXPIRE_S
        while True:
            await asyncio.sleep(max(COMMIT_S, self._commit_took / COMMIT_SHARE))
            await self.commit()
            if time.monotonic() >= expire_at:
                expire_at = time.monotonic() + EXPIRE_S
                await self._expire()

    async def _expire(self) -> None:
        """Let go of what is old. What can't be deleted now is old the next time too."""
        self._feel()
        if time.monotonic() < self._keep_until:
            return
        gone = self.ingest.expire(time.time())
        if self.store.leased:
            self._old.update(gone)
            with contextlib.suppress(StoreError):
                async with self.upkeep.storing:
                    await asyncio.to_thread(self._forget, int(time.time()) - KEEP_SECONDS_S)

    def _forget(self, before_s: int) -> None:
        self.store.expire(before_s)
        for id in tuple(self._old):
            self.store.forget(id)
            self._old.discard(id)

    # -- the hub's needs ---------------------------------------------------

    def _value(self, topic: str, project: str | None, now: float) -> dict[str, Any]:
        return self.live.value(topic, project, now)

    def _publish(self, topic: str, project: str, value: dict[str, object]) -> bool:
        return self.hub.publish(topic, project, value, time.time())

    def _schedule(self, at: float) -> None:
        """Something has to be sent at `at`, at the latest."""
        loop = asyncio.get_running_loop()
        when = loop.time() + max(0.0, at - time.time())
        if self._timer is not None:
            if self._rings_at <= when:
                return
            self._timer.cancel()
        # Kept here: uvloop's handle of what is due at once doesn't know its time.
        self._rings_at = when
        self._timer = loop.call_at(when, self._send_due)

    def _send_due(self) -> None:
        self._timer = None
        self.hub.send_due(time.time())

    # -- storing -----------------------------------------------------------

    async def commit(self) -> None:
        """Store what is new."""
        if self.store.leased:
            async with self.upkeep.storing:
                await self._commit()

    async def _commit(self) -> None:
        began = time.monotonic()
        commit, topics = self._take()
        if commit is not None or topics is not None:
            writing = asyncio.ensure_future(asyncio.to_thread(self._write, commit, topics))
            try:
                await asyncio.shield(writing)
            finally:
                # Cancelled or not: what was taken is stored, or given back on this thread.
                self._settle(await writing, commit, topics)
        self._commit_took = time.monotonic() - began

    def _take(self) -> tuple[Commit | None, Topics | None]:
        """What a transaction has to hold, taken on the loop's thread."""
        topics = None
        if self.hub.published_changed:
            self.hub.published_changed = False
            topics = self.hub.published.dump()
        return self.ingest.take_commit(), topics

    def _write(self, commit: Commit | None, topics: Topics | None) -> str:
        """Store it, on any thread; returns why that failed, "" when it didn't."""
        try:
            self.store.commit(
                sources=commit.sources if commit else (),
                series=commit.series if commit else (),
                seconds=commit.seconds if commit else (),
                errors=commit.errors if commit else (),
                meta={"topics": topics} if topics is not None else None,
            )
            return ""
        except StoreError as error:
            return str(error)

    def losses(self) -> dict[str, int]:
        """What this server had to drop, or found damaged, by reason; empty when nothing."""
        damaged = getattr(self.store, "damaged_rows", 0)
        rows = {"stored rows that were damaged": damaged} if damaged else {}
        return self.ingest.losses() | rows

    def _settle(self, error: str, commit: Commit | None, topics: Topics | None) -> None:
        if error and not self.store_error:
            log.warning("history is not being stored: %s", error)
        self.store_error = error
        if error:
            self.hub.published_changed = self.hub.published_changed or topics is not None
            if commit is not None:
                self.ingest.give_back(commit)

    def close(self) -> None:
        """Write what is not yet written, and give the store back."""
        if self._timer is not None:
            self._timer.cancel()
        if self.store.leased:
            taken = self._take()
            self._settle(self._write(*taken), *taken)
        self.store.close()
