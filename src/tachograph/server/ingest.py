"""From the journal's frames to states, live figures and stored seconds.

Synchronous, on the event loop's thread; `follower` says when. What was read but not yet
stored is read again after a crash, and a stored position never runs ahead of the figures
stored with it, so nothing is missed and nothing counts twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from tachograph.core.live import KEEP_ENDED_S, Live
from tachograph.core.source import SourceState
from tachograph.journal.base import Journal
from tachograph.model import ErrorRecord, Position
from tachograph.server.counting import Counting, Publish
from tachograph.server.reading import Reading
from tachograph.store.base import Second, Series, StoredSource

log = logging.getLogger("tachograph.server")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SourceState).decode

#: Without a frame for so long, at least, a living source is silent.
SILENT_S = 2.0
#: One that was taken for dead is looked after for so long, at least.
COMES_BACK_S = 60.0
#: Of so many sources frames are taken at the end of each turn; of more they are gathered until
#: their second is over, or somebody looks.
MAX_BURSTS = 16


class Commit(NamedTuple):
    """What one transaction has to hold."""

    sources: list[StoredSource]
    series: list[Series]
    seconds: list[Second]
    errors: list[ErrorRecord]


class Ingest:
    """See the module. Figures that others read are whole after `settle`."""

    def __init__(self, journal: Journal, live: Live, publish: Publish) -> None:
        self.journal = journal
        self.reading = Reading(journal)
        self.counting = Counting(live, publish, self.reading.offset_s)
        self.live = live
        self.seconds = self.counting.seconds
        self.failed = self.counting.failed
        self.states = self.counting.states
        self.catching_up = True
        self._awake_ns = 0
        self._unstorable: set[str] = set()
        #: Looked at each time: they may have no watch any more.
        self._unwatched: set[str] = set()

    @property
    def frames(self) -> int:
        """Frames that were counted since this server began."""
        return self.counting.frames

    def settle(self) -> None:
        """Take all that was gathered into states, live figures and seconds."""
        self.counting.settle()

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
        self.counting.take(self.reading.turn(now_ns), now_ns, in_time)
        if len(self.counting.bursts) <= MAX_BURSTS:
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

    # -- life and death ----------------------------------------------------

    def check_life(self, now_ns: int) -> None:
        """Notice who has ended, and who says nothing."""
        self.settle()
        if self._unwatched:
            self.reading.mark(self._unwatched)
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
                # What nobody could hear is no silence.
                quiet_s = (now_ns - max(state.last_ns, self._awake_ns)) / 1e9
                if quiet_s > 1.5 * max(1.0, state.source.interval_s):
                    # Nobody may have told: its watch ends when its lock is gone for a while.
                    self._unwatched.add(id)
                if quiet_s > max(SILENT_S, 2 * state.source.interval_s):
                    state.state = "silent"
                    self.counting.changed.add(id)

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
            self.live.back(state)
            self.reading.open_again(id, state.seq, state.clock_offset_s)
            self.reading.mark([id])
            self._unwatched.add(id)
            self.counting.changed.add(id)

    def _bury(self, id: str, state: SourceState, now_ns: int) -> None:
        """The writer is gone: read what is left, then close the book."""
        self.counting.take(self.reading.rest(id, now_ns), now_ns, False)
        self.settle()
        state.dead(state.last_ns or now_ns)
        self._unwatched.discard(id)
        # In its last second it was there.
        self.seconds.gone(state.source, state.last_ns + 1_000_000_000)
        self.counting.changed.add(id)

    def expire(self, now_s: float) -> list[str]:
        """Let go of what ended long ago, in memory and in the journal; returns the ids."""
        self.settle()
        gone = self._nameless(now_s) + self.live.expire(now_s)
        for id in gone:
            self.states.pop(id, None)
            if id not in self.counting.too_new:
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
            self.counting.changed.discard(id)
            self.counting.too_new.discard(id)
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
        if not self.counting.changed:
            return None
        changed, self.counting.changed = self.counting.changed, set()
        series, seconds = self.seconds.take()
        # A source whose name isn't known yet is read anew after a restart.
        known = [id for id in changed if id in self.states and self.states[id].source.pid]
        sources = [stored for id in known if (stored := self._stored(id)) is not None]
        return Commit(sources, series, seconds, self.failed.take())

    def give_back(self, commit: Commit) -> None:
        """A commit failed: what was in it goes into the next one."""
        self.counting.changed.update(stored.id for stored in commit.sources)
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
