"""The sampler of a process tree: on recorded trees, on made-up histories, on real processes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachograph.system import Sampler
from tachograph.system.linux import LinuxTable
from tachograph.system.portable import PortableTable
from tachograph.system.process import Family, Machine, Process, Usage, descend

DATA = Path(__file__).parent / "data" / "proc"
#: Places of figures in a line of /proc/<pid>/stat, counted from behind the name.
STATE, PARENT, USER, SYSTEM, REAPED, START = 0, 1, 11, 12, 13, 19


class Recorded:
    """A copy of a recorded /proc that goes on: times are spent, processes come and go."""

    def __init__(self, path: Path, *, has_children_files: bool = True) -> None:
        shutil.copytree(DATA / "app", path)
        self.proc = path / "proc"
        self.now = 1000.0
        # Among so many foreign processes it pays to follow the children files, where they are.
        self.add_foreign(range(3000, 3060))
        if not has_children_files:
            for task in self.proc.glob("*/task"):
                shutil.rmtree(task)

    def sampler(self, **arguments: Any) -> Sampler:
        return Sampler(4100, proc=str(self.proc), clock=lambda: self.now, **arguments)

    def pass_(self, seconds: float) -> None:
        self.now += seconds
        uptime = float((self.proc / "uptime").read_text().split()[0]) + seconds
        (self.proc / "uptime").write_text(f"{uptime:.2f} 3100.50\n")

    def change(self, pid: int, **fields: int | str) -> None:
        """Set figures of a process; the pid's first use makes it, with 4110 as its pattern."""
        path = self.proc / str(pid) / "stat"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_text((self.proc / "4110" / "stat").read_text())
        head, _, tail = path.read_text().rpartition(") ")
        figures = tail.split()
        for name, value in fields.items():
            figures[globals()[name.upper()]] = str(value)
        path.write_text(f"{head}) {' '.join(figures)}\n")
        self._list(pid, figures[PARENT])

    def _list(self, pid: int, parent: str) -> None:
        for children in self.proc.glob("*/task/*/children"):
            listed = [p for p in children.read_text().split() if p != str(pid)]
            if children.parts[-2] == parent:
                listed.append(str(pid))
            children.write_text("".join(f"{p} " for p in listed))
        if list(self.proc.glob("*/task")):
            own = self.proc / str(pid) / "task" / str(pid)
            own.mkdir(parents=True, exist_ok=True)
            (own / "children").touch()

    def add_foreign(self, pids: range) -> None:
        for pid in pids:
            (self.proc / str(pid)).mkdir()
            shutil.copy(self.proc / "901" / "stat", self.proc / str(pid) / "stat")

    def end(self, pid: int) -> None:
        shutil.rmtree(self.proc / str(pid))
        self._list(pid, "none")


