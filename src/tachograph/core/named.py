"""Topics `action/{name}` and `event/{name}`: one name, second by second, its errors and what runs.

Pure.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Any

from tachograph.core.histogram import quantiles
from tachograph.core.names import Name
from tachograph.core.patch import carried, normal
from tachograph.core.source import SourceState
from tachograph.core.window import Slot
from tachograph.model import ErrorRecord, SpanStart

Json = dict[str, Any]

COLUMNS = ["count", "errors", "p50_s", "p95_s", "p99_s", "mean_s"]
#: Spans that are listed as running.
MAX_RUNNING = 20


def value(
    kind: str,
    name: str,
    total: Name | None,
    errors: list[ErrorRecord],
    running: Json,
    now: float,
) -> Json:
    """The topic's value; an empty object for a name that nobody knows."""
    if total is None and not errors and not running:
        return {}
    value: Json = {"name": name, "kind": kind, "columns": COLUMNS, "points": {}}
    if total is not None:
        value |= total.row(now)
        value["points"] = {
            str(number * 1000): _point(slot) for number, slot in total.slots(now) if slot.count
        }
        if total.updated_ns:
            value["updated_at"] = total.updated_ns / 1e9
    value["recent_errors"] = {
        f"{record.source}:{record.at_ns}": _error(record) for record in errors
    }
    value["running"] = running
    return value


def _point(slot: Slot) -> list[float | None]:
    p50, p95, p99 = quantiles(slot.buckets, (0.5, 0.95, 0.99))
    figures = [p50, p95, p99, slot.sum_s / slot.count]
    return [
        float(slot.count),
        float(slot.errors),
        *(None if figure is None else round(figure, 6) for figure in figures),
    ]


def _error(record: ErrorRecord) -> Json:
    error: Json = {
        "at": record.at_ns / 1e9,
        "service": record.service,
        "source": record.source,
        "duration_s": round(record.duration_s, 6),
        "error": record.error,
        "attributes": normal(record.attributes) if carried(record.attributes) else {},
    }
    if record.trace:
        error["trace"] = record.trace
    return error


def oldest(
    states: Iterable[SourceState], kind: str, name: str | None = None
) -> list[tuple[SourceState, SpanStart]]:
    """The open spans that began first, of one name or of all."""
    running = (
        (start.at_ns, f"{state.source.id}:{start.id}", state, start)
        for state in states
        if not state.final
        for start in state.open.values()
        if start.kind == kind and (name is None or start.name == name)
    )
    return [
        (state, start)
        for _, _, state, start in heapq.nsmallest(MAX_RUNNING, running, key=lambda one: one[:2])
    ]


def running(states: Iterable[SourceState], kind: str, name: str | None = None) -> Json:
    """What runs now: `running` of one name, `current` of all."""
    value: Json = {}
    for state, start in oldest(states, kind, name):
        one: Json = {"service": state.source.service, "since_at": start.at_ns / 1e9}
        if name is None:
            one["name"] = start.name
        value[f"{state.source.id}:{start.id}"] = one
    return value
