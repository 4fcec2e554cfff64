"""Other homes on this machine in which programs record: the commonest reason to see nothing.

By what this user may look at: directories of other users, and the environment and the open files
of processes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tachograph.cli.diagnosis.finding import Finding, note, ok, problem
from tachograph.errors import ConfigError
from tachograph.home import home_path
from tachograph.journal.file import FileJournal
from tachograph.sdk.settings import Settings

#: Where homes of other users and of services lie, below the root.
PLACES = (
    "home/*/.local/state/tachograph",
    "root/.local/state/tachograph",
    "var/lib/tachograph",
    "var/lib/private/tachograph",
    "Users/*/Library/Application Support/tachograph",
)
_SEGMENT = re.compile(r"(?P<root>/.+)/[^/]+/\d{8}\.seg(?P<deleted> \(deleted\))?")


class Place(NamedTuple):
    """A journal that isn't ours. `writes`: a process has it open; otherwise it is only told to
    write there. `deleted`: a log was deleted while it was written."""

    journal: str
    writes: bool
    contained: bool
    deleted: bool


def homes(
    own: Path,
    root: Path,
    somebody_lives: bool,
    somebody_was: bool = True,
    also: Iterable[Path] = (),
) -> Iterator[Finding]:
    """Homes at the usual places, and at `also`, which aren't this one. What ended there is told
    of when nobody ever recorded here."""
    closed = []
    usual = [path for place in PLACES for path in sorted(root.glob(place))]
    for path in dict.fromkeys(path.resolve() for path in (*also, *usual)):
        if path == own.resolve():
            continue
        try:
            os.listdir(path)
        except FileNotFoundError:
            continue
        except OSError:
            closed.append(str(path))
        else:
            yield from _home(path, somebody_lives, somebody_was)
    if closed:
        yield note(
            "elsewhere",
            f"homes that this user can't read: {_some(closed)}",
            "programs and dashboard of one user",
            "look there as that user: sudo -u NAME tacho sources",
        )


def _home(path: Path, somebody_lives: bool, somebody_was: bool) -> Iterator[Finding]:
    journal = FileJournal(path / "journal")
    logs = journal.sources()
    live = sum(journal.alive(id) for id in logs)
    uid = path.stat().st_uid
    if live:
        tell = note if somebody_lives else problem
        yield tell(
            "elsewhere",
            f"programs of uid {uid} that record into {path}: {live}",
            "this home, to be seen on its page",
            f"as uid {uid}: TACHOGRAPH_HOME={path} tacho dashboard; or start them otherwise",
        )
    elif logs and not somebody_was:
        yield note(
            "elsewhere",
            f"programs of uid {uid} that have recorded into {path}: {len(logs)}",
            "this home, to be seen on its page",
            f"as uid {uid}: TACHOGRAPH_HOME={path} tacho dashboard",
        )


def processes(
    own: Path, proc: Path, somebody_lives: bool, but_pid: int | None = None
) -> Iterator[Finding]:
    """Processes which record into another journal than `own`, or which are told to."""
    if not proc.is_dir():
        return
    here = os.getpid() if but_pid is None else but_pid
    found: dict[Place, list[str]] = {}
    switched_off: list[str] = []
    for pid in sorted(int(entry.name) for entry in proc.iterdir() if entry.name.isdigit()):
        if pid == here:
            continue
        who = f"{pid} ({_command(proc, pid)})"
        for place in _places(proc, pid, own):
            found.setdefault(place, []).append(who)
        if Settings(environ=_variables(proc, pid)).disabled:
            switched_off.append(who)
    written = {place.journal for place in found if place.writes}
    for place, pids in found.items():
        if place.writes or place.journal not in written:
            tell = problem if place.writes and not somebody_lives else note
            yield tell("elsewhere", *_said(place, _some(pids)))
    if switched_off:
        yield note(
            "elsewhere",
            f"TACHOGRAPH_DISABLED is set for pid {_some(switched_off)}",
            "unset, where something is to be recorded",
            "start them without it",
        )
    if not found:
        yield ok("elsewhere", "no process that this user may look into records into another home")


def _said(place: Place, who: str) -> tuple[str, str, str]:
    """Seen, allowed, to do."""
    home = place.journal.removesuffix("/journal")
    if place.deleted:
        return (
            f"pid {who} records into {place.journal}, which was deleted under it",
            "a journal that stays while programs record",
            "nothing: with its next frame it makes it again; don't delete what is written",
        )
    if place.contained:
        return (
            f"pid {who} records into {home} of a container",
            "a home that container and dashboard share",
            f"mount this home as a volume at {home} there",
        )
    variable = f"TACHOGRAPH_HOME={home}"
    if home == place.journal:
        variable = f"TACHOGRAPH_JOURNAL=file:{home}"
    return (
        f"pid {who} {'records' if place.writes else 'would record'} into {home}",
        "this home, to be seen on its page",
        f"start the dashboard with {variable}, or the program without it",
    )


def _places(proc: Path, pid: int, own: Path) -> Iterator[Place]:
    """Where a process writes: by its open segments, and before its first one by its variables."""
    contained = _link(proc / str(pid) / "ns/mnt") != _link(proc / "self/ns/mnt")
    written = {
        Place(match["root"], True, contained, bool(match["deleted"]))
        for link in _written_files(proc, pid)
        if (match := _SEGMENT.fullmatch(link))
    }
    told = "" if written else _told(proc, pid)
    places = written or {Place(told, False, contained, False)}
    for place in sorted(places):
        if place.journal and (contained or place.deleted or not _same(place.journal, own)):
            yield place


def _told(proc: Path, pid: int) -> str:
    """The journal that a process was told to write, "" when it wasn't told."""
    environ = _variables(proc, pid)
    url = environ.get("TACHOGRAPH_JOURNAL", "")
    if url.startswith("file:"):
        return url.removeprefix("file:").removeprefix("//")
    if "TACHOGRAPH_HOME" not in environ:
        return ""
    path = Path(environ["TACHOGRAPH_HOME"])
    if path.is_absolute() or str(path).startswith("~"):
        try:
            return str(home_path(environ) / "journal")
        except ConfigError:
            return ""
    folder = _link(proc / str(pid) / "cwd")
    return str(Path(folder) / path / "journal") if folder else ""


