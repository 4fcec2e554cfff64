"""Which server, and by which right: from what was said, the environment, the home."""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Literal, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from tachograph import address
from tachograph.errors import ConfigError
from tachograph.home import home_path

DEFAULT = "http://localhost:8765"


class Server(NamedTuple):
    """A dashboard's address, and the token for it."""

    url: str
    token: str | None

    @classmethod
    def found(
        cls,
        url: str | None = None,
        token: str | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> Server:
        """What isn't given comes from TACHOGRAPH_SERVER and TACHOGRAPH_TOKEN, else from the home
        on this machine: where its server listens, and its token. Raises ConfigError."""
        home = home_path(environ)
        if url is None:
            url = environ.get("TACHOGRAPH_SERVER") or None
        own = url is None
        if url is None:
            running = address.read(home)
            url = running.url if running is not None else DEFAULT
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"the server is {url!r}; allowed: http://host:port or https://host")
        # The home's token is for this machine's server alone: it is no one else's business.
        if token is None:
            token = environ.get("TACHOGRAPH_TOKEN") or None
        if token is None and (own or _is_loopback(parts.hostname)):
            token = _token_in(home / "token")
        return cls(url.rstrip("/"), token)

    def websocket(self, query: str) -> str:
        """The address of `/ws`."""
        parts = urlsplit(self.url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        return urlunsplit((scheme, parts.netloc, f"{parts.path}/ws", query, ""))

    @property
    def headers(self) -> dict[str, str]:
        """What a request has to carry."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    @property
    def proxy(self) -> Literal[True] | None:
        """For `websockets`: the system's proxies, except to this machine itself."""
        return None if _is_loopback(urlsplit(self.url).hostname or "") else True


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _token_in(path: os.PathLike[str]) -> str | None:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip() or None
    except (OSError, UnicodeDecodeError):
        return None
