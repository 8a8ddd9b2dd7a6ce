"""What is fitted on features and validation answers, in numbers."""

import numpy as np
import pytest

from knowing.fitting import fit_known, fit_temperature, fit_threshold, promised
from knowing.units import Units


def test_the_temperature_undoes_a_confidence_that_is_too_high() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (2000, 5))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([random.choice(5, p=row) for row in shares])
    found = fit_temperature((3 * logits).astype(np.float32), labels)
    assert found == pytest.approx(3, rel=0.1)


def test_few_pictures_all_right_do_not_take_every_doubt_away() -> None:
    logits = np.array([[2, 0], [2, 0], [0, 2]], np.float32)
    assert 0.3 < fit_temperature(logits, np.array([0, 0, 1])) < 1


@pytest.mark.parametrize(
    ("count", "share", "place"),
    [(19, 0.05, 19), (39, 0.05, 38), (99, 0.1, 90), (18, 0.05, None)],
)
def test_the_threshold_leaves_out_no_more_than_the_share(
    count: int, share: float, place: int | None
) -> None:
    scores = np.random.default_rng(0).permutation(count).astype(np.float32) + 1
    assert fit_threshold(scores, share) == (np.inf if place is None else place)


def test_of_new_pictures_no_more_are_refused_on_average() -> None:
    random = np.random.default_rng(0)
    shares = [
        (random.normal(size=200) > fit_threshold(random.normal(size=30), 0.1)).mean()
        for _ in range(200)
    ]
    assert 0.08 < np.mean(shares) <= 0.105


def test_promised_points_count_the_surest_first() -> None:
    logits = np.array([[5, 0], [0, 1], [3, 0], [0, 2]], np.float32)
    points = promised(logits, np.array([0, 0, 0, 1]))
    assert points[:, 0].tolist() == [1, 2, 3, 4]
    assert points[:, 2].tolist() == [1, 2, 3, 3]
    assert (np.diff(points[:, 1]) < 0).all()


@pytest.mark.parametrize(("rows", "dimension"), [(6, 40), (300, 8), (300, 200)])
def test_any_number_of_pictures_and_features_can_be_fitted(rows: int, dimension: int) -> None:
    random = np.random.default_rng(0)
    labels = np.arange(rows) % 3
    middles = random.normal(size=(3, dimension)) * 3

    def features(of: np.ndarray) -> np.ndarray:
        return (middles[of] + random.normal(size=(len(of), dimension))).astype(np.float32)

    valid = np.arange(60) % 3
    known = fit_known(
        (Units(features(labels)), labels),
        (features(valid), valid),
        random.normal(size=(60, 3)).astype(np.float32),
        3,
        0.05,
    )
    assert known.projection.shape[1] <= min(rows - 1, dimension, 64)
    distances = known.distances(features(valid))
    assert np.isfinite(distances).all()
    assert (distances.argmin(axis=1) == valid).mean() > 0.9


def test_a_feature_that_never_changes_is_no_trouble() -> None:
    flat = np.ones((30, 5), np.float32)
    labels = np.arange(30) % 3
    known = fit_known((Units(flat), labels), (flat, labels), np.zeros((30, 3), np.float32), 3, 0.1)
    assert np.isfinite(known.distances(flat)).all()
