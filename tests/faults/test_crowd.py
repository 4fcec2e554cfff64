"""Many clients at once: who reads slowly, comes, goes or returns costs the others nothing."""

from __future__ import annotations

import resource
import selectors
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from tachograph.client import Update, follow
from tachograph.core.patch import apply
from tests.programs import eventually
from tests.server.serving import PATIENCE_S, TOKEN, Serving, serving

CROWD = 1000
SLOW = 100
BIG = "x" * 20_000


@pytest.fixture(autouse=True)
def _many_files() -> None:
    """A crowd needs more open files than many systems give at first."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Raw:
    """A client on a bare socket: it costs little, and reads when it is told to."""

    def __init__(self, served: Serving, topic: str) -> None:
        self.socket = served.raw(f"topics={topic}&rate=60", 8192)
        self.value: dict[str, Any] = {}
        self.snapshots = 0
        self._bytes = b""
        self._upgraded = False

    def read(self) -> None:
        """Take what is there."""
        self._bytes += self.socket.recv(1 << 20)
        if not self._upgraded:
            head, mark, rest = self._bytes.partition(b"\r\n\r\n")
            if not mark:
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self._upgraded, self._bytes = True, rest
        while (size := _frame_size(self._bytes)) and len(self._bytes) >= size[1]:
            self._take(self._bytes[size[0] : size[1]])
            self._bytes = self._bytes[size[1] :]

    def _take(self, payload: bytes) -> None:
        message = msgspec.json.decode(payload)
        if message["type"] == "snapshot":
            self.value, self.snapshots = message["value"], self.snapshots + 1
        elif message["type"] == "delta":
            self.value = apply(self.value, message["value"])


def _frame_size(data: bytes) -> tuple[int, int] | None:
    """Where the payload of the first frame begins and ends, once its head is there."""
    if len(data) < 2:
        return None
    length, start = data[1], 2
    for mark, width in ((126, 2), (127, 8)):
        if data[1] == mark:
            start += width
            if len(data) < start:
                return None
            length = int.from_bytes(data[2:start], "big")
    return start, start + length


@contextmanager
def crowd(served: Serving, topic: str, count: int) -> Iterator[list[Raw]]:
    """So many clients of a topic."""
    with ExitStack() as stack:
        clients = [Raw(served, topic) for _ in range(count)]
        for client in clients:
            stack.callback(client.socket.close)
        assert eventually(lambda: len(served.follower.hub.members) >= count)
        yield clients


def read_until(clients: list[Raw], n: int) -> None:
    """Let these clients read until each holds that value."""
    with selectors.DefaultSelector() as selector:
        waiting = {id(client) for client in clients if client.value.get("n") != n}
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
        deadline = time.monotonic() + PATIENCE_S
        while waiting:
            assert time.monotonic() < deadline, f"{len(waiting)} never got {n}"
            for key, _ in selector.select(1.0):
                key.data.read()
                if key.data.value.get("n") == n:
                    waiting.discard(id(key.data))


def test_a_tenth_of_a_thousand_reads_slowly(home: Path) -> None:
    """The others get every change while a hundred read nothing; each of the slow ones keeps a
    bounded number of bytes waiting, and ends with the value when it reads at last."""
    with serving(home) as served, crowd(served, "slow", CROWD) as clients:
        slow, quick = clients[:SLOW], clients[SLOW:]
        largest = 0
        for n in range(1, 21):
            served.publish("slow", {"n": n, "text": f"{n}{BIG}"})
            read_until(quick, n)
            waiting = [outbox.line.waiting_bytes for outbox in list(served.follower.hub.members)]
            largest = max(largest, *waiting)
        assert {client.snapshots for client in quick} == {1}
        assert largest <= 64 * 1024 + len(BIG) + 500
        status = served.http.get("/api/performance/websocket/status").json()
        assert status["lagging"] == SLOW
        assert status["dropped"] >= SLOW
        read_until(slow, 20)
        assert {client.value["text"] for client in clients} == {f"20{BIG}"}


def test_clients_come_and_go_while_something_is_sent(home: Path) -> None:
    """Nobody who stays misses a change, and who comes in between ends with the value."""
    with serving(home) as served, crowd(served, "come", 50) as staying:
        stop = threading.Event()
        guests: list[Raw] = []

        def visit() -> None:
            while not stop.is_set():
                guests.append(Raw(served, "come"))
                if len(guests) > 20:
                    guests.pop(0).socket.close()

        visitor = threading.Thread(target=visit)
        visitor.start()
        try:
            for n in range(1, 101):
                served.publish("come", {"n": n})
                read_until(staying, n)
        finally:
            stop.set()
            visitor.join()
        assert {client.snapshots for client in staying} == {1}
        read_until(guests, 100)
        for guest in guests:
            guest.socket.close()
        assert eventually(lambda: len(served.follower.hub.members) == 50)


@pytest.mark.anyio
async def test_a_server_restarts_under_its_clients(home: Path) -> None:
    """Each of many clients comes back by itself and ends with what was published before and after
    the restart; none is told to stay away, and none asks again without a pause."""
    pauses: list[float] = []
    ends: list[Update] = []

    async def client(url: str) -> None:
        updates = follow(
            "own", url=url, token=TOKEN, lost=lambda why, wait_s: pauses.append(wait_s)
        )
        async for update in updates:
            if update.value.keys() >= {"before", "after"}:
                ends.append(update)
                return

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            started = serving(home)
            served = await anyio.to_thread.run_sync(started.__enter__)
            port = served.port
            served.publish("own", {"before": 1})
            for _ in range(200):
                tasks.start_soon(client, f"http://127.0.0.1:{port}")
            members = served.follower.hub.members
            assert await anyio.to_thread.run_sync(eventually, lambda: len(members) == 200)
            await anyio.to_thread.run_sync(started.__exit__, None, None, None)
            again = serving(home, port=port)
            served = await anyio.to_thread.run_sync(again.__enter__)
            await anyio.to_thread.run_sync(served.publish, "own", {"after": 2})
    await anyio.to_thread.run_sync(again.__exit__, None, None, None)
    assert len(ends) == 200
    assert len(pauses) >= 200
    # A herd would come back at one moment: no two of them wait equally long.
    assert len(set(pauses)) > 100
