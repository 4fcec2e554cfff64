"""The HTTP routes: values, changes since a position, publishing, sources, and plain refusals."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from tachograph.core.patch import apply
from tachograph.core.session import BUILT_IN
from tachograph.model import Frame, SpanEnd
from tachograph.server.app import build
from tachograph.server.config import ServerConfig
from tests.programs import eventually
from tests.server.serving import TOKEN, VIEW, Reporting, Serving, bearer, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One dashboard for all these tests; each has topics of its own."""
    with serving(tmp_path_factory.mktemp("rest") / "home") as running:
        yield running


def get(served: Serving, path: str, **query: str) -> Any:
    return served.http.get(path, params=query).raise_for_status().json()


# --- health ---------------------------------------------------------------------------------


def test_health(served: Serving) -> None:
    """Health and readiness are open to everybody who knows the address."""
    with httpx2.Client(base_url=f"http://localhost:{served.port}") as stranger:
        assert stranger.get("/healthz").json() == {"status": "ok"}
        assert eventually(lambda: stranger.get("/readyz").status_code == 200)
        assert stranger.get("/readyz").json() == {"status": "ready"}
        assert stranger.get("/api/topics").status_code == 401


@pytest.mark.anyio
async def test_not_ready(home: Path) -> None:
    """Before it has caught up with the journal the server answers, and says it isn't ready."""
    server = build(ServerConfig(token=TOKEN), home=home)
    transport = httpx2.ASGITransport(app=server.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get("/healthz")).status_code == 200
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "catching up"})
    server.follower.close()


# --- topics ---------------------------------------------------------------------------------


def test_list(served: Serving) -> None:
    """All topics are listed with where they stand: the built-in ones, then the users'."""
    served.publish("listed", {"a": 1})
    listed = get(served, "/api/topics")
    assert listed["next"] is None
    names = [item["topic"] for item in listed["items"]]
    assert names[: len(BUILT_IN)] == list(BUILT_IN)
    assert "listed" in names
    position = {item["topic"]: item["pos"] for item in listed["items"]}["listed"]
    assert get(served, "/api/topics/listed")["pos"] == position


def test_value(served: Serving) -> None:
    """A topic's value, and an empty object for one that nobody knows; slashes are part of a
    name."""
    served.publish("values/deep/er", {"a": 1})
    answer = get(served, "/api/topics/values/deep/er")
    assert set(answer) == {"topic", "pos", "value"}
    assert (answer["topic"], answer["value"]) == ("values/deep/er", {"a": 1})
    assert get(served, "/api/topics/values/unknown")["value"] == {}


def test_since(served: Serving) -> None:
    """With a position there is only what changed since: one patch for several changes, an empty
    one for none, and the value when no patch leads there."""
    served.publish("since", {"a": 1, "b": {"x": 1}})
    first = get(served, "/api/topics/since")
    assert get(served, "/api/topics/since", since=first["pos"]) == {
        "topic": "since",
        "pos": first["pos"],
        "delta": {},
    }
    for change in ({"a": 2}, {"b": {"x": 1, "y": 2}}, {"a": None}):
        served.publish("since", change)
    later = get(served, "/api/topics/since", since=first["pos"])
    assert later["delta"] == {"a": None, "b": {"y": 2}}
    for other in ("elsewhere:1", "nonsense", "", f"{first['pos']}0000"):
        assert get(served, "/api/topics/since", since=other)["value"] == {"b": {"x": 1, "y": 2}}


def test_polling_loses_nothing(served: Serving) -> None:
    """A client that polls with its last position holds the topic's value after each answer,
    through deletions, replaced objects, and values that went there and back."""
    value: dict[str, Any] = {}
    position = ""
    changes: list[dict[str, Any]] = [
        {"a": {"x": 1}},
        {"a": {"y": 2}},
        {"a": None},
        {"a": {"z": 3}},
        {"a": 5, "b": [1, None]},
        {"a": {"x": {}}},
    ]
    for n, change in enumerate(changes * 3):
        served.publish("polled", change)
        if n % 3 == 1:
            continue
        answer = get(served, "/api/topics/polled", since=position)
        value = apply(value, answer["delta"]) if "delta" in answer else answer["value"]
        position = answer["pos"]
        assert value == served.value("polled")


