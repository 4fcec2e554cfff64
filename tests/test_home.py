"""The home: where it is, whom it lets in, and the secrets in it."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tachograph.errors import ConfigError
from tachograph.home import ensure_home, home_path, read_or_create_secret

NOBODY = 65534
IS_ROOT = os.getuid() == 0


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def wide_umask() -> Iterator[None]:
    """As on machines where everybody may read new files."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def foreign_directory(tmp_path: Path) -> Path:
    """A directory that is somebody else's."""
    if not IS_ROOT:
        return Path("/usr")
    path = tmp_path / "foreign"
    path.mkdir(mode=0o777)
    os.chown(path, NOBODY, NOBODY)
    return path


@pytest.mark.parametrize(
    ("environ", "platform", "expected"),
    [
        ({"TACHOGRAPH_HOME": "/a", "XDG_STATE_HOME": "/x", "HOME": "/u"}, "linux", "/a"),
        ({"TACHOGRAPH_HOME": "~/a", "HOME": "/u"}, "linux", "/u/a"),
        ({"TACHOGRAPH_HOME": "", "XDG_STATE_HOME": "/x"}, "linux", "/x/tachograph"),
        ({"XDG_STATE_HOME": "/x", "HOME": "/u"}, "darwin", "/x/tachograph"),
        ({"XDG_STATE_HOME": "x", "HOME": "/u"}, "linux", "/u/.local/state/tachograph"),
        ({"HOME": "/u"}, "linux", "/u/.local/state/tachograph"),
        ({"HOME": "/u"}, "darwin", "/u/Library/Application Support/tachograph"),
        ({"LOCALAPPDATA": "/l", "USERPROFILE": "/u"}, "win32", "/l/tachograph"),
        ({"USERPROFILE": "/u"}, "win32", "/u/AppData/Local/tachograph"),
    ],
)
def test_place(environ: dict[str, str], platform: str, expected: str) -> None:
    """The own variable comes first, then the state directory, then the system's habit."""
    assert home_path(environ, platform) == Path(expected)


def test_place_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A relative TACHOGRAPH_HOME is meant from where the program starts."""
    monkeypatch.chdir(tmp_path)
    assert home_path({"TACHOGRAPH_HOME": "here"}) == tmp_path / "here"


def test_place_of_unknown_user() -> None:
    """A user name that doesn't exist is named in the error."""
    with pytest.raises(ConfigError, match="~nobody-of-that-name"):
        home_path({"TACHOGRAPH_HOME": "~nobody-of-that-name/x"})


