"""Judge each label by all the other pictures: leave-one-out discriminant analysis, closed form.

Features are seen as one normal distribution a class, all of the same (shrunk) covariance. What a
picture itself did to its class's mean and to the covariance is taken out by a rank-one update, so
that no model is fitted again. Measured against ridge regression and neighbours: `benchmarks
knowing`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pictures.dataset import spread_rows

Values = npt.NDArray[np.float32]
Exact = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

_SHRINKAGE = 0.5  # of the mean variance, added to each
_MOST_FEATURES = 2048  # of more, as many random mixtures are taken
_BLOCK = 4096
_CALIBRATED_ON = 2048
_TEMPERATURES = np.geomspace(0.01, 2, 16)


@dataclass(frozen=True)
class Judged:
    """By row: the likeliest other class, its odds against the label (log), and the rank's measure.

    `margin` is how far beyond the boundary between both classes, in units of their distance: the
    least first is the order in which labels are doubtful. Infinite for a class of one picture.
    """

    likely: Rows
    log_odds: Exact
    margin: Exact


def judge(features: Values, labels: Rows, classes: int) -> Judged:
    """Judge the labels (N,) of features (N, D)."""
    squeezed = _Squeezed(features)
    model = _fit(squeezed, labels, classes)
    count = len(labels)
    likely, nearer = np.zeros(count, np.int64), np.full(count, -np.inf)
    margin = np.full(count, np.inf)
    if model is None or classes < 2:
        return Judged(likely, nearer, margin)
    temperature = model.temperature(squeezed, labels)
    for rows, values in squeezed.blocks():
        evidence = model.evidence(values, labels[rows])
        best = evidence.argmax(axis=1)
        one = np.arange(len(best))
        known = model.counts[labels[rows]] > 1
        distance = model.distances[labels[rows], best]
        likely[rows] = best
        nearer[rows] = np.where(known, temperature * evidence[one, best], -np.inf)
        margin[rows] = np.where(known, -evidence[one, best] / distance, np.inf)
    return Judged(likely, nearer, margin)


class _Squeezed:
    """Features in units of their spread, each picture's of length 1, block by block."""

    def __init__(self, features: Values) -> None:
        some = features[spread_rows(len(features), _BLOCK)]
        self._features = features
        self._mean, self._scale = some.mean(axis=0), some.std(axis=0)
        self._scale[self._scale < 1e-6 * max(float(self._scale.max()), 1e-30)] = np.inf
        self._mix = None
        if features.shape[1] > _MOST_FEATURES:
            shape = (features.shape[1], _MOST_FEATURES)
            self._mix = np.random.default_rng(0).standard_normal(shape, np.float32)

    @property
    def width(self) -> int:
        return self._features.shape[1] if self._mix is None else _MOST_FEATURES

    def blocks(self) -> Iterator[tuple[slice, Values]]:
        for start in range(0, len(self._features), _BLOCK):
            rows = slice(start, start + _BLOCK)
            yield rows, self.of(rows)

    def of(self, rows: slice | Rows) -> Values:
        values: Values = (self._features[rows] - self._mean) / self._scale
        if self._mix is not None:
            values = values @ self._mix
        values /= np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
        return values


@dataclass(frozen=True)
class _Model:
    """Class means, the inverse covariance, and what follows from both."""

    counts: Rows
    total: int
    precision: Values
    means: Values
    products: Exact  # of all pairs of means
    distances: Exact  # between all pairs of means

    def evidence(self, values: Values, labels: Rows) -> Exact:
        """Return the log likelihood ratio (N, C) of each class against the label; of it, -inf."""
        one = np.arange(len(labels))
        turned = values @ self.precision
        squares = np.einsum("ij,ij->i", turned, values).astype(np.float64)
        to_means = (turned @ self.means.T).astype(np.float64)
        distance = squares[:, None] - 2 * to_means + np.diag(self.products)
        own = distance[one, labels]
        across = squares[:, None] - to_means[one, labels][:, None] - to_means
        across += self.products[labels]
        counts = self.counts[labels].astype(np.float64)
        grown = counts / np.maximum(counts - 1, 1)
        weight = grown / self.total
        weight /= np.maximum(1 - weight * own, 1e-6)  # what leaving it out does to the covariance
        distance += weight[:, None] * across**2
        left_out = grown**2 * (own + weight * own**2)
        found: Exact = (left_out[:, None] - distance) / 2
        found[one, labels] = -np.inf
        return found

    def temperature(self, squeezed: _Squeezed, labels: Rows) -> float:
        """Return the factor that makes the evidence honest: features are no normal distribution."""
        rows = spread_rows(len(labels), _CALIBRATED_ON)
        rows = rows[self.counts[labels[rows]] > 1]
        if not len(rows):
            return 1.0
        evidence = self.evidence(squeezed.of(rows), labels[rows])
        losses = [np.logaddexp(0, _log_sum(factor * evidence)).mean() for factor in _TEMPERATURES]
        return float(_TEMPERATURES[int(np.argmin(losses))])


def _fit(squeezed: _Squeezed, labels: Rows, classes: int) -> _Model | None:
    """Return the model; None where the features tell nothing."""
    width, counts = squeezed.width, np.bincount(labels, minlength=classes)
    scatter, sums = np.zeros((width, width)), np.zeros((classes, width))
    for rows, values in squeezed.blocks():
        scatter += values.T @ values
        np.add.at(sums, labels[rows], values)
    means = sums / np.maximum(counts, 1)[:, None]
    scatter = (scatter - means.T @ sums) / len(labels)
    variance = float(np.trace(scatter)) / width
    if not np.isfinite(variance) or variance <= 1e-12:
        return None
    scatter[np.diag_indices(width)] += _SHRINKAGE * variance
    precision = np.linalg.inv(scatter)
    products = means @ precision @ means.T
    squares = np.diag(products)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * products, 1e-9))
    single, small = precision.astype(np.float32), means.astype(np.float32)
    return _Model(counts, len(labels), single, small, products, distances)


def _log_sum(values: Exact) -> Exact:
    most = values.max(axis=1)
    total: Exact = most + np.log(np.exp(values - most[:, None]).sum(axis=1))
    return total
