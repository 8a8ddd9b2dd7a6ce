"""Find copies among all pictures, and those that are like no other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pictures.likeness import COPY, likeness
from review.nearest import Units, Values

Square = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.int64]

MOST = 40_000  # pictures: of more, comparing all pairs takes minutes
_PATIENCE = 300  # strangers in a row, the most alike pairs first: then no more copies come
_UNLIKE = 3.5  # spreads below the median of likeness to the most alike picture


@dataclass(frozen=True)
class Pair:
    """Rows of two pictures that are one, and how alike they are."""

    first: int
    second: int
    likeness: float


@dataclass(frozen=True)
class Nearest:
    """By row: the most alike other picture by features, and how alike (cosine)."""

    row: Rows
    similarity: Values


def find_nearest(features: Values) -> Nearest:
    """Return the most alike picture of each, by features (N, D)."""
    similarity, row = Units(features).nearest(features, features, same=True)
    return Nearest(row, similarity)


def find_pairs(nearest: Nearest, images: Sequence[Square]) -> list[Pair]:
    """Return the pairs of copies, the most alike by features first."""
    found, seen, strangers = [], set(), 0
    for row in np.argsort(-nearest.similarity, kind="stable").tolist():
        other = int(nearest.row[row])
        pair = (min(row, other), max(row, other))
        if nearest.similarity[row] <= 0 or strangers >= _PATIENCE:
            break
        if pair in seen:
            continue
        seen.add(pair)
        alike = likeness(images[row], images[other])
        strangers = 0 if alike >= COPY else strangers + 1
        found += [Pair(*pair, round(alike, 4))] if alike >= COPY else []
    return found


def find_unlike(nearest: Nearest) -> Rows:
    """Return the rows of pictures far less like another than is usual, the least alike first."""
    middle = np.median(nearest.similarity)
    spread = 1.4826 * np.median(np.abs(nearest.similarity - middle))
    order = np.argsort(nearest.similarity, kind="stable")
    unlike: Rows = order[nearest.similarity[order] < middle - _UNLIKE * spread]
    return unlike
