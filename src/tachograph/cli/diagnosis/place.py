"""The home: where it is, whose, and whether programs can write there what a dashboard reads.

Nothing here makes or tightens a home, as the recorder would: a diagnosis leaves things as found.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tachograph.cli.diagnosis.finding import Finding, note, ok, problem
from tachograph.errors import ConfigError
from tachograph.home import home_path
from tachograph.journal.file import FREE_SHARE, SEGMENT_BYTES, SOURCE_BYTES, TOTAL_BYTES
from tachograph.journal.segment import free_bytes

_ELSEWHERE = "point TACHOGRAPH_HOME to a directory of your own"
_LOST = {
    "overlay": "a container's own layer: it goes with the container",
    "tmpfs": "memory: it is gone after a reboot",
    "ramfs": "memory: it is gone after a reboot",
}
_NETWORK = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "virtiofs", "ceph")


class Mount(NamedTuple):
    """A mount point and the type of the file system on it."""

    point: str
    kind: str


def chosen(environ: Mapping[str, str]) -> tuple[Path | None, list[Finding]]:
    """The home's path and who chose it; None where none is known."""
    try:
        path = home_path(environ)
    except ConfigError as error:
        return None, [problem("home", str(error), "a path", _ELSEWHERE)]
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


def directory(path: Path, uid: int) -> Iterator[Finding]:
    """That it is there, a directory, this user's, and nobody else's to read."""
    try:
        seen, entry = path.stat(), path.lstat()
    except FileNotFoundError:
        yield _absent(path)
        return
    except OSError as error:
        allowed = "a directory that this user can enter"
        yield problem("access", f"{path}: {error.strerror}", allowed, _ELSEWHERE)
        return
    mode = stat.S_IMODE(seen.st_mode)
    if not stat.S_ISDIR(seen.st_mode):
        yield problem("access", f"{path} is no directory", "a directory", _ELSEWHERE)
    elif seen.st_uid != uid or entry.st_uid not in (uid, 0):
        owner = seen.st_uid if seen.st_uid != uid else entry.st_uid
        yield problem(
            "access",
            f"{path} belongs to uid {owner}, this is uid {uid}",
            "a home of one's own: programs and dashboard run as one user",
            f"run `tacho` as uid {owner}, or {_ELSEWHERE}",
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
        "access", f"{path} is not there, and {above} can't be written", "a place for it", _ELSEWHERE
    )


def writable(path: Path) -> Iterator[Finding]:
    """By writing and syncing a file, which is deleted again: permissions alone don't tell."""
    if not path.is_dir():
        return
    probe = path / f".doctor-{os.getpid()}"
    try:
        descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            written = os.write(descriptor, bytes(4096))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
            probe.unlink()
        if written < 4096:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(probe))
    except OSError as error:
        yield problem(
            "write",
            f"a file in {path} can't be written: {error.strerror or error}",
            "4 KiB written and synced",
            _mend(error.errno),
        )
    else:
        yield ok("write", "a file was written, synced and deleted")


def _mend(code: int | None) -> str:
    if code in (errno.ENOSPC, errno.EDQUOT):
        return "free some space (or quota) there; programs go on by themselves when there is some"
    if code == errno.EROFS:
        return f"the file system is read-only: remount or mount a volume there, or {_ELSEWHERE}"
    return _ELSEWHERE


def mounts(mountinfo: str) -> list[Mount]:
    """The mounts that a /proc/PID/mountinfo lists, later ones last."""
    found = []
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        words, tail = left.split(), right.split()
        if len(words) >= 5 and tail:
            point = words[4].encode().decode("unicode_escape")
            found.append(Mount(point, tail[0]))
    return found


def mount_of(path: Path, mountinfo: str) -> Mount | None:
    """The mount that holds `path`, which need not exist yet. Of several on one point the last."""
    best = None
    for mount in mounts(mountinfo):
        at = Path(mount.point)
        if (path == at or at in path.parents) and (
            best is None or len(mount.point) >= len(best.point)
        ):
            best = mount
    return best


def file_system(path: Path, mountinfo: str) -> Iterator[Finding]:
    """What kind of disk it is: some forget, some don't tell when files change."""
    mount = mount_of(path.resolve(), mountinfo)
    if mount is None:
        return
    seen = f"{mount.kind}, mounted on {mount.point}"
    if mount.kind in _LOST:
        yield note(
            "disk",
            f"{seen}: {_LOST[mount.kind]}",
            "a disk, or a volume, that stays",
            _ELSEWHERE + " on one, unless it may be lost",
        )
    elif mount.kind in _NETWORK:
        yield note(
            "disk",
            f"{seen}: a network file system",
            "a local disk: who lives is told by locks, what is new by inotify, and over a network "
            "neither is reliable",
            _ELSEWHERE + " on a local disk",
        )
    else:
        yield ok("disk", seen)


def room(
    path: Path, journal_bytes: int, free: int | None = None, files: int | None = None
) -> Iterator[Finding]:
    """Free space, against what the journal may take and what it needs to go on."""
    if free is None:
        above = next(place for place in (path, *path.parents) if place.exists())
        free, files = free_bytes(str(above)), _free_files(above)
    cap = min(TOTAL_BYTES, int(FREE_SHARE * (free + journal_bytes)))
    seen = f"{size(free)} free; the journal takes {size(journal_bytes)} of at most {size(cap)}"
    if free < SEGMENT_BYTES or files == 0:
        no_files = ", and no file can be made (inodes)" if files == 0 else ""
        allowed = f"{size(SEGMENT_BYTES)} for each program that records"
        yield problem("space", seen + no_files, allowed, _mend(errno.ENOSPC))
    elif cap < SOURCE_BYTES:
        yield note(
            "space",
            seen,
            f"{size(int(SOURCE_BYTES / FREE_SHARE))} free, so that one program's log has its place",
            "free some space, or ended programs are forgotten early",
        )
    else:
        yield ok("space", seen)


def _free_files(path: Path) -> int | None:
    """None where the file system has no such limit."""
    if not hasattr(os, "statvfs"):
        return None
    disk = os.statvfs(path)
    return disk.f_favail if disk.f_files else None


def size(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
