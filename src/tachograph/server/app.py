"""The composition root: one ASGI application over one home."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Mount, WebSocketRoute
from starlette.types import ASGIApp, Scope
from starlette.websockets import WebSocket

from tachograph._version import __version__
from tachograph.core.session import DEFAULT_TOPICS
from tachograph.errors import ConfigError
from tachograph.home import ensure_home, home_path, read_or_create_secret
from tachograph.journal.base import Journal
from tachograph.journal.file import FileJournal
from tachograph.server.about import About
from tachograph.server.api.answers import problem
from tachograph.server.asyncapi import document
from tachograph.server.auth import NO_TOKEN, Auth, load_auth
from tachograph.server.config import ServerConfig
from tachograph.server.follower import Follower
from tachograph.server.guard import Guard
from tachograph.server.limits import BodyLimit
from tachograph.server.recall import Recall
from tachograph.server.rest import routes
from tachograph.server.static import Dashboard
from tachograph.server.websocket import serve
from tachograph.store.base import Store

log = logging.getLogger("tachograph.server")

#: Subscriptions with a fixed list of topics. `/ws/orchestrator/{project}` comes with its messages.
FIXED = {
    "/ws/performance": ("performance",),
    "/ws/quality": ("quality",),
    "/ws/qc-metrics": ("quality",),
}


@dataclass
class Server:
    """An application, and what it stands on."""

    app: ASGIApp
    api: FastAPI
    follower: Follower
    auth: Auth
    home: Path
    config: ServerConfig
    #: The token for the address to open, None where none is needed.
    launch_token: str | None


def open_journal(config: ServerConfig, home: Path) -> Journal:
    """The journal that the configuration names, files in the home by default."""
    if not config.journal:
        return FileJournal(home / "journal")
    scheme, _, rest = config.journal.partition(":")
    if scheme != "file" or not rest:
        raise ConfigError(f"journal {scheme}:... is not known to this version; use file:/path")
    return FileJournal(Path(rest.removeprefix("//")).expanduser())


def open_store(config: ServerConfig, home: Path, wait_s: float) -> Store:
    """The store that the configuration names, `store.db` in the home by default."""
    from tachograph.store.sqlite import SqliteStore

    path = home / "store.db"
    if config.store:
        scheme, mark, rest = config.store.partition(":")
        if mark and scheme not in ("sqlite", "file"):
            raise ConfigError(f"store {scheme}:... is not known to this version; use a file's path")
        path = Path(rest.removeprefix("//") if mark else config.store).expanduser()
    return SqliteStore(path, wait_s=wait_s)


def build(
    config: ServerConfig,
    *,
    port: int | None = None,
    home: Path | None = None,
    journal: Journal | None = None,
    store: Store | None = None,
    lease_wait_s: float = 5.0,
) -> Server:
    """Put the parts together. `port` is the one that was bound, when the configuration says 0.

    Raises ConfigError, StoreError or JournalError with one clear sentence.
    """
    home = ensure_home(home or home_path())
    port = config.port if port is None else port
    auth = load_auth(home, config.host, port, config.token, config.view_token)
    follower = Follower(
        journal or open_journal(config, home),
        store or open_store(config, home, lease_wait_s),
        config.interval_s,
    )
    follower.restore()
    about = About(f"{config.host}:{port}", home, config.interval_s)
    api = _api(follower, about, auth)
    app: ASGIApp = BodyLimit(api)
    app = Guard(
        app,
        auth,
        bind_host=config.host,
        allow_hosts=config.allow_hosts,
        trust_proxy=config.trust_proxy,
    )
    return Server(app, api, follower, auth, home, config, _launch_token(config, home))


def _launch_token(config: ServerConfig, home: Path) -> str | None:
    if config.token == NO_TOKEN:
        return None
    return config.token or read_or_create_secret(home / "token")


def _api(follower: Follower, about: About, auth: Auth) -> FastAPI:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(follower.run(), name="tachograph follower")
        task.add_done_callback(_report)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            follower.close()

    api = FastAPI(
        title="Tachograph",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    recall = Recall(follower.store, follower.live.failed, follower.hub.refresh)
    follower.hub.on_new = recall.look
    follower.live.server_losses = follower.losses
    api.include_router(routes(follower, auth, recall))
    api.add_exception_handler(HTTPException, _refused)
    api.add_exception_handler(RequestValidationError, _not_allowed)
    described = msgspec.json.encode(document(FIXED))
    api.add_api_route("/asyncapi.json", partial(_described, described), include_in_schema=False)
    for path, topics in FIXED.items():
        api.router.routes.append(WebSocketRoute(path, _endpoint(follower, about, topics)))
    api.router.routes.append(WebSocketRoute("/ws", _endpoint(follower, about, None)))
    api.router.routes.append(_Pages("/", Dashboard(), name="dashboard"))
    return api


async def _described(document: bytes) -> Response:
    return Response(document, media_type="application/json")


def _endpoint(
    follower: Follower, about: About, topics: tuple[str, ...] | None
) -> Callable[[WebSocket], object]:
    async def endpoint(socket: WebSocket) -> None:
        named = socket.query_params.get("topics", "")
        wanted = topics or tuple(filter(None, named.split(","))) or DEFAULT_TOPICS
        await serve(socket, follower, about, tuple(dict.fromkeys(wanted)))

    return endpoint


class _Pages(Mount):
    """Has what no route has: a path with another method is a route's, and answered by it."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Never more than partly, so that routes before it which match partly come first."""
        match, inner = super().matches(scope)
        return (Match.PARTIAL if match is Match.FULL else match), inner


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    allowed = headers.get("Allow", "see /openapi.json")
    seen = f"{request.method} {request.url.path}"
    answer = problem(error.status_code, str(error.detail), seen, allowed)
    answer.headers.update(headers)
    return answer


async def _not_allowed(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = " ".join(map(str, first["loc"]))
    return problem(422, f"{where} is not allowed", str(first["input"])[:200], str(first["msg"]))


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("the follower stopped; figures stand still", exc_info=task.exception())
