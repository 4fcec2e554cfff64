"""Forgetting while the server runs: for good, and nothing but what was meant."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tachograph.model import Frame, SpanEnd
from tachograph.server import follower as followers
from tachograph.server import upkeep
from tachograph.server.forget import Forgetting, Unknown
from tachograph.store.base import Sample, Second, SeriesKey, Store
from tachograph.store.sqlite import SqliteStore
from tests.dashboards import Dashboard
from tests.programs import Program as Running
from tests.programs import eventually
from tests.server.serving import VIEW, Reporting, Serving, bearer, serving
from tests.server.test_follower import following

LIVING = """
    import tachograph
    tachograph.counter("things").add(1)
    tachograph.flush(timeout_s=20)
    print("recorded", flush=True)
    input()
"""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commit, and look for the dead, more often than once a second."""
    for name, value in (("LIFE_S", 0.02), ("COMMIT_S", 0.02), ("COMMIT_SHARE", 1.0)):
        monkeypatch.setattr(followers, name, value)


@pytest.fixture
def served(home: Path) -> Iterator[Serving]:
    """A dashboard over the home."""
    with serving(home) as running:
        yield running


def ended(home: Path, id: str = "p1", *, publish: str = "", **more: Any) -> Reporting:
    """A program that did one action well and one badly, and is over."""
    program = Reporting(home, id, **more)
    program.do(0.5)
    program.do(0.5, error="Oops")
    program.vitals(10.0, 100.0)
    if publish:
        program.sums.publish(publish, {"of": id})
    now = time.time()
    program.say(now)
    span = SpanEnd(1, 0, "action", "click", int(now * 1e9), 0.5, 0.5, f"Oops of {id}", trace="T")
    program.seq += 1
    program._write(program.seq, Frame(int(now * 1e9), ended=[span]))
    program.end(now)
    return program


def listed(served: Serving) -> set[str]:
    return {item["id"] for item in served.http.get("/api/sources").json()["items"]}


def projects(served: Serving) -> set[str]:
    return {item["project"] for item in served.http.get("/api/projects").json()["items"]}


def delete(served: Serving, path: str, **more: Any) -> tuple[int, dict[str, Any]]:
    answer = served.http.delete(path, **more)
    return answer.status_code, answer.json()


def over(served: Serving, *ids: str) -> None:
    """Wait until these are known, over and stored."""
    known = served.follower.store.sources

    def stored() -> bool:
        states = {one.id: one.state for one in known()}
        return all(states.get(id) in ("ended", "killed") for id in ids)

    assert eventually(stored)


def counted(path: Path) -> int:
    """Actions in the stored seconds."""
    with closing(SqliteStore(path / "store.db", 5.0)) as store:
        return sum(one.count for row in rows_of(store) for key, one in row.samples if key.span)


# --- a source -------------------------------------------------------------------------------


def test_a_source_is_forgotten(home: Path, served: Serving) -> None:
    """Its row, its totals, its failures, its log and its state; the other's stay."""
    ended(home, "p1")
    ended(home, "p2")
    over(served, "p1", "p2")
    assert served.value("actions")["total_actions"] == 4
    assert delete(served, "/api/sources/p1") == (200, {"forgotten": ["p1"]})
    assert listed(served) == {"p2"}
    assert served.value("sources")["total"] == 1
    assert served.value("source/p1") == {}
    assert served.value("actions")["total_actions"] == 2
    errors = served.value("action/click")["recent_errors"]
    assert {one["source"] for one in errors.values()} == {"p2"}
    assert [entry.name for entry in (home / "journal").iterdir()] == ["p2"]
    assert [one.id for one in served.follower.store.sources()] == ["p2"]
    assert {one.source for one in served.follower.store.errors("action", "click")} == {"p2"}


def test_a_forgotten_source_stays_forgotten(home: Path) -> None:
    """Over a restart, and when its directory moves once more; its seconds stay, and are not
    counted a second time."""
    with serving(home) as served:
        ended(home, "p1")
        over(served, "p1")
        assert delete(served, "/api/sources/p1")[0] == 200
        assert delete(served, "/api/sources/p1")[0] == 404
        served.follower.ingest.mark(["p1"])
        (home / "journal" / "p1").mkdir()
        ended(home, "p2")
        over(served, "p2")
        assert listed(served) == {"p2"}
    (home / "journal" / "p1").rmdir()
    with serving(home) as served:
        assert eventually(lambda: listed(served) == {"p2"})
        assert served.value("actions")["total_actions"] == 2
    assert counted(home) == 4


@pytest.mark.anyio
@pytest.mark.parametrize("which", ["source", "project"])
async def test_forgotten_twice_at_once(home: Path, which: str) -> None:
    """Who comes second finds what the first one left: nothing to forget, and no error of ours."""
    program = ended(home)
    async with following(home) as follower:
        forgetting = Forgetting(follower)
        once = partial(getattr(forgetting, which), "p1" if which == "source" else "photos")
        answers: list[Any] = await asyncio.gather(once(), once(), return_exceptions=True)
        first, second = answers
        assert first == [program.source.id]
        assert second == [] if which == "project" else isinstance(second, Unknown)
        assert follower.live.sources == {}


