"""The hub: whoever listens, however slowly, ends with exactly the topic's value."""

from __future__ import annotations

import heapq
from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tachograph.core.channel import Channel, ChannelKey
from tachograph.core.patch import Json, apply
from tachograph.server import hub as hubs
from tachograph.server.hub import Hub
from tachograph.server.outbox import Outbox
from tests.core.values import text

BEGIN = 1_800_014_400.0


class Wire:
    """A connection that a test reads when it likes."""

    def __init__(self, limit_bytes: int = 64 * 1024) -> None:
        self.limit_bytes = limit_bytes
        self.outbox = Outbox(self)
        self.frames: list[bytes] = []

    @property
    def full(self) -> bool:
        """Above its limit, as a transport is."""
        return self.waiting_bytes > self.limit_bytes

    @property
    def waiting_bytes(self) -> int:
        """What was written and not read."""
        return sum(map(len, self.frames))

    def write(self, frame: bytes) -> None:
        self.frames.append(frame)

    def read(self, now: float) -> Json:
        """The next message."""
        frame = self.frames.pop(0)
        if not self.full:
            self.outbox.drained(now)
        return message_in(frame)


def message_in(frame: bytes) -> Json:
    """What a frame of a server holds."""
    length = frame[1]
    start = 2 if length < 126 else 4 if length == 126 else 10
    message: Json = msgspec.json.decode(frame[start:])
    return message


class World:
    """A hub, its clock, what it computes, and its timer."""

    def __init__(self) -> None:
        self.now = BEGIN
        self.computed: dict[str, Json] = {}
        self.timer: list[float] = []
        self.hub = Hub(lambda topic, project, now: self.computed.get(topic, {}), self.schedule)

    def schedule(self, at: float) -> None:
        assert at > self.now
        heapq.heappush(self.timer, at)

    def pass_time(self, seconds: float) -> None:
        """Let time pass; the timer rings when it was told to."""
        until = self.now + seconds
        while self.timer and self.timer[0] <= until:
            self.now = heapq.heappop(self.timer)
            self.hub.send_due(self.now)
        self.now = until

    def tick(self) -> None:
        self.hub.tick(self.now)

    def publish(self, topic: str, value: Json, project: str = "") -> None:
        assert self.hub.publish(topic, project, value, self.now)

    def value(self, topic: str, project: str | None = None) -> Json:
        return self.hub.topic(topic, project, self.now).value


class Client:
    """Someone with a connection or without, who holds what they were sent."""

    def __init__(self, world: World, key: ChannelKey, limit_bytes: int = 64 * 1024) -> None:
        self.world = world
        self.key = key
        self.limit_bytes = limit_bytes
        self.value: Json = {}
        self.position: str | None = None
        self.snapshots = 0
        self.largest = 0
        self.wire = Wire(limit_bytes)
        self.outbox = self.wire.outbox
        self.channel: Channel | None = None

    def join(self) -> None:
        if self.channel is None:
            self.wire = Wire(self.limit_bytes)
            self.outbox = self.wire.outbox
            self.outbox.quiet = self.key.full
            self.world.hub.members[self.outbox] = None
            self.channel = self.world.hub.join(self.outbox, self.key, self.position, self.world.now)

    def leave(self) -> None:
        """Go, and never see what waits in the outbox."""
        if self.channel is not None:
            self.world.hub.leave(self.outbox, self.channel)
            self.world.hub.members.pop(self.outbox)
            self.channel = None

    def read(self, count: int | None = None) -> int:
        """Take so many messages, all that there are by default; returns how many."""
        taken = 0
        while taken != count and self.wire.frames:
            taken += 1
            self._take(self.wire.read(self.world.now))
        return taken

    def _take(self, message: Json) -> None:
        if message["type"] == "tick":
            return
        if self.key.full:
            self.value = message["data"]
            return
        self.position = message["pos"]
        if message["type"] == "snapshot":
            self.snapshots += 1
            self.value = message["value"]
        else:
            self.value = apply(self.value, message["value"])


