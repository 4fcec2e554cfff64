"""What every history store does; the same suite over all of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachograph.errors import StoreError
from tachograph.store import failures, memory
from tachograph.store.base import (
    ErrorRecord,
    Sample,
    Second,
    Series,
    SeriesKey,
    Store,
    StoredSource,
)
from tachograph.store.memory import MemoryStore
from tachograph.store.sqlite import SqliteStore

COUNTER = Series(SeriesKey("photos", "web", "requests"), "counter", "1")
GAUGE = Series(SeriesKey("photos", "web", "depth", (("queue", "in"),)), "gauge", "items", "max")
TIMER = Series(SeriesKey("photos", "web", "resize", (), "action"), "timer", "s")
ALL = (COUNTER, GAUGE, TIMER)


def source(name: str, seq: int = 1, state: str = "live") -> StoredSource:
    return StoredSource(name, "photos", "web", state, seq, 10**18 + seq, b"\x00blob")


def second(at_s: int, **values: Sample) -> Second:
    keys = {"counter": COUNTER.key, "gauge": GAUGE.key, "timer": TIMER.key}
    return Second(at_s, [(keys[name], sample) for name, sample in values.items()])


def test_a_new_store_is_empty_and_ours(store: Store) -> None:
    """Nothing in it, and this process may write."""
    assert store.leased
    assert store.sources() == []
    assert store.series() == []
    assert list(store.seconds(0, 1 << 40)) == []
    assert store.meta("anything") is None


def test_a_commit_is_read_back(store: Store) -> None:
    """Sources, series, seconds and meta come back as they went in."""
    seconds = [
        second(100, counter=Sample(3.0), gauge=Sample(0.1), timer=Sample(0.25, 2, 1, 0.2, [7, 2])),
        second(101),
    ]
    store.commit(
        sources=[source("a")], series=ALL, seconds=seconds, meta={"position": {"x": [1, 2.5]}}
    )
    assert store.sources() == [source("a")]
    assert store.series() == list(ALL)
    assert list(store.seconds(0, 200)) == seconds
    assert store.meta("position") == {"x": [1, 2.5]}


def test_sources_keep_their_place_in_their_newest_version(store: Store) -> None:
    """Oldest first, by the first commit of each."""
    store.commit(sources=[source("b"), source("a")])
    store.commit(sources=[source("c"), source("b", 9, "ended")])
    assert store.sources() == [source("b", 9, "ended"), source("a"), source("c")]


def test_a_forgotten_source_leaves_its_figures(store: Store) -> None:
    """Its state goes, the seconds stay; an unknown one is nothing to forget."""
    store.commit(sources=[source("a")], series=ALL, seconds=[second(5, counter=Sample(1.0))])
    store.forget("a")
    store.forget("never there")
    assert store.sources() == []
    assert list(store.seconds(0, 10)) == [second(5, counter=Sample(1.0))]


def test_a_second_that_is_stored_already_is_merged(store: Store) -> None:
    """Counters and timers add, gauges replace, and series of either commit stay."""
    store.commit(
        series=ALL,
        seconds=[second(7, counter=Sample(2.0), timer=Sample(1.0, 2, 1, 0.5, [3, 1, 9, 1]))],
    )
    store.commit(seconds=[second(7, counter=Sample(3.0), gauge=Sample(4.0))])
    store.commit(
        seconds=[second(7, gauge=Sample(1.5), timer=Sample(0.5, 1, 0, 0.25, [5, 2, 9, 4]))]
    )
    assert list(store.seconds(7, 8)) == [
        second(
            7,
            counter=Sample(5.0),
            gauge=Sample(1.5),
            timer=Sample(1.5, 3, 1, 0.75, [3, 1, 5, 2, 9, 5]),
        )
    ]


def test_one_commit_may_name_a_second_or_a_series_twice(store: Store) -> None:
    """The same merging holds within a commit."""
    twice = Second(7, [(COUNTER.key, Sample(1.0)), (COUNTER.key, Sample(2.0))])
    store.commit(series=ALL, seconds=[twice, second(7, counter=Sample(4.0))])
    assert list(store.seconds(7, 8)) == [second(7, counter=Sample(7.0))]


def test_seconds_come_ascending_from_start_to_before_end(store: Store) -> None:
    """However they were committed, and over more rows than are fetched at once."""
    wanted = list(range(1000, 1300))
    order = wanted[::-2] + wanted[::2] if len(wanted) % 2 else wanted[1::2] + wanted[::2]
    store.commit(series=ALL, seconds=[second(at, counter=Sample(at)) for at in order])
    assert [row.at_s for row in store.seconds(1000, 1300)] == wanted
    assert [row.at_s for row in store.seconds(1001, 1299)] == wanted[1:-1]
    assert list(store.seconds(1300, 1300)) == []


def test_samples_come_in_the_order_of_their_series(store: Store) -> None:
    """By the series' first commit, whatever the order in the second."""
    mixed = second(1, timer=Sample(1.0, 1), counter=Sample(1.0), gauge=Sample(1.0))
    store.commit(series=ALL, seconds=[mixed])
    (row,) = store.seconds(0, 2)
    assert [key for key, _ in row.samples] == [one.key for one in ALL]


