"""What every history store does; the same suite over all of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachograph.errors import StoreError
from tachograph.store.base import Sample, Second, Series, SeriesKey, Store, StoredSource
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
        st.tuples(st.integers(0, 5), st.dictionaries(st.sampled_from(ALL), samples, max_size=3)),
        max_size=4,
    ),
    max_size=6,
)


@given(commits)
def test_both_stores_hold_the_same(
    tmp_path_factory: pytest.TempPathFactory, commits: list[Any]
) -> None:
    """Any commits give equal figures in memory and on disk."""
    memory = MemoryStore()
    sqlite = SqliteStore(tmp_path_factory.mktemp("store") / "store.db")
    stores: list[Store] = [memory, sqlite]
    try:
        for commit in commits:
            rows = [Second(at, [(s.key, x) for s, x in row.items()]) for at, row in commit]
            for store in stores:
                store.commit(series=ALL, seconds=rows)
        assert list(memory.seconds(0, 9)) == list(sqlite.seconds(0, 9))
    finally:
        sqlite.close()
