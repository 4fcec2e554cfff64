"""Which span is around which: over threads, tasks, copied contexts, and ends in any order."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import tachograph as tacho
from tachograph.model import SpanEnd
from tachograph.sdk.scope import PARENT, current, place
from tachograph.testing import Captured


def ends(recorded: Captured) -> dict[str, SpanEnd]:
    """The ends that were told whole, by name."""
    return {end.name: end for frame in recorded.frames for end in frame.ended}


def until(reached: float) -> None:
    """Be busy until perf_counter has passed an instant."""
    while perf_counter() < reached:
        pass


def crossing(measured: object) -> dict[str, float]:
    """Two threads in the same `with`: a enters, b enters, a leaves, b leaves. How long at most."""
    entered_a, entered_b, left_a = (threading.Event() for _ in range(3))
    most: dict[str, float] = {}

    def a() -> None:
        begin = perf_counter()
        with measured:  # type: ignore[attr-defined]
            entered_a.set()
            entered_b.wait(20)
        most["a"] = perf_counter() - begin
        left_a.set()

    def b() -> None:
        entered_a.wait(20)
        until(perf_counter() + 0.02)
        begin = perf_counter()
        with measured:  # type: ignore[attr-defined]
            entered_b.set()
            left_a.wait(20)
            until(perf_counter() + 0.02)
        most["b"] = perf_counter() - begin

    threads = [threading.Thread(target=one) for one in (a, b)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return most


def test_a_timer_shared_by_threads_keeps_each_ones_start(recorded: Captured) -> None:
    """No call takes longer than it did, though another came in before it left."""
    most = crossing(tacho.timer("shared"))
    timer = recorded.timer("", "shared")
    assert timer.count == 2
    assert timer.max_s <= max(most.values())
    assert timer.min_s <= min(most.values())
    assert timer.sum_s >= 0.04


def test_a_span_shared_by_threads_keeps_each_ones_start(recorded: Captured) -> None:
    """As a timer; and neither thread's span is the other's child."""
    most = crossing(tacho.action("shared"))
    timer = recorded.timer("action", "shared")
    assert timer.count == 2
    assert timer.max_s <= max(most.values())
    assert timer.self_s == timer.sum_s
    told = [end for frame in recorded.frames for end in frame.ended]
    assert [end.parent for end in told] == [0, 0]
    assert not recorded.state.open


def test_a_timer_in_use_by_many_threads_loses_nothing(recorded: Captured) -> None:
    """Any number of threads, in and out at once, nested too."""
    timer = tacho.timer("busy")

    def work() -> None:
        for _ in range(500):
            with timer, timer:
                pass

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert recorded.timer("", "busy").count == 8_000
    assert not recorded.losses()


def test_tasks_that_take_turns_have_parents_of_their_own(recorded: Captured) -> None:
    """A span of one task is never the child of another task's, whoever runs in between: both
    are in their outer ones at once, and then in their inner ones."""

    async def one(name: str, both_there: asyncio.Barrier) -> None:
        with tacho.action(f"outer {name}"):
            await both_there.wait()
            with tacho.action(f"inner {name}"):
                await both_there.wait()

    async def both() -> None:
        both_there = asyncio.Barrier(2)
        await asyncio.gather(one("a", both_there), one("b", both_there))

    with tacho.action("around the loop"):
        asyncio.run(both())
    told = ends(recorded)
    for name in "ab":
        assert told[f"inner {name}"].parent == told[f"outer {name}"].id
        assert told[f"outer {name}"].parent == told["around the loop"].id
    assert current() is None


def test_a_thread_that_is_given_a_context_finds_the_span_in_it(recorded: Captured) -> None:
    """From a loop by `to_thread`, and from a thread by a context that it copied."""

    def work(name: str) -> None:
        with tacho.action(name):
            assert current() is not None

    async def main() -> None:
        with tacho.action("in a loop"):
            await asyncio.to_thread(work, "from a loop")

    asyncio.run(main())
    with tacho.action("in a thread"), ThreadPoolExecutor(1) as pool:
        pool.submit(contextvars.copy_context().run, work, "from a thread").result()
        pool.submit(work, "without context").result()
    told = ends(recorded)
    assert told["from a loop"].parent == told["in a loop"].id
    assert told["from a thread"].parent == told["in a thread"].id
    assert told["without context"].parent == 0


def test_a_thread_that_is_given_a_context_changes_nothing_in_it(recorded: Captured) -> None:
    """What runs in that thread is not around what the other thread begins meanwhile."""
    entered, leave = threading.Event(), threading.Event()

    def work() -> None:
        with tacho.action("beside"):
            entered.set()
            leave.wait(20)

    with tacho.action("around"), ThreadPoolExecutor(1) as pool:
        result = pool.submit(contextvars.copy_context().run, work)
        assert entered.wait(20)
        with tacho.action("meanwhile"):
            pass
        leave.set()
        result.result()
    told = ends(recorded)
    assert told["beside"].parent == told["around"].id
    assert told["meanwhile"].parent == told["around"].id


def test_ends_in_any_order(recorded: Captured) -> None:
    """The outer may end before the inner: both count, nothing stays open or current."""
    outer, inner = tacho.action("outer"), tacho.action("inner")
    outer.__enter__()
    inner.__enter__()
    assert current() is inner
    outer.__exit__(None, None, None)
    assert current() is inner
    with tacho.action("later"):
        pass
    inner.__exit__(None, None, None)
    assert current() is None
    told = ends(recorded)
    assert told["later"].parent == told["inner"].id
    assert recorded.timer("action", "outer").count == 1
    assert not recorded.state.open


def test_an_end_without_a_beginning_is_nothing(recorded: Captured) -> None:
    """It neither raises nor counts, nor does a second end."""
    for measured in (tacho.action("never"), tacho.timer("never")):
        measured.__exit__(None, None, None)
    with tacho.action("once") as once:
        pass
    once.__exit__(None, None, None)
    assert recorded.timer("action", "once").count == 1
    names = {one.name for one in recorded.state.definitions.values()}
    assert "never" not in names


def test_fail_is_for_the_one_that_runs_here(recorded: Captured) -> None:
    """A span that many use is marked only where somebody said so."""
    step = tacho.action("step")
    with step, step:
        step.fail("inner only")
    step.fail("nobody runs")
    with step as same:
        same.fail(ValueError("last"))
    timer = recorded.timer("action", "step")
    assert (timer.count, timer.errors) == (3, 2)
    errors = [end.error for frame in recorded.frames for end in frame.ended]
    assert errors == ["inner only", "", "ValueError: last"]


def test_tasks_that_hand_over_do_not_chain_up(recorded: Captured) -> None:
    """Each task starts the next inside its span and ends before it does: nothing piles up."""

    def nodes() -> int:
        found, node = 0, place.get().top
        while node is not None:
            found, node = found + 1, node[PARENT]
        return found

    async def step(left: int, entered: asyncio.Event) -> None:
        with tacho.span("step"):
            entered.set()
            if left:
                mine = asyncio.Event()
                tasks.append(asyncio.create_task(step(left - 1, mine)))
                await mine.wait()
                return
            await asyncio.gather(*tasks[:-1])
            found.append(nodes())

    async def main() -> None:
        tasks.append(asyncio.create_task(step(200, asyncio.Event())))
        for task in tasks:
            await task

    tasks: list[asyncio.Task[None]] = []
    found: list[int] = []
    asyncio.run(main())
    assert found[0] < 5
    assert recorded.timer("work", "step").count == 201
