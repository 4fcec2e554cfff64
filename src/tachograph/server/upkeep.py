"""What is done to stored rows beside commits: minutes are folded, forgotten projects swept out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

from tachograph.errors import StoreError
from tachograph.store.base import Store

log = logging.getLogger("tachograph.server")

#: Between two looks for minutes that have moved.
FOLD_S = 60.0
#: Frames of a second may come so much later; what comes later still has its minute folded anew.
SETTLED_S = 5
#: Work that doesn't end takes this share of the time.
SHARE = 0.25


class Upkeep:
    """Belongs to the event loop's thread; the store works in others, in slices.

    Whoever writes to the store holds `storing` meanwhile, so that one thing at a time is
    written, and commits come between any two slices.
    """

    def __init__(self, store: Store) -> None:
        self.storing = asyncio.Lock()
        self._store = store
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """There is something to sweep."""
        self._asked.set()

    async def run(self) -> None:
        """Until it is cancelled. What can't be written now is tried again the next time."""
        while True:
            self._asked.clear()
            began, more = time.monotonic(), False
            try:
                more = self._store.leased and await self._slice()
            except StoreError:
                pass  # a commit that can't be written says so, too
            except Exception:  # one bad row must not stop the server
                log.exception("stored rows can't be tidied up; it is tried again")
            pause = (time.monotonic() - began) * (1 / SHARE - 1) if more else FOLD_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), pause)

    async def _slice(self) -> bool:
        """Some work; whether there may be more of it."""
        async with self.storing:
            folded = await asyncio.to_thread(self._store.fold, int(time.time()) - SETTLED_S)
        async with self.storing:
            return await asyncio.to_thread(self._store.sweep) or folded > 0
