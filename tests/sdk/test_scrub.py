"""Secrets never leave the process, and what is none stays readable."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachograph.sdk import limits
from tachograph.sdk.scrub import LONGEST, Scrubber, lines, published
from tachograph.sdk.secret_looks import by_looks
from tachograph.sdk.secret_names import NOT, secrecy
from tachograph.sdk.secret_pairs import without_named

scrub = Scrubber()
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"
KEY = (
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA75nUd2lq\nQ0=\n-----END RSA PRIVATE KEY-----"
)

SECRETS = [
    "https://hooks.slack.com/services/T00000000/B00000000/hunter2hunter2hunter2",
    "https://discord.com/api/webhooks/123456789/hunter2-hunter2hunter2hunter2",
    "Max retries exceeded with url: /bot123456789:AAhunter2hunter2hunter2/getMe",
    "https://a.blob.core.windows.net/c/b?sv=2020&sig=hunter2hunter2%2Bhunter2%3D&se=1",
    "password=hunter2",
    "password = hunter2",
    "PASSWD: hunter2",
    'pwd="hunter2"',
    "db_password=hunter2;host=db",
    "spring.datasource.password=hunter2",
    "{'password': 'hunter2', 'user': 'ann'}",
    '{"password": "a \\"hunter2\\" b"}',
    '{\\"password\\": \\"hunter2\\"}',
    "Config(user='ann', password='hunter2')",
    "ALTER USER ann WITH PASSWORD 'hunter2'",
    "'password' => 'hunter2'",
    'password := "hunter2"',
    "b'password=hunter2'",
    "--password hunter2",
    "--password=hunter2",
    "Command '['mysql', '--password', 'hunter2', '-h', 'db']' returned 1",
    "token=hunter2",
    "token: hunter2hunter2",
    "ACCESS_TOKEN=hunter2",
    "accessToken=hunter2",
    "client_secret=hunter2",
    "aws_secret_access_key=hunter2",
    "api_key=hunter2",
    "apiKey=hunter2",
    "X-Api-Key: hunter2hunter2",
    "API key: hunter2hunter2",
    "private_key='hunter2'",
    "credentials=hunter2",
    "session_id=hunter2",
    "JSESSIONID=hunter2",
    "Cookie: theme=dark; sid=hunter2; x=y",
    "Set-Cookie: sid=hunter2; Path=/",
    "Authorization: Bearer hunter2hunter2",
    "authorization=Basic aHVudGVyMg==",
    'Authorization: Digest username="ann", response="hunter2"',
    "https://api.example.org/v1?token=hunter2&page=3",
    "postgres://ann:hunter2@db:5432/x",
    "postgres://ann:a@hunter2@db/x",
    "postgres://ann:a/hunter2@db/x",
    "redis://:hunter2@db/0",
    "https://hunter2hunter2hunter2@example.org/1",
    "sent Bearer hunter2.hunter2",
    "sent Basic aHVudGVyMjpodW50ZXIy",
    f"got {JWT}",
    "ghp_hunter2hunter2hunter2",
    "xoxb-hunter2-hunter2",
    "sk-proj-hunter2hunter2hunter2",
    "AKIAHUNTER2HUNTER2AB",
    KEY,
    KEY[:60],
]

READABLE = """key=cache:42
primary_key=7 sort_key: name cache.key=a foreign-key=3
monkey=3 keyboard: qwertz4567 turkey=12345678
tokens=512 token_count=4 max_tokens=4096 prompt_tokens: 12345678 tokenizer=bpe12345
author=ann authority: example.org:8080 authored=2024 authentication: 12345678
secretary=ann1234567 passenger=12 compass=north bypass=1
password_length=8 token_type=bearer1234 secret_name=db/prod cookie_count=3
KeyError: 'token'
invalid token: expired
unexpected token: }
Authorization: denied for this user
basic authentication failed, bearer authentication needed
PWD=/home/ann pwd=~/work
token=None password=null secret=true
if token == expected or password != other:
token = next(tokens)
http://localhost:8080/a@b http://host:80?mail=a@b.de https://host/@scope/name
ssh://git@github.com/x git@github.com:x/y.git
File "/app/password.py", line 12, in token
/app/password.py:12 main
/srv/token_count.py:13 count
-----BEGIN CERTIFICATE-----
task-force12345678901234567890 sk-learn""".split("\n")


def without_stars(text: str) -> str:
    return text.replace("***", "")


@pytest.mark.parametrize("text", SECRETS)
def test_secrets_in_texts(text: str) -> None:
    """What is secret is gone, its name and what stands around it is not."""
    clean = scrub.text(f"before {text}\nafter")
    for secret in ("hunter2", "HUNTER2", "aHVudGVyMg", "MIIE", "c2lnbmF0"):
        assert secret not in clean
    assert "***" in clean
    assert clean.startswith("before ")
    assert clean.endswith("after")
    assert scrub.text(clean) == clean


@pytest.mark.parametrize("text", READABLE)
def test_what_only_sounds_like_a_secret(text: str) -> None:
    """Words that contain a secret's name, counts, prose and code stay as they are."""
    assert scrub.text(text) == text


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("postgres://ann:pw@db:5432/x", "postgres://***:***@db:5432/x"),
        ("Authorization: Bearer abcdef123456, again", "Authorization: Bearer ***, again"),
        ("{'password': 'x', 'user': 'ann'}", "{'password': '***', 'user': 'ann'}"),
        ("a=1&api_key=x&b=2", "a=1&api_key=***&b=2"),
        ("Server=db;Password=x;Port=1", "Server=db;Password=***;Port=1"),
        ("Cookie: a=b; c=d", "Cookie: ***"),
        (KEY, "-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----"),
    ],
)
def test_what_is_left(text: str, clean: str) -> None:
    """Only the secret goes, so that the rest still says what happened."""
    assert scrub.text(text) == clean


