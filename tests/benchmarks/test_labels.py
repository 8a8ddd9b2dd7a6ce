"""The benchmark of the review: what is flipped, counted and complained of."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.labels import problems, table
from benchmarks.review_known import COPY_WAYS, FLIP_WAYS, Known, changed, flipped

CLASSES, EACH = 4, 25


@pytest.fixture
def known() -> Known:
    """Pictures of four classes; the first two are alike, and the last two."""
    random = np.random.default_rng(0)
    labels = np.arange(CLASSES * EACH) % CLASSES
    middles = np.array([[5, 0, 1], [5, 0, -1], [-5, 1, 0], [-5, -1, 0]])
    features = middles[labels] + random.normal(0, 0.2, (len(labels), 3))
    return Known(features.astype(np.float32), labels, [], CLASSES)


@pytest.mark.parametrize("name", FLIP_WAYS)
def test_no_flipped_label_stays_what_it_was(known: Known, name: str) -> None:
    rows = np.arange(0, 100, 3)
    labels = FLIP_WAYS[name](known, rows, np.random.default_rng(0))
    assert (labels != known.labels[rows]).all()
    assert set(labels.tolist()) <= set(range(CLASSES))


def test_the_similar_class_is_the_one_whose_pictures_are_alike(known: Known) -> None:
    rows = np.arange(4)
    labels = FLIP_WAYS["similar"](known, rows, np.random.default_rng(0))
    assert labels.tolist() == [1, 0, 3, 2]


def test_flips_are_found_where_classes_are_well_apart(known: Known) -> None:
    found = flipped(known, FLIP_WAYS["random"], seeds=2)
    assert found.found == 1.0
    assert found.named == 5
    assert found.rightly == 1.0


@pytest.mark.parametrize("name", COPY_WAYS)
def test_a_made_copy_is_another_picture_of_the_same_size(name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    picture = Image.fromarray(noise).resize((64, 64))
    square = np.ascontiguousarray(np.asarray(picture).transpose(2, 0, 1))
    made = changed(square, COPY_WAYS[name])
    assert made.shape == square.shape
    assert made.dtype == np.uint8
    assert not np.array_equal(made, square)


def result(**changes: Any) -> dict[str, Any]:
    labels = {
        "pictures": 7000,
        "found": {"random": 0.9, "similar": 0.62},
        "named": {"random": 400.0, "similar": 180.0},
        "named_rightly": {"random": 0.9, "similar": 0.85},
        "named_without_flips": 4,
        "copies": {"quality 60": 1.0, "cropped to 90 %": 0.99},
        "false_copies": 0.0,
        "label_seconds": 1.0,
        "copy_seconds": 1.0,
        **changes,
    }
    return {"data": "dogs", "pretrained": True, "quick": False, "labels": labels}


def test_what_holds_is_no_problem_and_stands_in_the_table() -> None:
    assert problems(result()) == []
    assert "180, 85% of them flipped" in table(result())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"found": {"random": 0.7, "similar": 0.62}}, "random: 0.700 found"),
        ({"found": {"random": 0.9, "similar": 0.5}}, "similar: 0.500 found"),
        ({"copies": {"quality 60": 0.9}}, "copies: 0.900 found"),
        ({"false_copies": 0.01}, "0.01000 false copies"),
        ({"named_without_flips": 383}, "383 labels named that nobody flipped"),
        ({"label_seconds": 4.0}, "4.0 CPU seconds for 7,000"),
    ],
)
def test_what_does_not_hold_is_named(changes: dict[str, Any], said: str) -> None:
    (problem,) = problems(result(**changes))
    assert said in problem


def test_of_random_weights_nothing_is_asked() -> None:
    bad = result(found={"random": 0.1, "similar": 0.1})
    assert problems({**bad, "pretrained": False}) == []
