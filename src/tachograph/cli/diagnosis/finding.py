"""One line of a diagnosis: what was seen, what would be right, what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

Mark = Literal["ok", "note", "problem"]


class Finding(msgspec.Struct, frozen=True):
    """`about` is one word. What is not "ok" also says what is allowed and what to do."""

    about: str
    mark: Mark
    seen: str
    allowed: str = ""
    to_do: str = ""


def ok(about: str, seen: str) -> Finding:
    """It is as it should be."""
    return Finding(about, "ok", seen)


def note(about: str, seen: str, allowed: str, to_do: str) -> Finding:
    """Worth knowing; nothing fails because of it."""
    return Finding(about, "note", seen, allowed, to_do)


def problem(about: str, seen: str, allowed: str, to_do: str) -> Finding:
    """Because of this something is not recorded, not seen or not kept."""
    return Finding(about, "problem", seen, allowed, to_do)


def examined(about: str, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """What a check finds; a check that fails is a finding itself."""
    try:
        return list(check())
    except Exception as error:
        return [
            note(
                about,
                f"this check failed: {type(error).__name__}: {error}",
                "an answer",
                "look at it by hand, and report this line as a bug",
            )
        ]
