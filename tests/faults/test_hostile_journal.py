"""Logs that nobody's recorder wrote. The server stays up, serves the others, and counts."""

from __future__ import annotations

import os
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tachograph import frames
from tachograph.errors import FrameError
from tachograph.frames import Encoded
from tachograph.journal.file import FileJournal
from tachograph.journal.memory import MemoryJournal
from tachograph.model import (
    Definition,
    Frame,
    Goodbye,
    Publish,
    Source,
    SpanEnd,
    SpanStart,
)
from tests.core.program import NOON
from tests.dashboards import Dashboard
from tests.programs import Program, eventually
from tests.server.test_ingest import NOW, Reader, Writing

INF, NAN = float("inf"), float("nan")
GOOD = """
    import sys
    import tachograph as tacho
    tacho.configure(service="good", project="faults")
    for _ in range(5):
        tacho.action("step").record(0.001)
    tacho.flush()
    print("ready", flush=True)
    sys.stdin.readline()
"""


def nested(depth: int) -> bytes:
    """Arrays in arrays: a few bytes that unfold to as many objects."""
    return b"\x91" * depth + b"\xc0"


def header(length: int, seq: int = 1) -> bytes:
    """A header with good checksums that promises so many bytes."""
    fields = struct.pack("<4sBBHIQI", b"TACH", 1, 1, 0, length, seq, 0)
    return fields + struct.pack("<I", zlib.crc32(fields))


def source(id: str = "evil", **more: Any) -> Source:
    return Source(id, more.pop("service", "evil"), "faults", "here", 6, 1, **more)


def whole(seq: int, frame: Any) -> bytes:
    """Any payload as a checkpoint, with good checksums."""
    return frames.wrap(msgspec.msgpack.encode(frame), seq, frames.CHECKPOINT)


def payload(seq: int, data: bytes) -> bytes:
    return frames.wrap(data, seq, frames.CHECKPOINT)


LIES = [
    Definition(1, "counter", "a\nb\x00c", "unit\n", {"x\n": "y" * 5000}),
    Definition(1, "gauge", "a", "", {}, "last"),
    Definition(2, "timer", "../../etc\n", span="action"),
    Definition(2, "timer", "other", span="event"),
    Definition(3, "gauge", "system.memory_mb"),
    Definition(4, "gauge", "system.cores"),
]
#: Written one after the other to one log. Each is something that a recorder never writes.
PAYLOADS: list[Any] = [
    [1, None, 5, "x"],
    {"at_ns": 1},
    [NAN],
    ["now", None],
    [1 << 63, source(), LIES],
    [-(1 << 62), source(service="two\nlines\r\n\x1b[31m"), LIES],
    [5, None, [], [[1, NAN], [1, INF], [1, 1e308], [1, 1.7e308], [9, 1]], [[3, NAN], [4, INF]]],
    [6, None, [], [[1, (1 << 64) - 1]], [[1, 1], [3, -1e308]]],
    [7, None, [], [], [], [[2, (1 << 64) - 1, 0, 1, 1, 1, 1, [1, 1]]]],
    [8, None, [], [], [], [[2, 5, 9, NAN, INF, -INF, 1e308, [-1, -1, (1 << 64) - 1, 5, 7]]]],
    [9, None, [], [], [], [[2, 3, 0, 1, 1, 1, 1, [(1 << 63) - 1, 3, 0x7FF << 6, 3]]]],
    Frame(
        1 << 62,
        started=[SpanStart((1 << 63) - 1, 5, "action", "x" * 10_000, 1 << 62, {"x": {"y": NAN}})],
        ended=[
            SpanEnd(1, 1, "action", "e\n", -(1 << 62), NAN, INF, "Oops\n", {"v": b"\xff"}),
            SpanEnd(2, 2, "event", "e", (1 << 63) - 1, -5.0, 1.0, "Oops", {"v": [[[NAN]]]}),
        ],
    ),
    Frame(10, publishes=[Publish("tasks", {"v": NAN}), Publish("a\nb", {"v": [1] * 5})]),
    Frame(10, publishes=[Publish("system", {"live": 1}), Publish("", {"": (1 << 64) - 1})]),
    [11, None, [], [], [], [], [], [], [], [["r", (1 << 64) - 1], ["s", -5, True]], [[1, NAN]]],
    Frame(12, goodbye=Goodbye("live", (1 << 63) - 1, "bye\n", (1 << 63) - 1)),
    Frame(13, publishes=[Publish("tasks", {"evil": 1})]),
]


