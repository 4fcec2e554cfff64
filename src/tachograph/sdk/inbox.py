"""What was recorded and not yet taken: between the callers' threads and the flusher.

Each name has a tray. A call puts a number on it, and that is nearly all; once per flush and
name it also announces the tray. No lock is held here, ever: lists and deques are appended to
in one step, and the order of the steps is such that nothing is missed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

from tachograph.sdk.sums import Timing

if TYPE_CHECKING:
    from tachograph.sdk.scope import Node, Scope

Item = TypeVar("Item")
#: The end of a span that is told whole: its node, the node around it, and when (perf_counter).
Ended = tuple["Node", "Node", float]

#: Records that may wait for the flusher. At 50 ms a flush that is 4 million a second.
LIMIT = 200_000
#: Of these, published values, which may be large, and gauges, of which each has a place.
PUBLISHES = 1_000
GAUGES = 20_000
#: The flusher is expected to come by in this time. If it does not, callers count.
PATIENCE_S = 0.5
#: Individual spans that are kept each second, over all names.
DETAILS_PER_SECOND = 10_000
#: Failures that are told whole each second: of one name, and over all names.
FAILURES_PER_NAME = 5
FAILURES_PER_SECOND = 100
#: Names whose trays are found at once. They are a cache: with more, it begins anew.
NAMES = 10_000

#: (span kind or "", name, labels)
TimerKey = tuple[str, str, tuple[tuple[str, str], ...]]
#: (kind, name, unit, labels, merge)
InstrumentKey = tuple[str, str, str, tuple[tuple[str, str], ...], str]


class Tray:
    """What calls of one name recorded since the flusher was here.

    A caller first puts down its number, then looks at `waiting`; the flusher first clears
    `waiting`, then takes. So a number that comes at that very moment is taken, or announced
    anew. `quick` is `waiting`, and no call is wanted in detail any more.
    """

    __slots__ = (
        "__weakref__",
        "failures",
        "failures_renew",
        "keep",
        "key",
        "line",
        "numbers",
        "quick",
        "renew",
        "rest",
        "spans",
        "waiting",
    )

    def __init__(self, key: Any, line: deque[Tray], spans: bool = False) -> None:
        inbox.trays.add(self)
        self.key = key
        #: Whether each call here could also be told whole.
        self.spans = spans
        self.line = line
        #: Seconds of calls that went well and had no children; amounts of a counter.
        self.numbers: list[float] = []
        #: All other calls.
        self.rest: list[Timing] = []
        self.waiting = self.quick = False
        #: So many calls are still wanted in detail, until `renew` (by perf_counter).
        self.keep = 0
        self.renew = 0.0
        #: The same for failures, which come first.
        self.failures = 0
        self.failures_renew = 0.0

    def announce(self) -> None:
        """Say that something lies here."""
        self.waiting = True
        self.line.append(self)
        # The flusher may have gone to sleep since the caller looked.
        if inbox.idle:
            inbox.ring()

    def admit_failure(self, now: float) -> bool:
        """Whether one more failure of this name is told whole. `now` is perf_counter's."""
        if now >= self.failures_renew:
            self.failures, self.failures_renew = FAILURES_PER_NAME, now + 1.0
        if self.failures <= 0 or inbox.failures <= 0:
            return False
        self.failures -= 1
        inbox.failures -= 1
        return True

    def take(self) -> tuple[list[float], list[Timing]]:
        """Everything that lies here."""
        self.waiting = self.quick = False
        return _taken_list(self.numbers), _taken_list(self.rest)

    def empty(self) -> None:
        """Forget everything."""
        self.waiting = self.quick = False
        self.numbers.clear()
        self.rest.clear()


class Inbox:
    """Everything that waits, how much more may come, and the bell that wakes the flusher.

    `until` (by perf_counter) nobody who knows the time need ask anything: the flusher is awake.
    Otherwise there is `room` for so many records more. Both are 0 while the flusher sleeps
    without a deadline, and `admit` tells that from there being too much.
    """

    __slots__ = (
        "counts",
        "details",
        "dropped",
        "ended",
        "failures",
        "gauges",
        "idle",
        "invalid",
        "limit",
        "listed",
        "opened",
        "publishes",
        "ring",
        "room",
        "scopes",
        "timings",
        "trays",
        "until",
    )

    def __init__(self) -> None:
        self.trays: WeakSet[Tray] = WeakSet()
        self.timings: deque[Tray] = deque()
        self.counts: deque[Tray] = deque()
        self.gauges: dict[InstrumentKey, float | None] = {}
        self.publishes: deque[tuple[str, dict[str, Any]]] = deque()
        self.ended: deque[Ended] = deque()
        #: Where open spans are found: each thread's, those that began in tasks lately, and
        #: those that the flusher has listed, by their number.
        self.scopes: dict[int, Scope] = {}
        self.opened: deque[Scope] = deque()
        self.listed: dict[int, Node] = {}
        self.limit = LIMIT
        self.room = 0
        self.until = 0.0
        self.details = DETAILS_PER_SECOND
        self.failures = FAILURES_PER_SECOND
        self.dropped = 0
        self.invalid = 0
        self.idle = True
        self.ring: Callable[[], None] = _nothing

    def sleep(self) -> None:
        """From now on somebody has to ring."""
        self.idle = True
        self.room = 0
        self.until = 0.0

    def wake(self) -> None:
        """The flusher is awake, or about to be."""
        # `idle` last: who sees that the flusher is awake must find room.
        self.room = self.limit
        if self.limit:
            self.until = perf_counter() + PATIENCE_S
        self.idle = False

    def clear(self) -> None:
        """Forget everything: a forked child starts empty."""
        for tray in self.trays:
            tray.empty()
        for queue in (self.timings, self.counts, self.publishes, self.ended, self.opened):
            queue.clear()
        self.gauges.clear()
        self.listed = {}
        self.dropped = self.invalid = 0


def _nothing() -> None:
    pass


inbox = Inbox()


def admit() -> bool:
    """Whether one more record may come. Wakes the flusher if it sleeps."""
    for _ in range(3):
        if inbox.idle:
            inbox.ring()
        if inbox.room:
            inbox.room -= 1
            return True
        # The flusher may have fallen asleep between the two looks; then it is not too much.
        if not inbox.idle:
            break
    inbox.dropped += 1
    return False


def ring_if_idle() -> None:
    """Something happened that is no record in a tray."""
    if inbox.idle:
        inbox.ring()


def refuse() -> None:
    """Count a value that can't be recorded: no number, infinite, or negative without a right to."""
    inbox.invalid += 1
    ring_if_idle()


def keep_tray(trays: dict[Any, Tray], key: Any, tray: Tray) -> Tray:
    """Remember a tray, unless its name is huge. The one that is there already wins."""
    if len(tray.key[1]) > 1_000:
        return tray
    if len(trays) >= NAMES:
        trays.clear()
    return trays.setdefault(key, tray)


def taken(queue: deque[Item]) -> Iterator[Item]:
    """What was in the queue when asked; what comes meanwhile waits for the next time."""
    pop = queue.popleft
    for _ in range(len(queue)):
        yield pop()


def _taken_list(items: list[Item]) -> list[Item]:
    """The same for a list. Others append meanwhile, at its end."""
    found = items[:]
    del items[: len(found)]
    return found
