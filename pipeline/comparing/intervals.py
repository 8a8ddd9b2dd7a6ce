"""Calculate how far an accuracy, or the difference of two, may be off by chance.

Those of a difference are adjusted Wald intervals, which keep their level for few pictures and for
accuracies near 1: Bonett and Price (2012) for pairs, Agresti and Caffo (2000) for two samples.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

LEVEL = 0.95
_Z = NormalDist().inv_cdf((1 + LEVEL) / 2)


@dataclass(frozen=True)
class Interval:
    """A 95 % confidence interval of a share, or of a difference of two: then from -1 to 1."""

    low: float
    high: float


def wilson_interval(right: int, pictures: int) -> Interval:
    """Return the interval of right / pictures: Wilson's score interval (1927)."""
    if pictures == 0:
        return Interval(0.0, 1.0)
    share, of = right / pictures, _Z**2 / pictures
    middle = (share + of / 2) / (1 + of)
    spread = _Z / (1 + of) * math.sqrt(share * (1 - share) / pictures + of / (4 * pictures))
    return Interval(max(0.0, middle - spread), min(1.0, middle + spread))


def paired_interval(pictures: int, only_first: int, only_second: int) -> Interval:
    """Return the interval of the first's accuracy less the second's, on the same pictures.

    `only_first` is how many of them only the first gets right.
    """
    first, second = (only_first + 1) / (pictures + 2), (only_second + 1) / (pictures + 2)
    spread = math.sqrt((first + second - (first - second) ** 2) / (pictures + 2))
    return _around(first - second, spread)


def unpaired_interval(first: tuple[int, int], second: tuple[int, int]) -> Interval:
    """Return the interval for two independent sets of pictures; each is (right ones, all)."""
    shares = [((right + 1) / (of + 2), of + 2) for right, of in (first, second)]
    spread = math.sqrt(sum(share * (1 - share) / of for share, of in shares))
    return _around(shares[0][0] - shares[1][0], spread)


def _around(middle: float, spread: float) -> Interval:
    return Interval(max(-1.0, middle - _Z * spread), min(1.0, middle + _Z * spread))
