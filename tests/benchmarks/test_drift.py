"""The benchmark of changed cameras: what it draws, and what it complains of."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.drift import problems, table
from benchmarks.measure_drift import CAMERAS


@pytest.mark.parametrize("name", CAMERAS)
def test_every_camera_changes_a_picture_and_keeps_its_size(name: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 40, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    first, again = (np.asarray(CAMERAS[name](picture)) for _ in range(2))
    assert first.shape == pixels.shape
    assert np.array_equal(first, again)
    assert not np.array_equal(first, pixels)


def result(**changes: Any) -> dict[str, Any]:
    drift = {
        "reference": 840,
        "sizes": [50, 500],
        "raised": {"blur": [0.4, 1.0]},
        "by": {"blur": ["features", "sharpness"]},
        "checks": 3000,
        "false_alarms": 3,
        "check_cpu_seconds": 0.1,
    }
    return {"data": "dogs", "pretrained": True, "quick": False, "drift": drift | changes}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, []),
        ({"raised": {"blur": [0.4, 0.8]}}, ["not reached: blur was raised in 80% of the draws"]),
        ({"false_alarms": 4}, ["not reached: 4 false alarms in 3,000 checks"]),
    ],
)
def test_what_is_not_reached_is_said(changes: dict[str, Any], words: list[str]) -> None:
    found = problems(result(**changes))
    assert len(found) == len(words)
    assert all(line.startswith(word) for line, word in zip(found, words, strict=True))


def test_of_random_weights_and_small_sizes_nothing_is_asked() -> None:
    bad = result(false_alarms=100)
    assert problems(bad | {"pretrained": False}) == problems(bad | {"quick": True}) == []


def test_the_table_says_by_what_a_change_was_raised() -> None:
    shown = table(result())
    assert "features, sharpness" in shown
    assert "3 in 3,000 checks of 500 pictures with 840 others" in shown
