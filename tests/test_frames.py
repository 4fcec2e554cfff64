"""The wire format: what goes in comes out, for ever, and damage takes nothing with it."""

from __future__ import annotations

import random
import struct
import tracemalloc
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachograph import frames
from tachograph.errors import FrameError, FrameTooNew
from tachograph.frames import HEADER_BYTES, MAX_PAYLOAD_BYTES, Encoded, Scan
from tachograph.model import (
    Clock,
    CounterTick,
    Definition,
    Frame,
    GaugeTick,
    Goodbye,
    Line,
    Loss,
    Publish,
    Source,
    SpanEnd,
    SpanStart,
    Stack,
    TimerTick,
)

GOLDEN = Path(__file__).parent / "golden"

# What any of the types may hold on the wire.
ints = st.integers(0, 2**63 - 1)
floats = st.floats(allow_nan=False)
texts = st.text(max_size=20)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | floats | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
attributes = st.dictionaries(texts, values, max_size=3)
kinds = st.sampled_from(["action", "event", "pipeline", "agent", "work"])
sources = st.builds(
    Source,
    id=texts,
    service=texts,
    project=texts,
    host=texts,
    pid=ints,
    started_ns=ints,
    command=st.lists(texts, max_size=3).map(tuple),
    git_commit=texts,
    interval_s=floats,
)
records: dict[str, st.SearchStrategy[Any]] = {
    "definitions": st.builds(
        Definition,
        id=ints,
        kind=st.sampled_from(["counter", "gauge", "timer"]),
        name=texts,
        labels=st.dictionaries(texts, texts, max_size=2),
    ),
    "counters": st.builds(CounterTick, ints, floats),
    "gauges": st.builds(GaugeTick, ints, st.none() | floats),
    "timers": st.builds(
        TimerTick, ints, ints, ints, floats, floats, floats, floats, st.lists(ints, max_size=6)
    ),
    "started": st.builds(SpanStart, ints, ints, kinds, texts, ints, attributes),
    "ended": st.builds(
        SpanEnd, ints, ints, kinds, texts, ints, floats, floats, texts, attributes, texts
    ),
    "publishes": st.builds(Publish, texts, attributes),
    "losses": st.builds(Loss, texts, ints, st.booleans()),
    "clocks": st.builds(Clock, ints, floats),
    "lines": st.builds(Line, ints, texts),
    "stacks": st.builds(Stack, ints, st.lists(texts, max_size=3)),
}
any_frame = st.builds(
    Frame,
    at_ns=ints,
    source=st.none() | sources,
    goodbye=st.none() | st.builds(Goodbye, st.sampled_from(["ended", "failed"]), ints, texts),
    **{name: st.lists(record, max_size=2) for name, record in records.items()},
)


def log(seed: int, count: int) -> list[bytes]:
    """Encoded frames 1 to `count` with payloads of very different sizes."""
    rng = random.Random(seed)
    return [
        frames.wrap(rng.randbytes(rng.choice((0, 1, 30, 300))), n, 0) for n in range(1, count + 1)
    ]


def in_pieces(data: bytes, cuts: list[int]) -> Scan:
    """Scan as a follower does: piece after piece, what is left over goes before the next."""
    found: list[Encoded] = []
    rest, used, skipped = b"", 0, 0
    for start, end in pairwise([0, *sorted(cuts), len(data)]):
        rest += data[start:end]
        part = frames.scan(rest, final=end == len(data) and start != end)
        found += part.frames
        used += part.used
        skipped += part.skipped
        rest = rest[part.used :]
    part = frames.scan(rest, final=True)
    return Scan(found + part.frames, used + part.used, skipped + part.skipped, {})


@given(any_frame, st.integers(1, frames.MAX_SEQ))
def test_round_trip(frame: Frame, seq: int) -> None:
    """A frame comes back as it was, under its number and with its flags."""
    data = frames.encode(frame, seq)
    found = frames.scan(data)
    assert found.used == len(data)
    assert found.skipped == 0
    [encoded] = found.frames
    assert frames.decode(encoded) == frame
    assert (encoded.seq, encoded.version) == (seq, 1)
    assert encoded.is_checkpoint == (frame.source is not None)
    assert bool(encoded.flags & frames.GOODBYE) == (frame.goodbye is not None)


