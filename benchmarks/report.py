"""Figures as a table: for a terminal, and as a page of the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.measure import Figure
from benchmarks.run import Result

COLUMNS = ("what", "figure", "ratio", "target", "remarks")


def number(value: float) -> str:
    """Three significant digits, more only for large whole parts."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{2 if abs(value) < 10 else 1}f}" if abs(value) >= 0.1 else f"{value:.2g}"


def cells(figure: Figure) -> tuple[str, ...]:
    """A row."""
    ratio = f"{number(figure.ratio)} x {figure.peer}" if figure.ratio is not None else ""
    return (
        figure.name,
        f"{number(figure.value)} {figure.unit}",
        ratio,
        figure.target,
        figure.note,
    )


def terminal(result: Result) -> str:
    """A table with a heading; a column without entries is left out."""
    rows = [COLUMNS, *(cells(figure) for figure in result.figures)]
    used = [i for i in range(len(COLUMNS)) if any(row[i] for row in rows[1:])]
    widths = {i: max(len(row[i]) for row in rows) for i in used}
    lines = [
        "  ".join(row[i].rjust(widths[i]) if i in (1, 2) else row[i].ljust(widths[i]) for i in used)
        for row in rows
    ]
    title = f"{result.name}: {result.about} ({result.took_s:.0f} s)"
    return "\n".join(["", title, *(line.rstrip() for line in lines)])


def page(results: Iterable[Result], facts: Mapping[str, str], command: str, day: str) -> str:
    """The document in Markdown."""
    parts = [
        "# Benchmarks",
        f"Measured on {day} by `{command}`. This page is written by that command; "
        "nothing in it is typed in. Ratios are of one run on one machine, contenders "
        "taking turns; they carry over to other machines better than the figures do.",
        _table(("machine", ""), facts.items()),
    ]
    for result in results:
        parts += [f"## {result.name}", result.about + ".", _figures(result.figures)]
    return "\n\n".join(parts) + "\n"


def _figures(figures: Sequence[Figure]) -> str:
    rows = [cells(figure) for figure in figures]
    used = [i for i in range(len(COLUMNS)) if any(row[i] for row in rows)]
    return _table([COLUMNS[i] for i in used], ([row[i] for i in used] for row in rows))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---:" if name in ("figure", "ratio") else "---" for name in head], *rows]
    return "\n".join("| " + " | ".join(_escaped(cell) for cell in line) + " |" for line in lines)


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("<", "&lt;")
