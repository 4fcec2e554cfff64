"""The disk that a home lies on: whether it takes what is written, keeps it, and has room."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tachograph.cli.diagnosis.finding import Finding, note, ok, problem
from tachograph.cli.diagnosis.place import ELSEWHERE
from tachograph.journal.file import FREE_SHARE, SEGMENT_BYTES, SOURCE_BYTES, TOTAL_BYTES
from tachograph.journal.segment import free_bytes

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
        return f"the file system is read-only: remount or mount a volume there, or {ELSEWHERE}"
    return ELSEWHERE


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
            ELSEWHERE + " on one, unless it may be lost",
        )
    elif mount.kind in _NETWORK:
        yield note(
            "disk",
            f"{seen}: a network file system",
            "a local disk: who lives is told by locks, what is new by inotify, and over a network "
            "neither is reliable",
            ELSEWHERE + " on a local disk",
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
