"""Find copies of pictures among others: saved again, resized, or with the edges cut off.

Thumbnails propose, pixels decide: the picture whose thumbnail is most like another's, or like it
without its edges, may be its copy; whether the two are one picture says pictures/likeness.py. The
backbone is not asked: a pass of it over more pictures costs far more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pictures.dataset import Split
from pictures.likeness import COPY, likeness
from pictures.outlines import ALIKE, outlines

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
    queries = outlines(of.images)
    most = np.full(len(of.images), ALIKE, np.float32)
    places = np.full((len(of.images), 2), -1, np.int64)
    for part, split in enumerate(among):
        for start in range(0, len(split.images), _BLOCK):
            like = queries.like(outlines(split.images[start : start + _BLOCK]))
            best = like.argmax(axis=1)
            values = np.take_along_axis(like, best[:, None], axis=1)[:, 0]
            better = values > most
            most[better] = values[better]
            places[better] = np.stack([np.full_like(best, part), best + start], axis=1)[better]
    for row, (part, other) in enumerate(places.tolist()):
        if part >= 0:
            yield row, (part, other)
