"""Tokens, cookies and roles."""

from __future__ import annotations

import hmac
from http.cookies import SimpleCookie
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachograph.errors import ConfigError
from tachograph.server.auth import COOKIE_MAX_AGE_S, Auth, allows, check_bind, load_auth

TOKEN = "control-token-1"
VIEW = "view-token-2"
KEY = "k" * 43


class Clock:
    """Time that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def an_auth(
    token: str | None = TOKEN, view: str | None = VIEW, key: str = KEY, port: int = 8765
) -> Auth:
    return Auth(token, view, cookie_key=key, port=port)


def sent_back(set_cookie: str) -> str:
    """The Cookie header that a browser makes of a Set-Cookie header."""
    return set_cookie.partition(";")[0]


def test_roles() -> None:
    """Control may do what view may, and nobody may do nothing."""
    asked = [(role, needed) for role in (None, "view", "control") for needed in ("view", "control")]
    granted = [allows(role, needed) for role, needed in asked]  # type: ignore[arg-type]
    assert granted == [False, False, True, False, True, True]


def test_tokens() -> None:
    """Each token gives its role; anything near it gives none."""
    auth = an_auth()
    assert auth.role_of_token(TOKEN) == "control"
    assert auth.role_of_token(VIEW) == "view"
    for wrong in ("", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), f" {TOKEN}", "ÿ", "\ud800"):
        assert auth.role_of_token(wrong) is None


@given(st.text())
def test_any_other_token(presented: str) -> None:
    """No text but a token's own gives a role, and none makes an error."""
    assert an_auth().role_of_token(presented) is None


def test_token_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every token goes through hmac.compare_digest, whether an earlier one matched or not."""
    compared: list[bytes] = []
    real = hmac.compare_digest

    def compare(given: bytes, text: bytes) -> bool:
        compared.append(text)
        return real(given, text)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    for presented in (TOKEN, VIEW, "wrong"):
        compared.clear()
        an_auth().role_of_token(presented)
        assert compared == [TOKEN.encode(), VIEW.encode()]


def test_open() -> None:
    """Without a token everybody has control, and nothing proves a role."""
    auth = an_auth(None, None)
    assert auth.is_open
    assert not an_auth().is_open
    assert auth.role_of_token("") is None
    assert auth.role_of_cookie("tachograph_8765=control") is None


def test_cookie_attributes() -> None:
    """The cookie is for this server's pages only, for 30 days, Secure where they came by https."""
    plain = an_auth().cookie("control", secure=False)
    morsel = SimpleCookie(plain)["tachograph_8765"]
    facts = {name: value for name, value in morsel.items() if value}
    assert facts == {"max-age": "2592000", "path": "/", "httponly": True, "samesite": "Strict"}
    assert an_auth().cookie("control", secure=True).endswith("; Secure")
    assert TOKEN not in plain


@pytest.mark.parametrize("role", ["view", "control"])
def test_cookie_round_trip(role: str) -> None:
    """A cookie gives the role that it was made for, among others and after a restart."""
    cookie = sent_back(an_auth().cookie(role, secure=False))  # type: ignore[arg-type]
    for header in (cookie, f"theme=dark; {cookie}; a=b", f"tachograph_8765=planted; {cookie}"):
        assert an_auth().role_of_cookie(header) == role


def test_cookie_void() -> None:
    """Another token, key or port makes a cookie worth nothing."""
    cookie = sent_back(an_auth().cookie("control", secure=False))
    assert an_auth("another-token").role_of_cookie(cookie) is None
    assert an_auth(key="j" * 43).role_of_cookie(cookie) is None
    assert an_auth(port=8766).role_of_cookie(cookie) is None
    assert an_auth(view="another-view").role_of_cookie(cookie) == "control"


def test_cookie_of_view_is_not_control() -> None:
    """Renaming the role inside a cookie breaks its signature."""
    cookie = sent_back(an_auth().cookie("view", secure=False))
    assert an_auth().role_of_cookie(cookie.replace("=view.", "=control.")) is None


def test_cookie_expires() -> None:
    """The server itself lets a cookie end after its age, whatever the browser keeps."""
    clock = Clock()
    auth = Auth(TOKEN, cookie_key=KEY, port=8765, clock=clock)
    cookie = sent_back(auth.cookie("control", secure=False))
    clock.now += COOKIE_MAX_AGE_S
    assert auth.role_of_cookie(cookie) == "control"
    clock.now += 1
    assert auth.role_of_cookie(cookie) is None


