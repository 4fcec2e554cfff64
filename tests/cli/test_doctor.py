"""`tacho doctor`: why nothing is seen, with real programs, homes, servers and users."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tachograph.cli import main
from tachograph.cli.diagnosis import elsewhere, place
from tachograph.cli.diagnosis.finding import Finding, examined, ok, problem
from tachograph.cli.doctor import examine, text
from tachograph.journal.file import FileJournal
from tests.cli.command import tacho
from tests.dashboards import Dashboard
from tests.programs import Program, eventually, states

NOBODY = 65534
RECORDING = """
    import tachograph as tacho
    tacho.configure(service="worker")
    tacho.action("hello").record(0.1)
    tacho.flush()
    print("recorded", flush=True)
    input()
"""


Found = dict[str, list[dict[str, Any]]]


def asked(home: Path, **environ: str) -> Found:
    """The findings about a home, by what they are about."""
    found = examine({**os.environ, "TACHOGRAPH_HOME": str(home), **environ})
    return by_name([msgspec.structs.asdict(finding) for finding in found])


def command(home: Path, *, base: bool = False, **environ: str) -> Found:
    """The same of a `tacho doctor --json` in a process of its own."""
    ended = tacho("doctor", "--json", home=home, environ=environ, base=base)
    assert ended.stderr == ""
    answer = json.loads(ended.stdout)
    marks = [finding["mark"] for finding in answer["findings"]]
    assert (answer["problems"], answer["notes"]) == (marks.count("problem"), marks.count("note"))
    assert ended.returncode == (1 if "problem" in marks else 0)
    return by_name(answer["findings"])


def by_name(findings: list[dict[str, Any]]) -> Found:
    """Sorted by what they are about. What isn't well says what is allowed and what to do."""
    found: Found = {}
    for finding in findings:
        assert finding["seen"]
        assert finding["mark"] == "ok" or (finding["allowed"] and finding["to_do"]), finding
        found.setdefault(finding["about"], []).append(finding)
    return found


def said(findings: list[dict[str, Any]], words: str) -> dict[str, Any]:
    """The one finding that has these words."""
    matching = [finding for finding in findings if words in finding["seen"]]
    assert len(matching) == 1, findings
    return matching[0]


def test_base_install(home: Path) -> None:
    """It works where msgspec and psutil are all there is, names what the dashboard needs, makes
    no home, and leaves nothing behind in one."""
    found = command(home, base=True)
    server = said(found["server"], "not installed here: fastapi")
    assert server["mark"] == "note"
    assert "pip install 'tachograph[server]'" in server["to_do"]
    assert found["trial"][0]["mark"] == "ok"
    assert not home.exists()
    home.mkdir(mode=0o700)
    command(home, base=True)
    assert list(home.iterdir()) == []


