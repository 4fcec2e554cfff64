"""Pages of names: every name is on one of them, in order, and no piece of the work is long."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachograph.core.names import Names
from tachograph.core.pages import Page, Query, Sort, page, recent_counts
from tachograph.core.totals import KindTotal
from tests.core.program import NOON, Program
from tests.core.test_totals import told

SORTS: tuple[Sort, ...] = get_args(Sort)
CALLS = st.dictionaries(
    st.text("aBc /%ß", max_size=3),
    st.tuples(st.integers(0, 4), st.integers(-100, 0), st.sampled_from(["x", "y"])),
    max_size=8,
)


def asked(kinds: list[KindTotal], query: Query, at: float = NOON) -> Page:
    """The page, however many pieces its work has."""
    work = page(Names().all(kinds), query)
    next(work)
    while True:
        try:
            work.send(at)
        except StopIteration as end:
            made: Page = end.value
            return made


def totals(calls: dict[str, tuple[int, int, str]], project: str = "p") -> KindTotal:
    """So many calls of each name at an instant before noon, by a service."""
    total = KindTotal()
    for number, (name, (count, at, service)) in enumerate(calls.items()):
        program = Program(f"p{number}", service, project)
        program.do(*[0.25 * (n + 1) for n in range(count)], name=name)
        told(total, program, NOON + at)
    return total


def names(made: Page) -> list[str]:
    return [row["name"] for row in made.rows]


@given(CALLS, st.sampled_from(SORTS), st.booleans(), st.integers(1, 4))
def test_pages_hold_all(
    calls: dict[str, tuple[int, int, str]], sort: Sort, descending: bool, limit: int
) -> None:
    """The pages one after another are all names, each once, sorted by the figure and then by
    name; names without the figure come last, in both orders."""
    kinds = [totals(calls)]
    whole: list[dict[str, Any]] = []
    for offset in range(0, 40, limit):
        made = asked(kinds, Query(sort=sort, descending=descending, offset=offset, limit=limit))
        whole += made.rows
        there = len({name for name, (count, *_) in calls.items() if count})
        assert (made.matching, made.total) == (there, there)
    rows, _ = Names().rows(kinds, NOON)
    assert {row["name"]: row for row in whole}.keys() == rows.keys()
    assert len(whole) == len(rows)
    if sort == "name":
        assert [row["name"] for row in whole] == sorted(rows, reverse=descending)
        return
    figures = [row.get(sort) for row in whole]
    known = [figure for figure in figures if figure is not None]
    assert figures == known + [None] * (len(figures) - len(known))
    assert known == sorted(known, reverse=descending)
    for figure in set(known):
        tied = [row["name"] for row in whole if row.get(sort) == figure]
        assert tied == sorted(tied)


def test_row() -> None:
    """A row is that of the topic, with its name and the calls of each two seconds of the last
    minute, oldest first."""
    total, program = KindTotal(), Program()
    for n in range(-80, 1):
        program.do(0.5)
        told(total, program, NOON + n)
        program.sums = Program().sums
    (row,) = asked([total], Query()).rows
    assert row.pop("name") == "click"
    assert row.pop("recent_counts") == [2] * 29 + [1]
    assert row == Names().rows([total], NOON)[0]["click"]
    counts = recent_counts(total.names["click"], NOON + 1)
    assert (sum(counts), len(counts)) == (60 - 1, 30)


def test_search_and_service() -> None:
    """A part of the name in any case, a service that called it, or both; what does not match is
    still counted as there."""
    calls = {"Open file": (1, 0, "x"), "open door": (1, 0, "y"), "100 %": (1, 0, "x")}
    kinds = [totals(calls)]

    def found(**more: Any) -> list[str]:
        made = asked(kinds, Query(sort="name", descending=False, **more))
        assert (made.matching, made.total) == (len(made.rows), 3)
        return names(made)

    assert found(search="OPEN") == ["Open file", "open door"]
    assert found(search="%") == ["100 %"]
    assert found(service="x") == ["100 %", "Open file"]
    assert found(search="open", service="y") == ["open door"]
    assert found(search="nothing") == found(service="z") == []


def test_several_projects() -> None:
    """A name that two projects have is one row with both their figures."""
    kinds = [totals({"a": (1, 0, "x"), "b": (3, 0, "x")}), totals({"a": (4, 0, "y")}, "q")]
    made = asked(kinds, Query(sort="count"))
    assert [(row["name"], row["count"]) for row in made.rows] == [("a", 5), ("b", 3)]
    assert made.rows[0]["services"] == ["x", "y"]
    assert made.rows[0]["recent_counts"][-1] == 5
    assert names(asked(kinds, Query(service="y"))) == ["a"]


@pytest.mark.parametrize("sort", ["total_s", "p95"])
def test_no_piece_is_long(sort: Sort) -> None:
    """However many names there are, each piece of the work looks at some hundred of them, or
    makes some twenty rows: the number of pieces grows, not their size."""
    kinds = [totals({f"name {n}": (1, 0, "x") for n in range(2_000)})]
    work, pieces = page(Names().all(kinds), Query(sort=sort)), 0
    next(work)
    with suppress(StopIteration):
        while True:
            work.send(NOON)
            pieces += 1
    assert pieces >= 2_000 / (500 if sort == "total_s" else 20)
