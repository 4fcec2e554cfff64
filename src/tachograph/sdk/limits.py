"""What a name, a label or a text may be: anything is taken, too much of it is cut.

Pure. The cut is visible (an ellipsis) and counted by the caller.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

MAX_SERIES = 10_000
MAX_NAME = 200
MAX_LABELS = 32
MAX_LABEL_KEY = 64
MAX_LABEL_VALUE = 256
MAX_TEXT = 2_000
MAX_ATTRIBUTES = 64
MAX_ERROR = 500
MAX_TRACE = 8_000


def text(value: object, limit: int) -> str:
    """`value` as a str of at most `limit` characters that encodes as UTF-8. Never raises."""
    if not isinstance(value, str):
        try:
            value = str(value)
        except Exception:
            value = f"<{type(value).__name__}>"
    if not value.isascii():
        # A lone surrogate has no UTF-8.
        value = value.encode("utf-8", "replace").decode("utf-8")
    return value if len(value) <= limit else value[: limit - 1] + "…"


def labels(items: Iterable[tuple[Any, Any]]) -> dict[str, str]:
    """At most MAX_LABELS labels, each cut to its limits."""
    return {
        text(key, MAX_LABEL_KEY): text(value, MAX_LABEL_VALUE)
        for key, value in list(items)[:MAX_LABELS]
    }


def attributes(given: dict[str, Any] | None) -> dict[str, Any]:
    """Attributes of a span with values that msgpack and JSON can carry."""
    if not given:
        return {}
    return {
        text(key, MAX_LABEL_KEY): _value(value)
        for key, value in list(given.items())[:MAX_ATTRIBUTES]
    }


def _value(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and -(1 << 63) <= value < 1 << 63:
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    return text(value, MAX_TEXT)


def json_value(value: Any, depth: int = 0) -> Any:
    """A published value; what JSON can't carry becomes text or, for NaN and infinities, None."""
    if depth > 16:
        return "…"
    if isinstance(value, dict):
        return {
            text(key, MAX_NAME): json_value(inner, depth + 1)
            for key, inner in value.items()
            if inner is not None or depth == 0
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [json_value(inner, depth + 1) for inner in value]
    if isinstance(value, float):
        return value if value - value == 0 else None
    return _value(value) if not isinstance(value, str) else text(value, 64 * MAX_TEXT)
