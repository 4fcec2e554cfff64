"""All HTTP routes, one module each in `api`."""

from __future__ import annotations

from fastapi import APIRouter

from tachograph.server.api import forget, health, history, names, session, sources, topics, viewers
from tachograph.server.api.answers import REFUSALS
from tachograph.server.auth import Auth
from tachograph.server.follower import Follower
from tachograph.server.recall import Recall


def routes(follower: Follower, auth: Auth, recall: Recall) -> APIRouter:
    """All routes over one follower."""
    router = APIRouter()
    router.include_router(health.routes(follower))
    router.include_router(topics.routes(follower, recall), responses=REFUSALS)
    router.include_router(sources.routes(follower), responses=REFUSALS)
    router.include_router(names.routes(follower), responses=REFUSALS)
    router.include_router(history.routes(follower), responses=REFUSALS)
    router.include_router(viewers.routes(follower.hub), responses=REFUSALS)
    router.include_router(forget.routes(follower), responses=REFUSALS)
    router.include_router(session.routes(auth), responses=REFUSALS)
    return router
