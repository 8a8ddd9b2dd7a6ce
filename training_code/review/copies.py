"""Find copies among all pictures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pictures.likeness import COPY, likeness
from pictures.outlines import ALIKE, Squares, outlines
from review.nearest import Nearest

MOST = 40_000  # pictures: of more, comparing all pairs takes minutes
_PATIENCE = 300  # strangers in a row, the most alike pairs first: then no more copies come
_AT_ONCE = 100  # pairs whose outlines are made


@dataclass(frozen=True)
class Pair:
    """Rows of two pictures that are one, and how alike they are."""

    first: int
    second: int
    likeness: float


def find_pairs(nearest: Nearest, images: Sequence[Squares]) -> list[Pair]:
    """Return the pairs of copies, the most alike by features first."""
    found, strangers = [], 0
    pairs = _pairs(nearest)
    for start in range(0, len(pairs), _AT_ONCE):
        some = pairs[start : start + _AT_ONCE]
        for (one, other), alike in zip(some, _likenesses(some, images), strict=True):
            strangers = 0 if alike >= COPY else strangers + 1
            found += [Pair(one, other, round(alike, 4))] if alike >= COPY else []
            if strangers >= _PATIENCE:
                return found
    return found


def _pairs(nearest: Nearest) -> list[tuple[int, int]]:
    """Return each picture with the one most like it, the most alike first, no pair twice."""
    order = np.argsort(-nearest.similarity, kind="stable")
    order = order[nearest.similarity[order] > 0]
    both = np.sort(np.stack([order, nearest.row[order]], axis=1), axis=1)
    return list(dict.fromkeys((one, other) for one, other in both.tolist()))


def _likenesses(pairs: Sequence[tuple[int, int]], images: Sequence[Squares]) -> Iterator[float]:
    """Yield how alike the pictures of each pair are; 0 where their outlines are not."""
    firsts, seconds = (outlines([images[row] for row in rows]) for rows in zip(*pairs, strict=True))
    for (one, other), alike in zip(pairs, firsts.like_each(seconds).tolist(), strict=True):
        yield likeness(images[one], images[other]) if alike >= ALIKE else 0.0
