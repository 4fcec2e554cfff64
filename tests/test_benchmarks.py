"""Every benchmark runs, for a moment, and gives figures. What they are decides nothing."""

from __future__ import annotations

from math import isfinite
from pathlib import Path

import pytest

from benchmarks import fanout, machine, scale
from benchmarks.measure import Figure
from benchmarks.report import page, terminal
from benchmarks.run import NAMES, Result, measured


def _good(figures: list[Figure]) -> bool:
    return bool(figures) and all(one.name and isfinite(one.value) for one in figures)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("scale", "fanout")])
def test_runs(name: str) -> None:
    """It gives finite figures, which a terminal and a page can show, and says what it is about."""
    result = measured(name, 0.2)
    assert _good(result.figures)
    assert result.about
    assert terminal(result).count("\n") > len(result.figures)
    assert f"## {name}\n" in page([result], {"cores": "2"}, "python -m benchmarks", "today")


def test_scale_runs() -> None:
    """The one that takes a machine runs in small: no frame is lost, all viewers get all."""
    figures = scale.run(0.5, series=50, sources=4, viewers=5)
    assert _good(figures)
    assert {one.value for one in figures if one.name == "5 viewers at 1 Hz: delivered"} == {100.0}


def test_fanout_runs() -> None:
    """The one with thousands of clients runs with twenty: they get everything."""
    figures = fanout.run(0.5, sizes=((20, 20.0),))
    assert _good(figures)
    assert [one.note for one in figures if one.name == "20 clients: tachograph"] == [
        "100.0 % delivered"
    ]


def test_facts_are_known() -> None:
    """The machine and every package that is compared are named."""
    facts = machine.facts()
    assert all(facts.values())
    assert "(missing)" not in facts["packages"]


def test_the_page_escapes_what_markdown_takes_for_its_own() -> None:
    """Bars and angle brackets in a name don't break the table."""
    result = Result("name", "About", 1.0, [Figure("a|b <c>", 12345.6, "us", 0.5, "peer", "<= 1")])
    text = page([result], {}, "command", "today")
    assert "| a\\|b &lt;c> | 12,346 us | 0.50 x peer | &lt;= 1 |" in text


def test_the_documented_page_names_every_benchmark() -> None:
    """docs/benchmarks.md was written by the benchmarks that there are."""
    text = Path(__file__).parents[1].joinpath("docs/benchmarks.md").read_text()
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == list(NAMES)
