"""Stored time over HTTP: everything that was stored is in it, however it is stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tachograph.core.histogram import bucket_of
from tachograph.model import Kind, Sample, Second, Series, SeriesKey
from tests.core.program import NOON
from tests.server.serving import Serving, serving

START = int(NOON)
CLICK = SeriesKey("photos", "catalog", "click", (), "action")
OTHER = SeriesKey("music", "player", "click", (), "action")
FILES = SeriesKey("photos", "catalog", "files")
DEPTH = SeriesKey("photos", "catalog", "depth")
KINDS: dict[SeriesKey, Kind] = {CLICK: "timer", OTHER: "timer", FILES: "counter", DEPTH: "gauge"}
#: Seconds in which something is stored: every tenth of two hours.
SECONDS = range(0, 7200, 10)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A dashboard whose store holds two hours; of the second half hour no minute is folded."""
    with serving(tmp_path_factory.mktemp("history") / "home") as running:
        store = running.follower.store
        series = [Series(key, kind) for key, kind in KINDS.items()]
        store.commit(series=series, seconds=[second(at) for at in SECONDS if not 1800 <= at < 3600])
        while store.fold(START + 7200):
            pass
        store.commit(seconds=[second(at) for at in SECONDS if 1800 <= at < 3600])
        yield running


def second(at: int) -> Second:
    """One call of half a second, ten of a quarter by another one, and a file."""
    return Second(
        START + at,
        [
            (CLICK, Sample(0.5, 1, at % 20 // 10, 0.5, [bucket_of(0.5), 1])),
            (OTHER, Sample(2.5, 10, 0, 2.5, [bucket_of(0.25), 10])),
            (FILES, Sample(3.0)),
            (DEPTH, Sample(4.0)),
        ],
    )


def history(served: Serving, begin: float, end: float, **more: Any) -> dict[str, Any]:
    query = {"name": "click", "from": START + begin, "to": START + end, **more}
    answer = served.http.get("/api/metrics/history", params=query).raise_for_status()
    value: dict[str, Any] = answer.json()
    return value


@pytest.mark.parametrize("points", [1, 2, 7, 60, 1000])
@pytest.mark.parametrize(("begin", "end"), [(0, 7200), (5.5, 7183.2), (1755, 3601), (30, 40)])
def test_nothing_is_missing(served: Serving, begin: float, end: float, points: int) -> None:
    """Folded minutes, seconds that are not folded yet, and the pieces of minutes at both ends:
    each stored second of the range counts once, in at most so many steps."""
    inside = [at for at in SECONDS if begin <= at < end]
    seen = history(served, begin, end, points=points, project="photos")
    assert sum(one["count"] for one in seen["items"]) == len(inside)
    assert sum(one["errors"] for one in seen["items"]) == sum(at % 20 // 10 for at in inside)
    assert 0 < len(seen["items"]) <= points
    assert seen["stored_from"] == START
    for one in seen["items"]:
        assert one["at"] < START + end
        assert one["at"] + seen["step_s"] > START + begin
        assert one["mean"] == 0.5


def test_a_second_that_comes_late(served: Serving) -> None:
    """What came after its minute was folded is there at once."""
    store = served.follower.store
    for count in (1, 2, 3):
        store.commit(seconds=[second(20_010)])
        seen = history(served, 18_000, 25_000, points=100, project="photos")["items"]
        assert [one["count"] for one in seen] == [count]
        while count < 3 and store.fold(START + 20_100):
            pass


def test_scopes(served: Serving) -> None:
    """One project, one service, or all together."""
    for more, count in (({}, 11), ({"project": "music"}, 10), ({"service": "catalog"}, 1)):
        (one,) = history(served, 0, 10, points=1, **more)["items"]
        assert one["count"] == count
    (one,) = history(served, 0, 10, points=1)["items"]
    assert (one["p50"], one["max"]) == (pytest.approx(0.25, rel=0.01), pytest.approx(0.5, rel=0.01))
    assert history(served, 0, 10, project="x")["items"] == []


def test_an_empty_range(served: Serving) -> None:
    """Steps of a time in which nothing was recorded are absent."""
    assert history(served, -7200, -3600)["items"] == []
    seen = history(served, -3600, 60, points=200)
    assert [one["at"] for one in seen["items"]] == [START]


def test_counter(served: Serving) -> None:
    """A counter has what it went up by."""
    seen = history(served, 0, 7200, name="files", span="", points=3)
    assert sum(one["sum"] for one in seen["items"]) == 3.0 * len(SECONDS)
    assert all(set(one) == {"at", "sum", "rate"} for one in seen["items"])


def test_the_last_hour(served: Serving) -> None:
    """Without a range it is the hour up to now, and an unknown name has an empty one."""
    answer = served.http.get("/api/metrics/history", params={"name": "nobody"})
    seen = answer.raise_for_status().json()
    assert (seen["items"], seen["step_s"]) == ([], 60)
    assert seen["to"] - seen["from"] == 3600


@pytest.mark.parametrize(
    ("query", "allowed"),
    [
        ({}, "required"),
        ({"name": ""}, "at least 1"),
        ({"name": "click", "points": 0}, "greater than or equal to 1"),
        ({"name": "click", "points": 1001}, "less than or equal to 1000"),
        ({"name": "click", "from": "nan"}, "finite"),
        ({"name": "click", "to": "soon"}, "number"),
        ({"name": "click", "from": 20, "to": 20}, "from < to"),
        ({"name": "click", "span": "click"}, "'action'"),
        ({"name": "depth", "span": ""}, "a timer or a counter"),
    ],
)
def test_what_is_not_allowed(served: Serving, query: dict[str, Any], allowed: str) -> None:
    """A parameter that makes no sense is refused with what is allowed."""
    answer = served.http.get("/api/metrics/history", params=query)
    assert answer.status_code == 422
    assert allowed in answer.json()["allowed"]
