"""Counters, gauges, and values that can't be recorded."""

from __future__ import annotations

import logging
import math
from typing import Any

import pytest

import tachograph as tacho
from tachograph.sdk import limits
from tachograph.testing import Captured


def test_counter_and_gauge(recorded: Captured) -> None:
    """Counters add up, a gauge is what it was set to last, labels make series of their own."""
    tacho.counter("files", unit="files").add()
    tacho.counter("files", unit="files").add(2.5)
    tacho.counter("files", labels={"kind": "py"}).add(4)
    tacho.gauge("depth", unit="items").set(3)
    tacho.gauge("depth", unit="items").set(5)
    tacho.gauge("peak", merge="max").set(9)
    assert recorded.counter("files") == 3.5
    assert recorded.counter("files", kind="py") == 4
    assert recorded.gauge("depth") == 5
    merges = {one.name: one.merge for one in recorded.state.definitions.values()}
    assert merges["peak"] == "max"
    assert merges["depth"] == "sum"


def test_a_gauge_can_have_no_value(recorded: Captured) -> None:
    """None takes the value away: absent, not 0."""
    tacho.gauge("depth").set(3)
    assert recorded.gauge("depth") == 3
    tacho.gauge("depth").set(None)
    assert recorded.gauge("depth") is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0, "1", None, 1j, [1]])
def test_durations_and_counts_that_are_none_are_refused(recorded: Captured, value: Any) -> None:
    """NaN, infinity, negative durations and other things change no sum and are counted."""
    tacho.timer("t").observe(1.0)
    tacho.timer("t").observe(value)
    tacho.action("a").record(value)
    tacho.event("e").record(processing_s=value)
    tacho.counter("c").add(1)
    tacho.counter("c").add(value)
    assert recorded.timer("", "t").count == 1
    assert recorded.timer("", "t").sum_s == 1.0
    assert recorded.counter("c") == 1
    assert recorded.losses()["invalid value"] == 4
    with pytest.raises(KeyError):
        recorded.timer("action", "a")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "x", 1j])
def test_gauges_that_are_no_number_are_refused(recorded: Captured, value: Any) -> None:
    """A gauge keeps its last good value."""
    tacho.gauge("g").set(-2)
    tacho.gauge("g").set(value)
    assert recorded.gauge("g") == -2
    assert recorded.losses()["invalid value"] == 1


def test_an_invalid_value_is_warned_of_once(
    recorded: Captured, caplog: pytest.LogCaptureFixture
) -> None:
    """One sentence, however many values."""
    with caplog.at_level(logging.WARNING, "tachograph"):
        for _ in range(100):
            tacho.counter("c").add(-1)
        tacho.flush()
        tacho.counter("c").add(-1)
        tacho.flush()
    assert len([r for r in caplog.records if "not recorded" in r.getMessage()]) == 1
    assert recorded.losses()["invalid value"] == 101


@pytest.mark.parametrize(
    "name",
    ["", " ", "a\nb", "ü☃", "\ud800", "x" * 10_000, "<script>", "a\0b", 7, None, ("t",), ["l"], {}],
)
def test_strange_names_are_taken(recorded: Captured, name: Any) -> None:
    """Any name is recorded under something readable; none raises, none loses its count."""
    with tacho.action(name):
        pass
    tacho.counter(name).add(1)
    tacho.gauge(name).set(1)
    with tacho.timer(name):
        pass
    state = recorded.state
    assert sum(timer.count for timer in state.timers.values()) == 2
    for definition in state.definitions.values():
        assert len(definition.name) <= limits.MAX_NAME
        definition.name.encode()


def test_huge_labels_are_cut(recorded: Captured) -> None:
    """Labels have limits in number and length."""
    labels = {f"key{n}" * 50: "v" * 10_000 for n in range(100)}
    tacho.counter("c", labels=labels).add(1)
    tacho.counter("d", labels={1: 2}).add(1)  # type: ignore[dict-item]
    tacho.counter("e", labels=7).add(1)  # type: ignore[arg-type]
    (definition,) = [d for d in recorded.state.definitions.values() if d.name == "c"]
    assert len(definition.labels) <= limits.MAX_LABELS
    assert all(len(v) <= limits.MAX_LABEL_VALUE for v in definition.labels.values())
    assert recorded.counter("d", **{"1": "2"}) == 1
    assert recorded.losses()["invalid value"] == 1  # labels that are no mapping


def test_series_above_the_limit_are_refused_and_counted(recorded: Captured) -> None:
    """10,000 series a source; what is beyond is counted, and what was there goes on."""
    for n in range(limits.MAX_SERIES + 500):
        tacho.counter("many", labels={"n": str(n)}).add(1)
    tacho.counter("many", labels={"n": "0"}).add(1)
    state = recorded.state
    assert len(state.definitions) == limits.MAX_SERIES
    assert state.losses["series limit"] > 0
    assert recorded.counter("many", n="0") == 2


def test_publish_merges_keys(recorded: Captured) -> None:
    """The latest wins per key; what JSON can't carry becomes text or nothing."""
    tacho.publish("tasks", {"open": 1, "closed": 2})
    tacho.publish("tasks", {"open": 3, "odd": {1: math.nan, "o": object()}})
    topic = recorded.state.topics["tasks"]
    assert topic["open"] == 3
    assert topic["closed"] == 2
    assert topic["odd"]["o"].startswith("<object")


def test_disabled_records_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: Any
) -> None:
    """TACHOGRAPH_DISABLED=1: the same program, no thread, no file."""
    monkeypatch.setenv("TACHOGRAPH_DISABLED", "1")
    tacho.configure(service="off")
    with tacho.action("a"):
        tacho.counter("c").add(1)
    tacho.publish("t", {"x": 1})
    assert tacho.flush()
    assert not (tmp_path / "home").exists()


def test_configure_warns_of_what_it_cannot_take(
    recorded: Captured, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong option is named with what is allowed, and the program goes on."""
    tacho.configure(servce="x", interval_s=0)
    text = caplog.text
    assert "servce" in text
    assert "service" in text
    assert "0.05 to 3600" in text
