"""Many at once, and many one after another: none is lost, and the server doesn't grow with them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from threading import Event

import pytest

from tests.core.program import Program as Figures
from tests.dashboards import Dashboard
from tests.programs import Program, eventually
from tests.server.serving import Reporting

SOURCES, FRAMES_HZ, SECONDS = 200, 50, 2
SHORT, AT_A_TIME = 1000, 25

#: Forks a child for each name that it is told, which records once and leaves, as a worker does.
#: Starting the interpreter a thousand times would take longer than everything else here.
PARENT = """
    import os, sys
    import tachograph as tacho
    tacho.configure(service="short", project="faults")
    tacho.action("start").record(0.001)
    tacho.flush()
    for line in sys.stdin:
        children = []
        for _ in range(int(line)):
            pid = os.fork()
            if not pid:
                tacho.action("step").record(0.001)
                tacho.shutdown()
                os._exit(0)
            children.append(pid)
        for pid in children:
            os.waitpid(pid, 0)
        print("left", flush=True)
"""


def test_200_sources_at_50_frames_a_second_none_lost_all_counted(home: Path) -> None:
    """Two seconds of 10,000 frames each, as fast as this machine can: every frame is received,
    every call counted, and none is lost, while the server answers all the time."""
    with Dashboard(home) as dashboard:
        sources = [Reporting(home, f"s{n}", service=f"service {n % 10}") for n in range(SOURCES)]
        rounds, pause = FRAMES_HZ * SECONDS, Event()
        begin = time.monotonic()
        for n in range(rounds):
            for source in sources:
                _write(source)
            pause.wait(max(0.0, begin + (n + 1) / FRAMES_HZ - time.monotonic()))
            if n % FRAMES_HZ == 0:
                assert dashboard.get("/healthz") is not None
        written = rounds * SOURCES
        assert eventually(lambda: dashboard.topic("sources").get("received") == written, 60)
        value = dashboard.topic("sources")
        assert (value["sent"], value["lost"], value["total"]) == (written, 0, SOURCES)
        actions = dashboard.topic("actions")
        assert (actions["total_actions"], actions["error_count"]) == (written, 0)
        for source in sources:
            source.end(time.time())
        assert eventually(lambda: dashboard.topic("sources").get("live") == 0, 60)
        assert dashboard.stop() == 0


def _write(source: Reporting) -> None:
    Figures.do(source, 0.001, name="step")
    source.count(1)
    source.say(time.time())


@pytest.mark.timeout(400)
def test_1000_short_processes_one_after_another_none_lost_none_lingers(home: Path) -> None:
    """Each is there for a moment, records once and leaves. All of them are counted, none is shown
    as living, and of what has ended the server keeps no descriptor and little memory."""
    with Program(PARENT, home, measured=False) as parent, Dashboard(home) as dashboard:

        def leave(count: int, total: int) -> None:
            for _ in range(count // AT_A_TIME):
                parent.say(str(AT_A_TIME))
                assert parent.line() == "left"
            assert eventually(lambda: _steps(dashboard) == total, 60), _steps(dashboard)
            assert eventually(lambda: dashboard.topic("sources").get("live") == 1, 60)

        # What a server needs anyway is there after the first hundred.
        leave(100, 100)
        files, memory = _files(dashboard), _memory_kb(dashboard)
        leave(SHORT - 100, SHORT)
        value = dashboard.topic("sources")
        assert (value["total"], value["lost"]) == (SHORT + 1, 0)
        states = [row["state"] for row in value["sources"].values()]
        assert sorted(set(states)) == ["ended", "live"]
        assert _files(dashboard) <= files + 5
        assert (_memory_kb(dashboard) - memory) / (SHORT - 100) < 40
        assert dashboard.stop() == 0


def _steps(dashboard: Dashboard) -> int:
    names = dashboard.topic("actions").get("names", {})
    return int(names.get("step", {}).get("count", 0))


def _files(dashboard: Dashboard) -> int:
    return len(os.listdir(f"/proc/{dashboard.process.pid}/fd"))


def _memory_kb(dashboard: Dashboard) -> int:
    status = Path(f"/proc/{dashboard.process.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1])
