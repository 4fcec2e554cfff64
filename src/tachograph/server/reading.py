"""From the journal's logs to frames in the order of time, their clocks' offsets taken out.

Synchronous, on the event loop's thread. A turn reads a bounded number of bytes of all logs
together, so that the loop is never held for long.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from operator import itemgetter
from typing import NamedTuple

from tachograph.core.offset import APART_NS, ClockOffset, corrected
from tachograph.errors import FrameError, FrameTooNew
from tachograph.frames import decode
from tachograph.journal.base import Batch, Journal
from tachograph.model import Frame, Position

#: Bytes read of all logs together in one turn: the event loop is held while they are applied.
TURN_BYTES = 1 << 19
_at = itemgetter(0)


class Read(NamedTuple):
    """A frame of a log, or (None) `lost` frames that are not there, or can't be read."""

    at_ns: int
    id: str
    seq: int
    frame: Frame | None
    lost: int = 0
    #: What has to be done, where a newer version is needed to read it.
    advice: str = ""


class _Log:
    """How far one log is read, and what of it waits for its turn."""

    __slots__ = ("clock", "position", "torn", "waiting")

    def __init__(self, position: Position, offset_ns: int = 0) -> None:
        self.position = position
        self.clock = ClockOffset(offset_ns)
        self.torn = False
        self.waiting: deque[Read] = deque()


