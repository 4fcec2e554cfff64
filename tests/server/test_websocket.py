"""The live protocol over real sockets: what each word does, and what it must not do."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tachograph._version import __version__
from tachograph.server import connection, websocket
from tachograph.server.outbox import Outbox
from tests.programs import eventually
from tests.server.serving import VIEW, Message, Page, Reporting, Serving, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One dashboard for all tests that need no programs; each has topics of its own."""
    with serving(tmp_path_factory.mktemp("websocket") / "home") as running:
        yield running


def begun(page: Page, count: int = 1) -> list[Message]:
    """Hello, and the snapshots that follow it."""
    return [page.next() for _ in range(1 + count)]


# --- the beginning --------------------------------------------------------------------------


def test_hello(served: Serving) -> None:
    """The first message says who serves, what was asked for, and as whom."""
    with served.page("topics=a,b,a", token=VIEW) as page:
        hello, first, second = begun(page, 2)
    assert abs(hello.pop("now") - time.time()) < 60
    assert len(hello.pop("epoch")) >= 4
    assert hello == {
        "type": "hello",
        "server": __version__,
        "interval_s": 1.0,
        "role": "view",
        "topics": ["a", "b"],
        "host": f"localhost:{served.port}",
        "home": hello["home"],
        "first_frame": False,
        "stored": True,
    }
    assert hello["home"].endswith("/home")
    assert [(one["type"], one["topic"]) for one in (first, second)] == [
        ("snapshot", "a"),
        ("snapshot", "b"),
    ]


def test_default_topics(served: Serving) -> None:
    """Without `topics`, or with none in it, there are four."""
    for query in ("", "topics=", "topics=,,"):
        with served.page(query) as page:
            assert begun(page, 4)[0]["topics"] == ["agents", "tasks", "providers", "metrics"]
            assert page.snapshots == ["agents", "tasks", "providers", "metrics"]


@pytest.mark.parametrize(
    ("path", "topic"),
    [("/ws/performance", "performance"), ("/ws/quality", "quality"), ("/ws/qc-metrics", "quality")],
)
def test_fixed_subscriptions(served: Serving, path: str, topic: str) -> None:
    """Some addresses have their topic in the path; another one can't be asked for there."""
    with served.page("topics=own", path=path) as page:
        assert begun(page)[0]["topics"] == [topic]
        page.say(type="subscribe", topics=["more"])
        assert page.until_type("snapshot")["topic"] == "more"


def test_unknown_address(served: Serving) -> None:
    """A WebSocket that no route takes is refused, and the server is none the worse."""
    for path in ("/ws/nothing", "/", "/api/topics"):
        with pytest.raises(InvalidStatus) as caught, served.page(path=path):
            pass
        assert caught.value.response.status_code == 403
    assert served.http.get("/healthz").status_code == 200


# --- values ---------------------------------------------------------------------------------


def test_delta(served: Serving) -> None:
    """What is published arrives as a change, with the position that an HTTP reader sees too."""
    with served.page("topics=delta&rate=60") as page:
        begun(page)
        served.publish("delta", {"a": 1, "b": {"x": 1}})
        assert page.until_type("delta")["value"] == {"a": 1, "b": {"x": 1}}
        served.publish("delta", {"b": {"x": 1, "y": 2}})
        change = page.until_type("delta")
        assert change["value"] == {"b": {"y": 2}}
        served.publish("delta", {"a": None})
        assert page.until_type("delta")["value"] == {"a": None}
        assert page.values["delta"] == served.value("delta") == {"b": {"x": 1, "y": 2}}
        known = served.http.get("/api/topics/delta").json()["pos"]
        assert page.positions["delta"] == known


def test_unknown_topic(served: Serving) -> None:
    """A topic is an empty object until somebody publishes to it."""
    with served.page("topics=nobody.knows") as page:
        assert begun(page)[1]["value"] == {}
        served.publish("nobody.knows", {"a": 1})
        assert page.until_type("delta")["value"] == {"a": 1}


def test_project(served: Serving) -> None:
    """With `project` a client sees that project and what is nobody's; without, everything."""
    with (
        served.page("topics=shared&project=photos&rate=60") as photos,
        served.page("topics=shared&rate=60") as everything,
    ):
        for page in (photos, everything):
            begun(page)
        served.publish("shared", {"a": 1}, "music")
        served.publish("shared", {"b": 2}, "photos")
        served.publish("shared", {"c": 3})
        everything.until_value("shared", lambda value: value == {"a": 1, "b": 2, "c": 3})
        photos.until_value("shared", lambda value: "c" in value)
        assert photos.values["shared"] == {"b": 2, "c": 3}


