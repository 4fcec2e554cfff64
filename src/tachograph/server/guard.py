"""The one door: an ASGI middleware over http and websocket that denies by default.

It asks in this order: is the Host one of ours (a rebound DNS name is not), may this Origin
change something here, who is it, may that role do this. It has to be the outermost
application, so that its headers are on every answer, those of a failure inside included; and
the server in front of it must leave forwarded headers alone (uvicorn: `proxy_headers=False`),
or a client could choose the address that its wrong tokens are counted under.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from http import HTTPStatus
from typing import NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from tachograph.server.asked import Asked
from tachograph.server.auth import Auth, Role, allows
from tachograph.server.authority import Hosts, parse_authority, parse_origin
from tachograph.server.limits import FailureLimit
from tachograph.server.refusal import (
    CLOSE_UNAUTHENTICATED,
    Refusal,
    close_with_reason,
    login_page,
    redirect,
    refuse,
    secured,
)

OPEN_PATHS = frozenset(("/healthz", "/readyz"))
#: Writes that the role `view` may do: exchanging its token for a cookie, and logging out.
VIEW_WRITES = frozenset((("POST", "/api/session"), ("DELETE", "/api/session")))
#: Where the guard leaves the role for the handlers: "view", "control", or None on open paths.
ROLE_KEY = "tachograph.role"
#: Whether the browser came by https, for handlers that set the cookie.
HTTPS_KEY = "tachograph.https"

_WAYS_IN = "Authorization: Bearer TOKEN, or the cookie that opening /?token=TOKEN sets"


class Redirect(NamedTuple):
    """Go on without the token in the address, with a cookie when the token was good."""

    location: str
    cookie: str | None


class Guard:
    """Wraps the whole application. See the module."""

    def __init__(
        self,
        app: ASGIApp,
        auth: Auth,
        *,
        bind_host: str = "localhost",
        allow_hosts: Iterable[str] = (),
        trust_proxy: bool = False,
        failures: FailureLimit | None = None,
    ) -> None:
        self._app = app
        self._auth = auth
        self._hosts = Hosts(bind_host, allow_hosts)
        self._trust_proxy = trust_proxy
        self._failures = FailureLimit() if failures is None else failures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] not in ("http", "websocket"):
            raise ValueError(f"scope {scope['type']!r} is not served, allowed: http, websocket")
        asked = Asked(scope, self._trust_proxy)
        verdict = self._judge(asked)
        safe_send = secured(send, asked.path)
        if isinstance(verdict, Redirect):
            await redirect(safe_send, verdict.location, verdict.cookie)
        elif not isinstance(verdict, Refusal):
            facts = {ROLE_KEY: verdict, HTTPS_KEY: asked.scheme == "https"}
            await self._app({**scope, **facts}, receive, safe_send)
        elif verdict.status != HTTPStatus.UNAUTHORIZED:
            await refuse(scope, receive, safe_send, verdict)
        elif asked.wants_page:
            again = asked.without_token if asked.came_by_link else None
            await login_page(send, verdict, again)
        elif asked.is_websocket and asked.header(b"origin"):
            # The Origin was permitted, or the check before would have refused it.
            await close_with_reason(receive, send, CLOSE_UNAUTHENTICATED, "token needed")
        else:
            await refuse(scope, receive, safe_send, verdict)

    def _judge(self, asked: Asked) -> Role | Refusal | Redirect | None:
        refusal = self._check_host(asked) or self._check_origin(asked)
        if refusal is not None:
            return refusal
        if asked.path in OPEN_PATHS and asked.method in ("GET", "HEAD") and not asked.is_websocket:
            return None
        role = self._who(asked)
        if isinstance(role, Refusal | Redirect):
            return role
        return self._check_role(asked, role) or role

    def _check_host(self, asked: Asked) -> Refusal | None:
        # Both names are checked: a page under a rebound name may send X-Forwarded-Host too.
        named = [parse_authority(host) for host in asked.hosts]
        good = len(asked.header(b"host")) == 1 and all(
            authority is not None and self._hosts.allows(authority, asked.scheme, asked.arrived_at)
            for authority in named
        )
        if good:
            return None
        error = "this server is not known by that Host; start it with --allow-host NAME to add one"
        return Refusal(421, error, ", ".join(asked.hosts), self._hosts.names())

    def _check_origin(self, asked: Asked) -> Refusal | None:
        origins = asked.header(b"origin")
        if not origins or not (asked.is_websocket or asked.is_write):
            return None
        origin = parse_origin(origins[0]) if len(origins) == 1 else None
        authority = asked.authority
        if origin and authority and self._hosts.allows_origin(origin, authority, asked.scheme):
            return None
        error = "a page of another site may not do this; --allow-host NAME permits its host"
        return Refusal(403, error, ", ".join(origins), f"the origin of {authority}")

    def _who(self, asked: Asked) -> Role | Refusal | Redirect:
        if self._auth.is_open:
            return "control" if asked.link_token is None else Redirect(asked.without_token, None)
        bearer = asked.bearer
        token = asked.link_token if bearer is None else bearer
        if token is not None:
            if wait_s := self._failures.wait_s(asked.client):
                return _wait(wait_s)
            role = self._auth.role_of_token(token)
            if role is None:
                self._failures.failed(asked.client)
            if bearer is not None:
                return role or _unauthenticated("a wrong token")
            if role is not None:
                cookie = self._auth.cookie(role, secure=asked.scheme == "https")
                return Redirect(asked.without_token, cookie)
        return self._who_by_cookie(asked, token)

    def _who_by_cookie(self, asked: Asked, wrong_token: str | None) -> Role | Refusal | Redirect:
        cookies = asked.header(b"cookie")
        role = self._auth.role_of_cookie("; ".join(cookies))
        if wrong_token is not None:
            old_link = Redirect(asked.without_token, None)
            return _unauthenticated("a wrong token") if role is None else old_link
        return role or _unauthenticated("a cookie that is not valid" if cookies else "no token")

    def _check_role(self, asked: Asked, role: Role) -> Refusal | None:
        if not asked.is_write or (asked.method, asked.path) in VIEW_WRITES:
            return None
        if allows(role, "control"):
            return None
        return Refusal(403, "this token may look, not change", f"role {role}", "role control")


def _unauthenticated(seen: str) -> Refusal:
    challenge = ((b"www-authenticate", b"Bearer"),)
    return Refusal(401, "a token is needed", seen, _WAYS_IN, challenge)


def _wait(wait_s: float) -> Refusal:
    seconds = math.ceil(wait_s)
    retry = ((b"retry-after", str(seconds).encode()),)
    error = f"too many wrong tokens from this address; try again in {seconds} s"
    return Refusal(429, error, "a token", f"none for {seconds} s", retry)
