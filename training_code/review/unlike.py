"""Find pictures that are like no other: far from the nearest one, by features of length 1.

By features as they came, not around their mean: of those only the direction is compared, and what
shows nothing that the others show lies near the mean, in the direction of some of them by chance.
"""

import numpy as np

from pictures.dataset import spread_rows
from review.space import Rows, Values

_FAR = 3.5  # spreads above the median distance
_LEAST = 0.01  # of the spread, where most pictures are there twice
_SAMPLE = 1024  # pictures that median and spread are of
_MOST = 2000  # pictures that are compared with all others, those that seem furthest
_BLOCK = 256  # rows of a product
_TINY = 1e-12


def find_unlike(features: Values, near: Rows) -> tuple[Rows, Values]:
    """Return the rows of pictures much further from all others than is usual, the furthest first.

    And the cosine of each with the picture nearest to it. `near` has for each row of `features`
    one that is about the nearest: whatever is close to it needs no further look.
    """
    lengths = np.maximum(np.sqrt(np.einsum("ij,ij->i", features, features)), _TINY)
    usual = _distance(_nearest(features, lengths, spread_rows(len(features), _SAMPLE)))
    middle = np.median(usual)
    spread = max(1.4826 * float(np.median(np.abs(usual - middle))), _LEAST)
    bar = middle + _FAR * spread
    seeming = _distance(_with(features, lengths, near))
    order = np.argsort(-seeming, kind="stable")[:_MOST]
    rows = order[seeming[order] > bar]
    alike = _nearest(features, lengths, rows)
    order = np.argsort(alike, kind="stable")
    order = order[_distance(alike[order]) > bar]
    return rows[order], alike[order]


def _distance(cosines: Values) -> Values:
    """Return the distances of points at length 1 with these cosines."""
    distances: Values = np.sqrt(np.maximum(2 - 2 * cosines, 0))
    return distances


def _nearest(features: Values, lengths: Values, rows: Rows) -> Values:
    """Return the cosine of each of these rows with the nearest of all others."""
    found = np.zeros(len(rows), np.float32)
    for start in range(0, len(rows), _BLOCK):
        some = rows[start : start + _BLOCK]
        alike = features[some] @ features.T / lengths / lengths[some][:, None]
        alike[np.arange(len(some)), some] = -2
        found[start : start + _BLOCK] = alike.max(axis=1)
    return found


def _with(features: Values, lengths: Values, others: Rows) -> Values:
    """Return the cosine of each row with another."""
    found = np.zeros(len(features), np.float32)
    for start in range(0, len(features), _BLOCK):
        rows = slice(start, start + _BLOCK)
        products = np.einsum("ij,ij->i", features[rows], features[others[rows]])
        found[rows] = products / lengths[rows] / lengths[others[rows]]
    return found