@pytest.mark.parametrize(
    ("line", "clean"),
    [
        ("token = next(tokens)", "token = next(tokens)"),
        ("login(password=password)", "login(password=password)"),
        ('login(password="hunter2")', 'login(password="***")'),
        ('connect("redis://:hunter2@db")', 'connect("redis://***:***@db")'),
    ],
)
def test_source(line: str, clean: str) -> None:
    """In a line of source only literals are secrets."""
    assert scrub.code(line) == clean


def test_attributes() -> None:
    """By name and by looks, nested ones too; what holds no value is left."""
    given_ = {
        "password": "hunter2",
        "pin": 5,
        "api_key": 12345,
        "token": None,
        "secret": True,
        "tokens": 512,
        "url": "http://ann:pw@host/",
        "inner": {"auth": ["x"], "deep": [{"cookie": "x", "n": 1}, "token=abc"]},
        "http.request.header.authorization": "Digest x",
        "pair": ("password=x", 2),
    }
    assert scrub.attributes(given_) == {
        "password": "***",
        "pin": 5,
        "api_key": "***",
        "token": None,
        "secret": True,
        "tokens": 512,
        "url": "http://***:***@host/",
        "inner": {"auth": "***", "deep": [{"cookie": "***", "n": 1}, "token=***"]},
        "http.request.header.authorization": "***",
        "pair": ("password=***", 2),
    }
    assert given_["password"] == "hunter2"


def test_headers_and_commands_in_attributes() -> None:
    """A pair is a name and its value, as headers are; an option in a list hides the next word."""
    seen = scrub.attributes(
        {
            "headers": [("X-Api-Key", "hunter2"), (b"x-auth-token", b"hunter2"), ("Host", "db")],
            "scope": {b"cookie": b"hunter2", "a": ("--password", "hunter2")},
            "command": ["mysql", "--password", "hunter2", "--host", "db", "--token", "--quiet"],
            "fields": ["password", "email"],
        }
    )
    assert "hunter2" not in repr(seen)
    assert seen["headers"][2] == ("Host", "db")
    assert seen["command"][4:] == ["db", "--token", "--quiet"]
    assert seen["fields"] == ["password", "email"]


def test_attributes_of_hostile_classes() -> None:
    """One whose text can't be made, and one that contains itself."""

    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    endless: list[Any] = []
    endless.append(endless)
    shown = scrub.attributes({"a": Hostile(), "b": endless, "c": {"d": Hostile()}})
    assert shown["a"] == "<Hostile>"
    assert shown["c"] == {"d": "<Hostile>"}
    assert "…" in str(shown["b"])


def test_commands() -> None:
    """Options with `=` and without, headers, URLs, assignments; numbers and files stay."""
    command = (
        "curl --key k1 --key=k2 -H Authorization:Bearer\\ s3cretss3 --api-key k3 -o token.json"
    )
    command += " --max-tokens 5 https://ann:pw@host/ API_TOKEN=k4 key=cache:42 --pass k5 --monkey=6"
    words = [word.replace("\\", "") for word in re.split(r"(?<!\\) ", command)]
    assert scrub.command(words) == (
        *("curl", "--key", "***", "--key=***", "-H", "Authorization:Bearer ***"),
        *("--api-key", "***", "-o", "token.json", "--max-tokens", "5", "https://***:***@host/"),
        *("API_TOKEN=***", "key=cache:42", "--pass", "***", "--monkey=6"),
    )


