"""The intervals hold what 95 % promises, summed exactly over everything that can happen."""

from math import comb, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.comparing.intervals import paired_interval, unpaired_interval, wilson_interval


def chance(counts: tuple[int, ...], shares: tuple[float, ...]) -> float:
    """Of these counts, from so many draws with these shares."""
    left, product = sum(counts), 1.0
    for count, share in zip(counts, shares, strict=True):
        product *= comb(left, count) * share**count
        left -= count
    return product


@pytest.mark.parametrize(("first", "second"), [(0.1, 0.1), (0.2, 0.05), (0.02, 0.02), (0.5, 0.3)])
def test_pairs_cover_the_true_difference(first: float, second: float) -> None:
    pictures, covered = 60, 0.0
    for only_first in range(pictures + 1):
        for only_second in range(pictures + 1 - only_first):
            found = paired_interval(pictures, only_first, only_second)
            if found.low <= first - second <= found.high:
                counts = (only_first, only_second, pictures - only_first - only_second)
                covered += chance(counts, (first, second, 1 - first - second))
    assert covered > 0.94


@pytest.mark.parametrize(("first", "second"), [(0.8, 0.8), (0.9, 0.7), (0.98, 0.97), (0.5, 0.3)])
def test_two_samples_cover_the_true_difference(first: float, second: float) -> None:
    covered = 0.0
    for one in range(41):
        for other in range(51):
            found = unpaired_interval((one, 40), (other, 50))
            if found.low <= first - second <= found.high:
                covered += chance((one, 40 - one), (first, 1 - first)) * chance(
                    (other, 50 - other), (second, 1 - second)
                )
    assert covered > 0.94


def test_the_size_that_is_known_for_840_pictures() -> None:
    alone = unpaired_interval((655, 840), (655, 840))
    assert alone.high - alone.low == pytest.approx(2 * 0.0396, abs=0.001)
    together = paired_interval(840, 40, 40)  # of those, most are right or wrong with both
    assert together.high - together.low == pytest.approx(2 * 0.0211, abs=0.001)
    always = paired_interval(840, 840, 0)  # on every picture: little is left to chance
    assert always.high - always.low < 0.01


@given(st.integers(1, 10_000), st.data())
def test_an_interval_is_around_the_difference_and_turns_with_it(
    pictures: int, data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, pictures))
    second = data.draw(st.integers(0, pictures - first))
    found, turned = (
        paired_interval(pictures, first, second),
        paired_interval(pictures, second, first),
    )
    assert -1 <= found.low <= (first - second) / pictures <= found.high <= 1
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


@pytest.mark.parametrize(("right", "pictures"), [(0, 10), (10, 10), (83, 100), (1, 3)])
def test_wilson_is_where_the_score_test_turns(right: int, pictures: int) -> None:
    """Its bounds are the shares p with |right/n - p| = z * sqrt(p (1 - p) / n)."""
    found = wilson_interval(right, pictures)
    for bound in (found.low, found.high):
        spread = 1.959963984540054 * sqrt(bound * (1 - bound) / pictures)
        assert abs(right / pictures - bound) == pytest.approx(spread, abs=1e-8)