# --- words of the client --------------------------------------------------------------------


def test_a_pong_changes_nothing(served: Serving) -> None:
    """A ping is answered by a pong that carries the time and nothing else, and between them no
    topic moves: nothing is drawn."""
    with served.page("topics=quiet") as page:
        begun(page)
        before = served.http.get("/api/topics/quiet").json()
        for ping in ('{"type": "ping"}', "ping", b"ping", '{"action": "ping"}'):
            page.connection.send(ping)
            seen = page.until(lambda message: message["type"] == "pong")
            assert set(seen[-1]) == {"type", "now"}
            assert {message["type"] for message in seen} <= {"pong", "tick"}
        assert served.http.get("/api/topics/quiet").json() == before


def test_a_pong_draws_no_point(home: Path) -> None:
    """A hundred pings between two ticks add no point to any chart, and no figure is zeroed."""
    with serving(home, interval_s=60.0) as served:
        program = Reporting(home)
        program.vitals(10.0, 100.0)
        program.do(0.5)
        program.say(time.time())
        with served.page("topics=system,actions") as page:
            begun(page, 2)
            served.follower.live.tick(time.time())
            before = {topic: served.value(topic) for topic in ("system", "actions")}
            for _ in range(100):
                page.connection.send("ping")
                page.until_type("pong")
            assert {topic: served.value(topic) for topic in ("system", "actions")} == before
        program.kill()


def test_subscribe_filters(served: Serving) -> None:
    """What isn't subscribed doesn't come, what is subscribed later does, and what is
    unsubscribed comes no more."""
    with served.page("topics=f1&rate=60") as page:
        begun(page)
        served.publish("f2", {"n": 1})
        assert page.settled() == []
        page.say(type="subscribe", topics=["f2", "f3"])
        assert [message["topic"] for message in page.settled()] == ["f2", "f3"]
        assert page.values["f2"] == {"n": 1}
        served.publish("f2", {"n": 2})
        assert page.until_type("delta")["value"] == {"n": 2}
        page.say(type="unsubscribe", topics=["f1", "f2"])
        assert page.settled() == []
        for topic in ("f1", "f2", "f3"):
            served.publish(topic, {"n": 3})
        assert [message["topic"] for message in page.settled()] == ["f3"]


def test_the_other_way_to_say_it(served: Serving) -> None:
    """`{"action": "subscribe", "topic": ...}` means the same; twice is once."""
    with served.page("topics=g1&rate=60") as page:
        begun(page)
        page.say(action="subscribe", topic="g2")
        assert [message["topic"] for message in page.settled()] == ["g2"]
        page.say(action="subscribe", topic="g2")
        assert page.settled() == []
        page.say(action="unsubscribe", topic="g2")
        page.say(action="unsubscribe", topic="never")
        served.publish("g2", {"n": 1})
        assert page.settled() == []


@pytest.mark.parametrize("word", ["get_metrics", "request_metrics"])
def test_get_metrics(served: Serving, word: str) -> None:
    """The snapshots of everything subscribed come again."""
    served.publish("h1", {"a": 1})
    with served.page("topics=h1,h2") as page:
        begun(page, 2)
        page.say(type=word)
        assert [(one["type"], one["topic"]) for one in page.settled()] == [
            ("snapshot", "h1"),
            ("snapshot", "h2"),
        ]
        assert page.values["h1"] == {"a": 1}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("garbage", "bad_message"),
        (b"\x00\xff\xfe", "bad_message"),
        ("[" * 2000, "bad_message"),
        ('{"type": "dance"}', "unknown_type"),
        ('{"type": "subscribe", "topics": 5}', "bad_topics"),
        ('{"type": "command", "name": "pause"}', "no_receiver"),
    ],
)
def test_refused(served: Serving, text: str | bytes, code: str) -> None:
    """What can't be served is refused with what was seen and what is allowed; the connection
    stays and goes on."""
    with served.page("topics=refused&rate=60") as page:
        begun(page)
        page.connection.send(text)
        answer = page.until_type("refused")
        assert answer["code"] == code
        assert answer["seen"] is not None
        assert answer["allowed"]
        served.publish("refused", {code: repr(text)})
        assert page.until_type("delta")["value"] == {code: repr(text)}


