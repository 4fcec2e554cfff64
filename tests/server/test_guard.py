"""The guard: who gets in, who doesn't, and what they are told."""

from __future__ import annotations

import base64
import hashlib
import itertools
import logging
import re
from collections.abc import Coroutine, Iterator
from typing import Any
from urllib.parse import unquote

import anyio
import httpx2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from tachograph.errors import ConfigError
from tachograph.server.auth import Auth
from tachograph.server.guard import HTTPS_KEY, OPEN_PATHS, ROLE_KEY, Guard
from tachograph.server.limits import FailureLimit
from tests.server.listening import free_listener, listening

TOKEN = "control-token-1"
VIEW = "view-token-2"
PORT = 8765
HERE = f"localhost:{PORT}"
WRITES = ("POST", "PUT", "PATCH", "DELETE", "TRACE", "get")


class Inside:
    """The application behind the guard. `reached` are the scopes that came through."""

    def __init__(self) -> None:
        self.reached: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.reached.append(scope)
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": str(scope[ROLE_KEY])})
            await send({"type": "websocket.close", "code": 1000})
            return
        headers = [(b"content-type", b"text/plain"), (b"X-Frame-Options", b"kept")]
        headers += [(b"Content-Security-Policy", b"default-src *"), (b"cache-control", b"public")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": str(scope[ROLE_KEY]).encode()})


class Clock:
    """Time that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def an_auth(port: int = PORT) -> Auth:
    return Auth(TOKEN, VIEW, cookie_key="k" * 43, port=port)


def cookie_of(role: Any, port: int = PORT) -> str:
    return an_auth(port).cookie(role, secure=False).partition(";")[0]


def guarded(auth: Auth | None = None, **options: Any) -> tuple[Guard, Inside]:
    inside = Inside()
    return Guard(inside, auth or an_auth(), **options), inside


def a_scope(kind: str = "http", **changes: Any) -> Scope:
    scope = {
        "type": kind,
        "method": "GET",
        "path": "/api/topics",
        "query_string": b"",
        "scheme": "http" if kind == "http" else "ws",
        "headers": [(b"host", HERE.encode())],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", PORT),
    }
    return {**scope, **changes}


class Answer:
    """What the guard or the application sent."""

    def __init__(self, messages: list[Message]) -> None:
        first = messages[0]
        self.types = [message["type"] for message in messages]
        self.status: int = first.get("status", 0)
        self.headers = httpx2.Headers(first.get("headers", []))
        self.code = next((m["code"] for m in messages if m["type"] == "websocket.close"), None)
        if first["type"] == "websocket.close":
            self.status = 403  # what servers make of it
        self.body = b"".join(message.get("body", b"") for message in messages)


def ask(guard: Guard, scope: Scope) -> Answer:
    """One request, without a loop: nothing between guard and application here ever waits."""
    sent: list[Message] = []

    async def receive() -> Message:
        return (
            {"type": "websocket.connect"}
            if scope["type"] == "websocket"
            else {"type": "http.request"}
        )

    async def send(message: Message) -> None:
        sent.append(message)

    run: Coroutine[Any, Any, None] = guard(scope, receive, send)
    with pytest.raises(StopIteration):
        run.send(None)
    return Answer(sent)


def get(guard: Guard, path: str = "/api/topics", **headers: str) -> Answer:
    return request(guard, "GET", path, **headers)


def request(guard: Guard, method: str, path: str, **headers: str) -> Answer:
    """Header names are written with underscores; a Host of ours is added."""
    pairs = {"host": HERE, **{name.replace("_", "-"): text for name, text in headers.items()}}
    path, _, query = path.partition("?")
    raw = [(name.encode(), text.encode("latin-1")) for name, text in pairs.items()]
    scope = a_scope(method=method, path=unquote(path), query_string=query.encode(), headers=raw)
    return ask(guard, scope)


def bearer(token: str = TOKEN) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


# --- the matrix -----------------------------------------------------------------------------

GOOD_HOSTS = ("localhost:8765", "LOCALHOST", "127.0.0.1:1", "[::1]:8765", "dash.example.org")
BAD_HOSTS = (
    "",
    "evil.example",
    "evil.example:8765",
    "localhost.evil.example",
    "localhost:8765.evil.example",
    "localhost:99999",
    "localhost:",
    "user@localhost",
    "localhost/",
    "localhost, evil.example",
    "127.0.0.1.evil.example",
    "192.168.1.5:8765",
    "[::2]",
    "[::1",
    "::1",
    "*",
    "dash.example.org.",
)
GOOD_ORIGINS = (None, "same")
BAD_ORIGINS = (
    "null",
    "",
    "http://evil.example",
    "http://localhost:3000",
    "http://localhost.evil.example:8765",
    "file://",
    "same, http://evil.example",
    "same/path",
    "ftp",
)
CREDENTIALS: dict[str, tuple[dict[str, str], str | None]] = {
    "nothing": ({}, None),
    "control token": (bearer(TOKEN), "control"),
    "view token": ({"authorization": f"bearer  {VIEW} "}, "view"),
    "wrong token": (bearer("wrong"), None),
    "no token after the word": ({"authorization": "Bearer"}, None),
    "other scheme": ({"authorization": f"Basic {TOKEN}"}, None),
    "token alone": ({"authorization": TOKEN}, None),
    "control cookie": ({"cookie": cookie_of("control")}, "control"),
    "view cookie": ({"cookie": f"a=b; {cookie_of('view')}"}, "view"),
    "cookie of another port": ({"cookie": cookie_of("control", 9999)}, None),
    "token as cookie": ({"cookie": f"tachograph_8765={TOKEN}"}, None),
    "wrong token, good cookie": (bearer("wrong") | {"cookie": cookie_of("control")}, None),
    "other scheme, good cookie": (
        {"authorization": "Basic eDp5", "cookie": cookie_of("control")},
        "control",
    ),
}


def origin_for(origin: str | None, host: str, scheme: str) -> dict[str, str]:
    """`same` stands for the origin of the page that came under this Host."""
    if origin is None:
        return {}
    page = f"{scheme}://{host.lower()}"
    return {"origin": page if origin == "ftp" else origin.replace("same", page)} | (
        {"origin": f"ftp://{host}"} if origin == "ftp" else {}
    )


MATRIX = list(
    itertools.product(
        GOOD_HOSTS + BAD_HOSTS,
        GOOD_ORIGINS + BAD_ORIGINS,
        CREDENTIALS,
        ("GET", "HEAD", "OPTIONS", *WRITES, "websocket"),
        ("http", "https"),
    )
)


def expected(host: str, origin: str | None, who: str, method: str) -> int:
    """The rule in five lines. 101 stands for an accepted handshake, 4401 for a close code."""
    role = CREDENTIALS[who][1]
    is_write = method in WRITES
    if host in BAD_HOSTS:
        return 403 if method == "websocket" else 421
    if origin in BAD_ORIGINS and (is_write or method == "websocket"):
        return 403
    if role is None and method == "websocket":
        return 4401 if origin is not None else 403
    if role is None:
        return 401
    if is_write and role == "view":
        return 403
    return 101 if method == "websocket" else 200


def test_matrix() -> None:
    """Host x Origin x credential x method x scheme: each gets what the rule says, and nobody
    who is refused reaches the application."""
    guard, inside = guarded(allow_hosts=["dash.example.org"], failures=FailureLimit(10**9))
    wrong = []
    for host, origin, who, method, scheme in MATRIX:
        inside.reached.clear()
        pairs = {"host": host, **origin_for(origin, host, scheme), **CREDENTIALS[who][0]}
        kind = "websocket" if method == "websocket" else "http"
        scope = a_scope(
            kind,
            method=method,
            scheme={"http": "ws", "https": "wss"}[scheme] if kind == "websocket" else scheme,
            headers=[(name.encode(), text.encode()) for name, text in pairs.items()],
        )
        answer = ask(guard, scope)
        seen = answer.status
        if answer.types[0] == "websocket.accept":
            seen = 4401 if answer.code == 4401 else 101
        reached = [scope[ROLE_KEY] for scope in inside.reached]
        want = expected(host, origin, who, method)
        if seen != want or reached != ([CREDENTIALS[who][1]] if want in (101, 200) else []):
            wrong.append((host, origin, who, method, scheme, want, seen, reached))
    assert wrong == []
    assert len(MATRIX) > 20_000


# --- Host -----------------------------------------------------------------------------------


def test_host_refusal_says_what() -> None:
    """A rebound name is told what was seen and what is allowed."""
    guard, _ = guarded(allow_hosts=["dash.example.org:8443"])
    answer = get(guard, host="evil.example:8765", **bearer())
    assert answer.status == 421
    facts = httpx2.Response(421, content=answer.body).json()
    assert facts["seen"] == "evil.example:8765"
    assert facts["allowed"] == ["127.0.0.1", "[::1]", "dash.example.org:8443", "localhost"]
    assert "--allow-host" in facts["error"]


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/topics", "/nowhere"])
def test_host_before_everything(path: str) -> None:
    """Not even an open path answers under a foreign name."""
    guard, inside = guarded()
    assert get(guard, path, host="evil.example").status == 421
    assert inside.reached == []


@pytest.mark.parametrize(
    "hosts", [[], [b"localhost", b"localhost"], [b"localhost", b"evil.example"]]
)
def test_host_exactly_once(hosts: list[bytes]) -> None:
    """No Host, or two, is nobody's request."""
    guard, inside = guarded(Auth(None, cookie_key="k", port=PORT))
    answer = ask(guard, a_scope(headers=[(b"host", host) for host in hosts]))
    assert answer.status == 421
    assert inside.reached == []


@pytest.mark.parametrize(
    ("bind", "arrived_at", "host", "status"),
    [
        ("192.168.1.5", "192.168.1.5", "192.168.1.5:8765", 200),
        ("192.168.1.5", "192.168.1.5", "192.168.1.6:8765", 421),
        ("192.168.1.5", "192.168.1.5", "localhost:8765", 200),
        ("Box.Local", "10.0.0.1", "box.local", 200),
        ("Box.Local", "10.0.0.1", "10.0.0.1", 421),
        ("0.0.0.0", "10.0.0.1", "10.0.0.1:8765", 200),
        ("0.0.0.0", "10.0.0.1", "10.0.0.2:8765", 421),
        ("0.0.0.0", "10.0.0.1", "0.0.0.0:8765", 421),
        ("0.0.0.0", "10.0.0.1", "box.local", 421),
        ("::", "::ffff:10.0.0.1", "10.0.0.1", 200),
        ("::", "fd00::1", "[fd00:0::1]:8765", 200),
        ("", "10.0.0.1", "10.0.0.1", 200),
        ("localhost", "10.0.0.1", "10.0.0.1", 421),
    ],
)
def test_host_of_bind(bind: str, arrived_at: str, host: str, status: int) -> None:
    """The bind host is allowed; on all addresses, the one that the connection came to."""
    guard, _ = guarded(bind_host=bind)
    pairs = [(b"host", host.encode()), (b"authorization", f"Bearer {TOKEN}".encode())]
    assert ask(guard, a_scope(headers=pairs, server=(arrived_at, PORT))).status == status


@pytest.mark.parametrize(
    ("entry", "host", "scheme", "allowed"),
    [
        ("dash.example.org", "dash.example.org:1234", "http", True),
        ("Dash.Example.org", "dash.example.ORG", "http", True),
        ("dash.example.org:8443", "dash.example.org:8443", "https", True),
        ("dash.example.org:8443", "dash.example.org:8444", "https", False),
        ("dash.example.org:443", "dash.example.org", "https", True),
        ("dash.example.org:443", "dash.example.org", "http", False),
        ("[fe80::1]:80", "[FE80:0::1]", "http", True),
        ("example.org", "dash.example.org", "http", False),
    ],
)
def test_allow_host(entry: str, host: str, scheme: str, allowed: bool) -> None:
    """An entry without port stands for every port, one with port for that port alone."""
    guard, _ = guarded(allow_hosts=[entry])
    pairs = [(b"host", host.encode()), (b"authorization", f"Bearer {TOKEN}".encode())]
    answer = ask(guard, a_scope(headers=pairs, scheme=scheme))
    assert answer.status == (200 if allowed else 421)


@pytest.mark.parametrize("entry", ["", "*", "*.example.org", "http://a", "a/b", "a:x", "[::g]"])
def test_allow_host_refused(entry: str) -> None:
    """What is no host is refused at the start, not ignored."""
    with pytest.raises(ConfigError, match="allowed is a name or address"):
        guarded(allow_hosts=[entry])


# --- Origin ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "host", "scheme", "status"),
    [
        ("http://localhost:8765", "localhost:8765", "http", 200),
        ("http://127.0.0.1:8765", "localhost:8765", "http", 403),
        ("http://localhost", "localhost:80", "http", 200),
        ("http://localhost", "localhost:8765", "http", 403),
        ("https://localhost", "localhost", "http", 200),
        ("https://localhost:8765", "localhost:8765", "https", 200),
        ("http://localhost:8765", "localhost:8765", "https", 403),
        ("http://localhost", "localhost", "https", 403),
        ("https://dash.example.org", "localhost:8765", "http", 200),
        ("https://dash.example.org:444", "localhost:8765", "http", 403),
        ("http://ported.example.org:81", "localhost:8765", "http", 200),
        ("http://ported.example.org", "localhost:8765", "http", 403),
        ("http://ported.example.org:81", "localhost:8765", "https", 403),
    ],
)
def test_origin(origin: str, host: str, scheme: str, status: int) -> None:
    """A page may change things at its own host and port; one under an allowed name at its own
    default port too; a page that came by plain http may not where https is spoken."""
    guard, _ = guarded(allow_hosts=["dash.example.org", "ported.example.org:81"])
    pairs = {"host": host, "origin": origin, **bearer()}
    raw = [(name.encode(), text.encode()) for name, text in pairs.items()]
    assert ask(guard, a_scope(method="POST", scheme=scheme, headers=raw)).status == status


