"""The wire format of frames: a fixed header, then a msgpack payload. See docs/design/frames.md.

    offset  size  field
    0       4     magic, b"TACH"
    4       1     version, 1
    5       1     flags: 1 checkpoint, 2 goodbye
    6       2     reserved, 0
    8       4     length of the payload in bytes
    12      8     seq, from 1
    20      4     CRC-32 of the payload
    24      4     CRC-32 of the 24 bytes before

Little-endian. The header has a checksum of its own, so that a reader which met damage can
scan on to the next header that is one, without trusting a length. Pure: bytes in, bytes out.
"""

from __future__ import annotations

import struct
import zlib
from functools import partial
from typing import NamedTuple

import msgspec

from tachograph.errors import FrameError, FrameTooNew
from tachograph.model import Frame

MAGIC = b"TACH"
VERSION = 1
CHECKPOINT = 1
GOODBYE = 2
HEADER_BYTES = 28
#: A payload above this is refused by writer and reader alike.
MAX_PAYLOAD_BYTES = 4 << 20
#: No source gets so far, and a number above it could neither be stored nor be shown.
MAX_SEQ = 1 << 53

_FIELDS = struct.Struct("<4sBBHIQI")
_CRC = struct.Struct("<I")
_HEADER = struct.Struct("<4sBBHIQII")
_unpack = _HEADER.unpack_from
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Frame)


class Header(NamedTuple):
    """A header whose checksum held."""

    version: int
    flags: int
    length: int
    seq: int
    crc: int

    @property
    def end(self) -> int:
        """Bytes from the header's start to the next frame's."""
        return HEADER_BYTES + self.length


_header = partial(tuple.__new__, Header)


class Encoded(NamedTuple):
    """One frame as it stands in a log."""

    seq: int
    flags: int
    version: int
    payload: bytes

    @property
    def is_checkpoint(self) -> bool:
        return bool(self.flags & CHECKPOINT)


# What a NamedTuple's own call does, without the call: it is made for every frame.
_encoded = partial(tuple.__new__, Encoded)


class Scan(NamedTuple):
    """What `scan` made of a piece of log.

    `used` bytes need not be looked at again; `skipped` of them belonged to no good frame.
    `holes` says where: bytes skipped before `frames[index]`, at the end for `len(frames)`.
    """

    frames: list[Encoded]
    used: int
    skipped: int
    holes: dict[int, int]


def encode(frame: Frame, seq: int) -> bytes:
    """Header and payload as one bytes object. Raises FrameError above MAX_PAYLOAD_BYTES."""
    payload = _encoder.encode(frame)
    flags = (CHECKPOINT if frame.source is not None else 0) | (
        GOODBYE if frame.goodbye is not None else 0
    )
    return wrap(payload, seq, flags)


def wrap(payload: bytes, seq: int, flags: int) -> bytes:
    """Put the header before an encoded payload."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise FrameError(
            f"frame {seq} has {len(payload)} bytes, allowed are {MAX_PAYLOAD_BYTES}; "
            "flush more often or record shorter texts"
        )
    fields = _FIELDS.pack(MAGIC, VERSION, flags, 0, len(payload), seq, zlib.crc32(payload))
    return fields + _CRC.pack(zlib.crc32(fields)) + payload


def read_header(data: bytes | bytearray | memoryview, at: int = 0) -> Header | None:
    """The header at `at`, or None where no header with a good checksum stands."""
    if len(data) - at < HEADER_BYTES:
        return None
    magic, version, flags, _, length, seq, crc, own = _unpack(data, at)
    if magic != MAGIC or length > MAX_PAYLOAD_BYTES or seq > MAX_SEQ:
        return None
    if zlib.crc32(data[at : at + _FIELDS.size]) != own:
        return None
    return _header((version, flags, length, seq, crc))


def scan(data: bytes, *, final: bool = False) -> Scan:
    """Every whole frame in `data`, past any damage.

    An incomplete frame at the end is left for the next call, when more bytes are there;
    with `final` no more will come, so it counts as skipped.
    """
    frames: list[Encoded] = []
    holes: dict[int, int] = {}
    at, size = 0, len(data)
    while at < size:
        header = read_header(data, at)
        if header is None:
            if not final and _may_begin_header(data, at):
                break
        else:
            version, flags, length, seq, crc = header
            end = at + HEADER_BYTES + length
            if end <= size:
                payload = data[at + HEADER_BYTES : end]
                if zlib.crc32(payload) == crc:
                    frames.append(_encoded((seq, flags, version, payload)))
                    at = end
                    continue
            elif not final:
                break
        # Never trust the length of a frame that isn't whole: what was cut out of it may
        # have made room for good frames inside of its supposed end.
        onward = _next_magic(data, at + 1)
        holes[len(frames)] = holes.get(len(frames), 0) + onward - at
        at = onward
    return Scan(frames, at, sum(holes.values()) if holes else 0, holes)


def _may_begin_header(data: bytes, at: int) -> bool:
    return len(data) - at < HEADER_BYTES and MAGIC.startswith(data[at : at + len(MAGIC)])


def _next_magic(data: bytes, start: int) -> int:
    """Where the next magic stands, or what may be the first bytes of one; else the end."""
    found = data.find(MAGIC, start)
    if found >= 0:
        return found
    for at in range(max(start, len(data) - len(MAGIC) + 1), len(data)):
        if MAGIC.startswith(data[at:]):
            return at
    return len(data)


def decode(encoded: Encoded) -> Frame:
    """The frame inside. Raises FrameTooNew for a later version, FrameError for anything else."""
    if encoded.version > VERSION:
        raise FrameTooNew(encoded.version, VERSION)
    try:
        return _decoder.decode(encoded.payload)
    except (msgspec.DecodeError, ValueError, RecursionError, OverflowError) as error:
        # ValueError: msgspec lets the UnicodeDecodeError of a broken text through.
        raise FrameError(
            f"frame {encoded.seq} is not readable ({error}); it is counted as lost"
        ) from error
