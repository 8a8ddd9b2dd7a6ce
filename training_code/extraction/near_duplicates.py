"""Find copies of pictures among others: saved again, resized, or with the edges cut off.

Thumbnails propose, pixels decide: the picture whose thumbnail is most like another's, or like it
without its edges, may be its copy; whether the two are one picture says pictures/likeness.py. The
backbone is not asked: a pass of it over more pictures costs far more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from pictures.dataset import Split
from pictures.likeness import COPY, likeness

Values = npt.NDArray[np.float32]
Squares = npt.NDArray[np.uint8]

_SIDE = 32  # of a thumbnail, in pixels
_POINTS = 10  # a side, that an outline has
_KEPT = 0.9  # of a side, without the edges: what lost a bit more or less is like that, too
_CUTS = ((0.0, 0.0), (0.1, 0.0), (0.0, 0.1), (0.1, 0.1), (0.05, 0.05))  # lost above, to the left
_LEAST = 0.7  # of the correlation of outlines: copies have 0.75 and more
_BLOCK = 1024  # pictures that are read at a time


@dataclass(frozen=True)
class Copy:
    """A picture's row, the part and row of the one that it is a copy of, and how alike they are."""

    row: int
    part: int
    other: int
    likeness: float


def find_copies(of: Split, among: Sequence[Split]) -> list[Copy]:
    """Return the pictures of `of` that are copies of one `among` the others, one copy each."""
    found = []
    for row, (part, other) in _proposals(of, among):
        alike = likeness(of.images[row], among[part].images[other])
        found += [Copy(row, part, other, round(alike, 4))] if alike >= COPY else []
    return found


def _proposals(of: Split, among: Sequence[Split]) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield the row of each picture that may have a copy, with part and row of the most like it."""
    queries = _outlines(of.images)
    most = np.full(len(of.images), _LEAST, np.float32)
    places = np.full((len(of.images), 2), -1, np.int64)
    for part, split in enumerate(among):
        for start in range(0, len(split.images), _BLOCK):
            like = queries.like(_outlines(split.images[start : start + _BLOCK]))
            best = like.argmax(axis=1)
            values = np.take_along_axis(like, best[:, None], axis=1)[:, 0]
            better = values > most
            most[better] = values[better]
            places[better] = np.stack([np.full_like(best, part), best + start], axis=1)[better]
    for row, (part, other) in enumerate(places.tolist()):
        if part >= 0:
            yield row, (part, other)


@dataclass(frozen=True)
class _Outlines:
    """Pictures as vectors of length 1 (N, D): as they are, and without their edges."""

    whole: Values
    cut: tuple[Values, ...]

    def like(self, others: "_Outlines") -> Values:
        """Return how like each is to each of the others; one of the two may have lost its edges."""
        found = _products(self.whole, others.whole)
        for own, other in zip(self.cut, others.cut, strict=True):
            np.maximum(found, _products(own, others.whole), out=found)
            np.maximum(found, _products(self.whole, other), out=found)
        return found


def _outlines(images: Squares) -> _Outlines:
    thumbnails = np.array([_thumbnail(square) for square in images], np.float32)
    flat = thumbnails.reshape(len(images), _SIDE * _SIDE)
    return _Outlines(
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
