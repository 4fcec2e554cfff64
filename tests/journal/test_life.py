"""Life and death: what other processes see of the one that writes."""

from __future__ import annotations

import gc
import os
import threading
from pathlib import Path

import pytest

from tachograph.errors import JournalError
from tachograph.journal.file import FileJournal
from tachograph.journal.life import Hold, held
from tests.journal.logs import append, seqs, start, tick
from tests.journal.programs import answer, running

ALIVE = "say(FileJournal(root).alive('a'))"


def test_alive_is_seen_from_another_process(tmp_path: Path) -> None:
    """Others see a log alive from its opening to its closing."""
    writer = FileJournal(tmp_path).open("a")
    assert answer(ALIVE, tmp_path) == "True"
    writer.close()
    assert answer(ALIVE, tmp_path) == "False"


def test_the_writer_s_own_process_may_look(tmp_path: Path) -> None:
    """A process that reads, lists and asks after its own log doesn't lose its lock by that:
    closing any descriptor of the lock file would."""
    writer = FileJournal(tmp_path).open("a")
    append(writer, "a", range(1, 10))
    reader = FileJournal(tmp_path)
    for _ in range(3):
        assert reader.alive("a")
        assert reader.sources() == ["a"]
        assert len(reader.read("a", start("a")).frames) == 9
        assert reader.forget("a") == 0
        assert reader.enforce_cap() == []
    assert answer(ALIVE, tmp_path) == "True"
    writer.close()
    assert not reader.alive("a")


def test_looking_breaks_nothing_from_outside(tmp_path: Path) -> None:
    """Any number of other processes may ask, and the lock still stands."""
    writer = FileJournal(tmp_path).open("a")
    looks = "say(*{FileJournal(root).alive('a') for _ in range(50)})"
    assert answer(looks, tmp_path) == "True"
    assert answer(looks, tmp_path) == "True"
    writer.close()


def test_a_killed_process_is_dead_at_once(tmp_path: Path) -> None:
    """After SIGKILL the log is dead, and all that was appended is there."""
    code = "w = FileJournal(root).open('a'); append(w, 'a', range(1, 51)); say('ready'); wait()"
    journal = FileJournal(tmp_path)
    with running(code, tmp_path) as program:
        assert program.line() == "ready"
        assert journal.alive("a")
        program.kill()
        assert not journal.alive("a")
    assert seqs(journal.read("a", start("a"))) == list(range(1, 51))


def test_a_forked_child_is_another_source(tmp_path: Path) -> None:
    """A child sees its parent alive, may not write to its log, and neither asking nor its own
    end takes the parent's lock; its own log is its own."""
    code = """
journal = FileJournal(root)
writer = journal.open("parent")
append(writer, "parent", [1, 2])
child = os.fork()
if not child:
    for _ in range(3):
        assert journal.alive("parent")
    try:
        writer.append(tick(3))
    except JournalError as error:
        say(error)
    writer.close()
    own = FileJournal(root).open("child")
    append(own, "child", [1])
    say("open")
    wait()
    os._exit(0)
os.waitpid(child, 0)
append(writer, "parent", [3])
say("reaped")
wait()
"""
    journal = FileJournal(tmp_path)
    with running(code, tmp_path) as program:
        assert "it belongs to the parent process; open a new log after a fork" in program.line()
        assert program.line() == "open"
        assert (journal.alive("parent"), journal.alive("child")) == (True, True)
        program.go_on()
        assert program.line() == "reaped"
        assert (journal.alive("parent"), journal.alive("child")) == (True, False)
        assert seqs(journal.read("parent", start("parent"))) == [1, 2, 3]
        assert seqs(journal.read("child", start("child"))) == [1]
        program.go_on()


