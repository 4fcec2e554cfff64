"""The whole application, route by route: nothing is open but health."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.routing import Mount, WebSocketRoute
from starlette.types import Message

from tachograph.server.app import Server, build
from tachograph.server.config import ServerConfig

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
OPEN = {(method, path) for method in ("GET", "HEAD") for path in ("/healthz", "/readyz")}


@pytest.fixture
def server(home: Path) -> Iterator[Server]:
    """The dashboard as `tacho dashboard` builds it."""
    server = build(ServerConfig(token="t0ken", view_token="v1ew"), home=home)
    yield server
    server.follower.close()


def paths(routes: list[Any]) -> Iterator[tuple[str, str]]:
    """Kind and path of every route, those of included routers and of none but us too."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from paths(included.routes)
        elif isinstance(route, Mount):
            yield from (("http", f"{route.path}/{name}") for name in ("", "index.html", "a/b.js"))
        else:
            yield ("websocket" if isinstance(route, WebSocketRoute) else "http"), route.path


def all_paths(api: FastAPI) -> list[tuple[str, str]]:
    return sorted(set(paths(api.router.routes)))


async def status(server: Server, kind: str, method: str, path: str, token: str = "") -> int:
    """The answer to a request over loopback; of a WebSocket 403 when it is refused."""
    headers = [(b"host", b"localhost:8765")]
    if token:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"token=t0ken",
        "scheme": "http" if kind == "http" else "ws",
        "headers": headers,
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8765),
    }
    sent: list[Message] = []
    connect = "websocket.connect" if kind == "websocket" else "http.request"
    coming = iter([connect, f"{kind}.disconnect"])

    async def receive() -> Message:
        return {"type": next(coming), "code": 1000}

    async def send(message: Message) -> None:
        sent.append(message)

    await server.app(scope, receive, send)
    first = sent[0]
    return 403 if first["type"] == "websocket.close" else int(first.get("status", 101))


@pytest.mark.anyio
async def test_no_route_is_open(server: Server) -> None:
    """Without a token every path refuses every method; only health answers. A token in the
    address changes nothing, but for the page, which exchanges it."""
    routes = all_paths(server.api)
    assert ("http", "/healthz") in routes
    assert ("websocket", "/ws") in routes
    found = {
        (method, path)
        for kind, path in routes
        for method in (METHODS if kind == "http" else ("GET",))
        if await status(server, kind, method, path) not in (401, 403)
    }
    assert found == OPEN | {("GET", "/")}
    assert await status(server, "http", "GET", "/") == 303


@pytest.mark.anyio
async def test_no_write_is_open_to_view(server: Server) -> None:
    """The role `view` may write nowhere but to its own session."""
    found = {
        (method, path)
        for kind, path in all_paths(server.api)
        for method in ("POST", "PUT", "PATCH", "DELETE")
        if kind == "http" and await status(server, kind, method, path, "v1ew") != 403
    }
    assert found <= {("POST", "/api/session"), ("DELETE", "/api/session")}


@pytest.mark.anyio
async def test_view_may_look(server: Server) -> None:
    """With the view token the reading routes do answer: the tests above refuse for a reason."""
    assert await status(server, "http", "GET", "/api/topics", "v1ew") == 200
    assert await status(server, "http", "GET", "/api/topics", "t0ken") == 200