def test_pages_see_it_go(home: Path, served: Serving) -> None:
    """Who looks gets a delta without the source, and totals without its own."""
    ended(home, "p1")
    over(served, "p1")
    with served.page("topics=sources,actions") as page:
        page.until_value("sources", lambda value: "p1" in value["sources"])
        page.until_has("actions", total_actions=2)
        assert delete(served, "/api/sources/p1")[0] == 200
        page.until_value("sources", lambda value: "p1" not in value["sources"])
        page.until_has("actions", total_actions=0)


def test_a_source_that_lives(home: Path, served: Serving) -> None:
    """409, saying which and what to do, and nothing is touched; as soon as it is over it can
    be forgotten, before anybody has looked whether it still lives."""
    with Running(LIVING, home) as program:
        assert program.line() == "recorded"
        (id,) = eventually(lambda: listed(served))
        for path in (f"/api/sources/{id}", "/api/projects/" + project_of(served, id)):
            status, answer = delete(served, path)
            assert status == 409
            assert f"pid {program.pid}" in answer["error"]
            assert id in answer["error"]
            assert "stop it first" in answer["error"]
        assert listed(served) == {id}
        os.kill(program.pid, signal.SIGKILL)
        program.wait()
        assert delete(served, f"/api/sources/{id}") == (200, {"forgotten": [id]})
    assert listed(served) == set()


def project_of(served: Serving, id: str) -> str:
    (found,) = [one for one in served.http.get("/api/sources").json()["items"] if one["id"] == id]
    return str(found["project"])


def test_what_nobody_knows(served: Serving) -> None:
    """404, with what was seen, and where to look."""
    for path in ("/api/sources/nobody", "/api/projects/nobody", "/api/projects/a/b"):
        status, answer = delete(served, path)
        assert status == 404
        assert answer["seen"] == path.split("/", 3)[3]
        assert "lists them" in answer["error"]
    for path in ("/api/sources/..%2f..%2fhome", "/api/sources/.", "/api/sources/%00"):
        assert delete(served, path)[0] in (404, 405)


def test_who_may_look_may_not_forget(home: Path, served: Serving) -> None:
    """403 for the role `view`; it sees the projects."""
    ended(home, "p1")
    over(served, "p1")
    for path in ("/api/sources/p1", "/api/projects/photos"):
        assert served.http.delete(path, headers=bearer(VIEW)).status_code == 403
    found = served.http.get("/api/projects", headers=bearer(VIEW)).json()["items"]
    assert found == [{"project": "photos", "sources": 1, "live": 0}]
    assert listed(served) == {"p1"}


# --- a project ------------------------------------------------------------------------------


def test_a_project_is_forgotten(home: Path) -> None:
    """Sources, logs, series, seconds, minutes, failures and what it published, for good; the
    other project keeps all of its own."""
    with serving(home) as served:
        ended(home, "p1", publish="tasks")
        ended(home, "p2", service="other")
        ended(home, "q1", project="music", publish="tasks")
        over(served, "p1", "p2", "q1")
        assert projects(served) == {"photos", "music"}
        assert served.value("tasks", project="photos") == {"of": "p1"}
        served.follower.store.fold(1 << 40)
        status, answer = delete(served, "/api/projects/photos")
        assert (status, sorted(answer["forgotten"])) == (200, ["p1", "p2"])
        assert listed(served) == {"q1"}
        assert projects(served) == {"music"}
        assert served.value("tasks") == {"of": "q1"}
        assert served.value("tasks", project="photos") == {}
        assert served.value("actions")["total_actions"] == 2
        assert served.value("actions", project="photos")["total_actions"] == 0
        assert delete(served, "/api/projects/photos")[0] == 404
        assert eventually(lambda: not held_numbers(home))
    with serving(home) as served:
        assert eventually(lambda: listed(served) == {"q1"})
        assert projects(served) == {"music"}
        assert served.value("tasks") == {"of": "q1"}
        assert served.value("action/click")["recent_errors"].keys()
        store = served.follower.store
        assert {one.key.project for one in store.series()} == {"music"}
        every = [*store.seconds(0, 1 << 40), *store.minutes(0, 1 << 40)]
        assert {key.project for row in every for key, _ in row.samples} == {"music"}
        assert {one.project for one in store.errors("action", "click")} == {"music"}


