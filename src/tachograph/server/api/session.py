"""The session: the token for a cookie, and back."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from tachograph.server.api.answers import answer
from tachograph.server.auth import Auth
from tachograph.server.guard import HTTPS_KEY, ROLE_KEY


def routes(auth: Auth) -> APIRouter:
    """Logging in and out."""
    router = APIRouter(tags=["session"])

    @router.post("/api/session")
    async def log_in(request: Request) -> Response:
        """Exchange the token for a cookie of the same role."""
        role = request.scope[ROLE_KEY]
        if auth.is_open:
            return answer({"role": role})
        cookie = auth.cookie(role, secure=request.scope[HTTPS_KEY])
        return answer({"role": role}, {"Set-Cookie": cookie})

    @router.delete("/api/session", status_code=204)
    async def log_out(request: Request) -> Response:
        """Take the cookie back."""
        cookie = auth.expired_cookie(secure=request.scope[HTTPS_KEY])
        return Response(status_code=204, headers={"Set-Cookie": cookie})

    return router
