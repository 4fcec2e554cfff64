"""One robot's day: a screen, the post, and a process that records it."""

from __future__ import annotations

import queue
import random
import threading

from desktop import Desktop
from robot import Order, Robot

import tachograph as tacho

ITEMS = ("BOLT", "GEAR", "LAMP", "HINGE", "SPRING", "VALVE")
#: Orders in each post, again and again: quiet times, then a burst.
POSTS = (2, 1, 3, 1, 30, 0, 0, 2, 60)
POST_S = 4.0


def run(number: int, limit: int) -> None:
    """One robot with its own screen and its own post."""
    tacho.configure(service=f"robot-{number}", project="automation")
    orders: queue.Queue[Order | None] = queue.Queue()
    postman = threading.Thread(target=deliver, args=(orders, number, limit), daemon=True)
    postman.start()
    try:
        Robot(Desktop(seed=number), orders).work()
    except KeyboardInterrupt:
        pass


def deliver(orders: queue.Queue[Order | None], seed: int, limit: int) -> None:
    """The post comes when the robot has done its work or the time has come, whichever is later.

    With a limit it comes at once, as often as needed.
    """
    chance, sent, number = random.Random(seed), 0, 0
    pause = threading.Event()
    while not limit or sent < limit:
        count = POSTS[number % len(POSTS)]
        number += 1
        for _ in range(min(count, limit - sent) if limit else count):
            # One in twelve was written badly, as orders are.
            quantity = 0 if chance.randrange(12) == 0 else chance.randrange(1, 90)
            orders.put(Order(chance.choice(ITEMS), quantity))
            sent += 1
        if not limit:
            pause.wait(POST_S)
    orders.put(None)
