"""Test whether two samples come from one distribution, by permutations: exact, of any size.

Every statistic is computed for the samples as they are and for many random assignments of their
rows to the two. The p-value is the share of assignments that look at least as different.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
# assignments (N, P), True where a row is of the second sample -> statistics (P,)
Statistic = Callable[[npt.NDArray[np.bool_]], Values]

_FIRST, _BLOCK = 100, 500  # assignments at a time: the first already tell most equal samples
_ENOUGH = 20  # as different ones: p is then so large that more of them would decide nothing


@dataclass(frozen=True)
class Outcome:
    """How different two samples are by a statistic, and how often chance makes them so."""

    statistic: float
    p: float


def compare(statistic: Statistic, first: int, second: int, most: int, seed: int) -> Outcome:
    """Test samples of `first` and `second` rows, in this order; draws at most `most` assignments.

    The smallest p is 1 / (most + 1). Drawing stops early where p can no longer be small.
    """
    random = np.random.default_rng(seed)
    as_is = np.repeat([False, True], [first, second])
    observed = float(statistic(as_is[:, None])[0])
    # sums in another order may differ in their last digits: what is equal counts as extreme
    bar = observed - 1e-5 * abs(observed) - 1e-6
    drawn = extreme = 0
    while drawn < most and extreme < _ENOUGH:
        count = min(_BLOCK if drawn else _FIRST, most - drawn)
        found = statistic(_assignments(random, as_is, count))
        extreme += int((found >= bar).sum())
        drawn += count
    return Outcome(observed, (extreme + 1) / (drawn + 1))


def discrepancy(values: Values) -> Statistic:
    """Return the squared maximum mean discrepancy of rows (N, D), with a Gaussian kernel.

    Gretton et al., "A Kernel Two-Sample Test" (2012); its width is the median distance of rows.
    """
    kernel = similarities(values)

    def statistic(second: npt.NDArray[np.bool_]) -> Values:
        count = second[:, 0].sum()
        weights = np.where(second, 1 / count, -1 / (len(second) - count)).astype(np.float32)
        found: Values = np.einsum("np,np->p", weights, kernel @ weights)
        return found

    return statistic


def similarities(values: Values) -> Values:
    """Return the Gaussian kernel (N, N) of rows, as wide as the median of their distances."""
    squares = (values**2).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares - 2 * values @ values.T, 0)
    others = distances[np.triu_indices(len(values), 1)]
    width = max(float(np.median(others)) if len(others) else 1.0, 1e-12)
    kernel: Values = np.exp(-distances / width)
    return kernel


def largest_gap(values: Values) -> Statistic:
    """Return Kolmogorov's and Smirnov's statistic of numbers (N,): between distributions."""
    order = np.argsort(values, kind="stable")
    ends = np.append(np.diff(values[order]) > 0, True)  # equal numbers come together

    def statistic(second: npt.NDArray[np.bool_]) -> Values:
        count = int(second[:, 0].sum())
        others = len(second) - count
        # in whole numbers: where all are equal the gap is exactly none
        gaps = np.abs(np.cumsum(np.where(second[order], others, -count), axis=0)[ends]).max(axis=0)
        found: Values = (gaps / (count * others)).astype(np.float32)
        return found

    return statistic


def class_shares(labels: Numbers, classes: int) -> Statistic:
    """Return Pearson's chi-squared of how often each class is in the second sample."""
    totals = np.bincount(labels, minlength=classes)
    present = np.flatnonzero(totals)
    members = (labels[:, None] == present).astype(np.float32)
    shares = (totals[present] / len(labels)).astype(np.float32)

    def statistic(second: npt.NDArray[np.bool_]) -> Values:
        expected = shares * second[:, 0].sum()
        counts = members.T @ second.astype(np.float32)
        found: Values = ((counts - expected[:, None]) ** 2 / expected[:, None]).sum(axis=0)
        return found

    return statistic


def _assignments(
    random: np.random.Generator, as_is: npt.NDArray[np.bool_], count: int
) -> npt.NDArray[np.bool_]:
    drawn: npt.NDArray[np.bool_] = random.permuted(
        np.broadcast_to(as_is[:, None], (len(as_is), count)), axis=0
    )
    return drawn
