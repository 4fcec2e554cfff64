"""Stored time over HTTP: read in a thread, a piece at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from tachograph.core.history import MAX_POINTS, MINUTE_S, History, Plan, plan
from tachograph.errors import StoreError
from tachograph.model import Second, Series, SeriesKey
from tachograph.server.api.answers import Project, answer, problem, says
from tachograph.server.follower import Follower
from tachograph.store.base import Store

#: Rows that one piece reads; between two of them the event loop has the interpreter to itself.
PIECE_ROWS = 60
#: Ranges that are read at once.
AT_ONCE = 2
DEFAULT_S = 3_600

Name = Annotated[str, Query(min_length=1, max_length=200)]
Span = Annotated[
    Literal["action", "event", "pipeline", "agent", "work", ""],
    Query(description="the kind of spans; empty: an instrument of the program's own"),
]
Service = Annotated[str | None, Query(max_length=200, description="only this service")]
Instant = Annotated[
    float | None, Query(ge=0, le=1e11, allow_inf_nan=False, description="seconds since the epoch")
]
From = Annotated[
    float | None,
    Query(alias="from", ge=0, le=1e11, allow_inf_nan=False, description="an hour before `to`"),
]
Points = Annotated[int, Query(ge=1, le=MAX_POINTS, description="steps at most")]


def routes(follower: Follower) -> APIRouter:
    """A timer or a counter over time."""
    router = APIRouter(tags=["metrics"])
    turn = asyncio.Semaphore(AT_ONCE)

    @router.get("/api/metrics/history", responses={503: says("the store can't be read")})
    async def read_history(
        name: Name,
        span: Span = "action",
        project: Project = None,
        service: Service = None,
        from_: From = None,
        to: Instant = None,
        points: Points = 120,
    ) -> Response:
        """A timer's figures in equal steps of stored time, or a counter's; steps in which nothing
        was recorded are absent."""
        end = time.time() if to is None else to
        start = max(0.0, end - DEFAULT_S) if from_ is None else from_
        if start >= end:
            return problem(422, "from is not before to", f"{start} to {end}", "from < to")
        try:
            series = await asyncio.to_thread(
                _matching, follower.store, name, span, project, service
            )
            kinds = {one.kind for one in series}
            if kinds == {"gauge"}:
                return problem(422, "a gauge has no history here", name, "a timer or a counter")
            async with turn:
                return answer(await _read(follower.store, series, plan(start, end, points)))
        except StoreError as error:
            return problem(503, "the store can't be read", str(error), "try again later")

    return router


def _matching(
    store: Store, name: str, span: str, project: str | None, service: str | None
) -> list[Series]:
    return [
        one
        for one in store.series()
        if (one.key.name, one.key.span) == (name, span)
        and project in (None, one.key.project)
        and service in (None, one.key.service)
    ]


async def _read(store: Store, series: list[Series], plan: Plan) -> dict[str, Any]:
    """Timers first: programs that don't agree on what the name is can't be added up."""
    kind = "timer" if any(one.kind == "timer" for one in series) else "counter"
    keys = {one.key for one in series if one.kind == kind}
    history = History(plan)
    rows = _rows(store, keys, plan) if keys else iter(())
    while await asyncio.to_thread(_piece, history, rows):
        pass
    value: dict[str, Any] = {
        "items": history.timer() if kind == "timer" else history.counter(),
        "step_s": plan.step_s,
        "from": plan.start_s,
        "to": plan.end_s,
    }
    oldest = await asyncio.to_thread(_oldest, store)
    return value if oldest is None else value | {"stored_from": oldest}


def _piece(history: History, rows: Iterator[Second]) -> bool:
    """Add up some rows; whether there are more."""
    count = 0
    for row in islice(rows, PIECE_ROWS):
        history.add(row)
        count += 1
    return count == PIECE_ROWS


def _rows(store: Store, keys: set[SeriesKey], plan: Plan) -> Iterator[Second]:
    """Minutes where a step is made of them, and seconds for what is not folded yet, or is not a
    whole minute."""
    start_s, end_s = plan.start_s, plan.end_s
    first_s, last_s = -(-start_s // MINUTE_S) * MINUTE_S, end_s // MINUTE_S * MINUTE_S
    if plan.step_s % MINUTE_S == 0 and plan.begin_s % MINUTE_S == 0 and first_s < last_s:
        for minute in store.minutes(first_s, last_s, keys):
            if start_s < minute.at_s:
                yield from store.seconds(start_s, minute.at_s, keys)
            yield minute
            start_s = minute.at_s + MINUTE_S
    yield from store.seconds(start_s, end_s, keys)


def _oldest(store: Store) -> int | None:
    """The first second of which anything is stored."""
    first = (
        next(rows, None) for rows in (store.minutes(0, 1 << 40, ()), store.seconds(0, 1 << 40, ()))
    )
    return min((row.at_s for row in first if row is not None), default=None)
