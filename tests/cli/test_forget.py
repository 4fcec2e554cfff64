"""`tacho forget`: with a server and without one, for good, and never by mistake."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tachograph import address
from tachograph.home import read_or_create_secret
from tachograph.model import Frame, SpanEnd
from tachograph.store.sqlite import SqliteStore
from tests.cli.command import refused, tacho
from tests.dashboards import Dashboard
from tests.programs import eventually
from tests.server.serving import TOKEN, Reporting, serving

FIRST, SECOND, OTHER = "aaaa1111", "aaaa2222", "bbbb1111"


def record(home: Path) -> None:
    """Two sources of one project and one of another, all over."""
    now = time.time()
    for id, project in ((FIRST, "photos"), (SECOND, "photos"), (OTHER, "music")):
        program = Reporting(home, id, project=project)
        program.do(0.5)
        program.sums.publish("tasks", {project: id})
        program.say(now)
        span = SpanEnd(1, 0, "action", "click", int(now * 1e9), 0.5, 0.5, f"Oops of {id}")
        program.seq += 1
        program._write(program.seq, Frame(int(now * 1e9), ended=[span]))
        program.end(now)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which a server has seen and stored it all, and is gone."""
    home = tmp_path_factory.mktemp("seen") / "home"
    record(home)
    with Dashboard(home) as dashboard:
        assert eventually(lambda: stored(home) == {FIRST, SECOND, OTHER})
        dashboard.stop()
    return home


@pytest.fixture
def recorded(seen: Path, home: Path) -> Path:
    """The same, for one test."""
    shutil.copytree(seen, home)
    return home


@contextmanager
def looking(home: Path) -> Iterator[SqliteStore]:
    """At the store, beside whoever has it."""
    with closing(SqliteStore(home / "store.db", 0.0)) as store:
        yield store


def stored(home: Path) -> set[str]:
    """Ids of the stored sources that are over."""
    if not (home / "store.db").exists():
        return set()
    with looking(home) as store:
        return {one.id for one in store.sources() if one.state != "live"}


def logs(home: Path) -> set[str]:
    return {entry.name for entry in (home / "journal").iterdir()}


def kept_projects(home: Path) -> set[str]:
    """Of which there is anything at all in the store."""
    with looking(home) as store:
        every = [*store.seconds(0, 1 << 40), *store.minutes(0, 1 << 40)]
        return {
            *(one.project for one in store.sources()),
            *(one.key.project for one in store.series()),
            *(key.project for row in every for key, _ in row.samples),
            *(one.project for one in store.errors("action", "click")),
            *(row[2] for row in store.meta("topics")),
        }


# --- by hand ----------------------------------------------------------------------------------


