"""Which names stand for a secret: `db_password` and `X-Api-Key` do, `max_tokens` doesn't. Pure.

A name is taken apart into words (`accessToken`, `ACCESS_TOKEN` and `access-token` are the same),
so that `monkey`, `author` and `token_count` are not taken for what they contain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

#: Words in their order, as `own_words` makes them.
Words = tuple[tuple[str, ...], ...]

#: How sure it is. A weak name is a secret's when its value looks like one too, or is quoted.
NOT, WEAK, STRONG = range(3)

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
#: What is asked of a name is its end; nobody's is longer.
_LENGTH = 128
#: Wherever they stand in a name, except where the name ends in one of _HARMLESS.
_ANYWHERE = ("password", "passwords", "passwd", "passphrase", "secret", "secrets")
_HARMLESS = frozenset(
    """age attempts changed check checks count counts dir enabled error errors expired expires
    expiry field file form hint id ids index input kind label len length limit manager max min
    name names page path policy prompt provider py required reset size status store strength ttl
    type uri url valid version view""".split()
)
#: At the end of a name.
_ENDINGS: Words = tuple(
    tuple(ending.split())
    for ending in """auth,authorization,cookie,cookies,credential,credentials,jwt,session id,
    session key,api key,access key,private key,signing key,encryption key,auth key,account key,
    master key,shared key,ssh key,deploy key,license key,app key,amz signature,token value,
    db pass,user pass,smtp pass,mail pass,mysql pass,redis pass,ftp pass,admin pass,root pass,
    jsessionid,phpsessid,sessionid,sessid,accesskey,privatekey""".split(",")
)
_GLUED = ("token", "apikey")


def own_words(given: Iterable[str]) -> Words:
    """Names that somebody calls secret, as `secrecy` takes them; what has no letter is left out."""
    return tuple(found for one in given if (found := _words(one)))


def secrecy(name: str, own: Words = ()) -> int:
    """NOT, WEAK or STRONG: whether what stands under this name has to be hidden."""
    return _secrecy(name[-_LENGTH:], own)


@lru_cache(2048)
def _secrecy(name: str, own: Words) -> int:
    if own and any(_has(_words(name), one) for one in own):
        return STRONG
    # Of `spring.datasource.password` the last part counts, and so it does of `password.py`.
    words = _words(name.rstrip(".").rpartition(".")[2])
    if any(words[-len(ending) :] == ending for ending in _ENDINGS):
        return WEAK
    if not words or words[-1] in _HARMLESS:
        return NOT
    if words[-1] == "pwd" or any(word.endswith(_ANYWHERE) for word in words):
        return STRONG
    return WEAK if words[-1].endswith(_GLUED) else NOT


def _words(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORD.findall(name))


def _has(words: tuple[str, ...], part: tuple[str, ...]) -> bool:
    return any(words[at : at + len(part)] == part for at in range(len(words) - len(part) + 1))
