"""How much slower a program of 50 us work items is when each of them is an action.

Blocks of bare and of recorded items take turns, the order reversed each round. Costs are CPU
time of the whole process, so the thread that writes is in them, and so is all that it left to
write. Bare against bare says how fine a difference this can see.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from statistics import median

import tachograph as tacho
from benchmarks.measure import Figure
from benchmarks.recorder import recording_to_files
from tachograph.sdk import recorder as recording

ITEM_S = 50e-6
#: Two frames' pace: short against the machine's moods, and writes are about as rare as ever.
BLOCK_S = 0.1


def run(seconds: float) -> list[Figure]:
    """The slowdown in percent."""
    turns = _turns_of_an_item()
    blocks = {"bare": _bare, "bare again": _bare, "recorded": _recorded}
    costs: dict[str, list[float]] = {name: [] for name in blocks}
    items = max(100, int(min(BLOCK_S, seconds / 6) / ITEM_S))
    with recording_to_files():
        for block in blocks.values():
            _cost_s(block, items // 10, turns)
        end = time.perf_counter() + seconds
        order = list(blocks)
        while len(costs["bare"]) < 2 or time.perf_counter() < end:
            for name in order:
                costs[name].append(_cost_s(blocks[name], items, turns))
            order.reverse()
    bare = median(costs["bare"])
    return [
        Figure("one item", 1e6 * bare / items, "us", note="bare, CPU time"),
        Figure(
            "slower with an action around each item",
            _slower(costs["recorded"], costs["bare"]),
            "%",
            target="< 1 %, compiled core",
            note=f"median of {len(costs['bare'])} rounds",
        ),
        Figure(
            "one action, so seen",
            1e6 * bare / items * _slower(costs["recorded"], costs["bare"]) / 100,
            "us",
        ),
        Figure(
            "resolution: bare against bare",
            _slower(costs["bare again"], costs["bare"]),
            "%",
            note="no difference between them but chance",
        ),
    ]


def _slower(ones: list[float], others: list[float]) -> float:
    return 100 * (median(one / other for one, other in zip(ones, others, strict=True)) - 1)


def _cost_s(block: Callable[[int, int], None], items: int, turns: int) -> float:
    recorder = recording.recorder()
    assert recorder is not None
    recorder.flush()
    gc.collect()
    begin = time.process_time()
    block(items, turns)
    recorder.flush()
    return time.process_time() - begin


def _work(turns: int) -> float:
    total = 0.0
    for n in range(turns):
        total += n * 0.5
    return total


def _bare(items: int, turns: int) -> None:
    for _ in range(items):
        _work(turns)


def _recorded(items: int, turns: int) -> None:
    for _ in range(items):
        with tacho.action("item"):
            _work(turns)


def _turns_of_an_item() -> int:
    """How often the loop of an item goes round in 50 us."""
    turns, took = 1000, []
    for _ in range(50):
        begin = time.perf_counter()
        _work(turns)
        took.append(time.perf_counter() - begin)
    return max(1, int(turns * ITEM_S / min(took)))