@given(st.integers(0, 999), st.integers(0, 8), st.lists(st.integers(0, 3000), max_size=6))
def test_pieces_make_no_difference(seed: int, count: int, cuts: list[int]) -> None:
    """However the bytes arrive, the same frames come out, and an unfinished one is waited for."""
    data = b"".join(log(seed, count))
    whole = frames.scan(data)
    assert [frame.seq for frame in whole.frames] == list(range(1, count + 1))
    assert in_pieces(data, [min(cut, len(data)) for cut in cuts])[:3] == whole[:3]


@given(st.integers(0, 999), st.data())
def test_damage_takes_no_whole_frame_with_it(seed: int, data: st.DataObject) -> None:
    """Flips, cuts and insertions anywhere: every frame that is whole is found, nothing else."""
    parts = log(seed, 8)
    rng = random.Random(seed)
    whole = b"".join(parts)
    first = data.draw(st.integers(0, len(whole) - 1), label="first")
    last = data.draw(st.integers(first, min(len(whole), first + 400)), label="last")
    filling = data.draw(st.sampled_from(["flip", "cut", "insert", "magic"]), label="filling")
    if filling == "flip":
        last = max(last, first + 1)
        middle = bytes(byte ^ rng.randrange(1, 256) for byte in whole[first:last])
    elif filling == "cut":
        middle = b""
    elif filling == "insert":
        middle, last = rng.randbytes(rng.randrange(1, 400)), first
    else:
        middle = frames.MAGIC * 3 + b"TAC"
    damaged = whole[:first] + middle + whole[last:]
    ends = [sum(map(len, parts[: n + 1])) for n in range(len(parts))]
    untouched = {
        n + 1
        for n, end in enumerate(ends)
        if end <= first or end - len(parts[n]) >= max(last, first)
    }
    cut_at = data.draw(st.integers(0, len(damaged)), label="cut_at")
    for found in (frames.scan(damaged, final=True), in_pieces(damaged, [cut_at])):
        seqs = [frame.seq for frame in found.frames]
        assert untouched <= set(seqs)
        assert seqs == sorted(set(seqs))
        assert [HEADER_BYTES + len(frame.payload) for frame in found.frames] == [
            len(parts[seq - 1]) for seq in seqs
        ]
        kept = sum(len(parts[seq - 1]) for seq in seqs)
        assert (found.used, found.skipped) == (len(damaged), len(damaged) - kept)


def test_holes_stand_where_the_damage_is() -> None:
    """A hole is named by the frame behind it, the one at the end by the number of frames."""
    parts = log(1, 4)
    parts[1] = parts[1][:-1] + b"?"
    found = frames.scan(b"".join(parts) + b"rubbish", final=True)
    assert [frame.seq for frame in found.frames] == [1, 3, 4]
    assert found.holes == {1: len(parts[1]), 3: len(b"rubbish")}


def test_a_torn_end_is_damage_only_when_final() -> None:
    """The last frame, cut at any byte, is waited for; when no more will come, it is skipped."""
    parts = log(3, 3)
    start = len(parts[0]) + len(parts[1])
    data = b"".join(parts)
    for cut in range(start, len(data)):
        waiting = frames.scan(data[:cut])
        assert (len(waiting.frames), waiting.used, waiting.skipped) == (2, start, 0)
        final = frames.scan(data[:cut], final=True)
        assert (len(final.frames), final.used, final.skipped) == (2, cut, cut - start)


@given(st.binary(max_size=300) | st.lists(st.sampled_from([b"TACH", b"\0", b"T"])).map(b"".join))
def test_rubbish_is_no_frame(data: bytes) -> None:
    """Any bytes are skipped, at once when nothing will follow."""
    assert frames.scan(data, final=True) == Scan(
        [], len(data), len(data), {0: len(data)} if data else {}
    )
    assert frames.scan(data).used >= len(data) - HEADER_BYTES


@given(st.binary(max_size=200) | any_frame.map(msgspec.msgpack.encode), st.data())
def test_decode_raises_nothing_but_frame_error(payload: bytes, data: st.DataObject) -> None:
    """A payload of any bytes, or of a frame with some changed, gives a frame or FrameError."""
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(payload)))
        payload = payload[:at] + data.draw(st.binary(max_size=2)) + payload[at + 1 :]
    try:
        frame = frames.decode(Encoded(1, 0, 1, payload))
    except FrameError:
        return
    assert isinstance(frame, Frame)


