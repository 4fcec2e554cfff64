"""Crashes, damage and full disks: what was acknowledged is read, what is lost is declared."""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path

import pytest

from tachograph import frames
from tachograph.journal.base import Gap
from tachograph.journal.file import FileJournal
from tachograph.model import Position
from tests.journal.logs import (
    SEGMENT_BYTES,
    append,
    checkpoint,
    follow,
    segment_starts,
    seqs,
    start,
    tick,
)
from tests.journal.programs import answer, running

NUMBERED = """
import itertools, random
rng = random.Random(int(sys.stdin.readline()))
writer = FileJournal(root, segment_bytes=1 << 20, source_bytes=1 << 40).open("a")
for seq in itertools.count(1):
    append(writer, "a", [seq], size=rng.choice((10, 100, 40_000)))
    os.write(1, b"%99d\\n" % seq)  # wide, so that the pipe holds it back before long
"""


@pytest.mark.parametrize("seed", range(6))
def test_sigkill_at_any_moment_loses_nothing_acknowledged(tmp_path: Path, seed: int) -> None:
    """Every frame whose append returned is read, in order and without a gap, however the
    writer was killed; at most the one that was being written is damage."""
    journal = FileJournal(tmp_path)
    with running(NUMBERED, tmp_path) as program:
        program.stdin.write(b"%d\n" % seed)
        program.stdin.flush()
        for _ in range(random.Random(seed).randrange(1, 300)):
            program.line()
        before = follow(journal, start("a"))
        program.kill()
        said = program.stdout.read().split()
    acknowledged = int(said[-1]) if said else 0
    after = follow(journal, before.position)
    found = seqs(before) + seqs(after)
    assert not journal.alive("a")
    assert len(found) >= acknowledged
    assert found == list(range(1, len(found) + 1))
    assert sum(gap.count for gap in before.gaps + after.gaps) <= 1
    assert bool(after.gaps) <= bool(after.damaged_bytes)


def test_torn_at_every_byte_of_the_last_frame(tmp_path: Path) -> None:
    """A dead log whose last frame was cut anywhere: the frames before it are read, the torn one
    is damage, and it is declared by its number where its header stands."""
    journal = FileJournal(tmp_path)
    writer = journal.open("a")
    append(writer, "a", [1, 2])
    whole = journal.size_bytes("a")
    append(writer, "a", [3])
    size = journal.size_bytes("a")
    writer.close()
    path = tmp_path / "a" / "00000001.seg"
    for cut in range(size - 1, whole - 1, -1):
        os.truncate(path, cut)
        for reader in (FileJournal(tmp_path), journal):
            batch = reader.read("a", start("a"))
            numbered = cut - whole >= frames.HEADER_BYTES
            assert seqs(batch) == [1, 2]
            assert batch.gaps == ([Gap(3, 3, "damaged")] if numbered else [])
            assert batch.damaged_bytes == cut - whole
            again = reader.read("a", batch.position)
            assert (again.frames, again.gaps, again.damaged_bytes) == ([], [], 0)
        if numbered:  # who comes from elsewhere with that position hears of it no more either
            cold = FileJournal(tmp_path).read("a", Position("a", 3))
            assert (cold.frames, cold.gaps, cold.damaged_bytes) == ([], [], 0)


def test_a_torn_end_of_a_living_log_is_waited_for(tmp_path: Path) -> None:
    """While the writer lives, half a frame is no damage: it comes when it is whole."""
    journal = FileJournal(tmp_path)
    writer = journal.open("a")
    append(writer, "a", [1, 2, 3])
    path = tmp_path / "a" / "00000001.seg"
    data = path.read_bytes()
    position = start("a")
    for cut in range(len(data)):
        path.write_bytes(data[:cut])
        batch = journal.read("a", position)
        position = batch.position
        assert (batch.gaps, batch.damaged_bytes) == ([], 0)
    assert position == Position("a", 2)
    path.write_bytes(data)
    assert seqs(journal.read("a", position)) == [3]