@pytest.fixture(params=["children files", "pass over /proc"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Recorded:
    return Recorded(tmp_path / "app", has_children_files=request.param == "children files")


def test_a_tree_is_added_up(app: Recorded) -> None:
    """Threads, memory and pids of the tree: no foreign process, no zombie, none that vanished."""
    sample = app.sampler().sample()
    assert sorted(sample.pids) == [4100, 4101, 4103, 4110]
    assert sample.process_count == 4
    assert sample.thread_count == 3 + 1 + 2 + 1
    assert sample.memory_mb == 100 + 50 + 10 + 1
    assert sample.memory_total_mb == 8192
    assert sample.memory_percent == pytest.approx(100 * 161 / 8192)
    assert sample.process_cpu_s == 2.0
    assert sample.at == 1000.0


def test_the_first_sample_has_no_cpu_share(app: Recorded) -> None:
    """None, never a false 0.0, until there is an interval."""
    sampler = app.sampler()
    assert sampler.sample().cpu_percent is None
    app.pass_(1.0)
    assert sampler.sample().cpu_percent == 0.0


def test_cpu_is_the_share_of_the_cores_available(app: Recorded) -> None:
    """One busy core of four is 25 %, wherever in the tree it was busy."""
    sampler = app.sampler()
    assert sampler.sample().cores == 4.0
    app.pass_(1.0)
    app.change(4110, user=60, system=10)
    app.change(4100, user=180)
    sample = sampler.sample()
    assert sample.cpu_percent == pytest.approx(25.0)
    assert sample.cpu_s == pytest.approx(1.0)


def test_two_readers_of_cpu_do_not_spoil_each_other(app: Recorded) -> None:
    """A second reader's look in between takes nothing from the first one's figure."""
    first, second = app.sampler(), app.sampler()
    first.sample()
    app.pass_(1.0)
    app.change(4101, user=400)
    second.sample()
    assert first.sample().cpu_percent == pytest.approx(25.0)
    app.pass_(1.0)
    app.change(4101, user=420)
    assert second.sample().cpu_percent == pytest.approx(5.0)
    assert first.sample().cpu_percent == pytest.approx(5.0)


def test_an_ended_child_loses_no_time_and_counts_none_twice(app: Recorded) -> None:
    """What it spent after our last look comes out of its parent's account."""
    sampler = app.sampler()
    sampler.sample()
    app.pass_(1.0)
    app.end(4110)
    app.end(4101)
    app.change(4100, reaped=10 + 300 + 50)
    assert sampler.sample().cpu_percent == pytest.approx(12.5)


def test_a_child_between_two_samples_is_counted(app: Recorded) -> None:
    """A child that nobody ever saw has left its time with its parent."""
    sampler = app.sampler()
    sampler.sample()
    app.pass_(1.0)
    app.change(4100, reaped=50)
    assert sampler.sample().cpu_percent == pytest.approx(10.0)


def test_a_new_child_counts_from_its_start(app: Recorded) -> None:
    """All that a child has spent which started after the sample before."""
    sampler = app.sampler()
    sampler.sample()
    app.pass_(1.0)
    app.change(4200, parent=4100, start=200050, user=20, reaped=4)
    sample = sampler.sample()
    assert 4200 in sample.pids
    assert sample.cpu_percent == pytest.approx(6.0)


def test_a_reused_pid_is_another_process(app: Recorded) -> None:
    """Its start tells it apart, so its smaller figures are not a negative difference."""
    sampler = app.sampler()
    sampler.sample()
    app.pass_(1.0)
    app.change(4101, start=200030, user=12)
    app.change(4100, reaped=10 + 300)
    assert sampler.sample().cpu_percent == pytest.approx(3.0)


def test_a_process_that_joins_late_brings_no_past(app: Recorded) -> None:
    """A child that was excluded until now counts from now on only."""
    excluded = {4101}
    sampler = app.sampler(exclude=lambda pid, _: pid in excluded)
    sampler.sample()
    app.pass_(1.0)
    app.change(4101, user=400)
    excluded.clear()
    assert sampler.sample().cpu_percent == 0.0
    app.pass_(1.0)
    app.change(4101, user=440)
    assert sampler.sample().cpu_percent == pytest.approx(10.0)


def test_an_excluded_child_is_pruned_with_its_subtree(app: Recorded) -> None:
    """`exclude` is asked with pid and start; neither the child nor what is below it counts."""
    asked: dict[int, float] = {}

    def exclude(pid: int, started_at: float) -> bool:
        asked[pid] = started_at
        return pid == 4101

    sample = app.sampler(exclude=exclude).sample()
    assert sorted(sample.pids) == [4100, 4103]
    assert asked[4101] == pytest.approx(1764000000 + 1000.1)
    assert 4110 not in asked


def test_an_excluded_child_that_ends_is_not_counted_after_all(app: Recorded) -> None:
    """Its whole life arrives in its parent's account, and stays out."""
    sampler = app.sampler(exclude=lambda pid, _: pid == 4101)
    sampler.sample()
    app.pass_(1.0)
    app.end(4110)
    app.end(4101)
    app.change(4100, reaped=10 + 390, user=160)
    assert sampler.sample().cpu_percent == pytest.approx(2.5)


def test_an_orphan_leaves_without_taking_time_back(app: Recorded) -> None:
    """A child that init adopts is no member any more, and nothing is taken off for it."""
    sampler = app.sampler()
    sampler.sample()
    app.pass_(1.0)
    app.change(4101, parent=1, user=500)
    app.change(4100, user=170, reaped=30)
    sample = sampler.sample()
    assert sorted(sample.pids) == [4100, 4103]
    assert sample.cpu_percent == pytest.approx(10.0)


def test_a_share_never_exceeds_100(app: Recorded) -> None:
    """Ticks are coarse, and late readings are not passed on as more than all cores."""
    sampler = app.sampler()
    sampler.sample()
    app.pass_(1.0)
    app.change(4101, user=300 + 900)
    assert sampler.sample().cpu_percent == 100.0


def test_a_sample_too_soon_repeats_the_share(app: Recorded) -> None:
    """Below a tenth of a second the ticks say nothing; what was spent shows up later."""
    sampler = app.sampler()
    sampler.sample()
    app.pass_(0.01)
    assert sampler.sample().cpu_percent is None
    app.pass_(0.99)
    app.change(4101, user=340)
    assert sampler.sample().cpu_percent == pytest.approx(10.0)
    app.pass_(0.01)
    app.change(4101, user=341)
    assert sampler.sample().cpu_percent == pytest.approx(10.0)


def test_a_child_that_a_listing_missed_is_still_counted(tmp_path: Path) -> None:
    """The kernel's list of children may skip one while another ends; the next look is no loss."""
    app = Recorded(tmp_path / "app")
    sampler = app.sampler()
    sampler.sample()
    app.pass_(1.0)
    app.change(4103, user=27)
    for thread in (4100, 4106):
        (app.proc / f"4100/task/{thread}/children").write_text("4101 4102 ")
    sample = sampler.sample()
    assert 4103 in sample.pids
    assert sample.cpu_percent == pytest.approx(5.0)


def test_a_foreign_pid_that_becomes_a_child_is_found(tmp_path: Path) -> None:
    """Foreign processes are not read every time, yet none is believed foreign for ever."""
    app = Recorded(tmp_path / "app", has_children_files=False)
    sampler = app.sampler()
    assert 901 not in sampler.sample().pids
    app.change(901, parent=4100, start=200010)
    seen = []
    for _ in range(40):
        app.pass_(1.0)
        seen.append(901 in sampler.sample().pids)
    assert seen[-1]


def test_known_foreign_processes_are_not_read_again(tmp_path: Path) -> None:
    """A pass over /proc costs a listing and the tree, not every process of the machine."""
    app = Recorded(tmp_path / "app", has_children_files=False)
    app.add_foreign(range(5000, 5200))
    table = CountingTable(str(app.proc))
    table.family(4100, None)
    first, table.reads = table.reads, 0
    table.family(4100, None)
    assert first > 260
    assert table.reads < 20


def test_children_files_spare_the_pass_over_proc(tmp_path: Path) -> None:
    """Where the kernel lists a thread's children, only the tree is read."""
    app = Recorded(tmp_path / "app")
    table = CountingTable(str(app.proc))
    family = table.family(4100, None)
    assert table.reads == len(family.members) + 1  # and one that has vanished


class CountingTable(LinuxTable):
    reads = 0

    def read(self, pid: int) -> Process | None:
        self.reads += 1
        return super().read(pid)


def test_a_root_that_ended_is_an_error(app: Recorded) -> None:
    """The sentence names pid and place."""
    sampler = app.sampler()
    sampler.sample()
    app.end(4100)
    with pytest.raises(ProcessLookupError, match=re.escape(f"process 4100 is not in {app.proc}")):
        sampler.sample()


def test_a_root_whose_pid_was_reused_starts_afresh(app: Recorded) -> None:
    """Nothing of the former process is compared with the new one."""
    sampler = app.sampler()
    sampler.sample()
    app.pass_(1.0)
    app.change(4100, start=200030, user=1)
    assert sampler.sample().cpu_percent is None


@pytest.mark.parametrize(
    ("tree", "cores", "memory_mb"),
    [("cgroup2", 1.5, 1024), ("cgroup1", 2.5, 2048), ("affinity", 4.0, 32768)],
)
def test_the_tightest_limit_holds(tree: str, cores: float, memory_mb: float) -> None:
    """Quota and memory of the group and its ancestors, in both versions, and the affinity."""
    sample = Sampler(7, proc=str(DATA / tree / "proc")).sample()
    assert sample.cores == cores
    assert sample.memory_total_mb == memory_mb


def test_limits_are_read_again_after_a_while(tmp_path: Path) -> None:
    """Not at each sample, but a changed quota is seen within ten seconds."""
    shutil.copytree(DATA / "cgroup2", tmp_path / "tree")
    clock = SimpleNamespace(now=0.0)
    sampler = Sampler(7, proc=str(tmp_path / "tree" / "proc"), clock=lambda: clock.now)
    sampler.sample()
    (tmp_path / "tree/sys/fs/cgroup/pod1/cpu.max").write_text("300000 100000\n")
    clock.now = 9.0
    assert sampler.sample().cores == 1.5
    clock.now = 10.0
    assert sampler.sample().cores == 3.0


class World:
    """A made-up machine as a table: what is spent here is known exactly. Times in seconds."""

    inherits_io = True

    def __init__(self) -> None:
        self.now = 0.0
        self.spent = 0
        self.next_pid = 2
        self.processes = {1: Process(1, 0, 0.0, 0, 0, 1, 1)}
        self.used: dict[int, Usage] = {}

    def spawn(self, parent: int) -> None:
        child = Process(self.next_pid, parent, self.now, 0, 0, 1, 1)
        self.processes[child.pid] = child
        self.next_pid += 1

    def burn(self, pid: int, seconds: int) -> None:
        process = self.processes[pid]
        self.processes[pid] = process._replace(cpu_s=process.cpu_s + seconds)
        self.spent += seconds

    def end(self, pid: int, *, waited_for: bool) -> None:
        ended = self.processes.pop(pid)
        for child in [p for p in self.processes.values() if p.parent == pid]:
            self.processes[child.pid] = child._replace(parent=0)
        parent = self.processes.get(ended.parent)
        if waited_for and parent is not None:
            reaped = parent.reaped_s + ended.cpu_s + ended.reaped_s
            self.processes[parent.pid] = parent._replace(reaped_s=reaped)

    def family(self, pid: int, exclude: Callable[[Process], bool] | None) -> Family:
        children: dict[int, list[Process]] = {}
        for process in self.processes.values():
            children.setdefault(process.parent, []).append(process)
        return descend(self.processes[pid], children, exclude)

    def read(self, pid: int) -> Process | None:
        return self.processes.get(pid)

    def usage(self, pid: int) -> Usage:
        return self.used.get(pid, Usage())

    def machine(self, pid: int) -> Machine:
        return Machine(1000.0, 1 << 30, 0.0)

    def now_s(self) -> float:
        return self.now


steps = st.lists(
    st.tuples(st.sampled_from(["spawn", "burn", "end", "sample"]), st.integers(0, 50)), max_size=60
)


def live(world: World, steps: list[tuple[str, int]], *, tidy: bool) -> float:
    """Run a history under a sampler and return the CPU seconds that it counted.

    Tidy: only processes without children end, and their parents wait for them.
    """
    sampler = Sampler(1, clock=lambda: world.now, table=world)
    sampler.sample()
    for what, number in steps:
        world.now += 1.0
        pids = sorted(world.processes)
        pid = pids[number % len(pids)]
        leaf = all(process.parent != pid for process in world.processes.values())
        if what == "spawn":
            world.spawn(pid)
        elif what == "burn":
            world.burn(pid, number)
        elif what == "end" and pid != 1 and (leaf or not tidy):
            world.end(pid, waited_for=tidy or number % 2 == 0)
        elif what == "sample":
            percent = sampler.sample().cpu_percent
            assert percent is None or 0.0 <= percent <= 100.0
    world.now += 1.0
    return sampler.sample().cpu_s


@given(steps)
def test_every_second_of_a_tidy_tree_is_counted_once(steps: list[tuple[str, int]]) -> None:
    """However processes start, work, end and are looked at: the sum is what was spent."""
    world = World()
    assert live(world, steps, tidy=True) == world.spent


@given(steps)
def test_no_second_of_any_tree_is_counted_twice(steps: list[tuple[str, int]]) -> None:
    """With orphans, and children that nobody waits for, some may be missed, never invented."""
    world = World()
    assert 0 <= live(world, steps, tidy=False) <= world.spent


BURN = """
import sys, time
while sys.stdin.readline():
    end = time.process_time() + 0.15
    while time.process_time() < end:
        pass
    print("burnt", flush=True)
"""


@contextmanager
def child(*command: str) -> Iterator[subprocess.Popen[str]]:
    """A real child with pipes, gone at the end."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, close_fds=True
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_a_real_child_that_burns_a_core_is_seen() -> None:
    """Its CPU seconds arrive, grow, and give a share."""
    with child(sys.executable, "-c", BURN) as burner:
        assert burner.stdin
        assert burner.stdout
        sampler = Sampler()
        samples = [sampler.sample()]
        for _ in range(3):
            burner.stdin.write("go\n")
            burner.stdin.flush()
            assert burner.stdout.readline() == "burnt\n"
            samples.append(sampler.sample())
        assert burner.pid in samples[-1].pids
    spent = [sample.cpu_s for sample in samples]
    assert spent == sorted(spent)
    assert spent[-1] >= 3 * 0.15 - 0.05
    assert all(sample.cpu_percent for sample in samples[1:])


def test_300_real_children_are_counted_once() -> None:
    """Each child is one process, however the tree is found."""
    sampler = Sampler()
    sampler.sample()
    children = [subprocess.Popen(["sleep", "60"]) for _ in range(300)]
    try:
        for _ in range(2):
            sample = sampler.sample()
            assert set(sample.pids) >= {os.getpid(), *(child.pid for child in children)}
            assert len(set(sample.pids)) == len(sample.pids) == sample.process_count
    finally:
        for process in children:
            process.kill()
        for process in children:
            process.wait()
    assert not set(sampler.sample().pids) & {process.pid for process in children}


def test_looking_takes_no_exit_status_away() -> None:
    """Asking the kernel whether there are children leaves an ended one to its parent."""
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    sample = Sampler().sample()
    assert process.pid not in sample.pids
    assert process.wait() == 7


def test_without_children_nothing_else_is_read() -> None:
    """The kernel says that this process has no child, so no other process is looked at."""
    script = (
        "from tachograph.system.linux import LinuxTable\n"
        "class Table(LinuxTable):\n"
        "    def _scan(self, *_): raise AssertionError\n"
        "    _walk = _scan\n"
        "import os; print(len(Table().family(os.getpid(), None).members))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "1\n"


def test_the_portable_table_sees_the_same_tree() -> None:
    """psutil and /proc agree on pids, threads and who is a child of whom."""
    with child("cat") as one, child(sys.executable, "-c", BURN) as two:
        assert two.stdin
        assert two.stdout
        two.stdin.write("go\n")
        two.stdin.flush()
        two.stdout.readline()
        samples = [Sampler(table=table).sample() for table in (PortableTable(), LinuxTable())]
        for sample in samples:
            assert {one.pid, two.pid} <= set(sample.pids)
        portable, linux = samples
        assert sorted(portable.pids) == sorted(linux.pids)
        assert portable.thread_count == linux.thread_count
        assert portable.memory_mb == pytest.approx(linux.memory_mb, rel=0.2)
        pruned = Sampler(table=PortableTable(), exclude=lambda pid, _: pid == one.pid).sample()
        assert one.pid not in pruned.pids
    with pytest.raises(ProcessLookupError):
        Sampler(one.pid, table=PortableTable()).sample()
