"""The program that is automated: a small order desk, drawn pixel by pixel.

It behaves as such programs do: its window stands somewhere else after every few orders, a
notice pops up over it when the stock is low, orders that make no sense are refused, and what
happened is said in a line of text at the bottom.
"""

from __future__ import annotations

import queue
import random

import numpy as np
import sight
from sight import Picture

WIDTH, HEIGHT = 640, 360
NOISE = 12.0
LINE_LETTERS = 24


class Desktop:
    """A screen, a mouse and a keyboard. `notices` gets a picture of each line that it says."""

    def __init__(self, seed: int) -> None:
        self.notices: queue.Queue[Picture] = queue.Queue()
        self._random = random.Random(seed)
        self._noise = np.random.default_rng(seed)
        self._place = (40, 40)
        self._dialog = False
        self._warning = False
        self._typed = ""
        self._orders = 0
        self._stock = 12

    def screen(self) -> Picture:
        """What a camera sees of it."""
        picture = np.full((HEIGHT, WIDTH), 128.0)
        left, top = self._place
        picture[top : top + 220, left : left + 330] = 200.0
        for label, x, y in self._buttons():
            _put(picture, sight.button(label), x, y)
        if self._dialog:
            _put(picture, sight.text(f"ITEM {self._typed}"), left + 20, top + 80)
        if self._warning:
            picture[top + 40 : top + 200, left + 10 : left + 320] = 90.0
            _put(picture, sight.text("STOCK LOW"), left + 30, top + 60)
            _put(picture, sight.button("OK"), left + 30, top + 110)
        return np.clip(picture + self._noise.normal(0.0, NOISE, picture.shape), 0.0, 255.0)

    def _buttons(self) -> list[tuple[str, int, int]]:
        left, top = self._place
        if self._dialog:
            return [("SAVE", left + 20, top + 140), ("CANCEL", left + 150, top + 140)]
        return [("NEW", left + 20, top + 30), ("QUIT", left + 150, top + 30)]

    def click(self, x: int, y: int) -> None:
        """Press what is drawn there, if anything."""
        left, top = self._place
        shown = [("OK", left + 30, top + 110)] if self._warning else self._buttons()
        for label, button_x, button_y in shown:
            height, width = sight.button(label).shape
            if button_x <= x < button_x + width and button_y <= y < button_y + height:
                self._pressed(label)

    def type(self, words: str) -> None:
        """Fill in the dialog's field."""
        if self._dialog and not self._warning:
            self._typed = words

    def _pressed(self, label: str) -> None:
        if label == "OK":
            self._warning, self._stock = False, 12
        elif label == "NEW":
            self._dialog, self._typed = True, ""
            self._warning = self._stock <= 0
        elif label == "CANCEL":
            self._dialog = False
        elif label == "SAVE":
            self._save()

    def _save(self) -> None:
        item, _, quantity = self._typed.partition(" ")
        if not quantity.isdigit() or int(quantity) == 0:
            self._say(f"REFUSED {item} QUANTITY")
            return
        self._dialog = False
        self._orders += 1
        self._stock -= 1
        self._say(f"SAVED {self._orders} {item}")
        if self._orders % 5 == 0:
            self._place = (self._random.randrange(0, 300), self._random.randrange(0, 130))

    def _say(self, words: str) -> None:
        line = sight.text(words[:LINE_LETTERS].ljust(LINE_LETTERS))
        self.notices.put(np.clip(line + self._noise.normal(0.0, NOISE, line.shape), 0.0, 255.0))


def _put(picture: Picture, part: Picture, x: int, y: int) -> None:
    height, width = part.shape
    area = picture[y : y + height, x : x + width]
    area[:] = part[: area.shape[0], : area.shape[1]]
