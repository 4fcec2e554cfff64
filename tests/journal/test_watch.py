"""Watching for growth: by inotify and by looking, and from one to the other."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from pathlib import Path

import anyio
import pytest
import uvloop

from tachograph.journal.file import FileJournal
from tachograph.journal.inotify import Inotify
from tachograph.journal.watch import watch_by_inotify, watch_by_polling, watch_logs
from tests.journal.conformance import told
from tests.journal.logs import SEGMENT_BYTES, append, seqs, start
from tests.journal.programs import running

Watch = Callable[[FileJournal], AsyncGenerator[Iterable[str], None]]
both = pytest.mark.parametrize("watch", [watch_by_inotify, watch_by_polling])


async def told_exactly(changes: AsyncGenerator[Iterable[str], None], source_id: str) -> None:
    """Wait until this very id is named; "look at all of them" isn't enough."""
    with anyio.fail_after(20):
        while source_id not in await anext(changes):
            pass


async def next_of(changes: AsyncGenerator[Iterable[str], None]) -> set[str]:
    with anyio.fail_after(20):
        return set(await anext(changes))


@both
@pytest.mark.anyio
async def test_begins_with_everything(tmp_path: Path, watch: Watch) -> None:
    """The first thing told is (): whatever came before the watch stood is to be read then."""
    journal = FileJournal(tmp_path / "not" / "there" / "yet")
    async with aclosing(watch(journal)) as changes:
        assert await next_of(changes) == set()


@both
@pytest.mark.anyio
async def test_names_the_log_that_grew(tmp_path: Path, watch: Watch) -> None:
    """Growth is told by id, over rotation, and a new log's first frame too."""
    journal = FileJournal(tmp_path / "journal", SEGMENT_BYTES)
    writers = {name: journal.open(name) for name in ("a", "b")}
    async with aclosing(watch(journal)) as changes:
        await next_of(changes)
        position = start("a")
        for seq in range(1, 50):
            append(writers["a"], "a", [seq])
            while position.seq < seq:
                assert await next_of(changes) == {"a"}
                position = journal.read("a", position).position
        new = journal.open("new")
        append(new, "new", [1])
        await told_exactly(changes, "new")


@both
@pytest.mark.anyio
async def test_names_the_log_whose_writer_died(tmp_path: Path, watch: Watch) -> None:
    """SIGKILL is told like growth, so a reader learns of the death without asking all the time."""
    journal = FileJournal(tmp_path)
    code = "w = FileJournal(root).open('a'); append(w, 'a', [1]); say('ready'); wait()"
    with running(code, tmp_path) as program:
        assert program.line() == "ready"
        async with aclosing(watch(journal)) as changes:
            await next_of(changes)
            program.kill()
            await told_exactly(changes, "a")
            assert not journal.alive("a")


@both
@pytest.mark.anyio
async def test_survives_the_deletion_of_the_root(tmp_path: Path, watch: Watch) -> None:
    """When everything is deleted under its writers and made anew, the new logs are told."""
    journal = FileJournal(tmp_path / "journal")
    writer = journal.open("a")
    append(writer, "a", [1])
    async with aclosing(watch(journal)) as changes:
        await next_of(changes)
        shutil.rmtree(tmp_path / "journal")
        append(writer, "a", [2, 3])
        writers = {"a": writer, "b": journal.open("b")}
        positions = {name: start(name) for name in writers}
        for seq in range(4, 8):
            for name, one in writers.items():
                append(one, name, [seq])
                while positions[name].seq < seq:
                    await told(changes, name)
                    positions[name] = journal.read(name, positions[name]).position


@both
@pytest.mark.anyio
async def test_what_comes_while_the_reader_is_busy_comes_together(
    tmp_path: Path, watch: Watch
) -> None:
    """A slow reader is told once of all that moved meanwhile."""
    journal = FileJournal(tmp_path)
    writers = {name: journal.open(name) for name in ("a", "b", "c")}
    async with aclosing(watch(journal)) as changes:
        await next_of(changes)
        for seq in range(1, 200):
            for name, writer in writers.items():
                append(writer, name, [seq])
        assert await next_of(changes) == {"a", "b", "c"}


