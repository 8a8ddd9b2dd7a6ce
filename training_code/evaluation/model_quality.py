"""Compute test results in the layout of SageMaker's multiclass model-quality statistics.

As SageMaker defines it, `standard_deviation` is that of the metric over five random samples of
80 % of the rows, and "NaN" below 200 rows. How far the accuracy may be off by chance is
`accuracy_standard_error` (binomial). Confusion matrix: actual class, then predicted class.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

TOP = 5
BINS = 15
_SAMPLES = 5
_SAMPLE_SHARE = 0.8
_FEWEST_ROWS = 200

Numbers = npt.NDArray[np.int64]
Metric = Callable[[Numbers, Numbers], float]


@dataclass(frozen=True)
class Outcomes:
    """Test outcomes, one row a picture, each (N,).

    Actual and predicted class number, the probability of the predicted class, and whether the
    actual class is among the five most probable.
    """

    actual: Numbers
    predicted: Numbers
    confidence: npt.NDArray[np.float64]
    in_top: npt.NDArray[np.bool_]


def outcomes_of(actual: Numbers, probabilities: npt.NDArray[np.float32]) -> Outcomes:
    """Return a batch's outcomes, from class numbers (N,) and probabilities (N, classes)."""
    predicted = probabilities.argmax(axis=1)
    of_actual = np.take_along_axis(probabilities, actual[:, None], axis=1)
    rank = (probabilities > of_actual).sum(axis=1)
    return Outcomes(actual, predicted, probabilities.max(axis=1).astype(np.float64), rank < TOP)


def join(batches: Sequence[Outcomes]) -> Outcomes:
    """Join the outcomes of all batches."""
    return Outcomes(
        np.concatenate([batch.actual for batch in batches]),
        np.concatenate([batch.predicted for batch in batches]),
        np.concatenate([batch.confidence for batch in batches]),
        np.concatenate([batch.in_top for batch in batches]),
    )


def multiclass_metrics(outcomes: Outcomes, classes: Sequence[str]) -> dict[str, Any]:
    """Return the value of `multiclass_classification_metrics` in evaluation.json."""
    matrix = confusion_matrix(outcomes.actual, outcomes.predicted, len(classes))
    rows = int(matrix.sum())
    share = float(np.trace(matrix)) / rows
    majority = np.full_like(outcomes.predicted, np.argmax(np.bincount(outcomes.actual)))
    metrics: dict[str, Any] = {"confusion_matrix": _named(matrix, classes)}
    for name, metric in _metrics(len(classes)).items():
        metrics[name] = _with_deviation(metric, outcomes.actual, outcomes.predicted)
    for name, metric in _metrics(len(classes)).items():
        constant = _with_deviation(metric, outcomes.actual, majority)
        metrics[f"{name}_best_constant_classifier"] = constant
    return metrics | {
        "accuracy_standard_error": {"value": (share * (1 - share) / rows) ** 0.5},
        f"top_{TOP}_accuracy": {
            "value": float(outcomes.in_top.mean()),
            "k": min(TOP, len(classes)),
        },
        "expected_calibration_error": calibration(outcomes),
        "per_class": per_class(matrix, classes),
    }


def confusion_matrix(actual: Numbers, predicted: Numbers, classes: int) -> Numbers:
    """Count pictures (classes, classes): row is the actual class, column the predicted one."""
    counts = np.bincount(actual * classes + predicted, minlength=classes * classes)
    return counts.reshape(classes, classes)


def per_class(matrix: Numbers, classes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return each class's recall, precision and number of pictures; None where nothing counts."""
    right, of_class, predicted = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    return {
        name: {
            "recall": float(right[i] / of_class[i]) if of_class[i] else None,
            "precision": float(right[i] / predicted[i]) if predicted[i] else None,
            "count": int(of_class[i]),
        }
        for i, name in enumerate(classes)
    }


def calibration(outcomes: Outcomes) -> dict[str, Any]:
    """Return the expected calibration error, with its 15 equal bins.

    It is the mean gap between confidence and accuracy over the bins, as in Guo et al., "On
    Calibration of Modern Neural Networks" (2017).
    """
    correct = outcomes.actual == outcomes.predicted
    numbers = np.minimum((outcomes.confidence * BINS).astype(np.int64), BINS - 1)
    error, bins = 0.0, []
    for number in range(BINS):
        inside = numbers == number
        count = int(inside.sum())
        if not count:
            continue
        confidence = float(outcomes.confidence[inside].mean())
        accuracy = float(correct[inside].mean())
        error += count / len(correct) * abs(accuracy - confidence)
        edges = {"lower": number / BINS, "upper": (number + 1) / BINS}
        bins.append(edges | {"count": count, "confidence": confidence, "accuracy": accuracy})
    return {"value": error, "bin_count": BINS, "bins": bins}


def _metrics(classes: int) -> dict[str, Metric]:
    """Return SageMaker's metrics by name; "weighted" is by each class's number of pictures."""

    def recall(actual: Numbers, predicted: Numbers) -> float:
        return _weighted(confusion_matrix(actual, predicted, classes), 0)[1]

    def precision(actual: Numbers, predicted: Numbers) -> float:
        return _weighted(confusion_matrix(actual, predicted, classes), 0)[0]

    def f_score(beta: float) -> Metric:
        return lambda actual, predicted: _weighted(
            confusion_matrix(actual, predicted, classes), beta
        )[2]

    return {
        "accuracy": lambda actual, predicted: float((actual == predicted).mean()),
        "weighted_recall": recall,
        "weighted_precision": precision,
        "weighted_f0_5": f_score(0.5),
        "weighted_f1": f_score(1),
        "weighted_f2": f_score(2),
    }


def _weighted(matrix: Numbers, beta: float) -> tuple[float, float, float]:
    """Return precision, recall and F-beta, each class weighted by its number of pictures."""
    right, of_class, predicted = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    precision = right / np.maximum(predicted, 1)
    recall = right / np.maximum(of_class, 1)
    below = beta**2 * precision + recall
    f_beta = (1 + beta**2) * precision * recall / np.where(below > 0, below, 1)
    weights = of_class / of_class.sum()
    return float(precision @ weights), float(recall @ weights), float(f_beta @ weights)


def _with_deviation(metric: Metric, actual: Numbers, predicted: Numbers) -> dict[str, Any]:
    value: dict[str, Any] = {"value": metric(actual, predicted), "standard_deviation": "NaN"}
    if len(actual) >= _FEWEST_ROWS:
        random = np.random.default_rng(0)
        size = int(len(actual) * _SAMPLE_SHARE)
        samples = (random.choice(len(actual), size, replace=False) for _ in range(_SAMPLES))
        values = [metric(actual[rows], predicted[rows]) for rows in samples]
        value["standard_deviation"] = float(np.std(values, ddof=1))
    return value


def _named(matrix: Numbers, classes: Sequence[str]) -> dict[str, dict[str, int]]:
    return {
        actual: {predicted: int(matrix[i, j]) for j, predicted in enumerate(classes)}
        for i, actual in enumerate(classes)
    }
