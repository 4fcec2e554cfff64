"""What environment and configuration say, as far as it keeps figures from being seen."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from tachograph.cli.diagnosis.finding import Finding, note, ok, problem
from tachograph.errors import ConfigError
from tachograph.sdk.settings import Settings
from tachograph.server.config import ServerConfig, load_config


def disabled(environ: Mapping[str, str]) -> Iterator[Finding]:
    """TACHOGRAPH_DISABLED, as programs started from here get it."""
    if Settings(environ=environ).disabled:
        yield problem(
            "recording",
            f"TACHOGRAPH_DISABLED={environ['TACHOGRAPH_DISABLED']}: programs record nothing",
            "unset, or 0",
            "unset TACHOGRAPH_DISABLED where the program starts",
        )
    else:
        yield ok("recording", "not switched off here")


def journal_root(home: Path, url: str) -> tuple[Path | None, list[Finding]]:
    """Where programs started from here record: below the home, unless TACHOGRAPH_JOURNAL says
    otherwise. None where it says what no program can follow."""
    if not url:
        return home / "journal", []
    scheme, _, rest = url.partition(":")
    if scheme != "file" or not rest:
        return None, [
            problem(
                "journal",
                f"TACHOGRAPH_JOURNAL={scheme}:{'...' if rest else ''}",
                "file:/path",
                "unset TACHOGRAPH_JOURNAL, or give it such a path; until then programs here "
                "record nothing",
            )
        ]
    path = Path(os.path.abspath(Path(rest.removeprefix("//")).expanduser()))
    return path, [
        note(
            "journal",
            f"TACHOGRAPH_JOURNAL={url}: programs started here record into {path}, not into {home}",
            "the same for programs and dashboard",
            "start both with it, or both without",
        )
    ]


def configuration(
    environ: Mapping[str, str], folder: Path, root: Path | None
) -> tuple[ServerConfig | None, list[Finding]]:
    """What `tacho dashboard` would be told if it started in `folder`; None when it can't start.

    `root` is the journal that programs write.
    """
    try:
        config = load_config({}, environ=environ, directory=folder)
    except ConfigError as error:
        return None, [
            problem("config", str(error), "what is named there", "correct it; no dashboard starts")
        ]
    found = [ok("config", str(config.file) if config.file else f"no file in {folder}")]
    scheme, _, rest = (config.journal or "").partition(":")
    if scheme == "file" and rest and root is not None:
        path = Path(os.path.abspath(Path(rest.removeprefix("//")).expanduser()))
        if path != root:
            found.append(
                problem(
                    "journal",
                    f"the dashboard would read {path}, programs record into {root}",
                    "one journal for both",
                    f"export TACHOGRAPH_JOURNAL=file:{path} for the programs too",
                )
            )
    return config, found


def token(home: Path, environ: Mapping[str, str], uid: int) -> Iterator[Finding]:
    """The file with the dashboard's token: who may read it, and whether it counts."""
    path = home / "token"
    try:
        seen = path.lstat()
    except FileNotFoundError:
        yield ok("token", "none yet; the first dashboard makes it")
        return
    except OSError as error:
        yield problem("token", f"{path}: {error.strerror}", "this user's file", "see `access`")
        return
    mode = stat.S_IMODE(seen.st_mode)
    anew = f"delete {path}; the next dashboard makes one, and everybody logs in again"
    if not stat.S_ISREG(seen.st_mode) or seen.st_uid != uid:
        what = f"{path}: {stat.filemode(seen.st_mode)}, uid {seen.st_uid}"
        yield problem("token", what, f"a file of uid {uid}", anew)
    elif not seen.st_size:
        yield problem("token", f"{path} is empty", "visible ASCII without spaces", anew)
    elif mode & 0o077:
        yield note(
            "token",
            f"{path} has mode {mode:04o}: others may have read it",
            "0600",
            anew,
        )
    elif environ.get("TACHOGRAPH_TOKEN"):
        yield ok("token", f"mode {mode:04o}; TACHOGRAPH_TOKEN is set and counts instead")
    else:
        yield ok("token", f"mode {mode:04o}, in {path}")
