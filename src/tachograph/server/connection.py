"""A WebSocket without a task: uvicorn does the handshake, then a listener has the connection.

What is left of a client after the handshake is this protocol and its listener. A message to
many is framed once (`framed`) and the same bytes go to every transport; messages from the
client are handed over as they come. The transport may be TLS's: nothing here looks behind it.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Protocol, cast

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request

#: Where the application finds the connection in its scope.
CONNECTION = "tachograph.connection"
#: More bytes than that in a connection's buffer, and it takes nothing more until they are gone.
LIMIT_BYTES = 64 * 1024
#: What the system keeps beside that for a client that reads slowly; by itself it takes megabytes.
KERNEL_BYTES = 128 * 1024
#: A client that takes nothing for so long is let go.
STALLED_S = 30.0
#: Pieces of one message; none that is allowed needs so many.
MAX_PIECES = 1_000
#: A close that the client doesn't answer is over after so long.
CLOSE_S = 5.0


def framed(message: bytes) -> bytes:
    """A text message as one WebSocket frame of a server, which is not masked."""
    return Frame(Opcode.TEXT, message).serialize(mask=False)


class Listener(Protocol):
    """What a connection tells. All of it on the event loop's thread; nothing may wait."""

    def received(self, message: str | bytes) -> None:
        """The client sent a message: text, or bytes."""
        ...

    def drained(self) -> None:
        """The connection, which was full, takes messages again."""
        ...

    def lost(self) -> None:
        """It is over. Called once."""
        ...


class _Nowhere:
    """Stands where the ASGI application's queue was: nobody reads it any more."""

    def put_nowait(self, message: Any) -> None:
        """Nothing."""


_NOWHERE = cast("asyncio.Queue[Any]", _Nowhere())
_OPEN = asyncio.Event()


class Connection(WebSocketsSansIOProtocol):
    """See the module. `full`: the client takes less than it is sent."""

    full = False
    written_bytes = 0
    _listener: Listener | None = None
    _stalled: asyncio.TimerHandle | None = None
    _waited_bytes = 0

    # -- for the application -----------------------------------------------

    def take_over(self, listener: Listener) -> None:
        """After `accept`: the application may return, and `listener` has the connection."""
        self._listener = listener
        self.transport.set_write_buffer_limits(high=LIMIT_BYTES)
        plain = self.transport.get_extra_info("socket")
        if plain is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
        # Thousands of these may be open, and each would hold its handshake for ever.
        del self.scope, self.request, self.response
        self.queue, self.writable = _NOWHERE, _OPEN
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()

    def write(self, frame: bytes) -> None:
        """Send what `framed` made. Never waits; look at `full` before."""
        self.written_bytes += len(frame)
        self.transport.write(frame)

    @property
    def waiting_bytes(self) -> int:
        """Bytes in the buffer."""
        return self.transport.get_write_buffer_size()

    def hear(self, listening: bool) -> None:
        """Whether the client's messages are taken from the network."""
        if listening == self.read_paused and not self.transport.is_closing():
            self.read_paused = not listening
            if listening:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()

    def close(self, code: int, reason: str = "") -> None:
        """Say why, and close. What was written before is sent first."""
        if self.close_sent or self.transport.is_closing():
            return
        self.hear(True)
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.loop.call_later(CLOSE_S, self.transport.abort)

    def abort(self) -> None:
        """End it without waiting: closing would wait until the client has read everything."""
        self.transport.abort()

    # -- for uvicorn -------------------------------------------------------

    def handle_connect(self, event: Request) -> None:
        """Let the application find the connection."""
        super().handle_connect(event)
        if self.handshake_initiated and not self.handshake_complete:
            cast(dict[str, Any], self.scope)[CONNECTION] = self

    async def run_asgi(self) -> None:
        """Uvicorn closes what the application returns from; what was taken over goes on."""
        try:
            await self.app(self.scope, self.receive, self.send)
        except ClientDisconnected:
            pass
        except BaseException:
            self.logger.exception("Exception in ASGI application\n")
            self.send_500_response()
        else:
            if not self.handshake_complete:
                self.logger.error("the application returned without a handshake")
                self.send_500_response()
        if self._listener is None and self.close_timer is None:
            self.transport.close()

    def send_receive_event_to_app(self) -> None:
        """A whole message has come."""
        if self._listener is None:
            super().send_receive_event_to_app()
            return
        data = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        self.frames = []
        if self.close_sent:
            return
        if self.curr_msg_data_type == "bytes":
            self._listener.received(bytes(data))
            return
        try:
            text = bytes(data).decode()
        except UnicodeDecodeError:
            self.close(1007, "text that is not UTF-8")
            return
        self._listener.received(text)

    def handle_cont(self, event: Frame) -> None:
        """A further piece of a message. Empty ones have no size that a limit could end."""
        if self._listener is not None and len(self.frames) >= MAX_PIECES:
            self.close(1009, f"a message in more than {MAX_PIECES} pieces")
            self.transport.close()
            return
        super().handle_cont(event)

    def handle_ping(self) -> None:
        """Answered already. Who pings and never reads would fill the memory with answers."""
        super().handle_ping()
        if self._listener is not None and self.full:
            self.hear(False)

    def pause_writing(self) -> None:
        """The buffer is above its limit."""
        self.full = True
        if self._listener is None:
            super().pause_writing()
        else:
            self._wait_for_it()

    def _wait_for_it(self) -> None:
        """Let the client go when it takes nothing at all for STALLED_S."""
        self._waited_bytes = self.waiting_bytes
        self._stalled = self.loop.call_later(STALLED_S, self._look_at_it)

    def _look_at_it(self) -> None:
        if self.waiting_bytes < self._waited_bytes:
            self._wait_for_it()
        else:
            self.abort()

    def resume_writing(self) -> None:
        """It is nearly empty again."""
        self.full = False
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        if self._listener is None:
            super().resume_writing()
        else:
            self._listener.drained()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the listener, whoever ended it."""
        super().connection_lost(exc)
        if self._stalled is not None:
            self._stalled.cancel()
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.lost()
