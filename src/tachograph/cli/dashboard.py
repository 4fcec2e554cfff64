"""`tacho dashboard`: serve the live page until Ctrl-C."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import webbrowser
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tachograph.server.panel import Facts
    from tachograph.server.serve import Service

SWITCH = argparse.BooleanOptionalAction


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options; one that isn't given is left to environment, file and default."""
    parser.add_argument("--host", help="address to listen on (localhost)")
    parser.add_argument("--port", help="port to listen on, 0 for a free one (8765)")
    parser.add_argument("--interval", help="seconds between two updates, 0.05 to 60 (1.0)")
    parser.add_argument("--token", metavar="T", help="token to ask for; none: ask for none")
    parser.add_argument("--config", metavar="FILE", help="configuration (tachograph.toml)")
    parser.add_argument("--store", metavar="URL", help="history store (store.db in the home)")
    parser.add_argument(
        "--allow-host", metavar="H", action="append", help="a name this server is reached by"
    )
    parser.add_argument(
        "--trust-proxy", action="store_true", default=None, help="believe X-Forwarded-*"
    )
    parser.add_argument("--open", action=SWITCH, default=None, help="open the page in a browser")


def run(args: argparse.Namespace) -> int:
    """Serve. Raises TachographError for what can't be."""
    from tachograph.server.config import load_config
    from tachograph.server.panel import show
    from tachograph.server.resources import claim
    from tachograph.server.serve import Service

    logging.basicConfig(level=logging.WARNING, format="tacho: %(message)s")
    config = load_config(vars(args))
    service = Service(config)
    claim()

    def started() -> None:
        show(facts(service))
        open_page(service)

    try:
        service.run(started)
    except KeyboardInterrupt:
        pass  # it was asked to stop, and it has stopped
    return 0


def facts(service: Service) -> Facts:
    """What the panel shows of a service."""
    from tachograph.server.about import short
    from tachograph.server.panel import Facts, ssh_target

    server = service.server
    notes = []
    if not server.follower.store.leased:
        notes.append("another server holds this home's store; this one runs live only")
    return Facts(
        host=server.config.host,
        port=service.port,
        token=server.launch_token,
        home=short(server.home),
        journal=server.config.journal or short(server.home / "journal"),
        store=server.config.store or short(server.home / "store.db"),
        sources=len(server.follower.live.sources),
        ssh=ssh_target(),
        notes=tuple(notes),
    )


def open_page(service: Service) -> None:
    """Show the page, when it is wanted or a person sits here and nothing else was said."""
    from tachograph.server.panel import launch_url

    config = service.server.config
    wanted = config.open_browser
    if wanted or (wanted is None and sys.stdout.isatty() and _has_browser()):
        url = launch_url(config.host, service.port, service.server.launch_token)
        webbrowser.open(launch_page(service.server.home, url).as_uri())


def launch_page(home: Path, url: str) -> Path:
    """A file that sends the browser on to `url`, readable by its owner only.

    The address holds the token, and every user of a machine may read a command line.
    """
    page = home / "open.html"
    page.unlink(missing_ok=True)
    descriptor = os.open(page, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f'<!doctype html><meta http-equiv="refresh" content="0;url={escape(url)}">')
    return page


def _has_browser() -> bool:
    if os.environ.get("SSH_CONNECTION"):
        return False
    return sys.platform in ("darwin", "win32") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
