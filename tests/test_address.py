"""Where a home's server listens: what is written is read, and what is no longer true is not."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import msgspec
import pytest

from tachograph import address
from tests.programs import Program

SERVING = """
from pathlib import Path
import os
from tachograph import address
address.write(Path(os.environ["TACHOGRAPH_HOME"]), "http://localhost:8765/")
print("written", flush=True)
input()
"""


@pytest.fixture
def home(home: Path) -> Path:
    """A home that is there."""
    home.mkdir()
    return home


def test_what_is_written_is_read(home: Path) -> None:
    """By another process too, as long as the one that wrote it lives; for its owner alone."""
    with Program(SERVING, home) as program:
        assert program.line() == "written"
        seen = address.read(home)
        assert seen is not None
        assert (seen.url, seen.pid) == ("http://localhost:8765", program.pid)
        assert stat.S_IMODE((home / address.NAME).stat().st_mode) == 0o600
        assert [entry.name for entry in home.iterdir()] == [address.NAME]


def test_a_server_that_was_killed_is_none(home: Path) -> None:
    """Its file stays behind, and is not believed; the next server's is."""
    with Program(SERVING, home) as program:
        program.line()
        os.kill(program.pid, signal.SIGKILL)
        program.wait()
    assert (home / address.NAME).exists()
    assert address.read(home) is None
    assert address.write(home, "http://localhost:1")
    seen = address.read(home)
    assert seen is not None
    assert (seen.url, seen.pid) == ("http://localhost:1", os.getpid())


def test_a_pid_that_was_used_again_is_none(home: Path) -> None:
    """A process of that number that is not the one which wrote it."""
    address.write(home, "http://localhost:1")
    seen = address.read(home)
    assert seen is not None
    later = msgspec.structs.replace(seen, born_s=seen.born_s + 1.0)
    (home / address.NAME).write_bytes(msgspec.json.encode(later))
    assert address.read(home) is None


def test_only_ones_own_is_removed(home: Path) -> None:
    """At its end a server takes its own address away, not that of one which came after it."""
    address.write(home, "http://localhost:2")
    address.remove(home, "http://localhost:1")
    assert address.read(home) is not None
    address.remove(home, "http://localhost:2/")
    assert not (home / address.NAME).exists()
    address.remove(home, "http://localhost:2")
    with Program(SERVING, home) as program:
        program.line()
        address.remove(home, "http://localhost:8765")
        assert address.read(home) is not None


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"url": 1}', b"\xff"])
def test_what_is_no_address_is_none(home: Path, text: bytes) -> None:
    """Rubbish in the file, or no file."""
    assert address.read(home) is None
    (home / address.NAME).write_bytes(text)
    assert address.read(home) is None


def test_a_home_that_can_not_be_written(home: Path) -> None:
    """False, and nothing raised: a server serves without it."""
    assert not address.write(home / "is not there", "http://localhost:1")
    (home / address.NAME).mkdir()
    assert not address.write(home, "http://localhost:1")
    assert [entry.name for entry in home.iterdir()] == [address.NAME]