# A frame up to the value of its first publish.
TO_VALUE = b"\x99\x01\xc0" + b"\x90" * 6 + b"\x91\x92\xa1t"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"\xdd\xff\xff\xff\xff", "truncated"),
        (b"\x93\x01\xc0\xdd\xff\xff\xff\xff", "truncated"),
        (TO_VALUE + b"\xdf\xff\xff\xff\xff", "truncated"),
        (TO_VALUE + b"\x81\xa1k" + b"\x91" * 200_000, "recursion"),
        (TO_VALUE + b"\x81\xa1k\xdb\xff\xff\xff\xff", "truncated"),
        (TO_VALUE + b"\x81\xa1k\xc9\xff\xff\xff\xff\x05", "truncated"),
        (TO_VALUE + b"\x81\xa1k\xa2\xff\xff", "utf-8"),
    ],
    ids=["array", "inner-array", "map", "nested", "text", "extension", "broken-text"],
)
def test_hostile_payloads_cost_nothing(payload: bytes, reason: str) -> None:
    """Lengths of 4 GiB, 200,000 levels and broken texts are refused before they are allocated."""
    tracemalloc.start()
    try:
        with pytest.raises(FrameError, match=f"frame 7 is not readable .*{reason}"):
            frames.decode(Encoded(7, 0, 1, payload))
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def header(version: int, length: int, payload: bytes = b"") -> bytes:
    """A header whose checksum holds, whatever it says."""
    fields = struct.pack("<4sBBHIQI", b"TACH", version, 0, 0, length, 5, zlib.crc32(payload))
    return fields + struct.pack("<I", zlib.crc32(fields)) + payload


def test_a_length_of_4_gib_is_no_header() -> None:
    """A length above the limit is taken for damage: nobody waits for 4 GiB or allocates them."""
    good = frames.wrap(b"x", 6, 0)
    for length in (MAX_PAYLOAD_BYTES + 1, 2**32 - 1):
        assert frames.read_header(header(1, length)) is None
        found = frames.scan(header(1, length) + good)
        assert [frame.seq for frame in found.frames] == [6]
        assert found.skipped == HEADER_BYTES


def test_a_later_version_is_told_from_damage() -> None:
    """Frames of version 99 are found and counted like any; only decoding asks for an upgrade."""
    [encoded] = frames.scan(header(99, 3, b"???")).frames
    with pytest.raises(FrameTooNew, match="version 99, this program reads up to 1") as caught:
        frames.decode(encoded)
    assert (caught.value.seen, caught.value.known) == (99, 1)


def test_the_limit_of_a_payload() -> None:
    """A payload of 4 MiB passes, one byte more is refused where it is written."""
    data = frames.wrap(bytes(MAX_PAYLOAD_BYTES), 1, 0)
    assert frames.scan(data).used == len(data)
    with pytest.raises(FrameError, match=f"frame 2 has {MAX_PAYLOAD_BYTES + 1} bytes"):
        frames.wrap(bytes(MAX_PAYLOAD_BYTES + 1), 2, 0)


CHECKPOINT = Frame(
    at_ns=1_764_000_000_000_000_000,
    source=Source(
        id="9f2c1e",
        service="catalog",
        project="photos",
        host="büro",
        pid=4711,
        started_ns=1_763_999_990_000_000_000,
        command=("python", "analyze.py"),
        git_commit="a1b2c3d",
        python="3.11.7",
        sdk="0.1.0",
        parent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        interval_s=0.5,
    ),
    definitions=[
        Definition(1, "counter", "files.skipped", "files", {"disk": "a"}),
        Definition(2, "gauge", "queue.depth", "items", {}, "max"),
        Definition(3, "timer", "hash", "s", {}, "sum", "agent"),
    ],
    counters=[CounterTick(1, 12.0)],
    gauges=[GaugeTick(2, 5.0)],
    timers=[TimerTick(3, 4, 1, 0.5, 0.25, 0.0625, 0.25, [-12, 1, 40, 3])],
    started=[SpanStart(7, 0, "pipeline", "analyze", 1_763_999_991_000_000_000, {"total": 87500})],
    losses=[Loss("queue full", 3), Loss("rate", 250, True)],
)
TICK = Frame(
    at_ns=1_764_000_000_050_000_000,
    counters=[CounterTick(1, 13.0)],
    gauges=[GaugeTick(2, None)],
    timers=[TimerTick(3, 5, 1, 0.75, 0.5, 0.0625, 0.25, [40, 4])],
    started=[SpanStart(8, 7, "agent", "hash", 1_764_000_000_010_000_000)],
    ended=[
        SpanEnd(
            id=8,
            parent=7,
            kind="agent",
            name="hash",
            at_ns=1_764_000_000_040_000_000,
            duration_s=0.03,
            self_s=0.02,
            error="ValueError: no picture",
            attributes={"path": "ä.jpg", "bytes": 2**40, "tags": ["x", None, True, -1.5]},
        )
    ],
    publishes=[Publish("tasks", {"open": 12, "by": {"kim": 5}})],
    clocks=[Clock(1_764_000_000_045_000_000, -3600.5)],
)
GOODBYE = Frame(
    at_ns=1_764_000_001_000_000_000,
    counters=[CounterTick(1, 14.0)],
    goodbye=Goodbye("terminated", 1_764_000_001_000_000_000, "SIGTERM"),
)


