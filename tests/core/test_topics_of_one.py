"""Topics of one source and of one name: `source/{id}`, `action/{name}`, `event/{name}`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachograph.core import source_windows
from tachograph.core.live import Live
from tachograph.core.source import SourceState
from tachograph.core.vitals import SOURCE_COLUMNS
from tachograph.model import Frame, SpanEnd, SpanStart
from tests.core.program import NOON, Numbered, Program, Reader
from tests.core.values import no_nulls

NOON_NS = int(NOON * 1e9)


def key(at: float) -> str:
    return str(round(at * 1000))


# --- source/{id} ----------------------------------------------------------------------------


def ticked(reader: Reader, program: Program, count: int, begin: float = NOON) -> None:
    """So many seconds of a life."""
    for n in range(count):
        program.vitals(float(n), 100.0)
        reader.read(program, begin + n)
        reader.live.tick(begin + n)


def test_source() -> None:
    """The row, and one point for each tick: what was not measured is null in its column."""
    reader, program = Reader(), Program()
    program.gauge("tachograph.flush_s", 0.25, "max")
    program.gauge("tachograph.queue_length", 7.0, "max")
    program.gauge("runtime.loop_lag_s", 0.5, "max")
    ticked(reader, program, 2)
    seen = reader.value("source/p1", NOON + 1)
    row = reader.value("sources", NOON + 1)["sources"]["p1"]
    assert {k: seen[k] for k in row} == row
    assert (row["flush_s"], row["queue_length"], row["loop_lag_s"]) == (0.25, 7.0, 0.5)
    assert set(seen) - set(row) == {"columns", "points", "gaps"}
    assert seen["columns"] == list(SOURCE_COLUMNS)
    point = dict(zip(SOURCE_COLUMNS, seen["points"][key(NOON + 1)], strict=True))
    assert (point["cpu_percent"], point["flush_s"], point["open_files"]) == (1.0, 0.25, None)
    assert list(seen["points"]) == [key(NOON), key(NOON + 1)]


def test_each_source_has_its_own() -> None:
    """What one source says is in no other's window, and a project sees only its own sources."""
    reader, one, two = Reader(), Program("p1"), Program("p2", project="music")
    for program, memory in ((one, 100.0), (two, 50.0)):
        program.vitals(1.0, memory)
        reader.read(program, NOON)
    reader.live.tick(NOON)
    for id, memory in (("p1", 100.0), ("p2", 50.0)):
        assert reader.value(f"source/{id}", NOON)["points"][key(NOON)][1] == memory
    assert reader.value("source/p2", NOON, "photos") == {}
    assert reader.value("source/p2", NOON, "music")["id"] == "p2"


@pytest.mark.parametrize("id", ["", "p2", "p1/x"])
def test_an_unknown_source(id: str) -> None:
    """Of a source that nobody knows there is nothing."""
    reader, program = Reader(), Program()
    ticked(reader, program, 1)
    assert reader.value(f"source/{id}", NOON) == {}


def test_the_window_of_a_source_ends_a_minute_after_it() -> None:
    """For a minute the last points are shown, and that it has ended; then only the row stays."""
    reader, program = Reader(), Program()
    ticked(reader, program, 5)
    reader.take(program, program.goodbye(NOON + 4.5))
    for n in range(5, 70):
        reader.live.tick(NOON + n)
        seen = reader.value("source/p1", NOON + n)
        if n == 30:
            assert len(seen["points"]) == 5
            assert seen["gaps"] == {key(NOON + m): "catalog has ended" for m in range(5, 31)}
    assert (seen["id"], seen["points"], seen["gaps"]) == ("p1", {}, {})


def test_silence_of_a_source() -> None:
    """While a source says nothing its window says so, and since when."""
    reader, program = Reader(), Program()
    ticked(reader, program, 3)
    reader.states["p1"].state = "silent"
    reader.live.tick(NOON + 3)
    seen = reader.value("source/p1", NOON + 3)
    assert seen["gaps"] == {key(NOON + 3): "catalog says nothing since 12:00:02 UTC"}
    ticked(reader, program, 1, NOON + 4)
    assert key(NOON + 4) in reader.value("source/p1", NOON + 4)["points"]