def hostile_payloads() -> list[bytes]:
    """All of them as frames, and bytes that are no msgpack at all."""
    found = [whole(seq, one) for seq, one in enumerate(PAYLOADS, 1)]
    raw = [nested(1_000_000), b"\x95\x01\xc0" + nested(100_000), b"\xdd\xff\xff\xff\xff", b""]
    raw.append(b"\xc6\xff\xff\xff\xff" + b"x" * 100)
    found += [payload(len(found) + n, data) for n, data in enumerate(raw, 1)]
    return found


@pytest.mark.parametrize("together", [True, False], ids=["at once", "one by one"])
def test_hostile_frames_move_nothing_of_the_others(tmp_path: Path, together: bool) -> None:
    """Lies, NaN, huge numbers, wrong types and deep nesting behind good checksums: every value can
    still be shown and stored, the other program's figures are exact, and all frames are counted."""
    journal = FileJournal(tmp_path / "journal")
    good, evil = Writing(journal, "good"), journal.open("evil")
    reader = Reader(journal)
    said = hostile_payloads()
    for n, data in enumerate(said):
        evil.append(data)
        good.work(2, failed=1)
        good.say(NOON + n / 10)
        if not together:
            reader.follow(NOW + 10**9)
            check(reader)
    reader.follow(NOW + 10**9)
    check(reader)
    reader.commit()
    row = reader.row("evil")
    assert (row["sent"], row["received"] + row["losses"]["missing frames"]) == (len(said),) * 2
    mine = reader.live.value("actions", "photos", NOON + 1)
    assert (mine["total_actions"], mine["error_count"]) == (2 * len(said), len(said))
    reader.begin()
    reader.follow(NOW + 10**9)
    check(reader)
    assert reader.live.value("actions", "photos", NOON + 1)["total_actions"] == 2 * len(said)
    assert stored_actions_of(reader, "photos") == 2 * len(said)
    good.writer.close()
    evil.close()


def check(reader: Reader) -> None:
    """Everything that is shown can be encoded, and everything that is stored too."""
    reader.live.tick(NOON + 1)
    for topic in ("system", "actions", "events", "sources"):
        msgspec.json.encode(reader.live.value(topic, None, NOON + 1))
    for state in reader.ingest.states.values():
        msgspec.msgpack.encode(state)
    for errors in reader.ingest.failed._names.values():
        msgspec.json.encode(list(errors))


def stored_actions_of(reader: Reader, project: str) -> int:
    return sum(
        sample.count
        for second in reader.store.seconds(0, 1 << 62)
        for key, sample in second.samples
        if key.span == "action" and key.project == project
    )


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.sampled_from(["counter", "gauge", "timer", "action", "event", "ended", 1, 2, 3]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)
ticks = st.lists(st.tuples(st.integers(0, 3), values), max_size=3)


@settings(max_examples=150)
@given(st.lists(st.lists(values, max_size=14) | values, max_size=4), st.data())
def test_any_payload_is_read_or_counted(said: list[Any], data: st.DataObject) -> None:
    """Whatever msgpack a frame holds, mixed into those of a real program: decoding raises nothing
    but FrameError, and read and lost frames are together all that were written."""
    journal = MemoryJournal()
    program, reader = Writing(journal), Reader(journal)
    for one in said:
        program.work()
        seq, frame = program.frame(NOON)
        real = msgspec.msgpack.decode(msgspec.msgpack.encode(frame))
        if isinstance(one, list) and data.draw(st.booleans()):
            # Nearly a frame: some of its fields are something else.
            for value in one:
                real[data.draw(st.integers(0, len(real) - 1))] = value
            one = real
        encoded = msgspec.msgpack.encode(one)
        try:
            frames.decode(Encoded(seq, 0, 1, encoded))
        except FrameError:
            pass
        program.writer.append(frames.wrap(encoded, seq, frames.CHECKPOINT))
    program.work()
    seq, frame = program.frame(NOON, whole=True)
    program.writer.append(frames.encode(frame, seq))
    reader.follow(NOW + 10**9)
    check(reader)
    reader.commit()
    (state,) = reader.ingest.states.values()
    assert state.seq == seq
    assert state.received + state.lost == seq


