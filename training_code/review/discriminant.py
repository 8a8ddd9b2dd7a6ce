"""Tell classes apart in closed form, each picture by all the others.

Features are seen as one normal distribution a class, all of the same (shrunk) covariance. What a
picture itself did to its class's mean and to the covariance is taken out by a rank-one update, so
that no model is fitted again.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from review.space import Rows, Space, Values

Exact = npt.NDArray[np.float64]

_SHRINKAGE = 3.0  # of the mean variance, added to each: measured best, and 2 to 4 are as good


@dataclass(frozen=True)
class Model:
    """Class means, the inverse covariance, and what follows from both.

    `nearest` is the most alike other class of each.
    """

    counts: Rows
    total: int
    precision: Values
    means: Values
    products: Values  # of all pairs of means
    nearest: Rows

    def evidence(self, values: Values, labels: Rows) -> Values:
        """Return the log likelihood ratio (N, C) of each class against the label, of which it is 0.

        Without what the pictures themselves told the model.
        """
        one = np.arange(len(labels))
        turned = values @ self.precision
        squares = np.einsum("ij,ij->i", turned, values)
        to_means = turned @ self.means.T
        distance = squares[:, None] - 2 * to_means + np.diag(self.products)
        own = distance[one, labels]
        across = (squares - to_means[one, labels])[:, None] - to_means + self.products[labels]
        counts = self.counts[labels].astype(np.float32)
        grown = counts / np.maximum(counts - 1, 1)
        weight = grown / self.total
        weight /= np.maximum(1 - weight * own, 1e-6)  # what leaving it out does to the covariance
        distance += weight[:, None] * across**2
        left_out = grown**2 * (own + weight * own**2)
        found: Values = (left_out[:, None] - distance) / 2
        found[one, labels] = 0
        found[:, self.counts == 0] = -np.inf
        return found


def fit(space: Space, labels: Rows, classes: int) -> Model | None:
    """Return the model of labels (N,); None where one class, or no feature, tells nothing."""
    width, counts = space.width, np.bincount(labels, minlength=classes)
    if (counts > 0).sum() < 2 or not (counts > 1).any():
        return None
    scatter, sums = np.zeros((width, width)), np.zeros((classes, width))
    for rows, values in space.blocks():
        scatter += values.T @ values
        sums += _sums(values, labels[rows], classes)
    means = sums / np.maximum(counts, 1)[:, None]
    scatter = (scatter - means.T @ sums) / len(labels)
    variance = float(np.trace(scatter)) / width
    if not np.isfinite(variance) or variance <= 1e-12:
        return None
    scatter[np.diag_indices(width)] += _SHRINKAGE * variance
    precision = np.linalg.inv(scatter.astype(np.float32)).astype(np.float32, copy=False)
    products = means @ precision @ means.T
    small, both = means.astype(np.float32), products.astype(np.float32)
    return Model(counts, len(labels), precision, small, both, _nearest(products, counts))


def _sums(values: Values, labels: Rows, classes: int) -> Values:
    """Return the sum of each class's rows (C, D)."""
    order = np.argsort(labels, kind="stable")
    there, starts = np.unique(labels[order], return_index=True)
    sums = np.zeros((classes, values.shape[1]), np.float32)
    sums[there] = np.add.reduceat(values[order], starts)
    return sums


def _nearest(products: Exact, counts: Rows) -> Rows:
    """Return the class whose mean is nearest to each class's, of those that have pictures."""
    squares = np.diag(products)
    distance = squares[:, None] + squares - 2 * products
    distance[:, counts == 0] = np.inf
    np.fill_diagonal(distance, np.inf)
    nearest: Rows = distance.argmin(axis=1)
    return nearest
