"""`tacho run`: another process as a source, seen from its parent.

The program is started first and everything else beside its own start, so that it waits for
nothing. Its process tree is sampled from outside; what a Python program tells of itself (see
`telltale`) comes through a pipe. Its exit status is known here, so its end is told exactly.
"""

from __future__ import annotations

import os
import sys

from tachograph.sdk.child import Child, become
from tachograph.sdk.ids import new_id

# Threads, pathlib and the rest are imported when the program runs already.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tachograph.model import Goodbye, State
    from tachograph.sdk.recorder import Recorder

__all__ = ["Supervised", "become", "follow", "new_id", "service_of", "start"]

TELLTALE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "telltale")
#: A program needs about so long to start; meanwhile this process does nothing.
START_S = 0.05
#: After the program's end, what it told may still be in the pipe for so long.
DRAIN_S = 0.5
_HEADER_BYTES = 5
_MAX_MESSAGE = 1 << 20
_ENDING = ("SIGTERM", "SIGINT", "SIGHUP")


class Supervised(Child):
    """A program that may speak through a pipe."""

    pipe = -1

    def give_way(self) -> None:
        """Leave the machine to the program while it starts, at most until it has ended."""
        if sys.platform != "win32":
            import select

            select.select([self.pipe], [], [], START_S)


def start(command: Sequence[str], source_id: str) -> Supervised:
    """Start the program. Raises ConfigError when it can't be."""
    reader, writer = os.pipe()
    environ = dict(os.environ)
    path = environ.get("PYTHONPATH", "")
    environ["PYTHONPATH"] = f"{TELLTALE}{os.pathsep}{path}" if path else TELLTALE
    environ["TACHOGRAPH_TELLTALE"] = str(writer)
    environ["TACHOGRAPH_PARENT"] = source_id
    os.set_inheritable(writer, True)
    try:
        child = Supervised(command, environ)
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    child.pipe = reader
    return child


def follow(child: Supervised, recorder: Recorder) -> int:
    """Record the program until it ends; its exit code, 128 + n when a signal ended it."""
    import threading

    said: dict[str, str] = {}
    listener = threading.Thread(
        target=listen, args=(child.pipe, lambda letter, text: _take(recorder, said, letter, text))
    )
    listener.daemon = True
    listener.start()
    kills = _out_of_memory_kills()
    recorder.start()
    code = child.wait()
    listener.join(DRAIN_S)
    goodbye = verdict(code, said.get("E", ""), _out_of_memory_kills() > kills)
    goodbye.at_ns = recorder.clock.now_ns()
    recorder.say_goodbye(goodbye)
    recorder.stop_thread(1.0)
    return code if code >= 0 else 128 - code


def verdict(code: int, error: str, out_of_memory: bool) -> Goodbye:
    """How a program ended, from its exit status as `subprocess` gives it."""
    from tachograph.model import Goodbye

    state: State
    if code == 0:
        return Goodbye("ended", 0, "exit 0", 0)
    if code > 0:
        last = error.strip().rpartition("\n")[2]
        reason = f"exit {code}" + (f", {last}" if last else "")
        return Goodbye("failed", 0, reason, code, "", error)
    name = _signal_name(-code)
    state = "terminated" if name in _ENDING else "killed"
    reason = f"{name}, out of memory" if out_of_memory and name == "SIGKILL" else name
    return Goodbye(state, 0, reason, None, name, error)


def listen(pipe: int, take: Callable[[str, str], None]) -> None:
    """Read messages until the pipe ends, and close it. One that is none ends it too."""
    with open(pipe, "rb", closefd=True) as stream:
        while len(header := stream.read(_HEADER_BYTES)) == _HEADER_BYTES:
            length = int.from_bytes(header[1:], "little")
            if header[:1] not in (b"E", b"L", b"S", b"D") or length > _MAX_MESSAGE:
                return
            take(header[:1].decode(), stream.read(length).decode("utf-8", "replace"))


def _take(recorder: Recorder, said: dict[str, str], letter: str, text: str) -> None:
    said[letter] = text
    recorder.tell(letter, text)


def _signal_name(number: int) -> str:
    import signal

    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _out_of_memory_kills() -> int:
    """Processes that the kernel killed for memory in this control group, 0 where it doesn't say."""
    try:
        with open("/proc/self/cgroup") as file:
            group = file.read().strip().rpartition("::")[2]
        with open(f"/sys/fs/cgroup{group}/memory.events") as file:
            return int(file.read().split("oom_kill ")[1].split()[0])
    except (OSError, ValueError, IndexError):
        return 0


def service_of(command: Sequence[str]) -> str:
    """A name for the program: the script of an interpreter, otherwise the command itself."""
    from pathlib import Path

    name = Path(command[0]).name
    if not name.startswith("python"):
        return Path(name).stem
    words = list(command[1:])
    while words:
        word = words.pop(0)
        if word == "-m" and words:
            return words[0]
        if word == "-c":
            break
        if not word.startswith("-"):
            return Path(word).stem
        if word in ("-W", "-X") and words:
            words.pop(0)
    return Path(sys.executable).stem if name == "python" else name
