"""What one look at a process tree costs, with and without children, and against psutil's walk.

Every figure is CPU time, so that a busy machine changes little; the ratios are of one run.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

import psutil

from tachograph.system import Sampler

CHILDREN = 300
Result = tuple[str, float, str]


def run(seconds: float) -> list[Result]:
    """All measurements, in about `seconds` besides the time to start 300 children."""
    alone = _cost_s(Sampler().sample, seconds / 4)
    alone_psutil = _cost_s(_walk, seconds / 4)
    children = [subprocess.Popen(["sleep", "600"]) for _ in range(CHILDREN)]
    try:
        many = _cost_s(Sampler().sample, seconds / 4)
        many_psutil = _cost_s(_walk, seconds / 4)
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
        ("psutil walk, no children", alone_psutil * 1e6, "us"),
        ("psutil walk, 300 children", many_psutil * 1e3, "ms"),
        ("cheaper than psutil, no children", alone_psutil / alone, "x"),
        ("cheaper than psutil, 300 children", many_psutil / many, "x"),
    ]


def _walk() -> None:
    """The same figures in psutil's usual way."""
    root = psutil.Process()
    for process in [root, *root.children(recursive=True)]:
        with process.oneshot():
            process.cpu_times()
            process.memory_info()
            process.num_threads()


def _cost_s(work: Callable[[], object], seconds: float) -> float:
    """CPU seconds of one call: the median over at least five."""
    work()  # the first look reads what later ones know
    costs: list[float] = []
    end = time.perf_counter() + seconds
    while len(costs) < 5 or time.perf_counter() < end:
        begin = time.process_time_ns()
        work()
        costs.append((time.process_time_ns() - begin) / 1e9)
    return sorted(costs)[len(costs) // 2]


if __name__ == "__main__":
    for name, value, unit in run(4.0):
        print(f"{name:40} {value:10.3f} {unit}")
