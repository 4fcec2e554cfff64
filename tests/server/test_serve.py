"""Binding and serving: one clear sentence when it can't be, and everything given back."""

from __future__ import annotations

import errno
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tachograph import address
from tachograph.errors import ConfigError
from tachograph.server import serve
from tachograph.server.config import ServerConfig
from tachograph.server.serve import Service, bind
from tests.server.serving import PATIENCE_S, TOKEN, bearer, serving


@contextmanager
def taken(host: str = "127.0.0.1") -> Iterator[int]:
    """A port that another program listens on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        yield listener.getsockname()[1]


def close(sockets: list[socket.socket]) -> None:
    for one in sockets:
        one.close()


def has(address: str) -> bool:
    """Whether this machine has it: a container may be without IPv6."""
    try:
        with taken(address):
            return True
    except OSError:
        return False


LOOPBACK = [address for address in ("127.0.0.1", "::1") if has(address)]


def test_localhost_is_both() -> None:
    """localhost is IPv4 and IPv6 where the machine has both, on one port, whichever a browser
    tries first and whatever the hosts file says."""
    sockets = bind("localhost", 0)
    names = {one.getsockname()[0]: one.getsockname()[1] for one in sockets}
    close(sockets)
    assert list(names) == LOOPBACK
    assert len(set(names.values())) == 1


def test_localhost_without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where IPv6 is switched off, IPv4 alone serves."""
    listen = serve._listen

    def only_four(family: int, *more: Any) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        return listen(family, *more)

    monkeypatch.setattr(serve, "_listen", only_four)
    sockets = bind("localhost", 0)
    names = [one.getsockname()[0] for one in sockets]
    close(sockets)
    assert names == ["127.0.0.1"]


@pytest.mark.parametrize("host", LOOPBACK)
def test_one_address(host: str) -> None:
    """An address is that address alone."""
    sockets = bind(host, 0)
    names = [one.getsockname()[0] for one in sockets]
    close(sockets)
    assert names == [host]


@pytest.mark.parametrize("address", LOOPBACK)
def test_port_in_use(address: str) -> None:
    """A port that is taken at any address of the host is refused with one sentence, which says
    what to do; nothing stays open."""
    with taken(address) as port:
        with pytest.raises(ConfigError) as caught:
            bind("localhost", port)
        assert str(caught.value) == (
            f"port {port} on localhost is in use by another program; "
            "choose one with --port, or stop it"
        )
    close(bind("localhost", port))


def test_a_free_port_is_free_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the port that is free at one address is taken at the next, another one is tried."""
    listen, refusals = serve._listen, [2]

    def unlucky(family: int, kind: int, number: int, address: Any) -> socket.socket:
        if address[1] and refusals[0]:
            refusals[0] -= 1
            raise OSError(errno.EADDRINUSE, "Address already in use")
        return listen(family, kind, number, address)

    again = (socket.AF_INET, socket.SOCK_STREAM, 0, ("127.0.0.2", 0))
    monkeypatch.setattr(serve, "_LOOPBACK", [serve._LOOPBACK[0], again])
    monkeypatch.setattr(serve, "_listen", unlucky)
    sockets = bind("localhost", 0)
    assert (len(sockets), refusals) == (2, [0])
    close(sockets)


def test_no_such_host() -> None:
    """A host that isn't known here is refused with its name."""
    with pytest.raises(ConfigError, match=r"host 'no-such-host\.invalid' has no address"):
        bind("no-such-host.invalid", 0)


def test_an_address_of_another_machine() -> None:
    """An address that this machine doesn't have is refused with the reason."""
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1:0 can't be listened on \("):
        bind("192.0.2.1", 0)


