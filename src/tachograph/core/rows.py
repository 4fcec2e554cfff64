"""Topic `sources`: one row for each, and their sums. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tachograph.core.gaps import missing
from tachograph.core.source import SourceState
from tachograph.core.totals import rounded
from tachograph.core.vitals import GAUGES, Vitals, counted

Json = dict[str, Any]
#: A clock that is off by less than this is on time.
CLOCK_OFF_S = 1.0


def row(state: SourceState, seen: SourceState, vitals: Vitals) -> Json:
    """One source as `sources` and /api/sources show it; `seen` is who saw how it ended."""
    source, frames_lost = state.source, missing(state)
    offset = state.clock_offset_s
    value: Json = {
        "id": source.id,
        "service": source.service,
        "project": source.project,
        "host": source.host,
        "pid": source.pid,
        "state": seen.state,
        "reason": seen.reason or None,
        "started_at": source.started_ns / 1e9,
        "last_at": state.last_ns / 1e9,
        "ended_at": state.ended_ns / 1e9 if state.final else None,
        "command": list(source.command),
        "git_commit": source.git_commit or None,
        "python": source.python or None,
        "sdk": source.sdk or None,
        "sent": state.received + frames_lost,
        "received": state.received,
        "lost": frames_lost + sum(state.losses.values()),
        "sampled": state.sampled_total,
        "late": state.late,
        "losses": _losses(state, frames_lost),
        "exit_code": seen.exit_code,
        "signal": seen.signal or None,
        "error": seen.error or None,
        "lines": [line.text for line in state.lines] or None,
        "stack": state.stack.calls if state.stack is not None and not state.final else None,
        "clock_offset_s": offset if abs(offset) > CLOCK_OFF_S else None,
        "clock_jump_s": state.clock_jump_s or None,
    }
    for name, gauge in GAUGES.items():
        value[name] = counted(name, vitals.get(gauge))
    return rounded(value)


def _losses(state: SourceState, frames_lost: int) -> dict[str, int]:
    """By reason. Without the lost frames, they are what the source said of itself."""
    losses = dict(state.losses)
    if frames_lost:
        losses["missing frames"] = frames_lost
    return losses


def sources(rows: Mapping[str, Json], server_losses: Mapping[str, int]) -> Json:
    """The topic's value."""
    value: Json = {
        "live": sum(row["state"] == "live" for row in rows.values()),
        "total": len(rows),
    }
    for key in ("sent", "received", "lost", "sampled", "late"):
        value[key] = sum(row[key] for row in rows.values())
    if server_losses:
        value["server_losses"] = dict(server_losses)
    return value | {"sources": rows}
