"""What an artifact keeps of its pictures is small, and read back as it was measured."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from job.errors import JobError
from knowing.units import DIRECTIONS, Units
from monitoring.reference import (
    REFERENCE_FILE,
    Measured,
    Reference,
    fit_space,
    read_reference,
    write_reference,
)


def features(count: int, dimension: int = 200) -> np.ndarray:
    return np.random.default_rng(count).gamma(1, size=(count, dimension)).astype(np.float32)


def measured(count: int, places: np.ndarray) -> Measured:
    random = np.random.default_rng(0)
    return Measured(
        places=places,
        looks=random.random((count, 5), np.float32),
        sizes=random.integers(1, 4000, (count, 2)),
        labels=random.integers(0, 120, count),
        confidence=random.random(count, np.float32),
        scores=random.random(count, np.float32),
    )


def test_training_pictures_vary_by_one_in_every_direction() -> None:
    places = fit_space(Units(features(1000))).places(features(1000))
    assert places.shape == (1000, DIRECTIONS)
    assert places.std(axis=0) == pytest.approx(1, abs=0.01)
    assert np.abs(np.corrcoef(places.T) - np.eye(DIRECTIONS)).max() < 0.02


@pytest.mark.parametrize(
    "few",
    [
        pytest.param(features(1), id="one picture"),
        pytest.param(features(3), id="fewer than directions"),
        pytest.param(np.ones((50, 20), np.float32), id="all the same"),
        pytest.param(np.ones((50, 20), np.float32) + 1e-5 * features(50, 20), id="nearly the same"),
        pytest.param(np.zeros((50, 20), np.float32), id="nothing at all"),
    ],
)
def test_places_are_numbers_whatever_the_features(few: np.ndarray, tmp_path: Path) -> None:
    space = fit_space(Units(few))
    write_reference(tmp_path, Reference(space, measured(len(few), space.places(few))))
    found = read_reference(tmp_path)
    assert np.isfinite(found.measured.places).all()
    assert np.isfinite(found.space.places(few)).all()


def test_it_is_read_back_as_it_was_and_small(tmp_path: Path) -> None:
    space = fit_space(Units(features(500, 1280)))
    written = Reference(space, measured(1000, space.places(features(1000, 1280))))
    write_reference(tmp_path, written)
    found = read_reference(tmp_path)
    for part in ("space", "measured"):
        for field in fields(getattr(written, part)):
            before, now = (getattr(getattr(one, part), field.name) for one in (written, found))
            np.testing.assert_allclose(now, before, rtol=2e-3, atol=1e-3)
    assert (tmp_path / REFERENCE_FILE).stat().st_size < 400_000


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive at all"])
def test_a_damaged_one_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / REFERENCE_FILE).write_bytes(content)
    with pytest.raises(JobError, match=r"reference\.npz of the model cannot be used"):
        read_reference(tmp_path)
