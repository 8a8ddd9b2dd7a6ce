"""Samples of pictures are compared in every way, and each way has its words."""

from dataclasses import replace

import numpy as np
import pytest

from monitoring.differences import Difference, differences
from monitoring.looks import LOOKS
from monitoring.reference import Measured

CLASSES = ("ant", "bee", "cow", "dog")


def measured(count: int, seed: int) -> Measured:
    random = np.random.default_rng(seed)
    return Measured(
        places=random.normal(size=(count, 8)).astype(np.float32),
        looks=random.normal(0.5, 0.1, (count, len(LOOKS))).astype(np.float32),
        sizes=random.integers(200, 400, (count, 2)),
        labels=random.integers(0, 4, count),
        confidence=random.uniform(0.5, 1, count).astype(np.float32),
        scores=random.normal(0, 1, count).astype(np.float32),
    )


REFERENCE, CAPTURED = measured(90, 1), measured(80, 2)


def found(captured: Measured, reference: Measured = REFERENCE) -> dict[str, Difference]:
    return {one.name: one for one in differences(reference, captured, CLASSES, 0.01)}


def test_unchanged_pictures_differ_in_nothing() -> None:
    tests = found(CAPTURED)
    looks = list(LOOKS)
    assert list(tests) == ["features", "classes", "confidence", "unknown", *looks, "size", "shape"]
    assert not any(test.changed for test in tests.values())


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("features", {"places": CAPTURED.places + 1}, "is not what it saw in training's"),
        ("classes", {"labels": CAPTURED.labels // 2}, "come, or as often as others did: "),
        ("confidence", {"confidence": CAPTURED.confidence - 0.3}, "is less sure of its answers: 4"),
        ("confidence", {"confidence": CAPTURED.confidence / 2 + 0.5}, "is surer of its answers: 8"),
        ("unknown", {"scores": CAPTURED.scores + 2}, "More pictures look like none"),
        ("unknown", {"scores": CAPTURED.scores - 2}, "Fewer pictures look like none"),
        ("brightness", {"looks": CAPTURED.looks * 0.5}, "They are darker: brightness 0.2"),
        ("contrast", {"looks": CAPTURED.looks * 1.5}, "richer in contrast: contrast 0.7"),
        ("warmth", {"looks": CAPTURED.looks * 0.5}, "They are cooler in colour: "),
        ("tint", {"looks": CAPTURED.looks * 1.5}, "They are greener: "),
        ("sharpness", {"looks": CAPTURED.looks * 0.5}, "They are less sharp: "),
        ("size", {"sizes": CAPTURED.sizes * 4}, "the shorter side has 1,0"),
        ("shape", {"sizes": CAPTURED.sizes * [2, 1]}, "times as wide as high, 1."),
    ],
)
def test_a_change_is_told_in_words(name: str, changes: dict[str, np.ndarray], words: str) -> None:
    test = found(replace(CAPTURED, **changes))[name]
    assert test.changed
    assert test.p <= 0.01
    assert words in test.sentence


def test_more_spread_alone_is_told_as_that() -> None:
    looks = 0.5 + (CAPTURED.looks - CAPTURED.looks.mean(axis=0)) * 4
    sentence = found(replace(CAPTURED, looks=looks))["contrast"].sentence
    assert sentence.startswith("Their contrast is spread differently (mean 0.5")


def test_what_was_not_kept_is_not_compared() -> None:
    old = replace(REFERENCE, sizes=np.zeros((0, 2), np.int64), scores=np.zeros(0, np.float32))
    assert not {"size", "shape", "unknown"} & set(found(CAPTURED, old))


def test_the_last_digits_of_certainty_are_no_change() -> None:
    sure = replace(REFERENCE, confidence=np.ones(90, np.float32))
    surer = replace(CAPTURED, confidence=np.full(80, 0.99999, np.float32))
    assert not found(surer, sure)["confidence"].changed


def test_it_may_be_asked_to_be_surer() -> None:
    moved = replace(CAPTURED, scores=CAPTURED.scores + 0.55)
    by_alarms = [
        {one.name: one.changed for one in differences(REFERENCE, moved, CLASSES, share)}["unknown"]
        for share in (0.1, 1e-4)
    ]
    assert by_alarms == [True, False]
