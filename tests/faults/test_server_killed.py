"""The server dies, by SIGKILL and without warning, while programs record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tachograph.store.sqlite import SqliteStore
from tests.dashboards import Dashboard
from tests.programs import Program, eventually

WORKER = """
    import sys
    import tachograph as tacho
    tacho.configure(service="worker", project="faults", interval_s=0.1)
    print("ready", flush=True)
    done = errors = 0
    while not (line := sys.stdin.readline()).startswith("stop"):
        for n in range(500):
            tacho.action("step").record(0.001, success=n % 10 != 0)
            tacho.event("message").record(processing_s=0.002)
            tacho.counter("items").add(2)
        done += 500
        tacho.flush()
        print(done, flush=True)
"""


def _stored(home: Path) -> dict[str, float]:
    """What the stored seconds add up to, by series name."""
    store = SqliteStore(home / "store.db")
    sums: dict[str, float] = {}
    for second in store.seconds(0, 1 << 40):
        for key, sample in second.samples:
            if key.name == "items":
                sums["items"] = sums.get("items", 0) + sample.value
            if key.span:
                sums[key.name] = sums.get(key.name, 0) + sample.count
                sums[key.name + " errors"] = sums.get(key.name + " errors", 0) + sample.errors
                buckets = sum(sample.buckets[1::2])
                sums[key.name + " buckets"] = sums.get(key.name + " buckets", 0) + buckets
    store.close()
    return sums


def test_server_killed_and_restarted_while_four_processes_record(home: Path) -> None:
    """Totals are exact and nothing counts twice, live and in the store."""
    workers = [Program(WORKER, home) for _ in range(4)]
    for worker in workers:
        worker.line()

    def work(rounds: int) -> None:
        for _ in range(rounds):
            for worker in workers:
                worker.say("go")
        for worker in workers:
            for _ in range(rounds):
                worker.line()

    def total(dashboard: Dashboard) -> int:
        return int(dashboard.topic("actions").get("total_actions", 0))

    for killed in range(3):
        dashboard = Dashboard(home)
        work(3)
        # Killed at an arbitrary point of its second: between reading, storing and sending.
        assert eventually(lambda d=dashboard, k=killed: total(d) > k * 10_000)  # type: ignore[misc]
        work(1)
        dashboard.kill()
        work(1)
    for worker in workers:
        worker.say("stop")
        assert worker.wait() == 0
    with Dashboard(home) as dashboard:
        expected = 3 * 5 * 4 * 500
        assert eventually(lambda: total(dashboard) >= expected)
        actions: dict[str, Any] = dashboard.topic("actions")
        events = dashboard.topic("events")
        assert eventually(lambda: dashboard.topic("sources").get("live") == 0)
        sources = dashboard.topic("sources")
        assert (actions["total_actions"], actions["error_count"]) == (expected, expected // 10)
        assert actions["names"]["step"]["count"] == expected
        assert actions["success_rate"] == 90.0
        assert events["events_processed"] == expected
        assert (sources["total"], sources["lost"]) == (4, 0)
        assert sources["sent"] == sources["received"]
        assert {row["state"] for row in sources["sources"].values()} == {"ended"}
        assert dashboard.stop() == 0
    assert _stored(home) == {
        "items": 2.0 * expected,
        "step": expected,
        "step errors": expected // 10,
        "step buckets": expected,
        "message": expected,
        "message errors": 0,
        "message buckets": expected,
    }


def test_a_server_that_starts_after_the_program_has_ended_shows_it(home: Path) -> None:
    """Whichever starts first: the whole run is there."""
    worker = Program(WORKER, home)
    worker.line()
    worker.say("go")
    worker.line()
    worker.say("stop")
    assert worker.wait() == 0
    with Dashboard(home) as dashboard:
        assert eventually(lambda: dashboard.topic("actions").get("total_actions") == 500)
        (row,) = dashboard.get("/api/sources")["items"]
        assert (row["state"], row["lost"], row["service"]) == ("ended", 0, "worker")
        system = dashboard.topic("system")
        assert system["live"] == 0
        assert system["updated_at"] <= row["ended_at"] + 1