def test_a_project_without_a_server(recorded: Path) -> None:
    """On the base installation: logs, state, history, failures, what it published; the other
    project keeps all of its own, and a server that starts later doesn't know it any more."""
    assert kept_projects(recorded) == {"photos", "music"}
    ended = tacho("forget", "photos", "--yes", home=recorded, base=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "Forgotten: the project photos, 2 sources.\n"
    assert kept_projects(recorded) == {"music"}
    assert logs(recorded) == {OTHER}
    again = tacho("forget", "photos", "--yes", home=recorded, base=True)
    assert (again.returncode, again.stdout) == (1, "")
    assert "nothing here is called 'photos'" in again.stderr
    with Dashboard(recorded) as dashboard:
        assert {one["id"] for one in dashboard.get("/api/sources")["items"]} == {OTHER}
        assert dashboard.topic("tasks") == {"music": OTHER}


def test_a_source_without_a_server(recorded: Path) -> None:
    """By the beginning of its id; what it did stays in its service's history."""
    ended = tacho("forget", "aaaa2", "--yes", home=recorded, base=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert SECOND in ended.stdout
    assert "history of catalog" in ended.stdout
    assert stored(recorded) == logs(recorded) == {FIRST, OTHER}
    with looking(recorded) as store:
        samples = [one for row in store.seconds(0, 1 << 40) for key, one in row.samples if key.span]
        assert sum(one.count for one in samples) == 3
        assert {one.source for one in store.errors("action", "click")} == {FIRST, OTHER}


def test_what_no_server_has_ever_seen(home: Path) -> None:
    """Logs that are in no store yet are found by their own words."""
    record(home)
    assert tacho("forget", "photos", "--yes", home=home, base=True).returncode == 0
    assert tacho("forget", OTHER, "--yes", home=home, base=True).returncode == 0
    assert logs(home) == set()


# --- by the server ----------------------------------------------------------------------------


def test_with_a_server(home: Path) -> None:
    """It is found by the home alone, past any proxy of the environment, and its page forgets at
    once."""
    record(home)
    nowhere = {"http_proxy": "http://localhost:1", "all_proxy": "http://localhost:1"}
    with Dashboard(home) as dashboard:
        assert eventually(lambda: stored(home) == {FIRST, SECOND, OTHER})
        ended = tacho("forget", FIRST, "--yes", home=home, environ=nowhere)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert {one["id"] for one in dashboard.get("/api/sources")["items"]} == {SECOND, OTHER}
        ended = tacho("forget", "photos", "--yes", home=home, environ=nowhere)
        assert (ended.returncode, ended.stdout) == (
            0,
            "Forgotten: the project photos, 1 source.\n",
        )
        assert {one["id"] for one in dashboard.get("/api/sources")["items"]} == {OTHER}
        assert tacho("forget", "photos", "--yes", home=home).returncode == 1
    assert eventually(lambda: kept_projects(home) == {"music"})
    assert logs(home) == {OTHER}


def test_a_server_with_a_token_of_its_own(home: Path) -> None:
    """Said with what to do; with the token it goes."""
    record(home)
    read_or_create_secret(home / "token")
    with serving(home):
        assert eventually(lambda: stored(home) == {FIRST, SECOND, OTHER})
        said = refused(tacho("forget", "photos", "--yes", home=home))
        assert "takes another token" in said
        assert "TACHOGRAPH_TOKEN" in said
        ended = tacho("forget", "photos", "--yes", home=home, environ={"TACHOGRAPH_TOKEN": TOKEN})
        assert ended.returncode == 0


def test_a_server_that_was_killed(home: Path) -> None:
    """Its address is still in the home; nobody waits for it."""
    record(home)
    with Dashboard(home) as dashboard:
        assert eventually(lambda: stored(home) == {FIRST, SECOND, OTHER})
        dashboard.kill()
    assert (home / address.NAME).exists()
    assert tacho("forget", "photos", "--yes", home=home, base=True).returncode == 0
    assert stored(home) == {OTHER}


def test_a_store_that_somebody_else_holds(recorded: Path) -> None:
    """And that does not say where it listens: one sentence, and nothing is touched."""
    with closing(SqliteStore(recorded / "store.db")):
        said = refused(tacho("forget", "photos", "--yes", home=recorded, base=True))
        assert "another process holds the store" in said
    assert logs(recorded) == {FIRST, SECOND, OTHER}


def test_a_server_elsewhere_that_does_not_answer(recorded: Path) -> None:
    """What TACHOGRAPH_SERVER names is not replaced by this home."""
    said = refused(
        tacho(
            "forget",
            "photos",
            "--yes",
            home=recorded,
            environ={"TACHOGRAPH_SERVER": "http://localhost:1"},
        )
    )
    assert "http://localhost:1 doesn't answer" in said
    assert stored(recorded) == {FIRST, SECOND, OTHER}


# --- never by mistake -------------------------------------------------------------------------


@pytest.mark.parametrize("server", [False, True], ids=["by hand", "by the server"])
def test_what_lives(home: Path, server: bool) -> None:
    """Refused, with who it is and what to do; source and project alike."""
    program = Reporting(home, FIRST, pid=os.getpid())
    program.do(0.5)
    program.say(time.time())
    with serving(home) if server else closing(program.writer):
        for target in (FIRST, "photos"):
            said = refused(tacho("forget", target, "--yes", home=home, environ=TOKENED))
            assert f"catalog ({FIRST}, pid {os.getpid()}) still runs; stop it first" in said
    program.kill()
    assert logs(home) == {FIRST}


TOKENED = {"TACHOGRAPH_TOKEN": TOKEN}


def test_without_a_terminal_it_does_not_ask(recorded: Path) -> None:
    """And forgets nothing: --yes has to be said."""
    said = refused(tacho("forget", "photos", home=recorded, base=True))
    assert "add --yes" in said
    assert stored(recorded) == logs(recorded) == {FIRST, SECOND, OTHER}


@pytest.mark.parametrize(
    ("answer", "code", "left"),
    [("n", 1, {FIRST, SECOND, OTHER}), ("", 1, {FIRST, SECOND, OTHER}), ("y", 0, {OTHER})],
)
def test_on_a_terminal_it_asks(recorded: Path, answer: str, code: int, left: set[str]) -> None:
    """With what will be gone; only yes means yes."""
    ended, said = on_a_terminal(recorded, answer)
    assert "Forget all of the project photos: 2 sources, its history" in said
    assert ended == code
    assert ("Nothing was forgotten" in said) == bool(code)
    assert stored(recorded) == logs(recorded) == left


def on_a_terminal(home: Path, answer: str) -> tuple[int, str]:
    """Exit code, and what was on the screen."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tachograph", "forget", "photos"],
        env={**os.environ, "TACHOGRAPH_HOME": str(home)},
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    said = b""
    asked = False
    while True:
        try:
            said += os.read(master, 4096)
        except OSError:  # nobody has the other end any more
            break
        if b"[y/N]" in said and not asked:
            asked = True
            os.write(master, f"{answer}\n".encode())
    os.close(master)
    return process.wait(30), said.decode()


def test_an_id_that_is_not_unique(recorded: Path) -> None:
    """Refused with those that begin so; a short beginning is nothing's name."""
    said = refused(tacho("forget", "aaaa", "--yes", home=recorded, base=True))
    assert "2 ids begin with 'aaaa'" in said
    assert FIRST in said
    short = tacho("forget", "bbb", "--yes", home=recorded, base=True)
    assert (short.returncode, short.stdout) == (1, "")
    assert logs(recorded) == {FIRST, SECOND, OTHER}


def test_a_log_that_can_not_be_deleted(recorded: Path) -> None:
    """Said, and nothing else of it is touched: it can be forgotten later."""
    log, elsewhere = recorded / "journal" / FIRST, recorded / "moved"
    log.rename(elsewhere)
    log.symlink_to(elsewhere)
    said = refused(tacho("forget", FIRST, "--yes", home=recorded, base=True))
    assert f"the log of {FIRST} can't be deleted" in said
    assert stored(recorded) == {FIRST, SECOND, OTHER}
    log.unlink()
    elsewhere.rename(log)
    assert tacho("forget", FIRST, "--yes", home=recorded, base=True).returncode == 0


def test_names_that_would_play_with_the_terminal(home: Path) -> None:
    """Control characters are shown as question marks, and the name is found all the same."""
    project: Any = "\x1b[2Jevil"
    program = Reporting(home, FIRST, project=project)
    program.say(time.time())
    program.end(time.time())
    ended = tacho("forget", project, "--yes", home=home, base=True)
    assert (ended.returncode, ended.stdout) == (
        0,
        "Forgotten: the project ?[2Jevil, 1 source.\n",
    )