LAST_WORDS = Frame(
    at_ns=1_764_000_002_000_000_000,
    goodbye=Goodbye("failed", 1_764_000_002_000_000_000, "exit", 1, "", "KeyError: 'x'"),
    lines=[Line(1_764_000_001_900_000_000, "Traceback (most recent call last):")],
    stacks=[Stack(1_764_000_001_800_000_000, ["main (job.py:9)", "parse (job.py:4)"])],
)
FAILURE = Frame(
    at_ns=1_764_000_003_000_000_000,
    ended=[
        SpanEnd(
            id=9,
            parent=0,
            kind="action",
            name="parse",
            at_ns=1_764_000_002_950_000_000,
            duration_s=0.25,
            self_s=0.25,
            error="KeyError: 'ä'",
            trace='Traceback (most recent call last):\n  File "job.py", line 4, in parse\nKeyError',
        )
    ],
)
LOG = [(1, CHECKPOINT), (2, TICK), (2**40, GOODBYE)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("version-1.bin", LOG),
        ("version-1-last-words.bin", [(9, LAST_WORDS)]),
        ("version-1-trace.bin", [(10, FAILURE)]),
        ("version-1-short.bin", [(1, Frame(at_ns=5, source=Source("a", "b", "c", "d", 1, 2)))]),
    ],
)
def test_golden_frames_decode_for_ever(name: str, expected: list[tuple[int, Frame]]) -> None:
    """Logs as they were written once are read, field by field, and fields that were not there
    yet have their defaults. Never write one of these files anew; add one."""
    found = frames.scan((GOLDEN / name).read_bytes(), final=True)
    assert found.skipped == 0
    assert [(one.seq, frames.decode(one)) for one in found.frames] == expected
    for one, (_, frame) in zip(found.frames, expected, strict=True):
        assert one.version == 1
        assert one.is_checkpoint == (frame.source is not None)
        assert bool(one.flags & frames.GOODBYE) == (frame.goodbye is not None)


def begins_with(later: Any, earlier: Any) -> bool:
    """Whether `later` has all that `earlier` has, at the same places; more may follow."""
    if isinstance(earlier, list):
        return len(later) >= len(earlier) and all(map(begins_with, later, earlier))
    return bool(later == earlier)


def test_what_is_written_now_begins_as_the_golden_frames() -> None:
    """No field was removed, moved or encoded in another way: older releases still read us."""
    found = frames.scan((GOLDEN / "version-1.bin").read_bytes(), final=True).frames
    for one, (seq, frame) in zip(found, LOG, strict=True):
        [now] = frames.scan(frames.encode(frame, seq)).frames
        assert now[:3] == one[:3]
        earlier, later = map(msgspec.msgpack.decode, (one.payload, now.payload))
        assert begins_with(later, earlier), (later, earlier)


def with_more_fields(value: Any) -> Any:
    """A Struct as a later release would write it: more fields in each Struct that it holds."""
    if isinstance(value, msgspec.Struct):
        known = [with_more_fields(getattr(value, name)) for name in value.__struct_fields__]
        return [*known, "of a later release", {"and": [1]}]
    if isinstance(value, list):
        return [with_more_fields(one) for one in value]
    return value


@given(any_frame)
def test_fields_of_a_later_release_are_skipped(frame: Frame) -> None:
    """Unknown trailing fields, in a frame and in all it holds, change nothing of what is known."""
    payload = msgspec.msgpack.encode(with_more_fields(frame))
    assert frames.decode(Encoded(1, 0, 1, payload)) == frame
