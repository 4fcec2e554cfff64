"""When the flusher writes: at once after idle, and soon for what comes right behind."""

from __future__ import annotations

from threading import Event

import pytest

import tachograph as tacho
from tachograph.testing import Captured
from tests.programs import eventually


def _written(recorded: Captured) -> list[int]:
    """The numbers that were published and stand in the journal, without asking for a flush."""
    journal = recorded.journal
    frames = [frame for id in journal.sources() for frame in journal.frames(id)]
    return [publish.value["n"] for frame in frames for publish in frame.publishes]


@pytest.mark.parametrize("pause_s", [0.0, 0.01])
def test_a_publish_right_behind_another_is_written_soon(recorded: Captured, pause_s: float) -> None:
    """It waits for the pace only: not for the next record, nor for the next sample."""
    tacho.configure(service="slow", interval_s=3600.0)  # a new source, whose samples are far off
    tacho.publish("topic", {"n": 1})
    assert eventually(lambda: 1 in _written(recorded))
    Event().wait(pause_s)
    tacho.publish("topic", {"n": 2})
    assert eventually(lambda: 2 in _written(recorded))


def test_publishes_in_a_row_share_frames(recorded: Captured) -> None:
    """However many there are, frames keep their pace; the last value is the one that stays."""
    tacho.publish("topic", {"n": -1})
    assert eventually(lambda: -1 in _written(recorded))
    for n in range(2000):
        tacho.publish("topic", {"n": n})
    assert eventually(lambda: 1999 in _written(recorded))
    assert len(_written(recorded)) < 1000
