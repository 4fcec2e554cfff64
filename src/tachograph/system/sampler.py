"""What a process and its descendants use of the machine, once per call."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import msgspec

from tachograph.system.process import (
    Exclude,
    Family,
    Machine,
    Process,
    Table,
    ended_strangers,
    spent_s,
)
from tachograph.system.usage import Ledger, Rates

_MIB = 1024 * 1024
#: Limits are read again after so long.
_REFRESH_S = 10.0
#: CPU time is counted in ticks of 10 ms; over less than this a share of it is noise.
_SHORTEST_S = 0.1


class Sample(msgspec.Struct, frozen=True):
    """One look at a process tree.

    `at` is the sampler's clock. `cpu_percent` is the share of `cores` since this sampler's
    own sample before, 0 to 100, and None where there is none to compare with. `cpu_s` are
    the CPU seconds of the whole tree since the sampler's first sample, `process_cpu_s` those
    of the root process alone since its start. Memory is resident; pages that several
    processes share count in each. A zombie is no process any more.

    Open files and bytes per second are of the whole tree, as far as they may be read, and None
    where those of the root process may not be; the bytes are None in the first sample too. Of a
    large tree they are read in turn: see `Ledger`.
    """

    at: float
    cpu_percent: float | None
    memory_mb: float
    memory_percent: float
    memory_total_mb: float
    cores: float
    thread_count: int
    process_count: int
    pids: tuple[int, ...]
    cpu_s: float
    process_cpu_s: float
    open_files: int | None = None
    read_bytes_per_s: float | None = None
    written_bytes_per_s: float | None = None


class _Before(msgspec.Struct):
    """What the next sample is compared with."""

    at: float
    family: Family


class Sampler:
    """Samples the tree below `pid` (default: this process), without a thread of its own.

    `exclude(pid, started_at)` takes a child with its descendants out: those that report
    themselves. `started_at` is in seconds since the Unix epoch, right to about a second. Of an
    excluded child that both began and ended between two samples nothing is known; its time
    counts as ours.

    One thread at a time. A forked child needs a sampler of its own. On systems without /proc
    psutil answers and `proc` means nothing.
    """

    def __init__(
        self,
        pid: int | None = None,
        *,
        proc: str = "/proc",
        clock: Callable[[], float] = time.monotonic,
        exclude: Exclude | None = None,
        table: Table | None = None,
    ) -> None:
        self.pid = os.getpid() if pid is None else pid
        self._table = table or _default_table(proc)
        self._clock = clock
        self._exclude = exclude
        self._before: _Before | None = None
        self._machine: Machine | None = None
        self._machine_at = 0.0
        self._percent: float | None = None
        self._cpu_s = 0.0
        self._ledger = self._new_ledger()
        self._rates = Rates()

    def sample(self) -> Sample:
        """Look now. Raises ProcessLookupError when the process has ended."""
        at = self._clock()
        machine = self._limits(at)
        family = self._table.family(self.pid, self._is_excluded if self._exclude else None)
        self._account(at, family, machine.cores)
        living = [process for process in family.members.values() if not process.zombie]
        memory = sum(process.memory_bytes for process in living)
        return Sample(
            at=at,
            cpu_percent=self._percent,
            memory_mb=memory / _MIB,
            memory_percent=min(100.0, 100.0 * memory / machine.memory_bytes),
            memory_total_mb=machine.memory_bytes / _MIB,
            cores=machine.cores,
            thread_count=sum(process.threads for process in living),
            process_count=len(living),
            pids=tuple(process.pid for process in living),
            cpu_s=self._cpu_s,
            process_cpu_s=family.members[self.pid].cpu_s,
            open_files=self._rates.open_files,
            read_bytes_per_s=self._rates.read_bytes_per_s,
            written_bytes_per_s=self._rates.written_bytes_per_s,
        )

    def _account(self, at: float, family: Family, cores: float) -> None:
        """Add what was spent since the sample before, and keep this one for the next."""
        before = self._before
        root = family.members[self.pid]
        if before is None or not root.is_same(before.family.members[self.pid]):
            self._before, self._percent = _Before(at, family), None
            self._ledger = self._new_ledger()
            self._rates = self._ledger.look(at, self.pid, family.members)
            return
        elapsed = at - before.at
        if elapsed < _SHORTEST_S:
            return  # too soon to tell: the figure stands, and so does what we compare with
        gone = self._gone(before.family, family)
        since = self._instant_before(before.family, family, elapsed)
        spent = spent_s(before.family, family, gone, since)
        self._before = _Before(at, family)
        self._cpu_s += spent
        self._percent = min(100.0, 100.0 * spent / (elapsed * cores))
        strangers = ended_strangers(before.family, family)
        self._rates = self._ledger.look(at, self.pid, family.members, gone, strangers, since)

    def _new_ledger(self) -> Ledger:
        return Ledger(self._table.usage, inherits=self._table.inherits_io)

    def _gone(self, before: Family, now: Family) -> list[Process]:
        """Members that have ended. Those which only went unseen are put back into `now`."""
        gone = []
        for pid, old in before.members.items():
            if old.is_same(now.members.get(pid)) or old.is_same(now.excluded.get(pid)):
                continue
            still = self._table.read(pid)
            if still is None or not still.is_same(old):
                gone.append(old)
            elif still.parent in now.members and pid not in now.excluded:
                now.members[pid] = still
        return gone

    def _instant_before(self, before: Family, now: Family, elapsed: float) -> float:
        """When `before` was, in the scale of the processes' starts; asked only if one is new."""
        known = before.members
        if all(process.is_same(known.get(pid)) for pid, process in now.members.items()):
            return float("inf")
        # Starts are whole ticks, rounded down, and so is the present.
        return self._table.now_s() - elapsed - 0.02

    def _limits(self, at: float) -> Machine:
        if self._machine is None or at - self._machine_at >= _REFRESH_S:
            self._machine, self._machine_at = self._table.machine(self.pid), at
        return self._machine

    def _is_excluded(self, process: Process) -> bool:
        assert self._exclude is not None
        assert self._machine is not None
        return self._exclude(process.pid, self._machine.booted_at + process.started_s)


def _default_table(proc: str) -> Table:
    if os.path.exists(f"{proc}/stat"):
        from tachograph.system.linux import LinuxTable

        return LinuxTable(proc)
    from tachograph.system.portable import PortableTable

    return PortableTable()
