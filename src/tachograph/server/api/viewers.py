"""Who listens to the live protocol, over HTTP."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from tachograph.server.api.answers import answer
from tachograph.server.hub import Hub


def status(hub: Hub) -> dict[str, Any]:
    """The hub's clients in figures; `sent_bytes` and `dropped` are since the server's start."""
    clients = list(hub.members)
    return {
        "clients": len(clients),
        "lagging": sum(outbox.lagging for outbox in clients),
        "dropped": hub.gone.dropped + sum(outbox.dropped for outbox in clients),
        "sent_bytes": hub.gone.sent_bytes + sum(one.line.written_bytes for one in clients),
        "waiting_bytes": sum(outbox.line.waiting_bytes for outbox in clients),
        "channels": [
            {
                "topic": channel.key.topic,
                **({"project": channel.key.project} if channel.key.project else {}),
                "rate": channel.key.rate,
                "format": "full" if channel.key.full else "delta",
                "clients": members,
                "encoded": channel.encoded,
            }
            for channel, members in hub.channels()
        ],
    }


def routes(hub: Hub) -> APIRouter:
    """How the live connections are."""
    router = APIRouter(tags=["topics"])

    @router.get("/api/performance/websocket/status")
    async def websocket_status() -> Response:
        """Clients of the live protocol: how many, at which topics, who lags, bytes."""
        return answer(status(hub))

    return router
