"""Whose turn it is to write: a lock that knows of signals."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Turn:
    """A lock. The handler of a signal runs between any two steps of the main thread, so also in
    the middle of a frame that this thread writes. Neither may it write then nor can it wait: it
    puts off what it wants, and that is done as soon as the turn is over."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._wanted: tuple[int, Callable[[], None]] | None = None

    @property
    def is_mine(self) -> bool:
        """Whether the caller's thread has it already: then the caller has interrupted itself."""
        return self._lock._is_owned()  # type: ignore[attr-defined, no-any-return]

    def put_off(self, wanted: Callable[[], None]) -> None:
        """Call this, on this thread, when its turn is over. Only one, and only if it `is_mine`."""
        self._wanted = (threading.get_ident(), wanted)

    def acquire(self, timeout: float = -1) -> bool:
        """Wait for one's turn; False when that takes longer than so many seconds."""
        return self._lock.acquire(timeout=timeout)

    def release(self) -> None:
        """Let others have theirs."""
        self._lock.release()
        wanted = self._wanted
        # It may be another thread's turn already, and that is not the one that was interrupted.
        if wanted is not None and wanted[0] == threading.get_ident() and not self.is_mine:
            self._wanted = None
            wanted[1]()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()
