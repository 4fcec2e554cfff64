"""What the history store costs: committing a second, reading rows back, bytes on disk.

Against plain SQLite, one row per sample, with the same settings, in the same run.
"""

from __future__ import annotations

import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec

from tachograph.model import Kind
from tachograph.store.base import Sample, Second, Series, SeriesKey
from tachograph.store.sqlite import SqliteStore

Result = tuple[str, float, str]
FEW, MANY = 100, 10_000
#: Rows of a quarter of an hour.
QUARTER_S = 900
WHAT = [
    (f"commit a second of {FEW} series", "ms"),
    (f"commit a second of {MANY} series", "ms"),
    (f"read 60 s of {FEW} series", "ms"),
    (f"read 15 min of {FEW} series", "ms"),
    (f"size on disk, {FEW} series", "B/sample"),
]


class Candidate(Protocol):
    """What is compared."""

    def write(self, second: Second) -> None: ...

    def read(self, start_s: int, end_s: int) -> int: ...

    def close(self) -> None: ...


class Ours:
    """The store."""

    def __init__(self, path: Path, series: list[Series]) -> None:
        self.store = SqliteStore(path)
        self.store.commit(series=series)

    def write(self, second: Second) -> None:
        self.store.commit(seconds=[second])

    def read(self, start_s: int, end_s: int) -> int:
        return sum(len(second.samples) for second in self.store.seconds(start_s, end_s))

    def close(self) -> None:
        self.store.close()


class Plain:
    """One row per sample."""

    def __init__(self, path: Path, series: list[Series]) -> None:
        self.ids = {one.key: number for number, one in enumerate(series)}
        self.keys = [one.key for one in series]
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
            "CREATE TABLE sample (at_s INTEGER, series INTEGER, value REAL, count INTEGER,"
            " errors INTEGER, self_s REAL, buckets BLOB, PRIMARY KEY (at_s, series))"
            " WITHOUT ROWID"
        )

    def write(self, second: Second) -> None:
        pack = msgspec.msgpack.encode
        self.connection.execute("BEGIN")
        self.connection.executemany(
            "INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    second.at_s,
                    self.ids[key],
                    sample.value,
                    sample.count,
                    sample.errors,
                    sample.self_s,
                    pack(sample.buckets) if sample.buckets else None,
                )
                for key, sample in second.samples
            ],
        )
        self.connection.execute("COMMIT")

    def read(self, start_s: int, end_s: int) -> int:
        unpack = msgspec.msgpack.decode
        seconds: dict[int, list[tuple[SeriesKey, Sample]]] = {}
        for at_s, series, value, count, errors, self_s, buckets in self.connection.execute(
            "SELECT * FROM sample WHERE at_s >= ? AND at_s < ? ORDER BY at_s, series",
            (start_s, end_s),
        ):
            sample = Sample(value, count, errors, self_s, unpack(buckets) if buckets else [])
            seconds.setdefault(at_s, []).append((self.keys[series], sample))
        return sum(map(len, seconds.values()))

    def close(self) -> None:
        self.connection.close()


def run(seconds: float) -> list[Result]:
    """All measurements, in about `seconds` and the writing of a quarter of an hour."""
    with tempfile.TemporaryDirectory() as directory:
        return list(_measured(Path(directory), seconds))


def _measured(directory: Path, seconds: float) -> Iterator[Result]:
    ours = _costs(Ours, directory / "ours", seconds / 2)
    plain = _costs(Plain, directory / "plain", seconds / 2)
    for (label, unit), cost, against in zip(WHAT, ours, plain, strict=True):
        yield label, cost, unit
        yield f"{label}, plain rows", against, unit
        yield f"{label}: plain rows cost", against / cost, "x"


def _costs(
    make: Callable[[Path, list[Series]], Candidate], path: Path, seconds: float
) -> list[float]:
    """One candidate's figures, in the order of WHAT."""
    series = _series(FEW)
    rows = _rows(series)
    quarter = [next(rows) for _ in range(QUARTER_S)]
    few_path = path.with_suffix(".few")
    with closing(make(few_path, series)) as few:
        commit = _median([_timed_s(partial(few.write, row)) for row in quarter])
        read_60 = _median_s(lambda: few.read(QUARTER_S - 60, QUARTER_S), seconds / 4)
        read_900 = _median_s(lambda: few.read(0, QUARTER_S), seconds / 4)
    size = os.path.getsize(few_path) / (QUARTER_S * FEW)
    series = _series(MANY)
    rows = _rows(series)
    ready = [next(rows) for _ in range(8)]
    with closing(make(path.with_suffix(".many"), series)) as many:
        large = _median_s(lambda: many.write(_later(ready)), seconds / 2)
    return [commit * 1e3, large * 1e3, read_60 * 1e3, read_900 * 1e3, size]


def _series(count: int) -> list[Series]:
    """Counters, gauges and timers as 7 to 2 to 1."""
    kinds: tuple[Kind, ...] = ("counter",) * 7 + ("gauge",) * 2 + ("timer",)
    return [
        Series(SeriesKey("shop", f"web-{n % 7}", f"metric.{n}", (("route", "/a"),)), kinds[n % 10])
        for n in range(count)
    ]


def _rows(series: list[Series]) -> Iterator[Second]:
    """Second after second of figures that look like a program's."""
    chance = random.Random(1)
    at_s = 0
    while True:
        samples = [(one.key, _sample(one.kind, chance)) for one in series]
        yield Second(at_s, samples)
        at_s += 1


def _sample(kind: str, chance: random.Random) -> Sample:
    if kind == "counter":
        return Sample(float(chance.randint(0, 200)))
    if kind == "gauge":
        return Sample(round(chance.gauss(50, 10), 2))
    calls = sorted(int(chance.gauss(900, 20)) for _ in range(5))
    spent = chance.random()
    return Sample(
        spent, 5, 0, spent, [figure for call in dict.fromkeys(calls) for figure in (call, 1)]
    )


_next_s = 0


def _later(rows: list[Second]) -> Second:
    """The next second, with figures that were made before."""
    global _next_s
    _next_s += 1
    return Second(_next_s, rows[_next_s % len(rows)].samples)


def _timed_s(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _median_s(work: Callable[[], object], seconds: float) -> float:
    spent: list[float] = []
    while len(spent) < 5 or sum(spent) < seconds:
        spent.append(_timed_s(work))
    return _median(spent)


def _median(spent: list[float]) -> float:
    return sorted(spent)[len(spent) // 2]


if __name__ == "__main__":
    for name, value, unit in run(8.0):
        print(f"{name:48} {value:10.3f} {unit}")
