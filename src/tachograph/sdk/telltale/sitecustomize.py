"""Put before the path of a Python program by `tacho run`: it tells what only the inside knows.

An uncaught exception, lines of standard error, and once a second what the main thread is
doing go to a pipe. Loaded by `site` before the program, so it imports nothing that Python has
not loaded already, raises nothing, waits for nothing, and takes itself out of the environment:
the program's own children are not concerned. The real `sitecustomize`, if any, is loaded after.

A message is one letter, its length in four bytes, and UTF-8: E error, L line, S stack,
D number of lines that were left out.
"""

import _thread
import atexit
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
_FORK_WAIT_S = 0.02
_TASKS = "/proc/self/task"


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
        self.task = 0
        self.returning: object = None
        self.tee: object = None
        os.set_blocking(descriptor, False)
        os.set_inheritable(descriptor, False)
        self.pipe = self.file()

    def tell(self, letter: bytes, text: str) -> bool:
        """Send one message; False when nobody takes it. Never raises, never waits."""
        if os.getpid() != self.pid:
            return True  # a forked child has no say
        data = text.encode("utf-8", "replace")[-_LIMIT:]
        try:
            if self.file() != self.pipe:  # closed by the program, and its own by now
                return False
            os.write(self.descriptor, letter + len(data).to_bytes(4, "little") + data)
        except (OSError, ValueError):
            return False
        return True

    def file(self) -> "tuple[int, int]":
        """What the descriptor stands for."""
        stat = os.fstat(self.descriptor)
        return stat.st_dev, stat.st_ino

    def line(self, text: str) -> None:
        """Tell a line, or count it where there are too many."""
        if self.room > 0 and self.tell(b"L", text):
            self.room -= 1
        else:
            self.left_out += 1

    def count(self) -> None:
        """Tell how many lines were too many, since the last time."""
        if self.left_out:
            count, self.left_out = self.left_out, 0
            self.tell(b"D", str(count))

    def start(self) -> None:
        """Watch the main thread from another one."""
        self.stop, self.stopped = _thread.allocate_lock(), _thread.allocate_lock()
        self.stop.acquire()
        self.stopped.acquire()
        _thread.start_new_thread(self.watch, (self.stop, self.stopped))

    def watch(self, stop: "_thread.LockType", stopped: "_thread.LockType") -> None:
        """Once a period: what the main thread is doing, when it isn't what it was."""
        self.task = _thread.get_native_id()
        while not stop.acquire(timeout=_PERIOD_S):
            self.room = _LINES_PER_SECOND
            self.count()
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
        """Let the thread end: since 3.12 Python warns of forks beside threads."""
        if self.stop.locked():
            self.stop.release()
        self.stopped.acquire(timeout=_FORK_WAIT_S)
        if sys.version_info >= (3, 12):
            for _ in range(1_000):
                if not os.path.exists(f"{_TASKS}/{self.task}"):
                    break
                os.sched_yield()
            self.hook_return()

    def after_fork(self) -> None:
        """Begin anew: at once beside other threads, of which Python warns anyway, and otherwise
        when `fork` has returned."""
        try:
            alone = len(os.listdir(_TASKS)) == 1
        except OSError:
            alone = False
        if not (alone and self.returning):
            self.start()

    def hook_return(self) -> None:
        """Have the thread started when `fork` has returned: only then Python counts no more."""
        if self.returning is not None:
            return
        self.returning = False
        try:
            import ctypes
            from functools import partial

            resume = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(self.resume)
            add = ctypes.pythonapi.Py_AddPendingCall
            os.register_at_fork(after_in_parent=partial(add, resume, None))
            self.returning = resume
        except Exception:  # then Python warns
            pass

    def resume(self, _: object) -> int:
        """The interpreter calls it."""
        if not self.stop.locked():
            self.start()
        return 0

    def uncaught(self, previous: "Hook") -> "Hook":
        """An excepthook that tells, then does what was to be done."""

        def hook(
            kind: type[BaseException], error: BaseException, trace: "TracebackType | None"
        ) -> None:
            text = kind.__name__
            # An import runs code, and with that Python forgets that it is to die by SIGINT.
            if not issubclass(kind, KeyboardInterrupt):
                try:
                    import traceback

                    text = "".join(traceback.format_exception(kind, error, trace))
                except Exception:
                    pass
            self.tell(b"E", text)
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
        # A program that replaces it and restores `__stderr__` would find that one closed.
        telltale.tee = tee
        sys.stderr = tee
    atexit.register(telltale.count)
    telltale.start()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=telltale.before_fork, after_in_parent=telltale.after_fork)


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
