"""One message to many WebSocket clients: against a naive Starlette loop and against plain C.

Each contender is a process of its own; this one is all the clients, on raw sockets, so that
reading costs little and the same for all. CPU time is the sender's alone.
"""

from __future__ import annotations

import resource
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import psutil

from benchmarks.measure import Figure, quantile

HERE = Path(__file__).parent
HANDSHAKE = (
    "GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
MARK = b'"at":'
#: Clients, broadcasts a second.
SIZES = ((1_000, 10.0), (5_000, 2.0))


class Load:
    """What one contender took to send, and how late its messages were."""

    def __init__(self, name: str, clients: int) -> None:
        self.name = name
        self.clients = clients
        self.sent = self.delivered = 0
        self.cpu_s = 0.0
        self.memory = 0.0
        self.delays: list[float] = []

    @property
    def cost(self) -> float:
        """CPU microseconds for one message to one client."""
        return 1e6 * self.cpu_s / max(1, self.delivered)


def run(seconds: float, sizes: Sequence[tuple[int, float]] = SIZES) -> list[Figure]:
    """CPU per message, delay and memory, for each number of clients."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="fanout-") as place:
        names = ["naive", "tachograph", *(["c"] if _compiled(Path(place)) else [])]
        for clients, hertz in sizes:
            if clients + 100 > _descriptors():
                continue
            share = seconds / len(sizes) / len(names)
            loads = {name: _measured(name, Path(place), clients, hertz, share) for name in names}
            figures += _figures(loads, clients)
    return figures


def _figures(loads: dict[str, Load], clients: int) -> list[Figure]:
    naive, ours, limit = loads["naive"], loads["tachograph"], loads.get("c")
    title = f"{clients:,} clients"
    rows = [
        Figure(f"{title}: naive loop", naive.cost, "us a message"),
        Figure(
            f"{title}: tachograph",
            ours.cost,
            "us a message",
            naive.cost / ours.cost,
            "cheaper than naive",
            target=">= 3 x",
            note=f"{100 * ours.delivered / max(1, ours.sent):.1f} % delivered",
        ),
    ]
    if limit is not None:
        rows.append(
            Figure(
                f"{title}: plain C",
                limit.cost,
                "us a message",
                limit.cost / ours.cost,
                "of its speed reached",
                target=">= 0.55 x",
            )
        )
    p99 = {name: 1000 * quantile(load.delays, 0.99) for name, load in loads.items()}
    rows.append(
        Figure(
            f"{title}: p99 of a broadcast",
            p99["tachograph"],
            "ms",
            p99["tachograph"] / p99["naive"],
            f"naive's {p99['naive']:.0f} ms",
            target="<= 0.25 x",
            note=f"plain C {p99['c']:.1f} ms" if "c" in p99 else "no C compiler here",
        )
    )
    rows.append(
        Figure(
            f"{title}: memory a client",
            ours.memory / 1024,
            "KiB",
            ours.memory / naive.memory,
            f"naive's {naive.memory / 1024:.1f} KiB",
            target="<= 15 KiB",
        )
    )
    return rows


def _descriptors() -> int:
    """How many files this process and its children may have open."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _compiled(place: Path) -> bool:
    compiler = shutil.which("cc")
    if compiler is None:
        return False
    source = str(HERE / "fanout_limit.c")
    subprocess.run([compiler, "-O2", "-o", str(place / "limit"), source], check=True)
    return True


@contextmanager
def _started(name: str, place: Path, clients: int) -> Iterator[subprocess.Popen[str]]:
    program = [sys.executable, "-m", "benchmarks.fanout_servers", name]
    command = [str(place / "limit")] if name == "c" else program
    pipe = subprocess.PIPE
    process = subprocess.Popen([*command, str(clients)], stdin=pipe, stdout=pipe, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def _measured(name: str, place: Path, clients: int, hertz: float, seconds: float) -> Load:
    load, rounds = Load(name, clients), max(5, int(hertz * seconds))
    with ExitStack() as stack:
        process = stack.enter_context(_started(name, place, clients))
        out, told = _pipes(process)
        port, empty = int(out.readline()), psutil.Process(process.pid).memory_info().rss
        selector = stack.enter_context(selectors.EpollSelector())
        for _ in range(clients):
            selector.register(_client(stack, port, name), selectors.EVENT_READ)
        assert out.readline() == "ready\n"
        load.memory = (psutil.Process(process.pid).memory_info().rss - empty) / clients
        selector.register(out, selectors.EVENT_READ)
        _read(selector, Load(name, clients), out, 0.5)
        told.write(f"{hertz} {rounds}\n")
        told.flush()
        load.sent = rounds * clients
        load.cpu_s = _read(selector, load, out, seconds + 30)
    return load


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    assert process.stdout is not None
    assert process.stdin is not None
    return process.stdout, process.stdin


def _client(stack: ExitStack, port: int, name: str) -> socket.socket:
    client = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
    if name != "c":
        client.sendall(HANDSHAKE.format(port=port).encode())
    return client


def _read(selector: selectors.EpollSelector, load: Load, out: IO[str], patience_s: float) -> float:
    """Take everything until the sender says what it cost; that figure."""
    cpu_s, until = 0.0, time.monotonic() + patience_s
    while time.monotonic() < until:
        for key, _ in selector.select(0.2):
            if key.fileobj is out:
                # What is still on its way has a moment to come.
                cpu_s, until = float(out.readline()), time.monotonic() + 0.5
                continue
            data = key.fileobj.recv(65536)  # type: ignore[union-attr]
            now = time.time()
            start = 0
            while (start := data.find(MARK, start)) >= 0:
                start += len(MARK)
                load.delivered += 1
                load.delays.append(now - float(data[start : start + 17].split(b",")[0]))
    return cpu_s
