"""The HTTP routes: topics, sources, session, health."""

from __future__ import annotations

import hashlib
import time
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from tachograph.core.patch import MAX_DEPTH, carried
from tachograph.core.session import BUILT_IN, MAX_TOPIC_LENGTH, SHARED, reserved
from tachograph.server.auth import Auth
from tachograph.server.follower import Follower
from tachograph.server.guard import HTTPS_KEY, ROLE_KEY

_CARRIED = (
    f"a JSON object of at most {MAX_DEPTH} levels, its numbers finite and its integers of 64 bits"
)
_TEXT = {"type": "string"}
_FACTS = {
    "type": "object",
    "properties": {"error": _TEXT, "seen": _TEXT, "allowed": {}},
    "required": ["error", "seen", "allowed"],
}


def _says(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": _FACTS}}}


#: What the guard, and checks of parameters, may answer anywhere under /api.
_REFUSALS: dict[int | str, dict[str, Any]] = {
    401: _says("no token, or a wrong one"),
    403: _says("this token, or a page of another site, may not do this"),
    404: _says("nothing is there; a name with a line break has no address"),
    421: _says("this server is not known by that Host"),
    422: _says("a parameter is not allowed"),
    429: _says("too many wrong tokens from this address"),
}
Project = Annotated[str | None, Query(max_length=200, description="only this project")]
TopicName = Annotated[str, Path(min_length=1, max_length=MAX_TOPIC_LENGTH)]


def problem(status: int, error: str, seen: str, allowed: str) -> JSONResponse:
    """An error as JSON: what was seen, what is allowed."""
    return JSONResponse({"error": error, "seen": seen, "allowed": allowed}, status)


def _json(value: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json", headers=headers)


def routes(follower: Follower, auth: Auth) -> APIRouter:
    """All routes over one follower."""
    router = APIRouter()
    router.include_router(_health(follower))
    router.include_router(_topics(follower), responses=_REFUSALS)
    router.include_router(_sources(follower), responses=_REFUSALS)
    router.include_router(_session(auth), responses=_REFUSALS)
    return router


def _health(follower: Follower) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def healthz() -> Response:
        """The server answers."""
        return _json({"status": "ok"})

    @router.get("/readyz")
    async def readyz() -> Response:
        """200 when it has caught up with the journal, 503 before."""
        if not follower.ready.is_set():
            return JSONResponse({"status": "catching up"}, 503)
        return _json({"status": "ready"})

    return router


_BODY = {
    "required": True,
    "content": {"application/json": {"schema": {"type": "object", "additionalProperties": True}}},
}


def _topics(follower: Follower) -> APIRouter:
    router = APIRouter(tags=["topics"])
    hub = follower.hub

    @router.get("/api/topics")
    async def list_topics(project: Project = None) -> Response:
        """Every topic's name and position."""
        now = time.time()
        items = [
            {"topic": name, "pos": hub.topic(name, project, now).position}
            for name in hub.names(project, BUILT_IN)
        ]
        return _json({"items": items, "next": None})

    @router.get("/api/topics/{topic:path}", responses={304: {"description": "not changed"}})
    async def read_topic(
        request: Request, topic: TopicName, since: str | None = None, project: Project = None
    ) -> Response:
        """The topic's value, or what changed since a position."""
        found = hub.topic(topic, project, time.time())
        name = hashlib.sha256(f"{topic}\0{since}\0{found.position}".encode()).hexdigest()[:24]
        headers = {"ETag": f'"{name}"', "Cache-Control": "no-cache"}
        if f'"{name}"' in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        patch = found.patch_since(since) if since else None
        answer: dict[str, Any] = {"topic": topic, "pos": found.position}
        if patch is None:
            answer["value"] = found.value
        else:
            answer["delta"] = patch
        return _json(answer, headers)

    @router.post(
        "/api/topics/{topic:path}",
        responses={
            400: _says("no JSON object, or one that can't be carried"),
            409: _says("a topic that is the server's own, or one topic too many"),
            413: _says("too large"),
        },
        openapi_extra={"requestBody": _BODY},
    )
    async def publish(request: Request, topic: TopicName, project: Project = None) -> Response:
        """Merge a JSON object into a topic, key by key; null deletes a key."""
        body = await request.body()
        try:
            value = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            value = None
        if not isinstance(value, dict) or not carried(value):
            seen = body[:80].decode("utf-8", "replace")
            return problem(400, "this can't be published", seen, _CARRIED)
        if reserved(topic):
            own = f"{', '.join(SHARED)}, or a name of your own"
            return problem(409, "this topic's values are the server's", topic, own)
        now = time.time()
        if not hub.publish(topic, project or "", value, now):
            return problem(409, "too many topics", topic, "one that exists already")
        return _json({"topic": topic, "pos": hub.topic(topic, project, now).position})

    return router


def _sources(follower: Follower) -> APIRouter:
    router = APIRouter(tags=["sources"])

    @router.get("/api/sources")
    async def list_sources(project: Project = None) -> Response:
        """Every source that lives or ended in the last 24 hours."""
        live = follower.live
        items = [
            live.source_row(state)
            for state in live.sources.values()
            if project in (None, state.source.project)
        ]
        return _json({"items": items, "next": None})

    return router


def _session(auth: Auth) -> APIRouter:
    router = APIRouter(tags=["session"])

    @router.post("/api/session")
    async def log_in(request: Request) -> Response:
        """Exchange the token for a cookie of the same role."""
        role = request.scope[ROLE_KEY]
        if auth.is_open:
            return _json({"role": role})
        cookie = auth.cookie(role, secure=request.scope[HTTPS_KEY])
        return _json({"role": role}, {"Set-Cookie": cookie})

    @router.delete("/api/session", status_code=204)
    async def log_out(request: Request) -> Response:
        """Take the cookie back."""
        cookie = auth.expired_cookie(secure=request.scope[HTTPS_KEY])
        return Response(status_code=204, headers={"Set-Cookie": cookie})

    return router
