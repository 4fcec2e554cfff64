"""The journal over files: cost of an append, frames per second, time from append to seen.

The peer in the same run is SQLite in WAL mode: one table, one transaction per append, and a
reader that polls for new rows every millisecond. Producers are processes of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
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
#: Append this frame, whose number is told.
Append = Callable[[int, bytes], None]
#: Which frames of which sources have come.
Arrivals = AsyncGenerator[list[tuple[str, int]], None]

PRODUCERS = 20
RATE_HZ = 50
CHUNK = 2000
SQLITE_POLL_S = 0.001
_fork = multiprocessing.get_context("fork")


def run(seconds: float) -> Figures:
    """Every figure, measured for about `seconds` altogether."""
    share = seconds / 6
    figures: Figures = []
    with _scratch() as place:
        figures += append_cost("journal", _file_log(place / "journal", "a"), share)
        figures += append_cost("sqlite", _sqlite_log(place / "a.db", "a"), share)
    with _scratch() as place:
        figures += throughput(place, share)
    with _scratch() as place:
        figures += seen("journal", place, _file_log, _follow_by_inotify, share)
    with _scratch() as place:
        figures += seen("journal polling", place, _file_log, _follow_by_polling, share)
    with _scratch() as place:
        figures += seen("sqlite", place / "all.db", _sqlite_log, _follow_sqlite, share)
    return figures


def frame(seq: int) -> bytes:
    """What a small program records in an interval: two counters and two timers."""
    timers = [TimerTick(n, seq, 0, 0.5, 0.4, 0.001, 0.1, [70, 3, 81, seq]) for n in (3, 4)]
    counters = [CounterTick(1, float(seq)), CounterTick(2, seq * 2.0)]
    return frames.encode(Frame(time.time_ns(), counters=counters, timers=timers), seq)


def checkpoint(seq: int) -> bytes:
    """What opens a segment."""
    source = Source("bench", "bench", "bench", "here", 1, 5)
    return frames.encode(Frame(time.time_ns(), source=source), seq)


def append_cost(name: str, append: Append, seconds: float) -> Figures:
    """Microseconds of one append by a process that does nothing else."""
    costs = []
    end = time.monotonic() + seconds
    seq = 0
    while time.monotonic() < end:
        seq += 1
        data = frame(seq)
        began = time.perf_counter_ns()
        append(seq, data)
        costs.append(time.perf_counter_ns() - began)
    return _quantiles(f"{name} append", costs)


def throughput(place: Path, seconds: float) -> Figures:
    """Frames per second of CPU time, the kernel's included: appended one by one, read again,
    and read and decoded, by one follower."""
    append = _file_log(place, "a")
    end = time.monotonic() + seconds / 2
    count, spent = 0, 0.0
    while time.monotonic() < end:
        encoded = [(count + n, frame(count + n)) for n in range(1, CHUNK + 1)]
        began = time.process_time()
        for seq, data in encoded:
            append(seq, data)
        spent += time.process_time() - began
        count += CHUNK
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
    begin: Callable[[Path, str], Append],
    follow: Callable[[Path], Arrivals],
    seconds: float,
) -> Figures:
    """Microseconds from calling append to the follower's having the frame, with 20 producers
    that each append 50 times a second; and how many frames it never got."""
    count = max(1, int(seconds * RATE_HZ))
    begin(place, "warm")(1, checkpoint(1))
    ready, results = _fork.Barrier(PRODUCERS + 1), _fork.Queue()
    producers = [
        _fork.Process(target=_produce, args=(begin, place, n, count, ready, results), daemon=True)
        for n in range(PRODUCERS)
    ]
    for producer in producers:
        producer.start()
    arrived = asyncio.run(_collect(follow(place), PRODUCERS * count, ready, seconds + 10))
    began = dict(pair for _ in producers for pair in results.get())
    for producer in producers:
        producer.join()
    delays = [at - began[key] for key, at in arrived.items()]
    lost = len(began) - len(delays)
    return [*_quantiles(f"{name} append to seen", delays), (f"{name} frames lost", lost, "")]


def _produce(begin: Any, place: Path, number: int, count: int, ready: Any, results: Any) -> None:
    name = f"producer-{number}"
    append = begin(place, name)
    append(1, checkpoint(1))
    ready.wait()
    start = time.monotonic() + number / PRODUCERS / RATE_HZ
    began = []
    for turn in range(count):
        time.sleep(max(0.0, start + turn / RATE_HZ - time.monotonic()))
        data = frame(turn + 2)
        began.append(((name, turn + 2), time.monotonic_ns()))
        append(turn + 2, data)
    results.put(began)


async def _collect(
    arrivals: Arrivals, wanted: int, ready: Any, patience_s: float
) -> dict[tuple[str, int], int]:
    """When each frame was there; those of the warm-up, the first ones, aside."""
    arrived: dict[tuple[str, int], int] = {}
    await asyncio.to_thread(ready.wait)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience_s), aclosing(arrivals):
            async for keys in arrivals:
                now = time.monotonic_ns()
                arrived |= {key: now for key in keys if key[1] > 1}
                if len(arrived) >= wanted:
                    break
    return arrived


async def _follow_by_inotify(place: Path) -> Arrivals:
    journal = FileJournal(place)
    async for keys in _follow(journal, watch_by_inotify(journal)):
        yield keys


async def _follow_by_polling(place: Path) -> Arrivals:
    journal = FileJournal(place)
    async for keys in _follow(journal, watch_by_polling(journal)):
        yield keys


async def _follow(journal: FileJournal, changes: AsyncGenerator[Iterable[str], None]) -> Arrivals:
    positions: dict[str, Position] = {}
    async for ids in changes:
        for source_id in ids or journal.sources():
            batch = journal.read(source_id, positions.get(source_id, Position(source_id)))
            positions[source_id] = batch.position
            yield [(source_id, one.seq) for one in batch.frames]


async def _follow_sqlite(place: Path) -> Arrivals:
    connection = _connect(place)
    last = 0
    while True:
        query = "select id, source, seq, data from frames where id > ? order by id"
        if rows := connection.execute(query, (last,)).fetchall():
            last = rows[-1][0]
            yield [(source, seq) for _, source, seq, _ in rows]
        else:
            await asyncio.sleep(SQLITE_POLL_S)


def _file_log(place: Path, source_id: str) -> Append:
    writer = FileJournal(place).open(source_id)

    def append(seq: int, data: bytes) -> None:
        writer.append(checkpoint(seq) if writer.needs_checkpoint else data)

    return append


def _sqlite_log(place: Path, source_id: str) -> Append:
    connection = _connect(place)

    def append(seq: int, data: bytes) -> None:
        row = (source_id, seq, data)
        connection.execute("insert into frames (source, seq, data) values (?, ?, ?)", row)

    return append


def _connect(place: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(place, timeout=30, isolation_level=None)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = normal")
    connection.execute(
        "create table if not exists frames"
        " (id integer primary key, source text, seq integer, data blob)"
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
