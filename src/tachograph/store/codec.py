"""Rows: how the samples of one second, or minute, are merged, encoded and decoded.

A row is one format byte and a msgpack array of columns, compressed where that pays. Columns,
because equal things next to each other compress: ids as steps from one to the next, values,
and then the timer's figures of only those samples that have any. Pure.
"""

from __future__ import annotations

import zlib
from collections.abc import Container, Mapping
from collections.abc import Set as AbstractSet
from itertools import accumulate, compress, pairwise

import msgspec

from tachograph.errors import StoreError
from tachograph.model import Kind
from tachograph.store.base import Sample

_PLAIN, _ZLIB = b"\x00", b"\x01"
#: Below this many bytes compression saves less than it costs.
_WORTH_BYTES = 256
#: No row of one second comes near; bytes that claim more are damaged.
_MAX_BYTES = 1 << 28


class Columns(msgspec.Struct, array_like=True):
    """`timers` says, in steps like `ids`, which samples the columns behind it belong to.

    `self_s` is nil where it equals the value. A sample's buckets are `lengths` pairs of
    `numbers` (in steps) and `counts`.
    """

    ids: list[int]
    values: list[float]
    timers: list[int] = []
    count: list[int] = []
    errors: list[int] = []
    self_s: list[float | None] = []
    lengths: list[int] = []
    numbers: list[int] = []
    counts: list[int] = []


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Columns).decode


def merge(kind: Kind, old: Sample, new: Sample) -> Sample:
    """Two samples of one series in one second: gauges replace, everything else adds."""
    if kind == "gauge":
        return new
    return Sample(
        old.value + new.value,
        old.count + new.count,
        old.errors + new.errors,
        old.self_s + new.self_s,
        _merge_buckets(old.buckets, new.buckets),
    )


def _merge_buckets(old: list[int], new: list[int]) -> list[int]:
    if not old or not new:
        return old or new
    counts = dict(zip(old[::2], old[1::2], strict=True))
    for number, count in zip(new[::2], new[1::2], strict=True):
        counts[number] = counts.get(number, 0) + count
    return [figure for pair in sorted(counts.items()) for figure in pair]


def encode(samples: Mapping[int, Sample]) -> bytes:
    """The row for these samples by series id. `decode` gives exactly them, by ascending id."""
    ids = sorted(samples)
    columns = Columns(_steps(ids), [_short(samples[series].value) for series in ids])
    timers = []
    for place, series in enumerate(ids):
        sample = samples[series]
        if sample.count or sample.errors or sample.self_s or sample.buckets:
            timers.append(place)
            _append(columns, sample)
    columns.timers = _steps(timers)
    return squeezed(_encode(columns))


def squeezed(packed: bytes) -> bytes:
    """These bytes behind a format byte, compressed where that pays. `unsqueezed` undoes it."""
    if len(packed) >= _WORTH_BYTES:
        smaller = zlib.compress(packed, 1)
        if len(smaller) < len(packed) * 0.9:
            return _ZLIB + smaller
    return _PLAIN + packed


