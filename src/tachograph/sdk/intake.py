"""From the queues into the sums: what waits in the inbox, and what had to be dropped there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tachograph.sdk.accumulate import Accumulator
from tachograph.sdk.inbox import DETAILS_PER_SECOND, FAILURES_PER_SECOND, inbox, taken
from tachograph.sdk.scope import ROOT, SPAN, Node, Note


class Intake:
    """Empties the inbox into an accumulator. Called by one thread at a time.

    `warn(about, sentence)` is told once of each kind of loss.
    """

    def __init__(self, state: Accumulator, warn: Callable[[str, str], None]) -> None:
        self._state = state
        self._warn = warn
        self._dropped_told = 0
        self._invalid_told = 0
        self._renew_at = 0.0

    def take(self, now: float, now_ns: int) -> int:
        """Move what waits; how many records these were. `now` is perf_counter's, `now_ns` the
        wall clock's reading of the same moment."""
        waited = sum(self._take_records())
        self._take_spans(now, now_ns)
        self._count_losses()
        return waited

    def _take_records(self) -> Iterator[int]:
        state = self._state
        for tray in taken(inbox.timings):
            plain, rest = tray.take()
            state.add_calls(tray.key, plain, rest)
            if tray.spans:
                state.spans.left_out += len(plain) + len(rest)
            yield len(plain) + len(rest)
        for tray in taken(inbox.counts):
            amounts = tray.take()[0]
            state.add_amounts(tray.key, amounts)
            yield len(amounts)
        for key in list(inbox.gauges):
            state.set_gauge(key, inbox.gauges.pop(key))
            yield 1
        for topic, value in taken(inbox.publishes):
            state.publish(topic, value)
            yield 1

    def _take_spans(self, now: float, now_ns: int) -> None:
        spans = self._state.spans
        for scope in (*inbox.scopes.values(), *taken(inbox.opened)):
            for node in scope:
                if not is_unlisted(node):
                    break
                spans.list_open(node, now, now_ns)
        if inbox.ended:
            spans.add_ended(taken(inbox.ended), now, now_ns)
        self._state.count_left_out()
        if now >= self._renew_at:
            self._renew_at = now + 1.0
            inbox.details, inbox.failures = DETAILS_PER_SECOND, FAILURES_PER_SECOND

    def _count_losses(self) -> None:
        dropped, invalid = inbox.dropped, inbox.invalid
        if dropped > self._dropped_told:
            self._state.lose("queue full", dropped - self._dropped_told)
            self._dropped_told = dropped
            self._warn(
                "queue", "records come faster than they can be taken; the rest is counted as lost"
            )
        if invalid > self._invalid_told:
            self._state.lose("invalid value", invalid - self._invalid_told)
            self._invalid_told = invalid
            self._warn(
                "invalid",
                "a value was not recorded: durations and counts must be finite and >= 0, "
                "gauges finite",
            )


def is_anything_waiting() -> bool:
    """Whether `take` would find something."""
    return bool(
        inbox.timings
        or inbox.counts
        or inbox.gauges
        or inbox.publishes
        or inbox.ended
        or inbox.opened
        or any(is_unlisted(scope.top) for scope in list(inbox.scopes.values()))
    )


def is_unlisted(node: Node) -> bool:
    """Whether an open span is one that the flusher has not seen yet."""
    note = node[SPAN]
    return not (node is ROOT or (isinstance(note, Note) and note.listed))
