"""A review names what a person should see: wrong labels, copies, strangers, mixed classes."""

import json
from pathlib import Path

import numpy as np
import pytest

from extraction.seen_test_pictures import Compared, Seen
from pictures.dataset import Split
from review import findings
from review.findings import Part, copies_of_tested, review, write_review

CLASSES = ("cat", "dog", "owl")
EACH, SIDE, WIDTH = 30, 64, 24


def part(name: str = "train", seed: int = 0, width: int = WIDTH) -> Part:
    """A split whose classes are well apart."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(3), EACH)
    centres = np.random.default_rng(99).normal(0, 1, (3, width))
    features = (centres[labels] * 3 + random.normal(0, 1, (len(labels), width))).astype(np.float32)
    small = random.integers(0, 256, (len(labels), 3, 8, 8), np.uint8)
    images = small.repeat(8, axis=2).repeat(8, axis=3)
    files = tuple(f"{name}/{CLASSES[label]}/{n}.jpg" for n, label in enumerate(labels))
    contents = [f"{seed:x}{n:063x}" for n in range(len(labels))]
    return Part(name, Split(images, labels, files), features, contents)


@pytest.mark.parametrize("width", [WIDTH, 2100])
def test_wrong_labels_come_first_with_the_class_that_is_likelier(width: int) -> None:
    train = part(width=width)
    wrong = {4: 1, 35: 2, 70: 0}
    for row, label in wrong.items():
        train.split.labels[row] = label
    found = review([train, part("valid", 1, width)], CLASSES)
    named = {one.picture.file: (one.picture.label, one.likely) for one in found.suspects}
    assert named == {
        "train/cat/4.jpg": ("dog", "cat"),
        "train/dog/35.jpg": ("owl", "dog"),
        "train/owl/70.jpg": ("cat", "owl"),
    }
    assert found.found["suspects"] == 3
    assert min(one.odds for one in found.suspects) > 1
    assert all(one.odds < 1 for one in found.doubtful)


def test_classes_that_cannot_be_told_apart_are_named() -> None:
    train = part()
    labels = train.split.labels
    labels[:EACH] = np.arange(EACH) % 2  # half of the cats are called dogs
    first = review([train], CLASSES).mixing[0]
    assert (first.first, first.second) == ("cat", "dog")
    assert first.mixed > 5 and first.pictures == 2 * EACH


def test_a_copy_is_named_once_and_the_one_in_train_goes() -> None:
    train, valid = part(), part("valid", 1)
    valid.split.images[7] = train.split.images[3]
    valid.features[7] = train.features[3] * 1.01
    found = review([train, valid], CLASSES)
    assert [(one.picture.file, one.like.file) for one in found.copies] == [
        ("train/cat/3.jpg", "valid/cat/7.jpg")
    ]


def test_a_picture_unlike_all_others_is_named() -> None:
    train = part()
    random = np.random.default_rng(5)
    train.features[:] = np.abs(train.features)
    train.features[11] = -random.normal(8, 1, WIDTH)
    assert [one.picture.file for one in review([train], CLASSES).unlike] == ["train/cat/11.jpg"]


def test_a_picture_far_from_all_others_is_named_though_it_lies_in_the_direction_of_one() -> None:
    train = part()
    train.features[:] = train.features + 20
    mean = train.features.mean(axis=0)
    train.features[11] = mean + 8 * (train.features[5] - mean)
    assert [one.picture.file for one in review([train], CLASSES).unlike] == ["train/cat/11.jpg"]


def test_copies_of_test_pictures_are_listed_and_the_very_file_is_not() -> None:
    train, test = part(), part("test", 2)
    compared = Compared(
        2,
        (
            Seen("test/cat/1.jpg", "train", "train/cat/5.jpg", False, 0.8),
            Seen("test/cat/2.jpg", "train", "train/cat/6.jpg", True, 1.0),
        ),
    )
    (one,) = copies_of_tested(compared, [train], test.split, test.contents, CLASSES)
    assert (one.picture.file, one.like.file, one.like.split) == (
        "train/cat/5.jpg",
        "test/cat/1.jpg",
        "test",
    )


@pytest.mark.parametrize(
    "features", [np.ones((90, 4), np.float32), np.full((90, 4), np.nan, np.float32)]
)
def test_features_that_say_nothing_accuse_nobody(features: np.ndarray) -> None:
    told = Part("train", part().split, features, part().contents)
    found = review([told], CLASSES)
    assert not found.suspects + found.doubtful
    assert not found.mixing


def test_what_is_not_looked_for_or_not_listed_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(findings, "MOST", 50)
    monkeypatch.setattr(findings, "_MOST_LISTED", 1)
    train = part()
    train.split.labels[:3] = 1
    found = review([train], CLASSES)
    assert found.found["suspects"] > 1 and len(found.suspects) == 1
    assert [note.partition(":")[0] for note in found.notes] == [
        "copies in train and valid, and strangers, were not looked for",
        f"{found.found['suspects']} suspects were found, the first 1 are listed",
    ]
    write_review(tmp_path, found)
    written = json.loads((tmp_path / "review.json").read_text())
    assert written["suspects"][0]["picture"]["split"] == "train"
