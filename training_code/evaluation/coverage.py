"""Measure accuracy against coverage: how right a model is when it answers what it is sure of.

A model promises points of this curve, found on validation pictures: at such a confidence it answers
so many, so many of them rightly. Here test pictures say whether it keeps them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.chance import chance_of_fewer, chance_of_worse
from evaluation.model_quality import Outcomes
from evaluation.surest import surest

SHOWN = 0.8  # the coverage that the summary names
LEVEL = 0.95  # that a promise is not called broken by chance

Right = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Promise:
    """Of `pictures`, `answered` were at least so sure, and `right` of these were right."""

    answered: int
    confidence: float
    right: int
    pictures: int


def coverage_section(
    outcomes: Outcomes, promised: npt.NDArray[np.float32] | None, accuracy: float | None
) -> dict[str, Any]:
    """Return the `coverage` section of evaluation.json.

    `promised` (points, 3) has pictures, confidence, and how many were right, as of known.py. Given
    an `accuracy`, `at` says how many pictures can be answered with it.
    """
    right, confidence = outcomes.actual == outcomes.predicted, outcomes.confidence
    points = curve(right, confidence)
    shown = min(points, key=lambda point: abs(point["coverage"] - SHOWN))
    summary = (
        f"answers the {shown['coverage']:.0%} it is surest of with {shown['accuracy']:.1%} accuracy"
    )
    section: dict[str, Any] = {"summary": summary, "points": points}
    if accuracy is not None:
        section["at"] = {"accuracy": accuracy, "coverage": coverage_at(right, confidence, accuracy)}
    if promised is not None:
        section["promised"] = [_kept(right, confidence, one) for one in _promises(promised)]
    return section


def curve(right: Right, confidence: npt.NDArray[np.float64]) -> list[dict[str, float]]:
    """Return coverage, confidence and accuracy of the surest 5 %, 10 %, … of the pictures."""
    order, counts = surest(confidence)
    sums = np.cumsum(right[order])
    return [
        {
            "coverage": int(count) / len(right),
            "confidence": float(confidence[order][count - 1]),
            "accuracy": int(sums[count - 1]) / int(count),
        }
        for count in counts
    ]


def coverage_at(right: Right, confidence: npt.NDArray[np.float64], accuracy: float) -> float:
    """Return the largest share of pictures, the surest, that is answered with this accuracy."""
    order = np.argsort(-confidence, kind="stable")
    counts = np.arange(1, len(right) + 1)
    enough = np.cumsum(right[order]) >= accuracy * counts - 1e-9
    # pictures of one confidence are answered together or not at all
    last_of_equals = np.append(np.diff(confidence[order]) != 0, True)
    found = counts[enough & last_of_equals]
    return float(found[-1] / len(right)) if len(found) else 0.0


def _promises(promised: npt.NDArray[np.float32]) -> list[Promise]:
    pictures = int(promised[-1, 0])
    return [
        Promise(int(count), float(sure), int(right), pictures) for count, sure, right in promised
    ]


def _kept(right: Right, confidence: npt.NDArray[np.float64], promise: Promise) -> dict[str, Any]:
    """Return a promised point, what the test pictures make of it, and whether it is kept.

    It is, unless accuracy or coverage is lower by more than chance explains: `chance` is how likely
    pictures of the same kind are as far below it.
    """
    answered = confidence >= promise.confidence
    count, of, good = int(answered.sum()), len(right), int(right[answered].sum())
    chance = _chance(promise, good, count, of)
    return {
        "confidence": promise.confidence,
        "coverage": promise.answered / promise.pictures,
        "accuracy": promise.right / promise.answered,
        "test_coverage": count / of,
        "test_accuracy": good / count if count else None,
        "chance": chance,
        "kept": chance > 1 - LEVEL,
    }


def _chance(promise: Promise, right: int, answered: int, pictures: int) -> float:
    worse = chance_of_worse((promise.right, promise.answered), (right, answered))
    fewer = chance_of_fewer((promise.answered, promise.pictures), (answered, pictures))
    return min(1.0, 2 * min(worse, fewer))  # the one or the other
