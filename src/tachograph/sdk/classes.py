"""`MetricsCollector` and its dataclasses: one object that records and answers.

A thin layer: what it records goes to the same recorder as everything else, so it is on the
page with all other processes. Its own answers are of this object, since its start.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

from tachograph.core.window import Window
from tachograph.sdk import api
from tachograph.sdk import recorder as recording
from tachograph.sdk.spans import Action, span_of
from tachograph.system import Sampler


class _Readable:
    """A dataclass that can be read like a mapping too: `metrics["system"]["cpu_percent"]`."""

    def __getitem__(self, key: str) -> Any:
        if key not in self.keys():
            raise KeyError(key)
        return getattr(self, key)

    def keys(self) -> list[str]:
        """The names of the fields."""
        return [field.name for field in fields(self)]  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def to_dict(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]


@dataclass
class SystemMetrics(_Readable):
    """This process and its children. `cpu_percent` is the share of the cores available, 0 to
    100, None before the second sample; `memory_mb` is resident memory in MiB."""

    timestamp: float
    cpu_percent: float | None
    memory_mb: float
    memory_percent: float
    thread_count: int
    process_count: int


@dataclass
class ActionMetrics(_Readable):
    """Actions since the start; `actions_per_minute` is the last 60 s, `success_rate` percent
    (None before the first), durations seconds."""

    timestamp: float
    total_actions: int
    actions_per_minute: float
    avg_duration: float | None
    current_action: str | None
    queue_depth: int
    success_rate: float | None
    error_count: int


@dataclass
class EventMetrics(_Readable):
    """Events since the start. `events_processed` succeeded, `events_failed` didn't,
    `events_queued` is all that ever came: both, and those that wait."""

    timestamp: float
    events_queued: int
    events_processed: int
    events_failed: int
    avg_processing_time: float | None
    queue_depth: int


class _Tally:
    """Count, errors and seconds since the start, and the last minute."""

    def __init__(self) -> None:
        self.count = self.errors = 0
        self.sum_s = 0.0
        self.minute = Window()

    def add(self, seconds: float, success: bool) -> None:
        self.count += 1
        self.errors += not success
        self.sum_s += seconds
        self.minute.add(time.monotonic(), 1, not success, seconds)

    @property
    def mean_s(self) -> float | None:
        return self.sum_s / self.count if self.count else None


class _Shown(NamedTuple):
    """The current action, and what ends the showing of it."""

    name: str
    hide: Callable[[], None]


class MetricsCollector:
    """Records actions and events, samples the process, keeps the last `history_size` answers.

    `sample_interval` is in seconds, 0.05 to 3600. Safe under threads.
    """

    def __init__(self, sample_interval: float = 1.0, history_size: int = 300) -> None:
        self.sample_interval = sample_interval
        self.history: deque[dict[str, Any]] = deque(maxlen=max(1, history_size))
        self._sampler = Sampler()
        self._lock = threading.Lock()
        self._actions = _Tally()
        self._events = _Tally()
        self._action_queue = 0
        self._event_queue = 0
        self._current: _Shown | None = None
        self._running = False
        self._sampler.sample()  # the CPU figure needs a sample to measure from

    @property
    def running(self) -> bool:
        """Whether `start` was called, and `stop` not yet."""
        return self._running

    def start(self) -> None:
        """Record the process from now on. A second call does nothing."""
        if self._running:
            return
        self._running = True
        if self.sample_interval != recording.settings().interval_s:
            api.configure(interval_s=self.sample_interval)
        recorder = recording.begin()
        if recorder is not None:
            recorder.listeners.append(self._remember)

    def stop(self) -> None:
        """Stop keeping the history. What was recorded stays; records that follow still count."""
        self._running = False
        recorder = recording.recorder()
        if recorder is not None and self._remember in recorder.listeners:
            recorder.listeners.remove(self._remember)
        api.flush()

    def record_action(self, name: str, duration: float, success: bool = True) -> None:
        """Count an action. `duration` in seconds; one that is negative or not finite is refused."""
        if self._add(self._actions, duration, success):
            span_of(Action, name).record(duration, success)
        else:
            span_of(Action, name).record(float("nan"))

    def record_event(self, processing_time: float, success: bool = True) -> None:
        """Count an event. `processing_time` in seconds, as for an action."""
        self._add(self._events, processing_time, success)
        api.event("event").record(processing_time, success)

    def _add(self, tally: _Tally, seconds: float, success: bool) -> bool:
        try:
            valid = 0 <= seconds < float("inf")
        except TypeError:
            return False
        if valid:
            with self._lock:
                tally.add(float(seconds), bool(success))
        return valid

    def set_current_action(self, name: str | None) -> None:
        """Say what runs now; None: nothing. Shown, not counted: `record_action` counts."""
        with self._lock:
            before, self._current = self._current, None
            if name is not None:
                self._current = _Shown(name, span_of(Action, name).show())
        if before is not None:
            before.hide()

    def set_action_queue_depth(self, n: int) -> None:
        """Actions that wait."""
        self._action_queue = n
        api.gauge("actions.queue_depth", unit="items").set(n)

    def set_event_queue_depth(self, n: int) -> None:
        """Events that wait."""
        self._event_queue = n
        api.gauge("events.queue_depth", unit="items").set(n)

    def collect_system_metrics(self) -> SystemMetrics:
        """The process and its children, now. Nobody else's reading changes this one's CPU."""
        with self._lock:
            sample = self._sampler.sample()
        return SystemMetrics(
            time.time(),
            sample.cpu_percent,
            sample.memory_mb,
            sample.memory_percent,
            sample.thread_count,
            sample.process_count,
        )

    def collect_action_metrics(self) -> ActionMetrics:
        """Actions since the start."""
        with self._lock:
            tally = self._actions
            minute = tally.minute.total(time.monotonic())
            return ActionMetrics(
                time.time(),
                tally.count,
                float(minute.count),
                tally.mean_s,
                self._current.name if self._current is not None else None,
                self._action_queue,
                100.0 * (tally.count - tally.errors) / tally.count if tally.count else None,
                tally.errors,
            )

    def collect_event_metrics(self) -> EventMetrics:
        """Events since the start."""
        with self._lock:
            tally = self._events
            return EventMetrics(
                time.time(),
                tally.count + self._event_queue,
                tally.count - tally.errors,
                tally.errors,
                tally.mean_s,
                self._event_queue,
            )

    def get_latest_metrics(self) -> dict[str, Any]:
        """`{"system": SystemMetrics, "actions": ActionMetrics, "events": EventMetrics}`, now."""
        return {
            "system": self.collect_system_metrics(),
            "actions": self.collect_action_metrics(),
            "events": self.collect_event_metrics(),
        }

    def _remember(self) -> None:
        self.history.append(self.get_latest_metrics())
