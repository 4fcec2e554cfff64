"""All sources together: what the topics say, and what they never say."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachograph.core.live import KEEP_ENDED_S, Live
from tachograph.core.source import SourceState
from tachograph.core.vitals import SYSTEM_COLUMNS
from tachograph.model import Frame, Goodbye, Merge, SpanStart
from tests.core.program import NOON, Numbered, Program, Reader
from tests.core.values import no_nulls

TOPICS = "system actions events sources source/p1 source/p2 action/click event/click".split()
HOUR = 3600.0


def system(reader: Reader, at: float = NOON, project: str | None = None) -> dict[str, Any]:
    return reader.value("system", at, project)


# --- system ---------------------------------------------------------------------------------


def test_no_source() -> None:
    """Before any source there is nothing but the frame of a value: no figure is made up."""
    reader = Reader(0.5)
    assert system(reader) == {
        "interval_s": 0.5,
        "live": 0,
        "columns": list(SYSTEM_COLUMNS),
        "points": {},
        "gaps": {},
    }
    actions = reader.value("actions", NOON)
    assert (actions["total_actions"], actions["names"], actions["current"]) == (0, {}, {})
    for absent in ("updated_at", "success_rate", "p95", "avg_duration", "queue_depth"):
        assert absent not in actions


def test_processes_of_one_host() -> None:
    """Shares of the same cores add up, and never above all of them; so do memory and counts.
    The machine itself counts once."""
    reader = Reader()
    machine = {"cores": 4.0, "memory_total_mb": 8000.0}
    for n, cpu in enumerate((30.0, 20.0)):
        program = Program(f"p{n}")
        program.vitals(cpu, 1000.0, thread_count=3.0, process_count=2.0, **machine)
        program.gauge("tachograph.cpu_percent", 0.1 * (n + 1), "max")
        reader.read(program, NOON + n)
    seen = system(reader)
    del seen["columns"], seen["points"], seen["gaps"]
    assert seen == {
        "interval_s": 1.0,
        "live": 2,
        "updated_at": NOON + 1,
        "cpu_percent": 50.0,
        "memory_mb": 2000.0,
        "memory_percent": 25.0,
        "memory_total_mb": 8000.0,
        "thread_count": 6,
        "process_count": 4,
        "cores": 4.0,
        "own_cpu_percent": 0.2,
    }
    third = Program("p3")
    third.vitals(90.0, 100.0, **machine)
    reader.read(third, NOON + 2)
    assert system(reader)["cpu_percent"] == 100.0


def test_figures_of_the_process_and_its_runtime() -> None:
    """Open files and bytes add up; of what keeps a loop waiting it is the worst that counts.
    What nobody measured is absent, and so is what only the dead had."""
    reader = Reader()
    for n, dead in ((1, False), (2, False), (9, True)):
        program = Program(f"p{n}")
        program.vitals(
            1.0, 100.0, open_files=10.0 * n, read_bytes_per_s=n, written_bytes_per_s=2 * n
        )
        for name in ("loop_lag_s", "gc_pause_s", "gc_percent"):
            program.gauge(f"runtime.{name}", n / 10, "max")
        reader.read(program, NOON)
        if dead:
            reader.states[f"p{n}"].dead(int(NOON * 1e9))
    wanted = {
        "open_files": 30,
        "read_bytes_per_s": 3.0,
        "written_bytes_per_s": 6.0,
        "loop_lag_s": 0.2,
        "gc_pause_s": 0.2,
        "gc_percent": 0.2,
    }
    seen = system(reader)
    assert {name: seen[name] for name in wanted} == wanted
    reader.live.tick(NOON)
    point = dict(zip(SYSTEM_COLUMNS, *system(reader)["points"].values(), strict=True))
    assert {name: point[name] for name in wanted if name in point} == {
        name: figure for name, figure in wanted.items() if name != "gc_percent"
    }
    row = reader.value("sources", NOON)["sources"]["p2"]
    assert (row["open_files"], row["read_bytes_per_s"], row["gc_percent"]) == (20.0, 2.0, 0.2)
    other = Reader()
    program = Program()
    program.vitals(1.0, 100.0)
    other.read(program, NOON)
    assert not wanted.keys() & system(other).keys()


def test_several_hosts() -> None:
    """A host's share weighs as much as its cores, and memory is of all machines together."""
    reader = Reader()
    for host, cores, cpu in (("a", 4.0, 50.0), ("b", 12.0, 100.0)):
        program = Program(host, host=host)
        program.vitals(cpu, 1000.0, cores=cores, memory_total_mb=cores * 1000)
        reader.read(program, NOON)
    seen = system(reader)
    assert (seen["cores"], seen["cpu_percent"]) == (16.0, 87.5)
    assert (seen["memory_mb"], seen["memory_total_mb"]) == (2000.0, 16000.0)
    assert seen["memory_percent"] == 12.5


