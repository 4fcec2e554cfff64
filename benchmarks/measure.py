"""Measure contenders side by side, on a machine that has other things to do.

Contenders take turns (A B C A B C ...), so a slow moment of the machine hits all of them. A
ratio is the median of the ratios within each round; a cost is the median over the rounds.
Process CPU time counts every thread, the one that drains in the background too.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import NamedTuple

#: One turn of one contender lasts about so long: short against the machine's moods, long
#: against the clock's resolution.
TURN_S = 0.01


class Figure(NamedTuple):
    """One row of the report. `ratio` is against `peer`; `target` is what the design asks for."""

    name: str
    value: float
    unit: str
    ratio: float | None = None
    peer: str = ""
    target: str = ""
    note: str = ""


class Contender(NamedTuple):
    """`loop(n)` makes n calls; `drain()` ends the work that they left to somebody else."""

    name: str
    loop: Callable[[int], object]
    drain: Callable[[], object] = lambda: None


class Cost(NamedTuple):
    """Nanoseconds a call: `wall` in the calling loop, `cpu` of the whole process with the drain."""

    wall: float
    cpu: float


class Costs(NamedTuple):
    """The rounds of one contender."""

    rounds: list[Cost]

    @property
    def wall(self) -> float:
        """The median."""
        return median(cost.wall for cost in self.rounds)

    @property
    def cpu(self) -> float:
        """The median."""
        return median(cost.cpu for cost in self.rounds)

    @property
    def least(self) -> float:
        """The smallest CPU cost of all rounds: what the code takes when nothing disturbs it."""
        return min(cost.cpu for cost in self.rounds)

    def ratio(self, peer: Costs) -> float:
        """How many times `peer`, round by round."""
        pairs = zip(self.rounds, peer.rounds, strict=True)
        return median(own.cpu / other.cpu for own, other in pairs)


def interleaved(contenders: Sequence[Contender], seconds: float) -> dict[str, Costs]:
    """Costs by contender's name; at least one round, then rounds until the time is up."""
    turns = [(one, _calls(one)) for one in contenders]
    costs: dict[str, Costs] = {one.name: Costs([]) for one in contenders}
    end = time.perf_counter() + seconds
    while True:
        empty = _turn(Contender("", _nothing), 100_000)
        for one, calls in turns:
            cost = _turn(one, calls)
            costs[one.name].rounds.append(Cost(cost.wall - empty.wall, cost.cpu - empty.cpu))
        if time.perf_counter() >= end:
            return costs


def _calls(contender: Contender) -> int:
    """How many calls make a turn, when nothing disturbs it; also warms up."""
    calls, took = 25, 0.0
    while took < TURN_S / 10:
        calls *= 4
        took = min(_loop_s(contender, calls) for _ in range(3))
    return max(100, int(calls * TURN_S / took))


def _loop_s(contender: Contender, calls: int) -> float:
    begin = time.perf_counter()
    contender.loop(calls)
    took = time.perf_counter() - begin
    contender.drain()
    return took


def _turn(contender: Contender, calls: int) -> Cost:
    gc.collect()  # what others left behind is not this one's cost
    cpu, wall = time.process_time_ns(), time.perf_counter_ns()
    contender.loop(calls)
    wall = time.perf_counter_ns() - wall
    contender.drain()
    cpu = time.process_time_ns() - cpu
    return Cost(wall / calls, cpu / calls)


def _nothing(calls: int) -> None:
    for _ in range(calls):
        pass


def quantile(values: Iterable[float], share: float) -> float:
    """The nearest rank's value. Needs at least one."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]
