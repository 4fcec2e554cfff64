"""`tacho dashboard`: the link, the facts, one clear sentence when it can't, and a clean end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tachograph.cli import main
from tachograph.cli.dashboard import facts
from tachograph.server.config import ServerConfig
from tachograph.server.serve import Service
from tachograph.store.sqlite import SqliteStore
from tests.cli.command import refused, tacho


class Running:
    """A dashboard that has printed its link. `facts` are the lines below it, by name."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        self.link = process.stdout.readline().strip()
        assert self.link.startswith("http://"), process.communicate()
        self.facts: dict[str, str] = {}
        while "stop" not in self.facts:
            name, _, text = process.stdout.readline().strip().partition(" ")
            self.facts[name] = text.strip()

    def end(self, number: int) -> tuple[int, str, str]:
        """Send a signal and wait: the exit code, and what it said from then on."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


@contextmanager
def running(
    home: Path, *options: str, environ: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """Start it on a free port."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tachograph", "dashboard", "--port", "0", *options],
        env={**os.environ, "TACHOGRAPH_HOME": str(home), **(environ or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Running(process)
        finally:
            process.kill()


def test_link_and_ctrl_c(home: Path) -> None:
    """The first line is the link, which opens the page's data; below it stand the facts; Ctrl-C
    ends it with code 0 and not another word, and everything is given back."""
    with running(home) as dashboard:
        assert set(dashboard.facts) == {"home", "journal", "store", "sources", "stop"}
        assert dashboard.facts["home"].endswith("/home")
        assert dashboard.facts["store"].endswith("/home/store.db")
        assert (dashboard.facts["sources"], dashboard.facts["stop"]) == ("none yet", "Ctrl-C")
        with httpx2.Client(follow_redirects=False) as browser:
            landed = browser.get(dashboard.link)
            assert (landed.status_code, landed.headers["location"]) == (303, "/")
            base = dashboard.link.partition("/?")[0]
            assert browser.get(f"{base}/api/topics/system").status_code == 200
        assert dashboard.end(signal.SIGINT) == (0, "", "")
    store = SqliteStore(home / "store.db", 0.0)
    assert store.leased
    store.close()


def test_sigterm_and_options(home: Path) -> None:
    """SIGTERM ends it as cleanly, by that signal as whoever sent it expects. What the options
    say holds: no token, the interval, the store; and over SSH it says how to reach it."""
    ssh = {"SSH_CONNECTION": "10.0.0.9 50000 10.0.0.5 22", "USER": "ada"}
    options = ("--token", "none", "--interval", "0.5", "--store", str(home.parent / "other.db"))
    with running(home, *options, environ=ssh) as dashboard:
        assert "token" not in dashboard.link
        port = dashboard.link.rstrip("/").rpartition(":")[2]
        assert dashboard.facts["remote"] == f"ssh -L {port}:localhost:{port} ada@10.0.0.5"
        assert dashboard.facts["store"].endswith("/other.db")
        seen = httpx2.get(f"{dashboard.link}api/topics/system").json()["value"]
        assert seen["interval_s"] == 0.5
        assert dashboard.end(signal.SIGTERM) == (-signal.SIGTERM, "", "")
    store = SqliteStore(home.parent / "other.db", 0.0)
    assert store.leased
    store.close()


def test_a_second_one(home: Path) -> None:
    """A second one on the same home serves too, and notes that it stores nothing."""
    config = ServerConfig(port=0)
    first = Service(config, home=home)
    second = Service(config, home=home, lease_wait_s=0.0)
    assert facts(first).notes == ()
    assert facts(second).notes == (
        "another server holds this home's store; this one runs live only",
    )
    for service in (second, first):
        service.close()


def test_port_in_use(home: Path) -> None:
    """A port that is taken is one sentence, code 2."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = refused(tacho("dashboard", "--port", str(port), home=home))
    assert said == (
        f"port {port} on localhost is in use by another program; choose one with --port, or stop it"
    )


@pytest.mark.parametrize(
    ("words", "environ", "said"),
    [
        (("--port", "http"), {}, "--port: seen 'http', allowed is a whole number from 0 to 65535"),
        (("--interval", "0"), {}, "--interval: seen 0.0, allowed is a number of seconds from 0.05"),
        (("--host", "localhost:80"), {}, "--host: seen 'localhost:80', allowed is a name or an"),
        (("--token", "none", "--host", "0.0.0.0"), {}, "--token none with --host 0.0.0.0"),
        (("--config", "/nowhere/t.toml"), {}, "/nowhere/t.toml can't be read"),
        (("--store", "mysql://here"), {}, "store mysql:... is not known to this version"),
        ((), {"TACHOGRAPH_PORT": "x"}, "TACHOGRAPH_PORT: seen 'x', allowed is a whole number"),
        ((), {"TACHOGRAPH_JOURNAL": "pigeon:x"}, "journal pigeon:... is not known"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple | dict) else "",
)
def test_what_cannot_be(
    home: Path,
    words: tuple[str, ...],
    environ: Mapping[str, str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever is asked for wrongly is one sentence that says what was seen and what is
    allowed, code 2; a token is never shown."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert main(["dashboard", "--port", "0", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"tacho: {said}")
    assert err.count("\n") == 1


def test_a_store_that_is_none(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A store that is no database is one sentence with where it was moved to; nothing of it is
    lost, and the next start begins a new one."""
    home.mkdir()
    (home / "store.db").write_bytes(b"this is no database" * 100)
    assert main(["dashboard", "--port", "0"]) == 2
    moved = next(home.glob("store.db.damaged-*"))
    assert moved.read_bytes() == b"this is no database" * 100
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert f"it was moved to {moved}" in err
    Service(ServerConfig(port=0), home=home).close()


def test_as_many_viewers_as_the_system_allows(home: Path) -> None:
    """Each viewer is an open file: the dashboard takes what the system allows, however few its
    shell was given."""
    import resource

    command = f"ulimit -Sn 256; exec {sys.executable} -m tachograph dashboard --no-open --port 0"
    process = subprocess.Popen(
        ["sh", "-c", command],
        env={**os.environ, "TACHOGRAPH_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert Running(process).link
            soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
            assert soft == hard > 256
        finally:
            process.terminate()
