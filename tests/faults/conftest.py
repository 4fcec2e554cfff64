"""One page for all tests of a file: a server takes longer to start than most programs live."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dashboards import Dashboard
from tests.programs import eventually


class Page:
    """What a real server shows of the programs in one home. Each test takes services of its own."""

    def __init__(self, home: Path, dashboard: Dashboard) -> None:
        self.home = home
        self.dashboard = dashboard

    def rows(self, service: str) -> list[dict[str, Any]]:
        """The sources of a service, oldest first."""
        found = (self.dashboard.get("/api/sources") or {"items": []})["items"]
        rows = [row for row in found if row["service"] == service]
        return sorted(rows, key=lambda row: row["started_at"])

    def states(self, service: str) -> list[str]:
        """Their states."""
        return [row["state"] for row in self.rows(service)]

    def ended(self, service: str, count: int = 1) -> list[dict[str, Any]]:
        """The sources of a service, once there are so many and all of them are over."""

        def all_over() -> bool:
            states = self.states(service)
            return len(states) >= count and not {"live", "silent"} & set(states)

        eventually(all_over)
        return self.rows(service)

    def actions(self, service: str) -> dict[str, int]:
        """Calls by name, of all sources of a service together."""
        names = self.dashboard.topic("actions").get("names", {})
        return {name: row["count"] for name, row in names.items() if service in row["services"]}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A server in a home that the tests of one file share."""
    home = tmp_path_factory.mktemp("page") / "home"
    with Dashboard(home) as dashboard:
        yield Page(home, dashboard)
