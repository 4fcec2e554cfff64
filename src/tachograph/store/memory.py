"""A history store that lives as long as its process: for tests, and for a server without a home."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import msgpack, structs

from tachograph.errors import StoreError
from tachograph.store.base import ErrorRecord, Sample, Second, Series, SeriesKey, StoredSource
from tachograph.store.codec import merge

_Head = dict[int, dict[SeriesKey, Sample]]


class MemoryStore:
    """See `tachograph.store.base.Store`. Owned by one thread; nobody else can have its lease."""

    def __init__(self) -> None:
        self._sources: dict[str, StoredSource] = {}
        self._series: dict[SeriesKey, Series] = {}
        self._head: _Head = {}
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
        touched: _Head = {}
        for second in seconds:
            if second.at_s not in touched:
                touched[second.at_s] = dict(self._head.get(second.at_s, {}))
            _add(touched[second.at_s], second, known)
        # Nothing below can fail, so it is all or nothing.
        self._series = known
        self._head |= touched
        self._sources |= {source.id: structs.replace(source) for source in sources}
        self._meta |= packed

    def series(self) -> list[Series]:
        return list(self._series.values())

    def seconds(self, start_s: int, end_s: int) -> Iterator[Second]:
        order = {key: place for place, key in enumerate(self._series)}
        for at_s in sorted(at for at in self._head if start_s <= at < end_s):
            samples = sorted(self._head[at_s].items(), key=lambda item: order[item[0]])
            yield Second(at_s, [(key, _copy(sample)) for key, sample in samples])

    def meta(self, key: str) -> Any:
        packed = self._meta.get(key)
        return None if packed is None else msgpack.decode(packed)

    def forget(self, source_id: str) -> None:
        self._require_open()
        self._sources.pop(source_id, None)

    def expire(self, before_s: int) -> int:
        self._require_open()
        old = [at_s for at_s in self._head if at_s < before_s]
        for at_s in old:
            del self._head[at_s]
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