def test_before_the_second_sample() -> None:
    """CPU needs two samples to be measured: until then it is absent, not zero."""
    reader, program = Reader(), Program()
    program.vitals(None, 100.0)
    reader.read(program, NOON)
    assert "cpu_percent" not in system(reader)
    assert system(reader)["memory_mb"] == 100.0


def test_labels_are_not_the_machine() -> None:
    """A program's own gauge with labels, whatever its name, is none of the process's figures."""
    reader, program = Reader(), Program()
    program.vitals(10.0, 100.0)
    program.sums.set_gauge(("gauge", "system.memory_mb", "", (("disk", "a"),), "sum"), 9e9)
    reader.read(program, NOON)
    assert system(reader)["memory_mb"] == 100.0


def test_after_the_end() -> None:
    """When the last source has ended its figures stay, with the instant that they are of."""
    reader, program, other = Reader(), Program("p1"), Program("p2")
    other.vitals(1.0, 5.0)
    reader.read(other, NOON - HOUR)
    reader.take(other, other.goodbye(NOON - HOUR))
    program.vitals(40.0, 300.0)
    reader.read(program, NOON)
    reader.take(program, program.goodbye(NOON + 1))
    seen = system(reader, NOON + HOUR)
    assert (seen["live"], seen["updated_at"]) == (0, NOON + 1)
    assert (seen["cpu_percent"], seen["memory_mb"]) == (40.0, 300.0)


def test_the_dead_do_not_count_beside_the_living() -> None:
    """As long as somebody lives, only the living are counted."""
    reader, dead, living = Reader(), Program("p1"), Program("p2")
    for program, memory in ((dead, 300.0), (living, 50.0)):
        program.vitals(10.0, memory)
        reader.read(program, NOON)
    reader.states["p1"].dead(int(NOON * 1e9))
    seen = system(reader)
    assert (seen["live"], seen["memory_mb"]) == (1, 50.0)


def test_projects() -> None:
    """Each project sees its own sources; without one there are all of them."""
    reader = Reader()
    for project, memory in (("photos", 100.0), ("music", 50.0)):
        program = Program(project, project=project)
        program.vitals(10.0, memory)
        program.do(0.5)
        reader.read(program, NOON)
    assert reader.live.projects() == ["music", "photos"]
    by_project = {p: system(reader, NOON, p)["memory_mb"] for p in (None, "photos", "music")}
    assert by_project == {None: 150.0, "photos": 100.0, "music": 50.0}
    totals = {p: reader.value("actions", NOON, p)["total_actions"] for p in (None, "photos", "x")}
    assert totals == {None: 2, "photos": 1, "x": 0}
    assert reader.value("sources", NOON, "music")["total"] == 1


# --- actions and events ---------------------------------------------------------------------


def test_fifty_failures_then_a_thousand_successes() -> None:
    """50 failures, then 1000 successes over 35 minutes: total 1050, 50 errors, 95.2 %; the
    rates are of the last minute alone."""
    reader, program = Reader(), Program()
    for n in range(1050):
        program.do(0.01, error="Oops" if n < 50 else "")
        reader.read(program, NOON + 2 * n)
    seen = reader.value("actions", NOON + 2098)
    assert (seen["total_actions"], seen["error_count"]) == (1050, 50)
    assert f"{seen['success_rate']:.1f} %" == "95.2 %"
    assert (seen["actions_per_minute"], seen["errors_per_minute"]) == (31, 0)
    assert seen["avg_duration"] == pytest.approx(0.01)
    assert seen["updated_at"] == NOON + 2098
    assert seen["names"]["click"]["count"] == 1050