class Reading:
    """See the module.

    `behind`: what is read now was perhaps written long ago, because nobody read meanwhile. Then
    its coming says nothing of the source's clock. A turn that leaves nothing behind ends that.
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.behind = True
        self._logs: dict[str, _Log] = {}
        self._dirty: set[str] = set()
        self._waiting: set[str] = set()
        self._over: set[str] = set()

    def begin(self, id: str, seq: int, offset_s: float) -> None:
        """Of this log so much is known already."""
        self._logs[id] = _Log(Position(id, seq), round(offset_s * 1e9))

    def mark(self, ids: Iterable[str]) -> None:
        """These logs may have grown; none named: look at all."""
        ids = list(ids)
        self._dirty.update(ids or self.journal.sources())

    def interrupted(self, *, stepped: bool) -> None:
        """Nobody has read for a while, or (`stepped`) this machine's clock was set."""
        self.behind = True
        self.mark(())
        if stepped:
            for log in self._logs.values():
                log.clock.forget()

    @property
    def more(self) -> bool:
        """Whether there is something to read."""
        return bool(self._dirty)

    def waits(self, id: str) -> bool:
        """Whether something of this log has been read and not been given."""
        return id in self._waiting

    def offset_s(self, id: str) -> float:
        """By how much the source's clock is behind, 0.0 while it is near."""
        log = self._logs.get(id)
        return log.clock.ns / 1e9 if log else 0.0

    def turn(self, now_ns: int) -> list[Read]:
        """Read some of every log that may have grown. Gives, in the order of time, what lies
        before the instant that all of them reach."""
        dirty, self._dirty = self._dirty, set()
        horizon: int | None = None
        share = TURN_BYTES // max(1, len(dirty))
        for id in dirty:
            if id in self._over or not self._take(id, share, now_ns):
                continue
            self._dirty.add(id)
            waiting = self._logs[id].waiting
            if waiting and (horizon is None or waiting[-1].at_ns < horizon):
                horizon = waiting[-1].at_ns
        self.behind = self.more
        return self._ready(horizon)

    def rest(self, id: str, now_ns: int) -> list[Read]:
        """All that is left of a log whose writer is gone, and its book is closed. What waits of
        other logs comes first, in its order."""
        while self._take(id, TURN_BYTES, now_ns):
            pass
        # Where there is nothing new the journal lets go of what it has open.
        self._take(id, TURN_BYTES, now_ns)
        log = self._logs[id]
        if log.torn:
            # Nothing has come behind it, and nobody is left to write that.
            last = log.waiting[-1] if log.waiting else Read(0, id, log.position.seq, None)
            log.waiting.append(Read(last.at_ns, id, last.seq, None, 1))
            self._waiting.add(id)
        ready = self._ready(None)
        self.close(id)
        return ready

    def close(self, id: str) -> None:
        """Read no more of this log."""
        self._over.add(id)
        self._dirty.discard(id)
        self._logs.pop(id, None)

    def open_again(self, id: str, seq: int, offset_s: float) -> None:
        """Its writer is back, after the frame of this number."""
        self._over.discard(id)
        self.begin(id, seq, offset_s)

    def forget(self, ids: Iterable[str]) -> None:
        """These are not there any more. What could not be deleted stays closed, or it would be
        read and counted once more."""
        for id in ids:
            self._logs.pop(id, None)
        self._over &= set(self.journal.sources())

    def is_over(self, id: str) -> bool:
        """Whether the log was closed."""
        return id in self._over

    def _take(self, id: str, limit_bytes: int, now_ns: int) -> bool:
        """Read so much of a log, but a frame at least; True: there is more."""
        log = self._logs.get(id)
        if log is None:
            log = self._logs[id] = _Log(Position(id, 0))
        batch = self.journal.read(id, log.position, limit_bytes)
        log.position = batch.position
        if not (batch.frames or batch.gaps or batch.damaged_bytes):
            return False
        self._queue(id, log, batch, now_ns)
        if batch.torn:
            log.torn = True
        elif batch.frames:
            log.torn = False
        return batch.more

    def _queue(self, id: str, log: _Log, batch: Batch, now_ns: int) -> None:
        """Put a batch behind what waits, its gaps in their places."""
        found = [*_decoded(id, batch)]
        found += [Read(0, id, gap.last, None, gap.count) for gap in batch.gaps]
        if batch.gaps:
            found.sort(key=itemgetter(2))
        elif not found:
            # Damage that nothing is known of; but there is such a log.
            found.append(Read(0, id, log.position.seq, None))
        self._learn(id, log, batch, found, now_ns)
        offset, waiting = log.clock.ns, log.waiting
        newest = waiting[-1].at_ns if waiting else 0
        for read in found:
            at_ns, _, _, frame, _, _ = read
            if frame is not None:
                if offset:
                    at_ns = corrected(frame, offset).at_ns
                # Frames of one source stay in order, whatever its clock does.
                newest = max(newest, at_ns)
            waiting.append(read if read.at_ns == newest else read._replace(at_ns=newest))
        self._waiting.add(id)

    def _learn(self, id: str, log: _Log, batch: Batch, found: list[Read], now_ns: int) -> None:
        """When frames come tells of their clock, if they were read as they came."""
        if self.behind or batch.more:
            return
        if len(found) == 1:
            first = last = found[0]
        else:
            frames = [read for read in found if read.frame is not None]
            first, last = (frames or found)[0], (frames or found)[-1]
        if last.frame is None or last.at_ns - first.at_ns > APART_NS:
            return
        # A log that was copied here is new too, but its frames are not.
        if log.clock.known or self.journal.alive(id):
            log.clock.come(last.at_ns, now_ns)

    def _ready(self, horizon: int | None) -> list[Read]:
        """Take what waits, up to the horizon, in the order of time."""
        ready: list[Read] = []
        logs = 0
        for id in tuple(self._waiting):
            waiting = self._logs[id].waiting
            before = len(ready)
            if horizon is None:
                ready += waiting
                waiting.clear()
            else:
                while waiting and waiting[0].at_ns <= horizon:
                    ready.append(waiting.popleft())
            logs += len(ready) > before
            if not waiting:
                self._waiting.discard(id)
        if logs > 1:
            ready.sort(key=_at)
        return ready


def _decoded(id: str, batch: Batch) -> Iterable[Read]:
    for encoded in batch.frames:
        try:
            frame = decode(encoded)
        except FrameTooNew as error:
            yield Read(0, id, encoded.seq, None, 1, str(error))
        except FrameError:
            yield Read(0, id, encoded.seq, None, 1)
        else:
            yield Read(frame.at_ns, id, encoded.seq, frame)