def test_etag(served: Serving) -> None:
    """While nothing changes the answer is 304 without a body; a change, another position or
    another project has another tag."""
    served.publish("tagged", {"a": 1})
    first = served.http.get("/api/topics/tagged")
    tag, position = first.headers["etag"], first.json()["pos"]
    assert first.headers["cache-control"] == "no-store"
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        again = served.http.get("/api/topics/tagged", headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    since = {"since": position}
    other = served.http.get("/api/topics/tagged", params=since, headers={"If-None-Match": tag})
    assert (other.status_code, other.json()["delta"]) == (200, {})
    mine = {"project": "mine"}
    other = served.http.get("/api/topics/tagged", params=mine, headers={"If-None-Match": tag})
    assert other.status_code == 200
    served.publish("tagged", {"a": 2})
    later = served.http.get("/api/topics/tagged", headers={"If-None-Match": tag})
    assert (later.status_code, later.json()["value"]) == (200, {"a": 2})


ODD = ["click", "a/b", "a b", "100 %", "%2F", "Straße", "点击", "a,b:c", "x//y/", "?a=b#c"]


def test_topics_of_one(home: Path) -> None:
    """Each source and each name has a topic, over HTTP and over a WebSocket, whatever the name
    holds; none is listed, for there may be ten thousand of them."""
    program = Reporting(home)
    for name in ODD:
        program.do(0.5, name=name)
    program.say(time.time())
    with serving(home) as served:
        assert eventually(lambda: served.value("actions")["names_total"] == len(ODD))
        for name in ODD:
            path = "/api/topics/action/" + quote(name, safe="")
            told = get(served, path)
            assert (told["topic"], told["value"]["name"]) == (f"action/{name}", name)
            assert told["value"]["count"] == 1
            assert get(served, path, since=told["pos"]).keys() == {"topic", "pos", "delta"}
            assert get(served, path, project="photos")["value"]["count"] == 1
            assert get(served, path, project="music")["value"] == {}
        assert served.value("source/p1")["id"] == "p1"
        listed = [one["topic"] for one in get(served, "/api/topics")["items"]]
        assert listed == list(BUILT_IN)
        wanted = [f"action/{name}" for name in ODD]
        with served.page("topics=source/p1,action/click") as page:
            page.say(type="subscribe", topics=wanted)
            for topic in wanted:
                page.until_has(topic, count=1)
            page.until_has("source/p1", id="p1")
            program.do(0.5, name="a/b")
            program.say(time.time())
            page.until_has("action/a/b", count=2)
    program.kill()


def test_errors_from_before_a_restart(home: Path) -> None:
    """A server that is started anew knows the last failures of a name from the first look, the
    newest first, and once each; a page that looked before is told."""
    program = Reporting(home)
    program.say(now := time.time())

    def fail(n: int) -> None:
        end = SpanEnd(n, 0, "action", "a/b", int(now * 1e9) + n, 0.5, 0.5, f"Oops {n}", trace="T")
        program.seq += 1
        program._write(program.seq, Frame(int(now * 1e9) + n, ended=[end]))

    def errors(served: Serving) -> list[str]:
        value = served.value("action/a/b")
        return [one["error"] for one in value.get("recent_errors", {}).values()]

    with serving(home) as served:
        for n in range(1, 26):
            fail(n)
        assert eventually(lambda: len(errors(served)) == 20 and errors(served)[0] == "Oops 25")
    with serving(home) as served:
        with served.page("topics=action/a/b") as page:
            page.until_value("action/a/b", lambda value: len(value.get("recent_errors", ())) == 20)
        assert errors(served) == [f"Oops {n}" for n in range(25, 5, -1)]
        fail(26)
        assert eventually(lambda: errors(served)[0] == "Oops 26")
        assert errors(served) == [f"Oops {n}" for n in range(26, 6, -1)]
    program.kill()


# --- names ----------------------------------------------------------------------------------


def test_names(home: Path) -> None:
    """Names in pages, searched, filtered and sorted; together they are all of them."""
    catalog, player = Reporting(home, "p1"), Reporting(home, "p2", service="player")
    for n in range(1, 8):
        catalog.do(*[0.1] * n, name=f"name {n}")
    player.do(0.5, name="Play", kind="action")
    player.do(0.5, name="heard", kind="event")
    for program in (catalog, player):
        program.say(time.time())
    with serving(home) as served:
        assert eventually(lambda: served.value("actions")["names_total"] == 8)
        first = get(served, "/api/names", sort="count", limit="5")
        assert [row["count"] for row in first["items"]] == [7, 6, 5, 4, 3]
        assert (first["next"], first["matching"], first["total"]) == (5, 8, 8)
        rest = get(served, "/api/names", sort="count", limit="5", offset=str(first["next"]))
        assert [row["count"] for row in rest["items"]] == [2, 1, 1]
        assert rest["next"] is None
        row = first["items"][0]
        assert (row["name"], sum(row["recent_counts"]), len(row["recent_counts"])) == (
            "name 7",
            7,
            30,
        )
        found = get(served, "/api/names", service="player")
        assert [row["name"] for row in found["items"]] == ["Play"]
        found = get(served, "/api/names", search="PLAY", project="photos")
        assert (found["matching"], found["total"]) == (1, 8)
        # A share is one of all names' time, whatever was searched for.
        assert found["self_s"] == first["self_s"] > found["items"][0]["self_s"]
        assert get(served, "/api/names", kind="event")["items"][0]["name"] == "heard"
        empty = {"items": [], "next": None, "matching": 0, "total": 0, "self_s": 0}
        assert get(served, "/api/names", project="music") == empty
        beyond = get(served, "/api/names", offset="100")
        assert (beyond["items"], beyond["next"], beyond["matching"]) == ([], None, 8)
    catalog.kill()
    player.kill()


@pytest.mark.parametrize(
    ("query", "allowed"),
    [
        ({"sort": "nothing"}, "'total_s'"),
        ({"kind": "work"}, "'action' or 'event'"),
        ({"order": "up"}, "'asc' or 'desc'"),
        ({"limit": "501"}, "less than or equal to 500"),
        ({"offset": "-1"}, "greater than or equal to 0"),
        ({"search": "x" * 201}, "200 characters"),
    ],
)
def test_names_that_cant_be_had(served: Serving, query: dict[str, str], allowed: str) -> None:
    """A wish that makes no sense is refused with what is allowed."""
    answer = served.http.get("/api/names", params=query)
    assert answer.status_code == 422
    assert allowed in answer.json()["allowed"]


# --- publish --------------------------------------------------------------------------------


def test_publish(served: Serving) -> None:
    """A JSON object is merged key by key; the answer says where the topic then stands."""
    answer = served.http.post("/api/topics/own", json={"a": {"x": 1}, "b": 2})
    assert answer.status_code == 200
    position = get(served, "/api/topics/own")["pos"]
    assert answer.json() == {"topic": "own", "pos": position}
    served.publish("own", {"a": {"y": 2}, "b": None})
    assert served.value("own") == {"a": {"y": 2}}


def test_publish_for_a_project(served: Serving) -> None:
    """What is published for a project, other projects don't see."""
    served.publish("mixed", {"a": 1}, "photos")
    served.publish("mixed", {"b": 2})
    assert served.value("mixed", project="photos") == {"a": 1, "b": 2}
    assert served.value("mixed", project="music") == {"b": 2}
    assert served.value("mixed") == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[1]",
        b"null",
        b'"text"',
        b"{",
        b"\xff",
        b'{"a": 1e999}',
        b'{"a": 100000000000000000000000000}',
        b'{"a":' * 100 + b"1" + b"}" * 100,
        b"[" * 100_000,
        b'{"a": NaN}',
    ],
    ids=lambda body: body[:12].decode("utf-8", "replace"),
)
def test_what_is_no_value(served: Serving, body: bytes) -> None:
    """What can't be carried is refused with what was seen, and the topic stays."""
    answer = served.http.post("/api/topics/none", content=body)
    assert answer.status_code == 400
    told = answer.json()
    assert told["error"]
    assert told["seen"] == body[:80].decode("utf-8", "replace")
    assert "JSON object" in told["allowed"]
    assert served.value("none") == {}


