"""Signals that end the process: it says goodbye first, and dies by the signal as ever.

A handler is put only where there is none. Where a program has one of its own that lets the
signal through in the end (it restores the default and sends it to itself, as servers do when
they have shut down), the goodbye is said when it does that.
"""

from __future__ import annotations

import functools
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from tachograph.sdk import recorder as recording

#: They end a process that does nothing about them.
ENDING = ("SIGTERM", "SIGHUP")
#: These too, but they are left to the program until it sends them to itself.
SELF_SENT = (*ENDING, "SIGINT", "SIGQUIT")
#: A process that is to end waits so long for its last frame.
TIMEOUT_S = 0.5


def install() -> None:
    """Listen to the signals that nobody listens to. Only a main thread may; on another one
    what is sent from outside is not heard."""
    _watch_self_sent()
    if threading.current_thread() is not threading.main_thread():
        return
    for number in _numbers(ENDING):
        try:
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _ended)
        except (ValueError, OSError):  # an embedded interpreter
            pass


def _numbers(names: tuple[str, ...]) -> list[signal.Signals]:
    return [signal.Signals[name] for name in names if name in signal.Signals.__members__]


def _ended(number: int, frame: FrameType | None) -> None:
    recorder = recording.recorder()
    if recorder is not None and recorder.turn.is_mine:
        recorder.turn.put_off(lambda: _end(number))
    else:
        _end(number)


def _end(number: int) -> None:
    _say(number)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _say(number: int) -> None:
    try:
        recording.end("terminated", signal.Signals(number).name, TIMEOUT_S)
    except Exception:
        recording.log.debug("goodbye failed", exc_info=True)


def _watch_self_sent() -> None:
    def kill(original: Callable[..., Any], pid: int, number: int, /) -> Any:
        if pid == os.getpid():
            _before_death(number)
        return original(pid, number)

    def raise_signal(original: Callable[..., Any], number: int) -> Any:
        _before_death(number)
        return original(number)

    os.kill = _around(os.kill, kill)
    signal.raise_signal = _around(signal.raise_signal, raise_signal)


def _around(original: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    return functools.wraps(original)(functools.partial(function, original))


def _before_death(number: int) -> None:
    try:
        if number in _numbers(SELF_SENT) and signal.getsignal(number) is signal.SIG_DFL:
            _say(number)
    except Exception:
        recording.log.debug("goodbye failed", exc_info=True)