def test_too_many_topics(served: Serving) -> None:
    """A client has 64 topics at most; the one above is named."""
    topics = [f"m{n}" for n in range(64)]
    with served.page("topics=" + ",".join(topics)) as page:
        begun(page, 64)
        page.say(type="subscribe", topics=["one.more"])
        answer = page.until_type("refused")
        assert (answer["code"], answer["seen"]) == ("too_many_topics", "one.more")
        page.say(type="unsubscribe", topics=["m0"])
        page.say(type="subscribe", topics=["one.more"])
        assert page.until_type("snapshot")["topic"] == "one.more"


@pytest.mark.parametrize(
    ("query", "code", "seen", "allowed"),
    [
        ("rate=fast", "bad_rate", "fast", "60.0"),
        ("rate=0", "bad_rate", "0", "0.2"),
        ("rate=-1", "bad_rate", "-1", "0.2"),
        ("rate=nan", "bad_rate", "nan", "0.2"),
        ("format=xml", "bad_format", "xml", "delta, full"),
        ("topics=" + "x" * 221, "bad_topics", "x" * 79 + "…", "1 to 64"),
        ("topics=" + ",".join(f"t{n}" for n in range(65)), "bad_topics", "('t0',", "1 to 64"),
    ],
)
def test_a_bad_beginning(served: Serving, query: str, code: str, seen: str, allowed: str) -> None:
    """A connection that was asked for wrongly says why and closes, with a code that means not
    to come back the same way."""
    with served.page(query) as page:
        answer = page.next()
        assert (answer["type"], answer["code"]) == ("refused", code)
        assert answer["seen"].startswith(seen)
        assert allowed in answer["allowed"]
        with pytest.raises(ConnectionClosed) as caught:
            page.next()
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 4400


def send_and_wait(page: Page, text: str) -> None:
    page.connection.send(text)
    page.until_type("never")


def test_ten_megabytes(served: Serving) -> None:
    """A message of 10 MB ends that connection, with the code for it, and no other."""
    with served.page("topics=big&rate=60") as page, served.page("topics=big") as other:
        begun(page)
        begun(other)
        with pytest.raises(ConnectionClosed) as caught:
            send_and_wait(other, "x" * (10 << 20))
        # The close frame may be lost with the connection: megabytes were still on their way.
        assert caught.value.rcvd is None or caught.value.rcvd.code == 1009
        served.publish("big", {"a": 1})
        assert page.until_type("delta")["value"] == {"a": 1}


# --- format=full ----------------------------------------------------------------------------


def test_full(home: Path) -> None:
    """Scripts get whole values, no hello, built-in keys in camelCase and users' keys as they
    are; a pong when they ask for it, and nothing else that isn't a value."""
    with serving(home, interval_s=0.05) as served:
        program = Reporting(home)
        program.vitals(10.0, 100.0)
        program.do(0.5, name="my_click")
        program.say(time.time())
        with served.page("format=full&topics=system,actions,my_topic,tasks") as page:
            first = [page.next() for _ in range(4)]
            assert [one["type"] for one in first] == [
                "system:update",
                "actions:update",
                "my_topic:update",
                "tasks:update",
            ]
            assert all(set(one) == {"type", "data", "timestamp"} for one in first)
            served.publish("my_topic", {"my_key": {"inner_key": 1}})
            served.publish("tasks", {"open_tasks": 2})
            told: dict[str, Message] = {}
            while not (
                told.get("my_topic:update")
                and told.get("tasks:update")
                and told.get("system:update", {}).get("memoryMb")
                and told.get("actions:update", {}).get("totalActions")
            ):
                message = page.next()
                told[message["type"]] = message["data"]
            assert told["my_topic:update"] == {"my_key": {"inner_key": 1}}
            assert told["tasks:update"] == {"open_tasks": 2}
            assert told["system:update"]["cpuPercent"] == 10.0
            assert told["actions:update"]["names"]["my_click"]["totalS"] == 0.5
            page.connection.send("ping")
            page.until_type("pong")
        program.kill()


@pytest.mark.parametrize(
    ("topic", "kind"),
    [
        ("metrics", "metrics:update"),
        ("performance", "performance_update"),
        ("quality", "qc_metrics_update"),
    ],
)
def test_full_types(served: Serving, topic: str, kind: str) -> None:
    """Two topics keep the message types that they are known by."""
    with served.page(f"format=full&topics={topic}") as page:
        assert page.next()["type"] == kind


# --- rates ----------------------------------------------------------------------------------


