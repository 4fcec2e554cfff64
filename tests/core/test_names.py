"""Rows of all names: exact for the largest, soon for the others, and made only when they change."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tachograph.core.names import EVERY_TICK, TURN_S, Names
from tachograph.core.totals import KindTotal
from tests.core.program import NOON, Program
from tests.core.test_totals import told


def called(total: KindTotal, name: str, at: float, *seconds: float) -> None:
    program = Program()
    program.do(*seconds, name=name)
    told(total, program, at)


def test_an_unchanged_row_is_the_same_object() -> None:
    """A row is made anew when its name was called, or when something leaves the last minute; in
    between it is the same object, of one project and of several, so that nobody compares it."""
    one, two = KindTotal(), KindTotal()
    called(one, "a", NOON, 0.5)
    called(two, "a", NOON, 1.5)
    for kinds in ([one], [one, two]):
        names = Names()

        def row(
            at: float, kinds: list[KindTotal] = kinds, names: Names = names
        ) -> dict[str, object]:
            return names.rows(kinds, at)[0]["a"]

        first = row(NOON)
        assert row(NOON + 1) is row(NOON + 60) is first
        assert row(NOON + 61) is not first
        called(kinds[-1], "a", NOON + 61, 0.5)
        assert row(NOON + 61)["count"] == int(str(first["count"])) + 1


def test_each_name_has_its_turn() -> None:
    """With many names the largest are as of now at every tick, every other one is at most some
    seconds old, and after the last call all of them come to rest at what is true."""
    total = KindTotal()
    count = EVERY_TICK + 50
    names = Names()
    waited = dict.fromkeys((f"n{n}" for n in range(count)), 0)
    for tick in range(20):
        for n in range(count):
            called(total, f"n{n}", NOON + tick, float(n + 1))
        rows, _ = names.rows([total], NOON + tick)
        for n in range(count):
            fresh = rows[f"n{n}"]["count"] == tick + 1
            assert fresh or n < 50
            waited[f"n{n}"] = 0 if fresh else waited[f"n{n}"] + 1
            assert waited[f"n{n}"] < TURN_S
    for tick in range(20, 20 + TURN_S):
        rows, _ = names.rows([total], NOON + tick)
    assert {row["count"] for row in rows.values()} == {20}


@given(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abc"), st.integers(0, 30)), max_size=12)
)
def test_projects_are_one(calls: list[tuple[int, str, int]]) -> None:
    """The rows of several projects are those of one that had all the calls, at every instant."""
    apart, together = [KindTotal() for _ in range(3)], KindTotal()
    names, now = Names(), NOON
    for project, name, later in calls:
        now += later
        for total in (apart[project], together):
            called(total, name, now, 0.5, 1.5)
        expected, _ = Names().rows([together], now)
        assert names.rows(apart, now) == (expected, len(expected))
