"""A server with a lot to do: many series, many sources, many viewers, a long backlog.

CPU is the server's process, as a share of one core, between two looks at it. Sources are
writers of real logs in processes of their own; viewers are WebSocket clients in this one.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.dashboard import Dashboard, dashboard, ended, environment
from benchmarks.latency import QUIET_S, seen
from benchmarks.measure import Figure, quantile
from tachograph import frames
from tachograph.core.live import Live
from tachograph.journal.file import FileJournal
from tachograph.model import Frame, Source
from tachograph.sdk.accumulate import Accumulator
from tachograph.sdk.ids import new_id
from tachograph.server.ingest import Ingest

SERIES = 10_000
SOURCES = 200
FRAMES_HZ = 50
VIEWERS = 1_000
BACKLOG_FRAMES = 200_000
BACKLOG_SOURCES = 20
#: A program that only lives, and one whose topic moves by about 20 KB, 20 times a second.
CALM = "import sys, tachograph as tacho; tacho.configure(service='calm'); sys.stdin.read()"
BULKY = """
import time, tachograph as tacho
while True:
    tacho.publish("bulk", {str(n): f"{time.time_ns():0100d}" for n in range(200)})
    time.sleep(0.05)
"""
_spawn = multiprocessing.get_context("spawn")


def run(
    seconds: float, series: int = SERIES, sources: int = SOURCES, viewers: int = VIEWERS
) -> list[Figure]:
    """All figures. `seconds` is split evenly; to begin and to end takes some more."""
    share = seconds / 5
    _allow_files(4 * viewers + 200)
    backlog = int(min(BACKLOG_FRAMES, 20_000 * share))
    return [
        *_many_series(share, series),
        *_many_sources(share, sources),
        *_many_viewers(share, viewers),
        *_catching_up(backlog),
    ]


def _allow_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


# -- sources -----------------------------------------------------------------


class Writing:
    """A source whose every series changes from frame to frame. What it writes is what a recorder
    would have, at a fraction of the cost, or on few cores the writers would be what is measured."""

    def __init__(self, journal: FileJournal, number: int, series: int) -> None:
        id = f"{new_id()}-{number}"
        self.seq = 0
        self._writer = journal.open(id)
        state = Accumulator(
            Source(id, f"service-{number % 10}", "bench", "here", 1, time.time_ns())
        )
        timers = range(series // 10)
        state.add_timings([(("action", f"step {n}", ()), 1e-3 * (n + 1), "") for n in timers])
        for n in range(series // 5):
            state.set_gauge(("gauge", f"gauge {n}", "", (), "sum"), 0.0)
        rest = series - len(timers) - series // 5
        state.add_counts([(("counter", f"counter {n}", "", (), "sum"), 1.0) for n in range(rest)])
        self._whole = state.checkpoint(0)
        self._plain = Frame(
            0,
            counters=self._whole.counters,
            gauges=self._whole.gauges,
            timers=self._whole.timers,
        )

    def write(self, at_ns: int) -> int:
        """Append the next frame; how many bytes it has."""
        self.seq += 1
        frame = self._whole if self._writer.needs_checkpoint else self._plain
        frame.at_ns = at_ns
        for counter in frame.counters:
            counter.value = float(self.seq)
        for gauge in frame.gauges:
            gauge.value = float(self.seq)
        for timer in frame.timers:
            timer.count = timer.buckets[1] = self.seq
            timer.sum_s = timer.self_s = timer.max_s * self.seq
        data = frames.encode(frame, self.seq)
        self._writer.append(data)
        return len(data)


def _write(
    home: Path, count: int, series: int, hz: float, begin: int, stop: Any, wrote: Any
) -> None:
    journal = FileJournal(home / "journal")
    writings = [Writing(journal, begin + n, series) for n in range(count)]
    due = time.monotonic()
    while not stop.is_set():
        for writing in writings:
            due += 1 / hz / count
            if due > time.monotonic() + 0.001:
                time.sleep(due - time.monotonic())
            writing.write(time.time_ns())
    with wrote.get_lock():
        wrote.value += sum(writing.seq for writing in writings)


@contextmanager
def _sources(
    home: Path, count: int, series: int, hz: float, processes: int = 1
) -> Iterator[Callable[[], int]]:
    """So many sources that write, until the end of the block, or until the function that it gives
    is called, which ends them and says how many frames they wrote."""
    stop, wrote, each = _spawn.Event(), _spawn.Value("q", 0), -(-count // processes)
    running = [
        _spawn.Process(
            target=_write,
            args=(home, min(each, count - begin), series, hz, begin, stop, wrote),
            daemon=True,
        )
        for begin in range(0, count, each)
    ]
    for process in running:
        process.start()

    def end() -> int:
        stop.set()
        for process in running:
            process.join()
        return int(wrote.value)

    try:
        yield end
    finally:
        end()


@contextmanager
def _program(home: Path, code: str) -> Iterator[None]:
    program = subprocess.Popen(
        [sys.executable, "-c", code], env=environment(home), stdin=subprocess.PIPE, text=True
    )
    try:
        yield
    finally:
        ended(program)


# -- the server --------------------------------------------------------------


def _many_series(seconds: float, series: int) -> list[Figure]:
    with dashboard() as server:
        started = server.usage()
        time.sleep(seconds / 2)
        empty = server.usage()
        with _sources(server.home, 1, series, 1.0):
            asyncio.run(_until(server, sources=1, frames=3))
            before = server.usage()
            time.sleep(seconds)
            after = server.usage()
    grown = after.rss_bytes - empty.rss_bytes
    name = f"{series:,} series of one source, each changes once a second"
    return [
        Figure("server with nothing to do: CPU", empty.share(started), "% of a core"),
        Figure("server with nothing to do: memory", empty.rss_bytes / 2**20, "MiB"),
        Figure(f"{name}: CPU", after.share(before), "% of a core"),
        Figure(f"{name}: memory", grown / 2**20, "MiB", note="more than empty"),
        Figure(f"{name}: a series", grown / series, "B"),
    ]


def _many_sources(seconds: float, sources: int) -> list[Figure]:
    with (
        dashboard() as server,
        _sources(server.home, sources, 20, FRAMES_HZ, max(1, sources // 100)) as end,
    ):
        first = asyncio.run(_until(server, sources=sources, frames=3 * sources))
        begin, before = time.monotonic(), server.usage()
        delays = _delays(server, seconds)
        after = server.usage()
        now = asyncio.run(_until(server))
        rate = (now["received"] - first["received"]) / (time.monotonic() - begin)
        wrote = end()
        # The program that was timed wrote as well; what is asked for is that none is missing.
        last = asyncio.run(_until(server, frames=wrote))
    name = f"{sources} sources, {FRAMES_HZ} frames a second each"
    return [
        Figure(f"{name}: CPU", after.share(before), "% of a core", target="< 60 %"),
        Figure(f"{name}: memory", after.rss_bytes / 2**20, "MiB"),
        Figure(f"{name}: frames read", rate, "1/s", note=f"{wrote:,} written"),
        Figure(f"{name}: lost", last["lost"], "frames", target="0"),
        *_to_a_client(name, delays),
    ]


def _delays(server: Dashboard, seconds: float) -> list[float]:
    """How long publishes of another program take, in ms; none where a machine is too slow."""
    try:
        return asyncio.run(seen(server, "quiet", seconds, QUIET_S)).delays
    except TimeoutError:
        return []


def _to_a_client(name: str, delays: list[float]) -> list[Figure]:
    if not delays:
        return [Figure(f"{name}: to a client", 0, "publishes", note="in time: too slow a machine")]
    note = f"of {len(delays)} publishes of another program"
    return [
        Figure(f"{name}: to a client, p50", quantile(delays, 0.5), "ms"),
        Figure(
            f"{name}: to a client, p99",
            quantile(delays, 0.99),
            "ms",
            target="<= 60 ms",
            note=note,
        ),
    ]


async def _until(server: Dashboard, sources: int = 0, frames: int = 0) -> dict[str, Any]:
    """`sources` as the server shows it, once it shows at least so much."""
    value: dict[str, Any] = {}
    async with asyncio.timeout(60):
        while True:
            async with connect(server.live("sources", 1), max_size=None) as client:
                await client.recv()
                value = msgspec.json.decode(await client.recv())["value"]
            if value["total"] >= sources and value["received"] >= frames:
                return value
            await asyncio.sleep(0.2)


# -- viewers -----------------------------------------------------------------


class Viewing:
    """What each viewer got since the start: positions of the deltas of `system`."""

    def __init__(self, viewers: int) -> None:
        self.got: list[set[str]] = [set() for _ in range(viewers)]

    async def read(self, number: int, client: ClientConnection) -> None:
        """Until the connection ends."""
        got = self.got[number]
        async for message in client:
            received = msgspec.json.decode(message)
            if received["type"] == "delta":
                got.add(received["pos"])

    def restart(self) -> None:
        """Forget what came until now."""
        for got in self.got:
            got.clear()

    def share(self) -> tuple[float, int]:
        """Frames delivered of those that anybody got, and how many there were."""
        sent = set().union(*self.got)
        return sum(map(len, self.got)) / max(1, len(sent) * len(self.got)), len(sent)


def _many_viewers(seconds: float, viewers: int) -> list[Figure]:
    with dashboard() as server, _program(server.home, CALM):
        return asyncio.run(_view(server, seconds, viewers))


async def _view(server: Dashboard, seconds: float, viewers: int) -> list[Figure]:
    await _until(server, sources=1, frames=2)
    name, empty = f"{viewers:,} viewers at 1 Hz", server.usage().rss_bytes
    viewing, address = Viewing(viewers), server.live("system", 1)
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        readers = []
        began = time.monotonic()
        for number in range(viewers):
            client = await stack.enter_async_context(
                connect(address, compression=None, ping_interval=None, open_timeout=60)
            )
            readers.append(tasks.create_task(viewing.read(number, client)))
        joined = time.monotonic() - began
        calm, cpu = await _watched(server, viewing, seconds)
        memory = (server.usage().rss_bytes - empty) / viewers / 1024
        stalled, held = await _with_a_stalled_one(server, viewing, seconds)
        for reader in readers:
            reader.cancel()
    return [
        Figure(f"{name}: CPU", cpu, "% of a core"),
        Figure(f"{name}: memory", memory, "KiB a viewer", target="<= 15 KiB"),
        Figure(f"{name}: delivered", 100 * calm[0], "%", target="100 %", note=f"{calm[1]} frames"),
        Figure(f"{name}: joined one by one", viewers / joined, "1/s"),
        Figure(
            "one never reads: the others' share",
            100 * stalled[0],
            "%",
            target=">= 90 %",
            note=f"{stalled[1]} frames",
        ),
        Figure(
            "one never reads: the server's memory grew",
            held / 1024,
            "KiB",
            note="more than in the same time before",
        ),
    ]


async def _watched(
    server: Dashboard, viewing: Viewing, seconds: float
) -> tuple[tuple[float, int], float]:
    """What was delivered, of whole ticks only, and the server's CPU."""
    await _between_ticks()
    viewing.restart()
    before = server.usage()
    await asyncio.sleep(max(1.0, round(seconds)))
    after = server.usage()
    return viewing.share(), after.share(before)


