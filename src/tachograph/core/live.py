"""What all sources together say now, as topics' values. See docs/design/topics.md. Pure.

One owner calls it, from one thread; times are seconds since the Unix epoch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tachograph.core.histogram import quantiles
from tachograph.core.points import Points
from tachograph.core.source import SourceState, Steps
from tachograph.core.totals import KindTotal, name_rows, rounded

Json = dict[str, Any]

SYSTEM_COLUMNS = ("cpu_percent", "memory_mb", "thread_count", "process_count")
ACTION_COLUMNS = ("actions_per_minute", "avg_duration_s", "p95_s", "queue_depth", "errors")
EVENT_COLUMNS = ("events_per_minute", "avg_processing_time_s", "p95_s", "queue_depth", "errors")
#: Ended sources are shown, and counted in totals, for so long.
KEEP_ENDED_S = 86_400.0
MAX_CURRENT = 20
_KINDS: tuple[str, ...] = ("action", "event")
_SYSTEM = "system."


class Scope:
    """The rolling windows of one project, or of all of them."""

    def __init__(self) -> None:
        self.system = Points(SYSTEM_COLUMNS)
        self.kinds = {"action": Points(ACTION_COLUMNS), "event": Points(EVENT_COLUMNS)}
        #: Count and errors at the tick before.
        self.told: dict[str, tuple[int, int]] = dict.fromkeys(_KINDS, (0, 0))

    def news(self, kind: str, kinds: Iterable[KindTotal]) -> tuple[int, int]:
        """Count and errors since the last time; less than none after a source expired."""
        count, errors = self.told[kind]
        kinds = list(kinds)
        self.told[kind] = (sum(one.count for one in kinds), sum(one.errors for one in kinds))
        return self.told[kind][0] - count, self.told[kind][1] - errors


class Live:
    """See the module. `project` None stands for all projects."""

    def __init__(self, interval_s: float = 1.0) -> None:
        self.interval_s = interval_s
        self.sources: dict[str, SourceState] = {}
        self._vitals: dict[str, dict[str, float]] = {}
        self._totals: dict[tuple[str, str], KindTotal] = {}
        self._scopes: dict[str | None, Scope] = {None: Scope()}
        self._ticked = False

    # -- what comes in -----------------------------------------------------

    def put(self, state: SourceState) -> None:
        """A source that is new, or known from before a restart."""
        self.sources[state.source.id] = state
        project = state.source.project
        self._scopes.setdefault(project, Scope())
        for kind in _KINDS:
            self._kind(project, kind).restore(state, kind)
        self._remember(state, [(state.definitions[n], v) for n, v in state.gauges.items()])

    def step(self, state: SourceState, at_ns: int, steps: Steps) -> None:
        """A frame was applied to a source that `put` knows."""
        source = state.source
        for timer in steps.timers:
            if timer.definition.span in _KINDS:
                total = self._kind(source.project, timer.definition.span)
                total.step(source.service, at_ns, timer)
        if steps.gauges:
            self._remember(state, steps.gauges)

    def expire(self, now: float) -> list[str]:
        """Let go of sources that ended long ago; returns their ids. Totals are made anew."""
        gone = [
            id
            for id, state in self.sources.items()
            if state.final and now - max(state.ended_ns, state.last_ns) / 1e9 > KEEP_ENDED_S
        ]
        if gone:
            for id in gone:
                del self.sources[id]
                self._vitals.pop(id, None)
            self._recount()
        return gone

    def _recount(self) -> None:
        minutes = {
            key: (total.minute, {name: one.minute for name, one in total.names.items()})
            for key, total in self._totals.items()
        }
        self._totals = {}
        for state in self.sources.values():
            for kind in _KINDS:
                self._kind(state.source.project, kind).restore(state, kind)
        for key, (minute, names) in minutes.items():
            total = self._kind(*key)
            total.minute = minute
            for name, window in names.items():
                if name in total.names:
                    total.names[name].minute = window

    def _kind(self, project: str, kind: str) -> KindTotal:
        total = self._totals.get((project, kind))
        if total is None:
            total = self._totals[project, kind] = KindTotal()
        return total

    def _remember(self, state: SourceState, gauges: Iterable[tuple[Any, float | None]]) -> None:
        vitals = self._vitals.setdefault(state.source.id, {})
        for definition, value in gauges:
            if definition.labels:
                continue
            if value is None:
                vitals.pop(definition.name, None)
            else:
                vitals[definition.name] = value

    # -- what goes out -----------------------------------------------------

    def projects(self) -> list[str]:
        """Projects that have sources."""
        return sorted({state.source.project for state in self.sources.values()})

    def scopes(self) -> list[tuple[str | None, Scope]]:
        """Each project's rolling windows, and those of all together (None)."""
        return list(self._scopes.items())

    def tick(self, now: float) -> None:
        """Add a point to every rolling window in which somebody lived since the tick before."""
        for project, scope in self._scopes.items():
            system = self._system(project)
            lived = system["live"] or system.get("updated_at", 0.0) > now - self.interval_s
            if lived:
                scope.system.add(now, [system.get(column) for column in SYSTEM_COLUMNS])
            for kind, points in scope.kinds.items():
                kinds = self._of(project, kind)
                news, errors = scope.news(kind, kinds)
                if not self._ticked:
                    news = errors = 0  # all of it is from before this server
                if news > 0 or (lived and any(total.count for total in kinds)):
                    points.add(now, self._point(project, kind, kinds, errors, now))
        self._ticked = True

    def _point(
        self, project: str | None, kind: str, kinds: list[KindTotal], errors: int, now: float
    ) -> list[float | None]:
        recent = _recent(kinds, now)
        return [
            float(recent["count"]),
            recent.get("mean"),
            recent.get("p95"),
            self._queue(project, kind),
            float(max(0, errors)),
        ]

    def value(self, topic: str, project: str | None, now: float) -> Json:
        """The value of a built-in topic."""
        scope = self._scopes.get(project) or Scope()
        if topic == "system":
            return self._system(project) | scope.system.value()
        if topic == "actions":
            return self._actions(project, now) | scope.kinds["action"].value()
        if topic == "events":
            return self._events(project, now) | scope.kinds["event"].value()
        return self._sources(project)

    def _of(self, project: str | None, kind: str) -> list[KindTotal]:
        return [
            total
            for (owner, which), total in self._totals.items()
            if which == kind and project in (None, owner)
        ]

    def _states(self, project: str | None) -> Iterator[SourceState]:
        for state in self.sources.values():
            if project in (None, state.source.project):
                yield state

    def _system(self, project: str | None) -> Json:
        known = [
            s for s in self._states(project) if "system.memory_mb" in self._vitals[s.source.id]
        ]
        live = [state for state in known if state.state == "live"]
        value: Json = {"interval_s": self.interval_s, "live": len(live)}
        shown = live
        if known and not live:
            newest = max(state.last_ns for state in known)
            shown = [s for s in known if newest - s.last_ns < 2e9]
        if not shown:
            return value
        value["updated_at"] = max(state.last_ns for state in shown) / 1e9
        value |= _machine([(s.source.host, self._vitals[s.source.id]) for s in shown])
        return value

    def _queue(self, project: str | None, kind: str) -> float | None:
        name = f"{kind}s.queue_depth"
        depths = [
            self._vitals[state.source.id][name]
            for state in self._states(project)
            if not state.final and name in self._vitals[state.source.id]
        ]
        return sum(depths) if depths else None

    def _common(self, project: str | None, kind: str, kinds: list[KindTotal], now: float) -> Json:
        count = sum(total.count for total in kinds)
        errors = sum(total.errors for total in kinds)
        recent = _recent(kinds, now)
        updated = max((total.updated_ns for total in kinds), default=0)
        rows, names_total = name_rows(kinds, now)
        value: Json = {
            "updated_at": updated / 1e9 if updated else None,
            "success_rate": 100.0 * (count - errors) / count if count else None,
            "p95": recent.get("p95"),
            "errors_per_minute": recent["errors"],
            "queue_depth": self._queue(project, kind),
            "names": rows,
            "names_total": names_total,
        }
        return rounded(value)

    def _actions(self, project: str | None, now: float) -> Json:
        kinds = self._of(project, "action")
        count = sum(total.count for total in kinds)
        value = self._common(project, "action", kinds, now) | {
            "total_actions": count,
            "error_count": sum(total.errors for total in kinds),
            "actions_per_minute": _recent(kinds, now)["count"],
            "current": self._current(project),
        }
        if count:
            value["avg_duration"] = round(sum(total.sum_s for total in kinds) / count, 6)
        if value["current"]:
            oldest = min(value["current"].values(), key=lambda one: one["since_at"])
            value["current_action"] = oldest["name"]
        return value

    def _events(self, project: str | None, now: float) -> Json:
        kinds = self._of(project, "event")
        count = sum(total.count for total in kinds)
        failed = sum(total.errors for total in kinds)
        value = self._common(project, "event", kinds, now) | {
            "events_processed": count - failed,
            "events_failed": failed,
            "events_queued": count + int(self._queue(project, "event") or 0),
            "events_per_minute": _recent(kinds, now)["count"],
        }
        if count:
            value["avg_processing_time"] = round(sum(total.sum_s for total in kinds) / count, 6)
        return value

    def _current(self, project: str | None) -> Json:
        running = [
            (start.at_ns, f"{state.source.id}:{start.id}", start.name, state.source.service)
            for state in self._states(project)
            if not state.final
            for start in state.open.values()
            if start.kind == "action"
        ]
        return {
            key: {"name": name, "service": service, "since_at": at_ns / 1e9}
            for at_ns, key, name, service in sorted(running)[:MAX_CURRENT]
        }

    def _sources(self, project: str | None) -> Json:
        rows = {state.source.id: self.source_row(state) for state in self._states(project)}
        sums = {
            key: sum(row[key] for row in rows.values())
            for key in ("sent", "received", "lost", "sampled", "late")
        }
        return {
            "live": sum(row["state"] == "live" for row in rows.values()),
            "total": len(rows),
            **sums,
            "sources": rows,
        }

    def _witness(self, state: SourceState) -> SourceState | None:
        """`tacho run` saw how a program ended that could not say it itself."""
        parent = self.sources.get(state.source.parent)
        if state.state != "killed" or parent is None or not parent.final:
            return None
        return parent if parent.source.pid == state.source.pid else None

    def source_row(self, state: SourceState) -> Json:
        """One source as `sources` and /api/sources show it."""
        source, vitals = state.source, self._vitals.get(state.source.id, {})
        seen = self._witness(state) or state
        row: Json = {
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
            "sent": state.seq,
            "received": state.received,
            "lost": state.lost_total,
            "sampled": state.sampled_total,
            "late": state.late,
            "losses": _losses(state),
            "exit_code": seen.exit_code,
            "signal": seen.signal or None,
            "error": seen.error or None,
            "lines": [line.text for line in state.lines] or None,
            "stack": state.stack.calls if state.stack is not None and not state.final else None,
            "own_cpu_percent": vitals.get("tachograph.cpu_percent"),
        }
        for name in (*SYSTEM_COLUMNS,):
            row[name] = vitals.get(_SYSTEM + name)
        return rounded(row)