def test_a_series_that_is_committed_again_is_one_series(store: Store) -> None:
    """Its newest unit counts; labels and span tell series apart."""
    other = Series(SeriesKey("photos", "web", "requests", (("code", "500"),)), "counter")
    newer = Series(COUNTER.key, "counter", "requests")
    store.commit(series=[COUNTER, other])
    store.commit(series=[newer, other])
    assert store.series() == [newer, other]


def test_expire_deletes_what_is_older(store: Store) -> None:
    """Rows before the second, and says how many."""
    store.commit(series=ALL, seconds=[second(at, counter=Sample(1.0)) for at in range(10)])
    assert store.expire(4) == 4
    assert [row.at_s for row in store.seconds(0, 10)] == [4, 5, 6, 7, 8, 9]
    assert store.expire(4) == 0


def test_only_some_series(store: Store) -> None:
    """With `keys` a row has the samples of these, the same as without; a row that has none of
    them is there all the same."""
    whole = second(
        60,
        counter=Sample(3.0),
        gauge=Sample(0.1),
        timer=Sample(0.25, 2, 1, 0.2, [7, 2, 9, 1]),
    )
    store.commit(series=ALL, seconds=[whole, second(61, counter=Sample(1.0))])
    unknown = SeriesKey("photos", "web", "no such thing")
    for keys in ([TIMER.key], [TIMER.key, GAUGE.key, unknown], [unknown], []):
        rows = list(store.seconds(60, 62, keys))
        assert [row.at_s for row in rows] == [60, 61]
        assert rows[0].samples == [item for item in whole.samples if item[0] in keys]
        assert rows[1].samples == []
    store.fold(120)
    (row,) = store.minutes(0, 120, [COUNTER.key])
    assert row == second(60, counter=Sample(4.0))


# --- minutes --------------------------------------------------------------------------------


def test_a_minute_is_the_sum_of_its_seconds(store: Store) -> None:
    """Counters and timers, buckets merged; gauges are left out, and so are other minutes."""
    store.commit(
        series=ALL,
        seconds=[
            second(60, counter=Sample(1.0, 1), gauge=Sample(5.0)),
            second(61, timer=Sample(1.0, 2, 1, 0.5, [3, 1, 9, 1])),
            second(119, counter=Sample(2.0, 1), timer=Sample(0.5, 1, 0, 0.25, [5, 1])),
            second(120, counter=Sample(9.0, 1)),
        ],
    )
    assert store.fold(120) == 1
    assert list(store.minutes(0, 1000)) == [
        second(60, counter=Sample(3.0, 2), timer=Sample(1.5, 3, 1, 0.75, [3, 1, 5, 1, 9, 1]))
    ]
    assert store.fold(180) == 1
    assert [row.at_s for row in store.minutes(0, 1000)] == [60, 120]
    assert [row.at_s for row in store.minutes(61, 121)] == [120]
    assert list(store.minutes(0, 60)) == []


