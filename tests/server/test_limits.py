"""Bodies, what they unpack to, and wrong tokens: all of it has an end."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from tachograph.server.limits import BodyLimit, BodyRefused, FailureLimit, gunzip_limited
from tests.server.listening import free_listener, listening


class Reader:
    """An application that reads its body to the end and says how long it was."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.after: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.bodies.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(len(body)).encode()})


def client_of(app: Any) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://here")


async def chunks(count: int, size: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


@pytest.mark.anyio
async def test_body_within() -> None:
    """A body up to the limit arrives whole, with or without its length announced."""
    reader = Reader()
    async with client_of(BodyLimit(reader, limit=1000)) as client:
        assert (await client.post("/", content=b"y" * 1000)).text == "1000"
        assert (await client.post("/", content=chunks(10, 100))).text == "1000"
        assert (await client.get("/")).text == "0"
    assert reader.bodies == [b"y" * 1000, b"x" * 1000, b""]


@pytest.mark.anyio
async def test_body_too_large() -> None:
    """Above it the answer is 413 with what was seen and allowed, and the application sleeps on."""
    reader = Reader()
    async with client_of(BodyLimit(reader, limit=1000)) as client:
        announced = await client.post("/", content=b"y" * 1001)
        streamed = await client.post("/", content=chunks(11, 100))
        lying = await client.post("/", content=chunks(11, 100), headers={"content-length": "5"})
    assert reader.bodies == []
    assert [answer.status_code for answer in (announced, streamed, lying)] == [413, 413, 413]
    assert announced.json() == {
        "error": "the body is too large; send less at once",
        "seen": "1001 bytes",
        "allowed": "1000 bytes",
    }
    assert streamed.json()["seen"] == "at least 1100 bytes"
    assert announced.headers["connection"] == "close"


@pytest.mark.anyio
async def test_body_default() -> None:
    """Without another word the limit is a mebibyte; single paths may have their own."""
    reader = Reader()
    async with client_of(BodyLimit(reader, larger={"/v1/traces": 2 << 20})) as client:
        assert (await client.post("/", content=b"y" * (1 << 20))).status_code == 200
        assert (await client.post("/", content=b"y" * ((1 << 20) + 1))).status_code == 413
        assert (await client.post("/v1/traces", content=b"y" * (2 << 20))).status_code == 200


def test_body_endless() -> None:
    """Reading stops at the limit: an endless body is never taken in."""
    taken = 0

    async def receive() -> Message:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": b"x" * 100, "more_body": True}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "path": "/", "headers": [(b"content-length", b"many")]}
    with pytest.raises(StopIteration):
        BodyLimit(Reader(), limit=1000)(scope, receive, send).send(None)
    assert sent[0]["status"] == 413
    assert taken == 11


@pytest.mark.anyio
async def test_disconnect_passes() -> None:
    """After the body the application hears from the client itself, that it went for instance."""
    heard: list[Message] = []
    coming: Iterator[Message] = iter(
        [
            {"type": "http.request", "body": b"a", "more_body": True},
            {"type": "http.request", "body": b"b", "more_body": False},
            {"type": "http.disconnect"},
        ]
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        heard.extend([await receive(), await receive(), await receive()])

    async def receive() -> Message:
        return next(coming)

    async def send(message: Message) -> None:
        raise AssertionError("nothing is sent")

    await BodyLimit(app)({"type": "http", "path": "/", "headers": []}, receive, send)
    assert [message["type"] for message in heard] == ["http.request"] * 2 + ["http.disconnect"]


@pytest.mark.anyio
async def test_other_scopes_pass() -> None:
    """WebSockets and lifespan have no body to measure."""
    passed: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        passed.append(scope["type"])

    async def unused(*_: Any) -> Any:
        raise AssertionError("nothing is received or sent")

    for kind in ("websocket", "lifespan"):
        await BodyLimit(app)({"type": kind}, unused, unused)
    assert passed == ["websocket", "lifespan"]


def test_body_over_a_real_socket() -> None:
    """A real client that sends too much, announced or in chunks, reads the 413."""
    listener, port = free_listener()
    reader = Reader()
    with (
        listening(listener, BodyLimit(reader, limit=1000)),
        httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        assert client.post("/", content=b"y" * 5000).status_code == 413
        assert client.post("/", content=iter([b"y" * 600] * 2)).status_code == 413
        assert client.post("/", content=iter([b"y" * 500] * 2)).text == "1000"
    assert len(reader.bodies) == 1


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4))
def test_gunzip(parts: list[bytes]) -> None:
    """Whatever gzip packed comes back, also in several members; one byte less is refused."""
    whole = b"".join(parts)
    packed = b"".join(gzip.compress(part) for part in parts)
    assert gunzip_limited(packed, len(whole)) == whole
    if whole:
        with pytest.raises(BodyRefused) as caught:
            gunzip_limited(packed, len(whole) - 1)
        assert caught.value.status == 413


def test_gunzip_bomb() -> None:
    """A hundred megabytes in a few kilobytes are refused with what was seen."""
    squeeze = zlib.compressobj(1, wbits=31)
    bomb = b"".join(squeeze.compress(bytes(1 << 20)) for _ in range(100)) + squeeze.flush()
    assert len(bomb) < 1 << 20
    with pytest.raises(BodyRefused) as caught:
        gunzip_limited(bomb, 1 << 20)
    assert (caught.value.status, caught.value.allowed) == (413, "1048576 bytes")
    assert caught.value.seen == f"more than 1048576 bytes from {len(bomb)}"


def test_gunzip_many_members() -> None:
    """Thousands of empty members, which would cost a copy each, are refused."""
    with pytest.raises(BodyRefused, match="more than 16 gzip members"):
        gunzip_limited(gzip.compress(b"") * 50_000, 1 << 20)
    assert gunzip_limited(gzip.compress(b"a") * 16, 16) == b"a" * 16


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"plain",
        b"\x1f\x8b",
        zlib.compress(b"abc"),
        gzip.compress(b"abc")[:-1],
        gzip.compress(b"abc")[:-8] + bytes(8),
        gzip.compress(b"abc") + b"tail",
    ],
)
def test_gunzip_damaged(data: bytes) -> None:
    """What isn't one whole stream is refused as damaged."""
    with pytest.raises(BodyRefused, match="not good gzip") as caught:
        gunzip_limited(data, 100)
    assert caught.value.status == 400