def _losses(state: SourceState) -> dict[str, int]:
    losses = dict(state.losses)
    if state.lost:
        losses["missing frames"] = state.lost
    return losses


def _recent(kinds: list[KindTotal], now: float) -> Json:
    """Count, errors, mean and p95 of the last minute."""
    totals = [total.minute.total(now) for total in kinds]
    count = sum(one.count for one in totals)
    recent: Json = {"count": count, "errors": sum(one.errors for one in totals)}
    if count:
        buckets: dict[int, int] = {}
        for one in totals:
            for bucket, n in one.buckets.items():
                buckets[bucket] = buckets.get(bucket, 0) + n
        recent["mean"] = sum(one.sum_s for one in totals) / count
        recent["p95"] = quantiles(buckets, (0.95,))[0]
    return recent


def _machine(shown: list[tuple[str, dict[str, float]]]) -> Json:
    """Several sources' vitals as one: each host's CPU share weighs as much as its cores."""
    hosts: dict[str, list[dict[str, float]]] = {}
    for host, vitals in shown:
        hosts.setdefault(host, []).append(vitals)
    cores = total_mb = cpu = 0.0
    measured = False
    for group in hosts.values():
        own_cores = max(vitals.get("system.cores", 1.0) for vitals in group)
        shares = [v["system.cpu_percent"] for v in group if "system.cpu_percent" in v]
        measured = measured or bool(shares)
        cores += own_cores
        cpu += min(100.0, sum(shares)) * own_cores
        total_mb += max(vitals.get("system.memory_total_mb", 0.0) for vitals in group)
    every = [vitals for _, vitals in shown]
    memory = sum(vitals["system.memory_mb"] for vitals in every)
    own = [v["tachograph.cpu_percent"] for v in every if "tachograph.cpu_percent" in v]
    value: Json = {
        "cpu_percent": cpu / cores if measured else None,
        "memory_mb": memory,
        "memory_percent": min(100.0, 100.0 * memory / total_mb) if total_mb else None,
        "memory_total_mb": total_mb or None,
        "thread_count": _counted(every, "system.thread_count"),
        "process_count": _counted(every, "system.process_count"),
        "cores": cores,
        "own_cpu_percent": max(own) if own else None,
    }
    return rounded(value)


def _counted(every: list[dict[str, float]], name: str) -> int | None:
    """The sum of those who know it."""
    found = [vitals[name] for vitals in every if name in vitals]
    return int(sum(found)) if found else None
