"""One process as a table of processes shows it, and what a tree of them has spent.

Pure: no clock, no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

#: Answers whether a child and everything below it is counted by somebody else:
#: pid, and its start in seconds since the Unix epoch.
Exclude = Callable[[int, float], bool]


class Process(NamedTuple):
    """A process at one instant.

    `started_s` is in the table's own scale and together with the pid it is the identity:
    a pid is used again. `cpu_s` is what the process spent itself, `reaped_s` what its
    ended and waited-for descendants had spent. If `ran_ns` is the same at two looks, the process
    has not run between them; None: nobody can tell.
    """

    pid: int
    parent: int
    started_s: float
    cpu_s: float
    reaped_s: float
    memory_bytes: int
    threads: int
    zombie: bool = False
    ran_ns: int | None = None

    def is_same(self, other: Process | None) -> bool:
        """Whether `other` is this process at another instant."""
        return other is not None and other.pid == self.pid and other.started_s == self.started_s


class Family(NamedTuple):
    """A process with its descendants, and the children that were pruned from it."""

    members: dict[int, Process]
    excluded: dict[int, Process]


class Usage(NamedTuple):
    """One process at one instant; None: not to be known. Bytes since the process's start, and
    those of ended children that it waited for, where the system adds them."""

    open_files: int | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None


class Machine(NamedTuple):
    """What a process has at its disposal: cores and memory under every limit that holds.

    `booted_at` is what a `started_s` of 0 is, in seconds since the Unix epoch.
    """

    cores: float
    memory_bytes: int
    booted_at: float


class Table(Protocol):
    """Where processes are looked up; one instance serves one root process and one thread."""

    @property
    def inherits_io(self) -> bool:
        """Whether a process's I/O includes that of ended children that it waited for."""
        ...

    def family(self, pid: int, exclude: Callable[[Process], bool] | None) -> Family:
        """The tree below `pid`. Raises ProcessLookupError when `pid` is not there."""
        ...

    def read(self, pid: int) -> Process | None:
        """One process, None when it is gone."""
        ...

    def usage(self, pid: int) -> Usage:
        """What a process has open, has read and has written."""
        ...

    def machine(self, pid: int) -> Machine:
        """The limits that hold for `pid` now."""
        ...

    def now_s(self) -> float:
        """This instant in the scale of `started_s`."""
        ...


def descend(
    root: Process,
    children: Mapping[int, Iterable[Process]],
    exclude: Callable[[Process], bool] | None = None,
) -> Family:
    """The tree below `root`, given everybody's children by pid."""
    family = Family({root.pid: root}, {})
    pending = [root.pid]
    while pending:
        for child in children.get(pending.pop(), ()):
            if exclude and exclude(child):
                family.excluded[child.pid] = child
            else:
                family.members[child.pid] = child
                pending.append(child.pid)
    return family


def ended_strangers(before: Family, now: Family) -> list[Process]:
    """The pruned children that are there no more."""
    return [
        old
        for pid, old in before.excluded.items()
        if not old.is_same(now.excluded.get(pid)) and pid not in now.members
    ]


def spent_s(before: Family, now: Family, gone: Iterable[Process], since_s: float) -> float:
    """CPU seconds that the tree spent between two looks at it. A second is counted once at most.

    `gone` are the members of `before` that have ended; `since_s` is the instant of `before`.
    """
    own = reaped = 0.0
    for process in now.members.values():
        old = before.members.get(process.pid)
        if old is not None and process.is_same(old):
            own += max(0.0, process.cpu_s - old.cpu_s)
            reaped += max(0.0, process.reaped_s - old.reaped_s)
        elif process.started_s >= since_s:
            own += process.cpu_s + process.reaped_s
        # Otherwise it is older than our last look and joins only now (it was excluded until
        # then): what it spent so far is not of this interval.
    if ended_strangers(before, now):
        # An excluded child has ended: its time is among the reaped, nobody says how much.
        return own
    # An ended process takes its time out of the table, and whoever waited for it gets all of it
    # added. What was counted while it lived is taken off; the sum goes over the whole tree,
    # because an orphan may have been waited for by another ancestor than its parent.
    counted = sum(old.cpu_s + old.reaped_s for old in gone)
    return own + max(0.0, reaped - counted)
