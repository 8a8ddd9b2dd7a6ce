"""The directions in which features vary are found once, and as many as tell anything."""

import numpy as np
import pytest

from knowing.units import DIRECTIONS, Units, variation_of


def features(rows: int, dimension: int) -> np.ndarray:
    return np.random.default_rng(0).gamma(1, size=(rows, dimension)).astype(np.float32)


@pytest.mark.parametrize(
    ("rows", "dimension", "kept"), [(500, 200, DIRECTIONS), (500, 8, 8), (10, 200, 9), (1, 5, 1)]
)
def test_as_many_directions_are_kept_as_so_many_pictures_can_tell(
    rows: int, dimension: int, kept: int
) -> None:
    around = Units(features(rows, dimension)).around_mean
    assert around.most().shape == (dimension, kept)
    assert (np.diff(around.variances) <= 0).all()


def test_a_direction_of_too_little_variance_is_left_out() -> None:
    values = features(300, 4) * np.array([1, 1, 1, 1e-4], np.float32)
    assert variation_of(values).most(least=1e-3).shape == (4, 3)
    assert variation_of(values).most(least=1e-12).shape == (4, 4)


def test_they_are_found_once_for_all_that_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    units = Units(features(50, 20))
    found = units.around_mean
    monkeypatch.setattr(np.linalg, "eigh", None)
    assert units.around_mean is found
