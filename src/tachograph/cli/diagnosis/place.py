"""The home: where it is, who chose it, and whose it is.

Nothing here makes or tightens a home, as the recorder would: a diagnosis leaves things as found.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from tachograph.cli.diagnosis.finding import Finding, note, ok, problem
from tachograph.errors import ConfigError
from tachograph.home import home_path

ELSEWHERE = "point TACHOGRAPH_HOME to a directory of your own"


def chosen(environ: Mapping[str, str]) -> tuple[Path | None, list[Finding]]:
    """The home's path and who chose it; None where none is known."""
    try:
        path = home_path(environ)
    except ConfigError as error:
        return None, [problem("home", str(error), "a path", ELSEWHERE)]
    named = environ.get("TACHOGRAPH_HOME", "")
    state = environ.get("XDG_STATE_HOME", "")
    if named and not Path(named).is_absolute() and not named.startswith("~"):
        return path, [
            note(
                "home",
                f"{path}, from TACHOGRAPH_HOME={named}, which depends on where a program starts",
                "an absolute path, or one that begins with ~",
                f"export TACHOGRAPH_HOME={path}",
            )
        ]
    if named:
        return path, [ok("home", f"{path}, from TACHOGRAPH_HOME")]
    if state and not Path(state).is_absolute():
        return path, [
            note(
                "home",
                f"{path}, the default: XDG_STATE_HOME={state} is relative, so it is ignored",
                "an absolute path",
                "correct XDG_STATE_HOME, or set TACHOGRAPH_HOME",
            )
        ]
    return path, [ok("home", f"{path}, {'from XDG_STATE_HOME' if state else 'the default'}")]


def defaults(environ: Mapping[str, str]) -> list[Path]:
    """Where homes of this user are that were chosen by fewer variables than this one."""
    found = []
    without: Mapping[str, str] = environ
    for name in ("TACHOGRAPH_HOME", "XDG_STATE_HOME"):
        without = {key: value for key, value in without.items() if key != name}
        with suppress(ConfigError):
            found.append(home_path(without))
    return found


def directory(path: Path, uid: int) -> Iterator[Finding]:
    """That it is there, a directory, this user's, and nobody else's to read."""
    try:
        seen, entry = path.stat(), path.lstat()
    except FileNotFoundError:
        yield _absent(path)
        return
    except OSError as error:
        allowed = "a directory that this user can enter"
        yield problem("access", f"{path}: {error.strerror}", allowed, ELSEWHERE)
        return
    mode = stat.S_IMODE(seen.st_mode)
    if not stat.S_ISDIR(seen.st_mode):
        yield problem("access", f"{path} is no directory", "a directory", ELSEWHERE)
    elif seen.st_uid != uid or entry.st_uid not in (uid, 0):
        owner = seen.st_uid if seen.st_uid != uid else entry.st_uid
        yield problem(
            "access",
            f"{path} belongs to uid {owner}, this is uid {uid}",
            "a home of one's own: programs and dashboard run as one user",
            f"run `tacho` as uid {owner}, or {ELSEWHERE}",
        )
    elif mode & 0o077:
        yield note(
            "access",
            f"mode {mode:04o}: others may enter",
            "0700",
            f"chmod 700 {path}; the next program that records does it too",
        )
    elif mode & 0o700 != 0o700:
        yield problem("access", f"mode {mode:04o}", "0700", f"chmod 700 {path}")
    else:
        yield ok("access", f"mode {mode:04o}, uid {uid}")


def _absent(path: Path) -> Finding:
    """It is made by the first program that records, where that can be."""
    above = next(parent for parent in path.parents if parent.exists())
    if os.access(above, os.W_OK | os.X_OK):
        return note(
            "access",
            f"{path} is not there yet",
            "the first program that records makes it",
            "record something; when a program has, it used another home or another user",
        )
    return problem(
        "access", f"{path} is not there, and {above} can't be written", "a place for it", ELSEWHERE
    )