TOPICS = ("system", "own")
KEYS = [
    ChannelKey(topic, project, rate, full)
    for topic in TOPICS
    for project in (None, "photos")
    for rate, full in ((0.2, False), (1.0, False), (60.0, False), (1.0, True))
]
#: Values whose deltas delete, replace objects, and go back to what was before.
SAMPLES: list[Json] = [
    {},
    {"a": 1},
    {"a": {"x": 1}},
    {"a": {"y": 2}, "b": 0},
    {"b": [1, 2, 3], "a": "long " * 10},
]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("compute"), st.sampled_from(SAMPLES)),
        st.tuples(st.just("publish"), st.sampled_from(["", "photos"]), st.sampled_from(SAMPLES)),
        st.tuples(st.just("pass"), st.sampled_from([0.01, 0.5, 1.0, 7.0])),
        st.tuples(st.sampled_from(["join", "leave", "read", "read one"]), st.integers(0, 3)),
        st.tuples(st.just("rejoin"), st.integers(0, 3), st.sampled_from([0.2, 1.0, 60.0])),
    ),
    max_size=30,
)


@settings(max_examples=150)
@given(
    steps=STEPS,
    keys=st.lists(st.sampled_from(KEYS), min_size=4, max_size=4),
    limit=st.sampled_from([0, 150, 64 * 1024]),
)
@example(
    # From a fast channel to a slow one, and what had changed goes back.
    steps=[
        ("join", 0),
        ("join", 1),
        ("publish", "", {"a": 1}),
        ("pass", 0.5),
        ("publish", "", {"a": {"x": 1}}),
        ("read", 1),
        ("rejoin", 1, 0.2),
        ("publish", "", {"a": 1}),
    ],
    keys=[KEYS[8], KEYS[10], KEYS[0], KEYS[1]],
    limit=64 * 1024,
)
def test_every_client_ends_with_the_value(
    steps: list[Any], keys: list[ChannelKey], limit: int
) -> None:
    """Any sequence of publishes, ticks, joins, leaves and resumes at any rates, with clients
    that read now and then: in the end each holds exactly its topic's value, and no outbox
    ever held more than its limit and a message."""
    world = World()
    clients = [Client(world, key, limit) for key in keys]
    for step in steps:
        play(world, clients, step)
        for client in clients:
            assert client.wire.waiting_bytes <= limit + 400
    for client in clients:
        client.join()
    world.tick()
    world.pass_time(10.0)
    for client in clients:
        client.read()
        assert text(client.value) == text(world.value(client.key.topic, client.key.project))


def play(world: World, clients: list[Client], step: Any) -> None:
    match step:
        case ("compute", value):
            world.computed["system"] = value
            world.tick()
        case ("publish", project, value):
            gone = dict.fromkeys("ab")
            world.publish("own", gone | value, project)
        case ("pass", seconds):
            world.pass_time(seconds)
        case ("join", n):
            clients[n].join()
        case ("rejoin", n, rate):
            clients[n].leave()
            clients[n].key = clients[n].key._replace(rate=rate)
            clients[n].join()
        case ("leave", n):
            clients[n].leave()
        case ("read", n):
            clients[n].read()
        case ("read one", n):
            clients[n].read(1)


def a_client(world: World, topic: str = "own", rate: float = 1.0, **more: Any) -> Client:
    client = Client(world, ChannelKey(topic, None, rate, False), **more)
    client.join()
    client.read()
    return client


def test_encoded_once_for_all() -> None:
    """A change is one message, the same bytes for everybody in the channel."""
    world = World()
    clients = [a_client(world) for _ in range(3)]
    world.publish("own", {"a": 1})
    messages = [client.wire.frames[0] for client in clients]
    assert messages[0] is messages[1] is messages[2]
    assert {client.channel.encoded for client in clients if client.channel} == {1}


