"""A TCP proxy on loopback that does to a connection what networks do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType


class Proxy:
    """Between clients and the server at `port`, in a thread of its own. `port` is where it listens.

    `stall` lets nothing through, in either direction, and keeps the connections; `cut` resets
    them all; `half_close` ends the server's direction alone; `delay_s` holds back what the
    server says.
    """

    def __init__(self, server_port: int) -> None:
        self.server_port = server_port
        self.port = 0
        self.delay_s = 0.0
        self.accepted = 0
        self._open: set[asyncio.StreamWriter] = set()
        self._clients: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop
        self._ready = threading.Event()
        self._end: asyncio.Event
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="proxy")

    def __enter__(self) -> Proxy:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._do(self._end.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    # -- what networks do --------------------------------------------------

    def cut(self) -> None:
        """Reset every connection."""
        self._do(self._reset)

    def stall(self) -> None:
        """Let nothing through."""
        self._do(self._flowing.clear)

    def flow(self) -> None:
        """Let everything through again."""
        self._do(self._flowing.set)

    def half_close(self) -> None:
        """The server's side says that it has ended; the client's stays open."""
        self._do(lambda: [one.write_eof() for one in self._clients if one.can_write_eof()])

    # -- how ---------------------------------------------------------------

    def _do(self, action: Callable[[], object]) -> None:
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (action(), done.set()))
        assert done.wait(10)

    def _reset(self) -> None:
        for writer in tuple(self._open):
            writer.transport.abort()

    async def _run(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._flowing.set()
        listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = listener.sockets[0].getsockname()[1]
        self._ready.set()
        await self._end.wait()
        listener.close()
        self._flowing.set()
        self._reset()
        await asyncio.gather(
            *asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True
        )

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", self.server_port)
        except OSError:
            writer.transport.abort()
            return
        ours = {writer, forth}
        self._open |= ours
        self._clients.add(writer)
        try:
            await asyncio.gather(
                self._pump(reader, forth), self._pump(back, writer, lambda: self.delay_s)
            )
        finally:
            self._open -= ours
            self._clients.discard(writer)
            for one in ours:
                one.transport.abort()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        delay_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        try:
            while data := await reader.read(65536):
                await self._hold_back(delay_s())
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
        except OSError:
            writer.transport.abort()

    async def _hold_back(self, seconds: float) -> None:
        """For so long, or until the proxy ends."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._end.wait()
