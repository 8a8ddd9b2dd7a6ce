"""Copies are found among many others, whatever the features are like, and strangers are not."""

from collections.abc import Callable

import numpy as np
import pytest

from extraction import near_duplicates
from extraction.near_duplicates import Described, Values, find_copies
from pictures.dataset import Split

COUNT = 60


def pictures(count: int, seed: int) -> np.ndarray:
    """Smooth pictures, as photographs are: (N, 3, 64, 64)."""
    small = np.random.default_rng(seed).integers(0, 256, (count, 3, 8, 8), np.uint8)
    return small.repeat(8, axis=2).repeat(8, axis=3)


def features(images: np.ndarray) -> Values:
    """A backbone's: a few sums over the pixels."""
    weights = np.random.default_rng(9).normal(0, 1, (3 * 64 * 64, 32))
    return (images.reshape(len(images), -1) @ weights).astype(np.float32)


def nearly_all_alike(images: np.ndarray) -> Values:
    """A random backbone's: what differs is small beside what all have in common."""
    return features(images) * np.float32(1e-6) + 5


def says_nothing(images: np.ndarray) -> Values:
    return np.ones((len(images), 4), np.float32)


def described(
    images: np.ndarray, of_backbone: Callable[[np.ndarray], Values] = features
) -> Described:
    names = tuple(f"{number}.png" for number in range(len(images)))
    return Described(Split(images, np.zeros(len(images), np.int64), names), of_backbone(images))


def noisy(images: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(3).integers(-6, 7, images.shape)
    return (images + noise).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("of_backbone", [features, nearly_all_alike])
def test_copies_are_found_and_strangers_are_not(of_backbone: Callable[..., Values]) -> None:
    train = pictures(COUNT, 1)
    queries = np.concatenate([noisy(train[10:14]), pictures(20, 2)])
    found = find_copies(described(queries, of_backbone), [described(train, of_backbone)])
    assert [(one.row, one.part, one.other) for one in found] == [
        (row, 0, row + 10) for row in range(4)
    ]
    assert all(0.9 < one.likeness <= 1.0001 for one in found)


def test_the_most_alike_of_all_parts_and_blocks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_duplicates, "_BLOCK", 7)
    train, valid = pictures(COUNT, 1), pictures(COUNT, 4)
    queries = noisy(np.concatenate([train[[0, 59]], valid[[3]]]))
    found = find_copies(described(queries), [described(train), described(valid)])
    assert [(one.part, one.other) for one in found] == [(0, 0), (0, 59), (1, 3)]


@pytest.mark.parametrize("block", [7, 2048])
def test_a_picture_is_no_copy_of_itself(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_duplicates, "_BLOCK", block)
    train = pictures(COUNT, 1)
    train[41] = train[4]
    found = find_copies(described(train), [described(pictures(5, 8)), described(train)], own=1)
    assert [(one.row, one.part, one.other) for one in found] == [(4, 1, 41), (41, 1, 4)]


def test_features_that_say_nothing_find_nothing() -> None:
    train = described(pictures(3, 1), says_nothing)
    assert find_copies(train, [train]) == []


def test_a_single_picture_has_no_other() -> None:
    alone = described(pictures(1, 1))
    assert find_copies(alone, [alone], own=0) == []