def test_windows_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond so many sources a further one has its row alone, until another one has gone."""
    monkeypatch.setattr(source_windows, "MAX_WINDOWS", 2)
    reader = Reader()
    programs = [Program(f"p{n}") for n in range(3)]

    def points(n: int) -> int:
        return len(reader.value(f"source/p{n}", NOON)["points"])

    for program in programs:
        reader.read(program, NOON)
    reader.live.tick(NOON)
    assert [points(n) for n in range(3)] == [1, 1, 0]
    reader.take(programs[0], programs[0].goodbye(NOON + 1))
    for n in range(1, 70):
        reader.live.tick(NOON + n)
    assert [points(n) for n in range(3)] == [0, 60, 8]


# --- action/{name}, event/{name} ------------------------------------------------------------

NAMES = ["click", "a/b", "a b", "100 %", "%2F", "Straße", "点击", "sources", "/", "a\nb", "?a=b#c"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["action", "event"])
def test_name(kind: str, name: str) -> None:
    """Its row, and each second of the last minute in which it was called; a name may hold
    anything, and of the other kind it is another one."""
    reader, program = Reader(), Program()
    program.do(0.5, 1.5, name=name, kind=kind)
    reader.read(program, NOON)
    program.do(0.25, name=name, kind=kind, error="Oops")
    reader.read(program, NOON + 2.5)
    seen = reader.value(f"{kind}/{name}", NOON + 3)
    row = reader.value(f"{kind}s", NOON + 3)["names"][name]
    assert {k: seen[k] for k in row} == row
    assert (seen["name"], seen["kind"], seen["updated_at"]) == (name, kind, NOON + 2.5)
    assert seen["columns"] == ["count", "errors", "p50_s", "p95_s", "p99_s", "mean_s"]
    half, more = pytest.approx(0.5, rel=1 / 128), pytest.approx(1.5, rel=1 / 128)
    quarter = pytest.approx(0.25, rel=1 / 128)
    assert seen["points"] == {
        key(NOON): [2.0, 0.0, half, more, more, 1.0],
        key(NOON + 2): [1.0, 1.0, quarter, quarter, quarter, 0.25],
    }
    assert (seen["recent_errors"], seen["running"]) == ({}, {})
    other = "event" if kind == "action" else "action"
    assert reader.value(f"{other}/{name}", NOON + 3) == {}


def test_a_name_of_two_projects() -> None:
    """Without a project both are one; with it there is each one's own."""
    reader = Reader()
    for project, service in (("photos", "catalog"), ("music", "player")):
        program = Program(project, service, project)
        program.do(0.5)
        reader.read(program, NOON)
    seen = {p: reader.value("action/click", NOON, p) for p in (None, "photos", "music", "x")}
    assert seen["x"] == {}
    assert {p: seen[p]["count"] for p in (None, "photos", "music")} == {
        None: 2,
        "photos": 1,
        "music": 1,
    }
    assert seen[None]["services"] == ["catalog", "player"]
    assert seen[None]["points"][key(NOON)][0] == 2.0


def test_the_points_leave_after_a_minute() -> None:
    """What a name did more than a minute ago is in its sums alone."""
    reader, program = Reader(), Program()
    for n in range(90):
        program.do(0.5)
        reader.read(program, NOON + n)
    seen = reader.value("action/click", NOON + 89)
    assert list(seen["points"]) == [key(NOON + n) for n in range(30, 90)]
    assert (seen["count"], seen["rate"]) == (90, 61)
    later = reader.value("action/click", NOON + 1000)
    assert (later["points"], later["count"], later["updated_at"]) == ({}, 90, NOON + 89)


def test_an_unknown_name() -> None:
    """Of a name that nobody has used there is nothing."""
    reader, program = Reader(), Program()
    program.do(0.5)
    reader.read(program, NOON)
    for topic in ("action/", "action/clic", "action/click/", "event/click"):
        assert reader.value(topic, NOON) == {}


def say(reader: Reader, program: Program, at: float, **parts: Any) -> None:
    """Write a frame with spans in it."""
    program.seq += 1
    frame = Frame(round(at * 1e9), program.source if program.seq == 1 else None, **parts)
    reader.take(program, Numbered(program.seq, frame))


