"""Every limit of the recorder holds, and what is beyond it is counted where the manual says so.

Those of failures are in test_traces, of frames in test_split, of the journal in tests/journal.
"""

from __future__ import annotations

import math
from contextlib import ExitStack

import pytest

import tachograph as tacho
from tachograph.model import SpanEnd
from tachograph.sdk import details, limits
from tachograph.sdk import recorder as recording
from tachograph.sdk.accumulate import LINES_PER_FRAME
from tachograph.sdk.inbox import DETAILS_PER_SECOND, LIMIT, inbox
from tachograph.sdk.recorder import Recorder
from tachograph.sdk.spans import SPANS_PER_SECOND
from tachograph.testing import Captured


@pytest.fixture
def recorder(recorded: Captured) -> Recorder:
    """The recorder of what the test records; who holds its turn keeps the flusher waiting."""
    recorder = recording.recorder()
    assert recorder is not None
    return recorder


def ends(recorded: Captured) -> list[SpanEnd]:
    return [end for frame in recorded.frames for end in frame.ended]


def test_records_that_wait(recorded: Captured, recorder: Recorder) -> None:
    """200,000 wait for a flusher that doesn't come; the rest is lost, the caller never waits."""
    counter, calls = tacho.counter("many"), 2 * LIMIT + 1_000
    with recorder.turn:
        for _ in range(calls):
            counter.add()
    kept = recorded.counter("many")
    lost = recorded.losses()["queue full"]
    assert kept >= LIMIT == 200_000
    assert kept + lost == calls
    assert recorded.state.losses["queue full"] == lost  # not on purpose


def test_names(recorded: Captured) -> None:
    """200 characters with an ellipsis; those that become equal share their figures."""
    for end in ("a", "b", "a"):
        tacho.counter("n" * 300 + end).add()
    cut = "n" * 199 + "…"
    assert len(cut) == limits.MAX_NAME == 200
    assert recorded.counter(cut) == 3
    assert recorded.losses() == {"name cut": 2}
    assert recorded.state.sampled == {"name cut": 2}


def test_labels_and_units(recorded: Captured) -> None:
    """32 labels; keys of 64, values of 256 characters; units of 64."""
    labels = {f"{n:02}" + "k" * 100: "v" * 1000 for n in range(40)}
    tacho.counter("c", unit="u" * 100, labels=labels).add()
    (definition,) = [one for one in recorded.state.definitions.values() if one.name == "c"]
    assert len(definition.labels) == limits.MAX_LABELS == 32
    assert {len(key) for key in definition.labels} == {64}
    assert {len(value) for value in definition.labels.values()} == {256}
    assert min(definition.labels) == "00" + "k" * 61 + "…"
    assert len(definition.unit) == 64
    assert recorded.losses() == {}


def test_attributes_and_errors(recorded: Captured) -> None:
    """The first 64; keys of 64, texts of 2,000 characters, texts of errors of 500."""
    attributes = {f"{n:03}" + "k" * 100: "v" * 5000 for n in range(100)}
    attributes |= {"000" + "k" * 100: {"inner": ["x" * 5000]}}  # type: ignore[dict-item]
    with tacho.action("many attributes", **attributes) as span:
        (start,) = recorded.state.open.values()
        span.fail("e" * 5000)
    (end,) = ends(recorded)
    for shown in (start.attributes, end.attributes):
        assert len(shown) == limits.MAX_ATTRIBUTES == 64
        assert {len(key) for key in shown} == {64}
        assert {len(value) for value in shown.values()} == {2000}
    assert len(end.error) == 500
    assert recorded.losses() == {}


def test_single_spans_of_one_name(recorded: Captured, recorder: Recorder) -> None:
    """10 a second are told whole; of the others the figures are exact, and they are counted."""
    tray = tacho.action("often").tray
    tray.keep, tray.renew = SPANS_PER_SECOND, math.inf
    with recorder.turn:
        for _ in range(200):
            with tacho.action("often"):
                pass
    assert len(ends(recorded)) == SPANS_PER_SECOND == 10
    assert recorded.timer("action", "often").count == 200
    assert recorded.state.sampled == {"span rate": 190}


def test_single_spans_of_all_names(recorded: Captured, recorder: Recorder) -> None:
    """10,000 a second in all, however many names there are."""
    with recorder.turn:
        inbox.details = DETAILS_PER_SECOND
        for n in range(2 * DETAILS_PER_SECOND // SPANS_PER_SECOND):
            for _ in range(SPANS_PER_SECOND):
                with tacho.action(f"name {n}"):
                    pass
    assert len(ends(recorded)) == DETAILS_PER_SECOND == 10_000
    assert recorded.state.sampled == {"span rate": DETAILS_PER_SECOND}


def test_running_spans(recorded: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many are shown at once; those beyond count when they end, and are shown when there is
    room again."""
    assert details.OPEN_SPANS == 100_000
    monkeypatch.setattr(details, "OPEN_SPANS", 5)
    with ExitStack() as stack:
        for n in range(8):
            stack.enter_context(tacho.action(f"running {n}"))
        assert len(recorded.state.open) == 5
    assert not recorded.state.open
    assert sum(timer.count for timer in recorded.state.timers.values()) == 8


def test_published_values(recorded: Captured) -> None:
    """16 levels, texts of 128,000 characters; NaN and infinities are nothing."""
    deep: object = "bottom"
    for _ in range(30):
        deep = {"in": deep}
    tacho.publish("topic", {"deep": deep, "text": "x" * 200_000, "nan": [math.nan, math.inf, 1.5]})
    topic = recorded.state.topics["topic"]
    assert str(topic["deep"]).count("in") == 16
    assert "bottom" not in str(topic["deep"])
    assert len(topic["text"]) == 128_000
    assert topic["nan"] == [None, None, 1.5]
    assert recorded.losses() == {}


def test_what_a_supervised_program_tells(recorded: Captured, recorder: Recorder) -> None:
    """100 lines between two frames, of 2,000 characters; 100 calls, of 200."""
    with recorder.turn:
        for n in range(LINES_PER_FRAME + 50):
            recorder.tell("L", f"{n} " + "x" * 5000)
        recorder.tell("S", "\n".join(f"{n} " + "y" * 500 for n in range(150)))
        recorder.tell("D", "7")
    told = [line.text for frame in recorded.frames for line in frame.lines]
    assert [int(text.split()[0]) for text in told] == list(range(50, 150))
    assert {len(text) for text in told} == {2000}
    stack = recorded.state.stack
    assert stack is not None
    assert [int(call.split()[0]) for call in stack.calls] == list(range(50, 150))
    assert {len(call) for call in stack.calls} == {200}
    assert recorded.state.sampled == {"lines of stderr": 57}
