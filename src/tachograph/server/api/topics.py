"""Topics over HTTP: values, changes since a position, publishing."""

from __future__ import annotations

import hashlib
import time
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Request, Response

from tachograph.core.patch import MAX_DEPTH, carried
from tachograph.core.session import BUILT_IN, MAX_TOPIC_LENGTH, SHARED, reserved
from tachograph.server.api.answers import Project, answer, problem, says
from tachograph.server.follower import Follower
from tachograph.server.recall import Recall

_CARRIED = (
    f"a JSON object of at most {MAX_DEPTH} levels, its numbers finite and its integers of 64 bits"
)
TopicName = Annotated[str, Path(min_length=1, max_length=MAX_TOPIC_LENGTH)]
_BODY = {
    "required": True,
    "content": {"application/json": {"schema": {"type": "object", "additionalProperties": True}}},
}


def routes(follower: Follower, recall: Recall) -> APIRouter:
    """Topics over HTTP."""
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
        return answer({"items": items, "next": None})

    @router.get("/api/topics/{topic:path}", responses={304: {"description": "not changed"}})
    async def read_topic(
        request: Request, topic: TopicName, since: str | None = None, project: Project = None
    ) -> Response:
        """The topic's value, or what changed since a position."""
        await recall.known(topic)
        found = hub.topic(topic, project, time.time())
        name = hashlib.sha256(f"{topic}\0{since}\0{found.position}".encode()).hexdigest()[:24]
        headers = {"ETag": f'"{name}"', "Cache-Control": "no-cache"}
        if f'"{name}"' in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        patch = found.patch_since(since) if since else None
        said: dict[str, Any] = {"topic": topic, "pos": found.position}
        if patch is None:
            said["value"] = found.value
        else:
            said["delta"] = patch
        return answer(said, headers)

    @router.post(
        "/api/topics/{topic:path}",
        responses={
            400: says("no JSON object, or one that can't be carried"),
            409: says("a topic that is the server's own, or one topic too many"),
            413: says("too large"),
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
        return answer({"topic": topic, "pos": hub.topic(topic, project, now).position})

    return router
