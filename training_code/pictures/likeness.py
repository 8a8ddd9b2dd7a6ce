"""Judge whether two stored pictures are one: saved again, resized, or with the edges cut off.

Grey edges are compared, which strangers share nothing of, however alike they are in colour and
subject; at every place where one picture, made a bit smaller, may lie in the other. Stripes can
have the same edges: there the areas between them decide. Measured on
photographs of dogs: copies 0.47 and more, the most alike strangers 0.24 (docs/better-accuracy.md).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

Square = npt.NDArray[np.uint8]
Grey = npt.NDArray[np.float32]
Sums = npt.NDArray[np.float64]

COPY = 0.3  # of likeness: two pictures that are at least so alike are one
# Sides that pictures are compared at, and those of what lies in the other, down to 7/8 of them; the
# coarse ones sort most pairs out.
_COARSE_SIDES = (32, 30, 28)
_FINE_SIDES = (64, 62, 60, 59, 58, 57, 56)
_COARSE_LEAST = 0.75
# Of what differs beside the edges: copies have less, strangers with the same stripes more, or more
# than that share of what differs at the edges; the least says nothing.
_BESIDE_MOST, _BESIDE_SHARE, _BESIDE_LEAST = 0.11, 0.5, 0.05
_CERTAIN = 1 - _BESIDE_LEAST / _BESIDE_SHARE  # of likeness: from which on it decides alike
_FLAT = 1.0  # grey levels: what varies less shows nothing to compare
_BOX = Image.Resampling.BOX
_AROUND = 5  # pixels a side that a pixel is compared with, to see edges


def likeness(one: Square, other: Square) -> float:
    """Return how alike two squares uint8 (3, R, R) are, from -1 to 1; 0 for what is easily told."""
    pair = _Sizes(_grey(one)), _Sizes(_grey(other))
    levels = [picture.values(_FINE_SIDES[0]) for picture in pair]
    flat = [float(each.std()) < _FLAT for each in levels]
    if any(flat):
        return float(all(flat) and abs(float(levels[0].mean() - levels[1].mean())) < _FLAT)
    small = [_Sizes(picture.image(_FINE_SIDES[0])) for picture in pair]
    if _best(small, _COARSE_SIDES, _COARSE_LEAST, edges=False) < _COARSE_LEAST:
        return 0.0
    found = _best(pair, _FINE_SIDES, _CERTAIN, edges=True)
    if found < COPY:
        return found
    limit = min(_BESIDE_MOST, max(_BESIDE_LEAST, _BESIDE_SHARE * (1 - found)))
    return found if _best(pair, _FINE_SIDES, 1 - limit, edges=False) >= 1 - limit else 0.0


class _Sizes:
    """A picture at several sizes, each made once."""

    def __init__(self, picture: Image.Image) -> None:
        self._picture = picture
        self._made: dict[int, Image.Image] = {}

    def image(self, side: int) -> Image.Image:
        """Return the picture with that many pixels a side."""
        if side not in self._made:
            self._made[side] = self._picture.resize((side, side), _BOX)
        return self._made[side]

    def values(self, side: int) -> Grey:
        """Return its values at that size."""
        return np.asarray(self.image(side), np.float32)


def _best(pair: Sequence[_Sizes], sides: Sequence[int], enough: float, *, edges: bool) -> float:
    """Return the largest correlation of either picture with a part of the other.

    The first that is `enough`, where one is: what is left to compare would change nothing.
    """
    wholes = [_Whole(_seen(picture, sides[0], edges=edges)) for picture in pair]
    found = -1.0
    for length in sides:
        for picture, whole in zip(pair, wholes[::-1], strict=True):
            found = max(found, whole.correlation(_seen(picture, length, edges=edges)))
            if found >= enough:
                return found
    return found


class _Whole:
    """A picture that parts are looked for in, with the sums that all of them need."""

    def __init__(self, values: Grey) -> None:
        self._values = values
        self._sums, self._squares = _integral(values), _integral(values * values)

    def correlation(self, part: Grey) -> float:
        """Return the largest correlation of `part` with any part of the picture of its size."""
        length = len(part)
        pattern = part - part.mean()
        windows = sliding_window_view(self._values, (length, length))
        products = np.einsum("ijkl,kl->ij", windows, pattern)
        sums, squares = _inside(self._sums, length), _inside(self._squares, length)
        spread = np.sqrt(np.maximum(squares - sums * sums / length**2, 0))
        spread *= np.linalg.norm(pattern)
        return float((products / np.maximum(spread, 1e-6)).max())


def _integral(values: Grey) -> Sums:
    """Return the sum of everything above and to the left of each corner between pixels."""
    sums = np.zeros((len(values) + 1, len(values) + 1))
    np.cumsum(np.cumsum(values, axis=0, dtype=np.float64), axis=1, out=sums[1:, 1:])
    return sums


def _inside(integral: Sums, length: int) -> Sums:
    """Return the sum of every square part of that length, by its place."""
    lower, upper = integral[length:], integral[:-length]
    return lower[:, length:] - lower[:, :-length] - upper[:, length:] + upper[:, :-length]


def _grey(square: Square) -> Image.Image:
    red, green, blue = (np.asarray(channel, np.uint16) for channel in square)
    return Image.fromarray(((77 * red + 150 * green + 29 * blue) >> 8).astype(np.uint8))


def _seen(picture: _Sizes, side: int, *, edges: bool) -> Grey:
    """Return the picture at that size; with `edges` what differs from the pixels around it."""
    values = picture.values(side)
    if not edges:
        return values
    padded = np.pad(values, _AROUND // 2, mode="edge")
    around = _inside(_integral(padded), _AROUND) / _AROUND**2
    return (values - around).astype(np.float32)
