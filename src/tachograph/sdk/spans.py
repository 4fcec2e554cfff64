"""The pure-Python recorder: what runs on the caller's thread, and nothing else does.

A call costs a clock read, an append to a deque and, for spans, one read and two writes of
a context variable. Everything that can wait (names, limits, histograms) is the flusher's.
A span is queued once, when it starts; the flusher looks later whether it has ended, so
unfinished work is visible without a second append. Appends to a deque are atomic, so no
lock is held here, ever.

Rules that keep the host safe: nothing here raises, nothing blocks, the queues are bounded
(QUEUE_LIMIT) and what doesn't fit is counted. The parent is restored by value: a generator
may be closed in another context, where a token would raise.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from math import inf
from time import perf_counter
from typing import Any, ClassVar

from tachograph.model import SpanKind
from tachograph.sdk.decorator import Decorator

#: Records that may wait for the flusher, per queue. At 50 ms a flush that is 4 million a second.
QUEUE_LIMIT = 200_000

#: Ends of these kinds are no failure of the work. By name, so that asyncio isn't imported for it.
_NO_ERROR = frozenset(("GeneratorExit", "CancelledError", "Cancelled"))


class Inbox:
    """The queues between the callers' threads and the flusher, and the bell that wakes it."""

    __slots__ = (
        "counts",
        "dropped",
        "gauges",
        "idle",
        "invalid",
        "limit",
        "ring",
        "spans",
        "timings",
    )

    def __init__(self) -> None:
        self.spans: deque[Span] = deque()
        self.timings: deque[tuple[TimerKey, float, str]] = deque()
        self.counts: deque[tuple[InstrumentKey, float]] = deque()
        self.gauges: dict[InstrumentKey, float | None] = {}
        self.limit = QUEUE_LIMIT
        self.dropped = 0
        self.invalid = 0
        #: True while the flusher sleeps without a deadline of its own: then somebody has to ring.
        self.idle = True
        self.ring: Callable[[], None] = _nothing

    def clear(self) -> None:
        """Forget everything: a forked child starts empty."""
        self.spans.clear()
        self.timings.clear()
        self.counts.clear()
        self.gauges.clear()
        self.dropped = self.invalid = 0


#: (span kind or "", name, labels)
TimerKey = tuple[str, str, tuple[tuple[str, str], ...]]
#: (kind, name, unit, labels, merge)
InstrumentKey = tuple[str, str, str, tuple[tuple[str, str], ...], str]


def _nothing() -> None:
    pass


inbox = Inbox()
current: ContextVar[Span | None] = ContextVar("tachograph.span", default=None)

_append_span = inbox.spans.append
_append_timing = inbox.timings.append
_spans = inbox.spans
_timings = inbox.timings
_get_current = current.get
_set_current = current.set


def error_text(kind: type[BaseException] | None, error: BaseException | None) -> str:
    """ "Type: message" of an exception, "" where it is no failure. Never raises."""
    if kind is None or kind.__name__ in _NO_ERROR:
        return ""
    try:
        text = str(error)
    except Exception:
        text = "(its text could not be made)"
    return f"{kind.__name__}: {text[:500]}" if text else kind.__name__


