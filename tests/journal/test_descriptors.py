"""Segments that stay open: bounded, and never another file than the one that is meant."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tachograph.journal.descriptors import MOST, Descriptors, allowed
from tachograph.journal.file import FileJournal
from tests.journal.logs import append, seqs, start


@pytest.fixture
def opened() -> Iterator[Descriptors]:
    """Room for three."""
    descriptors = Descriptors(3)
    yield descriptors
    descriptors.close()


def a_file(directory: Path, name: str, text: bytes = b"0123456789") -> str:
    path = directory / name
    path.write_bytes(text)
    return str(path)


def test_the_same_file_is_opened_once(tmp_path: Path, opened: Descriptors) -> None:
    """Reading on takes the descriptor that is there, and sees what was appended."""
    path = a_file(tmp_path, "a")
    assert opened.load("a", path, 0, 4) == (b"0123", False)
    before = os.listdir("/proc/self/fd")
    with open(path, "ab") as file:
        file.write(b"xyz")
    assert opened.load("a", path, 4, 100) == (b"456789xyz", True)
    assert opened.load("a", path, 13, 100) == (b"", True)
    assert os.listdir("/proc/self/fd") == before
    assert len(opened) == 1


def test_one_per_log(tmp_path: Path, opened: Descriptors) -> None:
    """The next segment of a log takes the place of the one before."""
    for name in ("1", "2", "3", "4"):
        assert opened.load("log", a_file(tmp_path, name), 0, 4) == (b"0123", False)
        assert len(opened) == 1
    opened.release("log")
    assert len(opened) == 0


def test_bounded_and_those_in_use_stay(tmp_path: Path, opened: Descriptors) -> None:
    """Beyond the bound a log is read all the same; one that nobody reads makes room."""
    paths = {name: a_file(tmp_path, name) for name in "abcdef"}
    for _ in range(4):
        for name, path in paths.items():
            assert opened.load(name, path, 0, 10) == (b"0123456789", True)
            assert len(opened) <= 3
    for _ in range(10):
        opened.load("f", paths["f"], 0, 10)
    before = os.listdir("/proc/self/fd")
    opened.load("f", paths["f"], 0, 10)
    assert os.listdir("/proc/self/fd") == before


def test_a_deleted_file_is_let_go(tmp_path: Path, opened: Descriptors) -> None:
    """What was deleted is gone, and what is made anew in its place is read from the beginning."""
    path = a_file(tmp_path, "a")
    opened.load("a", path, 0, 4)
    os.unlink(path)
    assert opened.load("a", path, 0, 4) is None
    a_file(tmp_path, "a", b"anew")
    assert opened.load("a", path, 0, 4) == (b"anew", True)


def test_a_descriptor_that_somebody_closed(tmp_path: Path, opened: Descriptors) -> None:
    """A program that closes all descriptors may get the same number for a file of its own, which
    is neither read nor closed."""
    path = a_file(tmp_path, "a")
    opened.load("a", path, 0, 4)
    (fd,) = [kept.fd for kept in opened._kept.values()]
    os.close(fd)
    other = os.open(a_file(tmp_path, "other", b"secret"), os.O_RDONLY)
    assert other == fd
    assert opened.load("a", path, 0, 4) == (b"0123", False)
    opened.close()
    assert os.pread(other, 6, 0) == b"secret"
    os.close(other)


def test_what_is_no_file(tmp_path: Path, opened: Descriptors) -> None:
    """A pipe isn't waited for, a device isn't read, and neither stays open."""
    os.mkfifo(tmp_path / "pipe")
    before = os.listdir("/proc/self/fd")
    for path in (str(tmp_path / "pipe"), "/dev/zero", str(tmp_path)):
        with pytest.raises(OSError, match="no file"):
            opened.load("a", path, 0, 4)
    assert opened.load("a", str(tmp_path / "nothing"), 0, 4) is None
    assert os.listdir("/proc/self/fd") == before


def test_a_quiet_log_keeps_none(tmp_path: Path) -> None:
    """A log in which there was nothing new gives its descriptor back, and is read on later."""
    journal = FileJournal(tmp_path)
    writer = journal.open("a")
    append(writer, "a", [1])
    before = os.listdir("/proc/self/fd")
    position = journal.read("a", start("a")).position
    assert len(os.listdir("/proc/self/fd")) == len(before) + 1
    position = journal.read("a", position).position
    assert os.listdir("/proc/self/fd") == before
    append(writer, "a", [2])
    assert seqs(journal.read("a", position)) == [2]
    writer.close()


def test_a_share_of_what_the_process_may_have() -> None:
    """Clients of a server need descriptors too."""
    assert 0 < allowed() <= MOST