def test_cookie_many() -> None:
    """A header stuffed with cookies of our name costs few signature checks and gives nothing."""
    auth = an_auth()
    good = sent_back(auth.cookie("control", secure=False))
    stuffed = "; ".join(["tachograph_8765=x"] * 8)
    assert auth.role_of_cookie(f"{good}; {stuffed}") == "control"
    assert auth.role_of_cookie(f"{stuffed}; {good}") is None
    assert auth.role_of_cookie(f"tachograph_8765={'x' * 100_000}") is None


@given(st.text(alphabet=st.characters(max_codepoint=255)))
def test_cookie_garbage(value: str) -> None:
    """No made-up cookie gives a role or an error, not even under a signature once seen."""
    auth = an_auth()
    signature = sent_back(auth.cookie("control", secure=False)).rpartition(".")[2]
    assert auth.role_of_cookie(value) is None
    assert auth.role_of_cookie(f"tachograph_8765={value}") is None
    assert auth.role_of_cookie(f"tachograph_8765={value}.{signature}") is None


def test_logout() -> None:
    """The cookie that logs out replaces the other and is worth nothing."""
    cookie = an_auth().expired_cookie(secure=False)
    assert SimpleCookie(cookie)["tachograph_8765"]["max-age"] == "0"
    assert an_auth().role_of_cookie(sent_back(cookie)) is None


@pytest.mark.parametrize(
    ("token", "view"),
    [
        ("", None),
        ("two words", None),
        ("tökén", None),
        ("a\n", None),
        ("same", "same"),
        (None, "view"),
        ("good", ""),
        ("good", "not good"),
    ],
)
def test_refused_tokens(token: str | None, view: str | None) -> None:
    """Tokens that can't travel in a header, or that leave the role open, are refused unseen."""
    with pytest.raises(ConfigError) as caught:
        an_auth(token, view)
    assert "tökén" not in str(caught.value)


def test_repr_shows_no_secret() -> None:
    """What lands in a log by accident holds neither token nor key."""
    text = f"{an_auth()!r} {an_auth().__dict__['_signers']}"
    assert "tachograph_8765" in text
    assert not any(secret in text for secret in (TOKEN, VIEW, KEY))


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "::1", "[::1]"]
)
def test_bind_on_loopback(host: str) -> None:
    """On loopback a server may do without a token."""
    check_bind(host, None)
    check_bind(host, TOKEN)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "192.168.1.5", "example.org", "localhost.example.org", "127.1"]
)
def test_bind_elsewhere(host: str) -> None:
    """Beyond this machine a token is needed, and the error says how to get one."""
    check_bind(host, TOKEN)
    with pytest.raises(ConfigError, match=r"--token none.*leave --token out"):
        check_bind(host, None)


def test_load_persists(home: Path) -> None:
    """A restart finds the same token and key, so a browser stays logged in."""
    first = load_auth(home, "localhost", 8765)
    cookie = sent_back(first.cookie("control", secure=False))
    token = (home / "token").read_text().strip()
    again = load_auth(home, "localhost", 8765)
    assert again.role_of_token(token) == "control"
    assert again.role_of_cookie(cookie) == "control"
    assert sorted(path.name for path in home.iterdir()) == ["cookie.key", "token"]


def test_load_given(home: Path) -> None:
    """A token that was given holds, is stored nowhere, and logs out who came by another."""
    cookie = sent_back(load_auth(home, "localhost", 8765).cookie("control", secure=False))
    kept = (home / "token").read_text()
    auth = load_auth(home, "0.0.0.0", 8765, TOKEN, VIEW)
    assert auth.role_of_token(TOKEN) == "control"
    assert auth.role_of_token(VIEW) == "view"
    assert auth.role_of_token(kept.strip()) is None
    assert auth.role_of_cookie(cookie) is None
    assert (home / "token").read_text() == kept


def test_load_none(home: Path) -> None:
    """`none` opens the server on loopback, is refused elsewhere, and is no word for the file."""
    assert load_auth(home, "localhost", 8765, "none").is_open
    with pytest.raises(ConfigError, match="--token none"):
        load_auth(home, "0.0.0.0", 8765, "none")
    (home / "token").write_text("none\n")
    assert not load_auth(home, "0.0.0.0", 8765).is_open
