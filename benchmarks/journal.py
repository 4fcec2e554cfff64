"""The journal over files: cost of an append, frames per second, time from append to seen.

The peer in the same run is SQLite in WAL mode: one table, one transaction per append, and a
reader that polls for new rows every millisecond. Producers are processes of their own.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sqlite3
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

from tachograph import frames
from tachograph.journal.file import FileJournal
from tachograph.journal.watch import watch_by_inotify, watch_by_polling
from tachograph.model import CounterTick, Frame, Position, Source, TimerTick

Figures = list[tuple[str, float, str]]
Append = Callable[[int, int], None]

PRODUCERS = 20
RATE_HZ = 50
CHUNK = 2000
SQLITE_POLL_S = 0.001
_fork = multiprocessing.get_context("fork")


def run(seconds: float) -> Figures:
    """Every figure, measured for about `seconds` altogether."""
    share = seconds / 7
    figures: Figures = []
    with _scratch() as place:
        figures += append_cost("journal", _file_appender(place / "journal", "a"), share)
        figures += append_cost("sqlite", _sqlite_appender(place / "a.db", "a"), share)
    with _scratch() as place:
        figures += throughput(place, share)
    with _scratch() as place:
        figures += seen("journal", place, _file_appender, _follow_by_inotify, share)
    with _scratch() as place:
        figures += seen("journal polling", place, _file_appender, _follow_by_polling, share)
    with _scratch() as place:
        figures += seen("sqlite", place / "all.db", _sqlite_appender, _follow_sqlite, share)
    return figures


def frame(seq: int, at_ns: int) -> bytes:
    """What a small program records in an interval: two counters and two timers."""
    timers = [TimerTick(n, seq, 0, 0.5, 0.4, 0.001, 0.1, [70, 3, 81, seq]) for n in (3, 4)]
    counters = [CounterTick(1, float(seq)), CounterTick(2, seq * 2.0)]
    return frames.encode(Frame(at_ns, counters=counters, timers=timers), seq)


def checkpoint(seq: int, at_ns: int) -> bytes:
    """What opens a segment."""
    source = Source("bench", "bench", "bench", "here", 1, at_ns)
    return frames.encode(Frame(at_ns, source=source), seq)


def append_cost(name: str, append: Append, seconds: float) -> Figures:
    """Microseconds of one append, encoding included, by one process that does nothing else."""
    costs = []
    end = time.monotonic() + seconds
    seq = 0
    while time.monotonic() < end:
        seq += 1
        began = time.perf_counter_ns()
        append(seq, began)
        costs.append(time.perf_counter_ns() - began)
    return _quantiles(f"{name} append", costs)


def throughput(place: Path, seconds: float) -> Figures:
    """Frames per second of CPU time, the kernel's included: appended one by one, read again,
    and read and decoded, by one follower."""
    writer = FileJournal(place).open("a")
    end = time.monotonic() + seconds / 2
    count, spent = 0, 0.0
    while time.monotonic() < end:
        encoded = [frame(count + 1 + n, 0) for n in range(CHUNK)]
        began = time.process_time()
        for data in encoded:
            count += 1
            writer.append(checkpoint(count, 0) if writer.needs_checkpoint else data)
        spent += time.process_time() - began
    figures = [("journal frames written", count / spent, "1/s")]
    for name, use in (("read", lambda one: one), ("read and decoded", frames.decode)):
        journal, position, read, more = FileJournal(place), Position("a"), 0, True
        began = time.process_time()
        while more:
            batch = journal.read("a", position)
            for one in batch.frames:
                use(one)
            read += len(batch.frames)
            position, more = batch.position, batch.more
        figures.append((f"journal frames {name}", read / (time.process_time() - began), "1/s"))
    return figures


def seen(
    name: str,
    place: Path,
    appender: Callable[[Path, str], Append],
    follow: Callable[[Path], AsyncGenerator[list[int], None]],
    seconds: float,
) -> Figures:
    """Microseconds from just before an append to the follower's having the frame, and the
    share of frames that it never got."""
    count = max(1, int(seconds * RATE_HZ))
    appender(place, "warm")(1, time.monotonic_ns())
    ready = _fork.Barrier(PRODUCERS + 1)
    producers = [
        _fork.Process(target=_produce, args=(appender, place, n, count, ready), daemon=True)
        for n in range(PRODUCERS)
    ]
    for producer in producers:
        producer.start()
    delays = asyncio.run(_collect(follow(place), PRODUCERS * count, ready, seconds + 10))
    for producer in producers:
        producer.join()
    lost = PRODUCERS * count - len(delays)
    return [*_quantiles(f"{name} append to seen", delays), (f"{name} frames lost", lost, "")]


def _produce(appender: Any, place: Path, number: int, count: int, ready: Any) -> None:
    append = appender(place, f"producer-{number}")
    append(1, 0)
    ready.wait()
    start = time.monotonic() + number / PRODUCERS / RATE_HZ
    for turn in range(count):
        time.sleep(max(0.0, start + turn / RATE_HZ - time.monotonic()))
        append(turn + 2, time.monotonic_ns())


async def _collect(
    changes: AsyncGenerator[list[int], None], wanted: int, ready: Any, patience_s: float
) -> list[int]:
    """Delays of all frames that carry an instant; the first ones, of the warm-up, carry 0."""
    delays: list[int] = []
    await asyncio.to_thread(ready.wait)
    try:
        async with asyncio.timeout(patience_s), aclosing(changes) as batches:
            async for instants in batches:
                now = time.monotonic_ns()
                delays += [now - instant for instant in instants if instant]
                if len(delays) >= wanted:
                    break
    except TimeoutError:
        pass
    return delays


async def _follow_by_inotify(place: Path) -> AsyncGenerator[list[int], None]:
    journal = FileJournal(place)
    async for instants in _follow(journal, watch_by_inotify(journal)):
        yield instants


async def _follow_by_polling(place: Path) -> AsyncGenerator[list[int], None]:
    journal = FileJournal(place)
    async for instants in _follow(journal, watch_by_polling(journal)):
        yield instants


async def _follow(
    journal: FileJournal, changes: AsyncGenerator[Iterable[str], None]
) -> AsyncGenerator[list[int], None]:
    positions: dict[str, Position] = {}
    async for ids in changes:
        for source_id in ids or journal.sources():
            batch = journal.read(source_id, positions.get(source_id, Position(source_id)))
            positions[source_id] = batch.position
            if source_id != "warm":
                yield [frames.decode(one).at_ns for one in batch.frames]


async def _follow_sqlite(place: Path) -> AsyncGenerator[list[int], None]:
    connection = _connect(place)
    last = 0
    while True:
        query = "select id, data from frames where id > ? and source != 'warm' order by id"
        if rows := connection.execute(query, (last,)).fetchall():
            last = rows[-1][0]
            encoded = [frames.scan(data).frames[0] for _, data in rows]
            yield [frames.decode(one).at_ns for one in encoded]
        else:
            await asyncio.sleep(SQLITE_POLL_S)


def _file_appender(place: Path, source_id: str) -> Append:
    writer = FileJournal(place).open(source_id)

    def append(seq: int, at_ns: int) -> None:
        writer.append((checkpoint if writer.needs_checkpoint else frame)(seq, at_ns))

    return append


def _sqlite_appender(place: Path, source_id: str) -> Append:
    connection = _connect(place)

    def append(seq: int, at_ns: int) -> None:
        data = frame(seq, at_ns)
        connection.execute("insert into frames (source, data) values (?, ?)", (source_id, data))

    return append


def _connect(place: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(place, timeout=30, isolation_level=None)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = normal")
    connection.execute(
        "create table if not exists frames (id integer primary key, source text, data blob)"
    )
    return connection


def _quantiles(name: str, costs_ns: list[int]) -> Figures:
    ordered = sorted(costs_ns)
    return [
        (f"{name} p{percent}", ordered[len(ordered) * percent // 100] / 1000, "us")
        for percent in (50, 99)
        if ordered
    ]


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="journal-") as name:
        yield Path(name)


if __name__ == "__main__":
    for figure, value, unit in run(21):
        print(f"{figure:40} {value:12.1f} {unit}")
