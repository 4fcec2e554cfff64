"""The server's configuration: where values come from, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachograph.errors import ConfigError
from tachograph.server.config import ServerConfig, load_config


def load(directory: Path, flags: dict[str, Any] | None = None, **environ: str) -> ServerConfig:
    return load_config(flags or {}, environ=environ, directory=directory)


def write(directory: Path, text: str, name: str = "tachograph.toml") -> Path:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults(tmp_path: Path) -> None:
    """With nothing said it is localhost, 8765 and a second; the token is the one in the home."""
    assert load(tmp_path) == ServerConfig(
        host="localhost",
        port=8765,
        interval_s=1.0,
        token=None,
        view_token=None,
        store=None,
        journal=None,
        allow_hosts=(),
        trust_proxy=False,
        open_browser=None,
        sections={},
        file=None,
    )


EVERYTHING = ServerConfig(
    host="0.0.0.0",
    port=0,
    interval_s=0.5,
    token="t",
    view_token="v",
    store="postgresql://db/x",
    journal="nats://n",
    allow_hosts=("dash.example.org", "a:1"),
    trust_proxy=True,
    open_browser=False,
)


def test_every_setting_in_a_file(tmp_path: Path) -> None:
    """A file can say everything."""
    file = write(
        tmp_path,
        'host = "0.0.0.0"\nport = 0\ninterval = 0.5\ntoken = "t"\nview_token = "v"\n'
        'store = "postgresql://db/x"\njournal = "nats://n"\nopen = false\ntrust_proxy = true\n'
        'allow_host = ["dash.example.org", "a:1"]\n',
    )
    found = load(tmp_path)
    assert found.file == file
    assert found == ServerConfig(**{**facts(EVERYTHING), "file": file})


def facts(config: ServerConfig) -> dict[str, Any]:
    return {name: getattr(config, name) for name in ServerConfig.__dataclass_fields__}


def test_every_setting_in_the_environment(tmp_path: Path) -> None:
    """So can the environment; an empty variable says nothing."""
    found = load(
        tmp_path,
        TACHOGRAPH_HOST="0.0.0.0",
        TACHOGRAPH_PORT="0",
        TACHOGRAPH_INTERVAL="0.5",
        TACHOGRAPH_TOKEN="t",
        TACHOGRAPH_VIEW_TOKEN="v",
        TACHOGRAPH_STORE="postgresql://db/x",
        TACHOGRAPH_JOURNAL="nats://n",
        TACHOGRAPH_ALLOW_HOST="dash.example.org, a:1,",
        TACHOGRAPH_TRUST_PROXY="Yes",
        TACHOGRAPH_OPEN="0",
    )
    assert found == EVERYTHING
    assert load(tmp_path, TACHOGRAPH_PORT="", TACHOGRAPH_HOME="/x") == ServerConfig()


def test_every_setting_on_the_command_line(tmp_path: Path) -> None:
    """So can the command line, as argparse leaves it, with names of its own beside."""
    flags = {
        "command": "dashboard",
        "config": None,
        "host": "0.0.0.0",
        "port": "0",
        "interval": 0.5,
        "token": "t",
        "view_token": "v",
        "store": "postgresql://db/x",
        "journal": "nats://n",
        "allow_host": ["dash.example.org", "a:1"],
        "trust_proxy": True,
        "open": False,
    }
    assert load(tmp_path, flags) == EVERYTHING


def test_precedence(tmp_path: Path) -> None:
    """Command line before environment before file before default, setting by setting."""
    write(tmp_path, "port = 1\ninterval = 10\nhost = 'file'\n")
    flags = {"port": 3, "interval": None, "host": None}
    found = load(tmp_path, flags, TACHOGRAPH_PORT="2", TACHOGRAPH_INTERVAL="20")
    assert (found.port, found.interval_s, found.host, found.token) == (3, 20.0, "file", None)


def test_false_on_the_command_line_counts(tmp_path: Path) -> None:
    """A switch that is off is something that was said."""
    write(tmp_path, "open = true\ntrust_proxy = true\n")
    assert load(tmp_path, {"open": False}).open_browser is False
    assert load(tmp_path, {"open": None}).open_browser is True
    assert load(tmp_path, TACHOGRAPH_TRUST_PROXY="false").trust_proxy is False


def test_other_spellings(tmp_path: Path) -> None:
    """The names of the fields are taken in a file too, but not both at once."""
    write(tmp_path, 'interval_s = 2\nallow_hosts = ["a"]\n')
    found = load(tmp_path)
    assert (found.interval_s, found.allow_hosts) == (2.0, ("a",))
    write(tmp_path, "interval_s = 2\ninterval = 2\n")
    with pytest.raises(ConfigError, match=r"interval and interval_s in .* are the same setting"):
        load(tmp_path)


def test_which_file(tmp_path: Path) -> None:
    """--config before tachograph.toml before pyproject.toml, of the directory of start alone."""
    (tmp_path / "below").mkdir()
    project = write(
        tmp_path, "[tool.other]\nport = 9\n[tool.tachograph]\nport = 1\n", "pyproject.toml"
    )
    assert (load(tmp_path).port, load(tmp_path).file) == (1, project)
    own = write(tmp_path, "port = 2\n")
    assert (load(tmp_path).port, load(tmp_path).file) == (2, own)
    other = write(tmp_path, "port = 3\n", "other.toml")
    assert load(tmp_path, {"config": str(other)}).port == 3
    assert load(tmp_path, {"config": str(project)}).port == 1
    assert load(tmp_path / "below") == ServerConfig()


def test_pyproject_of_others(tmp_path: Path) -> None:
    """A pyproject.toml that doesn't speak of us is not our file."""
    write(tmp_path, "[tool.other]\nport = 9\n", "pyproject.toml")
    assert load(tmp_path) == ServerConfig()


