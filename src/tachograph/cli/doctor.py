"""`tacho doctor`: what is found here, what is missing, and why nothing is seen.

Works on the base install, needs no server, and makes or changes nothing but files that it deletes
again. The checks are in `diagnosis`.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import msgspec

import tachograph
from tachograph.cli.diagnosis import (
    disk,
    elsewhere,
    install,
    logs,
    machine,
    place,
    serving,
    settings,
    trial,
)
from tachograph.cli.diagnosis.finding import Finding, examined
from tachograph.journal.file import FileJournal

#: So long the journal is read, newest logs first.
READING_S = 3.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--json", action="store_true", help="the findings as JSON")


def run(args: argparse.Namespace) -> int:
    """Print what was found; 1 when there is a problem."""
    found = examine()
    if args.json:
        marks = Counter(finding.mark for finding in found)
        answer = {
            "version": tachograph.__version__,
            "problems": marks["problem"],
            "notes": marks["note"],
            "findings": [_utf8(finding) for finding in found],
        }
        print(msgspec.json.format(msgspec.json.encode(answer)).decode())
    else:
        print(text(found))
    return 1 if any(finding.mark == "problem" for finding in found) else 0


def examine(
    environ: Mapping[str, str] = os.environ, root: Path = Path("/"), uid: int | None = None
) -> list[Finding]:
    """Everything, in the order of the way that a figure takes. `root` is where /proc, /home and
    the like lie; `uid` who asks, this process's user by default."""
    home, found = place.chosen(environ)
    if uid is None and hasattr(os, "geteuid"):
        uid = os.geteuid()
    return [
        *_installation(environ),
        *found,
        *(() if home is None else _home(home, environ, root, uid)),
        *examined("trial", lambda: trial.round_trip(environ)),
        *examined("clock", lambda: machine.clock(time.time())),
    ]


def _installation(environ: Mapping[str, str]) -> list[Finding]:
    version, file = tachograph.__version__, tachograph.__file__
    return [
        *examined("python", install.python),
        *examined("tachograph", lambda: install.package(version, file)),
        *examined("extras", install.extras),
        *examined("recording", lambda: settings.disabled(environ)),
    ]


def _home(home: Path, environ: Mapping[str, str], root: Path, uid: int | None) -> list[Finding]:
    proc = root / "proc"
    mounts = _text(proc / "self/mountinfo")
    journal_root, told = settings.journal_root(home, environ.get("TACHOGRAPH_JOURNAL", ""))
    config, configured = settings.configuration(environ, Path.cwd(), journal_root)
    journal = FileJournal(journal_root or home / "journal")
    seen, read = _journal(journal)
    alive = sum(log.alive for log in seen)
    size = sum(log.size_bytes for log in seen)
    number = config.port if config is not None else 0
    own_store = config is None or config.store is None
    return [
        *(() if uid is None else _owned(home, environ, uid)),
        *examined("write", lambda: disk.writable(journal.root if seen else home)),
        *examined("disk", lambda: disk.file_system(home, mounts)),
        *examined("container", lambda: machine.container(home, root, environ, mounts)),
        *examined("space", lambda: disk.room(home, size)),
        *told,
        *configured,
        *read,
        *examined(
            "elsewhere",
            lambda: elsewhere.homes(home, root, alive > 0, bool(seen), place.defaults(environ)),
        ),
        *examined("elsewhere", lambda: elsewhere.processes(journal.root, proc, alive > 0)),
        *examined("dashboard", lambda: serving.server(home, own_store)),
        *examined("port", lambda: serving.port(number, home)),
        *examined("inotify", lambda: machine.inotify(proc, alive)),
    ]


def _owned(home: Path, environ: Mapping[str, str], uid: int) -> list[Finding]:
    """Where files have an owner and a mode."""
    return [
        *examined("access", lambda: place.directory(home, uid)),
        *examined("token", lambda: settings.token(home, environ, uid)),
    ]


def _journal(journal: FileJournal) -> tuple[list[logs.Log], list[Finding]]:
    """The logs, and what is to be said of them."""
    deadline = time.monotonic() + READING_S
    seen: list[logs.Log] = []

    def look() -> list[Finding]:
        seen.extend(logs.look(journal, lambda: time.monotonic() < deadline))
        return [
            *logs.journal(str(journal.root), seen, dict(journal.errors)),
            *logs.sources(seen, time.time()),
        ]

    return seen, examined("journal", look)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="surrogateescape")
    except OSError:
        return ""


def text(found: list[Finding]) -> str:
    """A line per finding, the mark first; below what isn't well, what is allowed and to do."""
    lines = []
    for finding in found:
        lines.append(f"{finding.mark:<8} {finding.about:<10} {_printable(finding.seen)}")
        if finding.mark != "ok":
            lines.append(f"{'':<19} allowed: {_printable(finding.allowed)}")
            lines.append(f"{'':<19} to do:   {_printable(finding.to_do)}")
    marks = Counter(finding.mark for finding in found)
    lines.append(f"{_count(marks['problem'], 'problem')}, {_count(marks['note'], 'note')}")
    return "\n".join(lines)


def _utf8(finding: Finding) -> Finding:
    """A path may be any bytes; JSON may not."""
    words = msgspec.structs.asdict(finding)
    return Finding(**{key: text.encode("utf-8", "replace").decode() for key, text in words.items()})


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def _printable(words: str) -> str:
    """Names of other processes must not play with the terminal."""
    out = "".join(c if c.isprintable() else "?" for c in words)
    return out.encode(sys.stdout.encoding or "ascii", "replace").decode(
        sys.stdout.encoding or "ascii"
    )