def test_origin_at_most_once() -> None:
    """Two Origins are nobody's page, whichever comes first."""
    guard, inside = guarded()
    pairs = [(b"host", HERE.encode()), (b"authorization", f"Bearer {TOKEN}".encode())]
    origins = [(b"origin", f"http://{HERE}".encode()), (b"origin", b"http://evil.example")]
    for both in (origins, origins[::-1]):
        assert ask(guard, a_scope(method="POST", headers=[*pairs, *both])).status == 403
        assert ask(guard, a_scope("websocket", headers=[*pairs, *both])).status == 403
    assert inside.reached == []


def test_origin_without_token() -> None:
    """On an open server, too, a page of another site can neither write nor listen."""
    guard, inside = guarded(Auth(None, cookie_key="k", port=PORT))
    assert request(guard, "POST", "/api/commands", origin="http://evil.example").status == 403
    socket = a_scope("websocket", headers=[(b"host", HERE.encode()), (b"origin", b"http://e.com")])
    assert ask(guard, socket).status == 403
    assert inside.reached == []
    assert request(guard, "POST", "/api/commands").status == 200


# --- authentication -------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(OPEN_PATHS))
def test_open_paths(path: str) -> None:
    """Health needs no token, in these two methods and in this spelling alone."""
    guard, inside = guarded()
    assert get(guard, path).status == 200
    assert request(guard, "HEAD", path).status == 200
    assert [scope[ROLE_KEY] for scope in inside.reached] == [None, None]
    for method in ("OPTIONS", *WRITES):
        assert request(guard, method, path).status == 401
    for near in (path + "/", "/" + path, path.upper(), path + "/../api/topics", path + "%00"):
        assert get(guard, near).status == 401
    assert ask(guard, a_scope("websocket", path=path)).status == 403
    assert len(inside.reached) == 2