def test_a_minute_that_is_not_over_is_not_folded(store: Store) -> None:
    """Only what ended before the second, whose own minute may still go on."""
    store.commit(series=ALL, seconds=[second(60, counter=Sample(1.0))])
    assert [store.fold(before) for before in (60, 61, 119)] == [0, 0, 0]
    assert list(store.minutes(0, 1000)) == []
    assert store.fold(120) == 1


def test_folded_twice_is_folded_once(store: Store) -> None:
    """What has not moved is not written again, and nothing is added to what was."""
    store.commit(series=ALL, seconds=[second(60, counter=Sample(1.0))])
    assert [store.fold(120), store.fold(120), store.fold(1 << 40)] == [1, 0, 0]
    assert list(store.minutes(0, 1000)) == [second(60, counter=Sample(1.0))]


def test_a_second_that_comes_late_has_its_minute_folded_again(store: Store) -> None:
    """From all of its seconds, not added to what was there; until then nobody is told the sum that
    lacks them."""
    store.commit(series=ALL, seconds=[second(60, counter=Sample(1.0))])
    store.fold(120)
    store.commit(seconds=[second(60, counter=Sample(2.0)), second(90, timer=Sample(0.5, 1))])
    assert list(store.minutes(0, 1000)) == []
    assert store.fold(120) == 1
    assert list(store.minutes(0, 1000)) == [
        second(60, counter=Sample(3.0), timer=Sample(0.5, 1)),
    ]


def test_a_minute_without_anything_that_adds_up(store: Store) -> None:
    """Nothing happened, and that is known; of a minute without a second nothing is known."""
    store.commit(series=ALL, seconds=[second(60, gauge=Sample(1.0)), second(200)])
    assert store.fold(1000) == 2
    assert list(store.minutes(0, 1000)) == [Second(60), Second(180)]


def test_one_call_folds_an_hour_at_most(store: Store) -> None:
    """The oldest first, and the next calls go on."""
    store.commit(series=ALL, seconds=[second(60 * n, counter=Sample(float(n))) for n in range(130)])
    calls = []
    while written := store.fold(1 << 40):
        calls.append(written)
        assert [row.at_s for row in store.minutes(0, 1 << 40)] == [
            60 * n for n in range(sum(calls))
        ]
    assert sum(calls) == 130
    assert max(calls) <= 60


# --- errors ---------------------------------------------------------------------------------


def failure(at: int, name: str = "resize", **more: Any) -> ErrorRecord:
    facts = {"source": "a", "project": "photos", "service": "web", "kind": "action"} | more
    return ErrorRecord(
        name=name, at_ns=at, duration_s=0.5, error=f"Oops: {at}", trace="in x", **facts
    )


def test_errors_come_back_newest_first(store: Store) -> None:
    """Whole, of one kind and name, of one project or of all; as many as are asked for."""
    rich = failure(3, attributes={"path": "a.jpg", "size": [1, 2.5, None]})
    others = [failure(4, "crop"), failure(5, kind="event"), failure(2, project="music")]
    store.commit(errors=[failure(1), rich])
    store.commit(errors=others)
    assert store.errors("action", "resize") == [rich, others[2], failure(1)]
    assert store.errors("action", "resize", limit=2) == [rich, others[2]]
    assert store.errors("action", "resize", "photos") == [rich, failure(1)]
    assert store.errors("event", "resize") == [others[1]]
    assert store.errors("action", "nothing") == []


def test_the_last_50_errors_of_a_name_are_kept(store: Store) -> None:
    """Of each name in each project, by when they happened, whatever order they come in."""
    store.commit(errors=[failure(at) for at in range(200, 100, -1)])
    store.commit(errors=[failure(at) for at in range(100)])
    store.commit(errors=[failure(7, project="music"), failure(8, "crop")])
    assert [one.at_ns for one in store.errors("action", "resize", "photos", 99)] == [
        *range(200, 150, -1)
    ]
    assert len(store.errors("action", "resize", None, 99)) == 51
    assert len(store.errors("action", "crop")) == 1


