"""All names of one kind, in one project or over several: which there are, and their rows. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping

from tachograph.core.totals import KindTotal, NameTotal, Row, row_of
from tachograph.core.window import Slot

#: Names whose rows travel in a topic's value; the others are counted in `names_total`.
MAX_NAMES = 1_000
#: Rows that are always as of now: the names with the most total time. Each of the others is
#: made anew every TURN_S seconds; a row is two quantiles, and a tick has not the time for all.
EVERY_TICK = 100
TURN_S = 5


class Shared:
    """One name that several projects have: their totals as one."""

    def __init__(self, parts: list[NameTotal]) -> None:
        self.parts = parts
        self._row: Row = {}
        self._made_of: tuple[int, ...] = ()
        self._from = self._until = 0.0

    @property
    def count(self) -> int:
        return sum(part.count for part in self.parts)

    @property
    def errors(self) -> int:
        return sum(part.errors for part in self.parts)

    @property
    def sum_s(self) -> float:
        return sum(part.sum_s for part in self.parts)

    @property
    def self_s(self) -> float:
        return sum(part.self_s for part in self.parts)

    @property
    def min_s(self) -> float:
        return min(part.min_s for part in self.parts)

    @property
    def max_s(self) -> float:
        return max(part.max_s for part in self.parts)

    @property
    def updated_ns(self) -> int:
        return max(part.updated_ns for part in self.parts)

    @property
    def services(self) -> set[str]:
        return set().union(*(part.services for part in self.parts))

    def recent(self, now: float) -> Slot:
        """The last minute."""
        whole = Slot()
        for part in self.parts:
            whole.merge(part.minute.total(now))
        return whole

    def slots(self, now: float) -> Iterator[tuple[int, Slot]]:
        """The last minute second by second, those without a call left out."""
        merged: dict[int, Slot] = {}
        for part in self.parts:
            for number, slot in part.minute.slots(now):
                merged.setdefault(number, Slot()).merge(slot)
        yield from sorted(merged.items())

    def counts(self, now: float) -> Iterator[tuple[int, int]]:
        """Calls in each of these seconds, part by part."""
        for part in self.parts:
            yield from part.counts(now)

    def age_s(self, now: float) -> float:
        """How old its row is; infinite without."""
        return now - self._from if self._row else float("inf")

    @property
    def made(self) -> Row:
        """The row as it was made last."""
        return self._row

    def row(self, now: float) -> Row:
        """Its figures; the same object until they change."""
        made_of = tuple(part.version for part in self.parts)
        if made_of != self._made_of or not self._from <= now < self._until:
            self._row, self._made_of = row_of(self._whole(), self.recent(now)), made_of
            self._from = now
            self._until = min(part.minute.moves_at(now) for part in self.parts)
        return self._row

    def _whole(self) -> NameTotal:
        """The sums of the parts, once: every figure of a row is made of them."""
        whole = NameTotal()
        for part in self.parts:
            extremes = (part.min_s, part.max_s)
            whole.add("", part.count, part.errors, part.sum_s, part.self_s, extremes, part.buckets)
        whole.services = self.services
        return whole


Name = NameTotal | Shared


class Names:
    """The names of some totals. It keeps what it merged, so it is kept with the scope."""

    def __init__(self) -> None:
        self._shared: dict[str, Shared] = {}
        self._chosen: list[str] = []
        self._chosen_at = 0.0

    def all(self, kinds: Iterable[KindTotal]) -> Mapping[str, Name]:
        """Every name."""
        found = [kind for kind in kinds if kind.names]
        if len(found) < 2:
            self._shared.clear()
            return found[0].names if found else {}
        names: dict[str, Name] = {}
        parts: dict[str, list[NameTotal]] = {}
        for kind in found:
            for name in names.keys() & kind.names.keys():
                parts.setdefault(name, []).append(kind.names[name])
            names = {**kind.names, **names}
        shared, self._shared = self._shared, {}
        for name, more in parts.items():
            first = names[name]
            assert isinstance(first, NameTotal)
            self._shared[name] = names[name] = _kept(shared.get(name), [first, *more])
        return names

    def one(self, kinds: Iterable[KindTotal], name: str) -> Name | None:
        """One of them, None when nobody has it."""
        found = [kind.names[name] for kind in kinds if name in kind.names]
        return Shared(found) if len(found) > 1 else found[0] if found else None

    def rows(self, kinds: Iterable[KindTotal], now: float) -> tuple[dict[str, Row], int]:
        """Rows by name, those with the most total time if there are too many; and how many names
        there are."""
        names = self.all(kinds)
        shown = self._shown(names, now)
        rows = {name: one.row(now) for name, one in shown[:EVERY_TICK]}
        for name, one in shown[EVERY_TICK:]:
            # Each has its own turn, so that no tick has all of them to make.
            turn = (int(now) + hash(name)) % TURN_S == 0
            fresh = -1 < one.age_s(now) < (1 if turn else 2 * TURN_S)
            rows[name] = one.made if fresh else one.row(now)
        return rows, len(names)

    def _shown(self, names: Mapping[str, Name], now: float) -> list[tuple[str, Name]]:
        """The names whose rows travel, those with the most total time first. Which of too many
        these are is found out every TURN_S seconds: it takes a look at all of them."""
        if len(names) <= MAX_NAMES:
            self._chosen = []
            if len(names) <= EVERY_TICK:
                return list(names.items())
            return sorted(names.items(), key=_total_s, reverse=True)
        if not self._chosen or not 0 <= now - self._chosen_at < TURN_S:
            most = heapq.nlargest(MAX_NAMES, names.items(), key=_total_s)
            self._chosen, self._chosen_at = [name for name, _ in most], now
        return [(name, names[name]) for name in self._chosen if name in names]


def _total_s(item: tuple[str, Name]) -> float:
    return item[1].sum_s


def _kept(known: Shared | None, parts: list[NameTotal]) -> Shared:
    """The one that has rows already, if it is still of these."""
    if known is not None and list(map(id, known.parts)) == list(map(id, parts)):
        return known
    return Shared(parts)