def test_unauthenticated_json() -> None:
    """A script is told the ways in."""
    answer = get(guarded()[0])
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert httpx2.Response(401, content=answer.body).json() == {
        "error": "a token is needed",
        "seen": "no token",
        "allowed": "Authorization: Bearer TOKEN, or the cookie that opening /?token=TOKEN sets",
    }


def test_unauthenticated_page() -> None:
    """A person gets a page that names the token, runs nothing and asks nobody else."""
    answer = get(guarded()[0], "/runs?topic=a", accept="text/html,*/*")
    page = answer.body.decode()
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "TACHOGRAPH_HOME" in page
    assert not re.search(r"<script|\bon\w+=|src=|https?:|style=", page)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert f"style-src 'self' 'sha256-{digest}';" in policy
    assert "unsafe" not in policy
    assert "refresh" not in answer.headers


def test_page_once_more_after_foreign_link() -> None:
    """A link of another site comes without our cookie; the page asks again from here, once."""
    foreign = {"sec_fetch_site": "cross-site", "sec_fetch_dest": "document"}
    guard, _ = guarded()
    answer = get(guard, "/runs?topic=a&token=old", accept="text/html", **foreign)
    assert answer.headers["refresh"] == "0; url=/runs?topic=a"
    framed = foreign | {"sec_fetch_dest": "iframe"}
    own = foreign | {"sec_fetch_site": "same-origin"}
    for other in (framed, own):
        assert "refresh" not in get(guard, "/", accept="text/html", **other).headers


