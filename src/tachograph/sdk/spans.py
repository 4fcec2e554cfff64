"""The pure-Python recorder of spans: what runs on the caller's thread, and nothing else does.

A span is a name with a tray. Entered, it puts a node into its thread's or task's chain; at
the end it takes the node out and puts the duration down. So one span may be entered again,
inside itself, or by many threads and tasks at once. The first few ends of a name in each
second go to the flusher whole, and so do the first few that failed, with their tracebacks;
what is open it finds from the chains.

Rules that keep the host safe: nothing here raises, nothing blocks, what waits is bounded
and what doesn't fit is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from time import perf_counter
from typing import Any, ClassVar, TypeVar

from tachograph.model import SpanKind
from tachograph.sdk import limits
from tachograph.sdk.decorator import Decorator
from tachograph.sdk.failure import MAX_MESSAGE, Failure, error_text, is_failure, whole_failure
from tachograph.sdk.inbox import LIMIT, NAMES, Tray, admit, inbox, keep_tray, ring_if_idle
from tachograph.sdk.scope import (
    CHILDREN,
    FAILURE,
    NOWHERE,
    PARENT,
    ROOT,
    SPAN,
    START,
    TASK,
    Node,
    Note,
    Scope,
    here,
    loops,
    note_of,
    place,
    somewhere,
)
from tachograph.sdk.timers import observe

Kind = TypeVar("Kind", bound="Span")

#: What an end that isn't quick calls is nested less deep than this.
_CALLS = 9
#: Why a span failed, where not even that could be found out.
_CUT_SHORT = (Failure("an exception, on a full stack"),)

#: Individual spans of one name that are kept each second; the others are counted as sampled.
SPANS_PER_SECOND = 10

_get_place = place.get


class Span(Decorator):
    """A timed piece of work by its name: `with`, `async with`, or a decorator."""

    __slots__ = ("attributes", "tray")
    attributes: dict[str, Any]
    tray: Tray

    kind: ClassVar[SpanKind] = "work"
    #: Whether only the first ones of a name in each second are told whole.
    sampled: ClassVar[bool] = True
    #: By name: spans without attributes, and trays for what was timed elsewhere.
    known: ClassVar[dict[str, Any]] = {}
    records: ClassVar[dict[str, Tray]] = {}

    def __init_subclass__(cls) -> None:
        cls.known = {}
        cls.records = {}

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.tray.key[1])

    def __enter__(self) -> Span:
        scope = _get_place()
        if scope.thread != get_ident() or loops.running():
            return self._enter_elsewhere(scope)
        if inbox.idle:
            inbox.ring()
        scope.top = [self, scope.top, perf_counter(), 0.0]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: Any
    ) -> None:
        end = perf_counter()
        scope = _get_place()
        node = scope.top
        if node[0] is not self or kind is not None:
            try:
                return self._leave(end, kind, error)
            except Exception:
                # No room on the stack, or no memory. No function of ours is called from here on.
                note, parent = node[SPAN], node[PARENT]
                noted = type(note) is Note and note.span is self and not note.foreign
                if parent is None or not (noted or note is self):
                    return None
                duration = end - node[START]
                scope.top, node[PARENT] = parent, None
                parent[CHILDREN] += duration
                self.tray.rest.append((duration, duration, kind is not None))
                if not self.tray.waiting:
                    self.tray.waiting = True
                    self.tray.line.append(self.tray)
                if noted and note.listed:
                    node[FAILURE:] = _CUT_SHORT
                    inbox.ended.append((node, parent, end))
                return None
        # No function is called in these lines, so nobody sees the node half gone.
        scope.top = parent = node[1]
        node[1] = None
        duration = end - node[2]
        parent[3] += duration
        if end > inbox.until and not admit():
            return None
        tray = self.tray
        if node[3]:
            tray.rest.append((duration, max(0.0, duration - node[3]), False))
        else:
            tray.numbers.append(duration)
        if not tray.quick:
            self._report(node, parent, end)
        return None

    async def __aenter__(self) -> Span:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: Any
    ) -> None:
        self.__exit__(kind, error, trace)

    def fail(self, error: BaseException | str) -> None:
        """Mark the one that runs here as failed though no exception leaves it."""
        node = _get_place().find(self)
        if node is not None:
            note_of(node)  # so that its end looks closer
            now = perf_counter()
            if isinstance(error, str):
                text = error[:MAX_MESSAGE] or "failed"
                node[FAILURE:] = [Failure(text, self.tray.admit_failure(now))]
            else:
                node[FAILURE:] = self._failure(node, type(error), error, now)

    def show(self) -> Callable[[], None]:
        """Show it as running, nobody's child and nobody's parent, and never count it.

        Returns what ends it.
        """
        node: Node = [self, ROOT, perf_counter(), 0.0]
        note_of(node).silent = True
        inbox.opened.append(Scope(TASK, node))
        ring_if_idle()
        return lambda: self._end(NOWHERE, node, perf_counter())

    # -- what is not quick -------------------------------------------------

    def _enter_elsewhere(self, scope: Scope) -> Span:
        """Enter where a loop runs, or on a thread that has no scope of its own yet."""
        if inbox.idle:
            inbox.ring()
        if not loops.certainly():
            scope = here()
            scope.top = [self, scope.top, perf_counter(), 0.0]
            return self
        scope = Scope(TASK, [self, scope.top, perf_counter(), 0.0])
        place.set(scope)
        if len(inbox.opened) < LIMIT:
            inbox.opened.append(scope)
        return self

    def _leave(
        self, end: float, kind: type[BaseException] | None, error: BaseException | None
    ) -> None:
        _try_stack(_CALLS)
        scope = _get_place()
        node: Node | None = scope.top
        if scope.top[SPAN] is not self:
            node = scope.find(self)
        if node is None:
            found = somewhere(self)
            if found is None:
                return  # it was never entered
            scope, node = found
        if kind is not None and len(node) == FAILURE:
            node += self._failure(node, kind, error, end)
        self._end(scope, node, end)

    def _failure(
        self, node: Node, kind: type[BaseException], error: BaseException | None, now: float
    ) -> list[Failure]:
        """What its node gets: nothing where it has not failed, and no more than will be told."""
        if not is_failure(kind):
            return []
        if self.tray.admit_failure(now):
            return [whole_failure(kind, error)]
        told = not self.sampled or (isinstance(node[SPAN], Note) and node[SPAN].listed)
        return [Failure(error_text(kind, error) if told else kind.__name__)]

    def _end(self, scope: Scope, node: Node, end: float) -> None:
        parent = node[PARENT]
        if parent is None:
            return
        scope.remove(node)
        note = node[SPAN] if isinstance(node[SPAN], Note) else None
        if note is not None and note.foreign:
            return
        if note is not None and note.silent:
            ring_if_idle()
        else:
            if not self._count(node, parent, end):
                return
        # Who lists a node marks it first and then looks for its end: one of both is seen.
        if note is not None and note.listed:
            inbox.ended.append((node, parent, end))

    def _count(self, node: Node, parent: Node, end: float) -> bool:
        duration = end - node[START]
        parent[CHILDREN] += duration
        if end > inbox.until and not admit():
            return False
        own = max(0.0, duration - node[CHILDREN])
        failed = len(node) > FAILURE
        self.tray.rest.append((duration, own, failed))
        if failed or not self.tray.quick:
            self._report(node, parent, end)
        return True

    def _report(self, node: Node, parent: Node, end: float) -> None:
        """Announce the tray; tell the span whole if it is one of the first of its second."""
        tray = self.tray
        if not tray.waiting:
            tray.announce()
        if isinstance(node[SPAN], Note) and node[SPAN].listed:
            return
        if self.sampled:
            if len(node) > FAILURE:
                if node[FAILURE].wanted:
                    inbox.ended.append((node, parent, end))
                return
            if end >= tray.renew:
                tray.keep, tray.renew = SPANS_PER_SECOND, end + 1.0
            if not tray.keep or not inbox.details:
                tray.quick = True
                return
            tray.keep -= 1
            inbox.details -= 1
        inbox.ended.append((node, parent, end))

    def _record(self, seconds: float, success: bool) -> None:
        tray = self.records.get(self.name)
        if tray is None:
            tray = keep_tray(self.records, self.name, Tray(self.tray.key, inbox.timings))
        observe(tray, seconds, success)


class Action(Span):
    """A span of kind action."""

    __slots__ = ()
    kind = "action"

    def record(self, duration_s: float, success: bool = True) -> None:
        """Count one that was timed elsewhere. `duration_s` in seconds, >= 0 and finite."""
        self._record(duration_s, success)


class Event(Span):
    """A span of kind event."""

    __slots__ = ()
    kind = "event"

    def record(self, processing_s: float = 0.0, success: bool = True) -> None:
        """Count one that was timed elsewhere. `processing_s` in seconds, >= 0 and finite."""
        self._record(processing_s, success)


class Work(Span):
    """A span of kind work."""

    __slots__ = ()

    def record(self, duration_s: float, success: bool = True) -> None:
        """Count one that was timed elsewhere. `duration_s` in seconds, >= 0 and finite."""
        self._record(duration_s, success)


def span_of(kind: type[Kind], name: Any, attributes: dict[str, Any] | None = None) -> Kind:
    """The span of that kind and name; one with attributes is new each time."""
    text = name if type(name) is str else limits.text(name, limits.MAX_NAME)
    plain: Kind = kind.known.get(text) or _first(kind, text)
    if not attributes:
        return plain
    span = kind()
    span.tray = plain.tray
    span.attributes = attributes
    return span


def _first(kind: type[Kind], name: str) -> Kind:
    span = kind()
    span.tray = Tray((kind.kind, name, ()), inbox.timings, spans=kind.sampled)
    span.attributes = {}
    if len(name) > 1_000:
        return span
    if len(kind.known) >= NAMES:
        kind.known.clear()
    known: Kind = kind.known.setdefault(name, span)
    return known


def maker(kind: type[Kind]) -> Callable[..., Any]:
    """The public function for spans of one kind: `f(name, **attributes)`, or `@f`."""
    known = kind.known

    def make(name: Any, /, **attributes: Any) -> Any:
        if not attributes:
            try:
                return known[name]
            except Exception:  # a new name, or something that is none
                pass
            if callable(name):
                return span_of(kind, getattr(name, "__qualname__", repr(name)))(name)
        return span_of(kind, name, attributes)

    return make


def _try_stack(calls: int) -> None:
    """Raise RecursionError now, when nothing is changed yet, rather than in the middle."""
    if calls:
        _try_stack(calls - 1)
