"""Run one benchmark, in a process of its own or in this one."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from typing import NamedTuple

from benchmarks.measure import Figure

#: Each module has `run(seconds)`, which gives rows of name, value, unit and what Figure adds.
NAMES = (
    "recorder",
    "program",
    "startup",
    "latency",
    "journal",
    "store",
    "sampler",
    "scale",
    "fanout",
)


class Result(NamedTuple):
    """One benchmark that has run."""

    name: str
    about: str
    took_s: float
    figures: list[Figure]


def measured(name: str, seconds: float) -> Result:
    """Run it in a new process, so that nothing of another benchmark is in its way."""
    context = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        return pool.submit(run_here, name, seconds).result()


def run_here(name: str, seconds: float) -> Result:
    """Run it in this process."""
    module = import_module(f"benchmarks.{name}")
    about = (module.__doc__ or name).strip().splitlines()[0].rstrip(".")
    begin = time.perf_counter()
    figures = [Figure(*row) for row in module.run(seconds)]
    return Result(name, about, time.perf_counter() - begin, figures)
