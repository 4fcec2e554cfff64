"""Secrets in a text that stand behind a name: `password=...`, `"api_key": "..."`. Pure.

Linear: what is hidden is not looked at again, and of a value that isn't hidden only a glimpse is.
"""

from __future__ import annotations

import re

from tachograph.sdk.secret_looks import GLIMPSE, HIDDEN, looks_secret, pattern
from tachograph.sdk.secret_names import NOT, WEAK, Words, secrecy

# A name, and what stands between it and a value. A comma and a space only after an option,
# as in `['--token', '...']`; a space before a quote, as in `PASSWORD '...'`.
_NAME = pattern(
    r"""(?<![\w.-])
    (?P<name>(?:(?i:api|access|private|auth|session|signing|encryption)[ ])?
        (?P<option>-{1,2})?[\w.-]++)
    (?P<quote>\\*+["'])?[ \t]*+
    (?P<mark>
        (?::?=>?|:(?![:/=]))(?!=)[ \t]*+
        | (?<=[ \t])(?=["'])
        | (?(option)(?:,[ \t]*+(?=["'])|(?<=[ \t])(?=[^\s-]))|(?!))
    )""",
)
_LEAD = pattern(r"""[bBrRuUfF]{0,2}(?:\"{3}|'{3}|"|'|\\++["'])""")
_BODIES = {
    '"': pattern(r'(?:[^"\\\n]|\\.)*+'),
    "'": pattern(r"(?:[^'\\\n]|\\.)*+"),
    "\\": pattern(r"""[^"'\\\n]*+"""),
}
_BARE = r"""(?:[^\s,;&"'<>(){}\[\]\\]|\\(?!["']))++"""
_UNQUOTED = pattern(
    rf"""(?i:(?:digest|oauth|aws4-hmac-sha256)[ \t]).*+
    | (?:(?i:bearer|basic|token|negotiate|apikey)[ \t]++)?{_BARE}
    | [{{(\[][^{{}}()\[\]\n]*+[}})\]]""",
)
_COOKIE = r"""[^=;,\s"']{1,64}+=[^;,\s"']*+"""
_COOKIES = pattern(rf"{_COOKIE}(?:;[ \t]*+{_COOKIE})*+")
_NO_SECRET = pattern(
    r"(?i)(?:none|null|nil|true|false|undefined|yes|no|(?:[a-z]++[ \t]++)?\*\*\*)\Z"
)
_CALL = pattern(r"[\w.]++\Z")
_BRACKETS = frozenset("([")
_ROOTS = frozenset("/~")

_Span = tuple[int, int]


def without_named(text: str, own: Words, code: bool) -> str:
    """A text without the values of names that stand for secrets.

    In `code` a secret is a literal; `token = next(tokens)` is none.
    """
    parts: list[str] = []
    done = 0
    for found in _NAME().finditer(text):
        if found.start() < done:
            continue  # inside of what is hidden
        sure = secrecy(found["name"], own)
        span = _value(text, found, sure, code) if sure != NOT else None
        if span is not None:
            parts += (text[done : span[0]], HIDDEN)
            done = span[1]
    return "".join((*parts, text[done:]))


def is_folder(name: str, value: str) -> bool:
    """`PWD=/home/ann` is where a shell is."""
    return name[-3:].lower() == "pwd" and value[:1] in _ROOTS


def _value(text: str, found: re.Match[str], sure: int, code: bool) -> _Span | None:
    """From where to where the secret behind a name goes."""
    mark, at = found["mark"].strip(), found.end()
    lead = _LEAD().match(text, at)
    if lead is not None:
        return _quoted(text, lead) if mark or sure != WEAK else None
    if code or is_folder(found["name"], text[at : at + 1]):
        return None
    if found["name"].lower().endswith(("cookie", "cookies")):
        body = _COOKIES().match(text, at)
        if body is not None:
            return body.span()
    if not mark or (mark == ":" and sure == WEAK and not found["quote"]):
        glimpse = _UNQUOTED().match(text, at, at + GLIMPSE)
        if glimpse is None or not looks_secret(glimpse[0], 8 if sure == WEAK else 4):
            return None
    return _unquoted(text, at)


def _quoted(text: str, lead: re.Match[str]) -> _Span | None:
    body = _BODIES[lead[0].lstrip("bBrRuUfF")[0]]().match(text, lead.end())
    return body.span() if body is not None and body[0] else None


def _unquoted(text: str, at: int) -> _Span | None:
    body = _UNQUOTED().match(text, at)
    if body is None or _NO_SECRET().match(body[0]):
        return None
    called = text[body.end() : body.end() + 1] in _BRACKETS and _CALL().match(body[0])
    return None if called else body.span()