def test_the_last_change_is_sent_by_the_timer() -> None:
    """What changes within a period waits for its end, and no tick or further change is needed."""
    world = World()
    client = a_client(world)
    world.publish("own", {"a": 1})
    assert client.read() == 1
    world.pass_time(0.1)
    world.publish("own", {"a": 2})
    world.publish("own", {"a": 3})
    assert client.read() == 0
    assert len(world.timer) > 0
    world.pass_time(1.0)
    assert (client.read(), client.value) == (1, {"a": 3})


def test_rates() -> None:
    """Each gets as many messages as its rate allows; all end alike."""
    world = World()
    slow, fast = a_client(world, rate=1.0), a_client(world, rate=20.0)
    counts = [0, 0]
    for n in range(100):
        world.publish("own", {"n": n})
        world.pass_time(0.1)
        counts[0] += slow.read()
        counts[1] += fast.read()
    world.pass_time(5.0)
    slow.read()
    assert slow.value == fast.value == {"n": 99}
    assert counts[1] == 100
    assert 10 <= counts[0] <= 13


def test_a_slow_reader_lags_alone() -> None:
    """Who doesn't read gets no deltas beyond the limit, holds up nobody, and needs one snapshot
    to be where all others are."""
    world = World()
    slow, quick = a_client(world, limit_bytes=500), a_client(world, limit_bytes=500)
    for n in range(100):
        world.publish("own", {"n": n, "text": "x" * 100})
        world.pass_time(1.0)
        assert quick.read() == 1
    assert slow.wire.waiting_bytes <= 700
    assert slow.outbox.lagging
    assert slow.outbox.dropped > 90
    slow.read()
    assert slow.value == quick.value == {"n": 99, "text": "x" * 100}
    assert (slow.snapshots, quick.snapshots) == (2, 1)
    world.pass_time(1.0)
    world.publish("own", {"n": 100})
    slow.read()
    assert (slow.value["n"], slow.snapshots) == (100, 2)


def test_lagging_channels_come_one_by_one() -> None:
    """A client that lags in many topics gets their snapshots one after another: never more than
    the limit and one message waits."""
    world = World()
    wire = Wire(limit_bytes=100)
    for n in range(50):
        world.publish(f"t{n}", {"text": "x" * 1000})
        world.hub.join(wire.outbox, ChannelKey(f"t{n}", None, 1.0, False), None, world.now)
        assert wire.waiting_bytes < 1200
    seen = set()
    while wire.frames:
        assert wire.waiting_bytes < 1200
        seen.add(wire.read(world.now)["topic"])
    assert len(seen) == 50


def test_nobody_looks() -> None:
    """Without members a channel costs nothing: nothing is computed, nothing encoded."""
    world = World()
    client = a_client(world, "system")
    client.leave()
    world.computed["system"] = {"a": 1}
    world.tick()
    assert world.hub.members == {}
    assert world.hub._channels == {}
    again = a_client(world, "system")
    assert again.value == {"a": 1}


def test_leaving_twice() -> None:
    """Leaving a channel that one isn't in changes nothing."""
    world = World()
    one, two = a_client(world), a_client(world)
    assert one.channel is not None
    world.hub.leave(one.outbox, one.channel)
    world.hub.leave(one.outbox, one.channel)
    world.publish("own", {"a": 1})
    assert (one.wire.waiting_bytes, two.read()) == (0, 1)
    two.leave()
    world.hub.leave(one.outbox, one.channel)
    assert world.hub._channels == {}


def test_unknown_topic() -> None:
    """A topic that nobody published to is an empty object until somebody does."""
    world = World()
    client = a_client(world, "later")
    assert (client.snapshots, client.value) == (1, {})
    world.publish("later", {"a": 1})
    client.read()
    assert (client.snapshots, client.value) == (1, {"a": 1})


def test_projects() -> None:
    """What one project publishes, another's viewers don't see; what nobody's does, all see."""
    world = World()
    world.publish("own", {"a": 1}, "photos")
    world.publish("own", {"b": 2}, "music")
    world.publish("own", {"c": 3})
    assert world.value("own", "photos") == {"a": 1, "c": 3}
    assert world.value("own", "music") == {"b": 2, "c": 3}
    assert world.value("own") == {"a": 1, "b": 2, "c": 3}


