"""Seconds: what happened to each series in each second, ready to be stored."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachograph.core.histogram import pairs
from tachograph.core.seconds import MAX_WAITING_S, merged
from tachograph.core.source import SourceState
from tachograph.model import Merge, Sample, Second, Series, SeriesKey
from tachograph.store.memory import MemoryStore
from tests.core.program import NOON, Program, Reader

CLICK = SeriesKey("photos", "catalog", "click", (), "action")
FILES = SeriesKey("photos", "catalog", "files")
DEPTH = SeriesKey("photos", "catalog", "depth")

#: What each of two programs does in each of some seconds, and whether its frame is lost.
WORK = st.lists(
    st.tuples(
        st.sampled_from(["p1", "p2"]),
        st.integers(0, 3),
        st.lists(st.sampled_from([0.25, 0.5, 4.0]), max_size=3),
        st.booleans(),
    ),
    max_size=10,
)


def by_key(taken: list[Second]) -> dict[SeriesKey, dict[int, Sample]]:
    rows: dict[SeriesKey, dict[int, Sample]] = defaultdict(dict)
    for second in taken:
        for key, sample in second.samples:
            rows[key][second.at_s] = sample
    return rows


def sums(taken: list[Second], key: SeriesKey) -> tuple[float, int, int, dict[int, int]]:
    """Value, count, errors and buckets of a series over all seconds."""
    found = by_key(taken)[key].values()
    buckets: dict[int, int] = {}
    for sample in found:
        for bucket, n in pairs(sample.buckets):
            buckets[bucket] = buckets.get(bucket, 0) + n
    return (
        sum(one.value for one in found),
        sum(one.count for one in found),
        sum(one.errors for one in found),
        buckets,
    )


@given(WORK, st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9)))
def test_seconds_add_up_to_the_totals(work: list[Any], takes: set[int], failed: set[int]) -> None:
    """Over any frames, lost ones and failed commits included, the stored seconds of a series
    add up to exactly what its sources counted since their start."""
    reader = Reader()
    programs = {id: Program(id) for id in ("p1", "p2")}
    store = MemoryStore()
    for n, (id, errors, seconds, lost) in enumerate(work):
        programs[id].do(*seconds)
        programs[id].do(*[0.125] * errors, error="Oops")
        programs[id].count(len(seconds))
        numbered = programs[id].frame(NOON + n / 3)
        if not lost or numbered.seq == 1:
            reader.take(programs[id], numbered)
        if n in takes:
            series, taken = reader.seconds.take()
            if n in failed:
                reader.seconds.give_back(series, taken)
            else:
                store.commit(series=series, seconds=taken)
    for id, program in programs.items():
        reader.take(program, program.frame(NOON + len(work), whole=True))
        assert id in reader.states
    series, taken = reader.seconds.take()
    store.commit(series=series, seconds=taken)
    stored = list(store.seconds(0, int(NOON) + 100))
    timers = [one for state in reader.states.values() for one in state.timers.values()]
    buckets: dict[int, int] = {}
    for one in timers:
        for bucket, count in one.buckets.items():
            buckets[bucket] = buckets.get(bucket, 0) + count
    value, count, errors, seen = sums(stored, CLICK)
    assert value == pytest.approx(sum(one.sum_s for one in timers))
    assert count == sum(one.count for one in timers)
    assert errors == sum(one.errors for one in timers)
    assert seen == buckets
    counters = [sum(state.counters.values()) for state in reader.states.values()]
    assert sums(stored, FILES)[0] == sum(counters)
    assert reader.seconds.dropped == 0


def test_a_second() -> None:
    """A frame's figures stand in the second of its instant: increases, not sums."""
    reader, program = Reader(), Program()
    program.do(0.5, 0.5)
    program.do(2.0, error="Oops")
    program.count(7)
    reader.read(program, NOON + 0.9)
    program.count(1)
    reader.read(program, NOON + 1.0)
    series, taken = reader.seconds.take()
    assert {one.key: one.kind for one in series} == {CLICK: "timer", FILES: "counter"}
    rows = by_key(taken)
    assert [second.at_s for second in taken] == [int(NOON), int(NOON) + 1]
    click = rows[CLICK][int(NOON)]
    assert (click.value, click.count, click.errors, click.self_s) == (3.0, 3, 1, 3.0)
    assert [count for _, count in pairs(click.buckets)] == [2, 1]
    assert [one.value for one in rows[FILES].values()] == [7.0, 1.0]


