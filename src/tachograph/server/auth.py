"""Who may do what: two roles, told by a token or by the cookie that a token was exchanged for."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from itsdangerous import BadSignature, TimestampSigner

from tachograph.errors import ConfigError
from tachograph.home import ensure_home, read_or_create_secret
from tachograph.server.authority import is_loopback

Role = Literal["view", "control"]

COOKIE_MAX_AGE_S = 30 * 24 * 3600
#: What `--token` takes for "everybody may do everything".
NO_TOKEN = "none"
# A browser sends few of one name; each costs a signature.
_COOKIES_TRIED = 8


def allows(role: Role | None, needed: Role) -> bool:
    """`control` may do what `view` may; nobody may do nothing."""
    return role == "control" or (role is not None and needed == "view")


def check_bind(host: str, token: str | None) -> None:
    """Refuse to listen beyond this machine without a token. Raises ConfigError."""
    if token is None and not is_loopback(host):
        raise ConfigError(
            f"--token none with --host {host or '(all addresses)'}: without a token allowed are "
            "localhost, 127.0.0.1 and ::1 only; leave --token out, and a token is made"
        )


class Auth:
    """The tokens and the cookie's key. Holds secrets: its repr shows none.

    `token` None: everybody has control. `port` is the one the server is bound to; it is in
    the cookie's name because browsers share cookies between the ports of a host. The cookie
    is signed under a key that the token is mixed into: another token makes old cookies void,
    a restart doesn't.
    """

    def __init__(
        self,
        token: str | None,
        view_token: str | None = None,
        *,
        cookie_key: str,
        port: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if view_token is not None and view_token == token:
            raise ConfigError("the view token is the token itself; they have to differ")
        if view_token is not None and token is None:
            raise ConfigError("a view token without a token protects nothing; leave one out")
        self.cookie_name = f"tachograph_{port}"
        self._tokens: dict[Role, bytes] = {}
        if token is not None:
            self._tokens["control"] = _checked(token, "--token")
        if view_token is not None:
            self._tokens["view"] = _checked(view_token, "the view token")
        self._signers: dict[Role, _Signer] = {
            role: _Signer(cookie_key, role, text, clock) for role, text in self._tokens.items()
        }

    @property
    def is_open(self) -> bool:
        """Whether everybody has control."""
        return not self._tokens

    def role_of_token(self, presented: str) -> Role | None:
        """Takes the same time whichever characters are wrong, and for whichever role."""
        given = presented.encode("utf-8", "surrogatepass")
        found: Role | None = None
        for role, text in self._tokens.items():
            if hmac.compare_digest(given, text):
                found = role
        return found

    def role_of_cookie(self, header: str) -> Role | None:
        """The role that a Cookie header proves.

        Any page on another port of the host can add cookies of this name, so each is tried.
        """
        for value in self._candidates(header):
            for role, signer in self._signers.items():
                if signer.vouches(value):
                    return role
        return None

    def _candidates(self, header: str) -> list[str]:
        pairs = (part.strip().partition("=") for part in header.split(";"))
        return [value for name, _, value in pairs if name == self.cookie_name][:_COOKIES_TRIED]

    def cookie(self, role: Role, *, secure: bool) -> str:
        """A Set-Cookie header's value. `secure`: the browser came by https."""
        return self._cookie(self._signers[role].voucher(), COOKIE_MAX_AGE_S, secure)

    def expired_cookie(self, *, secure: bool) -> str:
        """A Set-Cookie header's value that logs out."""
        return self._cookie("", 0, secure)

    def _cookie(self, value: str, max_age_s: int, secure: bool) -> str:
        text = f"{self.cookie_name}={value}; Max-Age={max_age_s}; Path=/; HttpOnly; SameSite=Strict"
        return f"{text}; Secure" if secure else text

    def __repr__(self) -> str:
        return f"<Auth {self.cookie_name} roles={sorted(self._tokens)}>"


class _Signer(TimestampSigner):
    """Signs one role's name under one token."""

    def __init__(self, key: str, role: Role, token: bytes, clock: Callable[[], float]) -> None:
        salt = f"tachograph.{role}.{hashlib.sha256(token).hexdigest()}"
        super().__init__(key, salt=salt, key_derivation="hmac", digest_method=hashlib.sha256)
        self._role = role
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock())

    def voucher(self) -> str:
        return self.sign(self._role).decode("ascii")

    def vouches(self, value: str) -> bool:
        try:
            return self.unsign(value, max_age=COOKIE_MAX_AGE_S) == self._role.encode()
        except BadSignature:
            return False


def _checked(token: str, what: str) -> bytes:
    if not token or any(not "!" <= character <= "~" for character in token):
        raise ConfigError(
            f"{what} is empty or holds something else than visible ASCII without spaces; "
            "allowed are letters, digits and punctuation"
        )
    return token.encode("ascii")


def load_auth(
    home: Path, host: str, port: int, token: str | None = None, view_token: str | None = None
) -> Auth:
    """Auth as the configuration asks for, checked against the address to bind to.

    `token` None reads or makes `token` in the home, "none" is no token, anything else is the
    token itself and is stored nowhere. Raises ConfigError for what is not allowed, and when
    the home can't be used.
    """
    ensure_home(home)
    key = read_or_create_secret(home / "cookie.key", 32)
    if token == NO_TOKEN:
        check_bind(host, None)
        return Auth(None, view_token, cookie_key=key, port=port)
    chosen = read_or_create_secret(home / "token") if token is None else token
    return Auth(chosen, view_token, cookie_key=key, port=port)