@given(st.binary(max_size=100), st.integers(0, 50))
def test_gunzip_anything(data: bytes, cut: int) -> None:
    """No bytes make another error than BodyRefused."""
    for body in (data, b"\x1f\x8b\x08\x00" + data, gzip.compress(data)[:cut] + data):
        with suppress(BodyRefused):
            assert len(gunzip_limited(body, 50)) <= 50


class Clock:
    """Time that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_failures_in_a_minute() -> None:
    """The twentieth failure within a minute blocks for a minute; nineteen don't."""
    clock = Clock()
    limit = FailureLimit(clock=clock)
    for _ in range(19):
        limit.failed("1.2.3.4")
    assert limit.wait_s("1.2.3.4") == 0
    clock.now += 59
    limit.failed("1.2.3.4")
    assert limit.wait_s("1.2.3.4") == 60
    assert limit.wait_s("1.2.3.5") == 0
    clock.now += 59.5
    assert limit.wait_s("1.2.3.4") == 0.5
    clock.now += 0.5
    assert limit.wait_s("1.2.3.4") == 0


def test_failures_spread_out() -> None:
    """Failures of an earlier minute don't count."""
    clock = Clock()
    limit = FailureLimit(clock=clock)
    for _ in range(10):
        for _ in range(19):
            limit.failed("1.2.3.4")
        assert limit.wait_s("1.2.3.4") == 0
        clock.now += 60


def test_failures_remembered() -> None:
    """Memory has a bound: the address that failed longest ago is forgotten first."""
    limit = FailureLimit(allowed=1, addresses=3, clock=Clock())
    for address in ("1.1.1.1", "2.2.2.2", "3.3.3.3", "1.1.1.1", "4.4.4.4"):
        limit.failed(address)
    blocked = [limit.wait_s(f"{n}.{n}.{n}.{n}") > 0 for n in (1, 2, 3, 4)]
    assert blocked == [True, False, True, True]
    assert len(limit) == 3


@pytest.mark.parametrize(
    ("failed", "other", "same"),
    [
        ("fd00:0:0:1::1", "fd00:0:0:1:ffff::2", True),
        ("fd00:0:0:1::1", "fd00:0:0:2::1", False),
        ("::ffff:1.2.3.4", "1.2.3.4", True),
        ("::ffff:1.2.3.4", "::ffff:1.2.3.5", False),
        ("", "", True),
        ("unix:", "1.2.3.4", False),
    ],
)
def test_failures_per_network(failed: str, other: str, same: bool) -> None:
    """An IPv6 network of 64 bits is one attacker; IPv4 in IPv6's clothes is IPv4."""
    limit = FailureLimit(allowed=1, clock=Clock())
    limit.failed(failed)
    assert (limit.wait_s(other) > 0) is same