def test_computed_keys_win() -> None:
    """What is computed can't be overwritten by what somebody published."""
    world = World()
    world.computed["system"] = {"live": 1}
    assert not world.hub.publish("system", "", {"live": 99, "more": 1}, world.now)
    assert world.value("system") == {"live": 1}


def test_reminders() -> None:
    """Who heard nothing in an interval is told that the connection lives; who got a delta, lags,
    or asked for values only is not."""
    world = World()
    heard, silent, lagging = (a_client(world, t, limit_bytes=200) for t in ("own", "b", "c"))
    script = Client(world, ChannelKey("b", None, 1.0, True))
    script.join()
    script.read()
    for _ in range(3):
        world.publish("c", {"text": "x" * 300})
        world.publish("c", {"text": ""})
        world.pass_time(1.0)
    world.publish("own", {"a": 1})
    world.hub.remind(world.now, 1.0)
    assert (heard.read(), silent.read(), script.read()) == (1, 1, 0)
    assert lagging.outbox.lagging
    world.hub.remind(world.now, 1.0)
    assert silent.read() == 0
    world.pass_time(1.0)
    world.hub.remind(world.now, 1.0)
    assert (heard.read(), silent.read(), script.read()) == (1, 1, 0)


def test_topics_in_memory_are_bounded(monkeypatch: Any) -> None:
    """Anybody may ask for any name: what nobody listens to is forgotten when it gets too much,
    and comes back under another epoch, so that an old position can't be mistaken."""
    monkeypatch.setattr(hubs, "MAX_TOPICS", 10)
    world = World()
    client = a_client(world)
    world.publish("kept", {"a": 1})
    old = world.hub.topic("kept", None, world.now).position
    for n in range(50):
        world.hub.topic(f"t{n}", None, world.now)
    assert len(world.hub._topics) <= 10
    again = world.hub.topic("kept", None, world.now)
    assert again.value == {"a": 1}
    assert again.since(old) is None
    world.publish("own", {"b": 2})
    assert (client.read(), client.value) == (1, {"b": 2})


def test_names() -> None:
    """All built-in topics are listed, then those that somebody published to."""
    world = World()
    world.publish("own", {"a": 1})
    world.publish("tasks", {"a": 1})
    assert world.hub.names(None, ["system", "tasks"]) == ["system", "tasks", "own"]


def test_topics_of_one_in_memory_are_bounded(monkeypatch: Any) -> None:
    """Of topics of one source or name only so many are kept that nobody listens to; who listens
    is served at each tick, and a topic of users is not touched."""
    monkeypatch.setattr(hubs, "MAX_EACH", 5)
    world = World()
    client = a_client(world, "action/a/b")
    own = world.hub.topic("own", None, world.now).position
    for n in range(50):
        world.computed[f"source/{n}"] = {"id": n}
        assert world.value(f"source/{n}") == {"id": n}
    assert len(world.hub._topics) <= 8
    assert world.hub.topic("own", None, world.now).position == own
    world.computed["action/a/b"] = {"count": 1}
    world.tick()
    assert (client.read(), client.value) == (1, {"count": 1})


def test_who_is_told_of_a_new_topic() -> None:
    """Whoever wants to know what is looked at hears each topic's name once, before its value."""
    world = World()
    heard: list[str] = []
    world.hub.on_new = heard.append
    for _ in range(2):
        world.value("action/a")
        world.value("system")
    assert heard == ["action/a", "system"]


def test_what_no_tick_brings() -> None:
    """A value that moved between ticks is sent when the hub is told so."""
    world = World()
    client = a_client(world, "action/a")
    world.pass_time(1.0)
    world.computed["action/a"] = {"count": 1}
    world.hub.refresh("action/a", world.now)
    assert (client.read(), client.value) == (1, {"count": 1})
