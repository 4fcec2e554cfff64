"""Frames into seconds: what happened to each series in each second of event time.

Counters and timers add up over sources. A gauge keeps its value until its source sets it
again or ends, and the values of all sources become one by the gauge's `merge`. Pure.
"""

from __future__ import annotations

from typing import Any

from tachograph.core.histogram import pairs
from tachograph.core.source import Steps
from tachograph.model import (
    Definition,
    Merge,
    Sample,
    Second,
    Series,
    SeriesKey,
    Source,
)

#: Every so many seconds a row holds all gauges, changed or not.
WHOLE_EVERY_S = 60
#: A source's gauges count for so long after its last frame, or for three of its intervals.
PATIENCE_S = 5.0
#: Seconds that may wait for a store that can't be written.
MAX_WAITING_S = 3600


def merged(values: list[float], merge: Merge) -> float:
    """One value of several sources' (the newest last)."""
    if merge == "sum":
        return sum(values)
    if merge == "max":
        return max(values)
    if merge == "min":
        return min(values)
    return values[-1]


class Seconds:
    """See the module. `take` gives what is new since the last time, ready to be stored."""

    def __init__(self) -> None:
        self._open: dict[int, dict[SeriesKey, Sample]] = {}
        self._keys: dict[tuple[str, int], SeriesKey] = {}
        self._series: dict[SeriesKey, Series] = {}
        self._new: list[Series] = []
        self._values: dict[SeriesKey, dict[str, float]] = {}
        self._seen: dict[str, tuple[int, float]] = {}
        #: Gauges that were set in a second: merged once, when the second is left.
        self._marked: dict[int, dict[SeriesKey, None]] = {}
        self._whole_at = 0
        #: Samples that were dropped because they could not be stored for too long.
        self.dropped = 0

    def known(self, series: list[Series]) -> None:
        """Series that are stored already."""
        for one in series:
            self._series[one.key] = one

    def key_of(self, source: Source, definition: Definition) -> SeriesKey:
        """The series that this source's instrument belongs to."""
        short = (source.id, definition.id)
        key = self._keys.get(short)
        if key is None:
            key = self._keys[short] = SeriesKey(
                source.project,
                source.service,
                definition.name,
                tuple(sorted(definition.labels.items())),
                definition.span,
            )
            if key not in self._series:
                one = Series(key, definition.kind, definition.unit, definition.merge)
                self._series[key] = one
                self._new.append(one)
        return key

    def add(self, source: Source, at_ns: int, steps: Steps) -> None:
        """A frame's steps, at the frame's instant."""
        second = at_ns // 1_000_000_000
        self._settle(second)
        self._seen[source.id] = (second, max(PATIENCE_S, 3 * source.interval_s))
        if steps.counters or steps.timers:
            row = self._open.setdefault(second, {})
            for definition, step in steps.counters:
                sample = self._sample(row, self.key_of(source, definition))
                sample.value += step
                sample.count += 1
            for timer in steps.timers:
                sample = self._sample(row, self.key_of(source, timer.definition))
                sample.value += timer.sum_s
                sample.count += timer.count
                sample.errors += timer.errors
                sample.self_s += timer.self_s
                for bucket, count in timer.buckets.items():
                    sample.buckets += (bucket, count)
        if steps.gauges:
            self._gauges(source, second, steps.gauges)

    def _gauges(
        self, source: Source, second: int, gauges: list[tuple[Definition, float | None]]
    ) -> None:
        row = self._open.setdefault(second, {})
        marked = self._marked.setdefault(second, {})
        for definition, value in gauges:
            key = self.key_of(source, definition)
            values = self._values.setdefault(key, {})
            if value is None and key in marked:
                # What it was in this second must not go with its value.
                self._put(row, key, second)
            values.pop(source.id, None)
            if value is not None:
                values[source.id] = value
            marked[key] = None
        if second >= self._whole_at:
            self._whole_at = second - second % WHOLE_EVERY_S + WHOLE_EVERY_S
            marked.update(dict.fromkeys(self._values))

    def _settle(self, before: int | None = None) -> None:
        """Merge the gauges of the seconds that are left behind; None: of all.

        Once a second and series, however many sources set it: at every set, the work would
        grow with the square of their number.
        """
        for second in [at for at in self._marked if before is None or at < before]:
            row = self._open.setdefault(second, {})
            for key in self._marked.pop(second):
                self._put(row, key, second)

    def _put(self, row: dict[SeriesKey, Sample], key: SeriesKey, second: int) -> None:
        """The gauge's value over the sources that were heard of lately, by event time.

        A source that was killed says no goodbye: its values must not live on beside its
        successor's.
        """
        values = [
            value
            for id, value in self._values.get(key, {}).items()
            if (seen := self._seen.get(id)) is None or seen[0] >= second - seen[1]
        ]
        if values:
            row[key] = Sample(merged(values, self._series[key].merge))

    def restore(self, source: Source, gauges: list[tuple[Definition, float | None]]) -> None:
        """Values of a source that lives on, from before a restart."""
        for definition, value in gauges:
            if value is not None:
                self._values.setdefault(self.key_of(source, definition), {})[source.id] = value

    def gone(self, source: Source, at_ns: int) -> None:
        """The source has ended: from `at_ns` on its gauges count no more; its series stay."""
        self._settle()
        self._seen.pop(source.id, None)
        second = at_ns // 1_000_000_000
        for short in [s for s in self._keys if s[0] == source.id]:
            key = self._keys.pop(short)
            values = self._values.get(key)
            if values is None or values.pop(source.id, None) is None:
                continue
            if values:
                self._put(self._open.setdefault(second, {}), key, second)
            else:
                del self._values[key]

    def forget(self, project: str) -> None:
        """Everything of a project: who records into it again begins its series anew."""
        self._new = [one for one in self._new if one.key.project != project]
        for short in [short for short, key in self._keys.items() if key.project == project]:
            del self._keys[short]
        known: list[dict[SeriesKey, Any]] = [self._series, self._values]
        for of_series in (*known, *self._open.values(), *self._marked.values()):
            for key in [key for key in of_series if key.project == project]:
                del of_series[key]

    def _sample(self, row: dict[SeriesKey, Sample], key: SeriesKey) -> Sample:
        sample = row.get(key)
        if sample is None:
            sample = row[key] = Sample(0.0)
        return sample

    def take(self) -> tuple[list[Series], list[Second]]:
        """New series, and every second that got something since the last call."""
        self._settle()
        for row in self._open.values():
            for sample in row.values():
                if len(sample.buckets) > 2:
                    sample.buckets = _tidy(sample.buckets)
        rows = [Second(at, list(row.items())) for at, row in sorted(self._open.items())]
        new, self._new, self._open = self._new, [], {}
        return new, rows

    def give_back(self, series: list[Series], seconds: list[Second]) -> None:
        """What `take` gave could not be stored: the next take has it again, up to an hour of it."""
        self._new = series + self._new
        for second in seconds:
            row = self._open.setdefault(second.at_s, {})
            for key, old in second.samples:
                if self._series[key].kind == "gauge":
                    row.setdefault(key, old)
                    continue
                sample = self._sample(row, key)
                sample.value += old.value
                sample.count += old.count
                sample.errors += old.errors
                sample.self_s += old.self_s
                sample.buckets += old.buckets
        for at_s in sorted(self._open)[: max(0, len(self._open) - MAX_WAITING_S)]:
            self.dropped += len(self._open.pop(at_s))


def _tidy(flat: list[int]) -> list[int]:
    """Each bucket once, ascending."""
    sums: dict[int, int] = {}
    for bucket, count in pairs(flat):
        sums[bucket] = sums.get(bucket, 0) + count
    return [number for pair in sorted(sums.items()) for number in pair]
