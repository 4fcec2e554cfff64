"""The ends of a process: who says goodbye, and when.

`atexit` for the normal end, multiprocessing's own finalizer for its workers (they leave by
`os._exit`), handlers of signals where nobody else has one, and before another program takes
the process over by `exec`. An end without any of them (SIGKILL, `os._exit`) is noticed by the
reader, because the log's lock is gone.
"""

from __future__ import annotations

import atexit
import functools
import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

from tachograph.model import Goodbye, State
from tachograph.sdk import forks, late, signals
from tachograph.sdk import recorder as recording
from tachograph.sdk.failure import error_text

#: A process that ends waits so long for its last frame, and for the flusher to be gone.
GOODBYE_S = 0.6
STOP_S = 0.3

_installed = False
#: How the process is going to end, as far as is known: state and reason.
_verdict: tuple[State, str] = ("ended", "")
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
    forks.install(_forget)
    signals.install()
    _hook_exec()


def _hook_multiprocessing() -> None:
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if util is None or process is None or process.parent_process() is None:
        return
    # Priority above 0 runs before the children are joined; -100 is after queues are flushed.
    util.Finalize(None, _leave_worker, exitpriority=-100)


def _hook_exec() -> None:
    def execute(original: Callable[..., Any], path: Any, *rest: Any, **named: Any) -> Any:
        # `execvp` tries one directory after another; only what is there ends this program.
        if isinstance(path, int) or (os.path.isfile(path) and os.access(path, os.X_OK)):
            name = path if isinstance(path, int) else os.fsdecode(path)
            recording.end("ended", f"exec {name}", GOODBYE_S)
        return original(path, *rest, **named)

    for name in ("execv", "execve"):  # all others call one of them
        original = getattr(os, name, None)
        if original is not None:
            hooked = functools.partial(execute, original)
            setattr(os, name, functools.wraps(original)(hooked))


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    global _verdict
    _verdict = _verdict_of(kind, error)
    _previous_hook(kind, error, trace)


def _verdict_of(kind: type[BaseException] | None, error: BaseException | None) -> tuple[State, str]:
    if kind is None or issubclass(kind, SystemExit):
        return "ended", ""
    if issubclass(kind, KeyboardInterrupt):  # Python lets itself be ended by the signal then
        return "terminated", "SIGINT"
    return "failed", error_text(kind, error)


def _leave_worker() -> None:
    global _verdict
    # A worker's exception is printed by multiprocessing, and passes here on its way.
    kind, error, _ = sys.exc_info()
    if kind is not None:
        _verdict = _verdict_of(kind, error)
    _leave()


def _leave() -> None:
    recorder = recording.recorder()
    if recorder is None or recorder.ended:
        return
    try:
        state, reason = _verdict
        goodbye = Goodbye(state, recorder.clock.now_ns(), reason)
        recorder.say_goodbye(goodbye, GOODBYE_S, close=False)
        recorder.stop_thread(STOP_S)
        late.stay(recorder)
    except Exception:
        recording.log.debug("goodbye failed", exc_info=True)


def _forget() -> None:
    global _verdict
    _verdict = ("ended", "")


recording.before_begin = install
recording.is_late = late.is_late
recording.stay = late.stay
