"""Put before the path of a Python program by `tacho run`: it tells what only the inside knows.

An uncaught exception, lines of standard error, and once a second what the main thread is
doing go to a pipe. Loaded by `site` before the program, so it imports nothing that Python has
not loaded already, raises nothing, waits for nothing, and takes itself out of the environment:
the program's own children are not concerned. The real `sitecustomize`, if any, is loaded after.

A message is one letter, its length in four bytes, and UTF-8: E error, L line, S stack,
D number of lines that were left out.
"""

import _thread
import io
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any

    Hook = Callable[[type[BaseException], BaseException, TracebackType | None], Any]

_LIMIT = 16_000
_LINES_PER_SECOND = 200
_PERIOD_S = 1.0
#: A fork waits so long for the thread to be gone.
_FORK_WAIT_S = 0.005


class _Telltale:
    """What is told, and the thread that watches the main one."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.pid = os.getpid()
        self.main = _thread.get_ident()
        self.room = _LINES_PER_SECOND
        self.left_out = 0
        self.stack = ""
        self.stop = _thread.allocate_lock()
        self.stopped = _thread.allocate_lock()
        os.set_blocking(descriptor, False)
        os.set_inheritable(descriptor, False)

    def tell(self, letter: bytes, text: str) -> bool:
        """Send one message; False when nobody takes it. Never raises, never waits."""
        if os.getpid() != self.pid:
            return True  # a forked child has no say
        data = text.encode("utf-8", "replace")[-_LIMIT:]
        try:
            os.write(self.descriptor, letter + len(data).to_bytes(4, "little") + data)
        except (OSError, ValueError):
            return False
        return True

    def line(self, text: str) -> None:
        """Tell a line, or count it where there are too many."""
        if self.room > 0 and self.tell(b"L", text):
            self.room -= 1
        else:
            self.left_out += 1

    def start(self) -> None:
        """Watch the main thread from another one."""
        self.stop, self.stopped = _thread.allocate_lock(), _thread.allocate_lock()
        self.stop.acquire()
        self.stopped.acquire()
        _thread.start_new_thread(self.watch, (self.stop, self.stopped))

    def watch(self, stop: "_thread.LockType", stopped: "_thread.LockType") -> None:
        """Once a period: what the main thread is doing, when it isn't what it was."""
        while not stop.acquire(timeout=_PERIOD_S):
            self.room = _LINES_PER_SECOND
            if self.left_out:
                count, self.left_out = self.left_out, 0
                self.tell(b"D", str(count))
            stack = self.calls()
            if stack and stack != self.stack:
                self.stack = stack
                self.tell(b"S", stack)
        stopped.release()

    def calls(self) -> str:
        """The main thread's calls, the outermost first."""
        frame = sys._current_frames().get(self.main)
        calls: list[str] = []
        while frame is not None and len(calls) < 100:
            code = frame.f_code
            calls.append(f"{code.co_filename}:{frame.f_lineno} {code.co_qualname}")
            frame = frame.f_back
        return "\n".join(reversed(calls))

    def before_fork(self) -> None:
        """Let the thread end: Python warns of forks beside threads."""
        self.stop.release()
        self.stopped.acquire(timeout=_FORK_WAIT_S)

    def uncaught(self, previous: "Hook") -> "Hook":
        """An excepthook that tells, then does what was to be done."""

        def hook(
            kind: type[BaseException], error: BaseException, trace: "TracebackType | None"
        ) -> None:
            try:
                import traceback

                self.tell(b"E", "".join(traceback.format_exception(kind, error, trace)))
            except Exception:
                self.tell(b"E", kind.__name__)
            previous(kind, error, trace)

        return hook


class _Tee(io.TextIOWrapper):
    """Standard error as it was, telling each line that goes through."""

    telltale: _Telltale
    _rest = ""

    def write(self, text: str) -> int:
        """Write, and tell the lines that are whole."""
        written = super().write(text)
        try:
            *lines, self._rest = (self._rest + text)[-_LIMIT:].split("\n")
            for line in lines:
                if line:
                    self.telltale.line(line)
        except Exception:
            self._rest = ""
        return written


def _begin(descriptor: int) -> None:
    telltale = _Telltale(descriptor)
    sys.excepthook = telltale.uncaught(sys.excepthook)
    old = sys.stderr
    if type(old) is io.TextIOWrapper:
        tee = _Tee(
            old.buffer,
            encoding=old.encoding,
            errors=old.errors,
            line_buffering=old.line_buffering,
            write_through=True,
        )
        tee.telltale = telltale
        sys.stderr = tee
    telltale.start()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=telltale.before_fork, after_in_parent=telltale.start)


def _leave_environment() -> "int | None":
    """Undo what `tacho run` did to the environment; the descriptor, or None."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    kept = [p for p in os.environ.pop("PYTHONPATH", "").split(os.pathsep) if p and p != here]
    if kept:
        os.environ["PYTHONPATH"] = os.pathsep.join(kept)
    descriptor = os.environ.pop("TACHOGRAPH_TELLTALE", "")
    return int(descriptor) if descriptor.isdecimal() else None


def _load_the_real_one() -> None:
    own = sys.modules.pop("sitecustomize")
    try:
        __import__("sitecustomize")
    except ModuleNotFoundError as error:
        if error.name != "sitecustomize":
            raise
        sys.modules["sitecustomize"] = own


try:
    _descriptor = _leave_environment()
    if _descriptor is not None:
        _begin(_descriptor)
except Exception:  # whatever it was, the program starts
    pass
if __name__ == "sitecustomize":
    _load_the_real_one()
