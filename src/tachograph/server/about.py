"""What a server says of itself: in `hello`, in the panel, at /healthz."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tachograph._version import __version__

if TYPE_CHECKING:
    from tachograph.server.follower import Follower


@dataclass
class About:
    """Where it listens and what it keeps."""

    address: str
    home: Path
    interval_s: float

    def hello(self, follower: Follower, now: float) -> dict[str, Any]:
        """The first message to a client."""
        return {
            "type": "hello",
            "server": __version__,
            "epoch": follower.hub.epoch,
            "now": now,
            "interval_s": self.interval_s,
            "host": self.address,
            "home": short(self.home),
            "first_frame": bool(follower.live.sources),
            "stored": follower.store.leased and not follower.store_error,
        }


def short(path: Path) -> str:
    """The path with `~` for the user's home."""
    try:
        return "~/" + path.relative_to(Path.home()).as_posix()
    except (ValueError, RuntimeError):
        return str(path)
