"""Permutation tests find what differs, and are exact where nothing does."""

import math
from itertools import combinations

import numpy as np
import pytest

from monitoring.two_samples import (
    Statistic,
    class_shares,
    compare,
    discrepancy,
    largest_gap,
)

random = np.random.default_rng(0)
MOST = 2000


def rows(count: int, shift: float = 0.0, spread: float = 1.0) -> np.ndarray:
    return (random.normal(size=(count, 8)) * spread + shift).astype(np.float32)


def numbers(count: int, shift: float = 0.0) -> np.ndarray:
    return (random.normal(size=count) + shift).astype(np.float32)


def labels(count: int, classes: int) -> np.ndarray:
    return random.integers(0, classes, count)


@pytest.mark.parametrize(
    ("statistic", "first"),
    [
        pytest.param(discrepancy(np.concatenate([rows(80), rows(60, 0.6)])), 80, id="moved"),
        pytest.param(discrepancy(np.concatenate([rows(80), rows(60, 0, 1.6)])), 80, id="spread"),
        pytest.param(largest_gap(np.concatenate([numbers(80), numbers(60, 1)])), 80, id="number"),
        pytest.param(
            class_shares(np.concatenate([labels(80, 10), labels(60, 6)]), 10), 80, id="missing"
        ),
    ],
)
def test_what_differs_is_found(statistic: Statistic, first: int) -> None:
    assert compare(statistic, first, 60, MOST, seed=1).p == pytest.approx(1 / (MOST + 1), abs=2e-3)


@pytest.mark.parametrize("seed", range(3))
def test_what_does_not_differ_is_not_found(seed: int) -> None:
    same = np.random.default_rng(seed)
    values = same.normal(size=(140, 8)).astype(np.float32)
    assert compare(discrepancy(values), 80, 60, MOST, seed).p > 0.01
    assert compare(largest_gap(values[:, 0]), 80, 60, MOST, seed).p > 0.01
    assert compare(class_shares(same.integers(0, 10, 140), 10), 80, 60, MOST, seed).p > 0.01


def test_p_is_that_of_all_assignments() -> None:
    values = np.array([0.1, 0.4, 0.5, 0.9, 1.5, 2.0, 2.2], np.float32)
    statistic = largest_gap(values)
    asked = statistic(np.repeat([False, True], [4, 3])[:, None])[0]
    of_all = []
    for chosen in combinations(range(7), 3):
        second = np.zeros((7, 1), bool)
        second[list(chosen)] = True
        of_all.append(statistic(second)[0] >= asked - 1e-6)
    assert len(of_all) == math.comb(7, 3)
    # drawing stops at the twentieth as extreme one: p is then known to a fifth of itself
    assert compare(statistic, 4, 3, 20_000, 0).p == pytest.approx(np.mean(of_all), abs=0.06)


def test_equal_numbers_are_never_different() -> None:
    assert compare(largest_gap(np.ones(100, np.float32)), 60, 40, MOST, 0).p == 1.0
    assert compare(discrepancy(np.ones((100, 3), np.float32)), 60, 40, MOST, 0).p == 1.0


def test_the_same_samples_give_the_same_p() -> None:
    statistic = largest_gap(np.concatenate([numbers(50), numbers(50, 0.4)]))
    first, second = (compare(statistic, 50, 50, MOST, seed=3) for _ in range(2))
    assert first == second


def test_the_largest_gap_is_kolmogorovs_and_smirnovs() -> None:
    # of 1, 2, 3 and 3, 4: up to 2 all of the first but one third, none of the second
    found = largest_gap(np.array([1, 2, 3, 3, 4], np.float32))
    second = np.array([False, False, False, True, True])[:, None]
    assert found(second)[0] == pytest.approx(2 / 3)
