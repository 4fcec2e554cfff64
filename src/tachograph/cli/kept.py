"""What is kept of the programs of a home: by way of its server, or by hand where none runs."""

from __future__ import annotations

import http.client
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote, urlsplit

import msgspec

from tachograph.errors import ConfigError, JournalError, StoreError, TachographError
from tachograph.home import ensure_home, home_path
from tachograph.store.base import Store

#: A server that is busy with a large project may take its time.
_TIMEOUT_S = 120.0
#: A server that has just been stopped still gives its store back.
_LEASE_WAIT_S = 3.0


class Known(NamedTuple):
    """A source that is kept."""

    id: str
    service: str
    project: str
    pid: int
    lives: bool


class Kept(Protocol):
    """What is kept, and forgetting it. Raises TachographError with one clear sentence."""

    sources: list[Known]
    projects: set[str]

    def forget_source(self, id: str) -> None:
        """One that is over."""
        ...

    def forget_project(self, project: str) -> None:
        """One of which no source lives."""
        ...

    def close(self) -> None:
        """Whatever is open."""
        ...


class ByServer:
    """See `Kept`. Raises OSError where nobody answers."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._url = url
        self._headers = headers
        self.sources = [
            Known(
                one["id"], one["service"], one["project"], one["pid"], one.get("ended_at") is None
            )
            for one in self._items("/api/sources")
        ]
        self.projects = {one["project"] for one in self._items("/api/projects")}

    def forget_source(self, id: str) -> None:
        self._delete(f"/api/sources/{quote(id, safe='')}")

    def forget_project(self, project: str) -> None:
        self._delete(f"/api/projects/{quote(project, safe='')}")

    def close(self) -> None:
        pass

    def _items(self, path: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self._ask("GET", path)["items"]
        return items

    def _delete(self, path: str) -> None:
        try:
            self._ask("DELETE", path)
        except (OSError, http.client.HTTPException) as error:
            raise TachographError(
                f"the server at {self._url} has stopped answering ({error}); ask once more"
            ) from error

    def _ask(self, method: str, path: str) -> dict[str, Any]:
        # Not urllib's opener: the proxies of the environment are not for this machine.
        parts = urlsplit(self._url)
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        with closing(kind(parts.netloc, timeout=_TIMEOUT_S)) as connection:
            connection.request(method, f"{parts.path}{path}", headers=self._headers)
            response = connection.getresponse()
            body = response.read()
        if response.status == 200:
            return msgspec.json.decode(body, type=dict[str, Any])
        raise ConfigError(self._why(response.status, body))

    def _why(self, status: int, body: bytes) -> str:
        if status in (401, 403):
            return (
                f"the server at {self._url} takes another token than this; set TACHOGRAPH_TOKEN "
                "to the one for control that it was started with"
            )
        try:
            return str(msgspec.json.decode(body, type=dict[str, Any])["error"])
        except (msgspec.DecodeError, KeyError):
            return f"the server at {self._url} answered {status}; look at what it printed"


class ByHand:
    """See `Kept`. Holds the lease of the store, so no server works on it meanwhile."""

    def __init__(self, home: Path) -> None:
        from tachograph.sdk.settings import Settings

        self._journal = Settings().open_journal()
        self._store = _store(ensure_home(home))
        self.sources = self._known()
        self.projects = {one.project for one in self.sources}
        self.projects |= {one.key.project for one in self._store.series()}
        self.projects |= self._published().projects()

    def forget_source(self, id: str) -> None:
        self._delete_logs([id])
        self._store.forget(id)

    def forget_project(self, project: str) -> None:
        # First the logs: what has none can't be read and counted once more.
        self._delete_logs([one.id for one in self.sources if one.project == project])
        self._store.forget_project(project)
        published = self._published()
        published.forget(project)
        self._store.commit(meta={"topics": published.dump()})
        while self._store.sweep():
            pass

    def close(self) -> None:
        self._store.close()

    def _known(self) -> list[Known]:
        from tachograph.cli.sources import read
        from tachograph.core.source import SourceState

        decode = msgspec.msgpack.Decoder(SourceState).decode
        found = {one.id: (one.service, one.project, one.blob) for one in self._store.sources()}
        known = []
        for id in dict.fromkeys((*found, *self._journal.sources())):
            service, project, blob = found.get(id, ("unknown", "unknown", b""))
            pid = 0
            try:
                state = decode(blob) if blob else read(self._journal, id)
                if state is not None:
                    pid, service = state.source.pid, state.source.service
                    project = state.source.project
            except msgspec.DecodeError:
                pass  # it can be forgotten all the same
            known.append(Known(id, service, project, pid, self._journal.alive(id)))
        return known

    def _published(self) -> Any:
        from tachograph.core.published import Published

        published = Published()
        published.load(self._store.meta("topics") or [])
        return published

    def _delete_logs(self, ids: list[str]) -> None:
        for id in ids:
            self._journal.forget(id)
        left = set(ids).intersection(self._journal.sources())
        if left:
            raise JournalError(
                f"the log of {', '.join(sorted(left))} can't be deleted; see who owns the files "
                "in the journal's directory, and forget it again"
            )


def _store(home: Path) -> Store:
    from tachograph.server.config import load_config
    from tachograph.store.sqlite import SqliteStore

    config = load_config({})
    store: Store
    if config.store:
        from tachograph.server.app import open_store

        store = open_store(config, home, _LEASE_WAIT_S)
    else:
        store = SqliteStore(home / "store.db", _LEASE_WAIT_S)
    if not store.leased:
        store.close()
        raise StoreError(
            "another process holds the store of this home, and no server of it answers; "
            "tacho doctor says which; stop it, or wait until it has started"
        )
    return store


def kept() -> Kept:
    """By the server that TACHOGRAPH_SERVER names or that runs on this home, else by hand."""
    import os

    from tachograph import address

    home = home_path()
    named = os.environ.get("TACHOGRAPH_SERVER")
    if named or address.read(home) is not None:
        from tachograph.client import Server

        server = Server.found()
        try:
            return ByServer(server.url, server.headers)
        except (OSError, http.client.HTTPException) as error:
            if named:
                raise TachographError(
                    f"the server at {server.url} doesn't answer ({error}); is it running?"
                ) from error
    return ByHand(home)
