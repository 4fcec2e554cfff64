"""The runtime's gauges: as they arrive in the journal, and what is left in the interpreter."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

import tachograph as tacho
from tachograph.sdk.pauses import Pauses
from tachograph.testing import Captured
from tests.programs import Program, eventually, states


def values(recorded: Captured, name: str) -> list[float | None]:
    """Every value that a gauge had, oldest first, as far as it stands in the journal."""
    journal = recorded.journal
    frames = [frame for id in journal.sources()[-1:] for frame in journal.frames(id)]
    numbers = {d.id for frame in frames for d in frame.definitions if d.name == name}
    return [tick.value for frame in frames for tick in frame.gauges if tick.id in numbers]


def test_the_longest_pause_and_the_share_of_all() -> None:
    """Between two readings, from pauses that are known exactly."""
    clock = iter([1.0, 1.5, 2.0, 2.25])
    pauses = Pauses()
    assert pauses.read(0.0) is None
    for phase in ("start", "stop", "start", "stop"):
        pauses._note(phase, {}, lambda: next(clock))
    assert pauses.read(10.0) == (0.5, pytest.approx(7.5))
    assert pauses.read(11.0) == (0.0, 0.0)


def test_a_collection_that_began_before_is_not_measured() -> None:
    """Its beginning isn't known."""
    pauses = Pauses()
    pauses.read(0.0)
    pauses._note("stop", {})
    assert pauses.read(1.0) == (0.0, 0.0)


def test_real_collections_are_seen_from_any_thread() -> None:
    """Whoever's thread they run on."""
    pauses = Pauses()
    pauses.watch()
    try:
        pauses.read(0.0)
        thread = threading.Thread(target=gc.collect)
        thread.start()
        thread.join()
        longest, percent = pauses.read(100.0) or (0.0, 0.0)
        assert longest > 0
        assert percent > 0
    finally:
        pauses.unwatch()


def test_the_collector_is_listened_to_once_and_no_longer_than_recording() -> None:
    """One callback however often recording begins; none after the goodbye."""
    before = list(gc.callbacks)
    for _ in range(3):
        tacho.configure(service="watched")
    assert len(gc.callbacks) == len(before) + 1
    tacho.shutdown()
    assert gc.callbacks == before
    tacho.counter("n").add()
    assert len(gc.callbacks) == len(before) + 1
    gc.callbacks.clear()
    tacho.shutdown()
    gc.callbacks[:] = before


def test_a_forked_child_has_no_callback_of_its_parent() -> None:
    """It is a source of its own, or none."""
    tacho.configure(service="parent")
    pid = os.fork()
    if pid == 0:
        os._exit(len(gc.callbacks))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == len(gc.callbacks) - 1


def test_pauses_arrive(recorded: Captured) -> None:
    """Longest and share, in each sample from the second on."""
    tacho.configure(service="collecting", interval_s=0.05)

    def seen() -> list[float]:
        gc.collect()
        return [value for value in values(recorded, "runtime.gc_pause_s") if value]

    assert eventually(seen)
    assert eventually(lambda: [v for v in values(recorded, "runtime.gc_percent") if v])


def test_a_program_without_a_loop_has_no_lag(recorded: Captured) -> None:
    """The gauge is absent, not 0."""
    tacho.configure(service="plain", interval_s=0.05)
    assert eventually(lambda: values(recorded, "runtime.gc_pause_s"))
    assert values(recorded, "runtime.loop_lag_s") == []


def test_a_blocked_loop_is_seen_while_it_is_blocked_and_gone_when_it_is_over(
    recorded: Captured,
) -> None:
    """The figure grows while nothing else in the loop could say anything; None when it ended."""
    tacho.configure(service="blocked", interval_s=0.05)

    async def main() -> None:
        with tacho.action("step"):
            pass
        ready = asyncio.Event()
        asyncio.get_running_loop().call_later(0.01, ready.set)
        await ready.wait()
        # Not awaited: this blocks the loop.
        assert eventually(lambda: _grows(recorded))

    asyncio.run(main())
    assert eventually(lambda: values(recorded, "runtime.loop_lag_s")[-1] is None)


def _grows(recorded: Captured) -> bool:
    lags = [value or 0.0 for value in values(recorded, "runtime.loop_lag_s")]
    return len(lags) >= 3 and 0.05 < lags[-3] < lags[-2] < lags[-1]


def test_nothing_is_left_for_the_host_to_complain_of(home: Path) -> None:
    """Loops in debug mode, warnings as errors, run after run: not a word on standard error."""
    script = """
        import asyncio, contextlib
        import tachograph as tacho
        from tachograph.sdk.recorder import recorder
        tacho.configure(service="debug", interval_s=0.05)
        async def main():
            loop, sampled = asyncio.get_running_loop(), asyncio.Event()
            def tell():
                with contextlib.suppress(RuntimeError):  # the loop may be closed by now
                    loop.call_soon_threadsafe(sampled.set)
            with tacho.action("step"):
                recorder().listeners.append(tell)
                for _ in range(3):
                    await sampled.wait()
                    sampled.clear()
                recorder().listeners.remove(tell)
        for _ in range(3):
            asyncio.run(main(), debug=True)
    """
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(script)],
        env={**os.environ, "TACHOGRAPH_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    (state,) = states(home)
    assert "runtime.loop_lag_s" in {d.name for d in state.definitions.values()}


def test_a_child_forked_inside_a_loop_leaves_its_parents_loop_alone(home: Path) -> None:
    """It records, it is a source, and it knows no loop."""
    code = """
        import asyncio, os
        import tachograph as tacho
        from tachograph.sdk.scope import loops
        tacho.configure(service="forking", interval_s=0.05)
        async def main():
            with tacho.action("step"):
                pid = os.fork()
                if pid == 0:
                    tacho.counter("n").add()
                    tacho.flush()
                    os._exit(len(loops.known))
                print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
        asyncio.run(main())
        input()
    """
    with Program(code, home) as program:
        # asyncio itself forgets its loop in a child.
        assert program.line() == "0"
        assert eventually(lambda: len(states(home)) == 2)
