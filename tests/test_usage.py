"""Open files and storage I/O of a tree: on made-up histories, on real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachograph.system import Sampler
from tachograph.system.portable import PortableTable
from tachograph.system.process import Process, Usage
from tachograph.system.procusage import ProcUsage
from tachograph.system.usage import Ledger, Rates

MB = 1 << 20


class Tree:
    """A made-up tree below pid 1: who wrote what is known exactly."""

    def __init__(self, *, inherits: bool = True, at_once: int = 1000) -> None:
        self.now = 0.0
        self.written = 0
        self.counted = 0.0
        self.members = {1: Process(1, 0, 0.0, 0, 0, 1, 1)}
        self.totals = {1: 0}
        self.reads: list[int] = []
        self.inherits = inherits
        self.ledger = Ledger(self.read, inherits=inherits, at_once=at_once)
        self.gone: list[Process] = []
        self.strangers: list[Process] = []
        self.rates = self.ledger.look(self.now, 1, self.members)

    def read(self, pid: int) -> Usage:
        self.reads.append(pid)
        return Usage(3, 0, self.totals[pid])

    def spawn(self, parent: int) -> int:
        pid = max(self.totals) + 1
        self.members[pid] = Process(pid, parent, self.now, 0, 0, 1, 1)
        self.totals[pid] = 0
        return pid

    def write(self, pid: int, amount: int) -> None:
        self.totals[pid] += amount
        self.written += amount

    def end(self, pid: int, *, waited_for: bool = True) -> None:
        ended = self.members.pop(pid)
        self.gone.append(ended)
        for child in [p for p in self.members.values() if p.parent == pid]:
            del self.members[child.pid]  # an orphan is init's, and no member any more
        if waited_for and self.inherits and ended.parent in self.members:
            self.totals[ended.parent] += self.totals[pid]

    def look(self) -> Rates:
        """A second later."""
        self.now += 1.0
        known = self.ledger._accounts  # members that began and ended in between were never known
        gone = [process for process in self.gone if process.pid in known]
        self.reads.clear()
        self.rates = self.ledger.look(
            self.now, 1, self.members, gone, self.strangers, self.now - 1.0
        )
        self.gone, self.strangers = [], []
        self.counted += self.rates.written_bytes_per_s or 0.0
        return self.rates


def test_the_first_look_knows_files_but_no_rates() -> None:
    """What was written before it is of another time."""
    tree = Tree()
    assert tree.rates == Rates(3, None, None)
    tree.write(1, 100)
    assert tree.look() == Rates(3, 0.0, 100.0)


steps = st.lists(
    st.tuples(st.sampled_from(["spawn", "write", "end", "look"]), st.integers(0, 50)), max_size=60
)


def live(steps: list[tuple[str, int]], *, tidy: bool, at_once: int = 1000) -> Tree:
    """A history. Tidy: only processes without children end, and their parents wait for them."""
    tree = Tree(at_once=at_once)
    for what, number in steps:
        pids = sorted(tree.members)
        pid = pids[number % len(pids)]
        leaf = all(process.parent != pid for process in tree.members.values())
        if what == "spawn":
            tree.spawn(pid)
        elif what == "write":
            tree.write(pid, number)
        elif what == "end" and pid != 1 and (leaf or not tidy):
            tree.end(pid, waited_for=tidy or number % 2 == 0)
        elif what == "look":
            assert (tree.look().written_bytes_per_s or 0.0) >= 0.0
    tree.look()
    return tree


@given(steps)
def test_every_byte_of_a_tidy_tree_is_counted_once(steps: list[tuple[str, int]]) -> None:
    """Though a parent inherits all that its ended children ever wrote."""
    tree = live(steps, tidy=True)
    assert tree.counted == tree.written


@given(steps)
def test_no_byte_of_any_tree_is_counted_twice(steps: list[tuple[str, int]]) -> None:
    """With orphans, and children that nobody waits for, some may be missed, never invented."""
    tree = live(steps, tidy=False)
    assert 0 <= tree.counted <= tree.written


@given(steps)
def test_in_turn_no_rate_is_ever_negative(steps: list[tuple[str, int]]) -> None:
    """However few are read at a look."""
    live(steps, tidy=False, at_once=1)


def test_of_many_processes_few_are_read_at_a_look() -> None:
    """The root always, of the others so many in turn; who waits keeps its last figures."""
    tree = Tree(at_once=2)
    children = [tree.spawn(1) for _ in range(5)]
    seen: list[int] = []
    for _ in range(10):
        for child in children:
            tree.write(child, 10)
        tree.look()
        assert len(tree.reads) == 3
        assert tree.reads[-1] == 1
        seen += tree.reads[:-1]
    assert {seen.count(child) for child in children} == {4}
    # Each rate is over the whole time since its process was read before.
    assert tree.rates == Rates(18, 0.0, pytest.approx(50.0))


def test_who_has_not_run_is_not_read_and_does_nothing() -> None:
    """Its rate is 0 at once, and a later one is over the time since it ran, not since the start."""
    tree = Tree()
    child = tree.spawn(1)
    for ran_ns, wrote, expected in ((1, 30, 30.0), (2, 30, 30.0), (2, 0, 0.0), (2, 0, 0.0)):
        tree.members[child] = tree.members[child]._replace(ran_ns=ran_ns)
        tree.write(child, wrote)
        assert tree.look().written_bytes_per_s == expected
    assert tree.reads == [1]
    tree.members[child] = tree.members[child]._replace(ran_ns=3)
    tree.write(child, 30)
    assert tree.look().written_bytes_per_s == 30.0


def test_a_child_that_others_count_and_that_ends_is_no_sudden_load() -> None:
    """All that it ever wrote arrives in its parent's account; nobody says how much that was."""
    tree = Tree()
    tree.write(1, 5)
    tree.look()
    tree.totals[1] += 10**9
    tree.strangers.append(Process(77, 1, 0.0, 0, 0, 1, 1))
    assert tree.look().written_bytes_per_s == 5.0  # the figure before stands
    tree.write(1, 5)
    assert tree.look().written_bytes_per_s == 5.0


