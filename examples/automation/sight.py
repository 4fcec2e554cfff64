"""Seeing: letters as pixels, a picture found in a picture, and text read back from pixels.

Pictures are two-dimensional float arrays, 0 black to 255 white.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Picture = NDArray[np.float64]

#: Three columns, five rows; each digit is a row's three bits.
FONT = dict(
    zip(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ",
        "25755 65656 34443 65556 74647 74644 34553 55755 72227 11152 55655 44447 57755 65555 25552 "
        "65644 25563 65655 34216 72222 55557 55552 55775 55255 55222 71247 75557 26227 71747 71717 "
        "55711 74717 74757 71122 75757 75717 00000".split(),
        strict=True,
    )
)
SCALE = 3
CELL_WIDTH, CELL_HEIGHT = 4 * SCALE, 6 * SCALE
INK, PAPER = 30.0, 225.0


class NotOnScreen(Exception):
    """What was looked for is not to be seen."""


class Spot(NamedTuple):
    """Where a picture was found: its middle, and how well it fits, 1 at best."""

    x: int
    y: int
    score: float


def glyph(letter: str) -> Picture:
    """One character, with the gap behind and below it."""
    rows = [[int(row) >> bit & 1 for bit in (2, 1, 0)] for row in FONT[letter]]
    cell = np.full((CELL_HEIGHT, CELL_WIDTH), PAPER)
    cell[: 5 * SCALE, : 3 * SCALE] = np.where(
        np.kron(np.array(rows), np.ones((SCALE, SCALE))) > 0, INK, PAPER
    )
    return cell


GLYPHS = {letter: glyph(letter) for letter in FONT}
_ALPHABET = np.stack([GLYPHS[letter].ravel() for letter in FONT])
_LETTERS = list(FONT)


def text(line: str) -> Picture:
    """A line of capitals, digits and spaces."""
    return np.hstack([GLYPHS[letter] for letter in line])


def button(label: str) -> Picture:
    """A label with a frame around it."""
    return np.pad(np.pad(text(label), 6, constant_values=PAPER), 2, constant_values=INK)


def find(screen: Picture, wanted: Picture, enough: float = 0.8) -> Spot:
    """The best place of a picture on the screen, by normalised cross-correlation.

    The sums of products come from a Fourier transform, those of each window from running sums.
    Raises NotOnScreen when even the best place is not like it.
    """
    height, width = wanted.shape
    pattern = wanted - wanted.mean()
    shape = (screen.shape[0] + height - 1, screen.shape[1] + width - 1)
    spectrum = np.fft.rfft2(screen, shape) * np.fft.rfft2(pattern[::-1, ::-1], shape)
    products = np.fft.irfft2(spectrum, shape)[
        height - 1 : screen.shape[0], width - 1 : screen.shape[1]
    ]
    size = wanted.size
    sums, squares = _window_sums(screen, wanted.shape), _window_sums(screen**2, wanted.shape)
    deviation = np.sqrt(np.maximum(squares - sums**2 / size, 1e-9))
    scores = products / (deviation * np.sqrt((pattern**2).sum()))
    top, left = np.unravel_index(int(scores.argmax()), scores.shape)
    score = float(scores[top, left])
    if score < enough:
        raise NotOnScreen(f"the best place is only {score:.2f} like it, {enough} is enough")
    return Spot(int(left) + width // 2, int(top) + height // 2, score)


def _window_sums(picture: Picture, shape: tuple[int, int]) -> Picture:
    height, width = shape
    total = np.pad(picture.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    return (
        total[height:, width:]
        - total[:-height, width:]
        - total[height:, :-width]
        + total[:-height, :-width]
    )


def read(line: Picture) -> str:
    """The text of a picture that holds one line of it: for each cell the likeliest character."""
    cells = sliding_window_view(line, (CELL_HEIGHT, CELL_WIDTH))[0, ::CELL_WIDTH]
    flat = cells.reshape(len(cells), -1)
    distances = ((flat[:, None, :] - _ALPHABET[None]) ** 2).sum(2)
    return "".join(_LETTERS[number] for number in distances.argmin(1)).strip()
