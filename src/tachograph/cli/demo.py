"""`tacho demo`: the dashboard, and beside it a real job in four processes."""

from __future__ import annotations

import argparse
import dataclasses
import errno
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from tachograph.errors import ConfigError

if TYPE_CHECKING:
    from tachograph.server.config import ServerConfig
    from tachograph.server.serve import Service

#: The job has so long to end by itself.
PATIENCE_S = 10.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("path", nargs="?", help="folder to catalogue (Python's own library)")
    parser.add_argument(
        "--port", help="port to listen on, 0 for a free one (8765, else a free one)"
    )
    parser.add_argument(
        "--open",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="open the page in a browser",
    )
    parser.add_argument("--once", action="store_true", help="end after one pass over the folder")


def run(args: argparse.Namespace) -> int:
    """Serve and work until Ctrl-C. Raises TachographError for what can't be."""
    folder = None if args.path is None else checked(Path(args.path))
    _stop_on_sigterm()
    try:
        with tempfile.TemporaryDirectory(
            prefix="tachograph-demo-", ignore_cleanup_errors=True
        ) as home:
            return _demo(args, folder, Path(home))
    except KeyboardInterrupt:
        return 0


def checked(folder: Path) -> Path:
    """The folder, absolute, if the job has anything to do in it; ConfigError otherwise."""
    if not folder.exists():
        raise ConfigError(f"{folder} doesn't exist; name a folder with files in it")
    if not folder.is_dir():
        raise ConfigError(f"{folder} is a file; name the folder that it is in")
    if not any(files for _, _, files in os.walk(folder)):
        raise ConfigError(
            f"{folder} holds no file that can be seen; name a folder with files in it"
        )
    return folder.absolute()


def _stop_on_sigterm() -> None:
    """SIGTERM ends the demo as Ctrl-C does, so that nothing is left behind."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)


def _demo(args: argparse.Namespace, folder: Path | None, home: Path) -> int:
    from tachograph.server.config import load_config

    # Nothing of the user's: neither their variables nor a tachograph.toml around here.
    config = load_config({"port": args.port, "open": args.open}, environ={}, directory=home)
    service = _service(config, home, free_port=args.port is None)
    notes = ["the home is this demo's own and goes with it"]
    if config.port not in (0, service.port):
        notes.insert(0, f"port {config.port} is in use by another program, so it is {service.port}")
    jobs: list[subprocess.Popen[bytes]] = []
    with ExitStack() as ends:

        def ready() -> None:
            # The job speaks too, so it begins when the address has been said.
            _announce(service, notes)
            jobs.append(ends.enter_context(_job(folder, home, args.once)))
            threading.Thread(target=_watch, args=(jobs[0], service), daemon=True).start()

        service.run(ready)
        code = jobs[0].poll() if jobs else 0
    return code or 0


def _service(config: ServerConfig, home: Path, free_port: bool) -> Service:
    """The dashboard on the configured port; on a free one where that is allowed and needed."""
    from tachograph.server.serve import Service

    try:
        return Service(config, home=home)
    except ConfigError as error:
        cause = error.__cause__
        taken = isinstance(cause, OSError) and cause.errno == errno.EADDRINUSE
        if not (taken and free_port):
            raise
        return Service(dataclasses.replace(config, port=0), home=home)


def _announce(service: Service, notes: list[str]) -> None:
    from tachograph.cli import dashboard
    from tachograph.server.panel import show

    facts = dashboard.facts(service)
    show(dataclasses.replace(facts, notes=(*facts.notes, *notes)))
    dashboard.open_page(service)


@contextmanager
def _job(folder: Path | None, home: Path, once: bool) -> Iterator[subprocess.Popen[bytes]]:
    """The job in a process group of its own, with a pipe for a lifeline.

    When the pipe closes, the job ends by itself, so it doesn't outlive a demo that was killed.
    """
    environ = {key: one for key, one in os.environ.items() if not key.startswith("TACHOGRAPH_")}
    command = [sys.executable, "-m", "tachograph.demo", "--until-stdin-ends", "--nice", "10"]
    command += [] if once else ["--repeat"]
    command += [] if folder is None else ["--", str(folder)]
    job = subprocess.Popen(
        command,
        env={**environ, "TACHOGRAPH_HOME": str(home)},
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield job
    finally:
        assert job.stdin is not None
        job.stdin.close()
        try:
            job.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            _kill(job)


def _kill(job: subprocess.Popen[bytes]) -> None:
    """The job and its workers."""
    if hasattr(os, "killpg"):
        os.killpg(job.pid, signal.SIGKILL)
    job.kill()
    job.wait()


def _watch(job: subprocess.Popen[bytes], service: Service) -> None:
    """When the job is over, so is the demo."""
    job.wait()
    service.stop()
