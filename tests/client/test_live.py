"""The client over real sockets: through restarts and broken connections it ends with the value."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import anyio
import pytest

from tachograph.client import ClientRefused, Server, Update, follow, watch
from tachograph.client import watch as watching
from tachograph.errors import ConfigError
from tests.proxy import Proxy
from tests.server.serving import PATIENCE_S, TOKEN, Serving, serving


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TACHOGRAPH_SERVER", "TACHOGRAPH_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def served(home: Path) -> Iterator[Serving]:
    """A dashboard."""
    with serving(home) as running:
        yield running


class _Over(Exception):
    """The test has seen enough."""


class Watching:
    """`watch` in a thread, because it blocks."""

    def __init__(self, *topics: str, port: int, **more: Any) -> None:
        self.updates: queue.Queue[Update] = queue.Queue()
        self.lost: queue.Queue[str] = queue.Queue()
        self.last: dict[str, Update] = {}
        self._over = False
        url = f"http://127.0.0.1:{port}"
        self._iterator = watch(
            *topics, url=url, token=TOKEN, lost=lambda why, wait_s: self._say_lost(why), **more
        )
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _say_lost(self, why: str) -> None:
        if self._over:
            raise _Over
        self.lost.put(why)

    def _run(self) -> None:
        with suppress(_Over):
            for update in self._iterator:
                self.updates.put(update)

    def until(self, topic: str, **members: Any) -> Update:
        """The first update whose value has these members."""
        while True:
            update = self.updates.get(timeout=PATIENCE_S)
            self.last[update.topic] = update
            if update.topic == topic and members.items() <= update.value.items():
                return update

    def end(self) -> None:
        self._over = True


def test_values_then_changes(served: Serving) -> None:
    """The first update is the value as it is, each further one says what changed."""
    served.publish("own", {"a": 1})
    watcher = Watching("own", port=served.port, rate=60.0)
    first = watcher.until("own")
    assert (first.value, first.changes) == ({"a": 1}, None)
    served.publish("own", {"b": {"c": 2}})
    second = watcher.until("own", b={"c": 2})
    assert (second.value, second.changes) == ({"a": 1, "b": {"c": 2}}, {"b": {"c": 2}})
    assert second.at > 1_700_000_000
    watcher.end()


def test_a_name_with_a_comma_can_be_watched(served: Serving) -> None:
    """It fits into no list of names in an address, and comes all the same."""
    served.publish("a, b", {"x": 1})
    watcher = Watching("a, b", port=served.port)
    assert watcher.until("a, b").value == {"x": 1}
    watcher.end()


def test_a_cut_connection_misses_nothing(served: Serving) -> None:
    """What was published while the connection was broken comes as changes, not as a new value:
    the client went on from its position."""
    with Proxy(served.port) as proxy:
        watcher = Watching("own", port=proxy.port, rate=60.0)
        watcher.until("own")
        for n in range(5):
            served.publish("own", {"n": n})
            watcher.until("own", n=n)
            proxy.cut()
            served.publish("own", {f"missed {n}": True})
            assert watcher.lost.get(timeout=PATIENCE_S)
            assert watcher.until("own", **{f"missed {n}": True}).changes is not None
        assert watcher.last["own"].value == served.value("own")
        assert proxy.accepted == 6
        watcher.end()


def test_a_half_closed_connection_is_made_anew(served: Serving) -> None:
    """A server's side that has ended is noticed, though nothing is reset."""
    with Proxy(served.port) as proxy:
        watcher = Watching("own", port=proxy.port, rate=60.0)
        watcher.until("own")
        proxy.half_close()
        served.publish("own", {"n": 1})
        watcher.until("own", n=1)
        watcher.end()


def test_a_stalled_network_ends_with_the_newest_value(served: Serving) -> None:
    """What changes while nothing gets through is conflated, and the last change arrives."""
    with Proxy(served.port) as proxy:
        watcher = Watching("own", port=proxy.port, rate=60.0)
        watcher.until("own")
        proxy.stall()
        for n in range(100):
            served.publish("own", {"n": n, "text": "x" * 10_000})
        proxy.flow()
        watcher.until("own", n=99)
        assert watcher.last["own"].value == served.value("own")
        watcher.end()


def test_a_delayed_network_ends_with_the_newest_value(served: Serving) -> None:
    """A slow way makes it late and changes nothing else."""
    with Proxy(served.port) as proxy:
        proxy.delay_s = 0.05
        watcher = Watching("own", port=proxy.port, rate=60.0)
        for n in range(20):
            served.publish("own", {"n": n})
        watcher.until("own", n=19)
        assert watcher.last["own"].value == served.value("own")
        watcher.end()


