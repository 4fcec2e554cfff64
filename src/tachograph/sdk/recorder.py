"""The recorder of this process: what a source is made of, its beginning and its end.

Every interval it samples the process tree and writes a frame even if nothing happened, so that
silence means silence. A failed append loses that frame, which is counted by cause and warned
of once an outage; the next frame that gets through is a checkpoint, so totals are right again
at once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from time import monotonic, perf_counter

from tachograph.errors import TachographError
from tachograph.model import Frame, Goodbye, Source, State
from tachograph.sdk.accumulate import Accumulator
from tachograph.sdk.clock import Clock
from tachograph.sdk.flusher import Flusher
from tachograph.sdk.identity import new_source
from tachograph.sdk.inbox import LIMIT, inbox
from tachograph.sdk.intake import Intake, is_anything_waiting
from tachograph.sdk.logbook import Logbook
from tachograph.sdk.scope import disown, forget_dead_threads, loops
from tachograph.sdk.settings import Settings
from tachograph.sdk.turn import Turn
from tachograph.sdk.vitals import Vitals

log = logging.getLogger("tachograph")

#: After a failed append, the next try.
RETRY_S = 1.0


class Recorder:
    """One source: this process, from here to its end or its fork."""

    def __init__(self, settings: Settings, parent: str = "", source: Source | None = None) -> None:
        self.settings = settings
        self.source = source or new_source(
            settings.service, settings.project, settings.interval_s, parent, settings.scrubber
        )
        self.state = Accumulator(self.source, settings.scrubber)
        self.clock = Clock()
        self.ended = False
        self.listeners: list[Callable[[], None]] = []
        self._vitals = Vitals(self.source)
        self._intake = Intake(self.state, self.warn)
        self._logbook = Logbook(self.source.id)
        self._retry_at = 0.0
        self._warned: set[str] = set()
        self.turn = Turn()
        self._flusher = Flusher(self)
        self.ring = self._flusher.ring

    @property
    def seq(self) -> int:
        """Number of the last frame that was written."""
        return self._logbook.seq

    # -- life --------------------------------------------------------------

    def start(self) -> None:
        """Start the flusher's thread, unless it runs. Costs the caller a thread start, no I/O."""
        if self.ended:
            return
        self._vitals.watch()
        loops.notice()
        inbox.ring = self.ring
        inbox.listed = self.state.spans.open
        inbox.wake()
        try:
            self._flusher.start()
        except BaseException:  # no thread to be had: the next record tries again
            inbox.ring = _first_ring
            inbox.sleep()
            raise

    def stop_thread(self, timeout_s: float) -> None:
        """Ask the flusher to end and wait for it, at most so long."""
        self._flusher.stop(timeout_s)

    def abandon(self) -> None:
        """In a forked child: it is the parent's, and leaves nothing behind here."""
        self._vitals.unwatch()

    def flush(self, timeout_s: float = 1.0) -> bool:
        """Write what is queued, on the caller's thread; False when that took too long or failed,
        or when the caller has interrupted just that."""
        if self.turn.is_mine or not self.turn.acquire(timeout=max(0.0, timeout_s)):
            return False
        try:
            self._retry_at = 0.0
            return self._write(None)
        finally:
            self.turn.release()

    def goodbye(self, state: State, reason: str = "", timeout_s: float = 1.0) -> None:
        """The last frame; the source is over after it. The first caller's word counts."""
        self.say_goodbye(Goodbye(state, self.clock.now_ns(), reason), timeout_s)

    def say_goodbye(self, goodbye: Goodbye, timeout_s: float = 1.0, close: bool = True) -> None:
        """As `goodbye`, in full. Not closed, the log takes what `flush` still finds."""
        if self.ended or not self.turn.acquire(timeout=timeout_s):
            return
        try:
            if self.ended:
                return
            self.ended = True
            self._vitals.unwatch()
            self._retry_at = 0.0
            self._write(goodbye)
            if close:
                self._logbook.close()
        finally:
            self.turn.release()

    # -- when the flusher comes by -----------------------------------------

    @property
    def interval_s(self) -> float:
        """Seconds from sample to sample."""
        return self.settings.interval_s

    @property
    def is_waiting(self) -> bool:
        """Whether there is something to say."""
        # What was told goes past the queues.
        told = self.state.dirty and monotonic() >= self._retry_at
        return self.ended or told or is_anything_waiting()

    def come_by(self, runs: Callable[[], bool], *, sample: bool) -> None:
        """A frame of what is new; with a sample, if one is due. On the flusher's thread."""
        try:
            if sample:
                self._sample()
                return
            with self.turn:
                if runs():
                    self._write(None)
        except Exception as error:  # the edge: nothing of ours reaches the host
            self.warn("flusher", f"recording failed ({type(error).__name__}: {error})")
            self._retry_at = monotonic() + RETRY_S

    def _sample(self) -> None:
        loops.look_again()
        forget_dead_threads()
        with self.turn:
            if self.ended:  # meanwhile
                return
            for key, value in self._vitals.read():
                self.state.set_gauge(key, value)
            jump = self.clock.jump_s()
            if jump is not None:
                self.state.clock_moved(self.clock.now_ns(), jump)
            # A frame goes out even when nothing changed.
            self._retry_at = min(self._retry_at, monotonic())
            self._write(None, heartbeat=True)
        for listener in tuple(self.listeners):
            listener()

    # -- frames ------------------------------------------------------------

    def tell(self, letter: str, text: str) -> None:
        """What a supervised program says of itself: see `telltale`."""
        at_ns = self.clock.now_ns()
        with self.turn:
            if letter == "L":
                self.state.add_line(at_ns, text)
            elif letter == "S":
                self.state.add_stack(at_ns, text.split("\n"))
            elif letter == "D" and text.isdecimal():
                self.state.lose("lines of stderr", int(text), sampled=True)
        if inbox.idle:
            self.ring()

    def _write(self, goodbye: Goodbye | None, heartbeat: bool = False) -> bool:
        began = perf_counter()
        waited = self._intake.take(began, self.clock.now_ns())
        try:
            return self._append(goodbye, heartbeat)
        finally:
            self._vitals.flushed(perf_counter() - began, waited)

    def _append(self, goodbye: Goodbye | None, heartbeat: bool) -> bool:
        if monotonic() < self._retry_at or not (self.state.dirty or goodbye or heartbeat):
            return True
        seq = self.seq
        try:
            self._logbook.open(self.settings.open_journal)
            self._vitals.journal = self._logbook.journal
            left_out = self._logbook.append(self._frame(goodbye))
        except (TachographError, OSError) as error:
            self.state.lose("journal not writable", 1)
            self._retry_at = monotonic() + RETRY_S
            self.warn("journal", f"{error}; the program goes on, what can't be written is counted")
            return False
        if left_out:
            self.state.lose("record too large", left_out)
        if self.seq > seq:
            self._warned.discard("journal")
        return self.seq > seq

    def _frame(self, goodbye: Goodbye | None) -> Frame:
        at_ns = self.clock.now_ns()
        # Asked in any case: the logbook looks whether its log is still there.
        if self._logbook.needs_checkpoint or goodbye is not None:
            return self.state.checkpoint(at_ns, perf_counter(), goodbye)
        return self.state.frame(at_ns)

    def warn(self, about: str, sentence: str) -> None:
        """Say it once: through logging, where the host decides what becomes of it."""
        if about not in self._warned:
            self._warned.add(about)
            log.warning("tachograph: %s", sentence)


