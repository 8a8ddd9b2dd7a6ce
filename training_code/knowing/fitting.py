"""Fit known.npz from features and answers, in numpy alone: see known.py for what it holds."""

import math

import numpy as np
import numpy.typing as npt

from evaluation.surest import surest
from knowing.units import Units, covariance
from known import Known

SHRINKAGE = 0.1  # of covariances towards equal variances: few pictures a class estimate them badly
_TEMPERATURES = np.geomspace(0.1, 10, 201)
_PRIOR = 0.5  # standard deviation of log temperature around 0: matters below some 100 pictures

Array = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]


def fit_known(
    train: tuple[Units, Numbers],
    valid: tuple[Array, Numbers],
    logits: Array,
    classes: int,
    refuse_at: float,
) -> Known:
    """Fit the score on the features (N, D) and labels (N,) of `train`, the rest on `valid`.

    `logits` (M, classes) are those of `valid`. At most the share `refuse_at` of pictures that are
    like these will be refused, on average over validation splits.
    """
    mean, projection, centres, spread = _directions(*train, classes)
    temperature = fit_temperature(logits, valid[1])
    nothing = np.zeros(0, np.float32)
    score = Known(mean, projection, centres, spread, nothing, nothing, nothing)
    threshold = fit_threshold(score.distances(valid[0]).min(axis=1), refuse_at)
    return Known(
        *(mean, projection, centres, spread),
        temperature=np.array([temperature], np.float32),
        threshold=np.array([threshold], np.float32),
        promised=promised(logits / np.float32(temperature), valid[1]),
    )


def fit_temperature(logits: Array, labels: Numbers) -> float:
    """Return by what to divide logits so that validation labels become most likely.

    As in Guo et al., "On Calibration of Modern Neural Networks" (2017). Few pictures move it little
    away from 1: all right by chance, they would ask for no doubt at all.
    """
    rows, values = np.arange(len(labels)), logits.astype(np.float64)
    costs = [
        _cost(values / temperature, rows, labels) + (math.log(temperature) / _PRIOR) ** 2 / 2
        for temperature in _TEMPERATURES
    ]
    return float(_TEMPERATURES[int(np.argmin(costs))])


def fit_threshold(scores: Array, refuse_at: float) -> float:
    """Return the score above which at most `refuse_at` of known pictures lie, on average.

    A conformal quantile: it holds for the next picture, not for these alone. Infinite when there
    are fewer than 1 / refuse_at - 1.
    """
    place = math.ceil((len(scores) + 1) * (1 - refuse_at) - 1e-9)
    return float(np.sort(scores)[place - 1]) if place <= len(scores) else math.inf


def promised(logits: Array, labels: Numbers) -> Array:
    """Return pictures, confidence and how many are right, of the surest: (points, 3)."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    confidence = 1 / powers.sum(axis=1)  # of the best class, whose power is 1
    order, counts = surest(confidence)
    right = np.cumsum((logits.argmax(axis=1) == labels)[order])
    columns = (counts, confidence[order][counts - 1], right[counts - 1])
    return np.stack(columns, axis=1).astype(np.float32)


def _cost(logits: Doubles, rows: Numbers, labels: Numbers) -> float:
    top = logits.max(axis=1)
    total = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
    return float((total - logits[rows, labels]).sum())


def _directions(train: Units, labels: Numbers, classes: int) -> tuple[Array, Array, Array, Array]:
    """Return mean, projection, centres and spread, as of Known."""
    main = train.around_mean.most()
    places = (train.values - train.mean) @ main
    centres = _means(places, labels, classes)
    within = _shrunk(covariance(places - centres[labels]))
    whole = _shrunk(covariance(places))
    # where classes vary by 1 in every direction, turned so that all pictures have no covariance
    whitening = np.linalg.inv(np.linalg.cholesky(within)).T
    spread, turn = np.linalg.eigh(whitening.T @ whole @ whitening)
    inner = whitening @ turn
    values = (train.mean, main @ inner, centres @ inner, spread)
    mean, projection, middles, spread = (value.astype(np.float32) for value in values)
    return mean, projection, middles, spread


def _means(places: Doubles, labels: Numbers, classes: int) -> Doubles:
    sums = np.zeros((classes, places.shape[1]))
    np.add.at(sums, labels, places)
    means: Doubles = sums / np.maximum(np.bincount(labels, minlength=classes), 1)[:, None]
    return means


def _shrunk(found: Doubles) -> Doubles:
    even = np.trace(found) / len(found)
    result = (1 - SHRINKAGE) * found + SHRINKAGE * max(even, 1e-12) * np.eye(len(found))
    return np.asarray(result)
