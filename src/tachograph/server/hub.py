"""The hub: topics, the channels that conflate them, and who listens. No I/O of its own.

It belongs to the event loop's thread. Values of built-in topics are computed when somebody
looks: at a tick for a channel with members, and when a value is asked for over HTTP.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable

import msgspec

from tachograph.core.channel import Channel, ChannelKey
from tachograph.core.patch import Json
from tachograph.core.published import Published
from tachograph.core.session import EACH
from tachograph.core.topic import Topic
from tachograph.server.connection import framed
from tachograph.server.outbox import Outbox

#: Topics whose values are computed, beside those of one source or name; the others hold what
#: was published.
COMPUTED = ("system", "actions", "events", "sources")
#: Topics in memory, per name and project.
MAX_TOPICS = 10_000
#: Of those of one source or name so many that nobody listens to: each can be large.
MAX_EACH = 200
Compute = Callable[[str, str | None, float], Json]


def computed(name: str) -> bool:
    """Whether a topic's value is computed."""
    return name in COMPUTED or name.startswith(EACH)


class Gone:
    """What clients were sent, and what was left out for them, who have left."""

    def __init__(self) -> None:
        self.sent_bytes = 0
        self.dropped = 0


class Hub:
    """See the module. `schedule(at)` is called when a change has to wait until `at`."""

    def __init__(self, compute: Compute, schedule: Callable[[float], None]) -> None:
        self.epoch = secrets.token_hex(4)
        self.published = Published()
        self.published_changed = False
        #: Everybody who has a connection.
        self.members: dict[Outbox, None] = {}
        self.gone = Gone()
        #: Called when a topic comes into being, with its name.
        self.on_new: Callable[[str], object] = _nothing
        self._compute = compute
        self._schedule = schedule
        self._made = 0
        self._each = 0
        self._topics: dict[tuple[str, str | None], Topic] = {}
        self._channels: dict[ChannelKey, Channel] = {}
        self._members: dict[Channel, dict[Outbox, None]] = {}

    # -- values ------------------------------------------------------------

    def names(self, project: str | None, built_in: Iterable[str]) -> list[str]:
        """All topics' names, but for those of one source or name: there are as many of them."""
        return list(dict.fromkeys((*built_in, *self.published.topics())))

    def topic(self, name: str, project: str | None, now: float) -> Topic:
        """A topic with its value as it is now."""
        topic = self._topics.get((name, project))
        if topic is None:
            self._make_room(name)
            self._made += 1
            epoch = f"{self.epoch}.{self._made:x}"
            topic = self._topics[name, project] = Topic(name, epoch)
            self.on_new(name)
        self._refresh(topic, project, now)
        return topic

    def _make_room(self, name: str) -> None:
        """Anybody may ask for any name; what nobody listens to need not be kept."""
        if name.startswith(EACH):
            self._each += 1
            if self._each > MAX_EACH:
                self._drop_unwatched(EACH)
                self._each = 1
        if len(self._topics) >= MAX_TOPICS:
            self._drop_unwatched(("",))

    def _drop_unwatched(self, prefixes: tuple[str, ...]) -> None:
        watched = {(key.topic, key.project) for key in self._channels}
        self._topics = {
            at: topic
            for at, topic in self._topics.items()
            if at in watched or not at[0].startswith(prefixes)
        }

    def _refresh(self, topic: Topic, project: str | None, now: float) -> None:
        if computed(topic.name):
            topic.set_normal(self._compute(topic.name, project, now))
        else:
            topic.set(self.published.value(topic.name, project))

    def publish(self, name: str, project: str, value: Json, now: float) -> bool:
        """Merge what a user published, and send it to who looks at it."""
        if not self.published.merge(name, project, value):
            return False
        self.published_changed = True
        self._moved(lambda topic: topic == name, now)
        return True

    def forget(self, project: str, now: float) -> None:
        """Take back what a project published, and send that to who looks."""
        self.published.forget(project)
        self.published_changed = True
        self._moved(lambda topic: True, now)

    def tick(self, now: float) -> None:
        """Compute what is looked at and send what is due."""
        self._moved(computed, now)
        self.send_due(now)

    def refresh(self, name: str, now: float) -> None:
        """Compute one topic anew, because of something that no tick brings."""
        self._moved(lambda topic: topic == name, now)

    def _moved(self, which: Callable[[str], bool], now: float) -> None:
        for name, project in {
            (key.topic, key.project) for key in self._channels if which(key.topic)
        }:
            self._refresh(self._topics[name, project], project, now)
        self.send_due(now, which)

    def send_due(self, now: float, which: Callable[[str], bool] | None = None) -> None:
        """Send every change whose time has come; the others are scheduled."""
        for channel, members in self._members.items():
            if not channel.changed or (which is not None and not which(channel.key.topic)):
                continue
            # Further than a period ahead is what was due before the clock was set back.
            if 0 < channel.due - now <= 1 / channel.key.rate:
                self._schedule(channel.due)
                continue
            frame = framed(channel.send(now))
            for outbox in members:
                outbox.put(frame, channel)
                outbox.last_at = now

    # -- members -----------------------------------------------------------

    def join(self, outbox: Outbox, key: ChannelKey, position: str | None, now: float) -> Channel:
        """Add a client to a channel: it gets what it missed since `position`, or a snapshot."""
        channel = self._channels.get(key)
        if channel is None:
            channel = Channel(key, self.topic(key.topic, key.project, now))
            self._channels[key] = channel
            self._members[channel] = {}
        missed = channel.missed(position) if position else None
        for message in [channel.whole(now)] if missed is None else missed:
            outbox.put(framed(message), channel)
        self._members[channel][outbox] = None
        return channel

    def leave(self, outbox: Outbox, channel: Channel) -> None:
        """Take a client out; a channel without members costs nothing any more."""
        members = self._members.get(channel)
        if members is None:
            return
        members.pop(outbox, None)
        outbox.forget(channel)
        if not members:
            del self._members[channel]
            del self._channels[channel.key]

    def part(self, outbox: Outbox) -> None:
        """A client's connection is over."""
        if outbox in self.members:
            del self.members[outbox]
            self.gone.sent_bytes += outbox.line.written_bytes
            self.gone.dropped += outbox.dropped

    def channels(self) -> list[tuple[Channel, int]]:
        """Every channel, and how many listen to it."""
        return [(channel, len(members)) for channel, members in self._members.items()]

    def remind(self, now: float, interval_s: float) -> None:
        """Tell who heard nothing in this interval that the connection lives."""
        frame = framed(msgspec.json.encode({"type": "tick", "now": now}))
        for outbox in self.members:
            if outbox.quiet or outbox.lagging or outbox.line.full:
                continue
            if abs(now - outbox.last_at) >= 0.9 * interval_s:
                outbox.put(frame)
                outbox.last_at = now


def _nothing(name: str) -> None:
    pass
