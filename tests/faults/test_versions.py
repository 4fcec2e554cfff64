"""Programs whose Tachograph is older or newer than the server's."""

from __future__ import annotations

import logging
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tachograph import frames
from tachograph.core.live import KEEP_ENDED_S
from tachograph.journal.file import FileJournal
from tachograph.model import Frame
from tests.core.program import NOON
from tests.server.test_ingest import NOW, Reader, Writing, stored_actions

#: Fields of a frame, a source and a goodbye in the first release.
FIRST_FRAME, FIRST_SOURCE, FIRST_GOODBYE = 12, 6, 2


def _as_lists(frame: Frame) -> list[Any]:
    """What the payload says, free to be changed."""
    said: list[Any] = msgspec.msgpack.decode(msgspec.msgpack.encode(frame))
    return said


def older(said: list[Any]) -> list[Any]:
    """Without every field that came later."""
    if said[1] is not None:
        said[1] = said[1][:FIRST_SOURCE]
    if said[11] is not None:
        said[11] = said[11][:FIRST_GOODBYE]
    for timers in said[5]:
        assert len(timers) == 8
    return said[:FIRST_FRAME]


def newer(said: list[Any]) -> list[Any]:
    """With fields at the ends of which nobody knows here."""
    for group in said[2:6]:
        for one in group:
            one += [{"new": [1, None]}, "field"]
    if said[1] is not None:
        said[1] += ["new", {"a": 1}]
    if said[11] is not None:
        said[11] += [[]]
    return [*said, [["unknown", 1]], None, {"more": True}]


class Versioned(Writing):
    """A program whose frames are as another release writes them."""

    def __init__(self, journal: FileJournal, id: str, change: Callable[[list[Any]], Any]) -> None:
        super().__init__(journal, id)
        self._change = change

    def say(self, at: float = NOON) -> int:
        seq, frame = self.frame(at, whole=self.writer.needs_checkpoint)
        self._write(seq, frame)
        return seq

    def end(self, at: float = NOON) -> None:
        self._write(*self.goodbye(at))
        self.writer.close()

    def _write(self, seq: int, frame: Frame) -> None:
        flags = frames.read_header(frames.encode(frame, seq))
        assert flags is not None
        payload = msgspec.msgpack.encode(self._change(_as_lists(frame)))
        self.writer.append(frames.wrap(payload, seq, flags.flags))


@pytest.mark.parametrize("change", [older, newer])
def test_older_and_newer_sdk_in_the_same_major_version(
    tmp_path: Path, change: Callable[[list[Any]], Any]
) -> None:
    """Fewer fields are filled in, unknown ones are skipped: every total is right, over rotation
    and a restart of the server, beside a program of this release."""
    journal = FileJournal(tmp_path / "journal", segment_bytes=1500)
    other, same = Versioned(journal, "p1", change), Writing(journal, "p2")
    reader = Reader(journal)
    for n in range(40):
        for program in (other, same):
            program.work(3, failed=1)
            program.count(2)
            program.gauge("depth", n)
            program.say(NOON + n)
        reader.follow(NOW + n * 10**9)
        if n == 20:
            reader.commit()
            reader.begin()
    for program in (other, same):
        program.end(NOON + 40)
    reader.follow(NOW + 40 * 10**9)
    reader.commit()
    seen = reader.actions()
    assert (seen["total_actions"], seen["error_count"]) == (240, 80)
    assert stored_actions(reader.store) == (240, 80)
    shown = [
        {key: reader.row(id)[key] for key in ("state", "sent", "received", "lost", "service")}
        for id in ("p1", "p2")
    ]
    assert shown[0] == shown[1]
    assert (shown[0]["state"], shown[0]["sent"], shown[0]["lost"]) == ("ended", 41, 0)


def test_newer_sdk_of_an_unknown_major_version(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The page says that a newer server is needed, once; nothing is guessed, the others are
    served, and the log is kept for the server that can read it, restart or not."""
    journal = FileJournal(tmp_path / "journal")
    new, old = Writing(journal, "p1"), Writing(journal, "p2")
    for n in range(3):
        seq, frame = new.frame(NOON + n)
        data = frames.encode(frame, seq)
        fields = data[:4] + b"\x07" + data[5:24]
        new.writer.append(fields + struct.pack("<I", zlib.crc32(fields)) + data[28:])
    old.work(2)
    old.say()
    reader = Reader(journal)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            reader.follow()
            reader.commit()
            row = reader.row("p1")
            assert "frame version 7" in row["reason"]
            assert "upgrade" in row["reason"]
            assert (row["lost"], row["received"]) == (3, 0)
            assert reader.actions()["total_actions"] == 2
            reader.begin()
    assert len(caplog.records) == 2  # once by each server
    new.writer.close()
    old.writer.close()
    reader.follow()
    reader.ingest.expire(NOON + 10 * KEEP_ENDED_S)
    assert journal.sources() == ["p1"]
