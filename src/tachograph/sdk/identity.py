"""Who this process is: service, project, commit, and an id that no other start shares."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tachograph._version import __version__
from tachograph.model import Source
from tachograph.sdk import limits
from tachograph.sdk.ids import new_id
from tachograph.sdk.notebook import notebook_service
from tachograph.sdk.scrub import Scrubber


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
    """The script's name; for `python -m package`, the package's; in Jupyter, the notebook's."""
    notebook = notebook_service()
    if notebook is not None:
        return notebook
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name and spec.name != "__main__":
        name = str(spec.name)
        return name.removesuffix(".__main__")
    path = getattr(main, "__file__", None) or (sys.argv[0] if sys.argv else "")
    stem = Path(path).stem if path and path not in ("-", "-c") else ""
    return stem or "python"


def new_source(
    service: str | None,
    project: str | None,
    interval_s: float,
    parent: str = "",
    scrub: Scrubber | None = None,
) -> Source:
    """This process as a source, with a fresh id."""
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    folder = Path(script).resolve().parent if script else None
    source = _source(new_id(), folder, service or default_service(), project, interval_s)
    return msgspec.structs.replace(
        source,
        pid=os.getpid(),
        command=(scrub or Scrubber()).command(getattr(sys, "orig_argv", None) or sys.argv),
        python=".".join(map(str, sys.version_info[:3])),
        parent=parent or os.environ.get("TACHOGRAPH_PARENT", ""),
    )


def child_source(
    id: str,
    pid: int,
    command: Sequence[str],
    service: str,
    project: str | None,
    interval_s: float,
    scrub: Scrubber | None = None,
) -> Source:
    """Another process as a source, reported by this one."""
    folder = next((Path(word).resolve().parent for word in command[1:] if _is_file(word)), None)
    source = _source(id, folder, service, project, interval_s)
    return msgspec.structs.replace(source, pid=pid, command=(scrub or Scrubber()).command(command))


def _is_file(word: str) -> bool:
    try:
        return Path(word).is_file()
    except (OSError, ValueError):
        return False


def _source(
    id: str, folder: Path | None, service: str, project: str | None, interval_s: float
) -> Source:
    try:
        here = Path.cwd()
    except OSError:  # the directory is gone
        here = Path("/")
    root = (git_root(folder) if folder else None) or git_root(here)
    return Source(
        id=id,
        service=limits.text(service, limits.MAX_NAME),
        project=limits.text(project or (root or here).name or "default", limits.MAX_NAME),
        host=socket.gethostname(),
        pid=0,
        started_ns=time.time_ns(),
        git_commit=git_commit(root),
        sdk=__version__,
        interval_s=interval_s,
    )
