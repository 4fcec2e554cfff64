"""Pages of names: searched, filtered and sorted, in pieces that hold nobody up. Pure."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any, Literal, NamedTuple

from tachograph.core.names import Name
from tachograph.core.totals import Row

Sort = Literal[
    "name",
    "count",
    "errors",
    "rate",
    "p50",
    "p95",
    "p99",
    "mean",
    "min",
    "max",
    "total_s",
    "self_s",
    "recent_p95",
    "recent_s",
]
#: Rows of one page.
MAX_LIMIT = 500
#: Stretches of `recent_counts`, and the seconds of each.
STRETCHES, STRETCH_S = 30, 2
#: Names that are looked at, and rows that are made, from one yield to the next.
_LOOKS, _ROWS = 500, 20

#: Figures that are known without a row, which costs two quantiles.
_KNOWN: dict[str, Callable[[Name], float]] = {
    "count": lambda total: total.count,
    "errors": lambda total: total.errors,
    "mean": lambda total: total.sum_s / total.count,
    "min": lambda total: total.min_s,
    "max": lambda total: total.max_s,
    "total_s": lambda total: total.sum_s,
    "self_s": lambda total: total.self_s,
}
_Found = list[tuple[str, Name]]
Work = Generator[None, float, Any]


class Query(NamedTuple):
    """Which names, in which order, and which of them."""

    search: str = ""
    service: str | None = None
    sort: Sort = "total_s"
    descending: bool = True
    offset: int = 0
    limit: int = 100


class Page(NamedTuple):
    """Rows with their `name`; how many names match, how many there are, and the self time of all
    of them together: what a row's share is a share of."""

    rows: list[Row]
    matching: int
    total: int
    self_s: float


def page(names: Mapping[str, Name], query: Query) -> Generator[None, float, Page]:
    """Make a page. It yields after each piece of work, and takes the time by `send`.

    The names may go on changing meanwhile: a row is as it is when it is made.
    """
    every = list(names.items())
    found: _Found = yield from _matching(every, query)
    found = yield from _sorted(found, query)
    rows: list[Row] = []
    now = yield
    for name, total in found[query.offset : query.offset + query.limit]:
        if rows and len(rows) % _ROWS == 0:
            now = yield
        row = total.row(now)
        rows.append({"name": name, **row, "recent_counts": recent_counts(total, now)})
    return Page(rows, len(found), len(every), sum(total.self_s for _, total in every))


def _matching(every: _Found, query: Query) -> Generator[None, float, _Found]:
    found: _Found = []
    search = query.search.casefold()
    for begin in range(0, len(every), _LOOKS):
        yield
        found += [
            (name, total)
            for name, total in every[begin : begin + _LOOKS]
            if (not search or search in name.casefold())
            and (query.service is None or query.service in total.services)
        ]
    return found


def _sorted(found: _Found, query: Query) -> Generator[None, float, _Found]:
    """By the figure, then by name; those that have no such figure come last."""
    yield
    found.sort(key=lambda item: item[0], reverse=query.sort == "name" and query.descending)
    if query.sort == "name":
        return found
    keyed: list[tuple[float, tuple[str, Name]]] = []
    without: _Found = []
    known = _KNOWN.get(query.sort)
    piece = _ROWS if known is None else _LOOKS
    now = yield
    for number, item in enumerate(found):
        if number and number % piece == 0:
            now = yield
        total = item[1]
        if known is None:
            figure = total.row(now).get(query.sort)
        else:
            figure = known(total) if total.count else None
        if figure is None:
            without.append(item)
        else:
            keyed.append((figure, item))
    yield
    keyed.sort(key=lambda pair: pair[0], reverse=query.descending)
    return [item for _, item in keyed] + without


def recent_counts(total: Name, now: float) -> list[int]:
    """Calls in each of the last stretches, oldest first; the last one is the one of `now`."""
    counts = [0] * STRETCHES
    first = int(now // STRETCH_S) - STRETCHES + 1
    for second, count in total.counts(now):
        stretch = second // STRETCH_S - first
        if 0 <= stretch < STRETCHES:
            counts[stretch] += count
    return counts
