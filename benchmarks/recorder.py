"""What a recording call costs, its drain included, beside the floor and beside its peers.

The floor is the least that any timing `with` can do in Python: a method call on entry and on
exit, each with one reading of the clock. Peers are set up so that they lose nothing either.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import tachograph as tacho
from benchmarks.measure import Contender, Costs, Figure, interleaved
from tachograph.sdk import recorder as recording
from tachograph.sdk.flusher import PACE_S

SPANS_PER_SECOND = 150
NAMES = ("read", "parse", "store")
FLOOR = "floor: `with`, two clock reads"
HISTOGRAM = "prometheus_client Histogram.time()"
INC = "prometheus_client Counter.inc()"
OTEL = "OpenTelemetry SDK span"
TIMER = "timer, handle reused"
PARENT = "span with parent and self time"
COUNTER = "counter.add()"
TARGETS = {TIMER: 1.8, "timer(name)": 1.8, PARENT: 3.0}


def run(seconds: float) -> list[Figure]:
    """All figures, in about `seconds`."""
    with recording_to_files():
        calls = _calls(seconds * 0.55)
        flusher = _flusher(seconds * 0.45)
        losses = recording.recorder().state.losses  # type: ignore[union-attr]
        lost = sum(count for (_, sampled), count in losses.items() if not sampled)
    return [*calls, *flusher, Figure("records lost on the way", lost, "records", target="0")]


@contextmanager
def recording_to_files() -> Iterator[None]:
    """This process as a source that writes to a real journal in a home of its own."""
    with TemporaryDirectory() as home:
        tacho.configure(service="benchmarks", project="benchmarks", home=Path(home))
        try:
            yield
        finally:
            tacho.shutdown()


# -- the price of a call -----------------------------------------------------


def _calls(seconds: float) -> list[Figure]:
    otel, end_otel = _open_telemetry()
    try:
        costs = interleaved([*_ours(), *_peers(), otel], seconds)
    finally:
        end_otel()
    floor = costs[FLOOR]
    rows = [_row(name, one, floor) for name, one in costs.items()]
    return rows + _against(costs)


def _row(name: str, cost: Costs, floor: Costs) -> Figure:
    return Figure(
        name,
        cost.cpu,
        "ns",
        ratio=cost.ratio(floor),
        peer="floor",
        target=f"<= {TARGETS[name]}" if name in TARGETS else "",
        note=f"loop alone {cost.wall:.0f} ns, least {cost.least:.0f} ns",
    )


def _against(costs: dict[str, Costs]) -> list[Figure]:
    """How many times cheaper than what others use."""
    pairs = ((TIMER, HISTOGRAM), (PARENT, OTEL), (PARENT, HISTOGRAM), (COUNTER, INC))
    return [
        Figure(f"{own}: cheaper than {peer}", costs[peer].ratio(costs[own]), "x")
        for own, peer in pairs
    ]


class Floor:
    """Enter, read the clock; read the clock, leave."""

    __slots__ = ("end", "start")

    def __enter__(self) -> Floor:
        self.start = perf_counter()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self.end = perf_counter()


def _ours() -> Sequence[Contender]:
    floor = Floor()
    timer = tacho.timer("timer")
    counter = tacho.counter("counter")
    gauge = tacho.gauge("gauge")
    decorated = tacho.action(_work)

    def with_floor(n: int) -> None:
        for _ in range(n):
            with floor:
                pass

    def with_timer(n: int) -> None:
        for _ in range(n):
            with timer:
                pass

    def with_new_timer(n: int) -> None:
        for _ in range(n):
            with tacho.timer("timer"):
                pass

    def with_child(n: int) -> None:
        with tacho.span("parent"):
            for _ in range(n):
                with tacho.span("child"):
                    pass

    async def with_child_in_a_task(n: int) -> None:
        with_child(n)

    def with_action(n: int) -> None:
        for _ in range(n):
            with tacho.action("action"):
                pass

    def call(n: int) -> None:
        for _ in range(n):
            decorated()

    def add(n: int) -> None:
        for _ in range(n):
            counter.add()

    def set_gauge(n: int) -> None:
        for _ in range(n):
            gauge.set(1.5)

    loops = {
        FLOOR: with_floor,
        TIMER: with_timer,
        "timer(name)": with_new_timer,
        PARENT: with_child,
        "the same in a task of an event loop": lambda n: asyncio.run(with_child_in_a_task(n)),
        "action(name), no parent": with_action,
        "function under @action": call,
        COUNTER: add,
        "gauge.set()": set_gauge,
    }
    return [Contender(name, loop, tacho.flush) for name, loop in loops.items()]


def _work() -> None:
    pass


def _peers() -> Sequence[Contender]:
    from prometheus_client import CollectorRegistry, Counter, Histogram

    registry = CollectorRegistry()
    histogram = Histogram("benchmark_seconds", "a timer", registry=registry)
    counter = Counter("benchmark_calls", "a counter", registry=registry)
    lock = threading.Lock()
    collected: deque[tuple[float, str, float]] = deque(maxlen=10_000)

    def with_histogram(n: int) -> None:
        for _ in range(n):
            with histogram.time():
                pass

    def inc(n: int) -> None:
        for _ in range(n):
            counter.inc()

    def collect(n: int) -> None:
        for _ in range(n):
            begin = perf_counter()
            duration = perf_counter() - begin
            with lock:
                collected.append((time.time(), "timer", duration))

    return [
        Contender(HISTOGRAM, with_histogram),
        Contender(INC, inc),
        Contender("lock and deque, never drained", collect),
    ]


def _open_telemetry() -> tuple[Contender, Any]:
    """A tracer whose BatchSpanProcessor hands to an exporter that throws everything away.

    Its queue is large enough that nothing is dropped, and each turn ends with a flush.
    """
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Nowhere(SpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(Nowhere(), max_queue_size=200_000))
    tracer = provider.get_tracer("benchmarks")

    def with_span(n: int) -> None:
        with tracer.start_as_current_span("parent"):
            for _ in range(n):
                with tracer.start_as_current_span("child"):
                    pass

    return Contender(OTEL, with_span, provider.force_flush), provider.shutdown


# -- the price of the thread behind it ---------------------------------------


def _flusher(seconds: float) -> list[Figure]:
    """What the background costs a program that does little, beside wake-ups that do nothing."""
    wake = _bare_wake_s(max(3, int(seconds / 6 / PACE_S)))
    busy, flushes = _background_share(seconds / 2, SPANS_PER_SECOND)
    idle, _ = _background_share(seconds / 4, 0)
    bare = wake / PACE_S
    warm = _flush_s(max(5, int(seconds)))
    return [
        Figure("20 bare wake-ups a second", 100 * bare, "% of a core"),
        Figure(
            f"flusher at {SPANS_PER_SECOND} spans/s",
            100 * busy,
            "% of a core",
            ratio=busy / bare,
            peer="bare wake-ups",
            target="< 1 %",
            note=f"{flushes:.0f} frames/s",
        ),
        Figure(
            "one small flush, 50 ms after the last",
            1e6 * busy / flushes,
            "us",
            ratio=busy / flushes / wake,
            peer="bare wake-up",
            target="<= 150",
            note="wake-up and cold caches included",
        ),
        Figure("one small flush, right after another", 1e6 * warm, "us", target="<= 150"),
        Figure("flusher when idle", 100 * idle, "% of a core", note="samples at 1 Hz"),
    ]


def _flush_s(flushes: int) -> float:
    """CPU time of writing what eight actions of three names left."""
    costs = []
    for _ in range(10 * flushes):
        for n in range(8):
            with tacho.action(NAMES[n % 3]):
                pass
        begin = time.thread_time()
        tacho.flush()
        costs.append(time.thread_time() - begin)
    return median(costs)


def _bare_wake_s(wakes: int) -> float:
    """CPU time of one wake-up from a wait with a deadline: the kernel's and the machine's part."""
    bell = threading.Lock()
    bell.acquire()
    begin = time.thread_time()
    for _ in range(wakes):
        bell.acquire(timeout=PACE_S)
    return (time.thread_time() - begin) / wakes


def _background_share(seconds: float, rate: int) -> tuple[float, float]:
    """CPU of all threads but this one, as a share of the time; and frames a second."""
    recorder = recording.recorder()
    assert recorder is not None
    waiting = threading.Event()
    seq, own, cpu, begin = recorder.seq, time.thread_time(), time.process_time(), perf_counter()
    count = 0
    while (now := perf_counter() - begin) < seconds:
        if rate:
            with tacho.action(NAMES[count % 3]):
                count += 1
        waiting.wait(max(0.0, count / rate - now) if rate else seconds - now)
    others = (time.process_time() - cpu) - (time.thread_time() - own)
    elapsed = perf_counter() - begin
    return others / elapsed, max(1, recorder.seq - seq) / elapsed