@pytest.mark.parametrize("path", ["/api/topics", "/api", "/ws", "/metrics", "/openapi.json"])
def test_api_never_gets_a_page(path: str) -> None:
    """Code that asks for data reads JSON, whatever it says that it accepts."""
    answer = get(guarded()[0], path, accept="text/html")
    assert (answer.status, answer.headers["content-type"]) == (401, "application/json")


@pytest.mark.parametrize(
    ("path", "accept", "location"),
    [
        (f"/?token={TOKEN}", "*/*", "/"),
        (f"/?token={TOKEN}", "text/html", "/"),
        (f"/?a=1&token={TOKEN}&b=x%20y&c", "*/*", "/?a=1&b=x+y&c="),
        (f"/?token={TOKEN}&token=other", "*/*", "/"),
        (f"/?%74oken={TOKEN}", "*/*", "/"),
        (f"/runs/7?token={TOKEN}&at=3", "text/html", "/runs/7?at=3"),
        (f"//evil.example/?token={TOKEN}", "text/html", "/evil.example/"),
        (f"/%5Cevil.example?token={TOKEN}", "text/html", "/%5Cevil.example"),
        (f"/a%0D%0AX: y?token={TOKEN}", "text/html", "/a%0D%0AX:%20y"),
        (f"/?token={TOKEN}&a=%0D%0A", "*/*", "/?a=%0D%0A"),
    ],
)
def test_link(path: str, accept: str, location: str) -> None:
    """A launch link is exchanged for the cookie and leads to the same place of ours, without
    the token."""
    guard, inside = guarded()
    answer = get(guard, path, accept=accept)
    assert (answer.status, answer.headers["location"]) == (303, location)
    assert answer.headers["cache-control"] == "no-store"
    assert inside.reached == []
    cookie = answer.headers["set-cookie"].partition(";")[0]
    assert get(guard, cookie=cookie).body == b"control"