def test_a_child_doesn_t_keep_its_parent_alive(tmp_path: Path) -> None:
    """A parent that is killed is dead, though its forked child lives on with its descriptors."""
    code = """
writer = FileJournal(root).open("a")
append(writer, "a", [1])
child = os.fork()
if not child:
    say(os.getpid())
    os.read(0, 1)
    os._exit(0)
signal.pause()
"""
    journal = FileJournal(tmp_path)
    with running(code, tmp_path) as program:
        child = int(program.line())
        assert journal.alive("a")
        program.kill()
        os.kill(child, 0)
        assert not journal.alive("a")


def test_a_fork_in_the_middle_of_an_append(tmp_path: Path) -> None:
    """A child that is forked while another thread has just made a segment leaves it alone."""
    code = """
writer = FileJournal(root).open("a")
writer._open_segment(str(root / "a" / "00000001.seg"), checkpoint("a", 1))
if not os.fork():
    writer.close()
    os._exit(0)
os.wait()
writer.append(checkpoint("a", 1))
say(len(FileJournal(root).read("a", start("a")).frames))
"""
    assert answer(code, tmp_path) == "1"


def test_a_child_believes_no_hold_of_its_parent(tmp_path: Path) -> None:
    """What the parent holds the child doesn't: it asks the kernel, and sees the parent's death."""
    code = """
from tachograph.journal.life import Hold, held
hold = Hold(str(root / "lock"))
if os.fork():
    signal.pause()
say(held(str(root / "lock")))
wait()
say(held(str(root / "lock")))
"""
    with running(code, tmp_path) as program:
        assert program.line() == "True"
        program.kill()
        program.go_on()
        assert program.line() == "False"


def test_a_hold_knows_its_place(tmp_path: Path) -> None:
    """`stands_at` is false as soon as the file is another one, or none."""
    path = str(tmp_path / "lock")
    hold = Hold(path)
    assert hold.stands_at(path)
    assert held(path)
    os.rename(path, tmp_path / "away")
    assert not hold.stands_at(path)
    assert not held(path)
    Path(path).touch()
    assert not hold.stands_at(path)
    assert not held(path)
    hold.release()
    hold.release()
    assert not hold.stands_at(str(tmp_path / "away"))


def test_a_hold_that_can_t_be_placed_leaves_nothing(tmp_path: Path) -> None:
    """Where the file can't be made, the error comes through and no descriptor stays open."""
    before = len(os.listdir("/proc/self/fd"))
    (tmp_path / "lock" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="lock"):
        Hold(str(tmp_path / "lock"))
    with pytest.raises(OSError, match="nowhere"):
        Hold(str(tmp_path / "nowhere" / "lock"))
    assert len(os.listdir("/proc/self/fd")) == before


def test_logs_opened_and_asked_after_by_many_threads(tmp_path: Path) -> None:
    """While one thread opens logs and others ask after them, no lock is lost."""
    journal = FileJournal(tmp_path)
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            for name in journal.sources():
                journal.alive(name)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    writers = [journal.open(f"log-{n}") for n in range(60)]
    over.set()
    for thread in threads:
        thread.join()
    states = "j = FileJournal(root); say(*{j.alive(name) for name in j.sources()})"
    assert answer(states, tmp_path) == "True"
    for writer in writers:
        writer.close()


def test_a_writer_that_nobody_has_is_over(tmp_path: Path) -> None:
    """A writer that was dropped without closing it gives lock and descriptors back."""
    journal = FileJournal(tmp_path)
    gc.collect()  # what others have left
    before = os.listdir("/proc/self/fd")
    writer = journal.open("a")
    append(writer, "a", [1])
    assert journal.alive("a")
    del writer
    gc.collect()
    assert not journal.alive("a")
    assert os.listdir("/proc/self/fd") == before


def test_a_refused_writer_says_why(tmp_path: Path) -> None:
    """The reason for a refusal stays the first one."""
    writer = FileJournal(tmp_path).open("a")
    writer.close()
    for _ in range(2):
        with pytest.raises(JournalError, match="a: this log is closed"):
            writer.append(tick(1))
