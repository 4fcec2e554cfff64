"""Bind, then serve: the port is ours before anything is promised to anybody."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import uvicorn

from tachograph import address as addresses
from tachograph.errors import ConfigError
from tachograph.server.app import Server, build
from tachograph.server.config import ServerConfig
from tachograph.server.connection import Connection
from tachograph.server.panel import launch_url

#: Connections that wait for the application; a herd after a restart is larger than the default.
BACKLOG = 2048
#: Open requests and sockets have so long to end at a shutdown.
GRACE_S = 2


_Address = tuple[int, int, int, tuple[Any, ...]]
_LOOPBACK: list[_Address] = [
    (socket.AF_INET, socket.SOCK_STREAM, 0, ("127.0.0.1", 0)),
    (socket.AF_INET6, socket.SOCK_STREAM, 0, ("::1", 0, 0, 0)),
]


class _PortTaken(ConfigError):
    """Another program listens there."""


def bind(host: str, port: int) -> list[socket.socket]:
    """Listening sockets for every address of `host`, all on one port. Raises ConfigError."""
    for _ in range(10 if port == 0 else 0):
        # A port that is free at one address may be taken at the next.
        with contextlib.suppress(_PortTaken):
            return _bind(host, 0)
    return _bind(host, port)


def _bind(host: str, port: int) -> list[socket.socket]:
    found = _addresses(host, port)
    sockets: list[socket.socket] = []
    refused: OSError | None = None
    for family, kind, number, address in found:
        try:
            sockets.append(_listen(family, kind, number, (address[0], port, *address[2:])))
            port = sockets[-1].getsockname()[1]
        except OSError as error:
            refused = error
            if error.errno == errno.EADDRINUSE:
                break
    if refused is not None and (not sockets or refused.errno == errno.EADDRINUSE):
        for one in sockets:
            one.close()
        taken = refused.errno == errno.EADDRINUSE
        raise (_PortTaken if taken else ConfigError)(_why(host, port, refused)) from refused
    return sockets


def _addresses(host: str, port: int) -> list[_Address]:
    if host == "localhost":
        # Browsers know without asking that this is both; many a hosts file has only one.
        return _LOOPBACK
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ConfigError(f"host {host!r} has no address ({error.strerror or error})") from error
    return list(dict.fromkeys((family, kind, number, at) for family, kind, number, _, at in found))


def _listen(family: int, kind: int, number: int, address: tuple[str | int, ...]) -> socket.socket:
    listener = socket.socket(family, kind, number)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _why(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is in use by another program; "
            f"choose one with --port, or stop it"
        )
    if error.errno == errno.EACCES:
        return f"port {port} may not be opened by this user; choose one above 1023 with --port"
    return f"{host}:{port} can't be listened on ({error.strerror or error})"


class _Uvicorn(uvicorn.Server):
    """Uvicorn, with a word when it has started, and signals only where they are wanted."""

    def __init__(
        self, config: uvicorn.Config, started: Callable[[], None], own_signals: bool
    ) -> None:
        super().__init__(config)
        self._announce = started
        self._own_signals = own_signals

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Inside somebody's program the signals are theirs."""
        if not self._own_signals:
            yield
            return
        with super().capture_signals():
            yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce()


class Service:
    """One dashboard: bound by the constructor, served by `run`, ended by `stop`."""

    def __init__(
        self, config: ServerConfig, *, home: Path | None = None, lease_wait_s: float = 5.0
    ) -> None:
        self.sockets = bind(config.host, config.port)
        self.port: int = self.sockets[0].getsockname()[1]
        try:
            self.server: Server = build(
                config, port=self.port, home=home, lease_wait_s=lease_wait_s
            )
        except BaseException:
            self.close()
            raise
        self._uvicorn: _Uvicorn | None = None

    def run(self, started: Callable[[], None] | None = None) -> None:
        """Serve until a signal or `stop`; blocks."""
        # Uvicorn raises the signal again when it has shut down; Ctrl-C is a good end here.
        with (
            contextlib.suppress(KeyboardInterrupt),
            asyncio.Runner(loop_factory=_loop_factory()) as runner,
        ):
            runner.run(self.serve(started))

    async def serve(
        self, started: Callable[[], None] | None = None, own_signals: bool = True
    ) -> None:
        """Serve on the running loop."""
        config = uvicorn.Config(
            self.server.app,
            log_level="warning",
            access_log=False,
            # The guard reads forwarded headers, and only where it was told to trust them.
            proxy_headers=False,
            lifespan="on",
            ws=Connection,
            ws_max_size=64 * 1024,
            ws_per_message_deflate=False,
            ws_ping_interval=20.0,
            ws_ping_timeout=20.0,
            # Longer than a proxy keeps its connections to us, so that it is not us who close them.
            timeout_keep_alive=75,
            timeout_graceful_shutdown=GRACE_S,
            server_header=False,
            date_header=False,
        )

        def announce() -> None:
            if self.server.follower.store.leased:
                addresses.write(self.server.home, self.url)
            if started is not None:
                started()

        self._uvicorn = _Uvicorn(config, announce, own_signals)
        try:
            await self._uvicorn.serve(self.sockets)
        finally:
            self.close()

    @property
    def url(self) -> str:
        """Where it listens, as commands on this machine reach it."""
        return launch_url(self.server.config.host, self.port, None)

    def stop(self) -> None:
        """Ask `run` or `serve` to return."""
        if self._uvicorn is not None:
            self._uvicorn.should_exit = True

    def close(self) -> None:
        """Give port and store back; does nothing the second time."""
        for one in self.sockets:
            one.close()
        if hasattr(self, "server"):
            addresses.remove(self.server.home, self.url)
            self.server.follower.close()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
