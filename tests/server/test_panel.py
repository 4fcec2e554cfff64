"""The start-up panel: for people on a terminal, for scripts everywhere else."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from tachograph.server.panel import Facts, launch_url, render, show, ssh_line, ssh_target


def some_facts(**changes: Any) -> Facts:
    facts: dict[str, Any] = {
        "host": "localhost",
        "port": 8765,
        "token": "s3cret",
        "home": "/home/u/.local/state/tachograph",
        "journal": "files",
        "store": "SQLite [live only]",
        "sources": 3,
    }
    return Facts(**{**facts, **changes})


def printed(facts: Facts, *, terminal: bool, width: int = 80) -> str:
    stream = io.StringIO()
    show(facts, Console(file=stream, force_terminal=terminal, width=width, color_system=None))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("host", "token", "url"),
    [
        ("localhost", "s3cret", "http://localhost:8765/?token=s3cret"),
        ("localhost", None, "http://localhost:8765/"),
        ("0.0.0.0", "s", "http://localhost:8765/?token=s"),
        ("::", "s", "http://localhost:8765/?token=s"),
        ("::1", "s", "http://[::1]:8765/?token=s"),
        ("192.168.1.5", "a&b=/?", "http://192.168.1.5:8765/?token=a%26b%3D%2F%3F"),
    ],
)
def test_link(host: str, token: str | None, url: str) -> None:
    """The link opens in a browser as it stands."""
    assert launch_url(host, 8765, token) == url


def test_plain() -> None:
    """Not on a terminal the first line is the link and nothing else, then the facts, no box."""
    lines = printed(some_facts(notes=("Another server holds the store.",)), terminal=False)
    assert lines.splitlines() == [
        "http://localhost:8765/?token=s3cret",
        "home     /home/u/.local/state/tachograph",
        "journal  files",
        "store    SQLite [live only]",
        "sources  3 seen",
        "note     Another server holds the store.",
        "stop     Ctrl-C",
    ]
    assert lines.endswith("\n")


def test_plain_is_never_wrapped() -> None:
    """A link longer than any line stays one line."""
    token = "t" * 300
    first = printed(some_facts(token=token), terminal=False, width=40).splitlines()[0]
    assert first == f"http://localhost:8765/?token={token}"


def test_terminal() -> None:
    """On a terminal the same facts stand in a box, below a link that is one piece."""
    text = printed(some_facts(token="t" * 100), terminal=True, width=50)
    link, top, *rest = text.splitlines()
    assert link == "http://localhost:8765/?token=" + "t" * 100
    assert "Tachograph" in top
    assert top.startswith("╭")
    assert rest[-1].startswith("╰")
    assert "SQLite [live only]" in text
    assert "3 seen" in text
    assert "Ctrl-C" in text
    assert max(len(line) for line in [top, *rest]) <= 50


def test_terminal_folds() -> None:
    """A path that is wider than the terminal is folded, not cut."""
    home = "/" + "abcdefghi/" * 9
    text = printed(some_facts(home=home), terminal=True, width=40)
    kept = "".join(character for character in text if character.isalnum() or character == "/")
    assert "abcdefghi/" * 9 in kept


def test_no_sources() -> None:
    """No source yet is said in words."""
    assert "sources  none yet" in str(render(some_facts(sources=0), terminal=False))


@pytest.mark.parametrize(
    ("environ", "target"),
    [
        ({"SSH_CONNECTION": "10.0.0.9 50000 10.0.0.1 22", "USER": "ann"}, "ann@10.0.0.1"),
        ({"SSH_CONNECTION": "10.0.0.9 1 10.0.0.1 2222", "LOGNAME": "a"}, "-p 2222 a@10.0.0.1"),
        ({"SSH_CONNECTION": "fd00::9 1 fd00::1 22"}, "fd00::1"),
        ({"SSH_CONNECTION": "odd", "USER": "ann"}, None),
        ({"USER": "ann"}, None),
    ],
)
def test_ssh_target(environ: dict[str, str], target: str | None) -> None:
    """Where the login came in is where the tunnel can come in."""
    assert ssh_target(environ) == target


@pytest.mark.parametrize(
    ("host", "line"),
    [
        ("localhost", "ssh -L 8765:localhost:8765 ann@box"),
        ("0.0.0.0", "ssh -L 8765:localhost:8765 ann@box"),
        ("192.168.1.5", "ssh -L 8765:192.168.1.5:8765 ann@box"),
        ("::1", "ssh -L 8765:[::1]:8765 ann@box"),
    ],
)
def test_ssh_line(host: str, line: str) -> None:
    """Over SSH the panel says what to type at home; elsewhere it doesn't speak of it."""
    facts = some_facts(host=host, ssh="ann@box")
    assert ssh_line(facts) == line
    assert f"remote   {line}" in printed(facts, terminal=False)
    assert line in printed(facts, terminal=True, width=100)
    assert ssh_line(some_facts(host=host)) is None
    assert "ssh" not in printed(some_facts(host=host), terminal=False)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:s3cr:e@t@db:5432/x?a=@", "postgresql://ann:***@db:5432/x?a=@"),
        ("redis://:s3cret@db/0", "redis://:***@db/0"),
        ("postgresql://ann@db/x", "postgresql://ann@db/x"),
        ("nats://db:4222", "nats://db:4222"),
        ("~/a:b@c/store.db", "~/a:b@c/store.db"),
    ],
)
def test_password_in_url(url: str, shown: str) -> None:
    """Where the history goes is shown, the password to get there isn't."""
    facts = some_facts(store=url, journal=url)
    for terminal in (False, True):
        assert printed(facts, terminal=terminal).count(shown) == 2
    assert "s3cr" not in repr(facts)


def test_repr_shows_no_token() -> None:
    """What lands in a log by accident holds no token."""
    assert "s3cret" not in repr(some_facts())
