"""Pairs of right and wrong answers, against cases worked out by hand and exact fractions."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.paired_comparison import PairedCounts, count_pairs, mcnemar


def exact(only_first: int, only_second: int) -> Fraction:
    tosses, fewest = only_first + only_second, min(only_first, only_second)
    return min(
        Fraction(1), Fraction(2 * sum(comb(tosses, k) for k in range(fewest + 1)), 2**tosses)
    )


@pytest.mark.parametrize(
    ("only_first", "only_second", "p_value"),
    [
        (0, 0, 1.0),  # they agree everywhere
        (1, 0, 1.0),
        (5, 5, 1.0),
        (5, 0, 2 / 32),
        (0, 6, 2 / 64),
        (8, 2, 2 * (1 + 10 + 45) / 1024),
    ],
)
def test_mcnemar_by_hand(only_first: int, only_second: int, p_value: float) -> None:
    assert mcnemar(only_first, only_second) == pytest.approx(p_value, rel=1e-12)


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_exact_and_knows_no_order(only_first: int, only_second: int) -> None:
    found = mcnemar(only_first, only_second)
    assert found == mcnemar(only_second, only_first)
    assert found == pytest.approx(float(exact(only_first, only_second)), rel=1e-10)
    assert 0 < found <= 1


def test_mcnemar_of_very_many_pictures_is_still_a_number() -> None:
    assert mcnemar(50_000, 50_000) == 1.0
    assert mcnemar(50_500, 49_500) == pytest.approx(0.0016, abs=1e-4)  # z = 3.16
    assert mcnemar(100_000, 0) == 0.0


def test_pairs_are_counted_picture_by_picture() -> None:
    first = np.array([True, True, False, False, True, True])
    second = np.array([True, False, True, False, False, False])
    pairs = count_pairs(first, second)
    assert pairs == PairedCounts(6, 3, 1)
    assert pairs.difference == pytest.approx(first.mean() - second.mean())
    assert pairs.p_value == pytest.approx(10 / 16)


@given(st.integers(1, 10_000), st.data())
def test_a_difference_of_n_hundredths_is_just_that_number(
    pictures: int, data: st.DataObject
) -> None:
    lost = data.draw(st.integers(0, pictures))
    won = data.draw(st.integers(0, pictures - lost))
    # 89 less 90 of 100 is -0.01 and not -0.010000000000000009, as the gate compares it with 0.01.
    assert -PairedCounts(pictures, won, won + lost).difference == lost / pictures