def test_a_child_that_nobody_waits_for_takes_nothing_back() -> None:
    """Its life arrives nowhere; the rate is 0 then, not below."""
    tree = Tree()
    child = tree.spawn(1)
    tree.write(child, 50)
    assert tree.look().written_bytes_per_s == 50.0
    tree.end(child, waited_for=False)
    assert tree.look().written_bytes_per_s == 0.0


def test_a_child_and_its_parent_that_end_together_count_once() -> None:
    """What both did comes to the grandparent, and all of it was counted before."""
    tree = Tree()
    parent = tree.spawn(1)
    child = tree.spawn(parent)
    tree.write(parent, 20)
    tree.write(child, 50)
    assert tree.look().written_bytes_per_s == 70.0
    tree.write(child, 1)
    tree.end(child)
    tree.end(parent)
    assert tree.look().written_bytes_per_s == 1.0


def test_without_inheritance_nothing_is_taken_off() -> None:
    """On systems where a parent's counters are its own, an ended child owes nothing."""
    tree = Tree(inherits=False)
    child = tree.spawn(1)
    tree.write(child, 50)
    tree.look()
    tree.write(1, 60)
    tree.end(child)
    assert tree.look().written_bytes_per_s == 60.0


def test_what_may_not_be_read_counts_nothing_and_is_never_zero() -> None:
    """Of a child it is left out; of the root nothing is known then of the tree."""
    members = {pid: Process(pid, 1, 0.0, 0, 0, 1, 1) for pid in (1, 2)}
    open_ = {1: Usage(4, 10, 20), 2: Usage()}
    ledger = Ledger(lambda pid: open_[pid])
    ledger.look(0.0, 1, members)
    open_[1] = Usage(5, 15, 20)
    assert ledger.look(1.0, 1, members) == Rates(5, 5.0, 0.0)
    closed = Ledger(lambda pid: open_[3 - pid])
    closed.look(0.0, 1, members)
    assert closed.look(1.0, 1, members) == Rates(None, None, None)


