"""Pages of names over HTTP: ten thousand of them must be fluent, and hold nobody else up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Query, Response

from tachograph.core import pages
from tachograph.core.pages import MAX_LIMIT, Sort
from tachograph.server.api.answers import Project, answer
from tachograph.server.follower import Follower

#: Work goes on for so long before the event loop has its turn.
HOLD_S = 0.002
_Result = TypeVar("_Result")

Kind = Annotated[Literal["action", "event"], Query(description="names of which spans")]
Search = Annotated[str, Query(max_length=200, description="a part of the name, in any case")]
Service = Annotated[str | None, Query(max_length=200, description="only names of this service")]
Offset = Annotated[int, Query(ge=0, le=1_000_000_000)]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]


def routes(follower: Follower) -> APIRouter:
    """The list of names."""
    router = APIRouter(tags=["names"])
    # One at a time: together they would only make each other late.
    turn = asyncio.Semaphore(1)

    @router.get("/api/names")
    async def list_names(
        kind: Kind = "action",
        project: Project = None,
        search: Search = "",
        service: Service = None,
        sort: Sort = "total_s",
        order: Literal["asc", "desc"] = "desc",
        offset: Offset = 0,
        limit: Limit = 100,
    ) -> Response:
        """Names with their figures, a page at a time; what doesn't have the figure that is sorted
        by comes last."""
        query = pages.Query(search, service, sort, order == "desc", offset, limit)
        async with turn:
            found = await in_pieces(pages.page(follower.live.names(kind, project), query))
        end = offset + len(found.rows)
        value: dict[str, Any] = {
            "items": found.rows,
            "next": end if end < found.matching and found.rows else None,
            "matching": found.matching,
            "total": found.total,
            "self_s": round(found.self_s, 6),
        }
        return answer(value)

    return router


async def in_pieces(work: Generator[None, float, _Result]) -> _Result:
    """Do the work on the event loop's thread, without holding it for long."""
    next(work)
    began = time.perf_counter()
    while True:
        try:
            work.send(time.time())
        except StopIteration as end:
            result: _Result = end.value
            return result
        if time.perf_counter() - began > HOLD_S:
            await asyncio.sleep(0)
            began = time.perf_counter()
