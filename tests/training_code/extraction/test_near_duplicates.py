"""Copies are found among many others, whatever was done to them, and strangers are not."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from extraction import near_duplicates
from extraction.near_duplicates import find_copies
from pictures.dataset import Split

COUNT, SIDE = 60, 64


def pictures(count: int, seed: int) -> np.ndarray:
    """Smooth pictures, as photographs are: (N, 3, 64, 64)."""
    small = np.random.default_rng(seed).integers(0, 256, (count, 3, 8, 8), np.uint8)
    return small.repeat(8, axis=2).repeat(8, axis=3)


def split(images: np.ndarray) -> Split:
    names = tuple(f"{number}.png" for number in range(len(images)))
    return Split(images, np.zeros(len(images), np.int64), names)


def noisy(images: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(3).integers(-6, 7, images.shape)
    return (images + noise).clip(0, 255).astype(np.uint8)


def cut(left: int, top: int, side: int = 58) -> Callable[[np.ndarray], np.ndarray]:
    """Leave so many of the 64 pixels, and store them as Prepare does."""

    def change(images: np.ndarray) -> np.ndarray:
        box = (left, top, left + side, top + side)
        whole = [Image.fromarray(np.moveaxis(image, 0, 2)) for image in images]
        parts = [one.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box) for one in whole]
        return np.stack([np.moveaxis(np.asarray(part), 2, 0) for part in parts])

    return change


@pytest.mark.parametrize(
    "change", [noisy, cut(3, 3), cut(0, 0), cut(6, 0), cut(0, 6), cut(6, 6), cut(2, 1, 60)]
)
def test_copies_are_found_and_strangers_are_not(change: Callable[..., np.ndarray]) -> None:
    train = pictures(COUNT, 1)
    queries = np.concatenate([change(train[10:14]), pictures(20, 2)])
    found = find_copies(split(queries), [split(train)])
    assert [(one.row, one.part, one.other) for one in found] == [
        (row, 0, row + 10) for row in range(4)
    ]
    assert all(0.4 < one.likeness <= 1.0001 for one in found)
    # also when it is the picture in train that lost something
    other = find_copies(split(train[10:14]), [split(queries)])
    assert [(one.row, one.other) for one in other] == [(row, row) for row in range(4)]


def test_the_most_alike_of_all_parts_and_blocks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_duplicates, "_BLOCK", 7)
    train, valid = pictures(COUNT, 1), pictures(COUNT, 4)
    train[30] = cut(3, 3)(train[59:])[0]
    queries = noisy(np.concatenate([train[[0, 59]], valid[[3]]]))
    found = find_copies(split(queries), [split(train), split(valid)])
    assert [(one.part, one.other) for one in found] == [(0, 0), (0, 59), (1, 3)]


def test_pictures_that_show_nothing_are_no_copies() -> None:
    plain = split(np.full((3, 3, SIDE, SIDE), 128, np.uint8))
    assert find_copies(plain, [plain, split(pictures(2, 1))]) == []


@pytest.mark.parametrize("counts", [(0, 3), (3, 0), (1, 1)])
def test_few_pictures_have_no_copies(counts: tuple[int, int]) -> None:
    of, among = counts
    assert find_copies(split(pictures(of, 1)), [split(pictures(among, 2))]) == []
