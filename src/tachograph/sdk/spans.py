"""The pure-Python recorder of spans: what runs on the caller's thread, and nothing else does.

A span is a name with a tray. Entered, it puts a node into its thread's or task's chain; at
the end it takes the node out and puts the duration down. So one span may be entered again,
inside itself, or by many threads and tasks at once. The first few ends of a name in each
second go to the flusher whole; what is open it finds from the chains.

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
from tachograph.sdk.failure import error_text
from tachograph.sdk.inbox import LIMIT, NAMES, Tray, admit, inbox, keep_tray, ring_if_idle
from tachograph.sdk.scope import (
    CHILDREN,
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
            return self._leave(end, kind, error)
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
            text = error if isinstance(error, str) else error_text(type(error), error)
            note_of(node).error = text[:500]

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
        scope = _get_place()
        node = scope.find(self)
        if node is None:
            found = somewhere(self)
            if found is None:
                return  # it was never entered
            scope, node = found
        if kind is not None and not (isinstance(node[SPAN], Note) and node[SPAN].error):
            text = error_text(kind, error)
            if text:
                note_of(node).error = text
        self._end(scope, node, end)

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
            failed = note is not None and bool(note.error)
            if not self._count(node, parent, end, failed):
                return
        # Who lists a node marks it first and then looks for its end: one of both is seen.
        if note is not None and note.listed:
            inbox.ended.append((node, parent, end))

    def _count(self, node: Node, parent: Node, end: float, failed: bool) -> bool:
        duration = end - node[START]
        parent[CHILDREN] += duration
        if end > inbox.until and not admit():
            return False
        own = max(0.0, duration - node[CHILDREN])
        self.tray.rest.append((duration, own, failed))
        if not self.tray.quick:
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