def test_a_port_for_root_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that this user may not open is refused with what is allowed."""

    def refused(*_: object) -> socket.socket:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(serve, "_listen", refused)
    with pytest.raises(ConfigError) as caught:
        bind("localhost", 80)
    assert "port 80 may not be opened by this user; choose one above 1023" in str(caught.value)


def test_served_on_both(home: Path) -> None:
    """The page answers under its name and under both addresses."""
    with serving(home) as served:
        for host in ("localhost", *(f"[{one}]" if ":" in one else one for one in LOOPBACK)):
            answer = httpx2.get(f"http://{host}:{served.port}/api/topics", headers=bearer())
            assert answer.status_code == 200


def test_stop(home: Path) -> None:
    """After `stop` the port and the store are free for the next one, at once, also when clients
    were connected; a stop before the start, or a second one, does nothing."""
    for _ in range(2):
        with serving(home) as served, served.page("topics=own") as page:
            page.next()
            assert served.follower.store.leased
            port = served.port
            served.service.stop()
            served.service.stop()
    close(bind("localhost", port))
    idle = Service(ServerConfig(port=0), home=home)
    idle.stop()
    idle.close()


def test_never_served(home: Path) -> None:
    """A service that was made and never run gives back what it took, when it is closed."""
    first = Service(ServerConfig(port=0, token=TOKEN), home=home)
    assert first.server.follower.store.leased
    first.close()
    first.close()
    second = Service(ServerConfig(port=first.port, token=TOKEN), home=home, lease_wait_s=0)
    assert second.server.follower.store.leased
    second.close()


def test_what_cannot_be_built(home: Path) -> None:
    """When the application can't be put together the port is free again."""
    with pytest.raises(ConfigError, match="redis:"):
        Service(ServerConfig(port=0, journal="redis://here"), home=home)
    with pytest.raises(ConfigError, match="postgresql:"):
        Service(ServerConfig(port=0, store="postgresql://here/db"), home=home)
    with taken() as port:
        pass
    with pytest.raises(ConfigError):
        Service(ServerConfig(port=port, journal="redis://here"), home=home)
    close(bind("localhost", port))


def test_journal_and_store_elsewhere(home: Path, tmp_path: Path) -> None:
    """Both can lie outside of the home, by path or by URL."""
    journal, store = tmp_path / "j", tmp_path / "s.db"
    for store_named in (str(store), f"sqlite://{store}"):
        service = Service(
            ServerConfig(port=0, journal=f"file:{journal}", store=store_named), home=home
        )
        service.server.follower.hub.publish("own", "", {"a": 1}, 0.0)
        service.close()
        assert store.exists()
        assert not (home / "store.db").exists()


def test_forwarded_headers_are_hearsay(home: Path) -> None:
    """A client on this machine can't choose the address that its wrong tokens count under."""
    with serving(home) as served:
        statuses = [
            served.http.get(
                "/api/topics",
                headers={**bearer("wrong"), "X-Forwarded-For": f"10.0.0.{n}"},
            ).status_code
            for n in range(25)
        ]
    assert statuses == [401] * 20 + [429] * 5


def test_two_servers_on_one_home(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The second one runs live only, and says so to its clients; with the first one gone the
    next start has the store again."""
    with serving(home) as first, serving(home) as second:
        first.publish("own", {"a": 1})
        with first.page() as one, second.page() as other:
            assert (one.next()["stored"], other.next()["stored"]) == (True, False)
        assert second.http.get("/healthz").status_code == 200
    with serving(home) as third, third.page() as page:
        assert page.next()["stored"]
        assert third.value("own") == {"a": 1}


def test_a_failing_follower_is_reported(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """If the loop itself fails, the log has the reason: figures that stand still look well."""
    service = Service(ServerConfig(port=0, token=TOKEN), home=home)

    def broken(ids: object) -> None:
        raise RuntimeError("no journal today")

    service.server.follower.ingest.mark = broken  # type: ignore[method-assign]
    started = threading.Event()
    thread = threading.Thread(target=service.run, args=(started.set,))
    with caplog.at_level(logging.ERROR):
        thread.start()
        assert started.wait(PATIENCE_S)
        service.stop()
        thread.join(PATIENCE_S)
    assert "the follower stopped" in caplog.text
    assert "no journal today" in caplog.text


def test_commands_find_the_server(home: Path) -> None:
    """While it serves, its address stands in the home; one without the store, which could not do
    what it is asked, leaves that of the other alone."""
    with serving(home) as served:
        seen = address.read(home)
        assert seen is not None
        assert httpx2.get(f"{seen.url}/healthz").json() == {"status": "ok"}
        assert seen.url == f"http://localhost:{served.port}"
        with serving(home) as second:
            assert not second.follower.store.leased
        assert address.read(home) == seen
    assert address.read(home) is None
