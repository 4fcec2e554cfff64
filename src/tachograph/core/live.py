"""What all sources together say now, as topics' values. See docs/design/topics.md. Pure.

One owner calls it, from one thread; times are seconds since the Unix epoch. Each topic has a
module of its own; this one holds what they are made of, and the clock of their windows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from tachograph.core import gaps, named, rows, vitals
from tachograph.core.failed import Failed
from tachograph.core.kinds import KINDS, Kinds
from tachograph.core.names import Name
from tachograph.core.points import missed
from tachograph.core.scope import Scope
from tachograph.core.seconds import merged
from tachograph.core.source import SourceState, Steps
from tachograph.core.source_windows import SourceWindows
from tachograph.core.vitals import Vitals
from tachograph.model import Merge

Json = dict[str, Any]

#: Ended sources are shown, and counted in totals, for so long.
KEEP_ENDED_S = 86_400.0
#: A wall clock that ran so much further than the machine means that the machine didn't run.
SUSPENDED_S = 1.0


class Live:
    """See the module. `project` None stands for all projects."""

    def __init__(self, interval_s: float = 1.0) -> None:
        self.interval_s = interval_s
        self.sources: dict[str, SourceState] = {}
        self.kinds = Kinds()
        self.failed = Failed()
        #: What the server itself has lost, by reason.
        self.server_losses: Callable[[], Mapping[str, int]] = dict
        #: The newest instant of which somebody knew when he put his sources here.
        self.restored_s = 0.0
        self._vitals: dict[str, Vitals] = {}
        #: Who has set the depth of a queue, in this order, and how it is merged.
        self._queues: dict[str, dict[str, Merge]] = {f"{kind}s.queue_depth": {} for kind in KINDS}
        self._scopes: dict[str | None, Scope] = {None: Scope()}
        self._windows = SourceWindows()
        #: Sources that lived at the tick before, and what they had lost then.
        self._living: dict[str, gaps.Lost] = {}
        self._ticked: tuple[float, float | None] | None = None

    # -- what comes in -----------------------------------------------------

    def put(self, state: SourceState) -> None:
        """A source that is new, or known from before a restart."""
        self.sources[state.source.id] = state
        self.restored_s = max(self.restored_s, state.last_ns / 1e9)
        for project in (None, state.source.project):
            self._scopes.setdefault(project, Scope()).known = True
        if not state.final:
            self._living[state.source.id] = gaps.Lost(state)
        self.kinds.restore(state)
        self._remember(state, [(state.definitions[n], v) for n, v in state.gauges.items()])

    def back(self, state: SourceState) -> None:
        """A source that `put` knows was taken for dead, and lives after all."""
        self._living.setdefault(state.source.id, gaps.Lost(state))
        self._windows.back(state.source.id)

    def step(self, state: SourceState, at_ns: int, steps: Steps) -> None:
        """A frame was applied to a source that `put` knows."""
        if steps.timers:
            self.kinds.step(state, at_ns, steps.timers)
        if steps.gauges:
            self._remember(state, steps.gauges)

    def _remember(self, state: SourceState, gauges: Iterable[tuple[Any, float | None]]) -> None:
        known = self._vitals.setdefault(state.source.id, {})
        for definition, value in gauges:
            if definition.labels:
                continue
            if value is None:
                known.pop(definition.name, None)
            else:
                known[definition.name] = value
            queue = self._queues.get(definition.name)
            if queue is not None:
                queue.pop(state.source.id, None)
                queue[state.source.id] = definition.merge

    def expire(self, now: float) -> list[str]:
        """Let go of sources that ended long ago; returns their ids. Totals are made anew."""
        gone = [
            id
            for id, state in self.sources.items()
            if state.final and now - max(state.ended_ns, state.last_ns) / 1e9 > KEEP_ENDED_S
        ]
        self.forget(gone)
        return gone

    def forget(self, ids: Iterable[str]) -> None:
        """These sources never were: neither rows nor totals have them any more."""
        known = [id for id in ids if id in self.sources]
        for id in known:
            del self.sources[id]
            self._vitals.pop(id, None)
            for queue in self._queues.values():
                queue.pop(id, None)
            self._living.pop(id, None)
            self._windows.forget(id)
        if known:
            self.kinds.recount(self.sources.values())
            left: set[str | None] = {None, *self.projects()}
            self._scopes = {at: scope for at, scope in self._scopes.items() if at in left}

    # -- the clock ---------------------------------------------------------

    def projects(self) -> list[str]:
        """Projects that have sources."""
        return sorted({state.source.project for state in self.sources.values()})

    def scopes(self) -> list[tuple[str | None, Scope]]:
        """Each project's rolling windows, and those of all together (None)."""
        return list(self._scopes.items())

    def tick(self, now: float, machine_s: float | None = None) -> None:
        """Add a point to every rolling window in which somebody lived since the tick before, and
        to the others why there is none.

        `machine_s` is a clock that stands still while the machine does (time.monotonic).
        """
        self._note_missed(now, machine_s)
        by_project: dict[str | None, list[SourceState]] = {None: []}
        for state in self._alive():
            by_project[None].append(state)
            by_project.setdefault(state.source.project, []).append(state)
        for project, scope in self._scopes.items():
            self._tick_scope(project, scope, by_project.get(project, []), now)
        self._windows.tick(by_project[None], self._vitals, now)
        self._note_losses(by_project[None], now)
        self._living = {
            state.source.id: self._living[state.source.id]
            for state in by_project[None]
            if not state.final
        }
        self._ticked = (now, machine_s)

    def _tick_scope(
        self, project: str | None, scope: Scope, states: list[SourceState], now: float
    ) -> None:
        system = vitals.system(states, self._vitals)
        measured = system["live"] or system.get("updated_at", 0.0) > now - self.interval_s
        if measured:
            scope.system.add(now, [system.get(name) for name in scope.system.columns])
        elif scope.known:
            scope.system.gap(now, gaps.silence(states))
        lived = measured or any(state.state == "live" for state in states)
        for kind, points in scope.kinds.items():
            kinds = self.kinds.of(project, kind)
            news, errors = scope.news(kind, kinds)
            if self._ticked is None:
                news = errors = 0  # all of it is from before this server
            if not any(total.count for total in kinds):
                continue
            if news > 0 or lived:
                queue = self._queue(states, kind)
                points.add(now, self.kinds.point(project, kind, queue, errors, now))
            else:
                points.gap(now, gaps.silence(states))

    def _note_missed(self, now: float, machine_s: float | None) -> None:
        """Say why there was no tick at instants between the last one and this."""
        if self._ticked is None:
            return
        last, then_s = self._ticked
        instants = list(missed(last, now, self.interval_s))
        if not instants:
            return
        ran = now - last if machine_s is None or then_s is None else machine_s - then_s
        asleep = machine_s is None or now - last - ran > SUSPENDED_S
        cause = gaps.SUSPENDED if asleep else gaps.STOOD_STILL
        for at in instants:
            for project, scope in self._scopes.items():
                if scope.known:
                    scope.gap(at, cause, self.recorded(project))
            self._windows.note_all(at, cause)

    def _note_losses(self, states: Iterable[SourceState], now: float) -> None:
        """Say at which tick frames and records of a source were missing."""
        for state in states:
            id, project = state.source.id, state.source.project
            news = self._living[id].news(state)
            if news:
                for at in (None, project):
                    self._scopes[at].gap(now, news, self.recorded(at))
                self._windows.note(id, now, news)

    def recorded(self, project: str | None) -> list[str]:
        """The kinds of which there are any."""
        return [kind for kind in KINDS if any(one.count for one in self.kinds.of(project, kind))]

    # -- what goes out -----------------------------------------------------

    def value(self, topic: str, project: str | None, now: float) -> Json:
        """The value of a topic that is computed. It shares parts with later ones: change none."""
        scope = self._scopes.get(project) or Scope()
        first, slash, rest = topic.partition("/")
        if slash and first == "source":
            return self._source(rest, project)
        if slash:
            return self._named(first, rest, project, now)
        if topic == "system":
            return self._system(project) | scope.system.value()
        if topic == "actions":
            return self._actions(project, now) | scope.kinds["action"].value()
        if topic == "events":
            queue = self._queue(self._alive(project), "event")
            return self.kinds.events(project, queue, now) | scope.kinds["event"].value()
        every = {state.source.id: self.source_row(state) for state in self._states(project)}
        return rows.sources(every, self.server_losses() if project is None else {})

    def _states(self, project: str | None) -> Iterator[SourceState]:
        for state in self.sources.values():
            if project in (None, state.source.project):
                yield state

    def _alive(self, project: str | None = None) -> Iterator[SourceState]:
        """Sources that live, or did at the last tick."""
        for id in self._living:
            state = self.sources[id]
            if project in (None, state.source.project):
                yield state

    def _system(self, project: str | None) -> Json:
        value = vitals.system(self._alive(project), self._vitals)
        if not value["live"]:
            value = vitals.system(self._states(project), self._vitals)
        return {"interval_s": self.interval_s} | value

    def _queue(self, states: Iterable[SourceState], kind: str) -> float | None:
        name = f"{kind}s.queue_depth"
        depths = {
            state.source.id: self._vitals[state.source.id][name]
            for state in states
            if not state.final and name in self._vitals[state.source.id]
        }
        if not depths:
            return None
        order = self._queues[name]
        newest = next(id for id in reversed(order) if id in depths)
        last = order[newest] == "last"
        return depths[newest] if last else merged(list(depths.values()), order[newest])

    def _actions(self, project: str | None, now: float) -> Json:
        value = self.kinds.actions(project, self._queue(self._alive(project), "action"), now)
        value["current"] = current = named.running(self._alive(project), "action")
        if current:
            value["current_action"] = next(iter(current.values()))["name"]
        return value

    def _named(self, kind: str, name: str, project: str | None, now: float) -> Json:
        total = self.kinds.names(project, kind).one(self.kinds.of(project, kind), name)
        errors = self.failed.recent(kind, name, project)
        running = named.running(self._alive(project), kind, name)
        return named.value(kind, name, total, errors, running, now)

    def names(self, kind: str, project: str | None) -> Mapping[str, Name]:
        """Every name of a kind in a project, or in all."""
        return self.kinds.names(project, kind).all(self.kinds.of(project, kind))

    def _source(self, id: str, project: str | None) -> Json:
        state = self.sources.get(id)
        if state is None or project not in (None, state.source.project):
            return {}
        return self.source_row(state) | self._windows.value(id)

    def source_row(self, state: SourceState) -> Json:
        """One source as `sources` and /api/sources show it."""
        seen = self._witness(state) or state
        return rows.row(state, seen, self._vitals.get(state.source.id, {}))

    def _witness(self, state: SourceState) -> SourceState | None:
        """`tacho run` saw how a program ended that could not say it itself."""
        parent = self.sources.get(state.source.parent)
        if state.state != "killed" or parent is None or not parent.final:
            return None
        return parent if parent.source.pid == state.source.pid else None
