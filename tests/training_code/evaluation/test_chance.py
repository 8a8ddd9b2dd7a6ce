"""How likely a test is to be worse than validation by chance: exact, held against counting."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.chance import chance_of_fewer, chance_of_worse


@pytest.mark.parametrize("answered", range(1, 5))
@pytest.mark.parametrize("count", range(6))
def test_fewer_answers_are_as_likely_as_orders_of_all_pictures_say(
    answered: int, count: int
) -> None:
    pictures, of = 4, 5
    orders = list(combinations(range(pictures + of), pictures))  # where validation pictures lie
    passed = [one[answered - 1] - (answered - 1) for one in orders]  # test pictures before the bar
    expected = np.mean([found <= count for found in passed])
    assert chance_of_fewer((answered, pictures), (count, of)) == pytest.approx(expected)


@pytest.mark.parametrize(("right", "good"), [(6, 2), (7, 0), (4, 5), (0, 0), (7, 5), (0, 5)])
def test_fewer_right_answers_are_as_likely_as_choices_say(right: int, good: int) -> None:
    answered, count = 7, 5
    ways = [comb(count, n) * comb(answered, right + good - n) for n in range(right + good + 1)]
    expected = sum(ways[: good + 1]) / sum(ways)
    assert chance_of_worse((right, answered), (good, count)) == pytest.approx(expected)


def test_without_answers_nothing_is_worse() -> None:
    assert chance_of_worse((9, 10), (0, 0)) == 1


@given(st.integers(1, 50_000), st.integers(1, 50_000), st.data())
def test_any_numbers_give_a_probability(pictures: int, of: int, data: st.DataObject) -> None:
    answered = data.draw(st.integers(1, pictures))
    count = data.draw(st.integers(0, of))
    assert 0 <= chance_of_fewer((answered, pictures), (count, of)) <= 1
    assert chance_of_fewer((answered, pictures), (of, of)) == pytest.approx(1, abs=1e-6)
    right, good = data.draw(st.integers(0, answered)), data.draw(st.integers(0, count))
    assert 0 <= chance_of_worse((right, answered), (good, count)) <= 1