def test_events() -> None:
    """Events are counted as processed, failed, and all that ever came with those that wait."""
    reader, program = Reader(), Program()
    program.do(0.5, 0.25, kind="event", name="message")
    program.do(0.75, kind="event", name="message", error="Oops")
    program.gauge("events.queue_depth", 4)
    reader.read(program, NOON)
    seen = reader.value("events", NOON)
    wanted = {
        "events_processed": 2,
        "events_failed": 1,
        "events_queued": 7,
        "queue_depth": 4,
        "events_per_minute": 3,
        "errors_per_minute": 1,
        "avg_processing_time": 0.5,
        "updated_at": NOON,
        "names_total": 1,
    }
    assert {key: seen[key] for key in wanted} == wanted
    assert seen["success_rate"] == pytest.approx(66.667, rel=1e-3)
    assert seen["p95"] == pytest.approx(0.75, rel=1 / 128)
    assert reader.value("actions", NOON)["total_actions"] == 0


@pytest.mark.parametrize(
    ("merge", "depth"), [("sum", 12.0), ("max", 7.0), ("min", 2.0), ("last", 3.0)]
)
def test_a_queue_of_several(merge: Merge, depth: float) -> None:
    """A queue that several processes tell of is as deep as its gauge says that they are merged."""
    reader, programs = Reader(), [Program(f"p{n}") for n in range(3)]
    for at, (program, value) in enumerate(zip(programs, (2, 7, 9), strict=True)):
        program.do(0.5)
        program.gauge("actions.queue_depth", value, merge)
        reader.read(program, NOON + at)
    programs[2].gauge("actions.queue_depth", 3, merge)
    reader.read(programs[2], NOON + 3)
    programs[0].do(0.5)
    reader.read(programs[0], NOON + 4)
    assert reader.value("actions", NOON + 4)["queue_depth"] == depth
    reader.live.tick(NOON + 5)
    assert column(reader.value("actions", NOON + 5), "queue_depth") == [depth]


def test_ended_sources_count() -> None:
    """What an ended source did still counts, and nothing of it runs or waits any more."""
    reader, program = Reader(), Program()
    program.do(0.5)
    program.gauge("actions.queue_depth", 3)
    reader.read(program, NOON)
    assert reader.value("actions", NOON)["queue_depth"] == 3
    reader.take(program, program.goodbye(NOON + 1))
    seen = reader.value("actions", NOON + HOUR)
    assert (seen["total_actions"], seen["actions_per_minute"]) == (1, 0)
    assert "queue_depth" not in seen


def start(reader: Reader, program: Program, span: int, name: str, at: float) -> None:
    """Say that a span has begun."""
    program.seq += 1
    started = [SpanStart(span, 0, "action", name, round(at * 1e9))]
    frame = Frame(round(at * 1e9), program.source if program.seq == 1 else None, started=started)
    state = reader.states.get(program.source.id)
    if state is None:
        state = reader.states[program.source.id] = SourceState(program.source)
        reader.live.put(state)
    reader.live.step(state, frame.at_ns, state.apply(frame, program.seq))


def test_current_actions() -> None:
    """What runs now is listed by source and span, oldest first of all; at most twenty."""
    reader, one, two = Reader(), Program("p1", "a"), Program("p2", "b")
    start(reader, one, 1, "slow", NOON + 1)
    start(reader, two, 1, "slower", NOON)
    seen = reader.value("actions", NOON + 5)
    assert seen["current"] == {
        "p2:1": {"name": "slower", "service": "b", "since_at": NOON},
        "p1:1": {"name": "slow", "service": "a", "since_at": NOON + 1},
    }
    assert seen["current_action"] == "slower"
    for n in range(2, 40):
        start(reader, one, n, "more", NOON + 2)
    seen = reader.value("actions", NOON + 5)
    assert (len(seen["current"]), seen["current_action"]) == (20, "slower")
    reader.states["p2"].dead(int(NOON * 1e9))
    assert reader.value("actions", NOON + 5)["current_action"] == "slow"


