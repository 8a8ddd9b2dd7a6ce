"""Looks follow what a camera and its light change, and only that."""

import numpy as np
import pytest

from monitoring.looks import LOOKS, looks_of


def picture() -> np.ndarray:
    random = np.random.default_rng(0)
    coarse = random.integers(40, 200, (3, 8, 8))
    return coarse.repeat(8, axis=1).repeat(8, axis=2).astype(np.uint8)


def looks(square: np.ndarray) -> dict[str, float]:
    return dict(zip(LOOKS, looks_of(square[None])[0].tolist(), strict=True))


def blurred(square: np.ndarray) -> np.ndarray:
    wide = np.pad(square, ((0, 0), (1, 1), (1, 1)), mode="edge").astype(float)
    return (sum(wide[:, y : y + 64, x : x + 64] for y in range(3) for x in range(3)) / 9).astype(
        np.uint8
    )


@pytest.mark.parametrize(
    ("changed", "look", "higher"),
    [
        pytest.param(picture() // 2, "brightness", False, id="dimmer"),
        pytest.param(picture() // 2, "contrast", False, id="flatter"),
        pytest.param(picture() * np.uint8([[[1]], [[1]], [[0]]]), "warmth", True, id="no blue"),
        pytest.param(picture() * np.uint8([[[0]], [[1]], [[0]]]), "tint", True, id="green alone"),
        pytest.param(blurred(picture()), "sharpness", False, id="blurred"),
    ],
)
def test_a_change_moves_its_look(changed: np.ndarray, look: str, higher: bool) -> None:
    before, now = looks(picture())[look], looks(changed)[look]
    assert (now > before) is higher
    assert now != pytest.approx(before, rel=0.05)


def test_light_does_not_look_like_blur() -> None:
    dim = (picture() * 0.6).round().astype(np.uint8)
    assert looks(dim)["sharpness"] == pytest.approx(looks(picture())["sharpness"], rel=0.03)


def test_the_smallest_and_dullest_pictures_have_looks() -> None:
    assert np.isfinite(looks_of(np.zeros((2, 3, 1, 1), np.uint8))).all()