def test_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory of start is the current one."""
    write(tmp_path, "port = 2\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TACHOGRAPH_INTERVAL", "3")
    assert (load_config({}).port, load_config({}).interval_s) == (2, 3.0)


def test_sections_of_other_parts(tmp_path: Path) -> None:
    """Tables of other parts are handed on unread."""
    write(tmp_path, 'port = 2\n[quality]\npaths = ["src"]\n[[alerts.rules]]\nname = "a"\n')
    found = load(tmp_path)
    assert found.sections == {"quality": {"paths": ["src"]}, "alerts": {"rules": [{"name": "a"}]}}


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("prot = 1", ["prot in ", "no such setting", "did you mean port?", "allowed are host,"]),
        ("[qualty]", ["qualty in ", "did you mean quality?"]),
        ("zzz = 1", ["zzz in ", "allowed are host, port"]),
        ("quality = 1", ["quality in ", "seen 1", "a table [quality]"]),
        ('port = "8765"', ["port in ", "seen '8765'", "a whole number from 0 to 65535"]),
        ("port = 8765.0", ["seen 8765.0"]),
        ("port = true", ["seen True"]),
        ("port = -1", ["seen -1"]),
        ("port = 65536", ["seen 65536"]),
        ("interval = 0.049", ["interval in ", "seen 0.049", "from 0.05 to 60"]),
        ("interval = 60.1", ["seen 60.1"]),
        ("interval = nan", ["seen nan"]),
        ("interval = inf", ["seen inf"]),
        ("interval = true", ["seen True"]),
        ('interval = "1"', ["seen '1'"]),
        ('host = ""', ["seen ''", "a text that is not empty"]),
        ("host = 1", ["seen 1"]),
        ('host = "localhost:80"', ["seen 'localhost:80'", "without port"]),
        ('host = "http://localhost"', ["seen 'http://localhost'"]),
        ('host = "::g"', ["seen '::g'"]),
        ('trust_proxy = "yes"', ["seen 'yes'", "true or false"]),
        ("open = 1", ["seen 1"]),
        ('allow_host = "a"', ["seen 'a'", "a list of names"]),
        ("allow_host = [1]", ["seen [1]"]),
        ('allow_host = ["*"]', ["seen ['*']"]),
        (f'allow_host = ["{"*" * 200}"]', ["seen ['***", "***..., allowed"]),
        ("port = ", ["is not TOML", "line 1"]),
        ("port = 1\nport = 2", ["is not TOML"]),
    ],
)
def test_refused_in_a_file(tmp_path: Path, line: str, parts: list[str]) -> None:
    """A wrong key or value is named with its file, what was seen and what is allowed."""
    file = write(tmp_path, line + "\n")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert [part for part in [*parts, str(file)] if part not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"TACHOGRAPH_PORT": "x"}, "TACHOGRAPH_PORT: seen 'x', allowed is a whole number"),
        ({"TACHOGRAPH_PORT": "1.5"}, "TACHOGRAPH_PORT: seen '1.5'"),
        ({"TACHOGRAPH_INTERVAL": "1s"}, "TACHOGRAPH_INTERVAL: seen '1s', allowed is a number"),
        ({"TACHOGRAPH_INTERVAL": "nan"}, "TACHOGRAPH_INTERVAL: seen nan"),
        ({"TACHOGRAPH_TRUST_PROXY": "on?"}, "TACHOGRAPH_TRUST_PROXY: seen 'on?'"),
        ({"TACHOGRAPH_ALLOW_HOST": "a, http://b"}, "TACHOGRAPH_ALLOW_HOST: seen"),
    ],
)
def test_refused_in_the_environment(tmp_path: Path, environ: dict[str, str], message: str) -> None:
    """A wrong variable is named."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, None, **environ)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"port": 70000}, "--port: seen 70000, allowed is a whole number from 0 to 65535"),
        ({"interval": 0.01}, "--interval: seen 0.01, allowed is a number of seconds"),
        ({"allow_host": ["a b"]}, "--allow-host: seen ['a b']"),
        ({"host": ""}, "--host: seen '', allowed is a text that is not empty"),
        ({"token": ""}, "--token: seen an empty text"),
    ],
)
def test_refused_on_the_command_line(tmp_path: Path, flags: dict[str, Any], message: str) -> None:
    """A wrong flag is named."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, flags)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("host", ["::", "::1", "[::1]", "0.0.0.0", "box.local", "fe80::1"])
def test_hosts_to_bind(tmp_path: Path, host: str) -> None:
    """Names and addresses are taken, the latter without brackets, as sockets want them."""
    assert load(tmp_path, {"host": host}).host == host.strip("[]")


@pytest.mark.parametrize("key", ["token", "view_token", "store", "journal"])
def test_secrets_are_never_shown(tmp_path: Path, key: str) -> None:
    """Neither an error nor the repr holds a token or a password in a URL."""
    write(tmp_path, f'{key} = ["hidden"]\n')
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert "seen a value of type list" in str(caught.value)
    assert "hidden" not in str(caught.value)
    write(tmp_path, f'{key} = "hidden"\n[sql]\nurl = "hidden"\n')
    assert getattr(load(tmp_path), key) == "hidden"
    assert "hidden" not in repr(load(tmp_path))


def test_unreadable_files(tmp_path: Path) -> None:
    """A file that is missing, no file, no UTF-8 or no table is named."""
    with pytest.raises(ConfigError, match=r"none\.toml can't be read .*check --config"):
        load(tmp_path, {"config": str(tmp_path / "none.toml")})
    with pytest.raises(ConfigError, match="can't be read"):
        load(tmp_path, {"config": str(tmp_path)})
    (tmp_path / "latin.toml").write_bytes(b'host = "\xe4"\n')
    with pytest.raises(ConfigError, match="is not TOML"):
        load(tmp_path, {"config": str(tmp_path / "latin.toml")})
    write(tmp_path, "[tool]\ntachograph = 1\n", "pyproject.toml")
    with pytest.raises(ConfigError, match=r"tool\.tachograph in .*: seen 1, allowed is a table"):
        load(tmp_path)
    write(tmp_path, "tool = 1\n", "pyproject.toml")
    assert load(tmp_path) == ServerConfig()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
KEYS = st.sampled_from(["host", "port", "interval", "token", "allow_host", "trust_proxy", "open"])


@given(st.dictionaries(KEYS, JSON), st.dictionaries(KEYS, st.text(max_size=10)))
def test_any_value(flags: dict[str, Any], environ: dict[str, str]) -> None:
    """Any value is either within what is allowed or refused with a ConfigError."""
    variables = {f"TACHOGRAPH_{key.upper()}": text for key, text in environ.items()}
    try:
        found = load_config(flags, environ=variables, directory=Path("/nowhere"))
    except ConfigError:
        return
    assert 0 <= found.port <= 65535
    assert 0.05 <= found.interval_s <= 60
    assert found.host
    assert isinstance(found.trust_proxy, bool)
    assert all(isinstance(entry, str) for entry in found.allow_hosts)
