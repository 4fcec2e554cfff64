"""The API's own description: served, complete, true, and never changed by accident."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from tachograph.server.app import build
from tachograph.server.config import ServerConfig
from tests.server.serving import Serving, bearer, serving

SNAPSHOT = Path(__file__).with_name("openapi.json")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One dashboard for these tests."""
    with serving(tmp_path_factory.mktemp("openapi") / "home") as running:
        yield running


def text(document: dict[str, Any]) -> str:
    """As it is committed. The version is the package's, and changes with every release."""
    document = {**document, "info": {**document["info"], "version": "x"}}
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def test_snapshot(served: Serving) -> None:
    """The description is what was committed. If the change is meant, running this file writes
    it anew; outsiders read it, so the changelog says so too."""
    document = served.http.get("/openapi.json").raise_for_status().json()
    assert text(document) == SNAPSHOT.read_text()


def test_every_route_is_described(served: Serving) -> None:
    """Each operation says what it does, and which refusals to expect."""
    paths = served.http.get("/openapi.json").json()["paths"]
    for path, operations in paths.items():
        for operation in operations.values():
            assert operation["description"]
            if path.startswith("/api/"):
                assert {"401", "403", "421", "422", "429"} <= set(operation["responses"])


def test_made_up_requests(served: Serving) -> None:
    """Whatever is asked, well formed or not, is answered as described: no failure inside, no
    status and no type of answer that the description doesn't name."""
    url = f"http://localhost:{served.port}/openapi.json"
    schema = schemathesis.openapi.from_url(url, headers=bearer())
    operations: list[Any] = list(schema.get_all_operations())
    for found in operations:
        fuzz(found.ok())


def fuzz(operation: Any) -> None:
    @settings(max_examples=10, suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy() | operation.as_strategy(GenerationMode.NEGATIVE))
    def ask(case: Any) -> None:
        # A schema can't say that integers inside of a value have 64 bits.
        case.call_and_validate(
            headers=bearer(), excluded_checks=[schemathesis.checks.positive_data_acceptance]
        )

    ask()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        server = build(ServerConfig(token="t"), home=Path(home) / "home")
        SNAPSHOT.write_text(text(server.api.openapi()))
        server.follower.close()