def test_rates(served: Serving) -> None:
    """A faster client gets every change, a slower one the newest now and then; both end alike."""
    with (
        served.page("topics=rates&rate=60") as fast,
        served.page("topics=rates&rate=1") as slow,
    ):
        for page in (fast, slow):
            begun(page)
        for n in range(30):
            served.publish("rates", {"n": n})
            fast.until_has("rates", n=n)
        seen = slow.until(lambda message: message.get("value") == {"n": 29})
    assert len([one for one in seen if one["type"] == "delta"]) < 15
    assert fast.values == slow.values


def test_interval_of_half_a_second_doubles_the_rate(home: Path) -> None:
    """`--interval 0.5` doubles the page's rate: in the same three seconds of event time there
    are twice as many points, and each came by a delta of its own."""
    program = Reporting(home, interval_s=10.0)
    program.vitals(10.0, 100.0)
    program.say(time.time())
    with (
        serving(home, interval_s=1.0) as whole,
        serving(home, interval_s=0.5) as half,
        whole.page("topics=system") as one,
        half.page("topics=system") as other,
    ):
        begin = (int(time.time()) + 1) * 1000
        # On a machine that stood still for a while some ticks are missing; then the next three.
        for start in range(begin, begin + 15_000, 3000):
            ones, halves = new_points(one, 1.0, start), new_points(other, 0.5, start)
            if (len(ones), len(halves)) == (3, 6):
                break
        assert ones == [start, start + 1000, start + 2000]
        assert halves == list(range(start, start + 3000, 500))
        for page, keys, interval_s in ((one, ones, 1.0), (other, halves, 0.5)):
            assert {str(key) for key in keys} <= set(page.values["system"]["points"])
            assert page.values["system"]["interval_s"] == interval_s
    program.kill()


def new_points(page: Page, interval_s: float, start: int) -> list[int]:
    """The points of three seconds that came by a delta of their own."""
    brought: list[int] = []
    at = 0
    while at < start + 3000 - interval_s * 1000:
        points = page.until_type("delta")["value"].get("points", {})
        new = [int(key) for key, row in points.items() if row]
        at = max([at, *new])
        brought += new if len(new) == 1 else []
    return [key for key in brought if start <= key < start + 3000]


def test_tick(home: Path) -> None:
    """A client to whom nothing happens hears once per interval that the server is there."""
    with serving(home, interval_s=0.05) as served, served.page("topics=nothing") as page:
        begun(page)
        ticks = [page.next() for _ in range(4)]
        assert [set(tick) for tick in ticks] == [{"type", "now"}] * 4
        assert {tick["type"] for tick in ticks} == {"tick"}
        times = [tick["now"] for tick in ticks]
        assert all(b - a >= 0.04 for a, b in pairwise(times))


# --- coming back ----------------------------------------------------------------------------


def test_come_back(served: Serving) -> None:
    """Who comes back with a position gets exactly what was missed, and no snapshot."""
    with served.page("topics=back&rate=60") as witness:
        begun(witness)
        with served.page("topics=back&rate=60") as page:
            begun(page)
            served.publish("back", {"a": 1, "b": 1})
            page.until_type("delta")
        for n in range(2, 5):
            served.publish("back", {"a": n})
            witness.until_has("back", a=n)
        with served.page(f"topics=back&rate=60&since=back:{page.positions['back']}") as again:
            again.values = page.values
            assert again.next()["type"] == "hello"
            missed = again.settled()
        assert [(one["type"], one["value"]) for one in missed] == [
            ("delta", {"a": 2}),
            ("delta", {"a": 3}),
            ("delta", {"a": 4}),
        ]
        assert again.values["back"] == served.value("back") == {"a": 4, "b": 1}


def test_come_back_to_what_is_unchanged(served: Serving) -> None:
    """Who missed nothing gets nothing."""
    served.publish("same", {"a": 1})
    with served.page("topics=same") as page:
        begun(page)
    with served.page(f"topics=same&since=same:{page.positions['same']}") as again:
        assert again.next()["type"] == "hello"
        assert again.settled() == []


@pytest.mark.parametrize("since", ["gone:other:5", "gone:5", "gone:", "gone:::", "x" * 500, "%00"])
def test_come_back_from_elsewhere(served: Serving, since: str) -> None:
    """A position of another server, or none at all, gets a snapshot."""
    with served.page(f"topics=gone&since={since}") as page:
        begun(page)
        assert page.snapshots == ["gone"]


