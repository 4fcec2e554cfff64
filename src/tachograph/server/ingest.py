"""From the journal's frames to states, live figures and stored seconds.

Synchronous, on the event loop's thread; `follower` says when. What was read but not yet
stored is read again after a crash, and a stored position never runs ahead of the figures
stored with it, so nothing is missed and nothing counts twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec

from tachograph.core.bounds import bound
from tachograph.core.burst import Burst, joins
from tachograph.core.live import KEEP_ENDED_S, Live
from tachograph.core.seconds import Seconds
from tachograph.core.source import SourceState
from tachograph.journal.base import Journal
from tachograph.model import ErrorRecord, Frame, Position, Source
from tachograph.server.reading import Read, Reading
from tachograph.store.base import Second, Series, StoredSource

log = logging.getLogger("tachograph.server")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SourceState).decode

#: A frame that comes so long after it was written is late.
LATE_NS = 5_000_000_000
#: Without a frame for so long, at least, a living source is silent.
SILENT_S = 3.0
#: One that was taken for dead is looked after for so long, at least.
COMES_BACK_S = 60.0
#: Of so many sources frames are taken at the end of each turn; of more they are gathered until
#: their second is over, or somebody looks.
MAX_BURSTS = 16
#: Why something that was published is lost: a reserved topic, or a value that can't be carried.
REFUSED = "publish refused"
Publish = Callable[[str, str, dict[str, Any]], object]


class Commit(NamedTuple):
    """What one transaction has to hold."""

    sources: list[StoredSource]
    series: list[Series]
    seconds: list[Second]
    errors: list[ErrorRecord]


class Ingest:
    """See the module. Figures that others read are whole after `settle`: of sources that write
    faster than anybody looks, frames of a second are gathered and taken as one."""

    def __init__(self, journal: Journal, live: Live, publish: Publish) -> None:
        self.journal = journal
        self.reading = Reading(journal)
        self.live = live
        self.seconds = Seconds()
        self.failed = live.failed
        self.states: dict[str, SourceState] = {}
        self.frames = 0
        self.catching_up = True
        self._publish = publish
        self._bursts: dict[str, Burst] = {}
        self._second = 0
        self._awake_ns = 0
        self._changed: set[str] = set()
        self._too_new: set[str] = set()
        self._back: set[str] = set()

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
            self.reading.begin(one.id, state.seq, state.clock_offset_s)
            self.live.put(state)
            if state.final:
                self.reading.close(one.id)
            else:
                gauges = [(state.definitions[n], value) for n, value in state.gauges.items()]
                self.seconds.restore(state.source, gauges)

    # -- reading -----------------------------------------------------------

    def mark(self, ids: Iterable[str]) -> None:
        """These logs may have grown; none named: look at all."""
        ids = list(ids)
        for id in ids or tuple(self.states):
            self._look_for_life(id)
        self.reading.mark(ids)

    def pump(self, now_ns: int) -> bool:
        """Read and apply one turn of every log that may have grown; True: there is more."""
        in_time = not (self.catching_up or self.reading.behind)
        self._take_in(self.reading.turn(now_ns), now_ns, in_time)
        if len(self._bursts) <= MAX_BURSTS:
            self.settle()
        return self.reading.more

    def interrupted(self, now_ns: int, *, stepped: bool = False) -> None:
        """This server stood still for a while, alone or with the whole machine; or (`stepped`)
        its clock was set. Neither is a silence of the sources, nor an offset of their clocks."""
        self.settle()
        self.reading.interrupted(stepped=stepped)
        self._awake_ns = now_ns
        for state in self.states.values():
            if not state.final:
                state.last_ns = min(state.last_ns, now_ns)

    def _take_in(self, ready: Iterable[Read], now_ns: int, in_time: bool) -> None:
        for read in ready:
            if read.frame is None:
                self._miss(read, now_ns)
                continue
            self.frames += 1
            bound(read.frame, now_ns)
            if in_time and now_ns - read.frame.at_ns > LATE_NS:
                self._state(read.id).late += 1
            self._gather(read.id, read.frame, read.seq)

    def _gather(self, id: str, frame: Frame, seq: int) -> None:
        """Add a frame to its source's burst, or take it at once."""
        second = frame.at_ns // 1_000_000_000
        if second > self._second:
            # Gauges of all sources become one value at the end of each second.
            self.settle()
            self._second = second
        burst = self._bursts.get(id)
        if not joins(frame):
            if burst is not None:
                self._settle(id)
            self._apply(id, frame, seq, 1)
        elif burst is not None and burst.second == second:
            burst.add(frame, seq)
        else:
            if burst is not None:
                self._settle(id)
            self._bursts[id] = Burst(frame, seq)

    def settle(self) -> None:
        """Take all that was gathered into states, live figures and seconds."""
        for id in tuple(self._bursts):
            self._settle(id)

    def _settle(self, id: str) -> None:
        burst = self._bursts.pop(id)
        self._apply(id, burst.frame(), burst.seq, burst.count)

    def _apply(self, id: str, frame: Frame, seq: int, count: int) -> None:
        try:
            self._step(id, frame, seq, count)
        except Exception:  # whatever a log holds, the others are served
            log.exception("frame %d of source %s can't be applied; it is lost", seq, id)
            self._state(id).gap(count)

    def _step(self, id: str, frame: Frame, seq: int, count: int) -> None:
        state = self._state(id)
        self._changed.add(id)
        state.clock_offset_s = self.reading.offset_s(id)
        if not state.source.pid:
            if frame.source is None:
                # The checkpoint will say the figures again.
                self._lose(state, seq, frame.at_ns, count)
                return
            # Before its first frame, because from here on the totals move by steps.
            state.source = frame.source
            self.live.put(state)
        steps = state.apply(frame, seq, count)
        self.live.step(state, frame.at_ns, steps)
        self.seconds.add(state.source, frame.at_ns, steps)
        if steps.ended:
            self.failed.add(state.source, steps.ended)
        if state.final:
            self.seconds.gone(state.source, state.ended_ns)
        for publish in steps.publishes:
            if self._publish(publish.topic, state.source.project, publish.value) is False:
                state.losses[REFUSED] = state.losses.get(REFUSED, 0) + 1

    def _miss(self, read: Read, now_ns: int) -> None:
        """Frames that are not there, or that can't be read."""
        if read.id in self._bursts:
            self._settle(read.id)
        state = self._state(read.id)
        self._changed.add(read.id)
        self._lose(state, read.seq, min(read.at_ns, now_ns), read.lost)
        if read.advice and read.id not in self._too_new:
            # The source is listed with what has to be done; its log stays for a newer server.
            log.warning("source %s: %s", read.id, read.advice)
            self._too_new.add(read.id)
            state.reason = read.advice
            if read.id not in self.live.sources:
                self.live.put(state)

    def _lose(self, state: SourceState, seq: int, at_ns: int, count: int) -> None:
        state.gap(count)
        state.seq = max(state.seq, seq)
        state.last_ns = max(state.last_ns, at_ns)

    def _state(self, id: str) -> SourceState:
        state = self.states.get(id)
        if state is None:
            unknown = Source(id, "unknown", "unknown", "unknown", 0, 0)
            state = self.states[id] = SourceState(unknown)
        return state

    # -- life and death ----------------------------------------------------

    def check_life(self, now_ns: int) -> None:
        """Notice who has ended, and who says nothing."""
        self.settle()
        # Those that came back may have no watch any more.
        if self._back:
            self.reading.mark(self._back)
        for id, state in list(self.states.items()):
            if self.reading.is_over(id):
                if now_ns - state.ended_ns < max(COMES_BACK_S, 3 * state.source.interval_s) * 1e9:
                    self._look_for_life(id)
                continue
            if self.reading.waits(id):
                continue
            if not self.journal.alive(id):
                if not self._is_deleted(id, state, now_ns):
                    self._bury(id, state, now_ns)
            elif state.state == "live" and not self.catching_up:
                patience = max(SILENT_S, 3 * state.source.interval_s)
                # What nobody could hear is no silence.
                if now_ns - max(state.last_ns, self._awake_ns) > patience * 1e9:
                    state.state = "silent"
                    self._changed.add(id)

    def _is_deleted(self, id: str, state: SourceState, now_ns: int) -> bool:
        """Whether its log is gone: that is no sign of its death, so it has time to make another."""
        patience = max(SILENT_S, 3 * state.source.interval_s)
        lately = now_ns - state.last_ns < patience * 1e9
        return lately and not state.final and id not in self.journal.sources()

    def _look_for_life(self, id: str) -> None:
        """A program may let go of its log without a word and go on: it closes all descriptors to
        become a daemon, or somebody deletes its home. With its next frame it is there again."""
        state = self.states.get(id)
        if state is None or not state.presumed or not self.reading.is_over(id):
            return
        after = Position(id, state.seq)
        if self.journal.alive(id) or self.journal.read(id, after, 1).frames:
            state.back()
            self.reading.open_again(id, state.seq, state.clock_offset_s)
            self.reading.mark([id])
            self._back.add(id)
            self._changed.add(id)

    def _bury(self, id: str, state: SourceState, now_ns: int) -> None:
        """The writer is gone: read what is left, then close the book."""
        self._take_in(self.reading.rest(id, now_ns), now_ns, False)
        self.settle()
        state.dead(state.last_ns or now_ns)
        self._back.discard(id)
        # In its last second it was there.
        self.seconds.gone(state.source, state.last_ns + 1_000_000_000)
        self._changed.add(id)

    def expire(self, now_s: float) -> list[str]:
        """Let go of what ended long ago, in memory and in the journal; returns the ids."""
        self.settle()
        gone = self._nameless(now_s) + self.live.expire(now_s)
        for id in gone:
            self.states.pop(id, None)
            if id not in self._too_new:
                self.journal.forget(id)
        if gone:
            self.reading.forget(gone)
        return gone

    def forget(self, ids: Iterable[str], project: str | None = None) -> None:
        """These sources are over and their logs are gone; with `project` everything of it is."""
        ids = list(ids)
        self.settle()
        for id in ids:
            self.states.pop(id, None)
            self._changed.discard(id)
            self._too_new.discard(id)
            self.failed.forget_source(id)
        self.live.forget(ids)
        self.reading.forget(ids)
        if project is not None:
            self.seconds.forget(project)
            self.failed.forget(project)

    def _nameless(self, now_s: float) -> list[str]:
        """The old among the dead of which no checkpoint could be read."""
        return [
            id
            for id, state in self.states.items()
            if self.reading.is_over(id)
            and id not in self.live.sources
            and now_s - max(state.ended_ns, state.last_ns) / 1e9 > KEEP_ENDED_S
        ]

    # -- storing -----------------------------------------------------------

    def take_commit(self) -> Commit | None:
        """What is new since the last time, None when nothing is."""
        self.settle()
        if not self._changed:
            return None
        changed, self._changed = self._changed, set()
        series, seconds = self.seconds.take()
        # A source whose name isn't known yet is read anew after a restart.
        known = [id for id in changed if id in self.states and self.states[id].source.pid]
        sources = [stored for id in known if (stored := self._stored(id)) is not None]
        return Commit(sources, series, seconds, self.failed.take())

    def give_back(self, commit: Commit) -> None:
        """A commit failed: what was in it goes into the next one."""
        self._changed.update(stored.id for stored in commit.sources)
        self.seconds.give_back(commit.series, commit.seconds)
        self.failed.give_back(commit.errors)

    def _stored(self, id: str) -> StoredSource | None:
        state = self.states[id]
        source = state.source
        try:
            blob = _encode(state)
        except Exception:  # one state that is out of all bounds must not stop the others' storing
            if id not in self._unstorable:
                log.exception("source %s can't be stored; after a restart it is read anew", id)
            self._unstorable.add(id)
            return None
        return StoredSource(
            id, source.project, source.service, state.state, state.seq, state.last_ns, blob
        )

    def losses(self) -> dict[str, int]:
        """What this server had to drop, by reason; reasons without any are left out."""
        found = {
            "seconds that could not be stored": self.seconds.dropped,
            "errors that could not be stored": self.failed.dropped,
        }
        return {reason: count for reason, count in found.items() if count}
