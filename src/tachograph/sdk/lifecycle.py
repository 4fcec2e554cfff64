"""The ends of a process, and its forks: who says goodbye, and when.

`atexit` for the normal end, multiprocessing's own finalizer for its workers (they leave by
`os._exit`), a SIGTERM handler where nobody else has one. An end without any of them (SIGKILL,
`os._exit`) is noticed by the reader, because the log's lock is gone.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any

from tachograph.sdk import recorder as recording
from tachograph.sdk.failure import error_text

#: A fork waits so long for the flusher to stand still.
FORK_WAIT_S = 0.005

_installed = False
_failure = ""
_previous_hook: Any = None


def install() -> None:
    """Hook into the ends of this process, once, and into what can only be hooked later."""
    global _installed, _previous_hook
    _hook_multiprocessing()
    if _installed:
        return
    _installed = True
    atexit.register(_leave)
    _previous_hook = sys.excepthook
    sys.excepthook = _uncaught
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child
        )
    _hook_sigterm()


def _hook_multiprocessing() -> None:
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if util is None or process is None or process.parent_process() is None:
        return
    # Priority above 0 runs before the children are joined; -100 is after queues are flushed.
    util.Finalize(None, _leave, exitpriority=-100)


def _hook_sigterm() -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    try:
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _terminated)
    except (ValueError, OSError):  # an embedded interpreter
        pass


def _terminated(number: int, frame: FrameType | None) -> None:
    recording.end("terminated", "SIGTERM", timeout_s=0.5)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    global _failure
    _failure = error_text(kind, error)
    _previous_hook(kind, error, trace)


def _leave() -> None:
    try:
        recording.end("failed" if _failure else "ended", _failure)
    except Exception:
        recording.log.debug("goodbye failed", exc_info=True)


def _before_fork() -> None:
    recorder = recording.recorder()
    if recorder is not None:
        recorder.stop_thread(FORK_WAIT_S)


def _after_fork() -> None:
    recorder = recording.recorder()
    if recorder is not None:
        recorder.start()


def _in_child() -> None:
    global _failure
    _failure = ""
    recording.forget_parent()


recording.before_begin = install
