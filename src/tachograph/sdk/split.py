"""Frames that fit: a frame that is too large becomes several that say the same.

Pure. Every figure is absolute, so the parts may be applied one by one; definitions go
first, a goodbye last.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tachograph.frames import MAX_PAYLOAD_BYTES
from tachograph.model import Frame

_encode = msgspec.msgpack.Encoder().encode
_LISTS = (
    "definitions",
    "counters",
    "gauges",
    "timers",
    "started",
    "ended",
    "publishes",
    "losses",
    "clocks",
    "lines",
    "stacks",
)


def fitting(frame: Frame, limit: int = MAX_PAYLOAD_BYTES) -> Iterator[tuple[Frame, bytes]]:
    """The frame, or parts of it, each with its payload of at most `limit` bytes.

    A single item above the limit is left out; the parts then hold fewer items than the frame.
    """
    payload = _encode(frame)
    if len(payload) <= limit:
        yield frame, payload
        return
    first, rest = _halves(frame)
    if first is None or rest is None:
        return
    yield from fitting(first, limit)
    yield from fitting(rest, limit)


def items(frame: Frame) -> int:
    """How many records a frame carries."""
    return sum(len(getattr(frame, name)) for name in _LISTS)


def _halves(frame: Frame) -> tuple[Frame | None, Frame | None]:
    items = [(name, item) for name in _LISTS for item in getattr(frame, name)]
    if len(items) < 2:
        return None, None
    middle = len(items) // 2
    parts = []
    for chunk in (items[:middle], items[middle:]):
        part = Frame(frame.at_ns)
        for name in _LISTS:
            setattr(part, name, [item for owner, item in chunk if owner == name])
        parts.append(part)
    parts[0].source = frame.source
    parts[1].goodbye = frame.goodbye
    return parts[0], parts[1]
