"""Topics for asyncio: an async iterator over every change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tachograph.client.backoff import Backoff
from tachograph.client.lost import reason
from tachograph.client.replica import Replica, Update
from tachograph.client.server import Server


async def follow(
    *topics: str,
    url: str | None = None,
    token: str | None = None,
    project: str | None = None,
    rate: float = 1.0,
    lost: Callable[[str, float], object] | None = None,
) -> AsyncIterator[Update]:
    """As `watch`, without blocking the event loop."""
    server, replica, backoff = Server.found(url, token), Replica(topics, project, rate), Backoff()
    while True:
        try:
            async with connect(
                server.websocket(replica.query()),
                additional_headers=server.headers,
                proxy=server.proxy,
                max_size=None,
            ) as connection:
                rest = replica.subscribe()
                if rest is not None:
                    await connection.send(rest)
                async for message in connection:
                    backoff.reset()
                    update = replica.take(message)
                    if update is not None:
                        yield update
            why = "the server closed the connection"
        except (OSError, WebSocketException) as error:
            why = reason(error)
        wait_s = backoff.next_s()
        if lost is not None:
            lost(why, wait_s)
        await asyncio.sleep(wait_s)
