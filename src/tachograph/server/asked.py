"""One request or WebSocket handshake as the guard's checks see it. Pure."""

from __future__ import annotations

from functools import cached_property
from urllib.parse import parse_qsl, quote, urlencode

from starlette.types import Scope

from tachograph.server.authority import Authority, parse_authority

SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
# Never a page, whatever a client says that it accepts.
_NO_PAGES = ("/api", "/ws", "/v1/", "/metrics", "/openapi.json", "/asyncapi.json")
_BEARER = "bearer "


class Asked:
    """Reads the scope, changes nothing. Headers of a proxy count only if it is trusted."""

    def __init__(self, scope: Scope, trust_proxy: bool) -> None:
        self._scope = scope
        self._trust_proxy = trust_proxy
        self.path: str = scope["path"]
        self.is_websocket = scope["type"] == "websocket"
        self.method: str = "GET" if self.is_websocket else scope["method"]
        self.is_write = self.method not in SAFE_METHODS
        self.arrived_at = str((scope.get("server") or ("",))[0])

    def header(self, name: bytes) -> list[str]:
        pairs = self._scope["headers"]
        return [value.decode("latin-1") for key, value in pairs if key == name]

    def _forwarded(self, name: bytes) -> str | None:
        """What the nearest proxy says; those before it are hearsay."""
        values = self.header(name) if self._trust_proxy else []
        return values[-1].rpartition(",")[2].strip() if values else None

    @property
    def hosts(self) -> list[str]:
        """Every name that it came under; the last is the browser's."""
        forwarded = self._forwarded(b"x-forwarded-host")
        return self.header(b"host") + ([] if forwarded is None else [forwarded])

    @cached_property
    def authority(self) -> Authority | None:
        return parse_authority(self.hosts[-1]) if self.hosts else None

    @cached_property
    def scheme(self) -> str:
        seen = self._forwarded(b"x-forwarded-proto") or self._scope.get("scheme", "http")
        return "https" if seen.lower() in ("https", "wss") else "http"

    @property
    def client(self) -> str:
        peer = (self._scope.get("client") or ("",))[0]
        return self._forwarded(b"x-forwarded-for") or str(peer)

    @property
    def bearer(self) -> str | None:
        """The token that a script presents. Another scheme than Bearer is a proxy's affair."""
        values = [f"{value} " for value in self.header(b"authorization")]
        tokens = [value[len(_BEARER) :] for value in values if value.lower().startswith(_BEARER)]
        # Two of them are one too many: which one would the application believe?
        return None if not tokens else tokens[0].strip() if len(tokens) == 1 else ""

    @cached_property
    def wants_page(self) -> bool:
        """A person opens an address, as opposed to code that asks for data."""
        accepts = any("text/html" in value.lower() for value in self.header(b"accept"))
        page = not self.path.startswith(_NO_PAGES)
        return not self.is_websocket and self.method == "GET" and accepts and page

    @property
    def came_by_link(self) -> bool:
        """A page of another site led here, so the browser kept our cookie back."""
        seen = self.header(b"sec-fetch-site") + self.header(b"sec-fetch-dest")
        return seen == ["cross-site", "document"]

    @cached_property
    def link_token(self) -> str | None:
        """The token of a launch link; taken from `/` and from pages, from nothing else."""
        if self.is_websocket or self.method != "GET":
            return None
        if self.path != "/" and not self.wants_page:
            return None
        return next((value for name, value in self._query if name == "token"), None)

    @property
    def without_token(self) -> str:
        # A path that begins with two slashes would name another host.
        path = "/" + quote(self.path.lstrip("/"), safe="/:@!$&'()*+,;=~")
        rest = urlencode([(name, value) for name, value in self._query if name != "token"])
        return f"{path}?{rest}" if rest else path

    @cached_property
    def _query(self) -> list[tuple[str, str]]:
        text = self._scope.get("query_string", b"").decode("latin-1")
        return parse_qsl(text, keep_blank_values=True, errors="replace")
