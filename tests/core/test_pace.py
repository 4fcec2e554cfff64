"""How long to gather news: by how many there are."""

from __future__ import annotations

import pytest

from tachograph.core.pace import LONGEST_S, Pace


def test_after_quiet_nobody_waits_long() -> None:
    """A frame after a pause, and those of a few programs, are hardly gathered at all."""
    pace = Pace()
    assert [pace.pause_s(1, float(at)) for at in range(5)] == [pytest.approx(0.0002)] * 5
    calm = [pace.pause_s(1, 10 + n / 80) for n in range(200)]
    assert max(calm) < 0.003


@pytest.mark.parametrize("hz", [1_000, 10_000, 1_000_000])
def test_under_load_turns_are_few(hz: int) -> None:
    """Of many frames a second, turns come every 20 ms, and no rarer."""
    pace, now = Pace(), 0.0
    pauses = []
    for _ in range(100):
        pause = pace.pause_s(max(1, int(hz * LONGEST_S)), now)
        pauses.append(pause)
        now += max(pause, 0.001)
    assert pauses[-50:] == [pytest.approx(LONGEST_S, rel=0.1)] * 50
    assert max(pauses) <= LONGEST_S
    assert pace.pause_s(1, now + 1.0) < 0.001


def test_a_clock_that_goes_back() -> None:
    """It ends no loop and makes none spin."""
    pace = Pace()
    pace.pause_s(100, 1000.0)
    assert 0 <= pace.pause_s(1, 0.0) <= LONGEST_S
