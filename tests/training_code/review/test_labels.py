"""Wrong labels are told from pictures that are only hard to tell."""

import numpy as np
import pytest

from review.labels import Judged, judge
from review.space import Space

CLASSES, EACH, WIDTH = 10, 40, 32


def pictures(apart: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features and classes of pictures; classes 2n and 2n + 1 are alike."""
    random = np.random.default_rng(seed)
    labels = np.arange(CLASSES * EACH) % CLASSES
    centres = random.normal(0, 1, (CLASSES, WIDTH))
    centres[1::2] = centres[::2] + random.normal(0, 0.5, (CLASSES // 2, WIDTH))
    features = apart * centres[labels] + random.normal(0, 1, (len(labels), WIDTH))
    return features.astype(np.float32), labels


def judged(features: np.ndarray, labels: np.ndarray) -> Judged:
    return judge(Space(features), labels, CLASSES)


def first(found: Judged, count: int) -> set[int]:
    return set(np.argsort(-found.log_odds, kind="stable")[:count].tolist())


@pytest.mark.parametrize("other", ["any", "most alike"])
def test_wrong_labels_come_first_and_about_as_many_are_accused(other: str) -> None:
    features, classes = pictures(apart=2.0)
    random = np.random.default_rng(1)
    wrong = random.choice(len(classes), 20, replace=False)
    labels = classes.copy()
    step = random.integers(1, CLASSES, len(wrong))
    labels[wrong] = (classes[wrong] + step) % CLASSES if other == "any" else classes[wrong] ^ 1
    found = judged(features, labels)
    assert len(first(found, len(wrong)) & set(wrong.tolist())) >= 16
    accused = np.flatnonzero(found.log_odds > 0)
    assert 12 <= len(accused) <= 24
    assert np.mean(found.likely[accused] == classes[accused]) > 0.85


@pytest.mark.parametrize("apart", [0.0, 0.3, 0.6, 1.0])
def test_pictures_that_are_hard_to_tell_are_no_wrong_labels(apart: float) -> None:
    features, labels = pictures(apart)
    found = judged(features, labels)
    assert np.mean(found.looks != labels) > 0.05
    assert (found.log_odds > 0).sum() <= 0.03 * len(labels)


def test_a_picture_is_judged_by_all_but_itself() -> None:
    features, labels = pictures(apart=2.0)
    alone = features[:1] + 30.0
    found = judged(np.concatenate([features, alone]), np.append(labels, 3))
    assert found.looks[-1] != 3 or found.log_odds[-1] > 0


def test_of_the_only_picture_of_a_class_nothing_is_said() -> None:
    features, labels = pictures(apart=2.0)
    labels[labels == 4] = 5
    labels[0] = 4
    found = judged(features, labels)
    assert found.log_odds[0] == -np.inf
    assert found.looks[0] == 4


@pytest.mark.parametrize(
    "labels", [np.zeros(6, np.int64), np.arange(6)], ids=["one class", "one picture a class"]
)
def test_too_few_classes_or_pictures_accuse_nobody(labels: np.ndarray) -> None:
    features = np.random.default_rng(0).normal(size=(len(labels), 4)).astype(np.float32)
    found = judged(features, labels)
    assert (found.log_odds == -np.inf).all()
    assert (found.looks == labels).all()
