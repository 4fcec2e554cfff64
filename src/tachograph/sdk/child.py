"""A program that is run for somebody: started, waited for, and every signal passed on to it.

Until it runs nothing is imported that Python has not loaded for itself: its start waits for that.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os
import sys

from tachograph.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import FrameType

_SHELL = "/bin/sh"


def _numbers(*names: str) -> frozenset[int]:
    return frozenset(getattr(_signal, name) for name in names if hasattr(_signal, name))


#: Meant for the program.
FORWARDED = _numbers(
    "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGQUIT", "SIGCONT", "SIGTSTP", "SIGINT"
)
#: A terminal sends these to all that run in its foreground, the program included.
_OF_TERMINAL = _numbers("SIGINT", "SIGQUIT", "SIGTSTP")
#: By these a terminal's user stops what runs there.
_STOPS = _numbers("SIGTSTP", "SIGTTIN", "SIGTTOU")
#: What Python ignores in itself, and its children shall not.
_RESTORED = _numbers("SIGPIPE", "SIGXFSZ")


class Child:
    """A program that runs. From its start on, signals to this process are meant for it."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        """Start it with this process's descriptors. Raises ConfigError when that can't be."""
        self.pid = 0
        self._over = False
        self._early: list[int] = []
        for number in FORWARDED:
            # What is ignored (nohup) stays so, for the program too.
            if _signal.getsignal(number) is not _signal.SIG_IGN:
                _signal.signal(number, self._heard)
        try:
            self.pid = _spawned(command, environ)
        except (OSError, ValueError) as error:
            raise refusal(command, error) from error
        for number in self._early:
            self._pass_on(number)

    def wait(self) -> int:
        """Its exit code, -n when signal n ended it. While its terminal has stopped it, this
        process stands still too: that is the one that the shell looks at."""
        while True:
            _, status = os.waitpid(self.pid, getattr(os, "WUNTRACED", 0))
            if sys.platform == "win32" or not os.WIFSTOPPED(status):
                self._over = True
                return os.waitstatus_to_exitcode(status)
            if os.WSTOPSIG(status) in _STOPS and _in_terminal():
                os.kill(os.getpid(), getattr(_signal, "SIGSTOP"))  # noqa: B009

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if self.pid:
            self._pass_on(number)
        else:
            self._early.append(number)

    def _pass_on(self, number: int) -> None:
        if self._over or (number in _OF_TERMINAL and _in_terminal()):
            return
        try:
            os.kill(self.pid, number)
        except OSError:  # it has become somebody else's
            pass


def become(command: Sequence[str]) -> None:
    """Be that program from here on. Raises ConfigError when that can't be."""
    try:
        os.execvp(command[0], list(command))
    except (OSError, ValueError) as error:
        raise refusal(command, error) from error


def refusal(command: Sequence[str], error: Exception) -> ConfigError:
    """Why the command was not started, in a sentence."""
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return ConfigError(f"{command[0]} can't be started ({reason})")


def _spawned(command: Sequence[str], environ: Mapping[str, str]) -> int:
    if sys.platform == "win32":
        return os.spawnvpe(os.P_NOWAIT, command[0], list(command), environ)
    try:
        return os.posix_spawnp(command[0], list(command), environ, setsigdef=_RESTORED)
    except OSError as error:
        if error.errno != 8:  # ENOEXEC: a script that doesn't say by what it is to be run
            raise
    return os.posix_spawn(_SHELL, [_SHELL, *_found(command)], environ, setsigdef=_RESTORED)


def _found(command: Sequence[str]) -> Iterable[str]:
    """The command with the path that it was found at: a shell looks for scripts here only."""
    import shutil

    return [shutil.which(command[0]) or command[0], *command[1:]]


def _in_terminal() -> bool:
    """Whether this process runs in the foreground of a terminal."""
    if sys.platform == "win32":
        return True
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