def held_numbers(home: Path) -> list[Any]:
    """Series that are not swept out of all rows yet."""
    with closing(sqlite3.connect(f"file:{home / 'store.db'}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT id FROM forgotten").fetchall()


def test_a_project_that_records_again(home: Path) -> None:
    """Begins anew: what it does is live, stored, and there after a restart, alone."""
    with serving(home) as served:
        ended(home, "p1")
        over(served, "p1")
        assert delete(served, "/api/projects/photos")[0] == 200
        ended(home, "p2")
        over(served, "p2")
        assert not served.follower.store_error
        assert served.value("actions")["total_actions"] == 2
    assert counted(home) == 2


def test_figures_that_wait_for_the_store_are_forgotten_too(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read and not yet committed is not committed afterwards."""
    monkeypatch.setattr(followers, "COMMIT_S", 3600.0)
    with serving(home) as served:
        ended(home, "p1")
        ended(home, "q1", project="music")
        assert eventually(lambda: listed(served) == {"p1", "q1"})
        assert eventually(lambda: served.value("actions")["total_actions"] == 4)
        assert rows_of(served.follower.store) == []
        assert delete(served, "/api/projects/photos") == (200, {"forgotten": ["p1"]})
    with closing(SqliteStore(home / "store.db", 5.0)) as store:
        assert {one.key.project for one in store.series()} == {"music"}
        assert {key.project for row in rows_of(store) for key, _ in row.samples} == {"music"}
        assert [one.id for one in store.sources()] == ["q1"]
        assert [one.source for one in store.errors("action", "click")] == ["q1"]


def rows_of(store: Store) -> list[Second]:
    return list(store.seconds(0, 1 << 40))


# --- what goes wrong --------------------------------------------------------------------------


def test_another_server_holds_the_store(home: Path, served: Serving) -> None:
    """503, nothing is touched, and the one that has it can do it."""
    ended(home, "p1")
    over(served, "p1")
    with serving(home) as second:
        assert eventually(lambda: listed(second) == {"p1"})
        for path in ("/api/sources/p1", "/api/projects/photos"):
            status, answer = delete(second, path)
            assert (status, "another server" in answer["error"]) == (503, True)
        assert listed(served) == listed(second) == {"p1"}
    assert delete(served, "/api/sources/p1")[0] == 200


def test_a_log_that_can_not_be_deleted(home: Path, served: Serving) -> None:
    """503, and it is listed as before: forgotten, it would come back after a restart. With the
    cause gone it can be forgotten."""
    ended(home, "p1")
    over(served, "p1")
    log, elsewhere = home / "journal" / "p1", home / "moved"
    log.rename(elsewhere)
    log.symlink_to(elsewhere)  # whoever deletes does not follow one
    status, answer = delete(served, "/api/projects/photos")
    assert (status, "log of p1 can't be deleted" in answer["error"]) == (503, True)
    assert listed(served) == {"p1"}
    assert served.value("actions")["total_actions"] == 2
    assert [one.id for one in served.follower.store.sources()] == ["p1"]
    log.unlink()
    elsewhere.rename(log)
    assert delete(served, "/api/projects/photos") == (200, {"forgotten": ["p1"]})


def test_a_store_that_can_not_be_written(home: Path, served: Serving) -> None:
    """503 with the cause; it is listed, counted once, and can be forgotten later."""
    ended(home, "p1")
    over(served, "p1")
    store = served.follower.store
    assert isinstance(store, SqliteStore)
    store._database.read("PRAGMA busy_timeout = 10")
    with closing(sqlite3.connect(home / "store.db", isolation_level=None)) as blocking:
        blocking.execute("BEGIN IMMEDIATE")
        status, answer = delete(served, "/api/projects/photos")
        assert (status, "can't forget a project" in answer["error"]) == (503, True)
        assert listed(served) == {"p1"}
        blocking.execute("ROLLBACK")
    assert delete(served, "/api/projects/photos") == (200, {"forgotten": ["p1"]})
    assert listed(served) == set()


def test_a_server_killed_while_it_sweeps(home: Path) -> None:
    """The next one goes on: nothing of the project can be seen, and then it is in no row."""
    with serving(home) as served:
        ended(home, "p1")
        ended(home, "q1", project="music")
        over(served, "p1", "q1")
    with closing(SqliteStore(home / "store.db")) as store:
        store.forget_project("photos")
    assert held_numbers(home)
    with Dashboard(home) as dashboard:
        assert eventually(lambda: not held_numbers(home))
        assert {one["project"] for one in dashboard.get("/api/projects")["items"]} >= {"music"}


# --- upkeep -----------------------------------------------------------------------------------


def test_minutes_are_folded_while_the_server_runs(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By itself, those that are over; and a minute that moved later is folded once more."""
    monkeypatch.setattr(upkeep, "FOLD_S", 0.02)
    program = Reporting(home)
    past = time.time() // 60 * 60 - 600
    program.do(0.5)
    program.say(past)
    with serving(home) as served:
        assert eventually(partial(folded, served, past, 1))
        late = Second(int(past) + 1, [(click(served), Sample(0.5, 1))])
        served.follower.store.commit(seconds=[late])
        assert eventually(partial(folded, served, past, 2))
    program.kill()


def click(served: Serving) -> SeriesKey:
    (key,) = [one.key for one in served.follower.store.series() if one.key.span == "action"]
    return key


def folded(served: Serving, at: float, count: int) -> bool:
    """Whether that minute has so many actions."""
    minutes = served.follower.store.minutes(int(at), int(at) + 60)
    found = [one.count for row in minutes for key, one in row.samples if key.span == "action"]
    return found == [count]