@pytest.mark.parametrize(
    ("method", "path", "accept"),
    [
        ("GET", f"/api/topics?token={TOKEN}", "*/*"),
        ("GET", f"/api/topics?token={TOKEN}", "text/html"),
        ("GET", f"/runs?token={TOKEN}", "application/json"),
        ("GET", f"/metrics?token={TOKEN}", "text/html"),
        ("POST", f"/?token={TOKEN}", "text/html"),
        ("HEAD", f"/?token={TOKEN}", "text/html"),
        ("GET", f"/?Token={TOKEN}", "text/html"),
        ("GET", f"/?token={TOKEN}x", "text/html"),
        ("GET", "/?token=", "text/html"),
    ],
)
def test_link_elsewhere(method: str, path: str, accept: str) -> None:
    """A token in the address opens pages only, and no API."""
    guard, inside = guarded()
    answer = request(guard, method, path, accept=accept)
    assert answer.status == 401
    assert "set-cookie" not in answer.headers
    assert inside.reached == []


def test_link_not_for_websocket() -> None:
    """A token in a WebSocket's address is worth nothing."""
    guard, inside = guarded()
    for path in ("/", "/ws"):
        scope = a_scope("websocket", path=path, query_string=f"token={TOKEN}".encode())
        assert ask(guard, scope).status == 403
    assert inside.reached == []


def test_link_of_view() -> None:
    """The view token's link gives a cookie that may look and not change."""
    guard, _ = guarded()
    cookie = get(guard, f"/?token={VIEW}").headers["set-cookie"].partition(";")[0]
    assert get(guard, cookie=cookie).body == b"view"
    assert request(guard, "POST", "/api/commands", cookie=cookie).status == 403


def test_link_old() -> None:
    """Who is logged in and opens an old link stays logged in."""
    answer = get(guarded()[0], "/?token=old&a=1", cookie=cookie_of("view"))
    assert (answer.status, answer.headers["location"]) == (303, "/?a=1")
    assert "set-cookie" not in answer.headers


