"""The contenders of `fanout`: `python -m benchmarks.fanout_servers NAME CLIENTS`.

Each prints its port, "ready" when all clients are there, and for each line "HERTZ COUNT" on its
standard input broadcasts so often and prints the CPU seconds that it took.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tachograph.core.channel import ChannelKey
from tachograph.server.connection import CONNECTION, Connection
from tachograph.server.hub import Hub
from tachograph.server.outbox import Outbox

PAD = "x" * 240
#: A broadcast, given its number.
Broadcast = Callable[[int], Awaitable[None]]


class Naive:
    """What everybody writes first: a set of sockets and a loop over it."""

    protocol = "auto"

    def __init__(self) -> None:
        self.clients: list[WebSocket] = []

    async def endpoint(self, socket: WebSocket) -> None:
        """One client."""
        await socket.accept()
        self.clients.append(socket)
        try:
            while True:
                await socket.receive_text()
        except WebSocketDisconnect:
            self.clients.remove(socket)

    async def broadcast(self, number: int) -> None:
        """To all, one after another."""
        value = {"at": time.time(), "pad": PAD}
        message = {"type": "delta", "topic": "bench", "pos": str(number), "value": value}
        for socket in list(self.clients):
            await socket.send_json(message)


class _Client:
    """Takes what the hub sends."""

    def __init__(self, connection: Connection, hub: Hub, key: ChannelKey) -> None:
        connection.take_over(self)
        self.hub, self.outbox = hub, Outbox(connection)
        self.channel = hub.join(self.outbox, key, None, time.time())

    def received(self, message: str | bytes) -> None:
        """Clients of this benchmark say nothing."""

    def drained(self) -> None:
        """It takes messages again."""
        self.outbox.drained()

    def lost(self) -> None:
        """It is over."""
        self.hub.leave(self.outbox, self.channel)


class Tachograph:
    """The hub that the dashboard has, with its connections."""

    protocol = Connection

    def __init__(self) -> None:
        self.hub = Hub(lambda topic, project, now: {}, lambda at: None)
        self.key = ChannelKey("bench", None, 60.0, False)
        self.clients: list[_Client] = []

    async def endpoint(self, socket: WebSocket) -> None:
        """One client."""
        await socket.accept()
        self.clients.append(_Client(socket.scope[CONNECTION], self.hub, self.key))

    async def broadcast(self, number: int) -> None:
        """One change of a topic."""
        self.hub.publish("bench", "", {"at": time.time(), "pad": PAD + str(number)}, time.time())


async def serve(contender: Naive | Tachograph, count: int) -> None:
    """Listen, wait for all, then do as is told."""
    app = Starlette(routes=[WebSocketRoute("/", contender.endpoint)])
    config = uvicorn.Config(
        app,
        port=0,
        log_level="error",
        ws=contender.protocol,  # type: ignore[arg-type]
        ws_per_message_deflate=False,
        lifespan="off",
        backlog=2048,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    while len(contender.clients) < count:
        await asyncio.sleep(0.05)
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        hertz, rounds = line.split()
        print(await paced(contender.broadcast, float(hertz), int(rounds)), flush=True)
    server.should_exit = True
    await serving


async def paced(broadcast: Broadcast, hertz: float, rounds: int) -> float:
    """So many broadcasts at that pace; CPU seconds."""
    before, following = time.process_time(), time.monotonic()
    for number in range(rounds):
        await broadcast(number)
        following += 1 / hertz
        await asyncio.sleep(max(0.0, following - time.monotonic()))
    return time.process_time() - before


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        kinds = {"naive": Naive, "tachograph": Tachograph}
        runner.run(serve(kinds[sys.argv[1]](), int(sys.argv[2])))
