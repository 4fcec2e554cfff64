"""Merge patches after RFC 7396, and the values that they can carry exactly.

A null in a patch deletes, so a value with a null member could never be told from one
without it. `normal` therefore drops null members: absent is the one way to say "nothing".
Pure.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

#: Objects and arrays inside of each other; far below what recursion allows.
MAX_DEPTH = 64


def carried(value: Any, depth: int = 0) -> bool:
    """Whether JSON, msgpack and a patch all carry the value as it is.

    Not: NaN and infinities (JSON makes null of them, which deletes), integers beyond 64 bits,
    keys that are no text, other types than JSON's, and what is nested deeper than MAX_DEPTH.
    """
    if depth > MAX_DEPTH:
        return False
    if value is None or isinstance(value, str | bool):
        return True
    if isinstance(value, int):
        return -(1 << 63) <= value < 1 << 64
    if isinstance(value, float):
        return value - value == 0
    if isinstance(value, list):
        return all(carried(inner, depth + 1) for inner in value)
    return isinstance(value, dict) and all(
        isinstance(key, str) and carried(inner, depth + 1) for key, inner in value.items()
    )


def normal(value: Any) -> Any:
    """The value without null members of objects, at any depth (arrays keep theirs)."""
    if isinstance(value, dict):
        return {key: normal(inner) for key, inner in value.items() if inner is not None}
    return value


def diff(old: Json, new: Json) -> Json:
    """The patch that turns `old` into `new`. Both are `normal`; {} when they are equal."""
    if old is new:
        return {}
    patch: Json = {}
    for key in old:
        if key not in new:
            patch[key] = None
    for key, value in new.items():
        before = old.get(key)
        if before is value:
            continue
        if isinstance(before, dict) and isinstance(value, dict):
            inner = diff(before, value)
            if inner:
                patch[key] = inner
        elif type(before) is not type(value) or before != value or not _same(before, value):
            patch[key] = value
    return patch


def _same(before: Any, value: Any) -> bool:
    """Equal as JSON: to Python 1, 1.0 and True are one, also inside of arrays."""
    if before is value:
        return True
    if type(before) is not type(value) or before != value:
        return False
    if isinstance(value, list):
        return all(map(_same, before, value))
    if isinstance(value, dict):
        return all(_same(before[key], inner) for key, inner in value.items())
    return True


def apply(value: Json, patch: Json) -> Json:
    """A new value with the patch applied; `value` stays as it is."""
    result = dict(value)
    for key, change in patch.items():
        if change is None:
            result.pop(key, None)
        elif isinstance(change, dict):
            before = result.get(key)
            result[key] = apply(before if isinstance(before, dict) else {}, change)
        else:
            result[key] = change
    return result


def compose(first: Json, second: Json) -> Json | None:
    """One patch that does what the two do one after the other.

    None where no patch can: an object that was deleted or replaced and came again would be
    merged into what the receiver had before.
    """
    result = dict(first)
    for key, change in second.items():
        if isinstance(change, dict) and key in first:
            before = first[key]
            if not isinstance(before, dict):
                return None
            inner = compose(before, change)
            if inner is None:
                return None
            result[key] = inner
        else:
            result[key] = change
    return result