def test_link_on_open_server() -> None:
    """Without a token there is nothing to exchange, and the address is cleaned all the same."""
    guard, _ = guarded(Auth(None, cookie_key="k", port=PORT))
    answer = get(guard, "/?token=old")
    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert "set-cookie" not in answer.headers
    assert get(guard, "/").body == b"control"


def test_two_authorizations() -> None:
    """Two bearer tokens are refused, even if one is right."""
    guard, inside = guarded()
    host = (b"host", HERE.encode())
    pair = [(b"authorization", f"Bearer {token}".encode()) for token in (TOKEN, "other")]
    for headers in ([host, *pair], [host, *pair[::-1]], [host, pair[0], pair[0]]):
        assert ask(guard, a_scope(headers=headers)).status == 401
    assert inside.reached == []


# --- roles ----------------------------------------------------------------------------------


def test_view_may_log_in_and_out() -> None:
    """The session is the one thing that `view` may write."""
    guard, _ = guarded()
    for method in ("POST", "DELETE"):
        assert request(guard, method, "/api/session", **bearer(VIEW)).status == 200
    for path in ("/api/session/", "/api/sessions", "/api/commands", "/api/quality/refresh"):
        answer = request(guard, "POST", path, **bearer(VIEW))
        assert answer.status == 403
        assert b"role control" in answer.body
        assert request(guard, "POST", path, **bearer(TOKEN)).status == 200


# --- headers --------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 303, 401, 403, 421])
def test_security_headers(status: int) -> None:
    """Every answer carries the headers once, the guard's own and the application's alike."""
    guard, _ = guarded()
    answer = {
        200: lambda: get(guard, "/api/topics", **bearer()),
        303: lambda: get(guard, f"/?token={TOKEN}"),
        401: lambda: get(guard),
        403: lambda: request(guard, "POST", "/api/x", **bearer(VIEW)),
        421: lambda: get(guard, host="evil.example"),
    }[status]()
    assert answer.status == status
    assert answer.headers.get_list("content-security-policy") == [
        "default-src 'self'; connect-src 'self'; img-src 'self' data:; style-src 'self'; "
        "script-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; "
        "form-action 'self'"
    ]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers.get_list("cache-control") == ["no-store"]


def test_cache_control_of_files() -> None:
    """Outside the API the application decides what is kept, and its other headers stay."""
    answer = get(guarded()[0], "/assets/app.js", **bearer())
    assert answer.headers["cache-control"] == "public"
    assert answer.headers["x-frame-options"] == "kept"
    assert get(guarded()[0], "/apiary", **bearer()).headers["cache-control"] == "public"


# --- proxy ----------------------------------------------------------------------------------

FORWARDED = {"x_forwarded_host": "dash.example.org", "x_forwarded_proto": "https"}


def test_proxy_not_trusted() -> None:
    """Without --trust-proxy what a client says about a proxy changes nothing."""
    guard, inside = guarded(allow_hosts=["dash.example.org"])
    assert get(guard, host="evil.example", **FORWARDED, **bearer()).status == 421
    answer = get(guard, f"/?token={TOKEN}", **FORWARDED)
    assert "Secure" not in answer.headers["set-cookie"]
    origin = {"origin": "https://other.example", "x_forwarded_host": "other.example"}
    assert request(guard, "POST", "/api/x", **origin, **bearer()).status == 403
    get(guard, **FORWARDED, **bearer())
    assert inside.reached[-1][HTTPS_KEY] is False


def test_proxy_trusted() -> None:
    """With it the browser's host and scheme hold: for the origin, the cookie, the handlers."""
    guard, inside = guarded(allow_hosts=["dash.example.org"], trust_proxy=True)
    assert "; Secure" in get(guard, f"/?token={TOKEN}", **FORWARDED).headers["set-cookie"]
    own = {"origin": "https://dash.example.org", **FORWARDED, **bearer()}
    assert request(guard, "POST", "/api/x", **own).status == 200
    assert inside.reached[-1][HTTPS_KEY] is True
    plain = own | {"origin": "http://dash.example.org"}
    assert request(guard, "POST", "/api/x", **plain).status == 403


