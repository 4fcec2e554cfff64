"""Tell which logs may have grown: by inotify where it works, by looking where it doesn't.

Both begin with (), once they are ready, and tell of a log's end too: the kernel reports that
its files were closed, and the one who looks asks now and then whether the writer lives.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from pathlib import Path
from typing import Protocol

from tachograph.journal import inotify
from tachograph.journal.inotify import Event, Inotify
from tachograph.journal.segment import (
    LOCK,
    file_size,
    make_private,
    segment_numbers,
    segment_path,
)

#: Seconds between two looks, right after a change and when nothing moves.
POLL_MIN_S = 0.005
POLL_MAX_S = 0.05
_ALIVE_EVERY_S = 1.0
#: Reads of the kernel's queue in one go: whoever writes without end must not hold us.
_GATHER_READS = 16
_NOT_OURS = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP, errno.ENAMETOOLONG)
_ROOT_EVENTS = inotify.CREATE | inotify.MOVED_TO
_PARENT_EVENTS = inotify.CREATE | inotify.MOVED_TO | inotify.DELETE | inotify.MOVED_FROM
_LOG_EVENTS = inotify.MODIFY | inotify.CREATE | inotify.CLOSE_WRITE
Ids = Iterable[str]


class Logs(Protocol):
    """What watching needs of a journal."""

    root: Path

    def sources(self) -> list[str]: ...

    def alive(self, source_id: str) -> bool: ...


async def watch_logs(
    logs: Logs, begin: Callable[[], Inotify] = Inotify
) -> AsyncGenerator[Ids, None]:
    """By inotify; from its first failure on (no inotify, a limit reached) by polling."""
    try:
        async with aclosing(watch_by_inotify(logs, begin)) as changes:
            async for ids in changes:
                yield ids
    except OSError:
        pass
    async with aclosing(watch_by_polling(logs)) as changes:
        async for ids in changes:
            yield ids


async def watch_by_inotify(
    logs: Logs, begin: Callable[[], Inotify] = Inotify
) -> AsyncGenerator[Ids, None]:
    """Raises OSError when a limit is reached; what was not told by then is untold."""
    queue = begin()
    try:
        watches = _Watches(logs, queue)
        watches.renew()
        yield ()
        while True:
            yield await watches.moved()
    finally:
        queue.close()


class _Watches:
    """Which watch stands for which log. The dead have none: they never grow."""

    def __init__(self, logs: Logs, queue: Inotify) -> None:
        self._logs = logs
        self._queue = queue
        self._root = str(logs.root)
        self._root_name = logs.root.name
        self._root_watch = self._parent_watch = -1
        self._ids: dict[int, str] = {}
        self._told: set[str] = set()
        self._missed = False

    async def moved(self) -> Ids:
        """Ids of logs that moved, at once when there are any; () when something may have been
        missed. Raises the OSError of a limit.

        While nobody asks, the kernel keeps the news: who reads many logs is woken once for all
        of them, not for each write.
        """
        while not self._told and not self._missed:
            if not self._gather():
                await _readable(self._queue.fd)
        ids, self._told = self._told, set()
        if self._missed:
            self._missed = False
            self.renew()
            return ()
        return ids

    def _gather(self) -> bool:
        """Take in what the kernel has now; False: nothing."""
        for count in range(_GATHER_READS):
            events = self._queue.events()
            if not events:
                return count > 0
            for event in events:
                self._take(event)
        return True

    def renew(self) -> None:
        """Watch the root and every living log; adding one twice changes nothing."""
        make_private(self._root)
        # A deleted directory doesn't tell of its end while a writer has a file of it open.
        # The one above it does.
        self._parent_watch = self._add(os.path.dirname(self._root), _PARENT_EVENTS)
        self._root_watch = self._queue.add(self._root, _ROOT_EVENTS)
        for source_id in self._logs.sources():
            if self._logs.alive(source_id):
                self._add_log(source_id)

    def _take(self, event: Event) -> None:
        watch, mask, name = event
        if watch in self._ids:
            self._told.add(self._ids[watch])
            if mask != inotify.MODIFY:
                self._settle(watch, mask, name)
        elif watch == self._root_watch and mask & inotify.IS_DIRECTORY:
            if not name.startswith("."):
                self._add_log(name)
                self._told.add(name)
        else:
            root_moved = watch == self._parent_watch and name == self._root_name
            self._missed |= root_moved or bool(mask & inotify.OVERFLOW)

    def _settle(self, watch: int, mask: int, name: str) -> None:
        if mask & inotify.IGNORED:
            del self._ids[watch]
        elif mask & inotify.CLOSE_WRITE and name == LOCK and not self._logs.alive(self._ids[watch]):
            self._queue.remove(watch)

    def _add_log(self, source_id: str) -> None:
        watch = self._add(os.path.join(self._root, source_id), _LOG_EVENTS)
        if watch >= 0:
            self._ids[watch] = source_id

    def _add(self, directory: str, mask: int) -> int:
        """The watch; -1 for what is gone or somebody else's."""
        try:
            return self._queue.add(directory, mask)
        except OSError as error:
            if error.errno in _NOT_OURS:
                return -1
            raise


async def _readable(fd: int) -> None:
    """Wait until there is something to read."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(fd, wake)
    try:
        await ready
    finally:
        loop.remove_reader(fd)


async def watch_by_polling(logs: Logs) -> AsyncGenerator[Ids, None]:
    """Look at the sizes of all living logs, the oftener the more they move."""
    sizes = _Sizes(logs)
    sizes.changed(0.0)
    yield ()
    loop = asyncio.get_running_loop()
    pause = POLL_MIN_S
    while True:
        await asyncio.sleep(pause)
        if ids := sizes.changed(loop.time()):
            pause = POLL_MIN_S
            yield ids
        else:
            pause = min(pause * 1.5, POLL_MAX_S)


class _Sizes:
    """Newest segment and its size, of each log that may still grow."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._root = str(logs.root)
        self._seen: dict[str, tuple[int, int]] = {}
        self._dead: set[str] = set()
        self._asked_at = 0.0

    def changed(self, now: float) -> set[str]:
        """Ids of the logs that differ from the last look, or whose writer is gone."""
        names = set(self._logs.sources())
        self._dead &= names
        sizes = {name: self._size(name) for name in names - self._dead}
        ids = {name for name, size in sizes.items() if self._seen.get(name) != size}
        self._seen = sizes
        if now - self._asked_at >= _ALIVE_EVERY_S:
            self._asked_at = now
            gone = {name for name in sizes.keys() - ids if not self._logs.alive(name)}
            self._dead |= gone
            ids |= gone
        return ids

    def _size(self, source_id: str) -> tuple[int, int]:
        directory = os.path.join(self._root, source_id)
        try:
            numbers = segment_numbers(directory)
        except OSError:
            numbers = []
        return (numbers[-1], file_size(segment_path(directory, numbers[-1]))) if numbers else (0, 0)
