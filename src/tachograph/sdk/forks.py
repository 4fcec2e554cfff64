"""Forks: the flusher stands still meanwhile, and the child is a new source.

Since 3.12 Python warns of a fork in a process with several threads. It counts those that the
system has, and that after all hooks have run. So the flusher's thread has to be gone from the
system before the fork, and may come back only when `fork` has returned: the interpreter calls
`_resume` before it goes on with the program.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
import time
from collections.abc import Callable

from tachograph.sdk import recorder as recording

_WARNS = sys.version_info >= (3, 12)
#: A fork waits so long for the flusher to stand still, at most: longer where a warning, which may
#: be an error, would come of it. As a rule it takes a tenth of a millisecond.
WAIT_S = 0.1 if _WARNS else 0.005
_TASKS = "/proc/self/task"

#: What is to be kept alive for `_resume` to be called; False: it can't be had.
_returning: object = None


def install(forget: Callable[[], None]) -> None:
    """Hook into the forks of this process; `forget` is called first in a child."""

    def in_child() -> None:
        forget()
        recording.forget_parent()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=in_child)


def _before() -> None:
    recorder = recording.recorder()
    if recorder is None:
        return
    flushers = _flushers() if _WARNS else []
    recorder.stop_thread(WAIT_S)
    if _WARNS:
        _await_end(flushers)
        _hook_return()


def _in_parent() -> None:
    recorder = recording.recorder()
    # Beside other threads Python warns anyway, and the main one may be waiting for long.
    if recorder is not None and not (_returning and _alone()):
        _resume()


def _resume(_: object = None) -> int:
    try:
        recorder = recording.recorder()
        if recorder is not None:
            recorder.start()
    except Exception:
        recording.log.debug("the flusher could not be started after a fork", exc_info=True)
    return 0


def _hook_return() -> None:
    """Have `_resume` called once `fork` has returned. Only compiled code may ask for it here: in
    a Python function the interpreter would do it at once."""
    global _returning
    if _returning is not None:
        return
    _returning = False
    try:
        import ctypes

        resume = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(_resume)
        add = ctypes.pythonapi.Py_AddPendingCall
        os.register_at_fork(after_in_parent=functools.partial(add, resume, None))
        _returning = resume
    except Exception:  # no ctypes, or not CPython: the thread is started before the return
        recording.log.debug("Python may warn of threads at forks", exc_info=True)


def _flushers() -> list[int]:
    """Threads of the system that may be a flusher's."""
    threads = threading.enumerate()
    return [one.native_id for one in threads if one.name == "tachograph" and one.native_id]


def _await_end(threads: list[int]) -> None:
    """A thread that was joined is still there for a moment."""
    until = time.monotonic() + WAIT_S
    for thread in threads:
        while os.path.exists(f"{_TASKS}/{thread}") and time.monotonic() < until:
            os.sched_yield()


def _alone() -> bool:
    try:
        return len(os.listdir(_TASKS)) == 1
    except OSError:
        return threading.active_count() == 1
