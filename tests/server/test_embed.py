"""`DashboardServer`: three lines in somebody's own program, and a page."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from websockets.sync.client import connect

import tachograph
from tachograph.errors import ConfigError
from tests.programs import Program, eventually

#: A program that does an action for each line it is told, "bad" ones fail, and serves meanwhile.
THREE_LINES = """
    import sys, threading

    def work():
        for line in sys.stdin:
            collector.record_action("click", 0.25, line.strip() != "bad")
            print("done", flush=True)

    from tachograph import DashboardServer, MetricsCollector
    collector = MetricsCollector()
    threading.Thread(target=work, daemon=True).start()
    DashboardServer("localhost", 0, collector).start()
    print("and on", flush=True)
"""

#: One that does what it is told, a word a line, on its event loop.
ASYNC = """
    import asyncio, logging, sys
    from tachograph import DashboardServer, MetricsCollector, TachographError

    logging.basicConfig(stream=sys.stdout, format="%(message)s")
    collector = MetricsCollector()
    server = DashboardServer(metrics_collector=collector, port=int(sys.stdin.readline()))

    async def do(word):
        if word == "act":
            collector.record_action("click", 0.25, True)
        elif word == "total":
            print(collector.get_latest_metrics()["actions"].total_actions)
        else:
            await getattr(server, word)()

    async def main():
        while word := (await asyncio.to_thread(sys.stdin.readline)).strip():
            try:
                await do(word)
                print("done", flush=True)
            except TachographError as error:
                print("no:", error, flush=True)

    asyncio.run(main())