def test_proxy_host_is_checked() -> None:
    """Both names have to be ours, and of a list the nearest proxy's: a page under a rebound
    name can send these headers itself."""
    guard, inside = guarded(allow_hosts=["dash.example.org"], trust_proxy=True)
    for host, forwarded in (
        ("evil.example", "localhost"),
        (HERE, "evil.example"),
        (HERE, "localhost, evil.example"),
        (HERE, ""),
    ):
        assert get(guard, host=host, x_forwarded_host=forwarded, **bearer()).status == 421
    assert inside.reached == []
    assert get(guard, x_forwarded_host="evil.example, localhost", **bearer()).status == 200


# --- wrong tokens ---------------------------------------------------------------------------


def test_brute_force() -> None:
    """After 20 wrong tokens in a minute an address waits, even with the right one, and then
    may try again."""
    clock = Clock()
    guard, inside = guarded(failures=FailureLimit(clock=clock))
    for _ in range(20):
        assert get(guard, **bearer("wrong")).status == 401
    for headers in (bearer("wrong"), bearer()):
        answer = get(guard, **headers)
        assert answer.status == 429
        assert answer.headers["retry-after"] == "60"
    assert get(guard, f"/?token={TOKEN}").status == 429
    assert inside.reached == []
    clock.now += 60
    assert get(guard, **bearer()).status == 200


def test_brute_force_by_link_and_socket() -> None:
    """Wrong tokens count wherever they are tried, also from somebody who may already look."""
    clock = Clock()
    guard, inside = guarded(failures=FailureLimit(clock=clock))
    socket = [(b"host", HERE.encode()), (b"authorization", b"Bearer wrong")]
    for _ in range(10):
        assert get(guard, "/?token=wrong", cookie=cookie_of("view")).status == 303
        assert ask(guard, a_scope("websocket", headers=socket)).status == 403
    assert get(guard, f"/?token={TOKEN}").status == 429
    right = [(b"host", HERE.encode()), (b"authorization", f"Bearer {TOKEN}".encode())]
    assert ask(guard, a_scope("websocket", headers=right)).status == 403
    assert inside.reached == []


def test_brute_force_leaves_others_alone() -> None:
    """Other addresses, and browsers that are logged in, go on; no token at all is no attempt."""
    guard, _ = guarded()
    for _ in range(25):
        assert get(guard).status == 401
        assert get(guard, cookie="tachograph_8765=stale").status == 401
    for _ in range(25):
        get(guard, **bearer("wrong"))
    assert get(guard, **bearer()).status == 429
    assert get(guard, cookie=cookie_of("control")).status == 200
    pairs = [(b"host", HERE.encode()), (b"authorization", f"Bearer {TOKEN}".encode())]
    assert ask(guard, a_scope(headers=pairs, client=("127.0.0.2", 1))).status == 200


def test_brute_force_behind_proxy() -> None:
    """A trusted proxy's clients are told apart; without trust nobody chooses an address."""
    for trusted, status in ((True, 200), (False, 429)):
        guard, _ = guarded(trust_proxy=trusted)
        for _ in range(20):
            get(guard, x_forwarded_for="9.9.9.9, 1.2.3.4", **bearer("wrong"))
        assert get(guard, x_forwarded_for="9.9.9.9, 1.2.3.4", **bearer()).status == 429
        assert get(guard, x_forwarded_for="1.2.3.4, 5.6.7.8", **bearer()).status == status


# --- made-up bytes --------------------------------------------------------------------------

NAMES = (b"host", b"origin", b"authorization", b"cookie", b"accept", b"x-forwarded-host")
PIECES = (b"localhost:8765", b"http://localhost:8765", b"Bearer ", b"tachograph_8765=control.")
SOME = st.binary(max_size=40) | st.sampled_from(PIECES)
VALUES = st.lists(SOME, max_size=3).map(b"".join)
HEADERS = st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=6)


@given(
    headers=HEADERS,
    kind=st.sampled_from(["http", "websocket"]),
    method=st.sampled_from(["GET", "POST", "\x00"]),
    path=st.text(max_size=20).map("/".__add__),
    query=st.binary(max_size=30) | st.binary(max_size=9).map(b"token=".__add__),
    trust=st.booleans(),
)
@example(
    [(b"host", b"localhost"), (b"cookie", b"tachograph_8765=a.b.c")], "http", "GET", "/", b"", False
)
@example([(b"host", b"[::ffff:127.0.0.1]")], "websocket", "GET", "/ws", b"", True)
def test_made_up_bytes(
    headers: list[tuple[bytes, bytes]], kind: str, method: str, path: str, query: bytes, trust: bool
) -> None:
    """Whatever bytes come in the headers: a refusal, never an error and never access."""
    guard, inside = guarded(trust_proxy=trust)
    if path in OPEN_PATHS:
        return
    scope = a_scope(kind, method=method, path=path, query_string=query, headers=headers)
    answer = ask(guard, scope)
    assert inside.reached == []
    assert answer.status in (401, 403, 421) or answer.code == 4401


