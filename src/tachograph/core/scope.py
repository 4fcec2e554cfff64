"""The rolling windows of one project, or of all of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from tachograph.core.kinds import COLUMNS, KINDS
from tachograph.core.points import Points
from tachograph.core.totals import KindTotal
from tachograph.core.vitals import SYSTEM_COLUMNS


class Scope:
    """See the module. `known` says that some program belongs, or belonged, to it."""

    def __init__(self) -> None:
        self.known = False
        self.system = Points(SYSTEM_COLUMNS)
        self.kinds = {kind: Points(COLUMNS[kind]) for kind in KINDS}
        #: Count and errors at the tick before.
        self._told: dict[str, tuple[int, int]] = dict.fromkeys(KINDS, (0, 0))

    def news(self, kind: str, kinds: Iterable[KindTotal]) -> tuple[int, int]:
        """Count and errors since the last time; less than none after a source expired."""
        count, errors = self._told[kind]
        kinds = list(kinds)
        self._told[kind] = (sum(one.count for one in kinds), sum(one.errors for one in kinds))
        return self._told[kind][0] - count, self._told[kind][1] - errors

    def gap(self, at: float, cause: str, recorded: Iterable[str]) -> None:
        """Say it in the window of the system, and of the kinds of which anything is recorded."""
        self.system.gap(at, cause)
        for kind in recorded:
            self.kinds[kind].gap(at, cause)
