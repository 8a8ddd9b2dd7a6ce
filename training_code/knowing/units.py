"""See features at length 1, and find the directions in which they vary most, once for all uses."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from known import unit_length

# in more of them, measured on 120 breeds, nothing is told better, and noise hides between them
DIRECTIONS = 64

Array = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Variation:
    """How rows (N, D) vary: `variances` (D,), the largest first, in `directions` (D, D)."""

    variances: Doubles
    directions: Doubles
    rows: int

    def most(self, least: float = 1e-9) -> Doubles:
        """Return the directions (D, k) of most variance: at least one, at most DIRECTIONS.

        None that so few rows cannot tell, none of less than `least` of the largest variance.
        """
        telling = int((self.variances > self.variances[0] * least).sum())
        kept = max(min(DIRECTIONS, self.rows - 1, telling), 1)
        result: Doubles = self.directions[:, :kept]
        return result


@dataclass(frozen=True)
class Units:
    """Features (N, D) as they came; what is made of them takes time, and is made when asked for."""

    features: Array

    @cached_property
    def values(self) -> Array:
        """The features at length 1."""
        return unit_length(self.features)

    @cached_property
    def mean(self) -> Array:
        """Their mean (D,)."""
        mean: Array = self.values.mean(axis=0)
        return mean

    @cached_property
    def around_mean(self) -> Variation:
        """How they vary around their mean."""
        return variation_of(self.values - self.mean)


def variation_of(values: Array) -> Variation:
    """Find how rows (N, D) vary around 0."""
    variances, directions = np.linalg.eigh(covariance(values))
    return Variation(variances[::-1], directions[:, ::-1], len(values))


def covariance(values: npt.NDArray[np.floating]) -> Doubles:
    """Return the mean product (D, D) of rows around 0."""
    result: Doubles = (values.T @ values / len(values)).astype(np.float64)
    return result
