"""The flusher: the one thread of a source, and when it comes by.

First frame after idle at once, then at most every PACE_S. Once an interval it comes by for a
sample, even if nothing happened.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Protocol

from tachograph.sdk.inbox import inbox
from tachograph.sdk.scope import loops

#: Two frames are at least so far apart.
PACE_S = 0.05


class Work(Protocol):
    """What is to be done when the flusher comes by."""

    @property
    def ended(self) -> bool:
        """Whether it is over for good."""
        ...

    @property
    def interval_s(self) -> float:
        """Seconds from sample to sample."""
        ...

    @property
    def is_waiting(self) -> bool:
        """Whether there is something to say."""
        ...

    def come_by(self, runs: Callable[[], bool], *, sample: bool) -> None:
        """Say it; with a sample, if one is due. Nothing more once `runs` is false. Never raises."""
        ...


class Flusher:
    """See the module. Any thread may start, stop and ring."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._bell = threading.Lock()
        self._bell.acquire()
        self._thread: threading.Thread | None = None
        self._generation = 0
        self._busy = False

    def start(self) -> None:
        """Start the thread, or wake it if it runs. Costs the caller a thread start, no I/O."""
        if self._thread is not None and self._thread.is_alive():
            self.ring()
            return
        self._generation += 1
        self._thread = threading.Thread(
            target=self._run, args=(self._generation,), name="tachograph", daemon=True
        )
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Ask the thread to end and wait for it, at most so long."""
        thread, self._thread = self._thread, None
        self._generation += 1
        self.ring()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)

    def ring(self) -> None:
        """Wake the thread. Never blocks; any number of callers at once."""
        inbox.wake()
        try:
            self._bell.release()
        except RuntimeError:  # it rings already
            pass
        # Who rings has recorded something: if that was in a loop, it is one to look at.
        loops.notice()

    # -- the thread --------------------------------------------------------

    def _run(self, generation: int) -> None:
        def runs() -> bool:
            return self._generation == generation and not self._work.ended

        next_sample = monotonic()
        while runs():
            began = monotonic()
            inbox.wake()
            due = began >= next_sample
            if due:
                interval = self._work.interval_s
                next_sample = max(next_sample + interval, began + interval / 2)
            self._work.come_by(runs, sample=due)
            self._wait(began + PACE_S, next_sample, runs)

    def _wait(self, next_frame: float, next_sample: float, runs: Callable[[], bool]) -> None:
        """Until the next frame is due, and there is something to say in it.

        While records keep coming, the thread sleeps from frame to frame. Else it sleeps until
        somebody rings, which costs that caller a little and spares a wake-up for nothing.
        """
        work = self._work
        if self._busy:
            self._pause(next_frame, runs)
            if work.is_waiting:
                return
            self._busy = False
        inbox.sleep()
        # Whoever put something down before that line may not have rung.
        if runs() and not work.is_waiting:
            self._bell.acquire(timeout=max(0.0, next_sample - monotonic()))
        inbox.wake()
        if monotonic() < next_frame and work.is_waiting:
            self._busy = True
            self._pause(next_frame, runs)

    def _pause(self, until: float, runs: Callable[[], bool]) -> None:
        while runs() and (rest := until - monotonic()) > 0:
            self._bell.acquire(timeout=rest)
