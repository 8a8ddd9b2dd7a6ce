"""Say how likely a test is to be so much worse than validation by chance alone.

Both probabilities are exact, for any number of pictures and any share: validation and test pictures
of one kind are drawn from each other in every order with equal chance.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


def chance_of_fewer(promised: tuple[int, int], found: tuple[int, int]) -> float:
    """Return the probability of no more answers in the test than were `found`.

    Both are answers and pictures, (answered, of). The bar is the confidence of the last one that
    validation `promised`; how many of the test pass it is negative hypergeometric.
    """
    (answered, pictures), (count, of) = promised, found
    counts = np.arange(count + 1)
    above = _log_choices(answered - 1 + counts, counts)
    below = _log_choices(pictures - answered + of - counts, of - counts)
    return _sum(above + below - _log_choices(np.array(pictures + of), np.array(of)))


def chance_of_worse(promised: tuple[int, int], found: tuple[int, int]) -> float:
    """Return the probability of no more right answers in the test than were `found`.

    Both are right answers and answers, (right, of). Given how many are right in both together, it
    is hypergeometric: Fisher's exact test.
    """
    (right, answered), (good, count) = promised, found
    goods = np.arange(max(0, right + good - answered), good + 1)
    of_test, of_validation = np.array(count), np.array(answered)
    chosen = _log_choices(of_test, goods) + _log_choices(of_validation, right + good - goods)
    return _sum(chosen - _log_choices(np.array(count + answered), np.array(right + good)))


def _sum(logs: Doubles) -> float:
    return min(1.0, float(np.exp(logs).sum()))


def _log_choices(of: npt.NDArray[np.int64], some: npt.NDArray[np.int64]) -> Doubles:
    """Return the logarithm of how many ways there are to choose some of so many."""
    logs = _log_factorials(int(of.max()))
    result: Doubles = logs[of] - logs[some] - logs[of - some]
    return result


@lru_cache(maxsize=4)
def _log_factorials(most: int) -> Doubles:
    logs: Doubles = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, most + 1)))])
    return logs