@given(VALUES, VALUES, VALUES)
def test_made_up_bytes_at_our_door(origin: bytes, authorization: bytes, cookie: bytes) -> None:
    """The same under a good Host, where the later checks have to hold."""
    guard, inside = guarded()
    pairs = [(b"host", HERE.encode()), (b"origin", origin), (b"cookie", cookie)]
    pairs.append((b"authorization", authorization))
    for kind in ("http", "websocket"):
        answer = ask(guard, a_scope(kind, headers=pairs, method="POST"))
        assert answer.status in (401, 403) or answer.code == 4401
    assert inside.reached == []


# --- other scopes ---------------------------------------------------------------------------


def test_lifespan_passes() -> None:
    """The application's own start and end are nobody's request."""
    passed: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        passed.append(scope["type"])

    async def unused(*_: Any) -> Any:
        raise AssertionError("nothing is received or sent")

    anyio.run(Guard(app, an_auth()), {"type": "lifespan"}, unused, unused)
    assert passed == ["lifespan"]
    with pytest.raises(ValueError, match="allowed: http, websocket"):
        anyio.run(Guard(app, an_auth()), {"type": "webtransport"}, unused, unused)
    assert passed == ["lifespan"]


# --- real sockets ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A guarded server on loopback."""
    listener, port = free_listener()
    with listening(listener, Guard(Inside(), an_auth(port))):
        yield port


def handshake(port: int, origin: str | None = None, **headers: str) -> int | str:
    """What becomes of a WebSocket: the status of the refusal, the close code, or a message."""
    try:
        with connect(
            f"ws://127.0.0.1:{port}/ws?token={TOKEN}",
            origin=Origin(origin) if origin else None,
            additional_headers=headers,
        ) as socket:
            return str(socket.recv(timeout=20))
    except InvalidStatus as error:
        return error.response.status_code
    except ConnectionClosed as error:
        return error.rcvd.code if error.rcvd else 0


def test_real_handshakes(port: int) -> None:
    """Over a real socket: in with a right token or cookie, 403 for scripts and foreign pages,
    4401 for our own page, which can't read a status."""
    own, foreign = f"http://127.0.0.1:{port}", "http://evil.example"
    cookie = cookie_of("view", port)
    assert handshake(port, Authorization=f"Bearer {TOKEN}") == "control"
    assert handshake(port, own, Cookie=cookie) == "view"
    assert handshake(port) == 403
    assert handshake(port, Authorization="Bearer wrong") == 403
    assert handshake(port, own) == 4401
    assert handshake(port, own, Cookie=cookie_of("view", port + 1)) == 4401
    assert handshake(port, foreign, Cookie=cookie) == 403
    assert handshake(port, foreign) == 403
    assert handshake(port, f"http://localhost:{port}", Cookie=cookie) == 403


def test_real_refusals_are_quiet(port: int, caplog: pytest.LogCaptureFixture) -> None:
    """Refused handshakes write nothing to the log: whoever is outside could fill it."""
    assert handshake(port) == 403
    assert handshake(port, f"http://127.0.0.1:{port}") == 4401
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client:
        assert client.get("/").status_code == 401
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


def test_real_requests(port: int) -> None:
    """Over a real socket: the link logs a client in, and the cookie then works."""
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", follow_redirects=True) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/api/topics").status_code == 401
        assert client.get("/api/topics", headers={"host": "evil.example"}).status_code == 421
        landed = client.get(f"/?token={TOKEN}")
        assert (landed.status_code, landed.url.path, landed.url.query) == (200, "/", b"")
        assert client.get("/api/topics").text == "control"
        foreign = {"origin": "http://evil.example"}
        assert client.post("/api/commands", headers=foreign).status_code == 403
        assert client.post("/api/commands").status_code == 200
