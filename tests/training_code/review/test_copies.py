"""Copies are looked for among the most alike pictures, and not for ever."""

import numpy as np
import pytest

from pictures.outlines import Outlines, outlines
from review import copies
from review.copies import find_pairs
from review.nearest import Nearest, find_nearest
from review.space import Space

COUNT, SIDE = 40, 64


@pytest.fixture
def images() -> list[np.ndarray]:
    small = np.random.default_rng(0).integers(0, 256, (COUNT, 3, 8, 8), np.uint8)
    return list(small.repeat(8, axis=2).repeat(8, axis=3))


@pytest.mark.parametrize(("count", "width"), [(300, 20), (5, 40), (2, 3)])
def test_the_nearest_is_the_one_of_the_largest_cosine(count: int, width: int) -> None:
    features = np.random.default_rng(0).normal(3, 2, (count, width)).astype(np.float32)
    units = Space(features).of(slice(None))
    cosines = units @ units.T
    np.fill_diagonal(cosines, -2)
    found = find_nearest(Space(features))
    assert found.row.tolist() == cosines.argmax(axis=1).tolist()
    assert found.similarity == pytest.approx(cosines.max(axis=1), abs=1e-5)


def test_of_many_features_the_nearest_is_a_very_near_one() -> None:
    random = np.random.default_rng(0)
    groups = random.normal(0, 1, (100, 600)).repeat(4, axis=0)
    features = (groups + random.normal(0, 0.3, groups.shape)).astype(np.float32)
    found = find_nearest(Space(features))
    assert (found.row // 4 == np.arange(400) // 4).all()


def test_pairs_are_named_once_with_how_alike_they_are(images: list[np.ndarray]) -> None:
    images[7] = images[3]
    row = np.arange(COUNT)[::-1].copy()
    row[[3, 7]] = 7, 3
    (pair,) = find_pairs(Nearest(row, np.linspace(0.9, 0.1, COUNT, dtype=np.float32)), images)
    assert (pair.first, pair.second) == (3, 7)
    assert pair.likeness == pytest.approx(1, abs=1e-3)


def test_the_search_ends_after_many_strangers(
    images: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def counted(some: list[np.ndarray]) -> Outlines:
        seen.append(len(some))
        return outlines(some)

    monkeypatch.setattr(copies, "outlines", counted)
    monkeypatch.setattr(copies, "_PATIENCE", 6)
    monkeypatch.setattr(copies, "_AT_ONCE", 3)
    row = np.arange(COUNT)[::-1].copy()
    similarity = np.linspace(0.9, 0.1, COUNT, dtype=np.float32)
    assert find_pairs(Nearest(row, similarity), images) == []
    assert seen == [3, 3, 3, 3]  # of two pictures each