def test_take_takes() -> None:
    """What was taken isn't taken again, and a series is new once."""
    reader, program = Reader(), Program()
    program.count(1)
    reader.read(program, NOON)
    assert [len(part) for part in reader.seconds.take()] == [1, 1]
    assert reader.seconds.take() == ([], [])
    program.count(1)
    reader.read(program, NOON)
    series, taken = reader.seconds.take()
    assert (series, len(taken)) == ([], 1)


def test_known_series_are_not_new() -> None:
    """A series that the store has already isn't stored again after a restart."""
    reader, program = Reader(), Program()
    reader.seconds.known([Series(FILES, "counter")])
    program.count(1)
    reader.read(program, NOON)
    series, taken = reader.seconds.take()
    assert (series, sums(taken, FILES)[0]) == ([], 1.0)


@pytest.mark.parametrize(
    ("how", "value"), [("sum", 8.0), ("max", 5.0), ("min", 3.0), ("last", 3.0)]
)
def test_gauges_of_several_sources(how: Merge, value: float) -> None:
    """The values of all sources become one, as the gauge says."""
    assert merged([5.0, 3.0], how) == value
    reader = Reader()
    for id, depth in (("p1", 5.0), ("p2", 3.0)):
        program = Program(id)
        program.gauge("depth", depth, how)
        reader.read(program, NOON)
    taken = reader.seconds.take()[1]
    assert by_key(taken)[DEPTH][int(NOON)].value == value


def a_gauge(reader: Reader, program: Program, value: float | None, at: float) -> None:
    program.gauge("depth", value)
    reader.read(program, at)


def depth_at(taken: list[Second], at: float) -> float:
    return by_key(taken)[DEPTH][int(at)].value


def test_a_gauge_holds_until_it_is_set_again() -> None:
    """A source that says nothing new of its gauge still counts with it."""
    reader, one, two = Reader(), Program("p1"), Program("p2")
    a_gauge(reader, one, 5.0, NOON)
    a_gauge(reader, two, 3.0, NOON + 2)
    a_gauge(reader, two, None, NOON + 3)
    taken = reader.seconds.take()[1]
    assert [depth_at(taken, NOON + n) for n in (0, 2, 3)] == [5.0, 8.0, 5.0]


def test_gauges_end_with_their_source() -> None:
    """After a goodbye the gauge of that source counts no more."""
    reader, one, two = Reader(), Program("p1"), Program("p2")
    a_gauge(reader, one, 5.0, NOON)
    a_gauge(reader, two, 3.0, NOON)
    reader.take(one, one.goodbye(NOON + 1))
    a_gauge(reader, two, 4.0, NOON + 2)
    assert depth_at(reader.seconds.take()[1], NOON + 2) == 4.0


def test_the_end_of_a_source_shows_at_once() -> None:
    """When a source ends, the second of its end has the value of those that are left, though
    none of them said anything new."""
    reader, one, two = Reader(), Program("p1"), Program("p2")
    a_gauge(reader, two, 3.0, NOON)
    a_gauge(reader, one, 5.0, NOON)
    reader.read(two, NOON + 3)
    reader.take(one, one.goodbye(NOON + 3.5))
    taken = reader.seconds.take()[1]
    assert [depth_at(taken, NOON + n) for n in (0, 3)] == [8.0, 3.0]


