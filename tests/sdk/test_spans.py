"""Actions, events, spans and timers in all their forms."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

import tachograph as tacho
from tachograph.sdk.scope import current
from tachograph.testing import Captured


def test_with_counts_and_times(recorded: Captured) -> None:
    """A `with` is one call with its duration, no error."""
    for _ in range(3):
        with tacho.action("click"):
            pass
    timer = recorded.timer("action", "click")
    assert (timer.count, timer.errors) == (3, 0)
    assert 0 < timer.min_s <= timer.max_s <= timer.sum_s < 1
    assert sum(timer.buckets.values()) == 3


def test_an_exception_counts_as_an_error_and_passes_on_unchanged(recorded: Captured) -> None:
    """The very same exception object leaves the block, with its own traceback."""
    raised = ValueError("wrong")
    with pytest.raises(ValueError, match="wrong") as caught, tacho.action("fails"):
        raise raised
    assert caught.value is raised
    assert caught.value.__context__ is None
    timer = recorded.timer("action", "fails")
    assert (timer.count, timer.errors) == (1, 1)
    (end,) = [end for frame in recorded.frames for end in frame.ended if end.name == "fails"]
    assert end.error == "ValueError: wrong"


def test_an_error_whose_text_cannot_be_made_is_recorded_all_the_same(recorded: Captured) -> None:
    """A hostile __str__ breaks nothing."""

    class Hostile(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    with pytest.raises(Hostile), tacho.event("message"):
        raise Hostile
    assert recorded.timer("event", "message").errors == 1


def test_cancellation_is_no_error(recorded: Captured) -> None:
    """A cancelled task has not failed."""

    async def started() -> None:
        entered = asyncio.Event()

        async def inner() -> None:
            async with tacho.action("cancelled"):
                entered.set()
                await asyncio.get_running_loop().create_future()

        task = asyncio.create_task(inner())
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(started())
    timer = recorded.timer("action", "cancelled")
    assert (timer.count, timer.errors) == (1, 0)


def test_decorators_keep_the_function_as_it_is(recorded: Captured) -> None:
    """Bare, named, on functions, coroutines, generators and methods: same result, same kind."""

    @tacho.action
    def plain(x: int, *, y: int = 1) -> int:
        """Doc."""
        return x + y

    @tacho.action("named")
    def named() -> str:
        return "named"

    @tacho.event("async")
    async def coroutine() -> int:
        return 7

    @tacho.span("generator")
    def generator() -> Iterator[int]:
        got = yield 1
        yield got or 2

    @tacho.timer("async generator")
    async def async_generator() -> AsyncIterator[int]:
        yield 1
        yield 2

    class Robot:
        @tacho.action
        def move(self) -> str:
            return "moved"

    async def collect() -> list[int]:
        return [item async for item in async_generator()]

    assert plain(2, y=3) == 5
    assert plain.__doc__ == "Doc."
    assert named() == "named"
    assert inspect.iscoroutinefunction(coroutine)
    assert asyncio.run(coroutine()) == 7
    assert list(generator()) == [1, 2]
    assert inspect.isgeneratorfunction(generator)
    assert asyncio.run(collect()) == [1, 2]
    assert Robot().move() == "moved"
    name = "test_decorators_keep_the_function_as_it_is.<locals>."
    assert recorded.timer("action", name + "plain").count == 1
    assert recorded.timer("action", "named").count == 1
    assert recorded.timer("event", "async").count == 1
    assert recorded.timer("work", "generator").count == 1
    assert recorded.timer("", "async generator").count == 1
    assert recorded.timer("action", name + "Robot.move").count == 1


def test_direct_records(recorded: Captured) -> None:
    """What was timed elsewhere is counted as it is."""
    tacho.event("message").record(processing_s=0.05)
    tacho.event("message").record(processing_s=0.15, success=False)
    tacho.action("click").record(0.2)
    tacho.span("work").record(0.3)
    tacho.timer("query").observe(0.01)
    message = recorded.timer("event", "message")
    assert (message.count, message.errors) == (2, 1)
    assert message.sum_s == pytest.approx(0.2)
    assert recorded.timer("action", "click").max_s == 0.2
    assert recorded.timer("work", "work").count == 1
    assert recorded.timer("", "query").min_s == 0.01


def test_fifty_failures_then_a_thousand_successes(recorded: Captured) -> None:
    """Totals are since the start, not of a window."""
    for n in range(1050):
        tacho.action("step").record(0.001, success=n >= 50)
    timer = recorded.timer("action", "step")
    assert (timer.count, timer.errors) == (1050, 50)


def test_self_time_is_total_less_children(recorded: Captured) -> None:
    """Nested work counts once in the self times."""
    with tacho.action("outer"):
        for _ in range(5):
            with tacho.action("inner"):
                sum(range(20_000))
    outer, inner = recorded.timer("action", "outer"), recorded.timer("action", "inner")
    assert outer.self_s == pytest.approx(outer.sum_s - inner.sum_s, abs=1e-9)
    assert inner.self_s == pytest.approx(inner.sum_s)
    assert outer.self_s + inner.self_s == pytest.approx(outer.sum_s)


def test_parents_across_tasks(recorded: Captured) -> None:
    """A span in a task is a child of the span that created the task."""

    async def child(all_there: asyncio.Barrier) -> None:
        async with tacho.span("child"):
            await all_there.wait()

    async def main() -> None:
        all_there = asyncio.Barrier(3)
        async with tacho.span("parent"):
            await asyncio.gather(*(asyncio.create_task(child(all_there)) for _ in range(3)))

    asyncio.run(main())
    ends = [end for frame in recorded.frames for end in frame.ended]
    (parent,) = [end for end in ends if end.name == "parent"]
    assert [end.parent for end in ends if end.name == "child"] == [parent.id] * 3


def test_a_generator_closed_in_another_context_does_no_harm(recorded: Captured) -> None:
    """The parent is restored by value: a token of another context would raise."""

    def steps() -> Iterator[int]:
        with tacho.span("in generator"):
            yield 1
            yield 2

    generator = steps()
    contextvars.copy_context().run(next, generator)
    generator.close()
    timer = recorded.timer("work", "in generator")
    assert (timer.count, timer.errors) == (1, 0)


def test_one_object_used_again_and_inside_itself(recorded: Captured) -> None:
    """A span or timer that is kept in a variable measures every time, nested too."""
    action, timer = tacho.action("again"), tacho.timer("again")
    for _ in range(3):
        with action, timer:
            pass
    with action, action, timer, timer:
        pass
    assert recorded.timer("action", "again").count == 5
    assert recorded.timer("", "again").count == 5
    assert current() is None


def test_running_work_is_visible(recorded: Captured) -> None:
    """A span that has not ended stands in the frames with its start."""
    with tacho.action("long", path="x"):
        (start,) = recorded.state.open.values()
        assert (start.name, start.kind, start.attributes) == ("long", "action", {"path": "x"})
    assert not recorded.state.open


def test_threads_lose_nothing(recorded: Captured) -> None:
    """Every call of every thread is in the sums."""

    def work() -> None:
        for _ in range(2_000):
            with tacho.action("threaded"):
                tacho.counter("threaded").add(2)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert recorded.timer("action", "threaded").count == 16_000
    assert recorded.counter("threaded") == 32_000


def test_individual_spans_are_sampled_and_the_rest_is_counted(recorded: Captured) -> None:
    """Some spans of a name are kept, the others are counted as sampled; the sums are exact."""
    for _ in range(500):
        with tacho.action("often"):
            pass
    state = recorded.state
    kept = sum(end.name == "often" for frame in recorded.frames for end in frame.ended)
    assert recorded.timer("action", "often").count == 500
    assert kept < 500
    assert state.sampled["span rate"] == 500 - kept
    assert not state.losses
