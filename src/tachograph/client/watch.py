"""Topics as a plain loop: blocks until something changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import connect

from tachograph.client.backoff import Backoff
from tachograph.client.lost import reason
from tachograph.client.replica import Replica, Update
from tachograph.client.server import Server


def watch(
    *topics: str,
    url: str | None = None,
    token: str | None = None,
    project: str | None = None,
    rate: float = 1.0,
    lost: Callable[[str, float], object] | None = None,
) -> Iterator[Update]:
    """Every change of these topics, for ever, beginning with their values as they are.

    A broken connection is made anew, and what was missed is made good; `lost(why, wait_s)` is
    called before each wait. Raises ClientRefused when the server will not serve this client.
    """
    server, replica, backoff = Server.found(url, token), Replica(topics, project, rate), Backoff()
    while True:
        try:
            with connect(
                server.websocket(replica.query()),
                additional_headers=server.headers,
                proxy=server.proxy,
                max_size=None,
            ) as connection:
                rest = replica.subscribe()
                if rest is not None:
                    connection.send(rest)
                for message in connection:
                    backoff.reset()
                    update = replica.take(message)
                    if update is not None:
                        yield update
            why = "the server closed the connection"
        except (OSError, WebSocketException, ConnectionClosed, InvalidStatus) as error:
            why = reason(error)
        wait_s = backoff.next_s()
        if lost is not None:
            lost(why, wait_s)
        time.sleep(wait_s)
