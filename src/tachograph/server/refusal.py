"""The guard's own answers, for http and for websocket, and the headers of every answer."""

from __future__ import annotations

import base64
import hashlib
from typing import NamedTuple

import msgspec
from starlette.types import Message, Receive, Scope, Send

Headers = tuple[tuple[bytes, bytes], ...]

CSP = (
    "default-src 'self'; connect-src 'self'; img-src 'self' data:; style-src 'self'; "
    "script-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "form-action 'self'"
)
SECURITY_HEADERS: Headers = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
NO_STORE = (b"cache-control", b"no-store")
#: WebSocket close codes that tell a page why, and that coming back won't help.
CLOSE_UNAUTHENTICATED = 4401
CLOSE_FORBIDDEN = 4403

_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem}"
    "h1{font-size:1.25rem}input,button{font:inherit;padding:.4rem .6rem}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_LOGIN_CSP = CSP.replace("style-src 'self'", f"style-src 'self' 'sha256-{_STYLE_HASH}'").encode()
_LOGIN_PAGE = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Tachograph: token needed</title>
<style>{_STYLE}</style>
<h1>This dashboard needs its token</h1>
<p><code>tacho dashboard</code> prints a link with the token when it starts. Open that link once,
and this browser stays logged in for 30 days.</p>
<p>The token is the one given by <code>--token</code> or <code>TACHOGRAPH_TOKEN</code>, else the
content of the file <code>token</code> in <code>TACHOGRAPH_HOME</code>
(<code>~/.local/state/tachograph</code> on Linux) of the user who runs the server.</p>
<form action="/" method="get">
<label>Token <input name="token" type="password" autocomplete="off" required autofocus></label>
<button>Open</button>
</form>
""".encode()


class Refusal(NamedTuple):
    """Why a request is not served: what was seen, what is allowed."""

    status: int
    error: str
    seen: str
    allowed: object
    headers: Headers = ()

    def body(self) -> bytes:
        facts = {"error": self.error, "seen": self.seen[:200], "allowed": self.allowed}
        return msgspec.json.encode(facts)


async def refuse(scope: Scope, receive: Receive, send: Send, refusal: Refusal) -> None:
    """Answer a request with JSON, a WebSocket handshake with a bare 403."""
    if scope["type"] == "http":
        headers = (*refusal.headers, NO_STORE)
        await _respond(send, refusal.status, b"application/json", refusal.body(), headers)
        return
    # Not with a body (`websocket.http.response`): uvicorn logs an error for each of those, and
    # then anybody could fill the log.
    await receive()
    await send({"type": "websocket.close", "code": CLOSE_FORBIDDEN, "reason": ""})


async def close_with_reason(receive: Receive, send: Send, code: int, reason: str) -> None:
    """Accept a WebSocket only to say why it is closed: a page can't read a refused handshake."""
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": code, "reason": reason})


async def login_page(send: Send, refusal: Refusal, again: str | None) -> None:
    """For a person at a browser: which token is needed. No script, one style, by its hash.

    `send` is the server's own: the policy of this page is its own too. `again` is where to
    ask once more from this page: a browser that followed a link of another site sends
    SameSite=Strict cookies only then, and neither after a redirect nor on reload.
    """
    styled = secured(send, "/", _LOGIN_CSP)
    refresh = () if again is None else ((b"refresh", f"0; url={again}".encode("ascii")),)
    headers = (*refusal.headers, *refresh, NO_STORE)
    await _respond(styled, refusal.status, b"text/html; charset=utf-8", _LOGIN_PAGE, headers)


async def redirect(send: Send, location: str, cookie: str | None) -> None:
    """303 to a path of our own."""
    cookies = () if cookie is None else ((b"set-cookie", cookie.encode("ascii")),)
    headers = ((b"location", location.encode("ascii")), *cookies, NO_STORE)
    await _respond(send, 303, b"text/plain; charset=utf-8", b"", headers)


async def _respond(
    send: Send, status: int, content_type: bytes, body: bytes, headers: Headers
) -> None:
    fixed = ((b"content-type", content_type), (b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": body})


def secured(send: Send, path: str, csp: bytes = CSP.encode()) -> Send:
    """`send` that puts the security headers on every http answer, over what the application
    says; nothing under /api is kept by a cache."""
    wanted = {**dict(SECURITY_HEADERS), b"content-security-policy": csp}
    if path == "/api" or path.startswith("/api/"):
        wanted[NO_STORE[0]] = NO_STORE[1]

    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message.get("headers", ()) if pair[0].lower() not in wanted]
            message = {**message, "headers": [*kept, *wanted.items()]}
        await send(message)

    return sender
