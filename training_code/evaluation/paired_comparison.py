"""Compare two models on the same pictures: where they differ says more than two accuracies."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class PairedCounts:
    """How many of `pictures` only the first model, or only the second, gets right."""

    pictures: int
    only_first: int
    only_second: int

    @property
    def difference(self) -> float:
        """Accuracy of the first less that of the second: from counts, so 1 of 100 is 0.01."""
        return (self.only_first - self.only_second) / self.pictures

    @property
    def p_value(self) -> float:
        """The p-value of McNemar's exact test, see `mcnemar`."""
        return mcnemar(self.only_first, self.only_second)


def count_pairs(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> PairedCounts:
    """Count where two models differ, from which pictures each gets right: (N,), in one order."""
    return PairedCounts(len(first), int((first & ~second).sum()), int((second & ~first).sum()))


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided exact p-value of McNemar's test.

    How likely a split at least as uneven as this one is, were both models equally good: then each
    picture that only one gets right is the toss of a fair coin.
    """
    tosses, fewest = only_first + only_second, min(only_first, only_second)
    at_most = math.fsum(_binomial(tosses, heads) for heads in range(fewest + 1))
    return min(1.0, 2 * at_most)


def _binomial(tosses: int, heads: int) -> float:
    """Return the chance of so many heads, by logarithms: factors soon have thousands of digits."""
    ways = math.lgamma(tosses + 1) - math.lgamma(heads + 1) - math.lgamma(tosses - heads + 1)
    return math.exp(ways - tosses * math.log(2))
