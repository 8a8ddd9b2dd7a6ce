"""Draw pictures that are of no class at all: noise, pages of text, colours, gradients, patterns.

The same numbers give the same pictures. They stand for what an endpoint gets by mistake, and need
nobody's data.
"""

import string
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Square = npt.NDArray[np.uint8]
Random = np.random.Generator

_COARSEST = 24  # cells a side of smooth noise
_LINE = 14  # pixels from a line of text to the next


def far_squares(kind: str, count: int, side: int, seed: int = 0) -> list[Square]:
    """Return `count` pictures of a kind of KINDS as Prepare stores them, uint8 (3, side, side)."""
    random = np.random.default_rng([seed, list(KINDS).index(kind)])
    pictures = (KINDS[kind](random, side) for _ in range(count))
    return [np.ascontiguousarray(picture.transpose(2, 0, 1)) for picture in pictures]


def _noise(random: Random, side: int) -> Square:
    return random.integers(0, 256, (side, side, 3), dtype=np.uint8)


def _smooth_noise(random: Random, side: int) -> Square:
    cells = int(random.integers(2, _COARSEST))
    coarse = random.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def _text_page(random: Random, side: int) -> Square:
    ink, paper = (int(value) for value in (random.integers(0, 90), random.integers(200, 256)))
    page = Image.new("RGB", (side, side), (paper, paper, paper))
    draw = ImageDraw.Draw(page)
    letters = [*string.ascii_letters, *"      "]
    for top in range(_LINE, side - _LINE, _LINE):
        words = "".join(random.choice(letters, int(random.integers(5, max(6, side // 6)))))
        draw.text((_LINE, top), words, fill=(ink, ink, ink))
    return np.asarray(page)


def _colour(random: Random, side: int) -> Square:
    return np.broadcast_to(random.integers(0, 256, 3, dtype=np.uint8), (side, side, 3))


def _gradient(random: Random, side: int) -> Square:
    first, last = random.integers(0, 256, (2, 3))
    angle = random.uniform(0, 2 * np.pi)
    down, right = np.mgrid[0:side, 0:side] / side
    along = np.cos(angle) * down + np.sin(angle) * right
    share = (along - along.min()) / np.ptp(along)
    values: Square = (first + share[..., None] * (last - first)).astype(np.uint8)
    return values


def _pattern(random: Random, side: int) -> Square:
    """Draw stripes, a chessboard or dots in two colours."""
    colours = random.integers(0, 256, (2, 3), dtype=np.uint8)
    period = int(random.integers(6, 60))
    down, right = np.mgrid[0:side, 0:side] % period < period // 2
    dots = (np.mgrid[0:side, 0:side] % period - period / 2) ** 2
    inside = dots.sum(axis=0) < (period / 3) ** 2
    choice = (down, right, down ^ right, inside)[int(random.integers(4))]
    values: Square = colours[choice.astype(np.int64)]
    return values


KINDS: Mapping[str, Callable[[Random, int], Square]] = {
    "noise": _noise,
    "smooth noise": _smooth_noise,
    "text pages": _text_page,
    "single colours": _colour,
    "gradients": _gradient,
    "patterns": _pattern,
}
