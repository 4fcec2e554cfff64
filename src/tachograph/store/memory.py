"""A history store that lives as long as its process: for tests, and for a server without a home."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from msgspec import msgpack, structs

from tachograph.errors import StoreError
from tachograph.store.base import ErrorRecord, Sample, Second, Series, SeriesKey, StoredSource
from tachograph.store.codec import merge
from tachograph.store.failures import KEEP, newest
from tachograph.store.fold import MAX_MINUTES, MINUTE_S, minute_of

_Rows = dict[int, dict[SeriesKey, Sample]]


class MemoryStore:
    """See `tachograph.store.base.Store`. Owned by one thread; nobody else can have its lease."""

    def __init__(self) -> None:
        self._sources: dict[str, StoredSource] = {}
        self._series: dict[SeriesKey, Series] = {}
        self._head: _Rows = {}
        self._minute: _Rows = {}
        self._moved: set[int] = set()
        self._errors: list[ErrorRecord] = []
        self._meta: dict[str, bytes] = {}
        self._open = True

    @property
    def leased(self) -> bool:
        return self._open

    def sources(self) -> list[StoredSource]:
        return list(map(structs.replace, self._sources.values()))

    def commit(
        self,
        *,
        sources: Sequence[StoredSource] = (),
        series: Sequence[Series] = (),
        seconds: Sequence[Second] = (),
        errors: Sequence[ErrorRecord] = (),
        meta: dict[str, Any] | None = None,
    ) -> None:
        self._require_open()
        known = self._series | {one.key: one for one in series}
        try:
            packed = {key: msgpack.encode(value) for key, value in (meta or {}).items()}
        except (TypeError, ValueError, OverflowError) as error:
            raise StoreError(f"in memory: can't commit ({error}); nothing was written") from error
        touched: _Rows = {}
        for second in seconds:
            if second.at_s not in touched:
                touched[second.at_s] = dict(self._head.get(second.at_s, {}))
            _add(touched[second.at_s], second, known)
        # Nothing below can fail, so it is all or nothing.
        self._series = known
        self._head |= touched
        self._moved.update(map(minute_of, touched))
        if errors:
            self._errors = newest([*self._errors, *errors])[-KEEP:]
        self._sources |= {source.id: structs.replace(source) for source in sources}
        self._meta |= packed

    def series(self) -> list[Series]:
        return list(self._series.values())

    def seconds(
        self, start_s: int, end_s: int, keys: Collection[SeriesKey] | None = None
    ) -> Iterator[Second]:
        return self._read(self._head, start_s, end_s, keys)

    def minutes(
        self, start_s: int, end_s: int, keys: Collection[SeriesKey] | None = None
    ) -> Iterator[Second]:
        folded = {at: row for at, row in self._minute.items() if at not in self._moved}
        return self._read(folded, start_s, end_s, keys)

    def errors(
        self, kind: str, name: str, project: str | None = None, limit: int = 50
    ) -> list[ErrorRecord]:
        found = [
            one
            for one in reversed(self._errors)
            if (one.kind, one.name) == (kind, name) and project in (None, one.project)
        ]
        return found[:limit]

    def _read(
        self, rows: _Rows, start_s: int, end_s: int, keys: Collection[SeriesKey] | None
    ) -> Iterator[Second]:
        order = {key: place for place, key in enumerate(self._series)}
        for at_s in sorted(at for at in rows if start_s <= at < end_s):
            samples = sorted(rows[at_s].items(), key=lambda item: order[item[0]])
            wanted = [item for item in samples if keys is None or item[0] in keys]
            yield Second(at_s, [(key, _copy(sample)) for key, sample in wanted])

    def fold(self, before_s: int) -> int:
        self._require_open()
        folded = sorted(at for at in self._moved if at + MINUTE_S <= before_s)[:MAX_MINUTES]
        for at_s in folded:
            self._minute[at_s] = self._sums(at_s)
            self._moved.discard(at_s)
        return len(folded)

    def _sums(self, at_s: int) -> dict[SeriesKey, Sample]:
        sums: dict[SeriesKey, Sample] = {}
        for second in self.seconds(at_s, at_s + MINUTE_S):
            for key, sample in second.samples:
                kind = self._series[key].kind
                if kind != "gauge":
                    sums[key] = merge(kind, sums[key], sample) if key in sums else sample
        return sums

    def meta(self, key: str) -> Any:
        packed = self._meta.get(key)
        return None if packed is None else msgpack.decode(packed)

    def forget(self, source_id: str) -> None:
        self._require_open()
        self._sources.pop(source_id, None)
        self._errors = [one for one in self._errors if one.source != source_id]

    def forget_project(self, project: str) -> None:
        self._require_open()
        for rows in (self._head, self._minute):
            for row in rows.values():
                for key in [key for key in row if key.project == project]:
                    del row[key]
        self._sources = {id: one for id, one in self._sources.items() if one.project != project}
        self._series = {key: one for key, one in self._series.items() if key.project != project}
        self._errors = [one for one in self._errors if one.project != project]

    def sweep(self) -> bool:
        self._require_open()
        return False

    def expire(self, before_s: int) -> int:
        self._require_open()
        old = [at_s for at_s in self._head if at_s < before_s]
        for at_s in old:
            del self._head[at_s]
        self._minute = {at_s: row for at_s, row in self._minute.items() if at_s >= before_s}
        self._moved = {at_s for at_s in self._moved if at_s >= before_s}
        self._errors = [one for one in self._errors if one.at_ns >= before_s * 1_000_000_000]
        return len(old)

    def close(self) -> None:
        self._open = False

    def _require_open(self) -> None:
        if not self._open:
            raise StoreError("in memory: the store is closed; open another one")


def _add(row: dict[SeriesKey, Sample], second: Second, known: dict[SeriesKey, Series]) -> None:
    for key, sample in second.samples:
        if key not in known:
            raise StoreError(
                f"in memory: second {second.at_s} has a sample of {key}, which is no series yet; "
                "commit the series before or with it"
            )
        fresh = _copy(sample)
        row[key] = merge(known[key].kind, row[key], fresh) if key in row else fresh


def _copy(sample: Sample) -> Sample:
    """Callers go on using what they gave and what they got."""
    return structs.replace(sample, buckets=list(sample.buckets))
