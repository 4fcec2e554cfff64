"""`tacho sources`: what records on this machine, read from the journal alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tachograph import frames
from tachograph.cli import main
from tachograph.cli.sources import read, row
from tachograph.journal.file import FileJournal
from tests.cli.command import tacho
from tests.core.program import NOON
from tests.server.serving import Reporting

DAY = 86_400.0


@pytest.fixture
def programs(home: Path) -> Iterator[list[Reporting]]:
    """One source in each state that a log can show: live, ended, failed, killed."""
    now = time.time()
    names = ("api", "worker", "nightly", "import")
    found = [Reporting(home, f"p{n}", service=name, pid=100 + n) for n, name in enumerate(names)]
    for program in found:
        program.do(0.5)
        program.say(now)
    found[1].end(now)
    found[2].end(now, "failed", "ValueError: no")
    found[3].kill()
    yield found
    found[0].kill()


def rows(text: str) -> list[list[str]]:
    """The words of each line."""
    return [line.split() for line in text.splitlines()]


def test_base_install(home: Path, programs: list[Reporting]) -> None:
    """Every source with its state, on the base installation and without a server."""
    ended = tacho("sources", home=home, base=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    head, *lines = rows(ended.stdout)
    assert head == ["STATE", "SERVICE", "PROJECT", "PID", "LAST", "FRAME", "FRAMES", "LOST"]
    assert [line[:4] for line in lines] == [
        ["live", "api", "photos", "100"],
        ["ended", "worker", "photos", "101"],
        ["failed", "nightly", "photos", "102"],
        ["killed", "import", "photos", "103"],
    ]
    assert [line[-2:] for line in lines] == [["1", "0"], ["2", "0"], ["2", "0"], ["1", "0"]]
    assert all(line[5:7] == ["s", "ago"] for line in lines)


def test_none(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything has recorded it says what to do."""
    assert main(["sources"]) == 0
    assert capsys.readouterr().out.startswith("No source has recorded yet. Put `import tacho")


def test_old_ones(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What ended over a day ago is listed with --all only; what lives, always."""
    now = time.time()
    old, living = (Reporting(home, id, service=id) for id in ("old", "living"))
    for program in (old, living):
        program.say(now - 3 * DAY)
    old.kill()
    main(["sources"])
    assert [line[1] for line in rows(capsys.readouterr().out)[1:]] == ["living"]
    main(["sources", "--all"])
    listed = rows(capsys.readouterr().out)[1:]
    assert sorted(line[1] for line in listed) == ["living", "old"]
    assert [line[4:7] for line in listed] == [["3", "d", "ago"]] * 2
    living.kill()


@pytest.mark.parametrize(
    ("ago", "shown"),
    [(-5, "0 s"), (0, "0 s"), (59, "59 s"), (60, "1 min"), (7199, "1 h"), (2.5 * DAY, "2 d")],
)
def test_age(home: Path, ago: float, shown: str) -> None:
    """Ages are in the largest unit that fits; a clock that is ahead makes none negative."""
    program = Reporting(home)
    program.say(NOON)
    state = read(FileJournal(home / "journal"), "p1")
    assert state is not None
    assert f"  {shown} ago " in row(state, NOON + ago)
    program.kill()


def test_names_that_would_play_with_the_terminal(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Control characters are shown as question marks, and long names are cut."""
    program = Reporting(home, service="\x1b[2Jevil\n" + "x" * 50, project="café\u202e")
    program.say(time.time())
    main(["sources"])
    line = capsys.readouterr().out.splitlines()[1]
    assert "?[2Jevil?xxxxxxxxxxxxxx…" in line
    assert "café?" in line
    assert line.isprintable()
    program.kill()


def test_losses(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Frames that are missing, damaged, torn or none, and what the program itself dropped, are
    one number; a log without anything that can be read is no source."""
    program, bad = Reporting(home, "p1"), Reporting(home, "p2")
    program.sums.lose("queue full", 5)
    program.seq += 1
    program.say(time.time())
    program.writer.append(frames.wrap(b"\xc1 is no frame", program.seq + 1, 0))
    program.seq += 1
    for n in range(3):
        program.count(1)
        program.say(time.time() + n)
        bad.count(1)
        bad.say(time.time() + n)
    for program_ in (program, bad):
        program_.kill()
    journal = home / "journal"
    log = next((journal / "p1").glob("*.seg"))
    data = bytearray(log.read_bytes())
    data[-1] ^= 1
    log.write_bytes(data)
    next((journal / "p2").glob("*.seg")).write_bytes(b"\x00" * 300)
    main(["sources"])
    listed = rows(capsys.readouterr().out)[1:]
    assert len(listed) == 1
    assert listed[0][-1] == "8"
    assert read(FileJournal(journal), "p2") is None


def test_another_journal(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With TACHOGRAPH_JOURNAL it reads there; one that it doesn't know is refused."""
    program = Reporting(tmp_path)
    program.say(time.time())
    monkeypatch.setenv("TACHOGRAPH_JOURNAL", f"file:{tmp_path / 'journal'}")
    assert main(["sources"]) == 0
    assert "live" in capsys.readouterr().out
    monkeypatch.setenv("TACHOGRAPH_JOURNAL", "pigeon://here")
    assert main(["sources"]) == 2
    assert "TACHOGRAPH_JOURNAL=pigeon:" in capsys.readouterr().err
    program.kill()