def _nothing() -> None:
    pass


def _stay(recorder: Recorder) -> None:
    pass


#: Hooks into the ends and forks of the process; `lifecycle` puts itself here.
before_begin: Callable[[], None] = _nothing
is_late: Callable[[], bool] = bool
stay: Callable[[Recorder], None] = _stay
#: Id of the source that this process was forked from.
parent_id = ""
_current: Recorder | None = None
_settings = Settings()
_start_lock = threading.RLock()
_beginning = False
#: When it may be tried again (by monotonic), after it could not begin; 0: it could.
_again_at = 0.0


def recorder() -> Recorder | None:
    """The recorder of this process, None before the first record and where it is disabled."""
    return _current


def _first_ring() -> None:
    """The first record of a process: begin to be a source. Each after it, until that worked."""
    global _again_at
    if monotonic() < _again_at:
        return
    try:
        begin()
        _again_at = 0.0
    except Exception as error:
        if not _again_at:
            log.warning("tachograph: recording could not begin (%s)", error)
        _again_at = monotonic() + RETRY_S


def begin() -> Recorder | None:
    """Start recording, if it isn't already and nobody forbade it."""
    global _beginning
    if _settings.disabled:
        inbox.limit = 0
        inbox.wake()
        return None
    with _start_lock:
        if _beginning:
            # The handler of a signal has interrupted just that. What it records waits.
            inbox.wake()
            return _current
        _beginning = True
        try:
            return _begin()
        except BaseException:
            inbox.sleep()
            raise
        finally:
            _beginning = False


def _begin() -> Recorder:
    global _current
    if _current is None or _current.ended:
        _current = Recorder(_settings, parent_id)
        before_begin()
        if is_late():
            _current.say_goodbye(Goodbye("ended", _current.clock.now_ns()), close=False)
            stay(_current)
    _current.start()
    return _current


def apply_settings(settings: Settings) -> None:
    """Take new settings; a source that is already recording says goodbye and a new one begins."""
    global _settings
    old = _current
    changed = (settings.service, settings.project, settings.journal, settings.home) != (
        _settings.service,
        _settings.project,
        _settings.journal,
        _settings.home,
    )
    _settings = settings
    if old is not None and not old.ended:
        if changed or settings.disabled:
            end("ended", "configured anew")
        else:
            old.settings = settings
            old.state.take_scrubber(settings.scrubber)
    inbox.limit = 0 if settings.disabled else LIMIT
    inbox.ring = _first_ring
    inbox.sleep()


def settings() -> Settings:
    """The settings in force."""
    return _settings


def end(state: State = "ended", reason: str = "", timeout_s: float = 1.0) -> None:
    """Say goodbye and stop. A record that comes later begins a new source."""
    global _current
    recorder = _current
    if recorder is None:
        return
    recorder.goodbye(state, reason, timeout_s)
    recorder.stop_thread(timeout_s)
    _current = None
    inbox.dropped = inbox.invalid = 0
    inbox.ring = _first_ring
    inbox.sleep()


def forget_parent() -> None:
    """In a forked child: this process is a new source and owns nothing of its parent's."""
    global _current, _start_lock, _beginning, parent_id
    _start_lock, _beginning = threading.RLock(), False
    old = _current
    if old is not None:
        parent_id = old.source.id
        old.abandon()
    loops.known.clear()
    disown()
    inbox.clear()
    _current = None
    inbox.ring = _first_ring
    inbox.sleep()


inbox.ring = _first_ring
