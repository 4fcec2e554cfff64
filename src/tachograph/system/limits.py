"""Cores and memory that a process may use: the machine's, its affinity, its cgroups.

Control groups of both versions, and every ancestor's limit, since the tightest holds. Paths
in mountinfo are taken below the directory in which `proc` lies, which is / for /proc.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from typing import NamedTuple

from tachograph.system.process import Machine


class _Group(NamedTuple):
    """The directories of one hierarchy from the process's group up to the mount."""

    version: int
    controllers: frozenset[str]
    directories: list[str]


def read_machine(proc: str, pid: int) -> Machine:
    """What `pid` has at its disposal. Whatever can't be read limits nothing."""
    stat = _text(f"{proc}/stat").splitlines()
    online = sum(line.startswith("cpu") and line[3:4].isdigit() for line in stat)
    booted = next((float(line.split()[1]) for line in stat if line.startswith("btime ")), 0.0)
    # The mask often names cores that the machine could have but has not.
    online = online or os.cpu_count() or 1
    cores = float(min(_allowed(proc, pid) or online, online))
    memory = _memory_total(proc)
    for group in _groups(proc, pid):
        for directory in group.directories:
            cores = min(cores, _quota(directory, group) or cores)
            memory = min(memory, _memory_limit(directory, group) or memory)
    return Machine(cores, memory, booted)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def _allowed(proc: str, pid: int) -> int:
    """How many cores the affinity allows, 0 when nothing says so."""
    for line in _text(f"{proc}/{pid}/status").splitlines():
        if line.startswith("Cpus_allowed_list:"):
            ranges = [part.split("-") for part in line.split(":")[1].strip().split(",")]
            return sum(int(ends[-1]) - int(ends[0]) + 1 for ends in ranges)
    return 0


def _memory_total(proc: str) -> int:
    for line in _text(f"{proc}/meminfo").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _groups(proc: str, pid: int) -> Iterator[_Group]:
    paths: dict[str, str] = {}
    for line in _text(f"{proc}/{pid}/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        paths.update(dict.fromkeys(names.split(","), path))
    top = posixpath.dirname(posixpath.abspath(proc)).rstrip("/")
    for line in _text(f"{proc}/{pid}/mountinfo").splitlines():
        mount, _, tail = line.partition(" - ")
        kind, _, options = [*tail.split(), "", "", ""][:3]
        if kind not in ("cgroup", "cgroup2"):
            continue
        root, point = (part.replace("\\040", " ") for part in mount.split()[3:5])
        controllers = frozenset(options.split(",")) if kind == "cgroup" else frozenset(("",))
        for path in {paths[name] for name in controllers if name in paths}:
            directories = _upwards(top + point, _below(path, root))
            yield _Group(1 if kind == "cgroup" else 2, controllers, directories)


def _below(path: str, root: str) -> str:
    """A group's path as seen from the mount, which shows the hierarchy from `root` on."""
    if root != "/" and (path == root or path.startswith(root + "/")):
        path = path[len(root) :]
    # "/.." is a group outside of what this namespace shows.
    return "" if path.startswith("/..") else path.strip("/")


def _upwards(point: str, path: str) -> list[str]:
    parts = path.split("/") if path else []
    return ["/".join([point, *parts[:depth]]) for depth in range(len(parts), -1, -1)]


def _quota(directory: str, group: _Group) -> float | None:
    """Cores that the group may keep busy, None without a limit."""
    if group.version == 2:
        quota, _, period = _text(f"{directory}/cpu.max").strip().partition(" ")
    elif "cpu" in group.controllers:
        quota = _text(f"{directory}/cpu.cfs_quota_us").strip()
        period = _text(f"{directory}/cpu.cfs_period_us").strip()
    else:
        return None
    if not quota.isdigit() or not period.isdigit() or not int(period):
        return None
    return int(quota) / int(period) or None


def _memory_limit(directory: str, group: _Group) -> int | None:
    """Bytes that the group may hold, None without a limit."""
    if group.version == 2:
        limit = _text(f"{directory}/memory.max").strip()
    elif "memory" in group.controllers:
        limit = _text(f"{directory}/memory.limit_in_bytes").strip()
    else:
        return None
    return int(limit) or None if limit.isdigit() else None