"""


class Page:
    """What a browser does with the link that a program printed."""

    def __init__(self, line: str) -> None:
        assert line.startswith("Tachograph: http://localhost:"), line
        self.url, _, self.token = line.removeprefix("Tachograph: ").partition("/?token=")
        self.headers = {"Authorization": f"Bearer {self.token}"}

    def topic(self, name: str) -> dict[str, Any]:
        """A topic's value, {} while nobody answers."""
        try:
            answer = httpx2.get(f"{self.url}/api/topics/{name}", headers=self.headers)
        except httpx2.HTTPError:
            return {}
        value: dict[str, Any] = answer.raise_for_status().json()["value"]
        return value

    def until(self, name: str, wanted: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """The topic's value when it is as wanted."""
        assert eventually(lambda: wanted(self.topic(name))), self.topic(name)
        return self.topic(name)

    def hello(self) -> dict[str, Any]:
        """What the server says of itself."""
        url = f"ws{self.url.removeprefix('http')}/ws"
        with connect(url, additional_headers=self.headers) as socket:
            hello: dict[str, Any] = msgspec.json.decode(socket.recv(timeout=20))
            return hello


def told(program: Program, word: str) -> list[str]:
    """Everything that the program prints up to its "done"."""
    program.say(word)
    lines = [program.line()]
    while lines[-1] != "done" and not lines[-1].startswith("no:"):
        lines.append(program.line())
    return lines


def test_three_lines(home: Path) -> None:
    """With nothing else called: the page shows what the collector recorded and the process that
    it recorded in; Ctrl-C ends the serving, and the program goes on."""
    with Program(THREE_LINES, home) as program:
        page = Page(program.line())
        for word in ("ok", "bad", "ok"):
            program.say(word)
            assert program.line() == "done"
        seen = page.until("actions", lambda value: value.get("total_actions") == 3)
        assert (seen["error_count"], round(seen["success_rate"])) == (1, 67)
        assert seen["names"]["click"]["mean"] == 0.25
        system = page.until("system", lambda value: value.get("memory_mb"))
        assert (system["live"], system["process_count"]) == (1, 1)
        assert next(iter(page.topic("sources")["sources"].values()))["pid"] == program.pid
        program.process.send_signal(signal.SIGINT)
        assert program.line() == "and on"
        assert program.wait() == 0
        assert page.topic("actions") == {}


def test_without_a_collector(home: Path) -> None:
    """It makes a collector where none is given, and starts it."""
    code = "from tachograph import DashboardServer; DashboardServer(port=0).start()"
    with Program(code, home) as program:
        page = Page(program.line())
        assert page.until("system", lambda value: value.get("live"))["live"] == 1


def test_its_own_restart(home: Path) -> None:
    """Stopped and started again it shows the same figures, those of the time between too, at
    the same address; the collector knows nothing of it all. A second start, or stop, does
    nothing."""
    with Program(ASYNC, home) as program:
        program.say("0")
        assert told(program, "stop_async") == ["done"]
        first = Page(told(program, "start_async")[0])
        assert told(program, "start_async") == ["done"]
        told(program, "act")
        first.until("actions", lambda value: value.get("total_actions") == 1)
        assert told(program, "stop_async") == ["done"]
        assert told(program, "stop_async") == ["done"]
        assert first.topic("actions") == {}
        told(program, "act")
        again = Page(told(program, "start_async")[0])
        assert (again.url, again.token) == (first.url, first.token)
        again.until("actions", lambda value: value.get("total_actions") == 2)
        told(program, "act")
        again.until("actions", lambda value: value.get("total_actions") == 3)
        assert told(program, "total") == ["3", "done"]
        assert len(again.topic("sources")["sources"]) == 1
        assert told(program, "stop_async") == ["done"]
        program.say("")
        assert program.wait() == 0


def test_port_in_use(home: Path) -> None:
    """A port that is taken is one clear sentence, and the program can try again."""
    with Program(ASYNC, home) as program, socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        program.say(str(port))
        assert told(program, "start_async") == [
            f"no: port {port} on localhost is in use by another program; "
            "choose one with --port, or stop it"
        ]
        other.close()
        assert Page(told(program, "start_async")[0]).url == f"http://localhost:{port}"


def test_two_in_one_home(home: Path) -> None:
    """Two programs serve one home: the second runs live only and says so, both show what both
    record, and when the first has gone its figures are still there."""
    with Program(ASYNC, home) as second:
        with Program(ASYNC, home) as first:
            for program in (first, second):
                program.say("0")
            one = Page(told(first, "start_async")[0])
            said = told(second, "start_async")
            other = Page(said[0])
            assert "another server holds this home's store; this one runs live only" in said[1]
            assert (one.hello()["stored"], other.hello()["stored"]) == (True, False)
            told(first, "act")
            told(second, "act")
            for page in (one, other):
                page.until("actions", lambda value: value.get("total_actions") == 2)
                page.until("sources", lambda value: value.get("live") == 2)
        sources = other.until("sources", lambda value: value.get("live") == 1)["sources"]
        assert sorted(row["state"] for row in sources.values()) == ["killed", "live"]
        told(second, "act")
        other.until("actions", lambda value: value.get("total_actions") == 3)


def test_options(home: Path) -> None:
    """What `tacho dashboard` can be told, it can be told too, by variables and by arguments. A
    program that samples itself every two minutes has a page that moves more often."""
    code = """
        from tachograph import DashboardServer, MetricsCollector
        collector = MetricsCollector(sample_interval=120)
        DashboardServer("localhost", 0, collector, token="own-token").start()
    """
    with Program(code, home, {"TACHOGRAPH_VIEW_TOKEN": "view-token"}) as program:
        page = Page(program.line())
        assert page.token == "own-token"
        assert (page.hello()["role"], page.hello()["interval_s"]) == ("control", 60.0)
        page.headers = {"Authorization": "Bearer view-token"}
        assert page.hello()["role"] == "view"


def test_url_before_the_start() -> None:
    """There is no address before the start, and the error says what to call."""
    with pytest.raises(ConfigError, match=r"call start\(\) or start_async\(\) first"):
        _ = tachograph.DashboardServer(port=0).url
