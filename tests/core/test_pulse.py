"""Two clocks side by side: what stood still, and what was set."""

from __future__ import annotations

import pytest

from tachograph.core.pulse import Pulse

S = 1_000_000_000


@pytest.mark.parametrize(
    ("wall_s", "going_s", "beat"),
    [
        (0.5, 0.5, "usual"),
        (0.99, 1.0, "usual"),
        (1.1, 1.1, "late"),
        (7200.0, 7200.0, "late"),
        (0.5 - 3600, 0.5, "stepped"),
        (0.5 + 365 * 86400, 0.5, "stepped"),
        (0.0, 0.6, "stepped"),
        (3600.0, 5.0, "stepped"),
    ],
)
def test_beats(wall_s: float, going_s: float, beat: str) -> None:
    """What both clocks have passed; what only the wall clock has was set; and the next look
    begins anew."""
    pulse = Pulse(10 * S, 20 * S)
    wall, going = 10 * S + round(wall_s * S), 20 * S + round(going_s * S)
    assert pulse.beat(wall, going) == beat
    assert pulse.beat(wall + S // 2, going + S // 2) == "usual"