def test_come_back_to_a_restarted_server(home: Path) -> None:
    """After a restart of the server an old position gets a snapshot, and what was published
    is still there."""
    with serving(home) as served:
        served.publish("kept", {"a": 1})
        with served.page("topics=kept") as page:
            begun(page)
    with serving(home) as served:
        with served.page(f"topics=kept&since=kept:{page.positions['kept']}") as again:
            begun(again)
        assert again.snapshots == ["kept"]
        assert again.values["kept"] == {"a": 1}


# --- who doesn't read -----------------------------------------------------------------------

BIG = "x" * 50_000


@contextmanager
def unread(served: Serving, topic: str) -> Iterator[socket.socket]:
    """A client that did the handshake and never reads."""
    with served.raw(f"rate=60&topics={topic}", 4096) as plain:
        assert eventually(lambda: listeners(served, topic))
        yield plain


def listeners(served: Serving, topic: str) -> list[Outbox]:
    """Who takes the topic."""
    members = list(served.follower.hub._members.items())
    return [outbox for channel, boxes in members if channel.key.topic == topic for outbox in boxes]


def connections(served: Serving) -> list[Any]:
    """The WebSockets that uvicorn holds."""
    uvicorn = served.service._uvicorn
    assert uvicorn is not None
    return [one for one in list(uvicorn.server_state.connections) if hasattr(one, "read_paused")]


class Held:
    """The most bytes that ever waited in a connection's buffer for somebody to take them."""

    def __init__(self, served: Serving) -> None:
        self.served = served
        self.buffer = 0

    def look(self) -> None:
        buffers = [one.transport.get_write_buffer_size() for one in connections(self.served)]
        self.buffer = max(self.buffer, *buffers, 0)

    def check(self) -> None:
        """It was filled, and it was bounded: 64 KB and a message."""
        assert 64 * 1024 < self.buffer <= 64 * 1024 + len(BIG) + 200


def test_one_client_never_reads(served: Serving) -> None:
    """A client that stops reading holds up nobody: another one gets every change; and the
    server keeps 64 KB and a message for it at most, however much there is to send."""
    held = Held(served)
    with unread(served, "flood"), served.page("topics=flood&rate=60") as page:
        begun(page)
        for n in range(200):
            served.publish("flood", {"n": n, "text": f"{n} {BIG}"})
            page.until_has("flood", n=n)
            held.look()
    held.check()


@pytest.mark.parametrize("wish", [b"ping", b'{"type":"get_metrics"}'])
def test_a_client_that_asks_and_never_reads(served: Serving, wish: bytes) -> None:
    """Nor can a client fill the memory by asking: while its answers wait it isn't heard, and one
    that asks without end is told to go."""
    held, sent = Held(served), 0
    wishes = (bytes([0x81, 0x80 | len(wish), 0, 0, 0, 0]) + wish) * 5000  # masked by zeros

    def full() -> bool:
        nonlocal sent
        for _ in range(50):
            sent += 1
            served.publish("asked", {"text": f"{sent} {BIG}"})
        held.look()
        return held.buffer > 64 * 1024

    def no_longer_heard() -> bool:
        held.look()
        try:
            stalled.send(wishes)
        except (BlockingIOError, ConnectionError):
            return True
        return False

    with unread(served, "asked") as stalled:
        assert eventually(full)
        stalled.setblocking(False)
        assert eventually(no_longer_heard)
        held.look()
    held.check()


def test_a_client_that_pings_and_never_reads(served: Serving) -> None:
    """The protocol's own pings are answered into the same bounded buffer: a client that takes no
    answer is not heard any more, whatever it sends."""
    held, pings = Held(served), (bytes([0x89, 0x80 | 120, 0, 0, 0, 0]) + b"p" * 120) * 500

    def no_longer_heard() -> bool:
        held.look()
        with suppress(BlockingIOError):
            stalled.send(pings)
        return any(one.read_paused for one in connections(served))

    with unread(served, "pinged") as stalled:
        stalled.setblocking(False)
        assert eventually(no_longer_heard)
        held.look()
    # What came in one piece is answered whole: some hundred kilobytes at most, of any amount.
    assert 64 * 1024 < held.buffer < 1024 * 1024


def test_a_message_in_pieces_without_end(served: Serving) -> None:
    """A message whose pieces are empty never gets too large, and is ended by their number."""
    first, more = bytes([0x01, 0x80, 0, 0, 0, 0]), bytes([0x00, 0x80, 0, 0, 0, 0])
    with unread(served, "pieces") as client, suppress(ConnectionError):
        client.sendall(first + more * 20_000)
        assert eventually(lambda: not listeners(served, "pieces"))
    assert not listeners(served, "pieces")