@settings(max_examples=150)
@given(st.binary(max_size=300), st.integers(1, 3), st.booleans())
def test_any_bytes_between_frames_take_none_with_them(
    rubbish: bytes, after: int, magic: bool
) -> None:
    """Rubbish of any kind, one that looks like a header too, costs no frame of before or behind."""
    journal = MemoryJournal(segment_bytes=1 << 20)
    program, reader = Writing(journal), Reader(journal)
    for n in range(1, 5):
        program.work()
        program.say(NOON)
        if n == after:
            (segment,) = journal._logs["p1"].segments.values()
            segment += (b"TACH" if magic else b"") + rubbish
    reader.follow()
    assert reader.actions()["total_actions"] == 4
    row = reader.row()
    assert (row["received"], row["lost"]) == (4, 0)


# --- files, as a real server meets them --------------------------------------------------------


def _segment(home: Path, id: str) -> Path:
    """Where a log's first segment lies; the log is there then, and nobody holds it."""
    directory = home / "journal" / id
    directory.mkdir(parents=True, mode=0o700)
    (directory / "lock").touch()
    return directory / "00000001.seg"


def _random(home: Path) -> None:
    _segment(home, "random").write_bytes(random.Random(5).randbytes(100_000))


def _endless(home: Path) -> None:
    promised = b"".join(header(length) for length in (0xFFFFFFFF, 4 << 20, 100))
    _segment(home, "endless").write_bytes(promised + b"x" * 50)


def _payloads(home: Path) -> None:
    _segment(home, "payloads").write_bytes(b"".join(hostile_payloads()))


def _directory(home: Path) -> None:
    _segment(home, "directory").mkdir()


def _pipe(home: Path) -> None:
    os.mkfifo(_segment(home, "pipe"))


def _held_pipe(home: Path) -> None:
    lock = _segment(home, "lock").with_name("lock")
    lock.unlink()
    os.mkfifo(lock)


def _loop(home: Path) -> None:
    segment = _segment(home, "loop")
    segment.symlink_to(segment)
    (home / "journal" / "itself").symlink_to(home / "journal" / "itself")


def _device(home: Path) -> None:
    _segment(home, "device").symlink_to("/dev/zero")


def _file(home: Path) -> None:
    (home / "journal").mkdir(parents=True, exist_ok=True)
    (home / "journal" / "file").write_bytes(b"x")


def _names(home: Path) -> None:
    for name in ("two\nlines", "\x1b[31m", "x" * 255, "..a", "a b", "\udcff"):
        _segment(home, name).write_bytes(b"".join(hostile_payloads()[4:6]))


EVERY = [_random, _endless, _payloads, _directory, _pipe, _held_pipe, _loop, _device, _file, _names]


def test_hostile_files_take_no_server_down(home: Path) -> None:
    """Random bytes, endless frames, directories, pipes, loops of links, devices and odd names
    where logs should be: before the server starts, and while it runs. It serves the others."""
    for make in EVERY:
        make(home)
    with Program(GOOD, home) as first, Dashboard(home) as dashboard:
        first.line()
        assert eventually(lambda: _steps(dashboard) == 5)
        second = home / "journal" / "later"
        for make in EVERY:
            make(second)
        for log in sorted((second / "journal").iterdir()):
            log.rename(home / "journal" / f"{log.name[:200]}-later")
        with Program(GOOD, home) as other:
            other.line()
            assert eventually(lambda: _steps(dashboard) == 10)
            rows = dashboard.get("/api/sources")["items"]
            good = [row for row in rows if row["service"] == "good"]
            assert [(row["state"], row["lost"]) for row in good] == [("live", 0), ("live", 0)]
            other.say("end")
            assert other.wait() == 0
        assert eventually(lambda: "ended" in {row["state"] for row in _good(dashboard)})
        assert dashboard.process.poll() is None


def _good(dashboard: Dashboard) -> list[dict[str, Any]]:
    rows = (dashboard.get("/api/sources") or {"items": []})["items"]
    return [row for row in rows if row["service"] == "good"]


def _steps(dashboard: Dashboard) -> int:
    names = dashboard.topic("actions").get("names", {})
    return int(names.get("step", {}).get("count", 0))


Make = Callable[[Path], None]


@pytest.mark.parametrize("make", EVERY, ids=lambda make: make.__name__.strip("_"))
def test_what_is_no_log_reads_as_one_without_figures(home: Path, make: Make) -> None:
    """Each of them alone, read by the journal itself: it doesn't wait, and counts nothing as
    received but what is a frame."""
    make(home)
    reader = Reader(FileJournal(home / "journal"))
    reader.follow()
    reader.commit()
    received = sum(state.received for state in reader.ingest.states.values())
    assert received == sum(row["received"] for row in map(reader.row, reader.live.sources))
    assert {state.state for state in reader.ingest.states.values()} <= {"killed", "ended", "live"}
