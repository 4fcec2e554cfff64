"""The live protocol's description: served, committed, and true of what is really sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tachograph.core.messages import FROM_CLIENT, FROM_SERVER
from tachograph.server.app import FIXED
from tests.server.serving import Serving, serving

SNAPSHOT = Path(__file__).with_name("asyncapi.json")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One dashboard for these tests."""
    with serving(tmp_path_factory.mktemp("asyncapi") / "home") as running:
        yield running


@pytest.fixture(scope="module")
def document(served: Serving) -> dict[str, Any]:
    """What is served."""
    found: dict[str, Any] = served.http.get("/asyncapi.json").raise_for_status().json()
    return found


def text(document: dict[str, Any]) -> str:
    """As it is committed. The version is the package's, and changes with every release."""
    document = {**document, "info": {**document["info"], "version": "x"}}
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def test_snapshot(document: dict[str, Any]) -> None:
    """The description is what was committed. If the change is meant, running this file writes
    it anew; outsiders read it, so the changelog says so too."""
    assert text(document) == SNAPSHOT.read_text()


def test_every_address_and_message_is_described(document: dict[str, Any]) -> None:
    """Each WebSocket route is a channel with both operations; no reference leads nowhere."""
    assert document["asyncapi"] == "3.0.0"
    channels = document["channels"].values()
    assert {one["address"] for one in channels} == {"/ws", *FIXED}
    assert len(document["operations"]) == 2 * len(document["channels"])
    kinds = {kind.__name__ for kind in (*FROM_SERVER, *FROM_CLIENT)}
    assert kinds == set(document["components"]["messages"])
    for reference in references(document):
        found: Any = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def references(node: Any) -> Iterator[str]:
    """Every $ref in a document."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for inner in node.values():
            yield from references(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from references(inner)


def test_what_is_sent_is_as_described(served: Serving, document: dict[str, Any]) -> None:
    """Real messages of every kind fit the schema of their type, with no member more or less."""
    told: dict[str, dict[str, Any]] = {}
    with served.page("topics=described&rate=60") as page:
        told["hello"], told["snapshot"] = page.next(), page.next()
        served.publish("described", {"a": 1})
        told["delta"] = page.until_type("delta")
        page.say(type="ping")
        told["pong"] = page.until_type("pong")
        page.say(type="dance")
        told["refused"] = page.until_type("refused")
        told["tick"] = page.until_type("tick")
    with served.page("topics=described&format=full") as page:
        told["update"] = page.next()
    schemas = document["components"]["schemas"]
    for kind in FROM_SERVER:
        jsonschema_rs.validate(schemas[kind.__name__], told[kind.__name__.lower()])
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.validate(schemas["Hello"], told["hello"] | {"more": 1})


if __name__ == "__main__":
    from tachograph.server.asyncapi import document as made

    SNAPSHOT.write_text(text(made(FIXED)))