def test_a_stalled_client_is_let_go(served: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a time the server ends the connection of a client that takes nothing, and keeps
    nothing of it: closing politely would wait for ever."""
    monkeypatch.setattr(connection, "STALLED_S", 0.3)
    with unread(served, "stall"):
        sent = 0

        def let_go() -> bool:
            nonlocal sent
            sent += 1
            served.publish("stall", {"text": f"{sent} {BIG}"})
            return not listeners(served, "stall")

        assert eventually(let_go)
        assert eventually(lambda: not connections(served))


def test_everybody_leaves(served: Serving) -> None:
    """A client that has gone leaves nothing behind, whether it says so or not."""
    with unread(served, "leaving"), served.page("topics=leaving&rate=60") as page:
        begun(page)
        assert len(listeners(served, "leaving")) == 2
    assert eventually(lambda: not served.follower.hub.members)
    assert served.follower.hub._channels == {}
    assert eventually(lambda: not connections(served))


# --- who listens, and how much ----------------------------------------------------------------


def test_who_listens(served: Serving) -> None:
    """Clients, their channels and what they were sent are told, and what they were sent stays in
    the sum when they have gone."""

    def status() -> Any:
        return served.http.get("/api/performance/websocket/status").json()

    assert eventually(lambda: status()["clients"] == 0)
    before = status()["sent_bytes"]
    with served.page("topics=seen&rate=5") as one, served.page("topics=seen&format=full") as two:
        begun(one)
        two.next()
        served.publish("seen", {"text": "x" * 1000})
        one.until_type("delta")
        two.next()
        told = status()
        assert (told["clients"], told["lagging"], told["waiting_bytes"]) == (2, 0, 0)
        channels = {entry["format"]: entry for entry in told["channels"]}
        assert channels["delta"]["topic"] == channels["full"]["topic"] == "seen"
        assert (channels["delta"]["rate"], channels["delta"]["clients"]) == (5.0, 1)
        assert channels["delta"]["encoded"] == 1
        assert told["sent_bytes"] - before > 2000
    assert eventually(lambda: status()["clients"] == 0)
    assert status()["sent_bytes"] - before > 2000
    assert status()["channels"] == []


def test_a_client_that_talks_without_end(served: Serving) -> None:
    """So many messages in ten seconds are nobody's wishes: it is told so, and let go with a code
    that means not to come back the same way. Others are not concerned."""
    with served.page("topics=talk&rate=60") as page, served.page("topics=talk") as other:
        begun(page)
        begun(other)
        with pytest.raises(ConnectionClosed) as caught:
            ping_for_ever(other)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == websocket.CLOSE_TOO_MANY_MESSAGES
        served.publish("talk", {"a": 1})
        assert page.until_type("delta")["value"] == {"a": 1}


def ping_for_ever(page: Page) -> None:
    while True:
        page.connection.send("ping")
        page.next()


def test_one_client_too_many(served: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit a client is told to come back later; who is there stays."""
    monkeypatch.setattr(websocket, "MAX_CLIENTS", 1)
    assert eventually(lambda: not served.follower.hub.members)
    with served.page("topics=room&rate=60") as page:
        begun(page)
        with served.page("topics=room") as other, pytest.raises(ConnectionClosed) as caught:
            other.next()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == websocket.CLOSE_TOO_MANY_CLIENTS
        served.publish("room", {"a": 1})
        assert page.until_type("delta")["value"] == {"a": 1}


def test_a_thousand_connections_from_one_place(served: Serving) -> None:
    """Somebody who opens a thousand connections costs their bytes and no task, and a client that
    was there before gets its changes meanwhile."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    assert eventually(lambda: not served.follower.hub.members)
    with served.page("topics=herd&rate=60") as page:
        begun(page)
        crowd = [served.raw("topics=herd") for _ in range(1000)]
        try:
            assert eventually(lambda: len(served.follower.hub.members) == 1001)
            served.publish("herd", {"a": 1})
            assert page.until_type("delta")["value"] == {"a": 1}
            tasks = asyncio_tasks(served)
        finally:
            for one in crowd:
                one.close()
        assert tasks < 50
    assert eventually(lambda: not served.follower.hub.members)


def asyncio_tasks(served: Serving) -> int:
    """How many tasks the server's loop has."""
    uvicorn = served.service._uvicorn
    assert uvicorn is not None
    return len(uvicorn.server_state.tasks)
