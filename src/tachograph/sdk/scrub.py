"""Secrets taken out of what a process records, before it leaves the process.

Pure: a text goes in, a text comes out; nothing here raises, and the time is linear in the text,
whatever it says. What is hidden becomes `***`. By name: what stands under `password`, `api_key` and
the like (`secret_names`), in attributes, labels, options, and in texts (`secret_pairs`). By looks:
what is a secret under any name (`secret_looks`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from tachograph.sdk import limits
from tachograph.sdk.secret_looks import HIDDEN, HINTS, by_looks, lines, without_url_credentials
from tachograph.sdk.secret_names import NOT, own_words, secrecy
from tachograph.sdk.secret_pairs import is_folder, without_named

__all__ = ["HIDDEN", "LONGEST", "Scrubber", "lines", "published"]

#: Of a text so many characters are looked at. The rest goes: every limit behind is smaller.
LONGEST = 20_000
_DEPTH = 8
_CONTAINERS = (dict, list, tuple, set, frozenset)
#: In every text with a name that stands for a secret there is one of these, whatever its case.
_NAME_HINTS = tuple("pass pwd token secret key auth cookie credential sess jwt signature".split())


class Scrubber:
    """What this process calls a secret: what everybody does, and words of its own."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._own = own_words(words)
        #: Most texts have none of these, and nothing else is asked of them.
        self._hints = (*_NAME_HINTS, *HINTS, *(one[0] for one in self._own))

    def text(self, text: str) -> str:
        """A text without secrets, at most LONGEST of it."""
        return self._without(text[:LONGEST], code=False)

    def code(self, text: str) -> str:
        """A line of source: there a secret is a literal, and `token = next(tokens)` is none."""
        return self._without(text[:LONGEST], code=True)

    def _without(self, text: str, code: bool) -> str:
        lower = text.lower()
        for hint in self._hints:
            if hint in lower:
                return without_named(by_looks(text), self._own, code)
        return text

    # -- by name -------------------------------------------------------------

    def attributes(self, given: Mapping[str, Any] | None) -> dict[str, Any]:
        """A span's attributes: by name, and by what their texts look like, at any depth."""
        if not given:
            return {}
        items = islice(given.items(), limits.MAX_ATTRIBUTES)
        return {key: self._attribute(key, value, _DEPTH) for key, value in items}

    def labels(self, given: Mapping[str, str]) -> dict[str, str]:
        """Labels, whose values are texts."""
        return {key: self._hidden(key, value) or self.text(value) for key, value in given.items()}

    def command(self, words: Sequence[str]) -> tuple[str, ...]:
        """A command line, each word cut to 256 characters."""
        found: list[str] = []
        hide = False
        for word in words[:64]:
            shown = HIDDEN if hide and not word.startswith("-") else self._word(word)
            found.append(limits.text(shown, 256))
            hide = word.startswith("-") and "=" not in word and self._is_secret_option(word)
        return tuple(found)

    def _word(self, word: str) -> str:
        name, mark, value = word.partition("=")
        if mark and value and word.startswith("-") and self._is_secret_option(name):
            return f"{name}={HIDDEN}"
        return self.text(word)

    def _is_secret_option(self, name: str) -> bool:
        # `--key` and `--pass` are short for more than they say.
        return secrecy(name, self._own) != NOT or name.lstrip("-").lower() in ("key", "pass")

    def _hidden(self, key: object, value: Any) -> str:
        """What to show instead of the value, "" where it may be shown."""
        if value is None or isinstance(value, bool) or not isinstance(key, str) or value == "":
            return ""
        folder = isinstance(value, str) and is_folder(key, value)
        return "" if folder or secrecy(key, self._own) == NOT else HIDDEN

    def _attribute(self, key: object, value: Any, depth: int) -> Any:
        try:
            return self._hidden(key, value) or self._shown(value, depth)
        except Exception:  # whatever the program's own class raised
            return f"<{type(value).__name__}>"

    def _shown(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if type(value) in _CONTAINERS:
            return self._inside(value, depth - 1) if depth else "…"
        return self.text(value if isinstance(value, str) else str(value))

    def _inside(self, value: Any, depth: int) -> Any:
        if isinstance(value, dict):
            items = islice(list(value.items()), limits.MAX_ATTRIBUTES)
            return {key: self._attribute(_plain(key), inner, depth) for key, inner in items}
        words = list(value)[: limits.MAX_ATTRIBUTES]
        if not isinstance(value, tuple):
            return self._listed(words, depth)
        name = _plain(words[0]) if len(words) == 2 else None
        if isinstance(name, str) and isinstance(words[1], str | bytes):  # a header
            return words[0], self._attribute(name, words[1], depth)
        return tuple(self._listed(words, depth))

    def _listed(self, items: list[Any], depth: int) -> list[Any]:
        """Also of a command, `[..., "--token", value]`."""
        shown: list[Any] = []
        hide = False
        for item in items:
            is_word = isinstance(item, str) and not item.startswith("-")
            shown.append(HIDDEN if hide and is_word else self._shown(item, depth))
            hide = isinstance(item, str) and item[:1] == "-" and self._is_secret_option(item)
        return shown


def _plain(key: Any) -> Any:
    """Servers give the names of headers as bytes."""
    return key.decode("latin-1") if isinstance(key, bytes) else key


def published(value: Any) -> Any:
    """A value that the program publishes, under names of its choice: only URLs lose something."""
    if isinstance(value, str):
        return without_url_credentials(value)
    if isinstance(value, dict):
        return {key: published(inner) for key, inner in value.items()}
    return [published(inner) for inner in value] if isinstance(value, list) else value