def test_a_torn_end_before_a_newer_segment_is_damage(tmp_path: Path) -> None:
    """When the writer went on in a new segment, nothing will complete the old one."""
    journal = FileJournal(tmp_path, SEGMENT_BYTES)
    writer = journal.open("a")
    append(writer, "a", range(1, 40))
    starts = segment_starts(journal.read("a", start("a")))
    path = tmp_path / "a" / "00000001.seg"
    os.truncate(path, path.stat().st_size - 3)
    batch = journal.read("a", start("a"))
    lost = starts[1] - 1
    assert batch.gaps == [Gap(lost, lost, "damaged")]
    assert batch.damaged_bytes == len(tick(lost)) - 3
    assert seqs(batch) == [n for n in range(1, 40) if n != lost]


def test_what_is_sent_again_after_an_error_is_no_loss(tmp_path: Path) -> None:
    """A torn frame whose number comes again in the next segment leaves damage, but no gap."""
    journal = FileJournal(tmp_path)
    writer = journal.open("a")
    append(writer, "a", [1, 2])
    with (tmp_path / "a" / "00000001.seg").open("ab") as segment:
        segment.write(tick(3)[:-2])
    (tmp_path / "a" / "00000002.seg").write_bytes(checkpoint("a", 3) + tick(4))
    batch = journal.read("a", start("a"))
    assert (seqs(batch), batch.gaps) == ([1, 2, 3, 4], [])
    assert batch.damaged_bytes == len(tick(3)) - 2


@pytest.mark.parametrize("filling", ["zeros", "noise", "cut", "insert"])
@pytest.mark.parametrize("where", [0, 0.4, 0.9])
def test_a_damaged_segment_costs_what_it_held_there(
    tmp_path: Path, filling: str, where: float
) -> None:
    """A bad block in the middle of a log: all frames outside of it are read, the numbers that
    it took are in the gaps, and reading goes on in the next segment."""
    journal = FileJournal(tmp_path, segment_bytes=20_000)
    writer = journal.open("a")
    append(writer, "a", range(1, 600), size=40)
    path = tmp_path / "a" / "00000002.seg"
    data = path.read_bytes()
    first = int(len(data) * where)
    last = first if filling == "insert" else min(first + 1500, len(data))
    noise = random.Random(5).randbytes(1500)
    middle = {"zeros": bytes(last - first), "noise": noise, "cut": b"", "insert": noise}[filling]
    lost, at = set(), 0
    while header := frames.read_header(data, at):
        if first < at + header.end and at < max(last, first + 1):
            lost.add(header.seq)
        at += header.end
    if filling == "insert" and where == 0:
        lost = set()
    path.write_bytes(data[:first] + middle + data[last:])
    for limit in (4 << 20, 700):
        batch = follow(FileJournal(tmp_path), start("a"), limit)
        assert set(seqs(batch)) == set(range(1, 600)) - lost
        assert {n for gap in batch.gaps for n in range(gap.first, gap.last + 1)} == lost
        assert sum(gap.count for gap in batch.gaps) == len(lost)
        assert {gap.reason for gap in batch.gaps} <= {"damaged"}


def test_the_start_is_found_past_damaged_segment_heads(tmp_path: Path) -> None:
    """A position is found too when the first frames of segments can't be read."""
    journal = FileJournal(tmp_path, SEGMENT_BYTES)
    append(journal.open("a"), "a", range(1, 80))
    starts = segment_starts(journal.read("a", start("a")))
    for number in (2, 3, 4):
        path = tmp_path / "a" / f"{number:08}.seg"
        path.write_bytes(b"????" + path.read_bytes()[4:])
    lost = set(starts[1:4])
    for after in range(80):
        batch = FileJournal(tmp_path).read("a", Position("a", after))
        assert seqs(batch) == [n for n in range(after + 1, 80) if n not in lost]
    assert journal.trim("a", Position("a", starts[3])) == 0
    assert journal.trim("a", Position("a", starts[4] - 1)) > 0
    assert seqs(journal.read("a", start("a"))) == list(range(starts[4], 80))


