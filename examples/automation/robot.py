"""The robot: it looks at the screen, finds buttons by their pictures, clicks and types.

Everything that Tachograph shows of it is recorded here: each step is an action, each line that
the order desk says is an event, and what waits is two gauges.
"""

from __future__ import annotations

import queue
import threading
from typing import NamedTuple

import sight
from desktop import Desktop

import tachograph as tacho

BUTTONS = {label: sight.button(label) for label in ("NEW", "SAVE", "CANCEL", "OK")}
#: A dialog that needs more looks than this will not come.
LOOKS = 3


class Order(NamedTuple):
    """A line of the list that came by post."""

    item: str
    quantity: int


class Refused(Exception):
    """The order desk did not take an order."""


class Robot:
    """Enters orders, one after another. `answers` is what the watcher has read."""

    def __init__(self, desktop: Desktop, orders: queue.Queue[Order | None]) -> None:
        self.desktop = desktop
        self.orders = orders
        self.answers: queue.Queue[str] = queue.Queue()
        self._waiting = tacho.gauge("actions.queue_depth", unit="orders")
        self._unread = tacho.gauge("events.queue_depth", unit="notices")

    def work(self) -> None:
        """Enter what the queue holds, until it holds None."""
        watcher = threading.Thread(target=self._watch, name="watcher", daemon=True)
        watcher.start()
        while (order := self.orders.get()) is not None:
            self._waiting.set(self.orders.qsize())
            try:
                self.enter(order)
            except (Refused, sight.NotOnScreen):
                self.recover()

    @tacho.action("enter order")
    def enter(self, order: Order) -> None:
        """One order, from the click on NEW to the desk's answer."""
        self.press("NEW")
        with tacho.action("type"):
            self.desktop.type(f"{order.item} {order.quantity}")
        self.press("SAVE")
        answer = self.answers.get(timeout=10)
        if not answer.startswith("SAVED"):
            raise Refused(f"{order.item} x {order.quantity}: {answer}")
        tacho.counter("orders.entered", unit="orders").add()

    def press(self, label: str) -> None:
        """Find a button and click into its middle. Raises NotOnScreen."""
        spot = self.locate(label)
        with tacho.action("click", button=label, x=spot.x, y=spot.y, score=round(spot.score, 3)):
            self.desktop.click(spot.x, spot.y)

    @tacho.action("locate")
    def locate(self, label: str) -> sight.Spot:
        """Look until it is there, a few times at most."""
        for look in range(1, LOOKS + 1):
            with tacho.action("capture"):
                screen = self.desktop.screen()
            try:
                with tacho.action("match", button=label):
                    return sight.find(screen, BUTTONS[label])
            except sight.NotOnScreen:
                if look == LOOKS:
                    raise
        raise AssertionError("unreachable")

    @tacho.action("recover")
    def recover(self) -> None:
        """Put away whatever is in the way."""
        for label in ("OK", "CANCEL"):
            try:
                self.press(label)
            except sight.NotOnScreen:
                continue

    def _watch(self) -> None:
        while True:
            line = self.desktop.notices.get()
            with tacho.event("notice"):
                words = sight.read(line)
                self.answers.put(words)
            self._unread.set(self.desktop.notices.qsize())
