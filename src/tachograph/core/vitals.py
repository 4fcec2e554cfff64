"""What processes say of themselves, each by its newest gauges, and several of them as one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tachograph.core.source import SourceState
from tachograph.core.totals import rounded

Json = dict[str, Any]
#: The newest value of each gauge without labels, by its name.
Vitals = dict[str, float]

#: A source's figures, and the gauges that they are.
GAUGES = {
    "cpu_percent": "system.cpu_percent",
    "memory_mb": "system.memory_mb",
    "thread_count": "system.thread_count",
    "process_count": "system.process_count",
    "open_files": "system.open_files",
    "read_bytes_per_s": "system.read_bytes_per_s",
    "written_bytes_per_s": "system.written_bytes_per_s",
    "loop_lag_s": "runtime.loop_lag_s",
    "gc_pause_s": "runtime.gc_pause_s",
    "gc_percent": "runtime.gc_percent",
    "own_cpu_percent": "tachograph.cpu_percent",
    "flush_s": "tachograph.flush_s",
    "queue_length": "tachograph.queue_length",
}
SYSTEM_COLUMNS = (
    "cpu_percent",
    "memory_mb",
    "thread_count",
    "process_count",
    "open_files",
    "read_bytes_per_s",
    "written_bytes_per_s",
    "loop_lag_s",
    "gc_pause_s",
)
SOURCE_COLUMNS = (*SYSTEM_COLUMNS, "own_cpu_percent", "flush_s", "queue_length")
#: Sources whose last words are not further apart died together.
TOGETHER_NS = 2_000_000_000

_SUMMED = ("read_bytes_per_s", "written_bytes_per_s")
_COUNTED = ("thread_count", "process_count", "open_files")
_WHOLE = (*_COUNTED, "queue_length")
_WORST = ("own_cpu_percent", "loop_lag_s", "gc_pause_s", "gc_percent")


def measured(vitals: Vitals) -> bool:
    """Whether the process was sampled."""
    return GAUGES["memory_mb"] in vitals


def system(states: Iterable[SourceState], vitals: Mapping[str, Vitals]) -> Json:
    """Topic `system` but for its window: the living, or those that were the last to live."""
    known = [state for state in states if measured(vitals[state.source.id])]
    shown = live = [state for state in known if state.state == "live"]
    if known and not live:
        newest = max(state.last_ns for state in known)
        shown = [state for state in known if newest - state.last_ns < TOGETHER_NS]
    value: Json = {"live": len(live)}
    if shown:
        value["updated_at"] = max(state.last_ns for state in shown) / 1e9
        value |= _together([(state.source.host, vitals[state.source.id]) for state in shown])
    return value


def _together(shown: Sequence[tuple[str, Vitals]]) -> Json:
    every = [vitals for _, vitals in shown]
    value = _machines(shown)
    for name in _COUNTED:
        value[name] = counted(name, _over(sum, every, name))
    for name in _SUMMED:
        value[name] = _over(sum, every, name)
    for name in _WORST:
        value[name] = _over(max, every, name)
    return rounded(value)


def _machines(shown: Sequence[tuple[str, Vitals]]) -> Json:
    """Each host's CPU share weighs as much as its cores; its memory is there once."""
    hosts: dict[str, list[Vitals]] = {}
    for host, vitals in shown:
        hosts.setdefault(host, []).append(vitals)
    cores = total_mb = cpu = 0.0
    sampled = False
    for group in hosts.values():
        own_cores = max(vitals.get("system.cores", 1.0) for vitals in group)
        shares = [v["system.cpu_percent"] for v in group if "system.cpu_percent" in v]
        sampled = sampled or bool(shares)
        cores += own_cores
        cpu += min(100.0, sum(shares)) * own_cores
        total_mb += max(vitals.get("system.memory_total_mb", 0.0) for vitals in group)
    memory = sum(vitals["system.memory_mb"] for _, vitals in shown)
    return {
        "cpu_percent": cpu / cores if sampled else None,
        "memory_mb": memory,
        "memory_percent": min(100.0, 100.0 * memory / total_mb) if total_mb else None,
        "memory_total_mb": total_mb or None,
        "cores": cores,
    }


def _over(how: Any, every: list[Vitals], name: str) -> float | None:
    """`how` over those who know it."""
    gauge = GAUGES[name]
    found = [vitals[gauge] for vitals in every if gauge in vitals]
    return how(found) if found else None


def counted(name: str, value: float | None) -> float | None:
    """A figure that counts things is a whole number."""
    return int(value) if value is not None and name in _WHOLE else value