def test_a_restarted_server_gives_its_value_anew(home: Path) -> None:
    """After a restart positions are of another history: the client gets the value whole, and it
    is the one from before and what came since."""
    with serving(home) as served:
        port = served.port
        served.publish("own", {"before": 1})
        watcher = Watching("own", port=port, rate=60.0)
        watcher.until("own", before=1)
    assert watcher.lost.get(timeout=PATIENCE_S)
    with serving(home, port=port) as served:
        again = watcher.until("own", before=1)
        assert again.changes is None
        served.publish("own", {"after": 2})
        assert watcher.until("own", after=2).value == {"before": 1, "after": 2}
        watcher.end()


@pytest.mark.anyio
async def test_follow(served: Serving) -> None:
    """The same without blocking: two topics at once, and a break in between."""
    with Proxy(served.port) as proxy, anyio.fail_after(PATIENCE_S):
        seen: list[tuple[str, Any]] = []
        url = f"http://127.0.0.1:{proxy.port}"
        updates = follow("a", "b", url=url, token=TOKEN, rate=60.0)
        async for update in updates:
            seen.append((update.topic, update.value))
            if seen[-2:] == [("a", {}), ("b", {})]:
                await anyio.to_thread.run_sync(served.publish, "a", {"n": 1})
            elif update.value == {"n": 1}:
                proxy.cut()
                await anyio.to_thread.run_sync(served.publish, "b", {"n": 2})
            elif update.value == {"n": 2}:
                break
        await updates.aclose()
    assert seen[-1] == ("b", {"n": 2})


def test_a_wrong_token_is_final(served: Serving) -> None:
    """It is not tried again and again, and the sentence says what to do."""
    url = f"http://127.0.0.1:{served.port}"
    with pytest.raises(ClientRefused, match="TACHOGRAPH_TOKEN"):
        next(watch("own", url=url, token="wrong"))


def test_what_can_not_be_asked_for_is_final(served: Serving) -> None:
    """A rate that is none, and one topic too many."""
    url = f"http://127.0.0.1:{served.port}"
    with pytest.raises(ClientRefused, match="bad_rate"):
        next(watch("own", url=url, token=TOKEN, rate=-1))
    with pytest.raises(ClientRefused, match="bad_topics"):
        next(watch(*(f"t{n}" for n in range(65)), url=url, token=TOKEN))


def test_an_address_that_is_no_dashboard(served: Serving) -> None:
    """Another path than a dashboard's is refused for good."""
    with pytest.raises(ClientRefused, match="no topics"):
        next(watch("own", url=f"http://127.0.0.1:{served.port}/elsewhere", token=TOKEN))


def test_the_server_is_found_by_the_home(
    served: Serving, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an address the one of this home is taken, on whatever port, with its token."""
    (home / "token").write_text(TOKEN)
    monkeypatch.setenv("TACHOGRAPH_HOME", str(home))
    found = Server.found()
    assert found.url.endswith(f":{served.port}")
    assert found.token == TOKEN
    served.publish("own", {"a": 1})
    with closing(watching("own")) as updates:
        assert next(updates).value == {"a": 1}


def test_the_home_s_token_goes_to_this_machine_only(tmp_path: Path) -> None:
    """A server elsewhere gets the token that was given for it, or none."""
    (tmp_path / "token").write_text("secret")
    environ = {"TACHOGRAPH_HOME": str(tmp_path)}
    assert Server.found("http://localhost:1", environ=environ).token == "secret"
    assert Server.found("http://127.0.0.1:1", environ=environ).token == "secret"
    assert Server.found("https://elsewhere.example", environ=environ).token is None
    given = environ | {"TACHOGRAPH_SERVER": "https://elsewhere.example", "TACHOGRAPH_TOKEN": "t"}
    assert Server.found(environ=given) == ("https://elsewhere.example", "t")
    assert Server.found(environ=given).headers == {"Authorization": "Bearer t"}
    assert Server.found(environ=environ | {"TACHOGRAPH_HOME": "/nowhere"}).headers == {}


def test_addresses(tmp_path: Path) -> None:
    """http becomes ws, https wss, a path before it stays; anything else is refused by name."""
    assert Server("http://h:1", None).websocket("a=b") == "ws://h:1/ws?a=b"
    assert Server("https://h/base", None).websocket("a=b") == "wss://h/base/ws?a=b"
    assert Server("http://127.0.0.1:1", None).proxy is None
    assert Server("http://elsewhere:1", None).proxy is True
    for wrong in ("localhost:8765", "ftp://x", "http://", ""):
        with pytest.raises(ConfigError, match="http://host:port"):
            Server.found(wrong, environ={"TACHOGRAPH_HOME": str(tmp_path)})
