"""What `tacho dashboard` says when it has started. Pure but for `show`, which prints it.

On a terminal it is a panel below the link; anywhere else plain lines, the link first and
alone on its line, so that a script reads one line and has it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from rich.console import Console, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

_WILDCARDS = ("", "0.0.0.0", "::")
# Up to the last @ before the path: a password may hold one.
_PASSWORD = re.compile(r"(://[^/?#:]*:)[^/?#]*@")
_SSH_PORT = "22"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known once the server listens. `port` is the one bound; `token` None: none needed.

    A password in the URL of `journal` or `store` is not shown. `ssh` is what `ssh_target` made
    of the environment. `notes` are sentences that somebody should read, such as that another
    server holds the store.
    """

    host: str
    port: int
    token: str | None = field(repr=False)
    home: str
    journal: str = field(repr=False)
    store: str = field(repr=False)
    sources: int
    ssh: str | None = None
    notes: tuple[str, ...] = ()


def launch_url(host: str, port: int, token: str | None) -> str:
    """The link that logs a browser in. A server on all addresses is named localhost."""
    query = "" if token is None else f"?token={quote(token, safe='')}"
    return f"http://{_bracketed(_local(host))}:{port}/{query}"


def without_password(url: str) -> str:
    """`scheme://user:***@host/...`; what is no URL with a password stays as it is."""
    return _PASSWORD.sub(r"\1***@", url)


def _local(host: str) -> str:
    return "localhost" if host in _WILDCARDS else host


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def ssh_target(environ: Mapping[str, str] = os.environ) -> str | None:
    """`user@host` of the SSH login that this runs in, with `-p` where the port is not 22; None
    without one."""
    # Address and port of the client, then those of the server, as sshd sets them.
    words = environ.get("SSH_CONNECTION", "").split()
    if len(words) != 4:
        return None
    address, port = words[2:]
    user = environ.get("USER") or environ.get("LOGNAME")
    target = f"{user}@{address}" if user else address
    return target if port == _SSH_PORT else f"-p {port} {target}"


def ssh_line(facts: Facts) -> str | None:
    """What to type on one's own machine to reach the server from there; None outside SSH."""
    if facts.ssh is None:
        return None
    end = f"{_bracketed(_local(facts.host))}:{facts.port}"
    return f"ssh -L {facts.port}:{end} {facts.ssh}"


def render(facts: Facts, *, terminal: bool) -> RenderableType:
    """Plain text without a last newline; or, for a terminal, the panel that goes below the link."""
    if terminal:
        return Panel(_grid(facts), title="Tachograph", expand=False)
    lines = [launch_url(facts.host, facts.port, facts.token)]
    return "\n".join(lines + [f"{name:8} {value}" for name, value in _rows(facts)])


def _grid(facts: Facts) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    # A path or a command that is cut can't be used.
    grid.add_column(overflow="fold")
    for name, value in _rows(facts):
        grid.add_row(Text(name), Text(value))
    return grid


def _rows(facts: Facts) -> list[tuple[str, str]]:
    ssh = ssh_line(facts)
    return [
        ("home", facts.home),
        ("journal", without_password(facts.journal)),
        ("store", without_password(facts.store)),
        ("sources", f"{facts.sources} seen" if facts.sources else "none yet"),
        *([] if ssh is None else [("remote", ssh)]),
        *[("note", note) for note in facts.notes],
        ("stop", "Ctrl-C"),
    ]


def show(facts: Facts, console: Console | None = None) -> None:
    """Print it, to standard output by default."""
    console = console or Console()
    if not console.is_terminal:
        console.file.write(f"{render(facts, terminal=False)}\n")
        console.file.flush()
        return
    # Outside the panel and never wrapped: a link in pieces can't be clicked or copied.
    console.print(Text(launch_url(facts.host, facts.port, facts.token), "bold"), soft_wrap=True)
    console.print(render(facts, terminal=True))
