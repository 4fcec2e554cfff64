"""The directory where Tachograph keeps what outlives a process: journal, store, token, cookie key.

Who can't read the user's files can neither read what programs record nor command them, so the
directory is 0700 and the secrets in it are 0600. On Windows the profile's own access list does
that; owner and mode are left alone there.
"""

from __future__ import annotations

import base64
import errno
import os
import stat
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tachograph.errors import ConfigError

_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_WRONG_PLACE = "point TACHOGRAPH_HOME to a directory of your own"


def home_path(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """Where the home is, whether it exists or not; always absolute.

    `TACHOGRAPH_HOME`, else `$XDG_STATE_HOME/tachograph` on every system, else the system's own
    place for state. Raises ConfigError where no home directory of the user is known.
    """
    if chosen := environ.get("TACHOGRAPH_HOME"):
        return _expanded(chosen, environ).absolute()
    state = environ.get("XDG_STATE_HOME", "")
    # The specification of these directories: a relative path is to be ignored.
    if state and Path(state).is_absolute():
        return Path(state) / "tachograph"
    if platform == "win32":
        local = environ.get("LOCALAPPDATA")
        base = Path(local) if local else _user_home(environ) / "AppData" / "Local"
    elif platform == "darwin":
        base = _user_home(environ) / "Library" / "Application Support"
    else:
        base = _user_home(environ) / ".local" / "state"
    return base / "tachograph"


def _expanded(path: str, environ: Mapping[str, str]) -> Path:
    """`~` and `~/...` by the environment given; `~name` by the system's list of users."""
    first, *rest = Path(path).parts
    if first == "~":
        return _user_home(environ).joinpath(*rest)
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ConfigError(f"TACHOGRAPH_HOME is {path}: there is no such user") from error


def _user_home(environ: Mapping[str, str]) -> Path:
    named = environ.get("HOME") or environ.get("USERPROFILE")
    if named:
        return Path(named)
    try:
        return Path.home()
    except RuntimeError as error:
        raise ConfigError(f"no home directory is known for this user; {_WRONG_PLACE}") from error


def ensure_home(path: Path) -> Path:
    """Create the directory for its owner alone, or check and tighten the one that is there.

    Raises ConfigError when it belongs to another user, is not a directory, or can't be
    created or written. Safe to call from several processes at once.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        seen = path.stat()
        entry = path.lstat()
    except FileExistsError as error:
        raise ConfigError(f"{error.filename} is not a directory; {_WRONG_PLACE}") from error
    except OSError as error:
        why = error.strerror or error
        raise ConfigError(f"{path} can't be created ({why}); {_WRONG_PLACE}") from error
    # A link that somebody else put there would let them choose the directory.
    _check_owner(path, seen, (os.geteuid(),) if _has_owners() else ())
    _check_owner(path, entry, (os.geteuid(), 0) if _has_owners() else ())
    _tighten(path, seen, 0o700)
    effective = os.access in os.supports_effective_ids
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK, effective_ids=effective):
        mode = stat.S_IMODE(path.stat().st_mode)
        raise ConfigError(f"{path} is not writable (mode {mode:04o}); {_WRONG_PLACE}")
    return path


def _has_owners() -> bool:
    return hasattr(os, "geteuid")


def _check_owner(path: Path, seen: os.stat_result, allowed: tuple[int, ...]) -> None:
    if allowed and seen.st_uid not in allowed:
        raise ConfigError(
            f"{path} belongs to another user (uid {seen.st_uid}, this is {os.geteuid()}); "
            f"{_WRONG_PLACE}"
        )


def _tighten(path: Path, seen: os.stat_result, widest: int) -> None:
    """Take away what others were granted; never grant anything."""
    mode = stat.S_IMODE(seen.st_mode)
    if _has_owners() and mode & ~widest:
        try:
            path.chmod(mode & widest)
        except OSError as error:
            raise ConfigError(
                f"{path} has mode {mode:04o} and can't be made private ({error.strerror}); "
                f"{_WRONG_PLACE}"
            ) from error


def read_or_create_secret(path: Path, nbytes: int = 24) -> str:
    """The secret in the file, made from `nbytes` random bytes if there is none yet.

    Processes that race for the first call all return the same value. Whoever writes the file
    by hand may choose the value. Raises ConfigError, which never holds the value.
    """
    try:
        if not path.exists():
            _create(path, _url_safe(nbytes))
        return _read(path)
    except OSError as error:
        why = error.strerror or error
        raise ConfigError(f"{path} can't be read or created ({why}); {_WRONG_PLACE}") from error


def _url_safe(nbytes: int) -> str:
    """Random text for a secret, as `secrets.token_urlsafe` makes it, which also loads hashlib:
    every program that records imports this module."""
    return base64.urlsafe_b64encode(os.urandom(nbytes)).rstrip(b"=").decode()


def _create(path: Path, secret: str) -> None:
    """Put the file there with its content, unless another process was faster."""
    draft = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    _write_new(draft, secret)
    try:
        with suppress(FileExistsError):
            os.link(draft, path)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        _create_without_links(path, secret)
    finally:
        draft.unlink()


def _create_without_links(path: Path, secret: str) -> None:
    """As good as such a file system allows: `_read` waits for the moment in between."""
    with suppress(FileExistsError):
        _write_new(path, secret)


def _write_new(path: Path, secret: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(secret + "\n")
        file.flush()
        os.fsync(descriptor)


def _read(path: Path) -> str:
    seen = path.lstat()
    if not stat.S_ISREG(seen.st_mode):
        raise ConfigError(f"{path} is not a regular file; delete it, and a new one is made")
    _check_owner(path, seen, (os.geteuid(),) if _has_owners() else ())
    _tighten(path, seen, 0o600)
    for _ in range(100):
        if secret := path.read_bytes().strip():
            return _printable(path, secret)
        time.sleep(0.01)
    raise ConfigError(f"{path} is empty; delete it, and a new one is made")


def _printable(path: Path, secret: bytes) -> str:
    if any(not 0x21 <= byte <= 0x7E for byte in secret):
        raise ConfigError(
            f"{path} holds bytes other than visible ASCII without spaces; "
            "delete it, and a new one is made"
        )
    return secret.decode("ascii")
