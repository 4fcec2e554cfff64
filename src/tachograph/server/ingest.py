"""From the journal's frames to states, live figures and stored seconds.

Synchronous, on the event loop's thread; `follower` says when. What was read but not yet
stored is read again after a crash, and a stored position never runs ahead of the figures
stored with it, so nothing is missed and nothing counts twice.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec

from tachograph.core.failed import Failed
from tachograph.core.live import KEEP_ENDED_S, Live
from tachograph.core.seconds import Seconds
from tachograph.core.source import SourceState
from tachograph.errors import FrameError, FrameTooNew
from tachograph.frames import decode
from tachograph.journal.base import Batch, Journal
from tachograph.model import ErrorRecord, Frame, Position, Source
from tachograph.store.base import Second, Series, StoredSource

log = logging.getLogger("tachograph.server")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SourceState).decode

#: Bytes read of all logs together in one turn: the event loop is held while they are applied.
TURN_BYTES = 1 << 18
#: A frame that comes so long after it was written is late.
LATE_S = 5.0
#: An instant further ahead of this machine's clock is taken for now.
AHEAD_NS = 5_000_000_000
#: Without a frame for so long, at least, a living source is silent.
SILENT_S = 3.0
#: Why something that was published is lost: a reserved topic, or a value that can't be carried.
REFUSED = "publish refused"
Publish = Callable[[str, str, dict[str, Any]], object]


class _Read(NamedTuple):
    """A frame that waits for its turn, or (None) `lost` frames that are not there."""

    at_ns: int
    seq: int
    frame: Frame | None
    lost: int = 0


class Commit(NamedTuple):
    """What one transaction has to hold."""

    sources: list[StoredSource]
    series: list[Series]
    seconds: list[Second]
    errors: list[ErrorRecord]


class Ingest:
    """See the module."""

    def __init__(self, journal: Journal, live: Live, publish: Publish) -> None:
        self.journal = journal
        self.live = live
        self.seconds = Seconds()
        self.failed = Failed()
        self.states: dict[str, SourceState] = {}
        self.frames = 0
        self.catching_up = True
        self._publish = publish
        self._read: dict[str, Position] = {}
        self._waiting: dict[str, deque[_Read]] = {}
        self._dirty: set[str] = set()
        self._changed: set[str] = set()
        self._over: set[str] = set()
        self._torn: set[str] = set()
        self._too_new: set[str] = set()

    # -- restart -----------------------------------------------------------

    def restore(self, stored: Iterable[StoredSource], series: list[Series]) -> None:
        """Take up what the store knows."""
        self.seconds.known(series)
        for one in stored:
            try:
                state = _decode(one.blob)
            except msgspec.DecodeError as error:
                log.warning("source %s can't be restored (%s); it is read anew", one.id, error)
                continue
            self.states[one.id] = state
            self._read[one.id] = Position(one.id, state.seq)
            self.live.put(state)
            if state.final:
                self._over.add(one.id)
            else:
                gauges = [(state.definitions[n], value) for n, value in state.gauges.items()]
                self.seconds.restore(state.source, gauges)

    # -- reading -----------------------------------------------------------

    def mark(self, ids: Iterable[str]) -> None:
        """These logs may have grown; none named: look at all."""
        ids = list(ids)
        self._dirty.update(ids or self.journal.sources())

    def pump(self, now_ns: int) -> bool:
        """Read and apply one turn of every log that may have grown; True: there is more."""
        dirty, self._dirty = self._dirty, set()
        horizon: int | None = None
        share = TURN_BYTES // max(1, len(dirty))
        for id in dirty:
            if id in self._over:
                continue
            more = self._take(id, share)
            if more and self._waiting.get(id):
                last = self._waiting[id][-1].at_ns
                horizon = last if horizon is None else min(horizon, last)
        self._apply_all(horizon, now_ns)
        return bool(self._dirty)

    def _take(self, id: str, limit_bytes: int) -> bool:
        """Read so much of a log, but a frame at least, into the waiting frames; True: there is
        more."""
        after = self._read.get(id, Position(id, 0))
        batch = self.journal.read(id, after, limit_bytes)
        self._read[id] = batch.position
        if not (batch.frames or batch.gaps or batch.damaged_bytes):
            return False
        self._state(id)
        self._queue(id, batch)
        self._look_for_tear(id, batch)
        if batch.more:
            self._dirty.add(id)
        return batch.more

    def _queue(self, id: str, batch: Batch) -> None:
        """Decode a batch into the waiting frames, its gaps in their places."""
        waiting = self._waiting.setdefault(id, deque())
        newest = waiting[-1].at_ns if waiting else 0
        gaps = deque(batch.gaps)
        for encoded in batch.frames:
            while gaps and gaps[0].last < encoded.seq:
                gap = gaps.popleft()
                waiting.append(_Read(newest, gap.last, None, gap.count))
            try:
                frame = decode(encoded)
            except FrameTooNew as error:
                self._show_too_new(id, error)
                waiting.append(_Read(newest, encoded.seq, None, 1))
                continue
            except FrameError:
                waiting.append(_Read(newest, encoded.seq, None, 1))
                continue
            # Frames of one source stay in order, whatever its clock does.
            newest = max(newest, frame.at_ns)
            waiting.append(_Read(newest, encoded.seq, frame))
        for gap in gaps:
            waiting.append(_Read(newest, gap.last, None, gap.count))

    def _look_for_tear(self, id: str, batch: Batch) -> None:
        """It is known as one only when nothing has come behind it, and nobody is left to."""
        if batch.torn:
            self._torn.add(id)
        elif batch.frames:
            self._torn.discard(id)

    def _show_too_new(self, id: str, error: FrameTooNew) -> None:
        """The source is listed with what has to be done; its log stays for a newer server."""
        state = self.states[id]
        if id not in self._too_new:
            log.warning("source %s: %s", id, error)
            self._too_new.add(id)
            state.reason = str(error)
            if id not in self.live.sources:
                self.live.put(state)

    def _state(self, id: str) -> SourceState:
        state = self.states.get(id)
        if state is None:
            unknown = Source(id, "unknown", "unknown", "unknown", 0, 0)
            state = self.states[id] = SourceState(unknown)
        return state

    def _apply_all(self, horizon: int | None, now_ns: int) -> None:
        """Apply waiting frames in the order of time, up to the horizon that all logs reach."""
        ready: list[tuple[int, str, _Read]] = []
        for id, waiting in self._waiting.items():
            while waiting and (horizon is None or waiting[0].at_ns <= horizon):
                read = waiting.popleft()
                ready.append((read.at_ns, id, read))
        if len(self._waiting) > 1:
            ready.sort(key=lambda one: one[0])
        for _, id, read in ready:
            try:
                self._apply(id, read, now_ns)
            except Exception:  # whatever a log holds, the others are served
                log.exception("frame %d of source %s can't be applied; it is lost", read.seq, id)
                self.states[id].gap(1)

    def _apply(self, id: str, read: _Read, now_ns: int) -> None:
        state, frame = self.states[id], read.frame
        self._changed.add(id)
        if frame is None or (frame.source is None and not state.source.pid):
            # Of a source that isn't known yet the checkpoint will say the figures again.
            state.gap(read.lost or 1)
            state.seq = max(state.seq, read.seq)
            state.last_ns = max(state.last_ns, min(read.at_ns, now_ns))
            return
        if frame.source is not None and not state.source.pid:
            # Before its first frame, because from here on the totals move by steps.
            state.source = frame.source
            self.live.put(state)
        # A clock that is ahead must not put figures where no chart, and no store, looks.
        frame.at_ns = max(0, min(frame.at_ns, now_ns + AHEAD_NS))
        steps = state.apply(frame, read.seq)
        self.frames += 1
        if not self.catching_up and now_ns - frame.at_ns > LATE_S * 1e9:
            state.late += 1
        self.live.step(state, frame.at_ns, steps)
        self.seconds.add(state.source, frame.at_ns, steps)
        if steps.ended:
            self.failed.add(state.source, steps.ended)
        if state.final:
            self.seconds.gone(state.source, state.ended_ns)
        for publish in steps.publishes:
            if self._publish(publish.topic, state.source.project, publish.value) is False:
                state.losses[REFUSED] = state.losses.get(REFUSED, 0) + 1

    # -- life and death ----------------------------------------------------

    def check_life(self, now_ns: int) -> None:
        """Notice who has ended, and who says nothing."""
        for id, state in list(self.states.items()):
            if id in self._over or self._waiting.get(id):
                continue
            if not self.journal.alive(id):
                self._bury(id, state, now_ns)
            elif state.state == "live" and not self.catching_up:
                patience = max(SILENT_S, 3 * state.source.interval_s)
                if now_ns - state.last_ns > patience * 1e9:
                    state.state = "silent"
                    self._changed.add(id)

    def _bury(self, id: str, state: SourceState, now_ns: int) -> None:
        """The writer is gone: read what is left, then close the book."""
        while self._take(id, TURN_BYTES):
            pass
        if id in self._torn:
            self._torn.discard(id)
            self._waiting[id].append(_Read(state.last_ns, state.seq, None, 1))
        self._dirty.discard(id)
        self._apply_all(None, now_ns)
        state.dead(state.last_ns or now_ns)
        self._over.add(id)
        self._waiting.pop(id, None)
        self._read.pop(id, None)
        # In its last second it was there.
        self.seconds.gone(state.source, state.last_ns + 1_000_000_000)
        self._changed.add(id)

    def expire(self, now_s: float) -> list[str]:
        """Let go of what ended long ago, in memory and in the journal; returns the ids."""
        gone = self._nameless(now_s) + self.live.expire(now_s)
        for id in gone:
            self.states.pop(id, None)
            self._read.pop(id, None)
            if id not in self._too_new:
                self.journal.forget(id)
        if gone:
            # What could not be deleted must not be read and counted once more.
            self._over &= {*self.states, *self.journal.sources()}
        return gone

    def _nameless(self, now_s: float) -> list[str]:
        """The old among the dead of which no checkpoint could be read."""
        return [
            id
            for id, state in self.states.items()
            if id in self._over
            and id not in self.live.sources
            and now_s - max(state.ended_ns, state.last_ns) / 1e9 > KEEP_ENDED_S
        ]

    # -- storing -----------------------------------------------------------

    def take_commit(self) -> Commit | None:
        """What is new since the last time, None when nothing is."""
        if not self._changed:
            return None
        changed, self._changed = self._changed, set()
        series, seconds = self.seconds.take()
        # A source whose name isn't known yet is read anew after a restart.
        known = [id for id in changed if id in self.states and self.states[id].source.pid]
        return Commit([self._stored(id) for id in known], series, seconds, self.failed.take())

    def give_back(self, commit: Commit) -> None:
        """A commit failed: what was in it goes into the next one."""
        self._changed.update(stored.id for stored in commit.sources)
        self.seconds.give_back(commit.series, commit.seconds)
        self.failed.give_back(commit.errors)

    def _stored(self, id: str) -> StoredSource:
        state = self.states[id]
        source = state.source
        return StoredSource(
            id,
            source.project,
            source.service,
            state.state,
            state.seq,
            state.last_ns,
            _encode(state),
        )
