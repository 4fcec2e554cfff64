"""Host and Origin headers as values: what they name, and which names are this server's.

Pure. Parsing is strict: what a browser would never send is no authority at all.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import NamedTuple

from tachograph.errors import ConfigError

#: Names that can't be made to resolve to another machine's page.
LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))
_WILDCARDS = frozenset(("", "0.0.0.0", "::"))
_DEFAULT_PORTS = {"http": 80, "https": 443}
_AUTHORITY = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9._-]{1,253}))(?::(?P<port>[0-9]{1,5}))?"
)


class Authority(NamedTuple):
    """`host[:port]`; the host in lower case, an IP address in its one short form, no brackets."""

    host: str
    port: int | None

    @property
    def is_ip(self) -> bool:
        return _address(self.host) is not None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


class Origin(NamedTuple):
    """`scheme://host[:port]` of a page; the port is always known."""

    scheme: str
    host: str
    port: int


def parse_authority(text: str) -> Authority | None:
    """What a Host header or an `--allow-host` names; None when that is not a host."""
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        return None
    port = None if match["port"] is None else int(match["port"])
    if port is not None and port > 65535:
        return None
    if match["v6"] is not None and _address(match["v6"]) is None:
        return None
    return Authority(normal_host(match["v6"] or match["name"]), port)


def parse_origin(text: str) -> Origin | None:
    """What an Origin header names; None for `null` and for everything that is no web page."""
    scheme, separator, rest = text.partition("://")
    authority = parse_authority(rest)
    if not separator or scheme not in _DEFAULT_PORTS or authority is None:
        return None
    port = _DEFAULT_PORTS[scheme] if authority.port is None else authority.port
    return Origin(scheme, authority.host, port)


def normal_host(host: str) -> str:
    """One spelling per host: `[0:0::1]` and `::1` are the same."""
    address = _address(host.strip("[]"))
    return host.lower() if address is None else str(address)


def is_loopback(host: str) -> bool:
    """Whether binding to it is reachable from this machine only."""
    address = _address(host.strip("[]"))
    return host.lower() == "localhost" if address is None else address.is_loopback


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    # A socket open for both families reports IPv4 peers in this form.
    return getattr(address, "ipv4_mapped", None) or address


class Hosts:
    """The names by which this server may be asked for."""

    def __init__(self, bind_host: str, allow_hosts: Iterable[str] = ()) -> None:
        bind = normal_host(bind_host)
        self._wildcard = bind in _WILDCARDS
        self._any_port = LOOPBACK if self._wildcard else LOOPBACK | {bind}
        self._allowed = {parse_allowed(entry) for entry in allow_hosts}

    def allows(self, asked: Authority, scheme: str, arrived_at: str) -> bool:
        """Whether a Host header may say `asked`.

        `arrived_at` is the local address of the connection. With a wildcard bind that address
        is one of ours, and a Host that is an address can't come from a rebound name.
        """
        if asked.host in self._any_port:
            return True
        if self._wildcard and asked.is_ip and asked.host == normal_host(arrived_at):
            return True
        port = _DEFAULT_PORTS[scheme] if asked.port is None else asked.port
        return bool({Authority(asked.host, None), Authority(asked.host, port)} & self._allowed)

    def allows_origin(self, origin: Origin, asked: Authority, scheme: str) -> bool:
        """Whether a page of `origin` may change something at `asked`: its own page, or one
        served under an allowed name.

        An allowed name without port stands for the two default ports here: other programs on
        that host are other sites.
        """
        if scheme == "https" and origin.scheme != "https":
            return False
        default = origin.port == _DEFAULT_PORTS[origin.scheme]
        port = asked.port if asked.port is not None else origin.port if default else None
        if (origin.host, origin.port) == (asked.host, port):
            return True
        return Authority(origin.host, origin.port) in self._allowed or (
            default and Authority(origin.host, None) in self._allowed
        )

    def names(self) -> list[str]:
        """For people: what `allows` would take."""
        fixed = {str(Authority(host, None)) for host in self._any_port}
        return sorted(fixed | {str(authority) for authority in self._allowed})


def parse_allowed(entry: str) -> Authority:
    """An `--allow-host` entry. Raises ConfigError for a URL, a pattern or anything else."""
    authority = parse_authority(entry)
    if authority is None:
        raise ConfigError(
            f"--allow-host: seen {entry!r}, allowed is a name or address with or without port, "
            "such as dash.example.org, dash.example.org:8443 or [fe80::1]"
        )
    return authority
