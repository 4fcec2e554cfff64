"""Whether the server answers, and whether it has caught up: open to everybody."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from tachograph.server.api.answers import answer
from tachograph.server.follower import Follower


def routes(follower: Follower) -> APIRouter:
    """Health and readiness."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def healthz() -> Response:
        """The server answers."""
        return answer({"status": "ok"})

    @router.get("/readyz")
    async def readyz() -> Response:
        """200 when it has caught up with the journal, 503 before."""
        if not follower.ready.is_set():
            return JSONResponse({"status": "catching up"}, 503)
        return answer({"status": "ready"})

    return router
