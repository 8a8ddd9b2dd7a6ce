"""See pictures as outlines: few points of brightness, which copies have nearly in common.

Two pictures whose outlines are alike, one of them perhaps without its edges, may be copies: whether
they are, says likeness.py, which is far slower.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

Values = npt.NDArray[np.float32]
Squares = npt.NDArray[np.uint8]

ALIKE = 0.7  # of the correlation of outlines: copies have 0.75 and more
_SIDE = 32  # of a thumbnail, in pixels
_POINTS = 10  # a side, that an outline has
_KEPT = 0.9  # of a side, without the edges: what lost a bit more or less is like that, too
_CUTS = ((0.0, 0.0), (0.1, 0.0), (0.0, 0.1), (0.1, 0.1), (0.05, 0.05))  # lost above, to the left


@dataclass(frozen=True)
class Outlines:
    """Pictures as vectors of length 1 (N, D): as they are, and without their edges."""

    whole: Values
    cut: tuple[Values, ...]

    def like(self, others: "Outlines") -> Values:
        """Return how like each is to each of the others; one of the two may have lost its edges."""
        found = _products(self.whole, others.whole)
        for own, other in zip(self.cut, others.cut, strict=True):
            np.maximum(found, _products(own, others.whole), out=found)
            np.maximum(found, _products(self.whole, other), out=found)
        return found

    def like_each(self, others: "Outlines") -> Values:
        """Return how like each is to the one of the others that has its row."""
        products = [np.einsum("ij,ij->i", self.whole, others.whole)]
        for own, other in zip(self.cut, others.cut, strict=True):
            products.append(np.einsum("ij,ij->i", own, others.whole))
            products.append(np.einsum("ij,ij->i", self.whole, other))
        found: Values = np.max(products, axis=0)
        return found


def outlines(images: Sequence[Squares] | Squares) -> Outlines:
    """Return the outlines of squares, each uint8 (3, R, R)."""
    thumbnails = np.array([_thumbnail(square) for square in images], np.float32)
    flat = thumbnails.reshape(len(images), _SIDE * _SIDE)
    return Outlines(
        _units(flat, 0, 0, 1), tuple(_units(flat, above, left, _KEPT) for above, left in _CUTS)
    )


def _thumbnail(square: Squares) -> Values:
    """Return the brightness of a square, uint8 (3, R, R), at few pixels: as green tells it."""
    green = Image.fromarray(square[1])
    small = green.resize((_SIDE, _SIDE), Image.Resampling.BOX, reducing_gap=1.0)
    return np.asarray(small, np.float32)


def _units(thumbnails: Values, above: float, left: float, kept: float) -> Values:
    """Return outlines of a part of each thumbnail: what differs from its mean, of length 1."""
    parts = _products(thumbnails, np.kron(_averages(above, kept), _averages(left, kept)))
    parts -= parts.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(parts, axis=1, keepdims=True)
    units: Values = parts / np.maximum(lengths, 1e-6)
    return units


def _products(rows: Values, others: Values) -> Values:
    """Return the products of all pairs, by torch: numpy's threads would wait for one another."""
    found: Values = (torch.from_numpy(rows) @ torch.from_numpy(others).T).numpy()
    return found


def _averages(start: float, kept: float) -> Values:
    """Return the weights (_POINTS, _SIDE) of pixels in the points of a part of a line of them."""
    edges = (start + kept * np.linspace(0, 1, _POINTS + 1)) * _SIDE
    pixels = np.arange(_SIDE)
    above = np.minimum(edges[1:, None], pixels + 1)
    weights = np.maximum(0, above - np.maximum(edges[:-1, None], pixels))
    found: Values = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return found