# --- points ---------------------------------------------------------------------------------


def column(value: dict[str, Any], name: str) -> list[float | None]:
    return [row[value["columns"].index(name)] for row in value["points"].values()]


def test_a_tick_adds_a_point() -> None:
    """At each tick every chart gets its figures, and a missing one is null in its column."""
    reader, program = Reader(), Program()
    program.vitals(None, 100.0, thread_count=3.0, process_count=1.0)
    program.do(0.5, 1.5)
    reader.read(program, NOON)
    reader.live.tick(NOON)
    assert system(reader)["points"] == {
        "1800014400000": [None, 100.0, 3.0, 1.0, None, None, None, None, None]
    }
    actions = reader.value("actions", NOON)
    assert column(actions, "actions_per_minute") == [2.0]
    assert column(actions, "avg_duration_s") == [1.0]
    assert column(actions, "p95_s") == [pytest.approx(1.5, rel=1 / 128)]
    assert column(actions, "queue_depth") == [None]
    assert reader.value("events", NOON)["points"] == {}


def test_no_point_without_a_source() -> None:
    """While nobody lives there is a gap, not a line of zeros or of the last figures. What a
    program did between its last tick and its end is shown."""
    reader, program = Reader(), Program()
    program.vitals(10.0, 100.0)
    program.do(0.5)
    reader.read(program, NOON)
    reader.live.tick(NOON)
    program.do(0.5, error="Oops")
    reader.take(program, program.goodbye(NOON + 0.5))
    for n in range(1, 5):
        reader.live.tick(NOON + n)
    assert list(system(reader)["points"]) == ["1800014400000", "1800014401000"]
    assert column(reader.value("actions", NOON), "errors") == [0.0, 1.0]


def test_errors_of_a_tick() -> None:
    """The chart of errors shows each error in the tick that it came in: the very first one of a
    new program too, and of a new project in its own chart."""
    reader, program = Reader(), Program()
    reader.live.tick(NOON)
    program.vitals(10.0, 100.0)
    program.do(0.5, error="Oops")
    reader.read(program, NOON + 0.5)
    reader.live.tick(NOON + 1)
    program.do(0.5, 0.5, error="Oops")
    program.do(0.5)
    reader.read(program, NOON + 1.5)
    reader.live.tick(NOON + 2)
    reader.live.tick(NOON + 3)
    assert column(reader.value("actions", NOON + 3), "errors") == [1.0, 2.0, 0.0]
    assert column(reader.value("actions", NOON + 3, "photos"), "errors") == [1.0, 2.0, 0.0]


def test_errors_from_before_a_restart() -> None:
    """Errors that were counted before the server started are no spike in its first tick."""
    before, program = Reader(), Program()
    program.vitals(10.0, 100.0)
    program.do(0.5, error="Oops")
    before.read(program, NOON)
    after = Live()
    after.put(before.states["p1"])
    after.tick(NOON + 1)
    after.tick(NOON + 2)
    assert column(after.value("actions", None, NOON + 2), "errors") == [0.0, 0.0]
    assert column(after.value("actions", "photos", NOON + 2), "errors") == [0.0, 0.0]


def test_a_server_that_starts_after_the_end() -> None:
    """A server that finds only what has ended draws no point of its own."""
    before, program = Reader(), Program()
    program.vitals(10.0, 100.0)
    program.do(0.5, error="Oops")
    before.read(program, NOON)
    before.take(program, program.goodbye(NOON + 1))
    after = Live()
    after.put(before.states["p1"])
    for n in range(10, 13):
        after.tick(NOON + n)
    for topic in ("system", "actions"):
        assert after.value(topic, None, NOON + 13)["points"] == {}


# --- sources --------------------------------------------------------------------------------


