"""Who this process is: service, project, commit, and an id that no other start shares."""

from __future__ import annotations

import os
import re
import secrets
import socket
import sys
import time
from pathlib import Path

from tachograph._version import __version__
from tachograph.model import Source
from tachograph.sdk import limits

_SECRET = re.compile(
    r"(?i)(pass(?:word|wd)?|token|secret|api[-_]?key|key|auth(?:orization)?|credentials?)(=|:|$)"
)
_URL = re.compile(r"(?<=://)[^/@\s:]+:[^/@\s]+(?=@)")


def scrubbed(command: list[str]) -> tuple[str, ...]:
    """A command line without values of options that look secret, and without URL passwords."""
    words: list[str] = []
    hide = False
    for word in command[:64]:
        word = _URL.sub("***:***", word)
        if hide and not word.startswith("-"):
            words.append("***")
            hide = False
            continue
        hide = False
        name, mark, _ = word.partition("=")
        if _SECRET.search(name.lstrip("-")) and (mark or word.startswith("-")):
            hide = not mark
            word = f"{name}=***" if mark else word
        words.append(limits.text(word, 256))
    return tuple(words)


def git_root(start: Path) -> Path | None:
    """The folder above `start`, or itself, that holds `.git`."""
    for folder in (start, *start.parents):
        if (folder / ".git").exists():
            return folder
    return None


def git_commit(root: Path | None) -> str:
    """The commit that is checked out, "" where there is none. Reads files, starts nothing."""
    if root is None:
        return ""
    try:
        git = root / ".git"
        if git.is_file():  # a worktree or a submodule
            git = (root / git.read_text().split(":", 1)[1].strip()).resolve()
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref:"):
            return head[:40]
        ref = head.split(None, 1)[1]
        common = git / "commondir"
        roots = [git]
        if common.exists():
            roots.append((git / common.read_text().strip()).resolve())
        for base in roots:
            if (base / ref).exists():
                return (base / ref).read_text().strip()[:40]
            packed = base / "packed-refs"
            if packed.exists():
                for line in packed.read_text().splitlines():
                    if line.endswith(" " + ref):
                        return line[:40]
    except (OSError, IndexError, UnicodeDecodeError):
        pass
    return ""


def default_service() -> str:
    """The script's name; for `python -m package`, the package's."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name and spec.name != "__main__":
        name = str(spec.name)
        return name.removesuffix(".__main__")
    path = getattr(main, "__file__", None) or (sys.argv[0] if sys.argv else "")
    stem = Path(path).stem if path and path not in ("-", "-c") else ""
    return stem or "python"


def started_of(id: str) -> tuple[int, float] | None:
    """Process id and start (s since the epoch) that an id was made of; None for a foreign id."""
    parts = id.split("-")
    try:
        return int(parts[1]), int(parts[0], 16) / 1000
    except (IndexError, ValueError):
        return None


def new_source(
    service: str | None, project: str | None, interval_s: float, parent: str = ""
) -> Source:
    """This process as a source, with a fresh id."""
    try:
        here = Path.cwd()
    except OSError:  # the directory is gone
        here = Path("/")
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    root = git_root(Path(script).resolve().parent) if script else None
    root = root or git_root(here)
    started = time.time_ns()
    return Source(
        id=f"{started // 1_000_000:x}-{os.getpid()}-{secrets.token_hex(4)}",
        service=limits.text(service or default_service(), limits.MAX_NAME),
        project=limits.text(project or (root or here).name or "default", limits.MAX_NAME),
        host=socket.gethostname(),
        pid=os.getpid(),
        started_ns=started,
        command=scrubbed(getattr(sys, "orig_argv", None) or sys.argv),
        git_commit=git_commit(root),
        python=".".join(map(str, sys.version_info[:3])),
        sdk=__version__,
        parent=parent,
        interval_s=interval_s,
    )
