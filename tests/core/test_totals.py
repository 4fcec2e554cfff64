"""Totals by name: exact over all sources, beside the last minute."""

from __future__ import annotations

from typing import Any

import pytest

from tachograph.core.names import MAX_NAMES, Names
from tachograph.core.source import SourceState
from tachograph.core.totals import KindTotal
from tests.core.program import NOON, Program


def told(total: KindTotal, program: Program, at: float, kind: str = "action") -> SourceState:
    """Let the program say what is new, and count it."""
    state = SourceState(program.source)
    numbered = program.frame(at)
    for step in state.apply(numbered.frame, numbered.seq).timers:
        if step.definition.span == kind:
            total.step(program.source.service, numbered.frame.at_ns, step)
    return state


def row(kinds: list[KindTotal], at: float, name: str = "click") -> dict[str, Any]:
    return Names().rows(kinds, at)[0][name]


def test_row() -> None:
    """A row has everything that the contract names: exact count, sum and extremes, quantiles
    within a bucket, the rate of the last minute."""
    total, program = KindTotal(), Program()
    program.do(*[n / 100 for n in range(1, 101)])
    program.do(2.0, error="Oops")
    told(total, program, NOON)
    assert row([total], NOON) == {
        "count": 101,
        "errors": 1,
        "rate": 101,
        "p50": pytest.approx(0.51, rel=1 / 128),
        "p95": pytest.approx(0.96, rel=1 / 128),
        "p99": pytest.approx(1.0, rel=1 / 128),
        "mean": pytest.approx(52.5 / 101),
        "min": 0.01,
        "max": 2.0,
        "total_s": pytest.approx(52.5),
        "self_s": pytest.approx(52.5),
        "recent_p95": pytest.approx(0.96, rel=1 / 128),
        "recent_s": pytest.approx(52.5),
        "services": ["catalog"],
    }


def test_quantiles_stay_within_what_was_seen() -> None:
    """A bucket's middle is never shown beyond the smallest and the largest duration."""
    total, program = KindTotal(), Program()
    program.do(0.1003)
    told(total, program, NOON)
    seen = row([total], NOON)
    assert seen["p50"] == seen["p99"] == seen["min"] == seen["max"] == 0.1003


def test_a_minute_later() -> None:
    """After a minute the rate is zero and the recent figures are absent; the totals stay."""
    total, program = KindTotal(), Program()
    program.do(0.5, 0.5)
    told(total, program, NOON)
    assert row([total], NOON + 60)["rate"] == 2
    later = row([total], NOON + 61)
    assert (later["rate"], later["count"], later["total_s"]) == (0, 2, 1.0)
    assert "recent_p95" not in later
    assert "recent_s" not in later
    assert row([total], NOON + 62) == later


def test_restore() -> None:
    """What was said before a restart counts, and nothing of it is recent."""
    program, before, after = Program(), KindTotal(), KindTotal()
    program.do(0.5, error="Oops")
    program.do(0.25)
    program.do(9.0, kind="event", name="message")
    state = told(before, program, NOON)
    after.restore(state, "action")
    kept = ("count", "errors", "total_s", "p50", "min", "max", "services")
    seen, known = row([after], NOON), row([before], NOON)
    assert {key: seen[key] for key in kept} == {key: known[key] for key in kept}
    assert (seen["rate"], "recent_p95" in seen) == (0, False)
    assert (after.count, after.errors, list(after.names)) == (2, 1, ["click"])


def test_projects_together() -> None:
    """One name in several projects is one row with the sums of all, and each stays what it was."""
    photos, music, video = KindTotal(), KindTotal(), KindTotal()
    for total, service, seconds in ((photos, "b", 1.0), (music, "a", 3.0), (video, "c", 2.0)):
        program = Program(service, service)
        program.do(seconds, error="Oops" if service == "a" else "")
        told(total, program, NOON)
    together = row([photos, music, video], NOON)
    assert (together["count"], together["errors"], together["rate"]) == (3, 1, 3)
    assert (together["min"], together["max"], together["total_s"]) == (1.0, 3.0, 6.0)
    assert together["p50"] == pytest.approx(2.0, rel=1 / 128)
    assert together["services"] == ["a", "b", "c"]
    assert row([photos], NOON)["count"] == 1
    assert row([photos, music, video], NOON) == together


def test_only_the_largest_names_travel() -> None:
    """Beyond a thousand names those with the most total time are kept, and all are counted."""
    total, program = KindTotal(), Program()
    for n in range(MAX_NAMES + 5):
        program.do(1.0 + n, name=f"a{n}")
    told(total, program, NOON)
    rows, names = Names().rows([total], NOON)
    assert (len(rows), names) == (MAX_NAMES, MAX_NAMES + 5)
    assert "a4" not in rows
    assert "a5" in rows


def test_nothing_yet() -> None:
    """Without any action there is no row."""
    assert Names().rows([], NOON) == ({}, 0)
    assert Names().rows([KindTotal()], NOON) == ({}, 0)
