"""Open files and storage I/O of a process tree, of which only a few processes are read at a look.

Pure: counters go in, rates come out. What makes it more than a subtraction is that a process
inherits the counters of each child that it waited for: all that a child ever wrote arrives in
its parent's account at once, though most of it was counted while the child lived.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tachograph.system.process import Process, Usage

#: Descendants that are read at one look; the others' turn comes at the next ones.
AT_ONCE = 32


class Rates(NamedTuple):
    """A whole tree: open files, bytes per second. None as long as nothing is known."""

    open_files: int | None = None
    read_bytes_per_s: float | None = None
    written_bytes_per_s: float | None = None


class _Flow:
    """One counter of one process."""

    __slots__ = ("owed", "per_s", "total")

    def __init__(self, total: int | None) -> None:
        self.total = total
        #: Of what it will inherit, so much was counted already.
        self.owed = 0
        self.per_s: float | None = None

    def read(self, total: int | None, elapsed: float, believed: bool) -> None:
        """Take a new reading; one that is not believed is only where the next begins."""
        if total is None:
            return
        if self.total is not None and elapsed > 0 and believed:
            self.per_s = max(0, total - self.total - self.owed) / elapsed
        self.total, self.owed = total, 0


class _Account:
    """What is known of one process. `at` is when it was read, `ran_ns` its Process's then."""

    __slots__ = ("at", "believed", "files", "flows", "ran_ns", "started_s")

    def __init__(self, process: Process, at: float, total: int | None) -> None:
        self.started_s = process.started_s
        self.at = at
        self.ran_ns: int | None = None
        self.files: int | None = None
        self.flows = (_Flow(total), _Flow(total))
        #: Whether all that it inherits is known to be of processes that we count.
        self.believed = True

    def read(self, usage: Usage, process: Process, at: float) -> None:
        if usage.open_files is not None:
            self.files = usage.open_files
        reads, writes = self.flows
        reads.read(usage.read_bytes, at - self.at, self.believed)
        writes.read(usage.written_bytes, at - self.at, self.believed)
        self.at, self.ran_ns, self.believed = at, process.ran_ns, True

    def rest(self, at: float) -> None:
        """It has not run since it was read, so it has done nothing."""
        self.at = at
        for flow in self.flows:
            if flow.per_s:
                flow.per_s = 0.0


class Ledger:
    """The accounts of a tree's processes.

    The root is read at each look, of the others at most `at_once`, in turn, and only those that
    have run since. Whoever waits for its turn keeps the figures of its last one; its next rate
    is over the whole time since. A process that may not be read counts nothing.

    `inherits` says whether the system adds what ended children did to whoever waited for them.
    """

    def __init__(
        self, read: Callable[[int], Usage], *, inherits: bool = True, at_once: int = AT_ONCE
    ) -> None:
        self._read = read
        self._inherits = inherits
        self._at_once = at_once
        self._at: float | None = None
        #: In the order in which they were read, longest ago first.
        self._accounts: dict[int, _Account] = {}

    def look(
        self,
        at: float,
        root: int,
        members: Mapping[int, Process],
        gone: Sequence[Process] = (),
        strangers: Sequence[Process] = (),
        born_since: float = float("inf"),
    ) -> Rates:
        """Read whose turn it is. `gone` have ended since the look before; `strangers` too, but
        they were nobody's we count. Who began at `born_since` or later counts from its start."""
        if gone or strangers or members.keys() != self._accounts.keys():
            self._settle(members, gone, strangers)
            self._open_accounts(at, members, born_since)
        for pid in [*self._due(at, root, members), root]:
            account = self._accounts.pop(pid)
            account.read(self._read(pid), members[pid], at)
            self._accounts[pid] = account
        self._at = at
        return self._sum(root, members)

    def _settle(
        self,
        members: Mapping[int, Process],
        gone: Sequence[Process],
        strangers: Sequence[Process],
    ) -> None:
        """Close the accounts of who is not there any more, and note who inherits them."""
        parents = {process.pid: process.parent for process in gone}
        for process in gone:
            account = self._accounts.pop(process.pid, None)
            heir = self._heir(process, parents)
            if account is None or heir is None or not self._inherits:
                continue
            for flow, left in zip(heir.flows, account.flows, strict=True):
                flow.owed += (left.total or 0) + left.owed
            heir.believed = heir.believed and account.believed
        for process in strangers:
            heir = self._heir(process, parents)
            if heir is not None and self._inherits:
                heir.believed = False
        for pid in self._accounts.keys() - members.keys():
            del self._accounts[pid]

    def _heir(self, process: Process, parents: Mapping[int, int]) -> _Account | None:
        """The nearest ancestor that is still there."""
        pid = process.parent
        for _ in range(len(parents) + 1):
            if pid not in parents:
                break
            pid = parents[pid]
        return self._accounts.get(pid)

    def _open_accounts(self, at: float, members: Mapping[int, Process], born_since: float) -> None:
        before = at if self._at is None else self._at
        for pid, process in members.items():
            account = self._accounts.get(pid)
            if account is None or account.started_s != process.started_s:
                # Of one that is older than our last look, nobody says what is new.
                total = 0 if process.started_s >= born_since else None
                self._accounts[pid] = _Account(process, before, total)

    def _due(self, at: float, root: int, members: Mapping[int, Process]) -> list[int]:
        """Whose turn it is, besides the root's."""
        due: list[int] = []
        for pid, account in self._accounts.items():
            process = members[pid]
            if process.ran_ns is not None and process.ran_ns == account.ran_ns:
                account.rest(at)
            elif len(due) < self._at_once and pid != root and not process.zombie:
                due.append(pid)
        return due

    def _sum(self, root: int, members: Mapping[int, Process]) -> Rates:
        files, reads, writes = 0, 0.0, 0.0
        for pid, account in self._accounts.items():
            if not members[pid].zombie:
                files += account.files or 0
                reads += account.flows[0].per_s or 0.0
                writes += account.flows[1].per_s or 0.0
        own = self._accounts[root]
        return Rates(
            None if own.files is None else files,
            None if own.flows[0].per_s is None else reads,
            None if own.flows[1].per_s is None else writes,
        )
