"""What an exception says of the work it ended: taken on the caller's thread, as bare facts.

Names, numbers and short texts only. Nothing here keeps an exception, a traceback or a frame: that
would keep alive whatever the program held in its variables. The text is made by `traces`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import Any, NamedTuple

#: Ends of these kinds are no failure of the work. By name, so that asyncio isn't imported for it.
_NO_ERROR = frozenset(("GeneratorExit", "CancelledError", "Cancelled"))
#: Of an exception's text, and of each note, so much is taken. It is cut when secrets are out.
MAX_MESSAGE = 2_000
#: Exceptions in a chain, members of a group and notes that are told.
MAX_CHAIN = 8
MAX_MEMBERS = 10
MAX_NOTES = 5
#: Calls that are told of one exception: the outermost ones, and the innermost.
OUTER, INNER = 8, 40
#: Our own wrappers are no calls of the program's.
_OWN = __file__.replace("failure.py", "decorator.py")


class Call(NamedTuple):
    """A line that was being run, and how often it stood there in a row."""

    file: str
    line: int
    function: str
    times: int


class Raised(NamedTuple):
    """One exception. `link` says how the next of the chain led to it: "cause" or "context"."""

    kind: str
    message: str
    calls: tuple[Call, ...] = ()
    #: So many calls are missing behind the first OUTER ones.
    missing: int = 0
    notes: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    link: str = ""


class Failure:
    """That a span failed, and why. `wanted`: it is told whole for that, with its traceback."""

    __slots__ = ("error", "raised", "wanted")

    def __init__(self, error: str, wanted: bool = False, raised: tuple[Raised, ...] = ()) -> None:
        self.error = error
        self.wanted = wanted
        self.raised = raised


def is_failure(kind: type[BaseException] | None) -> bool:
    """Whether work that an exception of this kind ended has failed."""
    return kind is not None and kind.__name__ not in _NO_ERROR


def error_text(kind: type[BaseException] | None, error: BaseException | None) -> str:
    """ "Type: message" of an exception, "" where it is no failure. Never raises."""
    if kind is None or not is_failure(kind):
        return ""
    text = "" if error is None else _message(error)
    return f"{kind.__name__}: {text}" if text else kind.__name__


def whole_failure(kind: type[BaseException], error: BaseException | None) -> Failure:
    """All that is told of an exception. Never raises, not even where the stack is nearly full."""
    try:
        raised = tuple(_chain(error)) if isinstance(error, BaseException) else ()
        return Failure(error_text(kind, error), True, raised)
    except Exception:
        return Failure(kind.__name__, True)


def _message(error: object) -> str:
    try:
        return str(error)[:MAX_MESSAGE]
    except Exception:
        return "(its text could not be made)"


def _chain(error: BaseException | None) -> Iterator[Raised]:
    """The exception and those that led to it, the last one first."""
    seen: set[int] = set()
    while error is not None and len(seen) < MAX_CHAIN and id(error) not in seen:
        seen.add(id(error))
        cause = error.__cause__
        before = None if cause is None and error.__suppress_context__ else error.__context__
        earlier = before if cause is None else cause
        link = "" if earlier is None else "context" if cause is None else "cause"
        calls, missing = _calls(error.__traceback__)
        yield Raised(
            _kind(error), _message(error), calls, missing, _notes(error), _members(error), link
        )
        error = earlier


def _kind(error: BaseException) -> str:
    kind = type(error)
    module = kind.__module__
    known = module in ("builtins", "__main__") or not isinstance(module, str)
    return kind.__qualname__ if known else f"{module}.{kind.__qualname__}"


def _notes(error: BaseException) -> tuple[str, ...]:
    notes = getattr(error, "__notes__", None)
    return tuple(_message(note) for note in notes[:MAX_NOTES]) if isinstance(notes, list) else ()


def _members(error: BaseException) -> tuple[str, ...]:
    """The exceptions of a group, each in a line with the place that it comes from."""
    if not isinstance(error, BaseExceptionGroup):
        return ()
    members = error.exceptions
    told = [_member(member) for member in members[:MAX_MEMBERS]]
    more = len(members) - len(told)
    return (*told, f"and {more} more") if more else tuple(told)


def _member(error: BaseException) -> str:
    calls, _ = _calls(error.__traceback__)
    inner = f" ({len(error.exceptions)} inside)" if isinstance(error, BaseExceptionGroup) else ""
    place = f", {calls[-1].file}:{calls[-1].line} in {calls[-1].function}" if calls else ""
    return f"{_kind(error)}: {_message(error)[:200]}{inner}{place}"


def _calls(trace: TracebackType | None) -> tuple[tuple[Call, ...], int]:
    """The calls of a traceback, the outermost first, and how many are missing of them."""
    outer: list[list[Any]] = []
    inner: deque[list[Any]] = deque(maxlen=INNER)
    last: list[Any] = [None, 0, 0]
    count = 0
    while trace is not None:
        code, line = trace.tb_frame.f_code, trace.tb_lineno or 0
        trace = trace.tb_next
        if code.co_filename == _OWN:
            continue
        count += 1
        if last[0] is code and last[1] == line:
            last[2] += 1
            continue
        last = [code, line, 1]
        (outer if len(outer) < OUTER else inner).append(last)
    told = [
        Call(code.co_filename, line, code.co_qualname, times)
        for code, line, times in (*outer, *inner)
    ]
    return tuple(told), count - sum(call.times for call in told)
