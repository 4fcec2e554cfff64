"""The command as a whole: version, help, wrong use, and what a base installation can do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tachograph import __version__
from tachograph.cli import COMMANDS, main
from tests.cli.command import refused, tacho


@pytest.mark.parametrize("base", [False, True])
def test_version(home: Path, base: bool) -> None:
    """It says which version it is, on the base installation too, and makes no home."""
    ended = tacho("--version", home=home, base=base)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == f"tachograph {__version__}\n"
    assert not home.exists()


def test_help(home: Path) -> None:
    """Help lists every command with what it does."""
    ended = tacho("--help", home=home, base=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    words = " ".join(ended.stdout.split())
    for name, text in COMMANDS.items():
        assert f"{name} {text}" in words


def test_nothing_asked(home: Path) -> None:
    """Without a command there is the help, and it counts as wrong use."""
    ended = tacho(home=home, base=True)
    assert (ended.returncode, ended.stderr) == (2, "")
    assert "usage: tacho" in ended.stdout


@pytest.mark.parametrize("words", [("dance",), ("sources", "--loud"), ("dashboard", "--port")])
def test_wrong_use(home: Path, words: tuple[str, ...]) -> None:
    """What it doesn't know is refused with what it knows, code 2."""
    ended = tacho(*words, home=home)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("usage: tacho")
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("command", ["dashboard", "demo"])
def test_missing_extra(home: Path, command: str) -> None:
    """Without the server's packages it names what to install, in one sentence."""
    said = refused(tacho(command, home=home, base=True))
    assert said == f'tacho {command} needs more packages: pip install "tachograph[server]"'


def test_interrupted(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in a command that does its work is code 130, as a shell says it, and no traceback."""

    def interrupted(args: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("tachograph.cli.sources.run", interrupted)
    assert main(["sources"]) == 130


def test_a_module_of_our_own_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of the installation isn't taken for a missing extra."""

    def broken(args: object) -> int:
        raise ModuleNotFoundError("No module named 'tachograph.nothing'", name="tachograph.nothing")

    monkeypatch.setattr("tachograph.cli.sources.run", broken)
    with pytest.raises(ModuleNotFoundError):
        main(["sources"])


@pytest.mark.parametrize("command", ["dashboard", "sources"])
def test_a_home_that_cannot_be(tmp_path: Path, command: str) -> None:
    """A home that can't be made or written is one sentence that says what to do."""
    file = tmp_path / "file"
    file.touch()
    said = refused(tacho(command, home=file / "home"))
    assert str(file) in said
    assert said.endswith("point TACHOGRAPH_HOME to a directory of your own")
