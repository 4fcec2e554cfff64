"""MetricsCollector and its dataclasses, as they are documented."""

from __future__ import annotations

import dataclasses
import math
import threading

import pytest

import tachograph as tacho
from tachograph import ActionMetrics, EventMetrics, MetricsCollector, SystemMetrics
from tachograph.sdk import recorder as recording
from tachograph.testing import Captured


def test_fifty_failures_then_a_thousand_successes(recorded: Captured) -> None:
    """Total 1050, errors 50, success rate 95.2 %: totals are not those of a window."""
    collector = MetricsCollector(history_size=300)
    for _ in range(50):
        collector.record_action("click", 0.01, False)
    for _ in range(1000):
        collector.record_action("click", 0.01, True)
    metrics = collector.collect_action_metrics()
    assert metrics.total_actions == 1050
    assert metrics.error_count == 50
    assert metrics.success_rate == pytest.approx(95.238, abs=0.001)
    assert metrics.avg_duration == pytest.approx(0.01)
    assert metrics.actions_per_minute == 1050
    timer = recorded.timer("action", "click")
    assert (timer.count, timer.errors) == (1050, 50)


def test_fields_are_those_of_the_documentation() -> None:
    """Names and order of the dataclasses' fields."""
    names = {
        kind: [f.name for f in dataclasses.fields(kind)]
        for kind in (SystemMetrics, ActionMetrics, EventMetrics)
    }
    assert names == {
        SystemMetrics: (
            "timestamp cpu_percent memory_mb memory_percent thread_count process_count"
        ).split(),
        ActionMetrics: (
            "timestamp total_actions actions_per_minute avg_duration current_action queue_depth "
            "success_rate error_count"
        ).split(),
        EventMetrics: (
            "timestamp events_queued events_processed events_failed avg_processing_time queue_depth"
        ).split(),
    }


def test_events(recorded: Captured) -> None:
    """Processed, failed, waiting, and all together."""
    collector = MetricsCollector()
    collector.set_event_queue_depth(4)
    collector.record_event(0.02, True)
    collector.record_event(0.04, False)
    metrics = collector.collect_event_metrics()
    assert (metrics.events_processed, metrics.events_failed) == (1, 1)
    assert (metrics.events_queued, metrics.queue_depth) == (6, 4)
    assert metrics.avg_processing_time == pytest.approx(0.03)
    assert recorded.gauge("events.queue_depth") == 4


def test_nothing_recorded_is_not_zero() -> None:
    """A rate and a mean of nothing are unknown."""
    collector = MetricsCollector()
    actions, events = collector.collect_action_metrics(), collector.collect_event_metrics()
    assert actions.success_rate is None
    assert actions.avg_duration is None
    assert actions.total_actions == 0
    assert events.avg_processing_time is None


def test_the_current_action_is_shown_and_not_counted(recorded: Captured) -> None:
    """It is open while it is current, and becomes nobody's parent."""
    collector = MetricsCollector()
    collector.set_current_action("login")
    with tacho.action("inside"):
        assert collector.collect_action_metrics().current_action == "login"
        names = {start.name: start.parent for start in recorded.state.open.values()}
        assert names == {"login": 0, "inside": 0}
    collector.set_current_action("logout")
    collector.set_current_action(None)
    state = recorded.state
    assert not state.open
    assert {d.name for d in state.definitions.values() if d.span == "action"} == {"inside"}


def test_invalid_durations_are_refused(recorded: Captured) -> None:
    """NaN, infinity and negative durations change nothing and are counted."""
    collector = MetricsCollector()
    for duration in (math.nan, math.inf, -1.0, None, "x"):
        collector.record_action("click", duration, True)  # type: ignore[arg-type]
        collector.record_event(duration, True)  # type: ignore[arg-type]
    assert collector.collect_action_metrics().total_actions == 0
    assert collector.collect_event_metrics().events_processed == 0
    assert recorded.losses()["invalid value"] == 10


def test_latest_metrics_read_as_objects_and_as_mappings() -> None:
    """`["system"].cpu_percent` and `["system"]["cpu_percent"]` are the same."""
    latest = MetricsCollector().get_latest_metrics()
    assert set(latest) == {"system", "actions", "events"}
    system = latest["system"]
    assert system["memory_mb"] == system.memory_mb > 1
    assert dict(system)["thread_count"] >= 1
    with pytest.raises(KeyError):
        system["nope"]


def test_history_holds_the_last_answers(recorded: Captured) -> None:
    """`start` samples by the interval; the history is bounded."""
    collector = MetricsCollector(sample_interval=0.05, history_size=3)
    filled = threading.Event()
    collector.start()
    recorder = recording.recorder()
    assert recorder is not None
    recorder.listeners.append(lambda: filled.set() if len(collector.history) == 3 else None)
    assert filled.wait(20)
    collector.stop()
    assert len(collector.history) == 3
    assert collector.history[-1]["system"].memory_mb > 1
    assert not collector.running


def test_two_collectors_have_totals_of_their_own() -> None:
    """Each answers for what it recorded."""
    one, two = MetricsCollector(), MetricsCollector()
    one.record_action("a", 0.1, True)
    assert one.collect_action_metrics().total_actions == 1
    assert two.collect_action_metrics().total_actions == 0
