"""Ids of sources. Light, because `tacho run` needs one before it starts the program."""

from __future__ import annotations

import os
import time


def new_id() -> str:
    """An id for a source that this process reports: its start, its pid, and chance."""
    return f"{time.time_ns() // 1_000_000:x}-{os.getpid()}-{os.urandom(4).hex()}"


def started_of(id: str) -> tuple[int, float] | None:
    """Process id and start (s since the epoch) that an id was made of; None for a foreign id."""
    parts = id.split("-")
    try:
        return int(parts[1]), int(parts[0], 16) / 1000
    except (IndexError, ValueError):
        return None