def _append(columns: Columns, sample: Sample) -> None:
    columns.count.append(sample.count)
    columns.errors.append(sample.errors)
    columns.self_s.append(None if sample.self_s == sample.value else _short(sample.self_s))
    columns.lengths.append(len(sample.buckets) // 2)
    columns.numbers += _steps(sample.buckets[::2])
    columns.counts += sample.buckets[1::2]


def decode(data: bytes, wanted: Container[int] | None = None) -> list[tuple[int, Sample]]:
    """The samples in a row by series id, or only the wanted ones, which is much quicker for a
    few. Raises StoreError for bytes that are no row."""
    row = columns(data)
    ids = list(accumulate(row.ids))
    if wanted is not None:
        picked = [id in wanted for id in ids]
        if not any(picked):
            return []
        ids = list(compress(ids, picked))
        row = _only(row, picked)
    samples = [Sample(value) for value in row.values]
    _fill(samples, row)
    return list(zip(ids, samples, strict=True))


def columns(data: bytes) -> Columns:
    """The row as it is stored, and whole: whoever reads on finds what it refers to. Raises
    StoreError for bytes that are no row."""
    try:
        row = _decode(unsqueezed(data))
        _check(row)
        return row
    except (msgspec.DecodeError, zlib.error, ValueError) as error:
        raise StoreError(
            f"a row of {len(data)} bytes is damaged ({error}); "
            "what is in it is lost, other rows are not concerned"
        ) from error


def _check(row: Columns) -> None:
    timers, buckets = len(row.timers), sum(row.lengths)
    if (
        len(row.values) != len(row.ids)
        or {len(row.count), len(row.errors), len(row.self_s), len(row.lengths)} != {timers}
        or (len(row.numbers), len(row.counts)) != (buckets, buckets)
        or sum(row.timers) >= max(1, len(row.ids))
        or min(row.timers, default=0) < 0
        or min(row.lengths, default=0) < 0
    ):
        raise ValueError("its columns don't fit together")


def without(data: bytes, gone: AbstractSet[int]) -> bytes | None:
    """The row without these series, None when it has none of them. Raises StoreError for bytes
    that are no row."""
    row = columns(data)
    ids = list(accumulate(row.ids))
    if gone.isdisjoint(ids):
        return None
    kept = _only(row, [id not in gone for id in ids])
    kept.ids = _steps([id for id in ids if id not in gone])
    kept.values = [_short(value) for value in kept.values]
    kept.self_s = [one if one is None else _short(one) for one in kept.self_s]
    return squeezed(_encode(kept))


def _only(row: Columns, picked: list[bool]) -> Columns:
    """The columns of some samples; those of the ids stay as they are."""
    found = Columns(row.ids, list(compress(row.values, picked)))
    places = dict(zip(compress(range(len(picked)), picked), range(len(picked)), strict=False))
    at, timers = 0, []
    for n, (place, length) in enumerate(zip(accumulate(row.timers), row.lengths, strict=True)):
        if place in places:
            timers.append(places[place])
            found.count.append(row.count[n])
            found.errors.append(row.errors[n])
            found.self_s.append(row.self_s[n])
            found.lengths.append(length)
            found.numbers += row.numbers[at : at + length]
            found.counts += row.counts[at : at + length]
        at += length
    found.timers = _steps(timers)
    return found


def _fill(samples: list[Sample], columns: Columns) -> None:
    at = 0
    for place, count, errors, self_s, length in zip(
        accumulate(columns.timers),
        columns.count,
        columns.errors,
        columns.self_s,
        columns.lengths,
        strict=True,
    ):
        sample = samples[place]
        sample.count, sample.errors = count, errors
        sample.self_s = sample.value if self_s is None else self_s
        if length:
            numbers = accumulate(columns.numbers[at : at + length])
            pairs = zip(numbers, columns.counts[at : at + length], strict=True)
            sample.buckets = [figure for pair in pairs for figure in pair]
            at += length


def unsqueezed(data: bytes) -> bytes:
    """What `squeezed` was given. Raises ValueError or zlib.error for other bytes."""
    if data[:1] == _PLAIN:
        return data[1:]
    if data[:1] != _ZLIB:
        raise ValueError(f"format {data[:1]!r}, known are {_PLAIN!r} and {_ZLIB!r}")
    expander = zlib.decompressobj()
    unpacked = expander.decompress(data[1:], _MAX_BYTES)
    if not expander.eof:
        raise ValueError("it was cut short")
    return unpacked


def _steps(numbers: list[int]) -> list[int]:
    """The first number, then each one's distance from the one before."""
    return numbers[:1] + [after - before for before, after in pairwise(numbers)]


def _short(value: float) -> float:
    """The same number, as an int where it is one: a byte or two instead of nine."""
    value = float(value)
    return int(value) if value.is_integer() and abs(value) < 1 << 53 else value