def _same(journal: str, own: Path) -> bool:
    return os.path.realpath(journal) == os.path.realpath(own)


def _written_files(proc: Path, pid: int) -> list[str]:
    """What a process has open, except for what it only reads: dashboards read segments."""
    folder = proc / str(pid)
    try:
        names = os.listdir(folder / "fd")
    except OSError:  # another user's, or it has ended
        return []
    return [_link(folder / "fd" / name) for name in names if not _only_reads(folder, name)]


def _only_reads(folder: Path, descriptor: str) -> bool:
    try:
        flags = re.search(r"^flags:\s*(\d+)", (folder / "fdinfo" / descriptor).read_text(), re.M)
    except OSError:
        return False
    return flags is not None and int(flags[1], 8) & os.O_ACCMODE == os.O_RDONLY


def _variables(proc: Path, pid: int) -> dict[str, str]:
    try:
        data = (proc / str(pid) / "environ").read_bytes()
    except OSError:
        return {}
    pairs = (os.fsdecode(entry).partition("=") for entry in data.split(b"\0") if entry)
    return {name: value for name, _, value in pairs}


def _command(proc: Path, pid: int) -> str:
    """Program and script, or module. No more of it: what follows may hold secrets."""
    try:
        data = (proc / str(pid) / "cmdline").read_bytes()
    except OSError:
        data = b""
    first, *words = [os.fsdecode(word) for word in data.split(b"\0") if word] or ["?"]
    named = words[:2] if words[:1] == ["-m"] else [w for w in words[:1] if not w.startswith("-")]
    text = " ".join([os.path.basename(first), *named])
    return text if len(text) <= 40 else f"{text[:39]}…"


def _link(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
