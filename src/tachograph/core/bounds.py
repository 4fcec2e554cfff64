"""What a frame may say. A log is written by anybody who may write there, so nothing in it is
believed that could not be stored or shown with all the rest. Pure."""

from __future__ import annotations

from tachograph.core.patch import carried
from tachograph.model import Frame, SpanEnd, TimerTick

#: An instant further ahead of this machine's clock is taken for now.
AHEAD_NS = 5_000_000_000
#: No count goes as far; what says so is wrong, and its sums could not be shown any more.
MOST = 1 << 53
#: Beyond this a number is no figure: its sums would be infinite.
LARGE = 1e300


def bound(frame: Frame, now_ns: int) -> None:
    """Put all instants between the epoch and a moment from now, and take out what can't be
    carried, in place."""
    latest = now_ns + AHEAD_NS
    if not 0 <= frame.at_ns <= latest:
        frame.at_ns = max(0, min(frame.at_ns, latest))
    if frame.goodbye is not None:
        frame.goodbye.at_ns = max(0, min(frame.goodbye.at_ns, latest))
    for start in frame.started:
        start.at_ns = max(0, min(start.at_ns, latest))
        if start.attributes and not carried(start.attributes):
            start.attributes = {}
    for end in frame.ended:
        _bound_end(end, latest)


def _bound_end(end: SpanEnd, latest: int) -> None:
    end.at_ns = max(0, min(end.at_ns, latest))
    if end.attributes and not carried(end.attributes):
        end.attributes = {}
    if not 0 <= end.duration_s < MOST:
        end.duration_s = 0.0


def possible(tick: TimerTick) -> bool:
    """Whether these figures can be a timer's."""
    sums = tick.sum_s + tick.self_s + tick.min_s + tick.max_s
    # NaN is on neither side of anything.
    return -MOST < sums < MOST and 0 <= tick.errors <= tick.count < MOST
