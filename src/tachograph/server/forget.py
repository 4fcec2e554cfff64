"""Forgetting for good, while the server runs: a source that is over, or a whole project.

In this order, so that a failure, or the end of this process, in between leaves something that
can be forgotten again, and never a log that would be read and counted a second time: the logs,
what the store has of them, what is in memory.
"""

from __future__ import annotations

import asyncio
import time

from tachograph.core.source import SourceState
from tachograph.errors import JournalError, StoreError, TachographError
from tachograph.server.follower import Follower


class Unknown(TachographError):
    """Nothing of that name is known."""


class Alive(TachographError):
    """A source that lives can't be forgotten. `sources` are in its way."""

    def __init__(self, sources: list[SourceState]) -> None:
        self.sources = [
            f"{one.source.service} ({one.source.id}, pid {one.source.pid})" for one in sources
        ]
        super().__init__(f"{', '.join(self.sources)} still runs; stop it first, then forget it")


class Forgetting:
    """Belongs to the event loop's thread. Raises StoreError where this server holds no store,
    or it can't be written, and JournalError where a log can't be deleted."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower

    async def source(self, id: str) -> list[str]:
        """Its state and totals; its seconds are its service's and stay. Returns the id."""
        return await self._forget(id, None)

    async def project(self, project: str) -> list[str]:
        """Everything of it: sources, series, seconds, minutes, failures, what it published.
        Returns the ids of its sources."""
        if project not in await self.projects():
            raise Unknown(f"no project {project!r} is known; /api/projects lists them")
        return await self._forget(None, project)

    async def projects(self) -> dict[str, list[SourceState]]:
        """Every project of which something is known, and its sources."""
        follower = self._follower
        series = await asyncio.to_thread(follower.store.series)
        names = {one.key.project for one in series} | follower.hub.published.projects()
        found: dict[str, list[SourceState]] = {name: [] for name in sorted(names)}
        for state in self._states().values():
            found.setdefault(state.source.project, []).append(state)
        return found

    def _states(self) -> dict[str, SourceState]:
        return self._follower.ingest.states

    def _which(self, id: str | None, project: str | None) -> list[str]:
        states = self._states()
        if id is None:
            return [id for id, one in states.items() if one.source.project == project]
        if id not in states:
            raise Unknown(f"no source {id!r} is known; /api/sources lists them")
        return [id]

    async def _forget(self, id: str | None, project: str | None) -> list[str]:
        follower = self._follower
        self._which(id, project)
        async with follower.upkeep.storing:
            # Somebody else may have forgotten it while we waited, or a source may have come.
            ids = self._which(id, project)
            if not follower.store.leased:
                raise StoreError("another server holds this home's store; ask that one")
            self._require_over(ids)
            await self._delete_logs(ids)
            await asyncio.to_thread(self._delete_rows, ids, project)
            follower.ingest.forget(ids, project)
        if project is not None:
            follower.hub.forget(project, time.time())
            await follower.commit()
            follower.upkeep.ask()
            # Somebody may have been reading them just now.
            follower.ingest.failed.forget(project)
        return ids

    def _require_over(self, ids: list[str]) -> None:
        """One that has just been killed is over, though nobody has looked yet."""
        ingest = self._follower.ingest
        ingest.check_life(time.time_ns())
        alive = [self._states()[id] for id in ids if not ingest.reading.is_over(id)]
        if alive:
            raise Alive(alive)

    async def _delete_logs(self, ids: list[str]) -> None:
        journal = self._follower.journal
        for id in ids:
            journal.forget(id)
            await asyncio.sleep(0)
        left = set(ids).intersection(journal.sources())
        if left:
            raise JournalError(
                f"the log of {', '.join(sorted(left))} can't be deleted; see who owns the "
                "files in the journal's directory, and forget it again"
            )

    def _delete_rows(self, ids: list[str], project: str | None) -> None:
        """On a thread of its own."""
        if project is None:
            for id in ids:
                self._follower.store.forget(id)
        else:
            self._follower.store.forget_project(project)
