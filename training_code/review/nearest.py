"""Find the picture that each is most like, by features."""

from dataclasses import dataclass

import numpy as np

from pictures.dataset import spread_rows
from review.space import Rows, Space, Values

_DIRECTIONS = 128  # in which pictures differ most: by them the nearest is chosen
_FOUND_FROM = 2048  # pictures
_ROUNDS = 2
_BLOCK = 1024  # rows of a product


@dataclass(frozen=True)
class Nearest:
    """By row: the most alike other picture by features, and how alike (cosine)."""

    row: Rows
    similarity: Values


def find_nearest(space: Space) -> Nearest:
    """Return the most alike picture of each; the closest of near ones may be taken for another."""
    directions = _directions(space)
    units = np.concatenate([values @ directions for _, values in space.blocks()])
    units /= np.maximum(np.linalg.norm(units, axis=1, keepdims=True), 1e-12)
    rows = np.zeros(len(units), np.int64)
    for start in range(0, len(units), _BLOCK):
        like = units[start : start + _BLOCK] @ units.T
        own = np.arange(len(like))
        like[own, start + own] = -2
        rows[start : start + _BLOCK] = like.argmax(axis=1)
    similarity = [
        np.einsum("ij,ij->i", values, space.of(rows[at])) for at, values in space.blocks()
    ]
    return Nearest(rows, np.concatenate(similarity))


def _directions(space: Space) -> Values:
    """Return the directions (D, K) in which some of the pictures differ most, nearly."""
    some = space.of(spread_rows(len(space), _FOUND_FROM))
    shape = (space.width, min(_DIRECTIONS, space.width, len(some)))
    found = np.random.default_rng(0).standard_normal(shape, np.float32)
    for _ in range(_ROUNDS):
        found = np.linalg.qr(some.T @ (some @ found))[0]
    return found
