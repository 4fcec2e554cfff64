"""Forgetting over HTTP, and the projects that there are."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from tachograph.errors import JournalError, StoreError
from tachograph.server.api.answers import answer, problem, says
from tachograph.server.follower import Follower
from tachograph.server.forget import Alive, Forgetting, Unknown

_ANSWERS: dict[int | str, dict[str, Any]] = {
    404: says("nothing of that name is known"),
    409: says("a source of it lives"),
    503: says("this server holds no store, or could not delete everything"),
}
Name = Annotated[str, Path(min_length=1, max_length=1000)]


def routes(follower: Follower) -> APIRouter:
    """Forgetting for good."""
    router = APIRouter(tags=["sources"])
    forgetting = Forgetting(follower)

    @router.get("/api/projects")
    async def list_projects() -> Response:
        """Every project of which something is known, with its sources, and how many live."""
        items = [
            {
                "project": project,
                "sources": len(states),
                "live": sum(not state.final for state in states),
            }
            for project, states in (await forgetting.projects()).items()
        ]
        return answer({"items": items, "next": None})

    @router.delete("/api/sources/{id}", responses=_ANSWERS)
    async def forget_source(id: Name) -> Response:
        """Forget a source that is over. What it did stays in the history of its service."""
        return await _forget(forgetting, id, None)

    @router.delete("/api/projects/{project:path}", responses=_ANSWERS)
    async def forget_project(project: Name) -> Response:
        """Forget a project of which no source lives: nothing that it recorded is kept."""
        return await _forget(forgetting, None, project)

    return router


async def _forget(forgetting: Forgetting, id: str | None, project: str | None) -> Response:
    seen = project or id or ""
    try:
        if project is not None:
            return answer({"forgotten": await forgetting.project(project)})
        return answer({"forgotten": await forgetting.source(seen)})
    except Unknown as error:
        return problem(404, str(error), seen, "one that is listed")
    except Alive as error:
        return problem(409, str(error), seen, "what has ended")
    except (StoreError, JournalError) as error:
        return problem(503, str(error), seen, "again, when that is mended")
