"""How the server is to run: command line before `TACHOGRAPH_*` before a file before defaults.

The file is `tachograph.toml` in the directory of start, or what `--config` names, or
`[tool.tachograph]` in a pyproject.toml. Every value is checked where it comes from, so an
error names the flag, the variable, or key and file; values of secrets are never shown.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tachograph.errors import ConfigError
from tachograph.server.authority import parse_authority

FILE_NAME = "tachograph.toml"
#: Tables of the file that other parts read and check; handed on as they are.
SECTIONS = ("quality", "sql", "metrics", "alerts")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Everything that `tacho dashboard` can be told. The repr shows no secret.

    `token` None: the one kept in the home; "none": no token. `open_browser` None: when a
    person is there to see it. `file` is the configuration file that was read.
    """

    host: str = "localhost"
    port: int = 8765
    interval_s: float = 1.0
    token: str | None = field(default=None, repr=False)
    view_token: str | None = field(default=None, repr=False)
    store: str | None = field(default=None, repr=False)
    journal: str | None = field(default=None, repr=False)
    allow_hosts: tuple[str, ...] = ()
    trust_proxy: bool = False
    open_browser: bool | None = None
    sections: Mapping[str, Any] = field(default_factory=dict, repr=False)
    file: Path | None = None


class _Setting(NamedTuple):
    """One field of the configuration and where its value may stand.

    The first of `keys` names the flag, the variable and the key in a file; a file may use
    the others too. `check` takes a value of any type and returns it or raises _Wrong;
    `parse` makes a value of a text, and gives the text back when it can't.
    """

    field: str
    keys: tuple[str, ...]
    check: Callable[[object], object]
    parse: Callable[[str], object] = str
    secret: bool = False

    @property
    def flag(self) -> str:
        return "--" + self.keys[0].replace("_", "-")

    @property
    def variable(self) -> str:
        return "TACHOGRAPH_" + self.keys[0].upper()


class _Wrong(Exception):
    """What would be allowed instead."""


def _text(value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise _Wrong("a text that is not empty")


def _bind_host(value: object) -> str:
    text = _text(value).removeprefix("[").removesuffix("]")
    authority = parse_authority(f"[{text}]" if ":" in text else text)
    if authority is None or authority.port is not None:
        raise _Wrong("a name or an address without port, such as localhost, 0.0.0.0 or ::1")
    return text


def _port(value: object) -> int:
    if type(value) is int and 0 <= value <= 0xFFFF:
        return value
    raise _Wrong("a whole number from 0 to 65535")


def _interval(value: object) -> float:
    if (type(value) is int or type(value) is float) and 0.05 <= value <= 60:
        return float(value)
    raise _Wrong("a number of seconds from 0.05 to 60")


def _switch(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _Wrong("true or false")


def _hosts(value: object) -> tuple[str, ...]:
    if isinstance(value, list | tuple) and all(
        isinstance(entry, str) and parse_authority(entry) for entry in value
    ):
        return tuple(value)
    raise _Wrong("a list of names or addresses, each with or without port")


def _or_text(make: Callable[[str], T]) -> Callable[[str], T | str]:
    def parse(text: str) -> T | str:
        try:
            return make(text)
        except ValueError:
            return text

    return parse


def _parse_switch(text: str) -> bool | str:
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    return words.get(text.lower(), text)


def _parse_hosts(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(",") if entry.strip()]


_SETTINGS = (
    _Setting("host", ("host",), _bind_host),
    _Setting("port", ("port",), _port, _or_text(int)),
    _Setting("interval_s", ("interval", "interval_s"), _interval, _or_text(float)),
    _Setting("token", ("token",), _text, secret=True),
    _Setting("view_token", ("view_token",), _text, secret=True),
    _Setting("store", ("store",), _text, secret=True),
    _Setting("journal", ("journal",), _text, secret=True),
    _Setting("allow_hosts", ("allow_host", "allow_hosts"), _hosts, _parse_hosts),
    _Setting("trust_proxy", ("trust_proxy",), _switch, _parse_switch),
    _Setting("open_browser", ("open", "open_browser"), _switch, _parse_switch),
)


def load_config(
    flags: Mapping[str, Any],
    *,
    environ: Mapping[str, str] = os.environ,
    directory: Path | None = None,
) -> ServerConfig:
    """The configuration that holds. Raises ConfigError, one sentence.

    `flags` is the parsed command line, `vars(args)`: None stands for "not given", so switches
    need `default=None`; names that are no setting are left alone. `directory` is that of
    start, the current one by default.
    """
    named = flags.get("config")
    file = Path(named) if named else _find_file(directory or Path.cwd())
    table = {} if file is None else _read_table(file)
    sections = {name: table.pop(name) for name in SECTIONS if name in table}
    values: dict[str, Any] = {} if file is None else _from_file(table, sections, file)
    values |= _from_environ(environ) | _from_flags(flags)
    return ServerConfig(**values, sections=sections, file=file)


def _find_file(directory: Path) -> Path | None:
    own = directory / FILE_NAME
    if own.exists():
        return own
    shared = directory / "pyproject.toml"
    return shared if shared.exists() and _read_table(shared) else None


def _read_table(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            table = tomllib.load(stream)
    except OSError as error:
        raise ConfigError(f"{file} can't be read ({error.strerror}); check --config") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not TOML: {error}") from error
    if file.name != "pyproject.toml":
        return table
    tools = table.get("tool", {})
    own = tools.get("tachograph", {}) if isinstance(tools, dict) else {}
    if not isinstance(own, dict):
        raise ConfigError(f"tool.tachograph in {file}: seen {_shown(own)}, allowed is a table")
    return own


def _from_file(table: dict[str, Any], sections: Mapping[str, Any], file: Path) -> dict[str, Any]:
    known = {key: setting for setting in _SETTINGS for key in setting.keys}
    values: dict[str, Any] = {}
    for key, value in table.items():
        setting = known.get(key)
        if setting is None:
            raise ConfigError(_unknown(key, file))
        if setting.field in values:
            both = " and ".join(setting.keys)
            raise ConfigError(f"{both} in {file} are the same setting; leave one out")
        values[setting.field] = _checked(setting, value, f"{key} in {file}")
    for name, section in sections.items():
        if not isinstance(section, dict):
            seen = _shown(section)
            raise ConfigError(f"{name} in {file}: seen {seen}, allowed is a table [{name}]")
    return values


def _unknown(key: str, file: Path) -> str:
    names = [setting.keys[0] for setting in _SETTINGS] + list(SECTIONS)
    near = difflib.get_close_matches(key, names, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{key} in {file}: there is no such setting; {hint}allowed are {', '.join(names)}"


def _from_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    """An empty variable is as good as none. Other `TACHOGRAPH_*` belong to other parts."""
    return {
        setting.field: _checked(setting, setting.parse(text), setting.variable)
        for setting in _SETTINGS
        if (text := environ.get(setting.variable))
    }


def _from_flags(flags: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for setting in _SETTINGS:
        value = next((flags[key] for key in setting.keys if flags.get(key) is not None), None)
        if value is not None:
            parsed = setting.parse(value) if isinstance(value, str) else value
            values[setting.field] = _checked(setting, parsed, setting.flag)
    return values


def _checked(setting: _Setting, value: object, where: str) -> object:
    try:
        return setting.check(value)
    except _Wrong as allowed:
        seen = _kind(value) if setting.secret else _shown(value)
        raise ConfigError(f"{where}: seen {seen}, allowed is {allowed}") from None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _kind(value: object) -> str:
    """For values that must not be shown."""
    return "an empty text" if value == "" else f"a value of type {type(value).__name__}"
