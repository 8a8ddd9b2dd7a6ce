"""Score pictures as unknown in the usual ways, to compare: the higher, the less known.

Each fits on training features and returns a function of (features, logits).
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from known import unit_length

NEIGHBOURS = 10
SHRINKAGE = 0.1

Array = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]
Score = Callable[[Array, Array], Array]


def maximum_probability(_train: Array, _labels: Labels) -> Score:
    """Score by the probability of the best class."""

    def score(_features: Array, logits: Array) -> Array:
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(-1 / powers.sum(axis=1))

    return score


def energy(_train: Array, _labels: Labels) -> Score:
    """Score by the logits' sum of powers: Liu et al. (2020)."""

    def score(_features: Array, logits: Array) -> Array:
        top = logits.max(axis=1)
        return np.asarray(-top - np.log(np.exp(logits - top[:, None]).sum(axis=1)))

    return score


def nearest_neighbours(train: Array, _labels: Labels) -> Score:
    """Score by the distance to the tenth neighbour of length 1: Sun et al. (2022)."""
    units = unit_length(train)

    def score(features: Array, _logits: Array) -> Array:
        likeness = unit_length(features) @ units.T
        return np.asarray(-np.partition(likeness, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS])

    return score


def relative_mahalanobis(train: Array, labels: Labels) -> Score:
    """Score as Ren et al. (2021), in all directions of the features as they are."""
    mean = train.mean(axis=0)
    middles = np.stack([train[labels == one].mean(axis=0) for one in range(labels.max() + 1)])
    within, whole = _whitening(train - middles[labels]), _whitening(train - mean)

    def score(features: Array, _logits: Array) -> Array:
        places, centres = (features - mean) @ within, (middles - mean) @ within
        near = (centres**2).sum(axis=1) - 2 * places @ centres.T
        squares = (((features - mean) @ whole) ** 2).sum(axis=1)
        return np.asarray((places**2).sum(axis=1) + near.min(axis=1) - squares)

    return score


RIVALS: Mapping[str, Callable[[Array, Labels], Score]] = {
    "maximum probability": maximum_probability,
    "energy": energy,
    "10 nearest neighbours": nearest_neighbours,
    "relative Mahalanobis, all directions": relative_mahalanobis,
}


def auroc(known: Array, unknown: Array) -> float:
    """Return how often an unknown picture has the higher score; ties count half."""
    values, places = np.unique(np.concatenate([known, unknown]), return_inverse=True)
    counts = np.bincount(places, minlength=len(values))
    ranks = np.cumsum(counts) - (counts - 1) / 2
    above = ranks[places[len(known) :]].sum() - len(unknown) * (len(unknown) + 1) / 2
    return float(above / (len(known) * len(unknown)))


def _whitening(rows: Array) -> Array:
    covariance = rows.T @ rows / len(rows)
    even = np.trace(covariance) / len(covariance)
    shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * even * np.eye(len(covariance))
    return np.asarray(np.linalg.cholesky(np.linalg.inv(shrunk)), dtype=np.float32)
