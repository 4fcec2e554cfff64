"""What one client may cost: the size of a body, the size it unpacks to, wrong tokens."""

from __future__ import annotations

import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from ipaddress import IPv6Address, ip_address

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tachograph.errors import TachographError
from tachograph.server.refusal import Refusal, refuse

BODY_BYTES = 1 << 20
# A gzip file may be several in a row; each costs a copy of what follows it.
_GZIP_MEMBERS = 16


class BodyLimit:
    """ASGI middleware: reads a request's body before the application does, up to a limit.

    What is above it is answered with 413 and never reaches the application. `larger` names
    paths with a limit of their own. Stands behind the guard, so that only those who may ask
    make the server hold anything.
    """

    def __init__(
        self, app: ASGIApp, limit: int = BODY_BYTES, larger: Mapping[str, int] | None = None
    ) -> None:
        self._app = app
        self._limit = limit
        self._larger = dict(larger or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        allowed = self._larger.get(scope["path"], self._limit)
        announced = _content_length(scope)
        if announced is not None and announced > allowed:
            await _too_large(scope, receive, send, f"{announced} bytes", allowed)
            return
        messages, size = await _read_up_to(receive, allowed)
        if size > allowed:
            await _too_large(scope, receive, send, f"at least {size} bytes", allowed)
            return
        await self._app(scope, _replay(messages, receive), send)


def _content_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and len(value) < 20:
            return int(value)
    return None


async def _read_up_to(receive: Receive, allowed: int) -> tuple[list[Message], int]:
    messages: list[Message] = []
    size = 0
    while True:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        if size > allowed or not message.get("more_body", False):
            return messages, size


def _replay(messages: list[Message], receive: Receive) -> Receive:
    waiting = iter(messages)

    async def replayed() -> Message:
        for message in waiting:
            return message
        return await receive()

    return replayed


async def _too_large(scope: Scope, receive: Receive, send: Send, seen: str, allowed: int) -> None:
    refusal = Refusal(
        413,
        "the body is too large; send less at once",
        seen,
        f"{allowed} bytes",
        # The rest of the body is still on its way; nobody will read it.
        ((b"connection", b"close"),),
    )
    await refuse(scope, receive, send, refusal)


class BodyRefused(TachographError):
    """A compressed body that can't or must not be unpacked. `status` is the HTTP answer."""

    def __init__(self, error: str, seen: str, allowed: str, status: int) -> None:
        super().__init__(f"{error}; seen: {seen}, allowed: {allowed}")
        self.error = error
        self.seen = seen
        self.allowed = allowed
        self.status = status


def gunzip_limited(data: bytes, limit: int) -> bytes:
    """Unpack a gzip body of at most `limit` bytes; never holds more than that and one block.

    Raises BodyRefused: 413 above the limit, 400 when it is damaged, cut short or followed by
    something else.
    """
    unpacked = b""
    rest = data
    for _ in range(_GZIP_MEMBERS):
        stream = zlib.decompressobj(wbits=31)
        try:
            unpacked += stream.decompress(rest, limit - len(unpacked) + 1)
        except zlib.error as error:
            raise _damaged(str(error)) from error
        if len(unpacked) > limit:
            seen = f"more than {limit} bytes from {len(data)}"
            raise BodyRefused("the body unpacks to too much", seen, f"{limit} bytes", 413)
        if not stream.eof:
            raise _damaged("the end is missing")
        rest = stream.unused_data
        if not rest:
            return unpacked
    raise _damaged(f"more than {_GZIP_MEMBERS} gzip members")


def _damaged(seen: str) -> BodyRefused:
    return BodyRefused("the body is not good gzip", seen, "one whole gzip stream", 400)


class _Failures(msgspec.Struct):
    since: float
    count: int = 0
    blocked_until: float = 0.0


class FailureLimit:
    """Counts wrong tokens per client address, and says how long an address has to wait.

    After `allowed` failures within `window_s` the address waits `window_s`. Remembers at most
    `addresses` of them, the latest: an attacker who owns more addresses gains that many
    windows, and the server's memory stays as it is. One event loop calls it.
    """

    def __init__(
        self,
        allowed: int = 20,
        window_s: float = 60.0,
        addresses: int = 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._allowed = allowed
        self._window_s = window_s
        self._addresses = addresses
        self._clock = clock
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def __len__(self) -> int:
        return len(self._failures)

    def wait_s(self, address: str) -> float:
        """Seconds until this address may try again, 0 when it may now."""
        failures = self._failures.get(_network(address))
        return 0.0 if failures is None else max(0.0, failures.blocked_until - self._clock())

    def failed(self, address: str) -> None:
        """Count one wrong token."""
        key, now = _network(address), self._clock()
        failures = self._failures.get(key)
        if failures is None or now - failures.since >= self._window_s:
            failures = self._failures[key] = _Failures(now)
        self._failures.move_to_end(key)
        failures.count += 1
        if failures.count >= self._allowed:
            failures.blocked_until = now + self._window_s
        while len(self._failures) > self._addresses:
            self._failures.popitem(last=False)


def _network(address: str) -> str:
    """What one attacker has one of: an IPv4 address, or an IPv6 network of 64 bits."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return parsed.packed[:8].hex()
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)
