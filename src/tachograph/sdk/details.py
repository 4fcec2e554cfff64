"""Spans one by one: those that are open, and those whose end is told whole.

Owned by the flusher. What they say loses its secrets here. Instants come as a pair: `now` is
perf_counter's reading, by which spans are timed, and `now_ns` the wall clock's at that moment.
"""

from __future__ import annotations

from collections.abc import Iterable

from tachograph.model import SpanEnd, SpanStart
from tachograph.sdk import limits
from tachograph.sdk.inbox import Ended
from tachograph.sdk.scope import CHILDREN, FAILURE, PARENT, ROOT, START, Node, Note, note_of
from tachograph.sdk.scrub import Scrubber
from tachograph.sdk.traces import Traces

#: Spans that may be listed as open at once; what is open beyond is seen when it ends.
OPEN_SPANS = 100_000


class Details:
    """See the module."""

    def __init__(self, scrub: Scrubber) -> None:
        self.scrub = scrub
        self.open: dict[int, Node] = {}
        self.started: list[SpanStart] = []
        self.ended: list[SpanEnd] = []
        #: Spans that ended without being told whole.
        self.left_out = 0
        self._last = 0
        self._traces = Traces()

    def list_open(self, node: Node, now: float, now_ns: int) -> None:
        """Show a running span; from here on its end is told."""
        if len(self.open) >= OPEN_SPANS:
            return
        note = note_of(node)
        note.listed = True
        # Its end is marked before it looks at the note, so here or there one is seen.
        parent = node[PARENT]
        if parent is not None and not note.foreign:
            self.open[self._number(node)] = node
            self.started.append(self._start_of(node, now, now_ns))

    def add_ended(self, ended: Iterable[Ended], now: float, now_ns: int) -> None:
        """Spans whose end is told: node, node around it, end by perf_counter."""
        for node, parent, end in ended:
            note = note_of(node)
            if note.span.tray.spans and not note.silent:
                self.left_out -= 1
            self.open.pop(self._number(node), None)
            duration = end - node[START]
            error, trace = self._failure_of(node)
            self.ended.append(
                SpanEnd(
                    note.number,
                    self._number(parent),
                    note.span.kind,
                    limits.text(note.span.name, limits.MAX_NAME),
                    now_ns - int((now - end) * 1e9),
                    duration,
                    max(0.0, duration - node[CHILDREN]),
                    error,
                    limits.attributes(self.scrub.attributes(note.span.attributes)),
                    trace,
                )
            )

    def starts(self, now: float, now_ns: int) -> list[SpanStart]:
        """Every open span."""
        return [self._start_of(node, now, now_ns) for node in self.open.values()]

    def clear_news(self) -> None:
        """Starts and ends have been told."""
        self.started = []
        self.ended = []

    def _start_of(self, node: Node, now: float, now_ns: int) -> SpanStart:
        note: Note = note_of(node)
        return SpanStart(
            note.number,
            self._number(node[PARENT] or ROOT),
            note.span.kind,
            limits.text(note.span.name, limits.MAX_NAME),
            now_ns - int((now - node[START]) * 1e9),
            limits.attributes(self.scrub.attributes(note.span.attributes)),
        )

    def _failure_of(self, node: Node) -> tuple[str, str]:
        """Error and traceback, both "" for one that went well."""
        if len(node) <= FAILURE:
            return "", ""
        failure = node[FAILURE]
        error = limits.text(self.scrub.text(failure.error), limits.MAX_ERROR)
        return error, self._traces.text(failure.raised, self.scrub)

    def _number(self, node: Node) -> int:
        """The span's id; what is around the outermost span has 0."""
        if node is ROOT:
            return 0
        note = note_of(node)
        if not note.number:
            self._last += 1
            note.number = self._last
        return note.number
