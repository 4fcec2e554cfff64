"""A real server on loopback, for tests that need real sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp


@contextmanager
def listening(listener: socket.socket, app: ASGIApp) -> Iterator[None]:
    """Serve `app` on a bound socket until the block ends."""
    config = uvicorn.Config(
        app, lifespan="off", log_level="error", proxy_headers=False, ws="websockets-sansio"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and thread.is_alive() and time.monotonic() < deadline:
        thread.join(0.01)
    try:
        assert server.started
        yield
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


def free_listener(host: str = "127.0.0.1") -> tuple[socket.socket, int]:
    """A bound socket and its port."""
    listener = socket.create_server((host, 0))
    return listener, listener.getsockname()[1]