class Span(Decorator):
    """A timed piece of work. One object is one measurement; used again, it measures again.

    No `__slots__`: the class's defaults cost nothing until a span needs another value.
    """

    kind: ClassVar[SpanKind] = "work"
    attributes: dict[str, Any] | None = None
    id: int = 0
    start = 0.0
    end = 0.0
    children_s = 0.0
    error = ""
    #: The flusher keeps it among the open ones, so its end has to be queued.
    listed = False
    #: The flusher is through with it.
    done = False
    #: Shown while it runs, but not counted in its timer.
    silent = False
    parent: Span | None = None
    _again: list[Span] | None = None

    def __init__(self, name: str, attributes: dict[str, Any] | None = None) -> None:
        self.name = name
        if attributes:
            self.attributes = attributes

    def fresh(self) -> Span:
        return type(self)(self.name, self.attributes)

    def __enter__(self) -> Span:
        if self.start:
            return self._enter_again()
        self.parent = _get_current()
        _set_current(self)
        if len(_spans) < inbox.limit:
            _append_span(self)
        else:
            inbox.dropped += 1
        if inbox.idle:
            inbox.ring()
        self.start = perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: Any
    ) -> None:
        end = perf_counter()
        if self._again:
            return self._again.pop().__exit__(kind, error, trace)
        if kind is not None and not self.error:
            self.error = error_text(kind, error)
        parent = self.parent
        _set_current(parent)
        if parent is not None:
            parent.children_s += end - self.start
        self.end = end
        if self.listed:
            _append_span(self)
        if inbox.idle:
            inbox.ring()
        return None

    async def __aenter__(self) -> Span:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: Any
    ) -> None:
        self.__exit__(kind, error, trace)

    def _enter_again(self) -> Span:
        if self._again is None:
            self._again = []
        span = self.fresh()
        self._again.append(span)
        return span.__enter__()

    def fail(self, error: BaseException | str) -> None:
        """Mark it as failed though no exception leaves it."""
        self.error = error[:500] if isinstance(error, str) else error_text(type(error), error)

    def _record(self, seconds: float, success: bool) -> None:
        observe((self.kind, self.name, ()), seconds, "" if success else "failed")


class Action(Span):
    """A span of kind action."""

    kind = "action"

    def record(self, duration_s: float, success: bool = True) -> None:
        """Count one that was timed elsewhere. `duration_s` in seconds, >= 0 and finite."""
        self._record(duration_s, success)


class Event(Span):
    """A span of kind event."""

    kind = "event"

    def record(self, processing_s: float = 0.0, success: bool = True) -> None:
        """Count one that was timed elsewhere. `processing_s` in seconds, >= 0 and finite."""
        self._record(processing_s, success)


class Work(Span):
    """A span of kind work."""

    def record(self, duration_s: float, success: bool = True) -> None:
        """Count one that was timed elsewhere. `duration_s` in seconds, >= 0 and finite."""
        self._record(duration_s, success)


class Timer(Decorator):
    """Times what is not worth a span: only the aggregate is kept."""

    __slots__ = ("_starts", "key", "start")

    def __init__(self, key: TimerKey) -> None:
        self.key = key
        self.start = 0.0
        self._starts: list[float] | None = None

    def fresh(self) -> Timer:
        return Timer(self.key)

    def __enter__(self) -> Timer:
        if self.start:
            if self._starts is None:
                self._starts = []
            self._starts.append(perf_counter())
        else:
            self.start = perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: Any
    ) -> None:
        end = perf_counter()
        if self._starts:
            start = self._starts.pop()
        else:
            start, self.start = self.start, 0.0
        if len(_timings) < inbox.limit:
            _append_timing((self.key, end - start, "" if kind is None else error_text(kind, error)))
        else:
            inbox.dropped += 1
        if inbox.idle:
            inbox.ring()

    async def __aenter__(self) -> Timer:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: Any
    ) -> None:
        self.__exit__(kind, error, trace)

    def observe(self, seconds: float) -> None:
        """Count a duration that was measured elsewhere: seconds, >= 0 and finite."""
        observe(self.key, seconds, "")


def observe(key: TimerKey, seconds: float, error: str) -> None:
    """Queue one timing. A duration that is none is refused and counted."""
    try:
        valid = 0.0 <= seconds < inf
        seconds = float(seconds)
    except (TypeError, ValueError, OverflowError):
        valid = False
    if not valid:
        refuse()
    elif len(_timings) < inbox.limit:
        _append_timing((key, seconds, error))
    else:
        inbox.dropped += 1
    if inbox.idle:
        inbox.ring()


def refuse() -> None:
    """Count a value that can't be recorded: no number, infinite, or negative without a right to."""
    inbox.invalid += 1