def test_so_many_errors_are_kept_of_all(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest of all go first."""
    for module in (failures, memory):
        monkeypatch.setattr(module, "KEEP", 100)
    for start in range(0, 160, 16):
        store.commit(errors=[failure(at, f"n{at}") for at in range(start, start + 16)])
    kept = [at for at in range(160) if store.errors("action", f"n{at}")]
    assert kept == [*range(60, 160)]


def test_errors_expire(store: Store) -> None:
    """With the seconds of their time."""
    store.commit(errors=[failure(at * 10**9) for at in (3, 4, 5)])
    store.expire(4)
    assert [one.at_ns for one in store.errors("action", "resize")] == [5 * 10**9, 4 * 10**9]


def test_minutes_expire(store: Store) -> None:
    """Those that began before, and they are not folded anew from what is left of them."""
    store.commit(series=ALL, seconds=[second(at, counter=Sample(1.0)) for at in range(0, 300, 10)])
    store.fold(120)
    assert store.expire(70) == 7
    assert [row.at_s for row in store.minutes(0, 1000)] == []
    store.fold(300)
    assert [row.at_s for row in store.minutes(0, 1000)] == [120, 180, 240]


# --- forgetting -----------------------------------------------------------------------------

ALIEN = Series(SeriesKey("music", "web", "requests"), "counter", "1")


def mixed(at_s: int, photos: float = 1.0, music: float = 2.0) -> Second:
    return Second(at_s, [(COUNTER.key, Sample(photos)), (ALIEN.key, Sample(music))])


def swept(store: Store) -> None:
    while store.sweep():
        pass


def test_a_forgotten_source_takes_its_errors_along(store: Store) -> None:
    """They were its own; those of others stay."""
    store.commit(errors=[failure(1), failure(2, source="b")])
    store.forget("a")
    assert store.errors("action", "resize") == [failure(2, source="b")]


def test_a_forgotten_project_is_gone(store: Store) -> None:
    """Sources, series, errors, samples in seconds and minutes: at once, and still when swept;
    what other projects have stays as it is."""
    other = StoredSource("b", "music", "web", "ended", 1, 1, b"")
    store.commit(
        sources=[source("a"), other],
        series=[COUNTER, ALIEN],
        seconds=[mixed(at) for at in range(150)],
        errors=[failure(1), failure(2, project="music", source="b")],
        meta={"k": 1},
    )
    store.fold(120)
    store.forget_project("photos")
    for _ in range(2):
        assert store.sources() == [other]
        assert store.series() == [ALIEN]
        assert store.errors("action", "resize") == [failure(2, project="music", source="b")]
        assert list(store.seconds(0, 999)) == [
            Second(at, [(ALIEN.key, Sample(2.0))]) for at in range(150)
        ]
        assert list(store.minutes(0, 999)) == [
            Second(at, [(ALIEN.key, Sample(120.0))]) for at in (0, 60)
        ]
        assert store.meta("k") == 1
        swept(store)
    assert not store.sweep()
    store.forget_project("never there")


def test_a_project_that_comes_back_begins_anew(store: Store) -> None:
    """Series of the same names, before, while and after its rows are swept: no figure from
    before is theirs, none of theirs is lost, and minutes that were not folded have theirs."""
    store.commit(series=[ALIEN, COUNTER], seconds=[mixed(at) for at in range(300)])
    store.forget_project("photos")
    back = [*range(290, 310)]
    store.commit(series=[COUNTER], seconds=[mixed(at, 10.0, 0.0) for at in back])
    store.sweep()
    store.commit(series=[GAUGE], seconds=[mixed(at, 5.0, 0.0) for at in back])
    store.commit(seconds=[Second(5, [(GAUGE.key, Sample(7.0))])])
    swept(store)
    store.commit(series=[TIMER], seconds=[Second(6, [(TIMER.key, Sample(7.0, 1))])])
    rows = {row.at_s: dict(row.samples) for row in store.seconds(0, 999)}
    assert {at for at, row in rows.items() if COUNTER.key in row} == set(back)
    assert all(rows[at][COUNTER.key] == Sample(15.0) for at in back)
    assert [at for at, row in rows.items() if ALIEN.key in row] == [*range(310)]
    assert {at for at, row in rows.items() if GAUGE.key in row} == {5}
    store.fold(999)
    minutes = {row.at_s: dict(row.samples) for row in store.minutes(0, 999)}
    assert [minutes[at].get(COUNTER.key) for at in (0, 240, 300)] == [
        None,
        Sample(150.0),
        Sample(150.0),
    ]
    assert minutes[0][TIMER.key] == Sample(7.0, 1)


def test_what_was_given_and_got_stays_the_callers(store: Store) -> None:
    """Changing a sample afterwards changes nothing that is stored."""
    given_sample = Sample(1.0, 1, 0, 1.0, [4, 1])
    store.commit(series=ALL, seconds=[second(1, timer=given_sample)])
    given_sample.buckets.append(99)
    (row,) = store.seconds(0, 2)
    row.samples[0][1].buckets.clear()
    assert list(store.seconds(0, 2)) == [second(1, timer=Sample(1.0, 1, 0, 1.0, [4, 1]))]


UNFIT: list[dict[str, Any]] = [
    {"meta": {"what": object()}},
    {
        "seconds": [
            second(1, counter=Sample(1.0)),
            Second(2, [(SeriesKey("p", "s", "no"), Sample(1))]),
        ]
    },
]


@pytest.mark.parametrize("unfit", UNFIT, ids=["value that can't be packed", "undeclared series"])
def test_a_refused_commit_leaves_nothing_behind(store: Store, unfit: dict[str, Any]) -> None:
    """StoreError, no part of it is there, and the next commit works."""
    store.commit(series=[TIMER], meta={"k": 1})
    before = (store.sources(), store.series(), list(store.seconds(0, 9)), store.meta("k"))
    whole: dict[str, Any] = {"sources": [source("a")], "series": [COUNTER]} | unfit
    whole["meta"] = {"k": 2} | whole.get("meta", {})
    with pytest.raises(StoreError):
        store.commit(**whole)
    after = (store.sources(), store.series(), list(store.seconds(0, 9)), store.meta("k"))
    assert after == before
    store.commit(series=[COUNTER], seconds=[second(1, counter=Sample(1.0))])
    assert list(store.seconds(0, 9)) == [second(1, counter=Sample(1.0))]


def test_a_closed_store_refuses(store: Store) -> None:
    """Closing gives the lease back; it may be said twice."""
    store.close()
    store.close()
    assert not store.leased
    with pytest.raises(StoreError, match="is closed"):
        store.commit(sources=[source("a")])


# Infinities of both signs add up to no number, which equals nothing.
figures = st.floats(allow_nan=False, allow_infinity=False, width=32) | st.integers(-5, 5).map(float)
samples = st.builds(
    Sample,
    figures,
    st.integers(0, 9),
    st.integers(0, 9),
    figures,
    st.dictionaries(st.integers(0, 2000), st.integers(1, 9), max_size=4).map(
        lambda buckets: [figure for pair in sorted(buckets.items()) for figure in pair]
    ),
)
commits = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from((0, 1, 59, 60, 61, 120)),
            st.dictionaries(st.sampled_from(ALL), samples, max_size=3),
        ),
        max_size=4,
    ),
    max_size=6,
)


@given(commits, st.booleans())
def test_both_stores_hold_the_same(
    tmp_path_factory: pytest.TempPathFactory, commits: list[Any], fold: bool
) -> None:
    """Any commits give equal figures in memory and on disk, and equal minutes, folded after
    each commit or once at the end."""
    memory = MemoryStore()
    sqlite = SqliteStore(tmp_path_factory.mktemp("store") / "store.db")
    stores: list[Store] = [memory, sqlite]
    try:
        for commit in commits:
            rows = [Second(at, [(s.key, x) for s, x in row.items()]) for at, row in commit]
            for store in stores:
                store.commit(series=ALL, seconds=rows)
            if fold:
                assert memory.fold(1 << 40) == sqlite.fold(1 << 40)
        for store in stores:
            store.fold(1 << 40)
        assert list(memory.seconds(0, 999)) == list(sqlite.seconds(0, 999))
        assert list(memory.minutes(0, 999)) == list(sqlite.minutes(0, 999))
    finally:
        sqlite.close()
