"""By how much event loops are behind: real loops on threads of their own, blocked and stopped."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvloop

import tachograph as tacho
from tachograph.sdk.lag import Lag, Probe
from tachograph.sdk.scope import MAX_LOOPS, loops
from tests.programs import eventually


@pytest.fixture(autouse=True)
def unknown() -> Iterator[None]:
    """Each test begins and ends without a loop that anybody knows."""
    loops.known.clear()
    yield
    loops.known.clear()


class Running:
    """A loop that runs on a thread of its own, and can be blocked."""

    def __init__(self, make: Callable[[], Any] = asyncio.new_event_loop) -> None:
        self.loop = make()
        self.release = threading.Event()
        self.blocked = threading.Event()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.call(loops.notice)

    def call(self, function: Callable[[], object]) -> None:
        """Run a function in the loop, and wait until that is done."""
        done = threading.Event()
        self.loop.call_soon_threadsafe(lambda: (function(), done.set()))
        assert done.wait(20)

    def block(self) -> None:
        """Keep the loop busy until `release` is set."""

        def wait() -> None:
            self.blocked.set()
            self.release.wait(20)

        self.loop.call_soon_threadsafe(wait)
        assert self.blocked.wait(20)

    def pause(self) -> None:
        """Stop the loop; it can go on later."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(20)

    def go_on(self) -> None:
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.release.set()
        if self.thread.is_alive():
            self.pause()
        self.loop.close()


@pytest.mark.parametrize("make", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_loop_that_runs_answers(make: Callable[[], Any]) -> None:
    """Nothing is known at first; then how long the callback took."""
    lag = Lag()
    with Running(make):
        assert lag.read() is None
        found = eventually(lag.read)
        assert found is not None
        assert 0 <= found < 20


def test_a_blocked_loop_shows_a_figure_that_grows() -> None:
    """While the callback has not come back the lag is its age; afterwards, what it took."""
    now = [100.0]
    with Running() as running:
        probe = Probe(loops.known[id(running.loop)])
        running.block()
        assert probe.look(lambda: now[0]) is None
        for seconds in (1.0, 2.5, 7.0):
            now[0] = 100.0 + seconds
            assert probe.look(lambda: now[0]) == seconds
        running.release.set()
        found = eventually(lambda: _arrived(probe))
        assert found is not None


def _arrived(probe: Probe) -> bool:
    return not probe._sent


def test_the_worst_of_several_loops_counts() -> None:
    """One that is blocked is not hidden by one that is quick."""
    lag = Lag()
    with Running() as quick, Running() as slow:
        slow.block()
        lag.read()
        first = eventually(lag.read)
        quick.call(lambda: None)
        assert first is not None
        assert (lag.read() or 0) >= first


def test_without_a_loop_there_is_no_lag() -> None:
    """Not 0: nothing was measured, and nothing was sent anywhere."""
    assert Lag().read() is None


def test_a_loop_that_stands_still_gets_one_callback_at_most() -> None:
    """However often is asked, and what it takes until it runs again is no lag."""
    lag = Lag()
    with Running() as running:
        lag.read()
        eventually(lag.read)
        running.pause()
        assert [lag.read() for _ in range(20)] == [None] * 20
        if isinstance(running.loop, asyncio.BaseEventLoop):
            assert len(running.loop._ready) <= 1  # type: ignore[attr-defined]
        running.go_on()
        running.call(lambda: None)
        found = eventually(lag.read)
        assert found is not None
        assert found < 20


def test_a_callback_that_outlived_a_stop_measures_nothing() -> None:
    """It was on its way when the loop stopped, and came when it went on."""
    now = [100.0]
    with Running() as running:
        probe = Probe(loops.known[id(running.loop)])
        running.block()
        probe.look(lambda: now[0])
        running.loop.call_soon_threadsafe(running.loop.stop)
        stuck, running.thread = running.thread, threading.Thread()
        running.loop.is_running = lambda: False
        assert probe.look(lambda: now[0] + 50) is None
        del running.loop.is_running
        running.release.set()
        stuck.join(20)
        running.go_on()
        running.call(lambda: None)
        assert _arrived(probe)
        assert probe.look(lambda: now[0] + 60) is None


def test_a_closed_loop_is_forgotten() -> None:
    """No error, no figure, and room for another."""
    lag = Lag()
    with Running():
        lag.read()
    assert lag.read() is None
    assert not loops.known


def test_no_loop_is_kept_alive() -> None:
    """Not by being known, not by a callback that is on its way."""
    lag = Lag()
    with Running() as running:
        running.block()
        lag.read()
        gone = weakref.ref(running.loop)
        running.release.set()
        running.pause()
        running.loop.close()
        del running.loop
        running.loop = asyncio.new_event_loop()
        gc.collect()
        assert gone() is None
    assert not loops.known


def test_asyncio_run_several_times(recorded: object) -> None:
    """Each run is a loop of its own; those that are over leave nothing."""

    async def work() -> None:
        with tacho.action("step"):
            assert id(asyncio.get_running_loop()) in loops.known
            assert len(loops.known) <= 2  # the one before may not be collected yet

    lag = Lag()
    for _ in range(5):
        asyncio.run(work())
        lag.read()


@pytest.mark.parametrize(
    "record",
    [
        lambda: tacho.configure(service="inside"),
        lambda: tacho.counter("n").add(),
        lambda: tacho.timer("t").observe(0.1),
        lambda: tacho.action("a").__enter__().__exit__(None, None, None),
    ],
)
def test_a_first_record_inside_a_loop_makes_it_known(record: Callable[[], object]) -> None:
    """Whatever it is that is recorded."""

    async def work() -> None:
        record()
        assert id(asyncio.get_running_loop()) in loops.known

    asyncio.run(work())


def test_at_most_so_many_loops_are_known() -> None:
    """Others are left alone; who ends makes room."""
    made = [Running() for _ in range(MAX_LOOPS + 2)]
    try:
        assert len(loops.known) == MAX_LOOPS
    finally:
        for running in made:
            running.__exit__()
    Lag().read()
    with Running() as running:
        assert list(loops.known) == [id(running.loop)]


class NoLoop:
    """Something that runs as a loop of another kind."""

    def is_closed(self) -> bool:
        return False


def test_a_loop_of_another_kind_is_let_go() -> None:
    """What can't be asked is forgotten; nothing is raised."""
    other = NoLoop()
    loops.known[id(other)] = weakref.ref(other)
    assert Lag().read() is None
    assert not loops.known
