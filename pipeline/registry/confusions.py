"""Compare what two versions took for what, and how far their confidence was earned."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.registry.versions import Version

_METRICS = "multiclass_classification_metrics"


@dataclass(frozen=True)
class ConfusedPair:
    """How often each of two versions took pictures of `actual` for `predicted`."""

    actual: str
    predicted: str
    first: int
    second: int

    @property
    def difference(self) -> int:
        """The first version's mistakes less the second's."""
        return self.first - self.second


@dataclass(frozen=True)
class Confusion:
    """A version's confusion matrix: rows are actual classes, columns predicted ones."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class ConfidenceBin:
    """Answers of a confidence in [lower, upper): how many, how sure and how often right."""

    lower: float
    upper: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """How far a version's confidence is earned: the mean gap, and its bins with answers."""

    error: float
    bins: tuple[ConfidenceBin, ...]


def confused_pairs(one: Version, other: Version) -> tuple[ConfusedPair, ...]:
    """Return the mistakes that the two do not make equally often, the largest difference first."""
    first, second = (dict(_mistakes(version)) for version in (one, other))
    pairs = [
        ConfusedPair(*pair, first.get(pair, 0), second.get(pair, 0)) for pair in first | second
    ]
    differing = [pair for pair in pairs if pair.difference]
    return tuple(
        sorted(differing, key=lambda pair: (-abs(pair.difference), pair.actual, pair.predicted))
    )


def confusion_of(version: Version) -> Confusion | None:
    """Return a version's confusion matrix; None where its evaluation has none that can be read."""
    matrix = _matrix(version)
    counts = tuple(
        tuple(_count(row.get(name)) for name in matrix)
        for row in matrix.values()
        if isinstance(row, dict)
    )
    return Confusion(tuple(matrix), counts) if len(counts) == len(matrix) > 0 else None


def calibration_of(version: Version) -> Calibration | None:
    """Return a version's calibration; None where its evaluation has none that can be read."""
    found = _metrics(version).get("expected_calibration_error")
    if not isinstance(found, dict):
        return None
    try:
        bins = tuple(ConfidenceBin(**one) for one in found["bins"] if one["count"])
        return Calibration(float(found["value"]), bins) if all(map(_is_sound, bins)) else None
    except (LookupError, TypeError, ValueError):
        return None


def _is_sound(one: ConfidenceBin) -> bool:
    shares = (one.lower, one.upper, one.confidence, one.accuracy)
    return all(isinstance(share, int | float) and 0 <= share <= 1 for share in shares)


def _mistakes(version: Version) -> Iterator[tuple[tuple[str, str], int]]:
    for actual, row in _matrix(version).items():
        if isinstance(row, dict):
            for predicted, value in row.items():
                if predicted != actual and (count := _count(value)):
                    yield (actual, predicted), count


def _count(value: Any) -> int:
    is_number = isinstance(value, int | float) and math.isfinite(value)
    return int(value) if is_number else 0


def _matrix(version: Version) -> Mapping[str, Any]:
    matrix = _metrics(version).get("confusion_matrix")
    return matrix if isinstance(matrix, dict) else {}


def _metrics(version: Version) -> Mapping[str, Any]:
    metrics = version.evaluation.get(_METRICS)
    return metrics if isinstance(metrics, dict) else {}