def test_imports_nothing_of_the_extras(home: Path) -> None:
    """Nor where they are installed: the check must not load what it looks for."""
    code = (
        "import sys\nfrom tachograph.cli import main\nmain(['doctor'])\n"
        "names = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(names & {'fastapi', 'uvicorn', 'rich', 'starlette', 'sqlalchemy', 'redis'}))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.splitlines()[-1] == "[]", done


def test_wrong_use(home: Path) -> None:
    """What it doesn't know is code 2."""
    assert tacho("doctor", "--loud", home=home).returncode == 2


def test_nothing_has_recorded_and_the_snippet_helps(home: Path) -> None:
    """It gives a line to paste; that line, run, is seen by the next call."""
    sources = said(asked(home)["sources"], "no program has recorded here")
    snippet = sources["to_do"].partition(": ")[2]
    python = f"{sys.executable} {snippet.removeprefix('python ')}"
    subprocess.run(python, shell=True, check=True, timeout=60)
    assert "0 live, 1 ended" in asked(home)["sources"][0]["seen"]


def test_a_program_that_records(home: Path) -> None:
    """One that lives here is named, and nothing is wrong with it."""
    with Program(RECORDING, home) as program:
        program.line()
        found = asked(home)
    assert f"1 live (worker {program.pid}), 0 ended" in found["sources"][0]["seen"]
    assert not [finding for finding in found["journal"] if finding["mark"] != "ok"]


def test_another_home(home: Path, tmp_path: Path) -> None:
    """A program whose TACHOGRAPH_HOME is another one is named, with what to start."""
    other = tmp_path / "other"
    with Program(RECORDING, other) as program:
        program.line()
        finding = said(asked(home)["elsewhere"], f"records into {other}")
        assert finding["mark"] == "problem"
        assert f"{program.pid} (" in finding["seen"]
        assert f"TACHOGRAPH_HOME={other}" in finding["to_do"]
        # Seen from its own home nothing is elsewhere; with one that lives here it is no problem.
        assert f"{program.pid} (" not in str(asked(other)["elsewhere"])
        with Program(RECORDING, home) as mine:
            mine.line()
            assert said(asked(home)["elsewhere"], f"records into {other}")["mark"] == "note"


def test_another_journal(home: Path, tmp_path: Path) -> None:
    """With TACHOGRAPH_JOURNAL a program records outside any home; so does one from here."""
    url = f"file:{tmp_path / 'bus'}"
    with Program(RECORDING, home, {"TACHOGRAPH_JOURNAL": url}) as program:
        program.line()
        finding = said(asked(home)["elsewhere"], f"records into {tmp_path / 'bus'}")
        assert f"TACHOGRAPH_JOURNAL={url}" in finding["to_do"]
        found = asked(home, TACHOGRAPH_JOURNAL=url)
        assert "1 live" in found["sources"][0]["seen"]
        assert said(found["journal"], "programs started here record into")["mark"] == "note"


def test_a_home_that_was_deleted_under_a_program(home: Path) -> None:
    """It still writes to what nobody can open any more."""
    with Program(RECORDING, home) as program:
        program.line()
        shutil.rmtree(home)
        found = elsewhere.processes(home / "journal", Path("/proc"), False)
        deleted = [
            f for f in found if "deleted under it" in f.seen and f"{program.pid} (" in f.seen
        ]
        # Its heartbeat may have made the journal again meanwhile; then there is nothing to say.
        assert deleted or eventually(lambda: states(home))


def test_switched_off(home: Path) -> None:
    """Here, and in a process that runs."""
    found = command(home, TACHOGRAPH_DISABLED="1")
    assert found["recording"][0]["mark"] == "problem"
    assert found["trial"][0]["mark"] == "ok"
    waits = "print('here', flush=True)\ninput()"
    with Program(waits, home, {"TACHOGRAPH_DISABLED": "yes"}) as program:
        program.line()
        assert f"{program.pid} (" in said(asked(home)["elsewhere"], "DISABLED is set")["seen"]


@pytest.fixture
def shared() -> Iterator[Path]:
    """A directory that every user can enter; pytest's own can't be."""
    folder = Path(tempfile.mkdtemp(prefix="tachograph-shared-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


# What has run once needs no file of this Python any more, which another user may not read.
ASKS_AS_NOBODY = f"""
    import io, os, sys
    from tachograph.cli import main
    out, sys.stdout = sys.stdout, io.StringIO()
    main(["doctor", "--json"])
    os.setuid({NOBODY})
    sys.stdout = io.StringIO()
    main(["doctor", "--json"])
    print(" ".join(sys.stdout.getvalue().split()), file=out, flush=True)
"""
RECORDS_AS_NOBODY = f"""
    import os
    import tachograph as tacho
    tacho.action("hello").record(0.1)
    tacho.flush()
    os.setuid({NOBODY})
    tacho.configure(home=os.environ["THEIRS"])
    tacho.action("hello").record(0.1)
    print(tacho.flush(), flush=True)
    input()
"""


def test_a_home_of_another_user(home: Path, shared: Path) -> None:
    """Who isn't the home's owner is told so, and whose it is."""
    mine = shared / "mine"
    mine.mkdir(mode=0o700)
    if os.geteuid() != 0:
        # Nobody else can be played; the same check, told that somebody else asks.
        assert next(place.directory(mine, os.geteuid() + 1)).mark == "problem"
        return
    with Program(ASKS_AS_NOBODY, mine) as program:
        found = json.loads(program.line())["findings"]
    seen = [f["seen"] for f in found if f["about"] == "access" and f["mark"] == "problem"]
    assert seen == [f"{mine} belongs to uid 0, this is uid {NOBODY}"]


def test_a_program_of_another_user(home: Path, shared: Path) -> None:
    """Root sees where programs of others record; others at least see that there is a home."""
    theirs = shared / "home" / "bob" / ".local" / "state" / "tachograph"
    theirs.parent.mkdir(parents=True)
    theirs.parent.chmod(0o777)
    if os.geteuid() != 0:
        with Program(RECORDING, theirs) as program:
            program.line()
            (found,) = elsewhere.homes(home, shared, False)
            assert f"record into {theirs}: 1" in found.seen
        return
    with Program(RECORDS_AS_NOBODY, home, {"THEIRS": str(theirs)}) as program:
        assert program.line() == "True"
        finding = said(asked(home)["elsewhere"], f"records into {theirs}")
        assert f"{program.pid} (" in finding["seen"]
        (found,) = elsewhere.homes(home, shared, False)
        assert f"programs of uid {NOBODY} that record into {theirs}: 1" in found.seen


def test_dashboard_of_this_home(home: Path) -> None:
    """It is found by what it wrote into the home, and asked; one that was killed is none."""
    assert asked(home)["dashboard"][0]["seen"] == "none runs on this home"
    with Dashboard(home) as dashboard:
        assert eventually(lambda: dashboard.get("/readyz"))
        finding = asked(home)["dashboard"][0]
        assert finding["mark"] == "ok"
        assert f"pid {dashboard.process.pid}" in finding["seen"]
        (home / "server.json").unlink()
        held = asked(home)["dashboard"][0]
        assert held["seen"].startswith(f"process {dashboard.process.pid} holds the store")
    assert asked(home)["dashboard"][0]["seen"] == "none runs on this home"


def test_a_dashboard_that_hangs(home: Path) -> None:
    """One that doesn't answer is a problem, with its pid."""
    code = """
        import os, socket
        from pathlib import Path
        from tachograph import address
        deaf = socket.create_server(("127.0.0.1", 0))
        address.write(Path(os.environ["TACHOGRAPH_HOME"]),
                      f"http://127.0.0.1:{deaf.getsockname()[1]}")
        print("deaf", flush=True)
        input()
    """
    home.mkdir()
    with Program(code, home) as program:
        program.line()
        finding = asked(home)["dashboard"][0]
    assert finding["mark"] == "problem"
    assert f"pid {program.pid}" in finding["seen"]
    assert "no answer" in finding["seen"]


def test_dashboard_of_another_home(home: Path, tmp_path: Path) -> None:
    """What answers on the port that ours would take is said to be another home's."""
    with Program(RECORDING, tmp_path / "other") as program, Dashboard(tmp_path / "other") as other:
        program.line()
        port = other.url.rpartition(":")[2]
        assert eventually(lambda: other.topic("actions").get("total_actions") == 1)
        found = asked(home, TACHOGRAPH_PORT=port)
        records = said(found["elsewhere"], f"records into {tmp_path / 'other'}")
        assert f"{program.pid} (" in records["seen"]
        assert f"{other.process.pid} (" not in records["seen"]
        finding = found["port"][0]
        assert finding["mark"] == "problem"
        assert "the dashboard of another home" in finding["seen"]
        with Dashboard(home):
            assert asked(home, TACHOGRAPH_PORT=port)["port"][0]["mark"] == "note"


def test_port_of_another_program(home: Path) -> None:
    """Something else that listens there, and says nothing, is no Tachograph."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        finding = asked(home, TACHOGRAPH_PORT=str(number))["port"][0]
    assert finding["mark"] == "problem"
    assert f"{number} is in use by another program" in finding["seen"]


def test_damage_is_told(home: Path) -> None:
    """Bytes in the middle of a log that are no frame are a note, and count as lost."""
    with Program(RECORDING, home) as program:
        program.line()
        program.say("")
        program.wait()
    journal = FileJournal(home / "journal")
    log = next((home / "journal" / journal.sources()[0]).glob("*.seg"))
    data = bytearray(log.read_bytes())
    data[-1] ^= 1
    log.write_bytes(data)
    found = asked(home)
    assert said(found["journal"], "1 damaged log")["mark"] == "note"
    assert "1 missing frames" in found["lost"][0]["seen"]


def test_text(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line per finding, its mark first, and below what isn't well what to do; then the count."""
    code = main(["doctor"])
    *lines, last = capsys.readouterr().out.splitlines()
    marks = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert set(marks) <= {"ok", "note", "problem"}
    problems = marks.count("problem")
    assert last.startswith(f"{problems} problem" if problems else "no problems, ")
    assert code == (1 if problems else 0)
    below = [line.strip().partition(":")[0] for line in lines if line.startswith(" ")]
    assert below == ["allowed", "to do"] * (len(marks) - marks.count("ok"))


def test_text_that_would_play_with_the_terminal() -> None:
    """Control characters of somebody's command line are shown as question marks."""
    assert "?[2Jevil?" in text([problem("a", "\x1b[2Jevil\n", "b", "c")])


def test_a_path_that_is_no_text(tmp_path: Path) -> None:
    """A home of any bytes is told, on a terminal and as JSON."""
    home = tmp_path / os.fsdecode(b"\xff\xfe")
    assert "??, from TACHOGRAPH_HOME" in command(home)["home"][0]["seen"]
    ended = tacho("doctor", home=home)
    assert "??, from TACHOGRAPH_HOME" in ended.stdout
    assert ended.stderr == ""


def test_a_check_that_fails() -> None:
    """It is a finding like others, and the rest is still said."""

    def broken() -> Iterator[Finding]:
        yield ok("disk", "fine so far")
        raise ZeroDivisionError("nothing to divide by")

    (finding,) = examined("disk", broken)
    assert (finding.about, finding.mark) == ("disk", "note")
    assert "ZeroDivisionError: nothing to divide by" in finding.seen


def test_no_home_is_known(tmp_path: Path) -> None:
    """Without a home there is still an answer: what is wrong with it, and all that needs none."""
    found = examine({"TACHOGRAPH_HOME": "~no-such-user/home"}, tmp_path)
    marks = {finding.about: finding.mark for finding in found}
    assert marks["home"] == "problem"
    assert marks["trial"] == "ok"
    assert "disk" not in marks
