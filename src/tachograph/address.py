"""Where the server of a home listens: `server.json`, for commands that ask it.

The server that holds the store writes it when it has started, and takes it away at its end. One
that was killed leaves it behind; `read` tells by the process that the file names whether it is
still true, so nobody has to clean up.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from tachograph.system.process import Process, Table

NAME = "server.json"


class Address(msgspec.Struct, frozen=True):
    """A server that runs: `url` without a slash at its end, and without the token.

    `born_s` tells its process from a later one of the same pid, in a scale of the system's own.
    """

    url: str
    pid: int
    started_at: float
    born_s: float


_decode = msgspec.json.Decoder(Address).decode


def write(home: Path, url: str) -> bool:
    """Say that this process serves `home` at `url`; False where that can't be written.

    Readable by its owner alone. The last one who says it is believed.
    """
    pid = os.getpid()
    me = _process(pid)
    if me is None:
        return False
    address = Address(url.rstrip("/"), pid, time.time(), me.started_s)
    draft = home / f".{NAME}.{pid}"
    try:
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(msgspec.json.encode(address) + b"\n")
        os.replace(draft, home / NAME)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        return False
    return True


def read(home: Path) -> Address | None:
    """The server of this home, None without one that lives."""
    try:
        address = _decode((home / NAME).read_bytes())
    except (OSError, msgspec.DecodeError):
        return None
    process = _process(address.pid)
    if process is None or process.zombie or process.started_s != address.born_s:
        return None
    return address


def remove(home: Path, url: str) -> None:
    """Take back what this process said with `write`; another server's address stays."""
    address = read(home)
    if address is not None and (address.pid, address.url) == (os.getpid(), url.rstrip("/")):
        with suppress(OSError):
            (home / NAME).unlink()


def _process(pid: int) -> Process | None:
    return _table().read(pid)


def _table() -> Table:
    if os.path.exists("/proc/stat"):
        from tachograph.system.linux import LinuxTable

        return LinuxTable()
    from tachograph.system.portable import PortableTable

    return PortableTable()
