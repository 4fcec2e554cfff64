"""`tacho run`: another process as a source, seen from its parent.

The program is started first and everything else beside its own start, so that it waits for
nothing. Its process tree is sampled from outside; what a Python program tells of itself (see
`telltale`) comes through a pipe. Its exit status is known here, so its end is told exactly.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tachograph.errors import ConfigError
from tachograph.sdk.ids import new_id

__all__ = ["Child", "follow", "new_id", "service_of", "start"]

if TYPE_CHECKING:
    from tachograph.model import Goodbye, State
    from tachograph.sdk.recorder import Recorder

TELLTALE = Path(__file__).parent / "telltale"
#: Sent to the program when they are sent to `tacho run`; SIGINT reaches it from the terminal.
FORWARDED = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGQUIT", "SIGCONT", "SIGTSTP")
#: After the program's end, what it told may still be in the pipe for so long.
DRAIN_S = 0.5
_HEADER_BYTES = 5
_MAX_MESSAGE = 1 << 20


class Child(NamedTuple):
    """The program that runs, and the pipe that it may speak through."""

    process: subprocess.Popen[bytes]
    pipe: int


def start(command: Sequence[str], source_id: str) -> Child:
    """Start the program. Raises ConfigError when it can't be."""
    reader, writer = os.pipe()
    environ = dict(os.environ)
    path = environ.get("PYTHONPATH", "")
    environ["PYTHONPATH"] = f"{TELLTALE}{os.pathsep}{path}" if path else str(TELLTALE)
    environ["TACHOGRAPH_TELLTALE"] = str(writer)
    environ["TACHOGRAPH_PARENT"] = source_id
    try:
        process = subprocess.Popen(command, env=environ, pass_fds=(writer,))
    except OSError as error:
        os.close(reader)
        raise ConfigError(f"{command[0]} can't be started ({error.strerror or error})") from error
    finally:
        os.close(writer)
    return Child(process, reader)


def follow(child: Child, recorder: Recorder) -> int:
    """Record the program until it ends; its exit code, 128 + n when a signal ended it."""
    said: dict[str, str] = {}
    listener = threading.Thread(
        target=listen, args=(child.pipe, lambda letter, text: _take(recorder, said, letter, text))
    )
    listener.daemon = True
    listener.start()
    kills = _out_of_memory_kills()
    recorder.start()
    with _forwarding(child.process):
        code = child.process.wait()
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
    state = "terminated" if name in ("SIGTERM", "SIGINT", "SIGHUP") else "killed"
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
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _out_of_memory_kills() -> int:
    """Processes that the kernel killed for memory in this control group, 0 where it doesn't say."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        group = Path("/proc/self/cgroup").read_text().strip().rpartition("::")[2]
        events = Path(f"/sys/fs/cgroup{group}/memory.events").read_text()
        return int(events.split("oom_kill ")[1].split()[0])
    return 0


@contextlib.contextmanager
def _forwarding(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Signals for `tacho run` are meant for the program."""
    before = {}
    for name in FORWARDED:
        number = getattr(signal, name, None)
        if number is not None:
            before[number] = signal.signal(number, lambda n, _: process.send_signal(n))
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def service_of(command: Sequence[str]) -> str:
    """A name for the program: the script of an interpreter, otherwise the command itself."""
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