def start(n: int, at: float, name: str = "click", kind: str = "action") -> SpanStart:
    return SpanStart(n, 0, kind, name, round(at * 1e9))  # type: ignore[arg-type]


def test_running() -> None:
    """What runs of that name, the oldest first and at most twenty; its first call too, which
    has no sums yet. What its source took with it runs no more."""
    reader, one, two = Reader(), Program("p1", "a"), Program("p2", "b")
    say(reader, one, NOON, started=[start(1, NOON + 2), start(2, NOON, "other")])
    say(reader, two, NOON, started=[start(1, NOON + 1), start(2, NOON, kind="event")])
    seen = reader.value("action/click", NOON)
    assert seen["running"] == {
        "p2:1": {"service": "b", "since_at": NOON + 1},
        "p1:1": {"service": "a", "since_at": NOON + 2},
    }
    assert list(seen["running"]) == ["p2:1", "p1:1"]
    assert (seen["name"], seen["points"], "count" in seen) == ("click", {}, False)
    say(reader, one, NOON, started=[start(n, NOON + 3) for n in range(10, 60)])
    assert len(reader.value("action/click", NOON)["running"]) == 20
    reader.states["p2"].dead(NOON_NS)
    assert "p2:1" not in reader.value("action/click", NOON)["running"]


def test_recent_errors() -> None:
    """The last twenty failures with all that is known of them, the newest first."""
    live, program = Live(), Program()
    trace = {"n": 1, "none": None, "list": [None]}
    ended = [
        SpanEnd(n, 0, "action", "click", NOON_NS + n, 0.5, 0.5, f"Oops: {n}", trace, "T" * (n % 2))
        for n in range(30)
    ]
    live.put(SourceState(program.source))
    live.failed.add(program.source, ended)
    seen = live.value("action/click", None, NOON)
    assert list(seen["recent_errors"]) == [f"p1:{NOON_NS + n}" for n in range(29, 9, -1)]
    assert seen["recent_errors"][f"p1:{NOON_NS + 11}"] == {
        "at": pytest.approx(NOON),
        "service": "catalog",
        "source": "p1",
        "duration_s": 0.5,
        "error": "Oops: 11",
        "attributes": {"n": 1, "list": [None]},
        "trace": "T",
    }
    assert "trace" not in seen["recent_errors"][f"p1:{NOON_NS + 12}"]
    assert live.value("action/click", "music", NOON) == {}
    assert no_nulls(seen)


# --- the sums -------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["p1", "p2", "p3"]),
            st.sampled_from(["frame", "skip", "gap", "torn", "lose", "sample", "again"]),
        ),
        max_size=30,
    )
)
def test_frames_add_up(does: list[tuple[str, str]]) -> None:
    """Of every source, and of all: what was sent is what was received and what is missing; what
    is lost are the missing frames and what the sources dropped. Whether a lost frame is noticed
    by its number or by its torn rest, and whatever comes twice."""
    reader = Reader()
    programs = {id: Program(id) for id in ("p1", "p2", "p3")}
    for n, (id, what) in enumerate(does):
        program = programs[id]
        if what in ("skip", "gap"):
            program.seq += 1
            if what == "gap" and id in reader.states:
                reader.states[id].gap(1)
                reader.states[id].seq = program.seq
            continue
        if what == "torn":
            if id in reader.states:
                reader.states[id].gap(1)
                programs[id].seq = reader.states[id].seq
            continue
        if what in ("lose", "sample"):
            program.sums.lose("queue full", 2, sampled=what == "sample")
        numbered = program.frame(NOON + n)
        reader.take(program, numbered)
        if what == "again":
            reader.take(program, numbered)
    value = reader.value("sources", NOON)
    for row in value["sources"].values():
        frames = row["losses"].get("missing frames", 0)
        assert row["sent"] == row["received"] + frames
        assert row["lost"] == sum(row["losses"].values())
    for name in ("sent", "received", "lost", "sampled", "late"):
        assert value[name] == sum(row[name] for row in value["sources"].values())
