"""The journal over files: the contract, and what holds for its files."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tachograph import frames
from tachograph.errors import JournalError
from tachograph.journal.base import Batch, Gap
from tachograph.journal.file import FileJournal
from tachograph.model import Position
from tests.journal.conformance import *  # noqa: F403
from tests.journal.conformance import Rig
from tests.journal.logs import SEGMENT_BYTES, append, checkpoint, segment_starts, seqs, start, tick
from tests.journal.programs import answer


class Files:
    """Finds frames in a journal's files, to hurt them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def damage(self, source_id: str, seq: int) -> None:
        path, _, end = self.place(source_id, seq)
        data = bytearray(path.read_bytes())
        data[end - 1] ^= 1
        path.write_bytes(data)

    def drop(self, source_id: str, seq: int) -> None:
        path, begin, end = self.place(source_id, seq)
        data = path.read_bytes()
        path.write_bytes(data[:begin] + data[end:])

    def place(self, source_id: str, seq: int) -> tuple[Path, int, int]:
        for path in sorted((self.root / source_id).glob("*.seg")):
            data, at = path.read_bytes(), 0
            while header := frames.read_header(data, at):
                if header.seq == seq:
                    return path, at, at + header.end
                at += header.end
        raise KeyError(f"{source_id} has no frame {seq}")


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """A journal that rotates often."""
    root = tmp_path / "journal"
    files = Files(root)
    return Rig(FileJournal(root, SEGMENT_BYTES), files.damage, files.drop)


