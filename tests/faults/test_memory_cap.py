"""A flusher that can't come by: the recorder's memory has a cap, and what is dropped is counted."""

from __future__ import annotations

from pathlib import Path

from tests.programs import Program, states

#: Records everything there is, new names all the time, while nobody takes it. The flusher waits
#: for its turn, as it would for a disk that doesn't answer.
FLOOD = """
    import sys
    import tachograph as tacho
    from tachograph.sdk.recorder import recorder

    tacho.configure(service="flood")
    tacho.action("first").record(0.1)
    tacho.flush()

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4

    def flood(rounds):
        for n in rounds:
            tacho.timer("t").observe(0.001)
            tacho.counter("c").add()
            with tacho.action("a", text="x" * 1000):
                pass
            if n % 4 == 0:
                tacho.gauge(f"gauge {n}").set(n)
                tacho.publish("mine", {f"key {n}": "v" * 500})
                try:
                    with tacho.event(f"event {n}"):
                        raise ValueError("y" * 300)
                except ValueError:
                    pass

    before = resident()
    with recorder().turn:
        for n in range(100_000):
            tacho.publish("mine", {f"first {n}": "v" * 500 + str(n)})
        flood(range(150_000))
        print(resident() - before, flush=True)
        flood(range(150_000, 300_000))
        print(resident() - before, flush=True)
    print(tacho.flush(30), flush=True)
"""


def test_a_flusher_that_stands_still_costs_a_bounded_memory(home: Path) -> None:
    """Twice as many records need no more room, none of it is much, and the ledger has the rest."""
    with Program(FLOOD, home) as program:
        first, second = int(program.line()), int(program.line())
        assert first < 64 * 1024
        assert second - first < 4 * 1024
        assert program.line() == "True"
        assert program.wait() == 0
    (state,) = states(home)
    assert state.state == "ended"
    assert state.losses["queue full"] > 100_000
    assert len(state.gauges) < 20_100
