"""Timers: durations of what is not worth a span. Only the aggregate is kept."""

from __future__ import annotations

from contextvars import ContextVar
from math import inf
from time import perf_counter
from typing import Any

from tachograph.sdk import limits
from tachograph.sdk.decorator import Decorator
from tachograph.sdk.failure import is_failure
from tachograph.sdk.inbox import Tray, admit, inbox, keep_tray, refuse

#: Entries of timers that are in use several times at once, innermost first: each has the
#: timer, its start, and the entry around it.
_Entry = tuple["Timer", float, Any]
Labels = tuple[tuple[str, str], ...]

#: Of timers without labels, by name; of the others by name and labels.
trays: dict[str, Tray] = {}
_labelled: dict[tuple[str, Labels], Tray] = {}
_entries: ContextVar[_Entry | None] = ContextVar("tachograph.timers", default=None)


class Timer(Decorator):
    """Times calls under one name. May be kept and shared by threads and tasks.

    The one that uses it alone leaves its start in the timer. The first time that two use it at
    once it becomes `shared` for good: from then on each leaves its start in its own context.
    """

    __slots__ = ("shared", "start", "tray")
    shared: bool
    start: float
    tray: Tray

    def fresh(self) -> Timer:
        return new_timer(self.tray)

    def __enter__(self) -> Timer:
        now = perf_counter()
        # No function is called from here to the end, so nobody comes in between.
        if self.start:
            return self._share(now)
        self.start = now
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: Any
    ) -> None:
        end = perf_counter()
        start = self.start
        if kind is not None or self.shared or not start:
            return self._leave(end, kind)
        self.start = 0.0
        if end > inbox.until and not admit():
            return None
        tray = self.tray
        tray.numbers.append(end - start)
        if not tray.waiting:
            tray.announce()
        return None

    async def __aenter__(self) -> Timer:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: Any
    ) -> None:
        self.__exit__(kind, error, trace)

    def observe(self, seconds: float) -> None:
        """Count a duration that was measured elsewhere: seconds, >= 0 and finite."""
        observe(self.tray, seconds, True)

    def _share(self, now: float) -> Timer:
        self.shared = True
        _entries.set((self, now, _entries.get()))
        return self

    def _leave(self, end: float, kind: type[BaseException] | None) -> None:
        start = self._start()
        if start > 0:
            observe(self.tray, end - start, not is_failure(kind))

    def _start(self) -> float:
        """When the caller entered, by its context or else by the timer itself."""
        entry = _entries.get()
        around: list[_Entry] = []
        while entry is not None:
            if entry[0] is self:
                rest: _Entry | None = entry[2]
                for other in reversed(around):
                    rest = (other[0], other[1], rest)
                _entries.set(rest)
                return entry[1]
            around.append(entry)
            entry = entry[2]
        # A shared timer never goes back to 0: nobody may take it for unused.
        start, self.start = self.start, -1.0 if self.shared else 0.0
        return start


def new_timer(tray: Tray) -> Timer:
    """A timer that puts its durations on this tray."""
    timer = Timer()
    timer.tray = tray
    timer.start = 0.0
    timer.shared = False
    return timer


def timer_tray(name: Any, labels: Labels) -> Tray:
    """The tray of a timer, made where there is none yet."""
    text = name if type(name) is str else limits.text(name, limits.MAX_NAME)
    if not labels:
        return trays.get(text) or keep_tray(trays, text, Tray(("", text, ()), inbox.timings))
    key = (text, labels)
    return _labelled.get(key) or keep_tray(_labelled, key, Tray(("", text, labels), inbox.timings))


def observe(tray: Tray, seconds: float, success: bool) -> None:
    """Put down one duration. One that is none is refused and counted."""
    try:
        valid = 0.0 <= seconds < inf
        seconds = float(seconds)
    except (TypeError, ValueError, OverflowError):
        valid = False
    if not valid:
        refuse()
        return
    if inbox.room:
        inbox.room -= 1
    elif not admit():
        return
    if success:
        tray.numbers.append(seconds)
    else:
        tray.rest.append((seconds, seconds, True))
    if not tray.waiting:
        tray.announce()