def test_an_older_kernels_files_are_counted_not_too_often(tmp_path: Path) -> None:
    """Where the directory has no size its entries are listed; with thousands, once in a while."""
    proc = tmp_path / "proc"
    (proc / "7" / "fd").mkdir(parents=True)
    for n in range(4500):
        (proc / "7" / "fd" / str(n)).touch()
    (proc / "7" / "io").write_text("rchar: 5\nread_bytes: 4096\nwrite_bytes: 8192\n")
    usage = ProcUsage(str(proc))
    assert usage.read(7) == Usage(4500, 4096, 8192)
    (proc / "7" / "fd" / "0").unlink()
    assert [usage.read(7).open_files for _ in range(3)] == [4500, 4500, 4499]
    assert usage.read(8) == Usage()
    (proc / "7" / "io").write_text("rchar: 5\n")
    assert usage.read(7)[1:] == (None, None)


WRITER = """
import os, sys
held = []
for line in sys.stdin:
    what, number = line.split()
    if what == "open":
        held += [open(os.devnull) for _ in range(int(number))]
    else:
        with open(sys.argv[1], "wb") as file:
            file.write(bytes(int(number)))
            file.flush()
            os.fsync(file.fileno())
    print("done", flush=True)
"""


class Writer:
    """A real child that opens and writes what it is told."""

    def __init__(self, folder: str) -> None:
        command = [sys.executable, "-c", WRITER, f"{folder}/data"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def do(self, what: str, number: int) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{what} {number}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"


@contextmanager
def writer() -> Iterator[Writer]:
    """A writer whose file lies on a disk: in a memory file system nothing is storage I/O."""
    with TemporaryDirectory(dir="/var/tmp") as folder:
        one = Writer(folder)
        one.do("open", 0)  # its interpreter has started
        try:
            yield one
        finally:
            one.process.communicate(timeout=30)


@pytest.mark.parametrize("portable", [False, True])
def test_a_real_child_that_opens_and_writes_is_seen(portable: bool) -> None:
    """Its files, and its bytes over the interval in which it wrote them; psutil says the same."""
    table = PortableTable() if portable else None
    now = [0.0]
    with writer() as one:
        sampler = Sampler(one.process.pid, clock=lambda: now[0], table=table)
        first = sampler.sample()
        assert (first.read_bytes_per_s, first.written_bytes_per_s) == (None, None)
        one.do("open", 50)
        one.do("write", 8 * MB)
        now[0] += 2.0
        second = sampler.sample()
        assert second.open_files is not None
        assert first.open_files is not None
        assert second.open_files == first.open_files + 50
        assert second.written_bytes_per_s == pytest.approx(4 * MB, rel=0.05)
        now[0] += 2.0
        third = sampler.sample()
        assert (third.open_files, third.written_bytes_per_s) == (second.open_files, 0.0)


def test_a_real_child_that_ends_takes_nothing_back_and_counts_once() -> None:
    """The kernel adds its life to its parent's account; only what is new there is shown."""
    now = [0.0]
    sampler = Sampler(clock=lambda: now[0])
    sampler.sample()
    with writer() as one:
        one.do("write", 8 * MB)
        now[0] += 1.0
        assert sampler.sample().written_bytes_per_s == pytest.approx(8 * MB, rel=0.2)
        one.do("write", 4 * MB)
    now[0] += 1.0
    after = sampler.sample()
    assert after.written_bytes_per_s == pytest.approx(4 * MB, rel=0.2)
    now[0] += 1.0
    idle = sampler.sample().written_bytes_per_s
    assert idle is not None
    assert 0 <= idle < MB


def test_a_sleeping_child_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of its CPU time says that nothing happened; only now and then it is looked at."""
    opened: list[str] = []
    real = os.open

    def spy(path: str, *arguments: int) -> int:
        opened.append(str(path))
        return real(path, *arguments)

    with subprocess.Popen(["sleep", "60"]) as sleeper:
        sampler = Sampler()
        path = f"/proc/{sleeper.pid}/stat"
        try:
            while b"sleep" not in Path(f"/proc/{sleeper.pid}/comm").read_bytes():
                pass
            sampler.sample()
            monkeypatch.setattr(os, "open", spy)
            for _ in range(64):
                assert sleeper.pid in sampler.sample().pids
        finally:
            monkeypatch.undo()
            sleeper.kill()
    assert 1 <= opened.count(path) <= 5