OURS = ["system", "actions", "sources", "metrics", "project/photos", "source/p1", "action/a/b"]


@pytest.mark.parametrize("topic", OURS)
def test_reserved(served: Serving, topic: str) -> None:
    """The server's own topics can't be published to; the three that are shared can."""
    answer = served.http.post(f"/api/topics/{topic}", json={"live": 99})
    assert (answer.status_code, answer.json()["seen"]) == (409, topic)
    assert answer.json()["allowed"].startswith("agents, tasks, providers")
    assert "live" not in served.value("tasks")
    served.publish("tasks", {"open_tasks": 3})
    assert served.value("tasks") == {"open_tasks": 3}


def test_too_many_topics(served: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """When there are as many topics as may be, a new one is refused and the others go on."""
    served.publish("known", {"a": 1})
    monkeypatch.setattr("tachograph.core.published.MAX_TOPICS", 1)
    answer = served.http.post("/api/topics/one.more", json={"a": 1})
    assert (answer.status_code, answer.json()["error"]) == (409, "too many topics")
    served.publish("known", {"a": 2})
    assert served.value("known") == {"a": 2}


def test_body_limit(served: Serving) -> None:
    """A body of more than a megabyte is refused, announced or not."""
    large = b'{"a":"' + b"x" * (1 << 20) + b'"}'

    def in_pieces() -> Iterator[bytes]:
        yield from (large[at : at + 65536] for at in range(0, len(large), 65536))

    for content in (large, in_pieces()):
        answer = served.http.post("/api/topics/large", content=content)
        assert answer.status_code == 413
        assert answer.json()["allowed"] == "1048576 bytes"
    assert served.value("large") == {}
    served.publish("large", {"a": "x" * 1_000_000})


def test_roles(served: Serving) -> None:
    """Who may only look reads everything and publishes nothing."""
    view = bearer(VIEW)
    assert served.http.get("/api/topics/roles", headers=view).status_code == 200
    answer = served.http.post("/api/topics/roles", json={"a": 1}, headers=view)
    assert (answer.status_code, answer.json()["allowed"]) == (403, "role control")
    assert served.value("roles") == {}


# --- sources --------------------------------------------------------------------------------


def test_sources(home: Path) -> None:
    """Every source with its state and its losses, as in the topic; of one project when asked."""
    now = time.time()
    with serving(home) as served:
        living = Reporting(home, "p1", project="photos")
        ended = Reporting(home, "p2", project="music")
        killed = Reporting(home, "p3", project="music")
        for program in (living, ended, killed):
            program.vitals(10.0, 100.0)
            program.sums.lose("queue full", 3)
            program.say(now)
        ended.end(now, "failed", "ValueError: no")
        killed.kill()

        def states() -> dict[str, str]:
            return {one["id"]: one["state"] for one in get(served, "/api/sources")["items"]}

        wanted = {"p1": "live", "p2": "failed", "p3": "killed"}
        assert eventually(lambda: states() == wanted), states()
        listed = get(served, "/api/sources")
        assert listed["next"] is None
        rows = {one["id"]: one for one in listed["items"]}
        topic = served.value("sources")
        assert topic["sources"] == rows
        assert (topic["live"], topic["total"], topic["lost"]) == (1, 3, 9)
        assert rows["p2"]["reason"] == "ValueError: no"
        assert rows["p2"]["ended_at"] == pytest.approx(now)
        assert "ended_at" not in rows["p1"]
        assert rows["p1"]["losses"] == {"queue full": 3}
        music = get(served, "/api/sources", project="music")["items"]
        assert {one["id"] for one in music} == {"p2", "p3"}
        living.kill()


def test_losses_of_the_server(home: Path) -> None:
    """What the server itself had to drop stands in `sources`; nothing stands there without."""
    with serving(home) as served:
        assert "server_losses" not in served.value("sources")
        served.follower.ingest.seconds.dropped = 3
        losses = served.value("sources")["server_losses"]
        assert losses == {"seconds that could not be stored": 3}


def test_actions(home: Path) -> None:
    """50 failures, then 1000 successes: the route says 1050, 50 and 95.2 %."""
    program = Reporting(home)
    program.do(*[0.01] * 50, error="Oops")
    program.say(time.time())
    with serving(home) as served:
        program.do(*[0.02] * 1000)
        program.say(time.time())
        assert eventually(lambda: served.value("actions")["total_actions"] == 1050)
        seen = served.value("actions")
        assert (seen["error_count"], f"{seen['success_rate']:.1f} %") == (50, "95.2 %")
        assert seen["names"]["click"]["p50"] == pytest.approx(0.02, rel=1 / 128)
    program.kill()


# --- session --------------------------------------------------------------------------------


@pytest.mark.parametrize(("token", "role"), [(TOKEN, "control"), (VIEW, "view")])
def test_session(served: Serving, token: str, role: str) -> None:
    """The token is exchanged for a cookie of the same role that scripts of a page can't read;
    logging out takes it back."""
    with httpx2.Client(base_url=f"http://localhost:{served.port}") as browser:
        answer = browser.post("/api/session", headers=bearer(token))
        assert answer.json() == {"role": role}
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(f"tachograph_{served.port}=")
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert browser.get("/api/topics").status_code == 200
        wrote = browser.post("/api/topics/session", json={"a": 1}).status_code
        assert wrote == (200 if role == "control" else 403)
        assert browser.delete("/api/session").status_code == 204
        assert browser.get("/api/topics").status_code == 401


def test_session_without_a_token(home: Path) -> None:
    """Where everybody has control there is nothing to exchange, and nothing fails."""
    with (
        serving(home, token="none", view_token=None) as served,
        httpx2.Client(base_url=f"http://localhost:{served.port}") as stranger,
    ):
        answer = stranger.post("/api/session")
        assert (answer.json(), "set-cookie" in answer.headers) == ({"role": "control"}, False)
        assert stranger.delete("/api/session").status_code == 204
        assert stranger.get("/api/topics").status_code == 200


# --- what isn't there -----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nothing", "/api/topic/x", "/ws", "/ws/x"])
def test_not_found(served: Serving, path: str) -> None:
    """What isn't there is said in JSON, never by the page."""
    answer = served.http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")
    assert answer.json()["seen"] == f"GET {path}"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_wrong_method(served: Serving, method: str) -> None:
    """A method that a path doesn't take is refused with those that it does."""
    answer = served.http.request(method, "/api/sources")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert answer.json() == {
        "error": "Method Not Allowed",
        "seen": f"{method} /api/sources",
        "allowed": "GET",
    }


def test_wrong_parameter(served: Serving) -> None:
    """A parameter out of its limits is refused with what was seen and what is allowed."""
    answer = served.http.get("/api/sources", params={"project": "x" * 201})
    assert answer.status_code == 422
    told = answer.json()
    assert (told["error"], told["seen"]) == ("query project is not allowed", "x" * 200)
    assert "200 characters" in told["allowed"]
    assert served.http.get("/api/topics/" + "x" * 221).status_code == 422
    assert served.http.get("/api/topics/").status_code == 422


@pytest.mark.anyio
async def test_not_built(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout whose page was never built says so, and its API works all the same."""
    from tachograph.server import app, static

    monkeypatch.setattr(app, "Dashboard", lambda: static.Dashboard(tmp_path / "nothing"))
    server = build(ServerConfig(token=TOKEN), home=home)
    transport = httpx2.ASGITransport(app=server.app)
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://localhost", headers=bearer()
    ) as client:
        page = await client.get("/")
        assert (page.status_code, "make setup" in page.text) == (503, True)
        assert (await client.get("/api/nothing")).status_code == 404
        assert (await client.get("/api/topics")).status_code == 200
    server.follower.close()
