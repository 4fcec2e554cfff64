"""The last failures of each name: in memory to be shown, and once each to be stored. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from tachograph.model import ErrorRecord, Source, SpanEnd

#: Failures of one name that are shown.
KEEP = 20
#: Names whose failures are kept in memory; the one that failed longest ago goes first.
MAX_NAMES = 1_000
#: Failures that may wait for the store; more are counted as dropped.
MAX_WAITING = 10_000

#: Names of which the store was asked.
MAX_WHOLE = 10_000

#: Project, kind, name.
_Key = tuple[str, str, str]


class Failed:
    """See the module. `dropped` counts failures that were never stored, because none could be."""

    def __init__(self) -> None:
        self._names: dict[_Key, deque[ErrorRecord]] = {}
        self._whole: dict[tuple[str, str], None] = {}
        self._waiting: list[ErrorRecord] = []
        self.dropped = 0

    def add(self, source: Source, ended: Iterable[SpanEnd]) -> None:
        """Those of the spans that failed."""
        for end in ended:
            if end.error:
                record = ErrorRecord(
                    source.id,
                    source.project,
                    source.service,
                    end.kind,
                    end.name,
                    end.at_ns,
                    end.duration_s,
                    end.error,
                    end.trace,
                    end.attributes,
                )
                self._remember(record)
                self._wait([record])

    def incomplete(self, kind: str, name: str) -> bool:
        """Whether the store may know of failures of this name that are not in memory."""
        return (kind, name) not in self._whole

    def restore(self, kind: str, name: str, records: Iterable[ErrorRecord]) -> None:
        """What the store knows of a name, in any order; what is in memory already counts once."""
        self._whole[kind, name] = None
        if len(self._whole) > MAX_WHOLE:
            del self._whole[next(iter(self._whole))]
        stored: dict[str, list[ErrorRecord]] = {}
        for record in records:
            stored.setdefault(record.project, []).append(record)
        for project, found in stored.items():
            key = (project, kind, name)
            known = {_identity(one): one for one in (*found, *self._names.get(key, ()))}
            last = self._deque(key)
            last.clear()
            last.extend(sorted(known.values(), key=_identity))

    def _remember(self, record: ErrorRecord) -> None:
        self._deque((record.project, record.kind, record.name)).append(record)

    def _deque(self, key: _Key) -> deque[ErrorRecord]:
        """A name's failures. Put back at the end: the dict's order is that of the last use."""
        last = self._names.pop(key, None)
        if last is None:
            last = deque(maxlen=KEEP)
            if len(self._names) >= MAX_NAMES:
                _, *gone = oldest = next(iter(self._names))
                del self._names[oldest]
                self._whole.pop((gone[0], gone[1]), None)
        self._names[key] = last
        return last

    def recent(self, kind: str, name: str, project: str | None = None) -> list[ErrorRecord]:
        """The last KEEP failures of a name, newest first; None: of all projects."""
        found = [
            record
            for (owner, which, whose), records in self._names.items()
            if whose == name and which == kind and project in (None, owner)
            for record in records
        ]
        return sorted(found, key=_identity, reverse=True)[:KEEP]

    def take(self) -> list[ErrorRecord]:
        """What has to be stored since the last call."""
        taken, self._waiting = self._waiting, []
        return taken

    def give_back(self, records: Sequence[ErrorRecord]) -> None:
        """What `take` gave could not be stored: the next take has it again."""
        later, self._waiting = self._waiting, list(records)
        self._wait(later)

    def _wait(self, records: Sequence[ErrorRecord]) -> None:
        room = MAX_WAITING - len(self._waiting)
        self._waiting += records[:room]
        self.dropped += max(0, len(records) - room)

    def forget_source(self, source_id: str) -> None:
        """Everything of a source."""
        for last in self._names.values():
            kept = [record for record in last if record.source != source_id]
            last.clear()
            last.extend(kept)
        self._waiting = [record for record in self._waiting if record.source != source_id]

    def forget(self, project: str) -> None:
        """Everything of a project."""
        self._names = {key: kept for key, kept in self._names.items() if key[0] != project}
        self._waiting = [record for record in self._waiting if record.project != project]


def _identity(record: ErrorRecord) -> tuple[int, str]:
    """Instant and source: nobody fails twice in one nanosecond with the same name."""
    return record.at_ns, record.source
