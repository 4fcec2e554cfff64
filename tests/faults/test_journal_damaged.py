"""Bytes of the journal are not what was written."""

from __future__ import annotations

from pathlib import Path

from tachograph import frames
from tachograph.journal.file import FileJournal
from tests.dashboards import Dashboard
from tests.programs import Program, eventually


def test_damaged_segment_the_rest_is_read_and_the_loss_is_shown(home: Path) -> None:
    """One frame in the middle is destroyed: one is lost, totals are right all the same."""
    program = Program(
        """
        import tachograph as tacho
        tacho.configure(service="job", project="faults")
        for _ in range(20):
            for _ in range(10):
                tacho.action("step").record(0.001)
            tacho.flush()
        """,
        home,
    )
    assert program.wait() == 0
    (id,) = FileJournal(home / "journal").sources()
    (segment,) = (home / "journal" / id).glob("*.seg")
    data = bytearray(segment.read_bytes())
    found = frames.scan(bytes(data), final=True).frames
    at = data.index(found[len(found) // 2].payload)
    data[at + 5] ^= 0xFF
    segment.write_bytes(data)
    with Dashboard(home) as dashboard:
        assert eventually(lambda: dashboard.topic("actions").get("total_actions") == 200)
        assert eventually(lambda: dashboard.get("/api/sources")["items"][0]["state"] == "ended")
        (row,) = dashboard.get("/api/sources")["items"]
        assert row["lost"] == 1
        assert row["losses"] == {"missing frames": 1}
        assert row["sent"] == row["received"] + 1


def test_a_journal_of_random_bytes_takes_nobody_down(home: Path) -> None:
    """Rubbish in a log is skipped; the other sources are served."""
    program = Program(
        """
        import tachograph as tacho
        tacho.configure(service="good", project="faults")
        tacho.action("step").record(0.001)
        """,
        home,
    )
    assert program.wait() == 0
    rubbish = home / "journal" / "19000000000-1-deadbeef"
    rubbish.mkdir(mode=0o700)
    (rubbish / "lock").touch()
    (rubbish / "00000001.seg").write_bytes(bytes(range(256)) * 4_000)
    with Dashboard(home) as dashboard:
        assert eventually(lambda: dashboard.topic("actions").get("total_actions") == 1)
        assert [row["service"] for row in dashboard.get("/api/sources")["items"]] == ["good"]
