"""Sources over HTTP."""

from __future__ import annotations

from fastapi import APIRouter, Response

from tachograph.server.api.answers import Project, answer
from tachograph.server.follower import Follower


def routes(follower: Follower) -> APIRouter:
    """The list of sources."""
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
        return answer({"items": items, "next": None})

    return router