@both
@pytest.mark.anyio
async def test_gives_everything_back(tmp_path: Path, watch: Watch) -> None:
    """A closed watch leaves no descriptor open, and the loop free of it."""
    journal = FileJournal(tmp_path)
    writer = journal.open("a")
    append(writer, "a", [1])
    before = os.listdir("/proc/self/fd")
    for seq in range(2, 5):
        async with aclosing(watch(journal)) as changes:
            await next_of(changes)
            append(writer, "a", [seq])
            await told_exactly(changes, "a")
    async with aclosing(watch(journal)) as changes:
        await next_of(changes)
        with anyio.move_on_after(0.001):
            await anext(changes)
    assert os.listdir("/proc/self/fd") == before


def watched_directories(fd: int) -> int:
    text = Path(f"/proc/self/fdinfo/{fd}").read_text()
    return sum(line.startswith("inotify ") for line in text.splitlines())


@pytest.mark.anyio
async def test_the_dead_are_not_watched(tmp_path: Path) -> None:
    """Watches are a limited good: dead logs have none, and a log that dies gives its own back."""
    journal = FileJournal(tmp_path)
    for n in range(20):
        journal.open(f"dead-{n}").close()
    writer = journal.open("a")
    queue = Inotify()
    async with aclosing(watch_by_inotify(journal, lambda: queue)) as changes:
        await next_of(changes)
        assert watched_directories(queue.fd) == 3
        writer.close()
        await told_exactly(changes, "a")
        assert watched_directories(queue.fd) == 2


@pytest.mark.anyio
async def test_an_overflow_asks_to_look_at_all(tmp_path: Path) -> None:
    """When the kernel's queue was full, nobody knows what was missed, and the watch goes on."""
    journal = FileJournal(tmp_path)
    writers = {name: journal.open(name) for name in ("a", "b")}
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    async with aclosing(watch_by_inotify(journal)) as changes:
        await next_of(changes)
        for seq in range(1, limit // 2 + 10):
            for name, writer in writers.items():
                append(writer, name, [seq])
        late = journal.open("late")
        while await next_of(changes):
            pass
        append(late, "late", [1])
        await told_exactly(changes, "late")


class Limited(Inotify):
    """An inotify of a system that allows so many watches, or none at all."""

    watches = 0
    code = errno.ENOSPC

    def add(self, directory: str, mask: int) -> int:
        if self.watches <= 0:
            raise OSError(self.code, os.strerror(self.code))
        self.watches -= 1
        return super().add(directory, mask)


def no_instance() -> Inotify:
    """What happens at the limit of instances."""
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


@pytest.mark.parametrize("watches", [None, 0, 1, 2, 3, 4])
@pytest.mark.anyio
async def test_limits_lead_to_polling(tmp_path: Path, watches: int | None) -> None:
    """At any limit the watch goes on by looking, and nothing that grew is left untold."""
    journal = FileJournal(tmp_path / "journal")
    first = journal.open("a")
    append(first, "a", [1])

    def limited() -> Inotify:
        if watches is None:
            return no_instance()
        queue = Limited()
        queue.watches = watches
        return queue

    async with aclosing(watch_logs(journal, limited)) as changes:
        await told(changes, "a")
        for name in ("b", "c", "d"):
            writer = journal.open(name)
            position = start(name)
            for seq in range(1, 4):
                append(writer, name, [seq])
                while position.seq < seq:
                    await told(changes, name)
                    position = journal.read(name, position).position


@pytest.mark.anyio
async def test_a_log_of_somebody_else_is_left_out(tmp_path: Path) -> None:
    """A directory that may not be watched ends nothing for the others."""
    journal = FileJournal(tmp_path)
    writer = journal.open("a")

    class Foreign(Inotify):
        def add(self, directory: str, mask: int) -> int:
            if directory.endswith("foreign"):
                raise PermissionError(errno.EACCES, "Permission denied")
            return super().add(directory, mask)

    foreign = journal.open("foreign")
    async with aclosing(watch_by_inotify(journal, Foreign)) as changes:
        await next_of(changes)
        append(writer, "a", [1])
        await told_exactly(changes, "a")
    foreign.close()


def test_on_the_server_s_event_loop(tmp_path: Path) -> None:
    """The watch works on uvloop as on asyncio's own loop."""
    journal = FileJournal(tmp_path)
    writer = journal.open("a")

    async def follow() -> list[int]:
        found: list[int] = []
        async with aclosing(watch_logs(journal)) as changes:
            position = start("a")
            for seq in range(1, 30):
                append(writer, "a", [seq])
                while position.seq < seq:
                    await anext(changes)
                    batch = journal.read("a", position)
                    position = batch.position
                    found += seqs(batch)
        return found

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(asyncio.wait_for(follow(), 20)) == list(range(1, 30))