def test_source_row() -> None:
    """A source's row has what is known of it; what isn't is absent."""
    reader, program = Reader(), Program()
    program.vitals(10.0, 100.0)
    program.sums.lose("queue full", 4)
    program.sums.lose("span rate", 6, sampled=True)
    reader.read(program, NOON)
    reader.states["p1"].gap(2)
    seen = reader.value("sources", NOON)
    assert {key: seen[key] for key in seen if key != "sources"} == {
        "live": 1,
        "total": 1,
        "sent": 3,
        "received": 1,
        "lost": 6,
        "sampled": 6,
        "late": 0,
    }
    assert seen["sources"] == {
        "p1": {
            "id": "p1",
            "service": "catalog",
            "project": "photos",
            "host": "here",
            "pid": 7,
            "state": "live",
            "started_at": NOON,
            "last_at": NOON,
            "command": ["job.py"],
            "sent": 3,
            "received": 1,
            "lost": 6,
            "sampled": 6,
            "late": 0,
            "losses": {"queue full": 4, "missing frames": 2},
            "cpu_percent": 10.0,
            "memory_mb": 100.0,
        }
    }
    reader.take(program, program.goodbye(NOON + 1, "failed", "ValueError: no"))
    row = reader.value("sources", NOON)["sources"]["p1"]
    assert (row["state"], row["reason"]) == ("failed", "ValueError: no")
    assert (row["ended_at"], reader.value("sources", NOON)["live"]) == (NOON + 1, 0)


def test_clock_of_a_source() -> None:
    """A clock that is off by more than a second, and one that was set, is said; others aren't."""
    reader, program = Reader(), Program()
    reader.read(program, NOON)
    state = reader.states["p1"]
    for offset, jump in ((0.0, 0.0), (1.0, 0.0), (-2.5, 0.0), (3600.0, -0.25)):
        state.clock_offset_s, state.clock_jump_s = offset, jump
        row = reader.value("sources", NOON)["sources"]["p1"]
        assert row.get("clock_offset_s", 0.0) == (offset if abs(offset) > 1 else 0.0)
        assert row.get("clock_jump_s", 0.0) == jump
        assert ("clock_offset_s" in row, "clock_jump_s" in row) == (abs(offset) > 1, jump != 0)


def test_losses_of_the_server() -> None:
    """What the server itself lost stands beside the sources of all, and only when there is any."""
    reader, program = Reader(), Program()
    reader.read(program, NOON)
    assert "server_losses" not in reader.value("sources", NOON)
    reader.live.server_losses = lambda: {"seconds that could not be stored": 3}
    lost = {"seconds that could not be stored": 3}
    assert reader.value("sources", NOON)["server_losses"] == lost
    assert "server_losses" not in reader.value("sources", NOON, "photos")


def test_forget() -> None:
    """Sources that are forgotten never were: no row, no totals, no window of their project."""
    reader, one, two = Reader(), Program("p1"), Program("p2", project="music")
    for program in (one, two):
        program.vitals(1.0, 100.0)
        program.do(0.5)
        reader.read(program, NOON)
    reader.live.tick(NOON)
    reader.live.forget(["p1", "unknown"])
    assert list(reader.value("sources", NOON)["sources"]) == ["p2"]
    assert reader.value("actions", NOON)["total_actions"] == 1
    assert reader.value("source/p1", NOON) == {}
    assert reader.value("system", NOON, "photos")["points"] == {}
    reader.live.tick(NOON + 1)
    assert reader.live.projects() == ["music"]


def test_who_saw_the_end() -> None:
    """Of a killed program that `tacho run` watched, the row says what the watcher saw; another
    process of the same parent is told by its own end."""
    reader, watcher = Reader(), Program("w1", "tacho run", pid=7)
    watched, other = Program("p1", pid=7), Program("p2", pid=8)
    for program in (watched, other):
        program.source = program.sums.source = msgspec.structs.replace(program.source, parent="w1")
    for program in (watcher, watched, other):
        reader.read(program, NOON)
    for id in ("p1", "p2"):
        reader.states[id].dead(int(NOON * 1e9))
    rows = reader.value("sources", NOON)["sources"]
    assert (rows["p1"]["state"], "exit_code" in rows["p1"]) == ("killed", False)
    goodbye = Goodbye(
        "killed", int(NOON * 1e9), "killed by SIGKILL", exit_code=-9, signal="SIGKILL"
    )
    reader.take(watcher, Numbered(2, Frame(int(NOON * 1e9), goodbye=goodbye)))
    rows = reader.value("sources", NOON)["sources"]
    assert (rows["p1"]["reason"], rows["p1"]["exit_code"]) == ("killed by SIGKILL", -9)
    assert rows["p1"]["signal"] == "SIGKILL"
    assert "exit_code" not in rows["p2"]