async def _between_ticks() -> None:
    await asyncio.sleep((1.7 - time.time() % 1) % 1)


async def _with_a_stalled_one(
    server: Dashboard, viewing: Viewing, seconds: float
) -> tuple[tuple[float, int], int]:
    """The same with one viewer that asks for a lot and takes nothing."""
    host, port = server.url.removeprefix("http://").rstrip("/").rsplit(":", 1)
    family = socket.AF_INET6 if "[" in host else socket.AF_INET
    async with AsyncExitStack() as stack:
        stack.enter_context(_program(server.home, BULKY))
        # One that reads: what the topic takes by itself is no burden of the other.
        address = server.live("bulk", 60)
        reading = await stack.enter_async_context(connect(address, max_size=None))
        reader = asyncio.create_task(_swallow(reading))
        stack.callback(reader.cancel)
        await asyncio.sleep(2.0)
        at_first = server.usage().rss_bytes
        await asyncio.sleep(max(1.0, round(seconds)))
        stalled = stack.enter_context(socket.socket(family))
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stalled.connect((host.strip("[]"), int(port)))
        before = server.usage().rss_bytes
        stalled.sendall(
            b"GET /ws?topics=system,bulk&rate=60 HTTP/1.1\r\n"
            b"Host: " + f"{host}:{port}".encode() + b"\r\n"
            b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        share, _ = await _watched(server, viewing, seconds)
        return share, max(0, (server.usage().rss_bytes - before) - (before - at_first))


async def _swallow(client: ClientConnection) -> None:
    async for _ in client:
        pass


# -- a long backlog ----------------------------------------------------------


def _catching_up(count: int) -> list[Figure]:
    """Frames a second of CPU time, from logs that were written while no server ran."""
    with TemporaryDirectory(prefix="backlog-") as place:
        journal = FileJournal(Path(place))
        writings = [Writing(journal, n, 20) for n in range(BACKLOG_SOURCES)]
        rounds = max(1, count // BACKLOG_SOURCES)
        now = time.time_ns()
        size = 0
        for turn in range(rounds):
            at_ns = now - (rounds - turn) * 100_000_000
            size += sum(writing.write(at_ns) for writing in writings)
        ingest = Ingest(journal, Live(), lambda *_: None)
        ingest.mark(())
        begin, cpu = time.perf_counter(), time.process_time()
        turns = []
        more = True
        while more:
            turn_began = time.perf_counter()
            more = ingest.pump(time.time_ns())
            turns.append(time.perf_counter() - turn_began)
        took, spent = time.perf_counter() - begin, time.process_time() - cpu
    name = "catching up with a backlog"
    return [
        Figure(f"{name}", ingest.frames / spent, "frames/s", note=f"{ingest.frames:,}, CPU time"),
        Figure(f"{name}, bytes", size / spent / 2**20, "MiB/s"),
        Figure(f"{name}, by the clock", ingest.frames / took, "frames/s"),
        Figure(
            f"{name}, one turn",
            1000 * median(turns),
            "ms",
            note=f"the loop is held so long; longest {1000 * max(turns):.0f} ms",
        ),
    ]