def test_one_write_per_append(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An append is one system call that writes, whatever it holds, rotation included."""
    sizes: list[int] = []
    write = os.write

    def counted(fd: int, data: bytes) -> int:
        sizes.append(len(data))
        return write(fd, data)

    monkeypatch.setattr(os, "write", counted)
    writer = FileJournal(tmp_path, SEGMENT_BYTES).open("a")
    for seq in range(1, 100):
        data = checkpoint("a", seq) if writer.needs_checkpoint else tick(seq) + tick(seq)
        writer.append(data)
        assert sizes == [len(data)]
        sizes.clear()


def test_files_are_for_their_user_alone(tmp_path: Path) -> None:
    """Directories are 0700 and files 0600, those above the root that had to be made too."""
    root = tmp_path / "home" / "journal"
    append(FileJournal(root, SEGMENT_BYTES).open("a"), "a", range(1, 40))
    made = [tmp_path / "home", root, *root.rglob("*")]
    assert {path.name for path in made} >= {"a", "lock", "00000001.seg", "00000002.seg"}
    for path in made:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a\\b", "/etc", ".x", "a\nb", "a" * 201]
)
def test_a_name_can_t_lead_out_of_the_root(tmp_path: Path, name: str) -> None:
    """Ids that are no plain names are refused for writing, and unknown to everything else."""
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "00000001.seg").write_bytes(checkpoint("x", 1))
    journal = FileJournal(tmp_path / "journal")
    append(journal.open("a"), "a", [1])
    with pytest.raises(JournalError, match="can't name a log; allowed are"):
        journal.open(name)
    assert journal.read(name, Position(name, 3)) == Batch([], Position(name, 3), [])
    assert not journal.alive(name)
    assert journal.size_bytes(name) == journal.forget(name) == 0
    assert journal.trim(name, Position(name, 9)) == 0
    assert (tmp_path / "x" / "00000001.seg").exists()


def test_only_logs_are_listed(tmp_path: Path) -> None:
    """Stray files and what is being made are no sources; a log without its lock is one, dead."""
    journal = FileJournal(tmp_path)
    append(journal.open("a"), "a", [1])
    (tmp_path / ".b.77").mkdir()
    (tmp_path / "note.txt").write_text("x")
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "00000004.seg").write_bytes(checkpoint("bare", 9))
    (tmp_path / "bare" / "x.seg").write_bytes(b"?")
    assert journal.sources() == ["bare", "a"]
    assert not journal.alive("bare")
    batch = journal.read("bare", start("bare"))
    assert (seqs(batch), batch.gaps) == ([9], [Gap(1, 8, "trimmed")])


def test_a_writer_keeps_its_own_log_small(tmp_path: Path) -> None:
    """Above the cap of one source its oldest segments go, and readers are told."""
    journal = FileJournal(tmp_path, SEGMENT_BYTES, source_bytes=4 * SEGMENT_BYTES)
    writer = journal.open("a")
    for seq in range(1, 500):
        append(writer, "a", [seq])
        assert journal.size_bytes("a") <= 4 * SEGMENT_BYTES + 200
    batch = journal.read("a", start("a"))
    first = batch.frames[0]
    assert first.is_checkpoint
    assert seqs(batch) == list(range(first.seq, 500))
    assert batch.gaps == [Gap(1, first.seq - 1, "trimmed")]
    assert journal.size_bytes("a") > 2 * SEGMENT_BYTES


def dead_logs(journal: FileJournal, names: list[str]) -> None:
    for name in names:
        writer = journal.open(name)
        append(writer, name, range(1, 60))
        writer.close()


def test_the_cap_takes_the_oldest_dead_logs(tmp_path: Path) -> None:
    """Dead logs go, oldest first, until the total fits; the living stay, however old."""
    journal = FileJournal(tmp_path, SEGMENT_BYTES)
    living = journal.open("old-but-alive")
    append(living, "old-but-alive", range(1, 60))
    dead_logs(journal, ["d", "c", "b", "a"])
    sizes = [journal.size_bytes(name) for name in ("old-but-alive", "b", "a")]
    capped = FileJournal(tmp_path, total_bytes=sum(sizes))
    assert capped.enforce_cap() == ["d", "c"]
    assert capped.sources() == ["old-but-alive", "b", "a"]
    assert capped.enforce_cap() == []
    assert FileJournal(tmp_path, total_bytes=0).enforce_cap() == ["b", "a"]
    assert seqs(journal.read("old-but-alive", start("old-but-alive"))) == list(range(1, 60))


def test_the_cap_is_a_share_of_the_free_disk_too(tmp_path: Path) -> None:
    """On a small disk the share counts, not the total."""
    journal = FileJournal(tmp_path, SEGMENT_BYTES)
    dead_logs(journal, ["a", "b"])
    assert FileJournal(tmp_path, free_share=0.5).enforce_cap() == []
    assert FileJournal(tmp_path, free_share=1e-15).enforce_cap() == ["a", "b"]
    assert FileJournal(tmp_path / "nowhere").enforce_cap() == []


@pytest.mark.parametrize("what", ["root", "log", "segment", "all files"])
def test_deleted_under_a_running_writer(tmp_path: Path, what: str) -> None:
    """The append after the deletion fails and says so; the next one makes the log anew."""
    journal = FileJournal(tmp_path / "journal", SEGMENT_BYTES)
    log = tmp_path / "journal" / "a"
    writer = journal.open("a")
    append(writer, "a", range(1, 40))
    position = journal.read("a", start("a")).position
    append(writer, "a", [40])
    assert not writer.needs_checkpoint
    if what == "root":
        shutil.rmtree(tmp_path / "journal")
    elif what == "log":
        shutil.rmtree(log)
    elif what == "segment":
        max(log.glob("*.seg")).unlink()
    else:
        for path in log.iterdir():
            path.unlink()
    with pytest.raises(JournalError, match=r"a/0000000\d.seg: can't append .* was deleted"):
        writer.append(tick(41))
    assert writer.needs_checkpoint
    append(writer, "a", [42, 43])
    assert journal.alive("a")
    batch = journal.read("a", position)
    assert (seqs(batch), batch.gaps) == ([42, 43], [Gap(40, 41, "trimmed")])
    assert log.joinpath("lock").stat().st_mode & 0o777 == 0o600
    writer.close()
    assert not journal.alive("a")


@pytest.mark.parametrize("what", ["root", "log", "segment", "lock", "moved", "unlocked"])
def test_a_writer_that_is_asked_first_loses_nothing(
    tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever happened to the files, the writer asks for a checkpoint before the next frame, and
    with it there is a living log in the old place again."""
    monkeypatch.setattr("tachograph.journal.writer.LOOK_S", 0.0)
    journal = FileJournal(tmp_path / "journal")
    log = tmp_path / "journal" / "a"
    writer = journal.open("a")
    append(writer, "a", [1, 2])
    position = journal.read("a", start("a")).position
    if what == "root":
        shutil.rmtree(tmp_path / "journal")
    elif what == "log":
        shutil.rmtree(log)
    elif what == "segment":
        (log / "00000001.seg").unlink()
    elif what == "lock":
        (log / "lock").unlink()
    elif what == "moved":
        (tmp_path / "journal").rename(tmp_path / "away")
    else:
        (log / "lock").read_bytes()
    # The lock is there again as soon as anybody asks; nothing else of the log is missing then.
    assert writer.needs_checkpoint == (what != "unlocked")
    append(writer, "a", [3, 4])
    assert answer("say(FileJournal(root).alive('a'))", tmp_path / "journal") == "True"
    batch = journal.read("a", position)
    assert (seqs(batch), batch.gaps) == ([3, 4], [])
    writer.close()


def test_a_program_that_closes_all_descriptors(tmp_path: Path) -> None:
    """When a program closes everything, to become a daemon, and opens files of its own that
    get the same numbers, they are never written to and never closed; the log goes on."""
    journal = FileJournal(tmp_path / "journal")
    writer = journal.open("a")
    append(writer, "a", [1, 2])
    mine = [fd for fd in map(int, os.listdir("/proc/self/fd")) if in_journal(fd, tmp_path)]
    assert len(mine) == 2
    for fd in mine:
        os.close(fd)
    foreign = [os.open(tmp_path / f"own-{fd}", os.O_RDWR | os.O_CREAT) for fd in mine]
    assert sorted(foreign) == sorted(mine)
    try:
        with pytest.raises(JournalError, match="was deleted or closed"):
            writer.append(tick(3))
        append(writer, "a", [4, 5])
        assert journal.alive("a")
        assert seqs(journal.read("a", start("a"))) == [1, 2, 4, 5]
        writer.close()
        assert [os.fstat(fd).st_size for fd in foreign] == [0, 0]
    finally:
        for fd in foreign:
            os.close(fd)


def in_journal(fd: int, root: Path) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{fd}").startswith(str(root / "journal"))
    except OSError:
        return False


def test_reading_what_is_deleted_meanwhile(tmp_path: Path) -> None:
    """A log that goes while it is followed reads as empty, and its position stays."""
    journal = FileJournal(tmp_path, SEGMENT_BYTES)
    writer = journal.open("a")
    append(writer, "a", range(1, 40))
    position = journal.read("a", start("a"), 500).position
    writer.close()
    assert FileJournal(tmp_path).forget("a") > 0
    assert journal.read("a", position) == Batch([], position, [])
    assert journal.sources() == []
    assert journal.errors == {}


def test_200_sources_are_followed(tmp_path: Path) -> None:
    """Two hundred logs, half of them dead and one gone in between, are all read to their end."""
    journal = FileJournal(tmp_path, SEGMENT_BYTES)
    writers = {f"s{n:03}": journal.open(f"s{n:03}") for n in range(200)}
    positions = {name: start(name) for name in writers}
    found: dict[str, list[int]] = {name: [] for name in writers}
    for first in (1, 11, 21):
        for name, writer in writers.items():
            append(writer, name, range(first, first + 10))
        for name in journal.sources():
            batch = journal.read(name, positions[name])
            positions[name] = batch.position
            found[name] += seqs(batch)
        for name in [*writers][::2] if first == 11 else []:
            writers.pop(name).close()
        if first == 11:
            shutil.rmtree(tmp_path / "s000")
    assert len(journal.sources()) == 199
    assert {name: len(got) for name, got in found.items()} == {
        f"s{n:03}": 20 if n % 2 == 0 else 30 for n in range(200)
    }


@pytest.fixture
def as_a_user() -> Iterator[Path]:
    """A directory of an ordinary user, and this process being that user: root may read all."""
    with tempfile.TemporaryDirectory() as name:
        user = os.geteuid() or 65534
        os.chown(name, user, -1)
        before = os.geteuid()
        os.seteuid(user)
        try:
            yield Path(name)
        finally:
            os.seteuid(before)


def test_unreadable_files_are_reported(as_a_user: Path) -> None:
    """What may not be opened reads as empty and stands in `errors` until it can be read."""
    root = as_a_user / "journal"
    journal = FileJournal(root, SEGMENT_BYTES)
    writer = journal.open("a")
    append(writer, "a", range(1, 30))
    for path in (root / "a" / "00000001.seg", root / "a", root):
        mode = path.stat().st_mode
        path.chmod(0)
        assert journal.read("a", start("a")) == Batch([], start("a"), [])
        [(name, error)] = journal.errors.items()
        assert (name, "Permission denied" in error, "journal" in error) == ("a", True, True)
        path.chmod(mode)
        assert len(journal.read("a", start("a")).frames) == 29
        assert journal.errors == {}


def test_an_unreadable_later_segment_stops_the_reader(as_a_user: Path) -> None:
    """What can be read before it is, and nothing behind it is skipped."""
    root = as_a_user / "journal"
    journal = FileJournal(root, SEGMENT_BYTES)
    append(journal.open("a"), "a", range(1, 60))
    starts = segment_starts(journal.read("a", start("a")))
    second = root / "a" / "00000002.seg"
    second.chmod(0)
    batch = journal.read("a", start("a"))
    assert (seqs(batch), batch.gaps) == (list(range(1, starts[1])), [])
    assert "00000002.seg: Permission denied" in journal.errors["a"]
    second.chmod(0o600)
    assert seqs(journal.read("a", batch.position)) == list(range(starts[1], 60))


def test_an_unreadable_root_has_no_sources(as_a_user: Path) -> None:
    """The root's own error stands under the empty name."""
    root = as_a_user / "journal"
    journal = FileJournal(root)
    journal.open("a").close()
    root.chmod(0)
    assert journal.sources() == []
    assert journal.errors == {"": f"{root}: Permission denied"}
    root.chmod(0o700)
    assert journal.sources() == ["a"]
    assert journal.errors == {}


def test_whose_lock_can_t_be_read_counts_as_alive(as_a_user: Path) -> None:
    """Where nobody can tell, nothing is deleted."""
    root = as_a_user / "journal"
    journal = FileJournal(root)
    writer = journal.open("a")
    append(writer, "a", [1])
    writer.close()
    (root / "a" / "lock").chmod(0)
    assert journal.alive("a")
    assert journal.forget("a") == 0
    assert FileJournal(root, total_bytes=0).enforce_cap() == []
    assert "lock: Permission denied" in journal.errors["a"]


def test_a_read_only_directory(as_a_user: Path) -> None:
    """Where nothing may be made, opening says which path and why; a log that becomes read-only
    refuses its next segment, and goes on when it may."""
    root = as_a_user / "journal"
    journal = FileJournal(root, SEGMENT_BYTES)
    writer = journal.open("a")
    append(writer, "a", range(1, 10))
    root.chmod(0o500)
    (root / "a").chmod(0o500)
    with pytest.raises(JournalError, match=rf"{root}/b: can't begin a log \(Permission denied\)"):
        journal.open("b")
    seq = 10
    while not writer.needs_checkpoint:
        append(writer, "a", [seq])
        seq += 1
    for _ in range(2):
        with pytest.raises(
            JournalError, match=r"00000002.seg: can't append .* \(Permission denied"
        ):
            append(writer, "a", [seq])
        assert writer.needs_checkpoint
    (root / "a").chmod(0o700)
    append(writer, "a", [seq])
    assert seqs(journal.read("a", start("a"))) == list(range(1, seq + 1))
    assert (root / "a" / "00000002.seg").exists()
    root.chmod(0o700)


def test_a_root_that_is_a_file(tmp_path: Path) -> None:
    """A path that can't hold logs is an error for a writer, and reported to a reader."""
    (tmp_path / "journal").write_text("x")
    journal = FileJournal(tmp_path / "journal")
    with pytest.raises(JournalError, match="can't begin a log"):
        journal.open("a")
    assert journal.sources() == []
    assert "Not a directory" in journal.errors[""]