def test_expire() -> None:
    """A day after its end a source goes, and with it its part of the totals; the last minute of
    the others stays."""
    reader, old, young = Reader(), Program("p1"), Program("p2")
    old.do(0.5, error="Oops")
    reader.read(old, NOON)
    reader.take(old, old.goodbye(NOON))
    later = NOON + KEEP_ENDED_S
    young.do(0.25)
    reader.read(young, later)
    assert reader.live.expire(later) == []
    assert reader.value("actions", later)["total_actions"] == 2
    assert reader.live.expire(later + 1) == ["p1"]
    seen = reader.value("actions", later + 1)
    assert (seen["total_actions"], seen["error_count"], seen["actions_per_minute"]) == (1, 0, 1)
    assert seen["names"]["click"]["rate"] == 1
    assert list(reader.value("sources", later)["sources"]) == ["p2"]
    assert reader.live.expire(later + 2) == []


def test_a_living_source_never_expires() -> None:
    """A source that lives and says nothing for a week is still there."""
    reader, program = Reader(), Program()
    reader.read(program, NOON)
    assert reader.live.expire(NOON + 7 * KEEP_ENDED_S) == []


# --- always ---------------------------------------------------------------------------------

DOES = st.lists(
    st.tuples(
        st.sampled_from(["p1", "p2"]),
        st.sampled_from(["action", "event", "vitals", "cpu", "gauge", "end", "tick", "lose"]),
    ),
    max_size=12,
)


def do(reader: Reader, program: Program, what: str, at: float) -> None:
    if what in ("action", "event"):
        program.do(0.5, kind=what)
    elif what == "vitals":
        program.vitals(None, 100.0)
    elif what == "cpu":
        program.vitals(5.0, 100.0, cores=4.0)
    elif what == "gauge":
        program.gauge("actions.queue_depth", None if at % 2 else 3)
    elif what == "lose":
        program.sums.lose("queue full", 1)
    if what == "end":
        reader.take(program, program.goodbye(at))
    elif what == "tick":
        reader.live.tick(at)
    else:
        reader.read(program, at)


@given(DOES)
def test_no_null_member(does: list[tuple[str, str]]) -> None:
    """Whatever programs do, no topic's value has a null as a member: what was not measured is
    absent, and nothing is neither NaN nor infinite."""
    reader = Reader()
    programs = {"p1": Program("p1"), "p2": Program("p2", project="music")}
    for n, (id, what) in enumerate(does):
        do(reader, programs[id], what, NOON + n)
    for topic in TOPICS:
        for project in (None, "photos", "music", "nobody"):
            value = reader.value(topic, NOON + len(does), project)
            assert no_nulls(value)
            assert "inf" not in repr(value)
            assert "nan" not in repr(value)


@given(DOES)
def test_restart(does: list[tuple[str, str]]) -> None:
    """After a restart from the stored states all totals are what they were."""
    reader = Reader()
    programs = {"p1": Program("p1"), "p2": Program("p2", project="music")}
    for n, (id, what) in enumerate(does):
        do(reader, programs[id], what, NOON + n)
    after = Live()
    for state in reader.states.values():
        after.put(state)
    at = NOON + 1000
    for topic in ("actions", "events"):
        totals = "total_actions error_count events_processed events_failed success_rate".split()
        before = reader.value(topic, at)
        now = after.value(topic, None, at)
        assert {k: now.get(k) for k in totals} == {k: before.get(k) for k in totals}
    for value in (before := system(reader, at), now := after.value("system", None, at)):
        del value["points"], value["gaps"]
    assert now == before
    assert after.value("sources", None, at) == reader.value("sources", at)
