"""The automation example does what its README says, with real pictures and real errors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import counts, states

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "automation"


@pytest.fixture(autouse=True)
def example_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example's modules are importable, as they are for itself."""
    monkeypatch.syspath_prepend(str(EXAMPLE))


def test_two_robots_enter_their_orders_and_every_step_is_recorded(tmp_path: Path) -> None:
    """Saved and refused orders add up, each answer is an event, both processes end well."""
    subprocess.run(
        [sys.executable, str(EXAMPLE), "--robots", "2", "--orders", "15"],
        env={**os.environ, "TACHOGRAPH_HOME": str(tmp_path)},
        check=True,
        timeout=120,
    )
    robots = states(tmp_path)
    assert sorted(one.source.service for one in robots) == ["robot-1", "robot-2"]
    for robot in robots:
        assert robot.state == "ended"
        calls = counts(robot)
        assert calls["enter order"] == 15
        timers = {robot.definitions[n].name: t for n, t in robot.timers.items()}
        (entered,) = robot.counters.values()
        assert entered + timers["enter order"].errors == 15
        assert timers["enter order"].errors >= 1
        assert calls["match"] == calls["capture"]
        assert counts(robot, "event")["notice"] >= entered


def test_a_button_is_found_where_it_is_drawn_despite_the_noise() -> None:
    """The best place is the button's own, to the pixel."""
    import desktop
    import sight

    screen = desktop.Desktop(seed=7).screen()
    spot = sight.find(screen, sight.button("NEW"))
    height, width = sight.button("NEW").shape
    assert (spot.x - width // 2, spot.y - height // 2) == (60, 70)
    assert spot.score > 0.9


def test_a_button_that_is_not_there_is_not_found() -> None:
    """A picture that is only a little like it is no match."""
    import desktop
    import sight

    with pytest.raises(sight.NotOnScreen, match="enough"):
        sight.find(desktop.Desktop(seed=7).screen(), sight.button("SAVE"))


def test_a_line_is_read_back_from_its_pixels() -> None:
    """Every character that the desk can say is told from every other."""
    import numpy as np
    import sight

    said = "ABCDEFGHIJKLM NOPQRSTUVWXYZ 0123456789"
    noise = np.random.default_rng(1).normal(0.0, 12.0, sight.text(said).shape)
    assert sight.read(sight.text(said) + noise) == said