@pytest.mark.parametrize(("interval_s", "patience"), [(1.0, 5), (0.05, 5), (10.0, 30)])
def test_a_killed_source_does_not_live_on(interval_s: float, patience: int) -> None:
    """A source that was killed says no goodbye: its gauges count no more after some seconds of
    event time, or three of its intervals, though nobody has noticed its death yet."""
    reader = Reader()
    killed, successor = Program("p1", interval_s=interval_s), Program("p2")
    a_gauge(reader, killed, 100.0, NOON)
    for n in range(patience + 3):
        a_gauge(reader, successor, float(n), NOON + n)
    taken = reader.seconds.take()[1]
    assert depth_at(taken, NOON + patience) == 100.0 + patience
    assert depth_at(taken, NOON + patience + 1) == patience + 1


def test_every_sixtieth_second_is_whole() -> None:
    """Gauges that stay are stored once, and again in every 60th second, so that a reader of
    any minute finds them."""
    reader, program = Reader(), Program()
    program.gauge("depth", 5.0)
    for n in range(121):
        program.gauge("other", float(n))
        reader.read(program, NOON + n)
    taken = reader.seconds.take()[1]
    assert sorted(by_key(taken)[DEPTH]) == [int(NOON), int(NOON) + 60, int(NOON) + 120]


def test_restored_gauges() -> None:
    """After a restart of the reader a living source's gauges count though it says nothing new."""
    before, one, two = Reader(), Program("p1"), Program("p2")
    a_gauge(before, one, 5.0, NOON)
    state = before.states["p1"]
    after = Reader()
    gauges = [(state.definitions[n], value) for n, value in state.gauges.items()]
    after.seconds.restore(state.source, gauges)
    a_gauge(after, two, 3.0, NOON + 1)
    assert depth_at(after.seconds.take()[1], NOON + 1) == 8.0


def test_what_came_meanwhile_is_newer() -> None:
    """A gauge that was set while its commit failed keeps the newer value."""
    reader, program = Reader(), Program()
    a_gauge(reader, program, 5.0, NOON)
    series, taken = reader.seconds.take()
    a_gauge(reader, program, 6.0, NOON)
    reader.seconds.give_back(series, taken)
    again, taken = reader.seconds.take()
    assert depth_at(taken, NOON) == 6.0
    assert [one.key for one in again] == [DEPTH]


def test_a_store_that_stays_away() -> None:
    """An hour of seconds waits for the store; what is older is dropped, and counted."""
    reader, program = Reader(), Program()
    program.count(1)
    state, first = SourceState(program.source), program.frame(NOON)
    steps = state.apply(first.frame, first.seq)
    for n in range(MAX_WAITING_S + 10):
        reader.seconds.add(program.source, int(NOON + n) * 10**9, steps)
        if n % 600 == 0:
            reader.seconds.give_back(*reader.seconds.take())
    reader.seconds.give_back(*reader.seconds.take())
    series, taken = reader.seconds.take()
    assert len(taken) == MAX_WAITING_S
    assert taken[0].at_s == int(NOON) + 10
    assert (reader.seconds.dropped, len(series)) == (10, 1)


def test_labels_tell_series_apart() -> None:
    """Labels belong to the series' key, in whatever order they were given."""
    reader, program = Reader(), Program()
    for labels in ((("a", "1"), ("b", "2")), (("b", "2"), ("a", "1")), (("a", "2"),)):
        program.sums.add_counts([(("counter", "files", "", labels, "sum"), 1)])
    reader.read(program, NOON)
    _, taken = reader.seconds.take()
    counts = {key.labels: sums(taken, key)[0] for key in by_key(taken)}
    assert counts == {(("a", "1"), ("b", "2")): 2.0, (("a", "2"),): 1.0}


def test_pids_make_no_series() -> None:
    """Ten starts of one service are one series."""
    reader = Reader()
    for n in range(10):
        program = Program(f"p{n}", pid=n)
        program.count(1)
        reader.read(program, NOON + n)
    series, taken = reader.seconds.take()
    assert [one.key for one in series] == [FILES]
    assert sums(taken, FILES)[0] == 10.0
