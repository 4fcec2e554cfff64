"""What one look at a process tree and at the runtime costs, with and without children.

A look at the tree is compared with psutil's walk, which reads fewer figures.

Every figure is CPU time, so that a busy machine changes little; the ratios are of one run.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable

import psutil

from tachograph.sdk.lag import Lag
from tachograph.sdk.pauses import Pauses
from tachograph.sdk.scope import loops
from tachograph.system import Sampler

CHILDREN = 300
Result = tuple[str, float, str]


def run(seconds: float) -> list[Result]:
    """All measurements, in about `seconds` besides the time to start 300 children."""
    part = seconds / 7
    alone = _cost_s(Sampler().sample, part)
    alone_psutil = _cost_s(_walk, part)
    children = [subprocess.Popen(["sleep", "600"]) for _ in range(CHILDREN)]
    try:
        many = _cost_s(Sampler().sample, part)
        awake = _cost_s(Sampler().sample, part, lambda: _wake(children))
        many_psutil = _cost_s(_walk, part)
    finally:
        for child in children:
            child.kill()
        for child in children:
            child.wait()
    return [
        ("sample, no children", alone * 1e6, "us"),
        ("share of a core at 1 s, no children", alone * 100, "%"),
        ("sample, 300 children", many * 1e3, "ms"),
        ("share of a core at 1 s, 300 children", many * 100, "%"),
        ("sample, 300 children that have all run", awake * 1e3, "ms"),
        ("psutil walk, no children", alone_psutil * 1e6, "us"),
        ("psutil walk, 300 children", many_psutil * 1e3, "ms"),
        ("cheaper than psutil, no children", alone_psutil / alone, "x"),
        ("cheaper than psutil, 300 children", many_psutil / many, "x"),
        ("listening to a collection", _listening_s(part) * 1e9, "ns"),
        ("a look at an event loop, with its answer", _probe_s(part) * 1e6, "us"),
    ]


def _wake(children: list[subprocess.Popen[bytes]]) -> None:
    """Have every child run for a moment."""
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for child in children:
            os.kill(child.pid, number)


def _listening_s(seconds: float) -> float:
    """What a collection of nothing takes longer with somebody who listens."""
    pauses = Pauses()
    was_enabled = gc.isenabled()
    gc.disable()

    def collect() -> None:
        for _ in range(1000):
            gc.collect(0)

    try:
        bare = _cost_s(collect, seconds / 2)
        pauses.watch()
        return (_cost_s(collect, seconds / 2) - bare) / 1000
    finally:
        pauses.unwatch()
        if was_enabled:
            gc.enable()


def _probe_s(seconds: float) -> float:
    """A callback into a loop that sleeps, until it was there: on both threads."""
    loop, lag, answered = asyncio.new_event_loop(), Lag(), threading.Event()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    loop.call_soon_threadsafe(lambda: (loops.notice(), answered.set()))
    answered.wait()

    def look() -> None:
        lag.read()
        answered.clear()
        loop.call_soon_threadsafe(answered.set)
        answered.wait()

    def other() -> None:
        answered.clear()
        loop.call_soon_threadsafe(answered.set)
        answered.wait()

    try:
        return _cost_s(look, seconds / 2) - _cost_s(other, seconds / 2)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _walk() -> None:
    """The same figures in psutil's usual way."""
    root = psutil.Process()
    for process in [root, *root.children(recursive=True)]:
        with process.oneshot():
            process.cpu_times()
            process.memory_info()
            process.num_threads()


def _cost_s(
    work: Callable[[], object], seconds: float, before: Callable[[], object] = lambda: None
) -> float:
    """CPU seconds of one call: the median over at least five. What `before` does isn't counted."""
    work()  # the first look reads what later ones know
    costs: list[float] = []
    end = time.perf_counter() + seconds
    while len(costs) < 5 or time.perf_counter() < end:
        before()
        begin = time.process_time_ns()
        work()
        costs.append((time.process_time_ns() - begin) / 1e9)
    return sorted(costs)[len(costs) // 2]


if __name__ == "__main__":
    for name, value, unit in run(4.0):
        print(f"{name:40} {value:10.3f} {unit}")
