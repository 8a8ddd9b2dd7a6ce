"""Accuracy against coverage, and whether the test keeps what validation promised."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from evaluation.coverage import coverage_at, coverage_section, curve
from evaluation.model_quality import Outcomes
from knowing.fitting import promised


def outcomes(right: Sequence[bool], confidence: Sequence[float]) -> Outcomes:
    actual = np.where(right, 0, 1).astype(np.int64)
    return Outcomes(
        actual, np.zeros(len(right), np.int64), np.array(confidence), np.ones(len(right), bool)
    )


SURE = [0.9, 0.8, 0.7, 0.6, 0.5]


@pytest.mark.parametrize(
    ("right", "accuracy", "coverage"),
    [
        ([1, 1, 1, 1, 1], 0.95, 1.0),
        ([1, 1, 1, 0, 0], 0.95, 0.6),
        ([1, 1, 1, 0, 0], 0.75, 0.8),
        ([0, 1, 1, 1, 1], 0.8, 1.0),  # it is the largest share that counts
        ([0, 0, 0, 0, 0], 0.1, 0.0),
    ],
)
def test_the_share_that_is_answered_with_an_accuracy(
    right: Any, accuracy: float, coverage: float
) -> None:
    assert coverage_at(np.array(right, bool), np.array(SURE), accuracy) == coverage


def test_pictures_of_one_confidence_are_answered_together_or_not_at_all() -> None:
    right, confidence = np.array([1, 1, 0, 0], bool), np.array([0.9, 0.5, 0.5, 0.4])
    assert coverage_at(right, confidence, 0.95) == 0.25


def test_the_curve_goes_from_the_surest_to_all() -> None:
    points = curve(np.array([0, 1, 1, 1, 1], bool), np.array([0.1, 0.9, 0.8, 0.7, 0.6]))
    assert points[0] == {"coverage": 0.2, "confidence": 0.9, "accuracy": 1.0}
    assert points[-1] == {"coverage": 1.0, "confidence": 0.1, "accuracy": 0.8}


def test_the_summary_says_what_the_surest_80_percent_are_worth() -> None:
    section = coverage_section(outcomes([1, 1, 1, 0, 0], SURE), None, 0.95)
    assert section["summary"] == "answers the 80% it is surest of with 75.0% accuracy"
    assert section["at"] == {"accuracy": 0.95, "coverage": 0.6}
    assert "promised" not in section


def drawn(seed: int, count: int, sharpness: float) -> tuple[Any, Any]:
    """Logits of two classes, and labels that are as likely as `sharpness` 1 says."""
    random = np.random.default_rng(seed)
    gaps = random.normal(0, 3, count)
    labels = (random.random(count) > 1 / (1 + np.exp(-gaps * sharpness))).astype(np.int64)
    return np.stack([gaps, np.zeros(count)], axis=1).astype(np.float32), labels


def outcomes_of(logits: Any, labels: Any) -> Outcomes:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    every = np.ones(len(labels), bool)
    return Outcomes(labels, shares.argmax(axis=1), shares.max(axis=1).astype(float), every)


def test_a_promise_is_broken_by_chance_no_more_often_than_it_says() -> None:
    """Each point on its own: validation and test are drawn anew each time."""
    kept = [
        [
            one["kept"]
            for one in coverage_section(
                outcomes_of(*drawn(2 * seed + 1, 300, 1.0)),
                promised(*drawn(2 * seed, 300, 1.0)),
                None,
            )["promised"]
        ]
        for seed in range(100)
    ]
    assert 0.95 < np.mean(kept) < 0.99


@pytest.mark.parametrize("count", [7, 40])
def test_answers_of_one_confidence_are_promised_and_counted_together(count: int) -> None:
    """Of answers that are all as sure, a first part is no surer than the rest."""
    logits = np.tile(np.array([[2, 0]], np.float32), (count, 1))
    labels = np.arange(count) % 2
    (point,) = promised(logits, labels)
    assert point[[0, 2]].tolist() == [count, (count + 1) // 2]
    (found,) = curve(labels == 0, np.full(count, 0.9))
    assert (found["coverage"], found["accuracy"]) == (1, np.mean(labels == 0))


def test_a_promise_is_broken_by_pictures_that_are_harder() -> None:
    points = promised(*drawn(0, 800, 1.0))
    found = coverage_section(outcomes_of(*drawn(1, 800, 0.3)), points, None)["promised"]
    assert not any(one["kept"] for one in found[10:])