def test_an_endless_frame_is_not_believed(tmp_path: Path) -> None:
    """Random bytes for a segment are read as damage, whatever they pretend to be."""
    journal = FileJournal(tmp_path)
    writer = journal.open("a")
    append(writer, "a", [1])
    rng = random.Random(1)
    with (tmp_path / "a" / "00000001.seg").open("ab") as segment:
        for _ in range(500):
            segment.write(frames.MAGIC + rng.randbytes(rng.randrange(60)))
    (tmp_path / "a" / "00000002.seg").write_bytes(checkpoint("a", 5))
    batch = follow(journal, start("a"), 1000)
    assert (seqs(batch), batch.gaps) == ([1, 5], [Gap(2, 4, "damaged")])


FILE_LIMIT = """
import resource
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = FileJournal(root)
writer = journal.open("a")

def try_append(seq):
    try:
        append(writer, "a", [seq], size=900)
    except JournalError as error:
        say(seq, error)

resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
for seq in range(1, 31):
    try_append(seq)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
for seq in range(31, 51):
    while not writer.needs_checkpoint:
        writer._leave_segment()
    try_append(seq)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
for seq in range(51, 61):
    try_append(seq)
"""


def test_a_file_size_limit(tmp_path: Path) -> None:
    """Short writes and EFBIG: each append that failed said so and is declared, everything else
    is read, and failing for long leaves no heap of empty files."""
    said = answer(FILE_LIMIT, tmp_path).splitlines()
    errors = dict(line.split(" ", 1) for line in said)
    failed = {int(seq) for seq in errors}
    short = [seq for seq in failed if seq <= 30]
    assert len(short) == 2
    for seq in short:
        assert "00000" in errors[str(seq)]
        assert "bytes could be appended" in errors[str(seq)]
    assert failed - set(short) == set(range(31, 51))
    assert "can't append" in errors["31"]
    assert "File too large" in errors["31"]
    journal = FileJournal(tmp_path)
    batch = journal.read("a", start("a"))
    assert set(seqs(batch)) == set(range(1, 61)) - failed
    assert {n for gap in batch.gaps for n in range(gap.first, gap.last + 1)} == failed
    assert len(list((tmp_path / "a").glob("*.seg"))) == 4


SMALL_DISK = """
import json
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "none", str(root)], check=True)
ballast = root / "ballast"
ballast.write_bytes(bytes(60_000))
journal = FileJournal(root / "journal")
writer = journal.open("a")
errors = {}
for seq in range(1, 121):
    if seq == 100:
        ballast.unlink()
    try:
        append(writer, "a", [seq], size=900)
    except JournalError as error:
        errors[seq] = str(error)
batch = journal.read("a", start("a"))
segments = len(list((root / "journal" / "a").glob("*.seg")))
say(json.dumps([errors, [frame.seq for frame in batch.frames], batch.gaps, segments]))
"""
OWN_MOUNTS = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]


def may_mount() -> bool:
    """Whether a process may have mounts of its own here; root may, and users on many systems."""
    trial = [*OWN_MOUNTS, "mount", "-t", "tmpfs", "none", "/mnt"]
    try:
        return subprocess.run(trial, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


if may_mount():

    def test_a_full_disk(tmp_path: Path) -> None:
        """ENOSPC: each append that failed said so and is declared, everything else is read,
        and when there is room again the log goes on in a new segment."""
        errors, found, gaps, segments = json.loads(answer(SMALL_DISK, tmp_path, OWN_MOUNTS))
        failed = {int(seq) for seq in errors}
        assert 20 < len(failed) < 80
        assert max(failed) == 99
        assert "only" in errors[str(min(failed))]
        assert "bytes could be appended, the disk or the quota is full" in errors[str(min(failed))]
        assert "No space left on device" in errors["99"]
        assert set(found) == set(range(1, 121)) - failed
        assert {n for first, last, _ in gaps for n in range(first, last + 1)} == failed
        assert segments <= 4
