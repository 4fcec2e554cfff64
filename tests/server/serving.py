"""The whole dashboard on loopback, in a thread of the test's process, and who talks to it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import msgspec
from websockets.sync.client import ClientConnection, connect

from tachograph import frames
from tachograph.core.patch import apply
from tachograph.journal.file import FileJournal
from tachograph.model import State
from tachograph.server.config import ServerConfig
from tachograph.server.serve import Service
from tests.core.program import Program

TOKEN = "control-token-1"
VIEW = "view-token-2"
PATIENCE_S = 20.0
Message = dict[str, Any]


class Serving:
    """A dashboard that runs. `http` has the control token."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.follower = service.server.follower
        self.port = service.port
        self.http = httpx2.Client(
            base_url=f"http://localhost:{service.port}", headers=bearer(), timeout=PATIENCE_S
        )

    def publish(self, topic: str, value: Any, project: str | None = None) -> None:
        """Publish over HTTP."""
        query = {} if project is None else {"project": project}
        self.http.post(f"/api/topics/{topic}", json=value, params=query).raise_for_status()

    def value(self, topic: str, **query: str) -> Message:
        """A topic's value over HTTP."""
        answer = self.http.get(f"/api/topics/{topic}", params=query).raise_for_status()
        value: Message = answer.json()["value"]
        return value

    @contextmanager
    def page(self, query: str = "", *, path: str = "/ws", token: str = TOKEN) -> Iterator[Page]:
        """A WebSocket client."""
        url = f"ws://localhost:{self.port}{path}?{query}"
        with connect(url, additional_headers=bearer(token)) as connection:
            yield Page(connection)

    def raw(self, query: str, receive_bytes: int = 0) -> socket.socket:
        """A client on a bare socket that has asked for its topics and reads nothing by itself.

        With a small buffer the server notices soon.
        """
        lines = (
            f"GET /ws?{query} HTTP/1.1",
            f"Host: localhost:{self.port}",
            f"Authorization: {bearer()['Authorization']}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        )
        plain = socket.socket()
        if receive_bytes:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        plain.connect(("127.0.0.1", self.port))
        plain.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return plain


def bearer(token: str = TOKEN) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@contextmanager
def serving(home: Path, **config: Any) -> Iterator[Serving]:
    """Serve `home` on a free port until the block ends."""
    given = {"host": "localhost", "port": 0, "token": TOKEN, "view_token": VIEW, **config}
    service = Service(ServerConfig(**given), home=home, lease_wait_s=0.5)
    started = threading.Event()
    thread = threading.Thread(target=service.run, args=(started.set,), name="served")
    thread.start()
    try:
        assert started.wait(PATIENCE_S)
        served = Serving(service)
        with served.http:
            yield served
    finally:
        service.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


class Page:
    """A WebSocket client that keeps each topic's value as the protocol says."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.values: dict[str, Message] = {}
        self.positions: dict[str, str] = {}
        self.snapshots: list[str] = []

    def next(self) -> Message:
        """The next message, taken in."""
        message: Message = msgspec.json.decode(self.connection.recv(timeout=PATIENCE_S))
        kind = message.get("type")
        if kind in ("snapshot", "delta"):
            topic = message["topic"]
            if kind == "snapshot":
                self.snapshots.append(topic)
                self.values[topic] = message["value"]
            else:
                self.values[topic] = apply(self.values[topic], message["value"])
            self.positions[topic] = message["pos"]
        return message

    def until(self, wanted: Callable[[Message], Any]) -> list[Message]:
        """All messages up to the first one that is wanted."""
        deadline = time.monotonic() + PATIENCE_S
        seen = [self.next()]
        while not wanted(seen[-1]):
            assert time.monotonic() < deadline, seen[-3:]
            seen.append(self.next())
        return seen

    def until_has(self, topic: str, **members: Any) -> None:
        """Wait until the topic's value has these members."""
        self.until_value(topic, lambda value: members.items() <= value.items())

    def until_type(self, kind: str) -> Message:
        """The next message of that type."""
        return self.until(lambda message: message["type"] == kind)[-1]

    def until_value(self, topic: str, wanted: Callable[[Message], Any]) -> Message:
        """The topic's value as soon as it is as wanted."""
        if topic not in self.values or not wanted(self.values[topic]):
            self.until(lambda message: topic in self.values and wanted(self.values[topic]))
        return self.values[topic]

    def say(self, **message: Any) -> None:
        """Send a message."""
        self.connection.send(msgspec.json.encode(message).decode())

    def settled(self) -> list[Message]:
        """Everything that was sent before the answer to this ping, ticks left out."""
        self.say(type="ping")
        seen = self.until(lambda message: message["type"] == "pong")[:-1]
        return [message for message in seen if message["type"] != "tick"]


class Reporting(Program):
    """A program whose frames go to the journal of a home."""

    def __init__(self, home: Path, id: str = "p1", **more: Any) -> None:
        super().__init__(id, **more)
        self.writer = FileJournal(home / "journal").open(id)

    def say(self, at: float) -> None:
        """Write what is new."""
        self._write(*self.frame(at, whole=self.writer.needs_checkpoint))

    def end(self, at: float, state: State = "ended", reason: str = "") -> None:
        """Write the last word."""
        self._write(*self.goodbye(at, state, reason))
        self.writer.close()

    def kill(self) -> None:
        """Be gone without a word."""
        self.writer.close()

    def _write(self, seq: int, frame: Any) -> None:
        self.writer.append(frames.encode(frame, seq))
