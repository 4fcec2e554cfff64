"""Secrets that are seen by their looks, wherever they stand in a text. Pure.

Credentials in URLs, what follows `Bearer` and `Basic`, JWTs, private keys, and tokens whose issuers
gave them a prefix. Linear: a pattern starts only where a run begins, and takes the run whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

HIDDEN = "***"


def pattern(source: str) -> Callable[[], re.Pattern[str]]:
    """A pattern that is compiled when it is asked for: most programs never need it."""
    return cache(lambda: re.compile(source, re.X))


# After a `://`: no `host:port`, but `user:password@`, or alone a token's length of `user@`.
# A password may have a `/` or an `@` that should have been encoded.
_URL = pattern(
    r"""(?<=://)(?:
        (?![^\s/@:]*+:\d*+(?:[/?#\s"'<>,;)]|$))
        [^\s/@:?#"'<>\[]*+ (:) (?:[^\s/"'<>]*@|[^\s@"'<>]{0,256}@)
        | [^\s/@:?#"'<>]{20,}+@
    )""",
)
_SCHEME = pattern(r"(?i)(?<![\w-])((?:bearer|basic)[ \t]++)([\w.~+/=-]{8,}+)")
_TOKEN = pattern(
    r"""(?<![\w-])(?:
        eyJ[\w-]{8,}+\.[\w-]{8,}+(?:\.[\w-]*+)?
        | gh[pousr]_\w{16,}+ | github_pat_\w{16,}+ | glpat-[\w-]{16,}+
        | xox[a-z]-[\w-]{10,}+ | xapp-[\w-]{10,}+
        | sk-(?=[\w-]*\d)[\w-]{20,}+ | [sr]k_(?:live|test)_\w{10,}+
        | (?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Z]) | AIza[\w-]{30,}+ | ya29\.[\w-]{20,}+
        | npm_\w{30,}+ | pypi-[\w-]{30,}+ | hf_\w{20,}+ | shpat_\w{20,}+ | dop_v1_\w{20,}+
        | SG\.[\w-]{16,}+\.[\w-]{16,}+
        | (?<=/)bot\d{6,}+:[\w-]{20,}+
        | (?<=/services/)T\w{6,}+/B\w{6,}+/\w{16,}+
        | (?<=/webhooks/)\d{6,}+/[\w-]{20,}+
        | (?<=[?&]sig=)[^\s&"'<>]{16,}+
    )""",
)
#: In every text with a secret that is found here there is one of these, whatever its case.
HINTS = tuple(
    """:// bearer basic eyj ghp_ gho_ ghu_ ghs_ ghr_ github_pat glpat- xox xapp- sk- sk_ rk_
    akia asia aiza ya29 npm_ pypi- hf_ shpat_ dop_v1 sg.
    /bot /services/ /webhooks/ sig= private""".split()
)
_KEY_BEGIN = pattern(r"-----BEGIN[ ][A-Z0-9 ]{0,40}PRIVATE[ ]KEY[A-Z ]{0,10}-----")
_KEY_END = "-----END "
#: The lines of a key whose end isn't there.
_KEY_LINES = pattern(
    r"(?:(?:\\[rn]|\s)*+[A-Za-z0-9+/=]{16,}+)*+(?:(?:\\[rn]|\s)*+[A-Za-z0-9+/]{1,15}+={1,2}+)?"
)
_UNLIKE_PROSE = pattern(r"[0-9=]|[a-z][A-Z]")
#: As much of a value as it takes to see whether it looks like a secret.
GLIMPSE = 64


def by_looks(text: str) -> str:
    """A text without what looks like a secret."""
    text = without_url_credentials(_without_keys(text))
    return _TOKEN().sub(HIDDEN, _SCHEME().sub(_without_scheme, text))


def without_url_credentials(text: str) -> str:
    """A text whose URLs have no user and password any more."""
    return _URL().sub(_without_user, text) if "://" in text else text


def looks_secret(text: str, least: int = 8) -> bool:
    """Unlike a word of prose: not short, and digits, `=` or capitals inside."""
    return len(text) >= least and _UNLIKE_PROSE().search(text, 0, GLIMPSE) is not None


def lines(scrub: Callable[[str], str]) -> Callable[[str], str]:
    """Scrub the lines of one stream, one after the other: a private key takes many."""
    inside = False

    def line(text: str) -> str:
        nonlocal inside
        if inside:
            ends = _KEY_END in text
            inside = not ends and _is_key_line(text)
            if inside or ends:
                return HIDDEN
        begin = _KEY_BEGIN().search(text)
        inside = begin is not None and _KEY_END not in text[begin.end() :]
        return scrub(text)

    return line


def _is_key_line(text: str) -> bool:
    """Also the headers of old keys: `DEK-Info: AES-128-CBC,...`, and the empty line below."""
    found = text.strip()
    return ": " in found[:20] or " " not in found


def _without_keys(text: str) -> str:
    parts: list[str] = []
    done = 0
    ends = True
    while (begin := _KEY_BEGIN().search(text, done)) is not None:
        end = text.find(_KEY_END, begin.end()) if ends else -1
        ends = end >= 0
        lines = _KEY_LINES().match(text, begin.end())
        stop = end if ends else lines.end() if lines else begin.end()
        parts += (text[done : begin.end()], HIDDEN if stop > begin.end() else "")
        done = stop
    return "".join((*parts, text[done:]))


def _without_user(found: re.Match[str]) -> str:
    return f"{HIDDEN}:{HIDDEN}@" if found[1] else f"{HIDDEN}@"


def _without_scheme(found: re.Match[str]) -> str:
    return f"{found[1]}{HIDDEN}" if looks_secret(found[2]) else found[0]
