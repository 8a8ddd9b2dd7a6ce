"""Read the test results: evaluation.json, predictions.jsonl and the worst mistakes' pictures."""

import json
import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

from pipeline.report.contents import CalibrationBin, ClassQuality, ConfusedPair, Evaluation, Mistake
from pipeline.report.sections.pictures import picture_reader
from pipeline.report.sources.facts import Facts
from pipeline.report.sources.source import Source

STEP = "Evaluate"
_Z = NormalDist().inv_cdf(0.975)
_MISTAKES = 24
_PAIRS = 30


def read_evaluation(source: Source, facts: Facts) -> Evaluation:
    """Read a run's test results. Raises Absent when Evaluate did not complete."""
    folder = facts.output(STEP, "evaluation")
    content = json.loads(source.read(f"{folder}/evaluation.json"))
    metrics = content["multiclass_classification_metrics"]
    predictions = [
        json.loads(line) for line in source.read(f"{folder}/predictions.jsonl").splitlines()
    ]
    classes = list(metrics["confusion_matrix"])
    confusion = tuple(
        tuple(int(metrics["confusion_matrix"][actual][predicted]) for predicted in classes)
        for actual in classes
    )
    pictures, right = sum(map(sum, confusion)), sum(row[i] for i, row in enumerate(confusion))
    low, high = wilson_interval(right, pictures)
    top = _top(metrics)
    error = metrics.get("expected_calibration_error") or {}
    return Evaluation(
        pictures=pictures,
        accuracy=float(metrics["accuracy"]["value"]),
        low=low,
        high=high,
        classes=class_qualities(classes, confusion),
        confusion=confusion,
        confused_pairs=confused_pairs(classes, confusion),
        mistakes=_mistakes(source, facts, predictions, classes),
        calibration=tuple(CalibrationBin(**item) for item in error.get("bins", [])),
        calibration_error=error.get("value"),
        top_k=top.get("k"),
        top_k_accuracy=top.get("value"),
        threshold=_threshold(facts),
        champion=_champion(content.get("champion")),
    )


def wilson_interval(right: int, pictures: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of right / pictures: Wilson's score interval (1927)."""
    if pictures == 0:
        return 0.0, 1.0
    share, of = right / pictures, _Z**2 / pictures
    middle = (share + of / 2) / (1 + of)
    spread = _Z / (1 + of) * math.sqrt(share * (1 - share) / pictures + of / (4 * pictures))
    return max(0.0, middle - spread), min(1.0, middle + spread)


def class_qualities(
    classes: Sequence[str], confusion: Sequence[Sequence[int]]
) -> tuple[ClassQuality, ...]:
    """Compute precision, recall and F1 of every class; None where nothing was counted."""
    predicted = [sum(column) for column in zip(*confusion, strict=True)]
    found = []
    for index, name in enumerate(classes):
        right, of_class = confusion[index][index], sum(confusion[index])
        precision = right / predicted[index] if predicted[index] else None
        recall = right / of_class if of_class else None
        both = of_class + predicted[index]
        f1 = 2 * right / both if both else None
        found.append(ClassQuality(name, of_class, precision, recall, f1))
    return tuple(found)


def confused_pairs(
    classes: Sequence[str], confusion: Sequence[Sequence[int]]
) -> tuple[ConfusedPair, ...]:
    """Return the most frequent pairs of actual and wrongly predicted class, by falling count."""
    pairs = [
        ConfusedPair(actual, predicted, confusion[i][j])
        for i, actual in enumerate(classes)
        for j, predicted in enumerate(classes)
        if i != j and confusion[i][j]
    ]
    return tuple(
        sorted(pairs, key=lambda pair: (-pair.count, pair.actual, pair.predicted))[:_PAIRS]
    )


def _mistakes(
    source: Source,
    facts: Facts,
    predictions: Sequence[Mapping[str, Any]],
    classes: Sequence[str],
) -> tuple[Mistake, ...]:
    """Return the wrong predictions of highest confidence, the surest first."""
    number = {name: index for index, name in enumerate(classes)}
    wrong = [row for row in predictions if row["label"] != row["prediction"]]
    worst = sorted(wrong, key=lambda row: (-max(row["probabilities"]), row["file"]))[:_MISTAKES]
    picture_of = picture_reader(source, facts)
    return tuple(
        Mistake(
            file=row["file"],
            actual=row["label"],
            predicted=row["prediction"],
            probability=max(row["probabilities"]),
            actual_probability=row["probabilities"][number[row["label"]]],
            picture=picture_of(row["file"]),
        )
        for row in worst
    )


def _top(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    found = [value for name, value in metrics.items() if name.startswith("top_") and "k" in value]
    return found[0] if found else {}


def _threshold(facts: Facts) -> float | None:
    text = facts.parameters.get("AccuracyThreshold")
    return float(text) if text is not None else None


def _champion(compared: Mapping[str, Any] | None) -> str | None:
    if compared is None:
        return None
    return str(compared.get("summary") or compared.get("reason") or "") or None
