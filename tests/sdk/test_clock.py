"""Instants: through a wall clock that is set, and a machine that sleeps. Clocks are arguments."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tachograph as tacho
from tachograph.model import Clock as ClockRecord
from tachograph.model import Frame
from tachograph.sdk import recorder as recording
from tachograph.sdk.clock import TOLERANCE_S, Clock
from tachograph.testing import Captured
from tests.programs import eventually

S = 1_000_000_000
START = 1_764_000_000 * S


class Machine:
    """A wall clock that somebody may set, and a boot clock that goes on whatever happens."""

    def __init__(self) -> None:
        # Both at once: a flusher may read them at any moment.
        self.now = (START, 77 * S)
        self.clock = Clock(lambda: self.now[0], lambda: self.now[1])

    @property
    def wall_ns(self) -> int:
        return self.now[0]

    def pass_(self, seconds: float) -> None:
        wall, boot = self.now
        self.now = (wall + int(seconds * S), boot + int(seconds * S))

    def set_wall(self, by_s: float) -> None:
        wall, boot = self.now
        self.now = (wall + int(by_s * S), boot)


def test_instants_are_the_wall_clock() -> None:
    """As long as nobody sets it there is no jump to tell."""
    machine = Machine()
    machine.pass_(1000.5)
    assert machine.clock.now_ns() == machine.wall_ns
    assert machine.clock.jump_s() is None


def test_a_wall_clock_set_forward_is_followed_once_told() -> None:
    """What comes after the telling is at the right time; what came before stays."""
    machine = Machine()
    machine.pass_(10)
    machine.set_wall(3600)
    assert machine.clock.now_ns() == START + 10 * S
    assert machine.clock.jump_s() == pytest.approx(3600)
    assert machine.clock.now_ns() == machine.wall_ns
    assert machine.clock.jump_s() is None


def test_a_wall_clock_set_back_is_followed_without_going_back() -> None:
    """Instants are slowed by a tenth until they are right: a minute takes ten."""
    machine = Machine()
    machine.pass_(10)
    machine.set_wall(-60)
    assert machine.clock.jump_s() == pytest.approx(-60)
    assert machine.clock.now_ns() == START + 10 * S
    machine.pass_(100)
    assert machine.clock.now_ns() == START + 10 * S + 90 * S
    machine.pass_(500)
    assert machine.clock.now_ns() == machine.wall_ns
    machine.pass_(1)
    assert machine.clock.now_ns() == machine.wall_ns
    assert machine.clock.jump_s() is None


def test_small_moves_are_left_alone_until_they_add_up() -> None:
    """NTP's small corrections are no jumps; several of them together are one."""
    machine = Machine()
    machine.set_wall(0.8 * TOLERANCE_S)
    assert machine.clock.jump_s() is None
    machine.set_wall(0.8 * TOLERANCE_S)
    assert machine.clock.jump_s() == pytest.approx(1.6 * TOLERANCE_S)


def test_a_suspend_is_no_jump() -> None:
    """The machine slept: instants go on with the boot clock, and nobody set the wall clock."""
    machine = Machine()
    machine.pass_(8 * 3600)
    assert machine.clock.now_ns() == START + 8 * 3600 * S
    assert machine.clock.jump_s() is None


def test_clocks_that_were_not_read_together_tell_nothing() -> None:
    """The machine fell asleep between two readings; the next comparison says that all is well."""
    boots = iter([0, 0, 3600 * S, 3600 * S, 3600 * S, 3600 * S])
    walls = iter([START, START, START + 3600 * S])
    clock = Clock(lambda: next(walls), lambda: next(boots))
    assert clock.jump_s() is None
    assert clock.jump_s() is None
    assert clock.now_ns() == START + 3600 * S


@given(
    st.lists(
        st.tuples(st.sampled_from(["pass", "set", "tell"]), st.floats(-5000, 5000)), max_size=40
    )
)
def test_instants_never_go_back_and_end_up_right(steps: list[tuple[str, float]]) -> None:
    """Whoever sets the wall clock, however often: each instant is behind the one before."""
    machine = Machine()
    seen = [machine.clock.now_ns()]
    for what, amount in steps:
        if what == "pass":
            machine.pass_(abs(amount))
        elif what == "set":
            machine.set_wall(amount)
        else:
            machine.clock.jump_s()
        seen.append(machine.clock.now_ns())
    assert all(one <= other for one, other in pairwise(seen))
    machine.clock.jump_s()
    machine.pass_(11 * 5000 * 40)
    assert abs(machine.clock.now_ns() - machine.wall_ns) <= TOLERANCE_S * S


def _frames(recorded: Captured) -> list[Frame]:
    journal = recorded.journal
    return [frame for id in journal.sources() for frame in journal.frames(id)]


def test_a_wall_clock_set_back_while_recording(recorded: Captured) -> None:
    """The source tells it once, and no frame is before the one before it."""
    machine = Machine()
    tacho.configure(service="jumpy", interval_s=0.05)
    recorder = recording.recorder()
    assert recorder is not None
    recorder.clock = machine.clock
    assert eventually(lambda: _frames(recorded)[-1].at_ns == START)
    machine.set_wall(-30)

    def told() -> list[ClockRecord]:
        return [clock for frame in _frames(recorded) for clock in frame.clocks]

    assert eventually(told)
    machine.pass_(400)
    assert eventually(lambda: _frames(recorded)[-1].at_ns == machine.wall_ns)
    instants = [frame.at_ns for frame in _frames(recorded)]
    late = instants[instants.index(START) :]
    assert late == sorted(late)
    assert [round(clock.jump_s) for clock in told()] == [-30]


def test_a_span_over_a_suspend_lasts_what_it_worked(recorded: Captured) -> None:
    """Its duration is perf_counter's, which stood still; its end is at the boot clock's time."""
    machine = Machine()
    recorder = recording.recorder()
    assert recorder is not None
    recorder.flush()
    recorder.clock = machine.clock
    with tacho.action("nap"):
        machine.pass_(3600)
    recorder.flush()
    (end,) = [end for frame in _frames(recorded) for end in frame.ended]
    assert end.duration_s < 60
    assert end.at_ns == pytest.approx(START + 3600 * S, abs=60 * S)
