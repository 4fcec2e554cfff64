"""The machine around: container, limits of inotify, clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from tachograph.cli.diagnosis.disk import mount_of
from tachograph.cli.diagnosis.finding import Finding, note, ok, problem
from tachograph.journal.inotify import Inotify

_CGROUPS = ("docker", "kubepods", "containerd", "lxc", "libpod", "garden")
#: Watches that a dashboard needs besides one per living log: the journal and the place above.
_WATCHES = 2
#: This program is younger than that.
_EARLIEST = datetime(2025, 1, 1, tzinfo=UTC).timestamp()
_LATEST = datetime(2100, 1, 1, tzinfo=UTC).timestamp()


def is_container(root: Path, environ: Mapping[str, str]) -> str:
    """By what this runs in a container, "" when by nothing."""
    for mark in (".dockerenv", "run/.containerenv"):
        if (root / mark).exists():
            return f"/{mark}"
    try:
        groups = (root / "proc/1/cgroup").read_text(errors="replace")
    except OSError:
        groups = ""
    named = next((name for name in _CGROUPS if name in groups), "")
    if named:
        return f"{named} in /proc/1/cgroup"
    if environ.get("KUBERNETES_SERVICE_HOST"):
        return "KUBERNETES_SERVICE_HOST"
    return f"container={environ['container']}" if environ.get("container") else ""


def container(
    home: Path, root: Path, environ: Mapping[str, str], mountinfo: str
) -> Iterator[Finding]:
    """In one, the home has to be on a volume, or nobody outside sees it and it doesn't last."""
    why = is_container(root, environ)
    if not why:
        yield ok("container", "none")
        return
    mount = mount_of(home.resolve(), mountinfo)
    if mount is None or mount.point == "/":
        yield note(
            "container",
            f"in one ({why}), and the home is on no volume",
            "a volume, which dashboards outside see and which outlives the container",
            f"mount one at {home}",
        )
    else:
        yield ok("container", f"in one ({why}); the home is on a volume, {mount.point}")


def inotify(
    proc: Path, living_logs: int, begin: Callable[[], Inotify] = Inotify
) -> Iterator[Finding]:
    """Whether a dashboard would be told of new frames, or would have to look for them."""
    limits = {}
    for name in ("max_user_instances", "max_user_watches"):
        try:
            limits[name] = int((proc / "sys/fs/inotify" / name).read_text())
        except (OSError, ValueError):
            yield note(
                "inotify",
                "there is none on this system",
                "Linux's",
                "nothing: dashboards look at the files every 5 to 50 ms instead",
            )
            return
    need = living_logs + _WATCHES
    try:
        begin().close()
    except OSError as error:
        why = error.strerror or str(error)
        yield _raise("max_user_instances", f"{limits['max_user_instances']} ({why})", "one more")
        return
    if limits["max_user_watches"] < need:
        yield _raise("max_user_watches", str(limits["max_user_watches"]), f"at least {need}")
    else:
        yield ok("inotify", f"{limits['max_user_watches']} watches allowed, {need} needed")


def _raise(name: str, seen: str, allowed: str) -> Finding:
    return note(
        "inotify",
        f"fs.inotify.{name} is {seen}",
        allowed,
        f"sysctl fs.inotify.{name}=...; until then dashboards look at the files every 5 to 50 ms",
    )


def clock(now: float) -> Iterator[Finding]:
    """Instants are wall clock: figures of a wrong one are shown at a wrong time, or never."""
    try:
        seen = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        seen = f"{now} s since 1970"
    if _EARLIEST <= now < _LATEST:
        yield ok("clock", seen)
    else:
        yield problem(
            "clock",
            seen,
            "2025 to 2100",
            "set the clock right (timedatectl set-ntp true), then restart programs and dashboard",
        )
