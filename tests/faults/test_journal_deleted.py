"""Somebody deletes, moves or takes away the journal while programs record and a server reads."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.dashboards import Dashboard
from tests.faults.conftest import Page
from tests.programs import Program, counts, eventually, states

WORK = """
    import logging, sys
    logging.basicConfig(stream=sys.stdout, format="warned %(message)s")
    import tachograph as tacho
    tacho.configure(service={service!r}, project="faults", interval_s=0.1)
    for line in sys.stdin:
        for _ in range(10):
            tacho.action({service!r}).record(0.1)
        print(tacho.flush(), flush=True)
"""


@pytest.mark.parametrize("what", ["home", "journal", "source", "segment", "lock", "moved"])
def test_journal_deleted_the_program_goes_on_under_its_id(tmp_path: Path, what: str) -> None:
    """No warning and no loss: the log is made anew with all totals, and the server goes on with
    the same source."""
    home = tmp_path / "home"
    with Dashboard(home) as dashboard, Program(WORK.format(service="job"), home) as program:

        def rows() -> list[dict[str, object]]:
            return list((dashboard.get("/api/sources") or {"items": []})["items"])

        def total() -> int:
            return int(dashboard.topic("actions").get("total_actions", 0))

        program.say("work")
        assert program.line() == "True"
        assert eventually(lambda: total() == 10)
        (id,) = [row["id"] for row in rows()]
        log = home / "journal" / str(id)
        if what == "home":
            home.rename(tmp_path / "gone")  # at once: the program would put a log into the rest
            shutil.rmtree(tmp_path / "gone", ignore_errors=True)
        elif what == "journal":
            shutil.rmtree(home / "journal")
        elif what == "source":
            shutil.rmtree(log)
        elif what == "segment":
            next(log.glob("*.seg")).unlink()
        elif what == "lock":
            (log / "lock").unlink()
        else:
            (home / "journal").rename(tmp_path / "away")
        program.say("work")
        assert program.line() == "True"
        assert eventually(lambda: total() == 20)
        assert eventually(lambda: [row["state"] for row in rows()] == ["live"])
        # From here on it is followed as ever.
        program.say("work")
        assert program.line() == "True"
        assert eventually(lambda: total() == 30)
        program.process.stdin.close()
        assert program.process.wait(30) == 0
        assert eventually(lambda: [row["state"] for row in rows()] == ["ended"])
        (row,) = rows()
        assert (row["id"], row["lost"], total()) == (id, 0, 30)
    # Whoever comes later finds all of it in the log that is there now.
    (state,) = states(home)
    assert (state.state, counts(state)) == ("ended", {"job": 30})


def test_a_program_that_dies_with_its_journal_is_not_live_for_ever(home: Path) -> None:
    """A log that is gone is no sign of a death, but nobody waits for it long."""
    with Dashboard(home) as dashboard, Program(WORK.format(service="job"), home) as program:
        program.say("work")
        assert program.line() == "True"
        assert eventually(lambda: dashboard.topic("sources").get("live") == 1)
        program.kill()
        shutil.rmtree(home / "journal")

        def shown() -> list[str]:
            return [row["state"] for row in dashboard.get("/api/sources")["items"]]

        assert eventually(lambda: shown() == ["killed"]), shown()


def test_a_home_that_appears_later(tmp_path: Path) -> None:
    """While there is no home to be had the program runs and counts its losses; as soon as there
    is one, its figures are complete."""
    home = tmp_path / "file" / "home"
    (tmp_path / "file").write_text("in the way")
    with Program(WORK.format(service="job"), home) as program:
        program.say("work")
        assert "the program goes on" in program.line()
        assert program.line() == "False"
        (tmp_path / "file").unlink()
        program.say("work")
        assert program.line() == "True"
        (state,) = states(home)
        assert counts(state) == {"job": 20}
        assert state.losses["journal not writable"] > 0


def test_two_homes_know_nothing_of_each_other(page: Page, tmp_path: Path) -> None:
    """A process that is configured for another home ends in the first and begins there."""
    other = tmp_path / "other"
    program = Program(
        f"""
        import tachograph as tacho
        tacho.configure(service="here", project="faults")
        tacho.action("here").record(0.1)
        tacho.configure(service="here", project="faults", home={str(other)!r})
        tacho.action("there").record(0.1)
        """,
        page.home,
    )
    assert program.wait() == 0
    (row,) = page.ended("here")
    assert (row["state"], row["reason"]) == ("ended", "configured anew")
    assert page.actions("here") == {"here": 1}
    (there,) = states(other)
    assert (there.state, counts(there)) == ("ended", {"there": 1})


def test_losses_of_a_full_disk_are_on_the_page(page: Page) -> None:
    """What could not be written is counted as lost, and shown once something can be again."""
    program = Program(
        """
        import resource, signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        import tachograph as tacho
        from tachograph.sdk import recorder as recording
        tacho.configure(service="full", project="faults", interval_s=0.1)
        tacho.action("full").record(0.1)
        tacho.flush()
        limit = resource.RLIMIT_FSIZE
        resource.setrlimit(limit, (10, resource.RLIM_INFINITY))
        for _ in range(3):
            tacho.action("full").record(0.1)
            assert not tacho.flush()
        resource.setrlimit(limit, (resource.RLIM_INFINITY,) * 2)
        """,
        page.home,
    )
    assert program.wait() == 0
    (row,) = page.ended("full")
    assert row["state"] == "ended"
    assert row["losses"]["journal not writable"] >= 3
    assert row["lost"] == sum(row["losses"].values())
    assert page.actions("full") == {"full": 4}


def test_a_page_without_rights_to_a_log_goes_on(page: Page) -> None:
    """A log that can't be read is passed over; the others are served."""
    foreign = page.home / "journal" / "19000000001-1-deadbeef"
    foreign.mkdir(mode=0o000, parents=True)
    try:
        program = Program(WORK.format(service="beside"), page.home)
        program.say("work")
        assert program.line() == "True"
        assert program.wait() == 0
        assert [row["state"] for row in page.ended("beside")] == ["ended"]
    finally:
        os.chmod(foreign, 0o700)
        foreign.rmdir()
