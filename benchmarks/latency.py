"""From a program's `publish` to a WebSocket client, by way of journal and server, on loopback.

Three processes: a program that publishes the time, `tacho dashboard`, and this one, which
is the client. All read the same clock.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

import msgspec
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.dashboard import Dashboard, dashboard, ended, environment
from benchmarks.measure import Figure, quantile

#: Between two publishes: longer than any pace on the way, and never in step with a clock.
QUIET_S = (0.15, 0.25)
RATE_HZ = 20
PROGRAM = """
import random, sys, time
import tachograph as tacho

mode, count, shortest, longest = sys.argv[1], *map(float, sys.argv[2:])
for n in range(int(count)):
    tacho.publish("bench", {"mode": mode, "n": n, "at": time.time()})
    time.sleep(random.uniform(shortest, longest))
tacho.publish("bench", {"mode": "end"})
"""


def run(seconds: float) -> list[Figure]:
    """Milliseconds after quiet, and when something is published 20 times a second."""
    with dashboard() as server:
        quiet = asyncio.run(seen(server, "quiet", seconds / 2, QUIET_S))
        steady = asyncio.run(seen(server, "steady", seconds / 2, (1 / RATE_HZ, 1 / RATE_HZ)))
    return [
        *_rows("first publish after 150 ms of quiet", quiet, "<= 5 ms"),
        *_rows(f"{RATE_HZ} publishes a second", steady, ""),
    ]


class Seen:
    """What a client saw of `count` publishes: the delays, in milliseconds."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.delays: list[float] = []


async def seen(server: Dashboard, mode: str, seconds: float, pause_s: tuple[float, float]) -> Seen:
    """Publish for so long, at such pauses, and look when it comes."""
    seen = Seen(max(4, int(seconds / (sum(pause_s) / 2))))
    address = server.live("bench", 60)
    async with connect(address, compression=None, ping_interval=None) as socket:
        command = [sys.executable, "-c", PROGRAM, mode, *map(str, (seen.count, *pause_s))]
        program = subprocess.Popen(command, env=environment(server.home), text=True)
        try:
            async with asyncio.timeout(seconds + 30):
                await _listen(socket, mode, seen)
        finally:
            ended(program)
    return seen


async def _listen(socket: ClientConnection, mode: str, seen: Seen) -> None:
    value: dict[str, object] = {}
    async for message in socket:
        now = time.time()
        received = msgspec.json.decode(message)
        if received["type"] == "snapshot":
            value = dict(received["value"])
        if received["type"] != "delta":
            continue
        value |= received["value"]
        if value.get("mode") == "end":
            return
        # The first of all waits for the program's own beginning as a source.
        if value.get("mode") == mode and value["n"]:
            seen.delays.append(1000 * (now - float(str(value["at"]))))


def _rows(name: str, seen: Seen, target: str) -> list[Figure]:
    came = f"{len(seen.delays)} of {seen.count - 1} seen, the others overtaken by a later one"
    return [
        Figure(f"{name}, p50", quantile(seen.delays, 0.5), "ms", target=target, note=came),
        Figure(f"{name}, p99", quantile(seen.delays, 0.99), "ms", target="<= 60 ms"),
    ]
