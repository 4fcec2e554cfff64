"""Behind the goodbye: what daemon threads and exit handlers of others still record.

No thread runs any more that would take it, and none can be started. So whoever makes a record
writes it too, into the log that is still open, until the interpreter is gone.
"""

from __future__ import annotations

import threading
from collections import deque
from math import inf
from typing import Any

from tachograph.sdk.inbox import LIMIT, inbox
from tachograph.sdk.recorder import Recorder

#: A record waits so long for another thread's, at most.
WAIT_S = 0.2


class _Published(deque[tuple[str, dict[str, Any]]]):
    """Nobody rings for what is published while there is room."""

    def append(self, news: tuple[str, dict[str, Any]], /) -> None:
        super().append(news)
        inbox.ring()


def is_late() -> bool:
    """Whether the interpreter is about to end: exit handlers run, and threads can't be started."""
    return not threading.main_thread().is_alive()


def stay(recorder: Recorder) -> None:
    """From now on each record is written by its caller."""

    def write() -> None:
        try:
            recorder.flush(WAIT_S)
        except Exception:  # the interpreter is being taken apart
            pass

    inbox.publishes = _Published(inbox.publishes)
    inbox.ring = write
    # Nobody is awake, so everybody rings; and there is room, so nobody is turned away.
    inbox.idle = True
    inbox.room = LIMIT
    inbox.until = inf
    write()
