"""Which dashboard runs on this home, and who else sits on the port that it would take."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from tachograph import address
from tachograph.cli.diagnosis.finding import Finding, note, ok, problem
from tachograph.journal.life import held

_TIMEOUT_S = 2.0
_START = "tacho dashboard"


def server(home: Path, own_store: bool = True) -> Iterator[Finding]:
    """The one that says it serves `home`, or that holds its store. `own_store` is false when the
    configuration puts the store elsewhere."""
    known = address.read(home)
    if known is not None:
        yield from _known(known.url, known.pid, time.time() - known.started_at)
        return
    lease = home / "store.db.lease"
    if own_store and held(str(lease)):
        pid = lease.read_text(errors="replace").strip() or "unknown"
        yield note(
            "dashboard",
            f"process {pid} holds the store of this home and doesn't say where it listens",
            f"{address.NAME} in the home",
            "it is starting, runs in another container, or is of an earlier version: look at what "
            "it printed, or stop it",
        )
        return
    yield note(
        "dashboard",
        "none runs on this home",
        "not needed for recording",
        f"{_START} (it shows what was recorded before, too)",
    )


def _known(url: str, pid: int, since_s: float) -> Iterator[Finding]:
    parts = urlsplit(url)
    host, port = parts.hostname or "localhost", parts.port or 80
    healthy = _status(host, port, "/healthz")
    seen = f"{url}, pid {pid}, for {_span(since_s)}"
    if healthy != http.client.OK:
        said = f"status {healthy}" if healthy else "no answer"
        yield problem(
            "dashboard",
            f"{seen}, gives {said} to /healthz",
            "200",
            f"it hangs or is about to end: stop process {pid} and start it again",
        )
    elif _status(host, port, "/readyz") != http.client.OK:
        yield note(
            "dashboard",
            f"{seen}, is still reading the journal",
            "200 at /readyz",
            "wait a moment; the page shows older figures until then",
        )
    else:
        yield ok("dashboard", seen)


def port(number: int, home: Path) -> Iterator[Finding]:
    """The one that `tacho dashboard` would take. What answers there may be another home's."""
    if not number:
        return
    known = address.read(home)
    if known is not None and (urlsplit(known.url).port or 80) == number:
        return
    if not any(_listens(host, number) for host in ("127.0.0.1", "::1")):
        yield ok("port", f"{number} is free")
        return
    tell = note if known is not None else problem
    if is_tachograph("localhost", number):
        yield tell(
            "port",
            f"localhost:{number} answers, and is the dashboard of another home or user",
            "the dashboard of this home",
            f"{_START} --port 0, and open the address that it prints; or stop the other one",
        )
    else:
        yield tell(
            "port",
            f"{number} is in use by another program, no Tachograph",
            "a free port",
            f"{_START} --port 0, or another number",
        )


def is_tachograph(host: str, number: int) -> bool:
    """Whether a dashboard of any home answers there: no other says no the way it does."""
    try:
        answer = json.loads(_get(host, number, "/api/topics")[1])
    except (OSError, ValueError, http.client.HTTPException):
        return False
    return isinstance(answer, dict) and (
        {"error", "seen", "allowed"} <= answer.keys() or {"items", "next"} <= answer.keys()
    )


def _status(host: str, number: int, path: str) -> int:
    """0 for no answer."""
    try:
        return _get(host, number, path)[0]
    except (OSError, http.client.HTTPException):
        return 0


def _get(host: str, number: int, path: str) -> tuple[int, bytes]:
    """Directly: no proxy that the environment names stands between."""
    connection = http.client.HTTPConnection(host, number, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(1 << 16)
    finally:
        connection.close()


def _listens(host: str, number: int) -> bool:
    try:
        socket.create_connection((host, number), _TIMEOUT_S).close()
    except OSError:
        return False
    return True


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
