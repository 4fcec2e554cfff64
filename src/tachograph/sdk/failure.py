"""What an exception says of the work it ended."""

from __future__ import annotations

#: Ends of these kinds are no failure of the work. By name, so that asyncio isn't imported for it.
_NO_ERROR = frozenset(("GeneratorExit", "CancelledError", "Cancelled"))


def is_failure(kind: type[BaseException] | None) -> bool:
    """Whether work that an exception of this kind ended has failed."""
    return kind is not None and kind.__name__ not in _NO_ERROR


def error_text(kind: type[BaseException] | None, error: BaseException | None) -> str:
    """ "Type: message" of an exception, "" where it is no failure. Never raises."""
    if kind is None or not is_failure(kind):
        return ""
    try:
        text = str(error)
    except Exception:
        text = "(its text could not be made)"
    return f"{kind.__name__}: {text[:500]}" if text else kind.__name__