@pytest.fixture
def no_chmod(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was too wide, for a moment only, can't be mended unseen."""

    def refuse(*args: object) -> None:
        raise PermissionError(errno.EPERM, "no second chance")

    monkeypatch.setattr(Path, "chmod", refuse)


def test_create(tmp_path: Path, wide_umask: None, no_chmod: None) -> None:
    """The home is made with its parents, for its owner alone from the first moment, whatever
    the umask says."""
    home = tmp_path / "state" / "tachograph"
    assert ensure_home(home) == home
    assert mode_of(home) == 0o700
    assert ensure_home(home) == home


def test_tighten_refused(tmp_path: Path, no_chmod: None) -> None:
    """Where modes can't be changed, an open home is refused with what was seen."""
    home = tmp_path / "home"
    home.mkdir()
    os.chmod(home, 0o755)
    with pytest.raises(ConfigError, match=r"has mode 0755 and can't be made private \(no second"):
        ensure_home(home)


@pytest.mark.parametrize("wide", [0o755, 0o770, 0o707, 0o2777])
def test_tighten(tmp_path: Path, wide: int) -> None:
    """A home of ours that others may enter is closed to them."""
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(wide)
    ensure_home(home)
    assert mode_of(home) == 0o700


def test_foreign(foreign_directory: Path, tmp_path: Path) -> None:
    """Another user's directory is refused and left as it is, also behind a link of ours."""
    before = mode_of(foreign_directory)
    link = tmp_path / "link"
    link.symlink_to(foreign_directory)
    for path in (foreign_directory, link):
        with pytest.raises(ConfigError, match="belongs to another user") as caught:
            ensure_home(path)
        assert str(path) in str(caught.value)
    assert mode_of(foreign_directory) == before


def test_foreign_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that another user put there is refused, even when it leads to our directory."""
    (tmp_path / "mine").mkdir(mode=0o700)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "mine")
    assert ensure_home(link) == link
    if IS_ROOT:
        os.lchown(link, NOBODY, NOBODY)
    else:  # nobody else may give a link away
        seen = list(link.lstat())
        seen[stat.ST_UID] = NOBODY
        monkeypatch.setattr(Path, "lstat", lambda self: os.stat_result(seen))
    with pytest.raises(ConfigError, match="belongs to another user"):
        ensure_home(link)


def test_no_directory(tmp_path: Path) -> None:
    """A file, and a link to nothing, are not a home."""
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    for name in ("file", "dangling"):
        with pytest.raises(ConfigError, match=f"{name} is not a directory"):
            ensure_home(tmp_path / name)


def test_not_creatable(tmp_path: Path) -> None:
    """Where no directory can be made, the error says so and what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file is not a directory"):
        ensure_home(tmp_path / "file" / "home")
    with pytest.raises(ConfigError, match=r"can't be created .*TACHOGRAPH_HOME"):
        ensure_home(Path("/proc/tachograph"))


@contextmanager
def as_ordinary_user() -> Iterator[None]:
    """Root may write anywhere, so somebody else has to try."""
    if IS_ROOT:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(os.getuid())


def test_not_writable() -> None:
    """A home that its owner may not write is refused: tightening never grants anything."""
    with tempfile.TemporaryDirectory() as parent:
        Path(parent).chmod(0o755)
        home = Path(parent) / "home"
        home.mkdir()
        home.chmod(0o555)
        if IS_ROOT:
            os.chown(home, NOBODY, NOBODY)
        reason = r"is not writable \(mode 0500\)"
        with as_ordinary_user(), pytest.raises(ConfigError, match=reason):
            ensure_home(home)
        assert mode_of(home) == 0o500


def test_secret(tmp_path: Path, wide_umask: None, no_chmod: None) -> None:
    """A secret is made once, is for its owner alone from the first moment, and leaves no draft
    behind."""
    path = tmp_path / "token"
    secret = read_or_create_secret(path)
    assert len(secret) == 32
    assert read_or_create_secret(path) == secret
    assert mode_of(path) == 0o600
    assert os.listdir(tmp_path) == ["token"]
    assert read_or_create_secret(tmp_path / "other", 48) != secret
    assert len(read_or_create_secret(tmp_path / "other")) == 64


def test_secret_by_hand(tmp_path: Path) -> None:
    """A value that the user wrote is taken, and the file is closed to others."""
    path = tmp_path / "token"
    path.write_text(" my-own-token \n")
    path.chmod(0o644)
    assert read_or_create_secret(path) == "my-own-token"
    assert mode_of(path) == 0o600


def test_secret_race(tmp_path: Path) -> None:
    """Processes that ask at the same time get the same secret."""
    code = (
        "import sys, pathlib; from tachograph.home import read_or_create_secret\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "print(read_or_create_secret(pathlib.Path(sys.argv[1])))"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    racers = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "token")], **pipes)  # type: ignore[call-overload]
        for _ in range(6)
    ]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    secrets = {racer.communicate()[0].strip() for racer in racers}
    assert secrets == {(tmp_path / "token").read_text().strip()}
    assert os.listdir(tmp_path) == ["token"]


def test_secret_loses_race(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who finds the file only when its own is ready takes the other's value."""
    path = tmp_path / "token"
    monkeypatch.setattr(Path, "exists", lambda self: False)
    path.write_text("theirs\n")
    assert read_or_create_secret(path) == "theirs"
    assert os.listdir(tmp_path) == ["token"]


def refuse_links(*args: object) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


def test_secret_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """File systems without hard links keep secrets too."""
    monkeypatch.setattr(os, "link", refuse_links)
    path = tmp_path / "token"
    secret = read_or_create_secret(path)
    assert path.read_text() == f"{secret}\n"
    assert mode_of(path) == 0o600
    monkeypatch.setattr(Path, "exists", lambda self: False)
    assert read_or_create_secret(path) == secret


def test_secret_half_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes between another's creating and writing waits for the writing."""
    path = tmp_path / "token"
    path.touch()
    monkeypatch.setattr(time, "sleep", lambda seconds: path.write_text("late\n"))
    assert read_or_create_secret(path) == "late"


def test_secret_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no secret of ours is refused, and no error shows a content."""
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    (tmp_path / "empty").touch()
    (tmp_path / "binary").write_bytes(b"hidden\xff\n")
    (tmp_path / "two words").write_text("hidden hidden\n")
    (tmp_path / "directory").mkdir()
    (tmp_path / "real").write_text("hidden\n")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    reasons = {
        "empty": "is empty",
        "binary": "visible ASCII",
        "two words": "visible ASCII",
        "directory": "not a regular file",
        "link": "not a regular file",
        "missing/token": "can't be read or created",
    }
    for name, reason in reasons.items():
        with pytest.raises(ConfigError, match=reason) as caught:
            read_or_create_secret(tmp_path / name)
        assert name in str(caught.value)
        assert "hidden" not in str(caught.value)


def test_secret_of_another_user(tmp_path: Path) -> None:
    """A secret that another user planted is not believed."""
    path = Path("/etc/passwd")
    if IS_ROOT:
        path = tmp_path / "token"
        path.write_text("known\n")
        os.chown(path, NOBODY, NOBODY)
    with pytest.raises(ConfigError, match="belongs to another user"):
        read_or_create_secret(path)
