"""Failures from before this server's start: read from the store when somebody looks at the name."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from tachograph.core.failed import Failed
from tachograph.errors import StoreError
from tachograph.store.base import Store

log = logging.getLogger("tachograph.server")
#: Names that are read at once.
AT_ONCE = 2
#: Failures of a name that are read, of all projects together.
LIMIT = 200
_KINDS = ("action", "event")


class Recall:
    """Each name once. It belongs to the event loop's thread; the store is read in others.

    `refresh(topic, now)` is called when there was something.
    """

    def __init__(self, store: Store, failed: Failed, refresh: Callable[[str, float], None]) -> None:
        self._store = store
        self._failed = failed
        self._refresh = refresh
        self._reading: dict[str, asyncio.Task[None]] = {}
        self._turn = asyncio.Semaphore(AT_ONCE)

    def look(self, topic: str) -> asyncio.Task[None] | None:
        """Somebody looks at this topic; None when all is known. Never waits."""
        kind, slash, name = topic.partition("/")
        if not slash or kind not in _KINDS or not self._failed.incomplete(kind, name):
            return None
        task = self._reading.get(topic)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._read(topic, kind, name))
            self._reading[topic] = task
            task.add_done_callback(lambda _: self._reading.pop(topic, None))
        return task

    async def known(self, topic: str) -> None:
        """Wait until what is stored of this topic's failures is in memory."""
        task = self.look(topic)
        if task is not None:
            # Whoever asked may leave; the others still wait for the same.
            await asyncio.shield(task)

    async def _read(self, topic: str, kind: str, name: str) -> None:
        async with self._turn:
            try:
                found = await asyncio.to_thread(self._store.errors, kind, name, None, LIMIT)
            except StoreError as error:
                log.warning("failures of %s before the start can't be read: %s", topic, error)
                found = []
        self._failed.restore(kind, name, found)
        if found:
            self._refresh(topic, time.time())