def test_published_values_lose_only_what_stands_in_urls() -> None:
    """Publishing is on purpose and its keys are the program's own."""
    value = {"token": "abc", "at": ["http://ann:pw@host/", 1, None], "o": {"u": "x://:p@h"}}
    clean = {"token": "abc", "at": ["http://***:***@host/", 1, None], "o": {"u": "x://***:***@h"}}
    assert published(value) == clean


def test_own_words() -> None:
    """Names that are secret in one program, as words: `iban` is not `ibantastic`."""
    own = Scrubber(["iban", "pin code", "...", ""])
    text = "iban=DE12 customer_iban: DE13 pinCode='4711' ibantastic=3 pin=4"
    assert own.text(text) == "iban=*** customer_iban: *** pinCode='***' ibantastic=3 pin=4"
    assert own.attributes({"IBAN": "DE12", "pin-code": 4711}) == {"IBAN": "***", "pin-code": "***"}
    assert own.labels({"iban": "DE12", "eta": "x"}) == {"iban": "***", "eta": "x"}
    assert scrub.text(text) == text


def test_a_private_key_over_many_lines() -> None:
    """Each line by itself says nothing; what comes after the key is there again."""
    line = lines(scrub.text)
    told = [line(one) for one in ("start", *KEY.split("\n"), "end", "password=x")]
    begin = "-----BEGIN RSA PRIVATE KEY-----"
    assert told == ["start", begin, "***", "***", "***", "end", "password=***"]


def test_a_private_key_that_never_ends() -> None:
    """Prose below it is no key any more."""
    line = lines(scrub.text)
    assert line("-----BEGIN PRIVATE KEY-----") == "-----BEGIN PRIVATE KEY-----"
    assert line("this is what a key begins with") == "this is what a key begins with"


words = st.sampled_from(
    "key monkey keyboard tokens token_count max_tokens author authority primary_key user path "
    "host n cache sort_key id name Author TOKENS maxTokens".split()
)
marks = st.sampled_from(["=", ": ", " = ", " ", "='", '": "', ", ", "\n", "/", "&", "(", ")"])
numbers = st.sampled_from(["42", "cache:42", "a1b2c3d4e5", "x", "Ann", "3.5", "true", "'y'"])


@given(st.lists(words | marks | numbers, max_size=30).map("".join))
def test_texts_without_secrets_are_unchanged(text: str) -> None:
    """Whatever stands under names that aren't a secret's stays, whatever it looks like."""
    glued = re.findall(r"[\w.-]+", text)
    if all(secrecy(word) == NOT for word in glued):
        assert scrub.text(text) == text
        assert scrub.code(text) == text


@given(st.text(alphabet=st.characters(exclude_characters="=:'\"@-_ \t"), max_size=200))
def test_texts_without_marks_are_unchanged(text: str) -> None:
    """Without a sign behind a name, and without a known prefix, nothing is a secret."""
    assert scrub.text(text) == text or "AKIA" in text or "ASIA" in text or "AIza" in text


pieces = st.sampled_from(
    [one for text in SECRETS for one in re.split(r"(\W)", text) if one] + [*"\\\"'=:;,& \n@/-{}[]("]
)


@given(st.lists(pieces | st.text(max_size=5), max_size=25).map("".join))
def test_a_clean_text_is_clean(text: str) -> None:
    """Scrubbing once is enough, and it never raises."""
    once = scrub.text(text)
    assert scrub.text(once) == once
    scrub.code(text)


@given(
    st.dictionaries(
        st.text(max_size=9) | words,
        st.recursive(
            st.none() | st.floats() | st.text(max_size=9),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
            max_leaves=5,
        ),
        max_size=5,
    )
)
def test_any_attributes(values: dict[str, Any]) -> None:
    """They keep their keys, and can be encoded afterwards."""
    shown = scrub.attributes(values)
    assert list(shown) == list(values)
    limits.attributes(shown)


HOSTILE = [
    *("password=", "password='\\'", 'password="', "password={", "password ", "pwd=/", "token=f("),
    *("cookie:", "Cookie: a=b;", "token: ", 'token "', "--a ", "api ", "a.b-c_", "\\", "=", " "),
    *("://a:b/", "://:@", "sk-", "eyJaaaaaaaaa.", "bearer ", "-----BEGIN PRIVATE KEY-----"),
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_a_million_hostile_characters(unit: str) -> None:
    """A megabyte of what patterns could be caught in comes through: anything that isn't linear
    would take hours. And what is hidden makes a text longer only by its stars."""
    starts = ("", "password=", 'token: "', "x://u:")
    text = "\n".join(start + unit * ((1 << 18) // len(unit)) for start in starts)
    clean = without_named(by_looks(text), (), False)
    assert len(clean) <= 3 * len(text)
    assert scrub.text(text) == scrub.text(text[:LONGEST])
