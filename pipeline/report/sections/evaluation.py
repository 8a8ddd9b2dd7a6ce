"""Read the test results: evaluation.json, predictions.jsonl and the worst mistakes' pictures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.comparing.coverage import Coverage, read_coverage
from pipeline.comparing.intervals import wilson_interval
from pipeline.report.gate import Gate, champion_words, issues_heard, parameter, shortfall_of
from pipeline.report.page.class_order import FEW_CLASSES, neighbour_order
from pipeline.report.section import Section
from pipeline.report.seen import SeenPicture, accuracy_without, read_seen
from pipeline.report.sources.explanations import (
    SimilarPicture,
    read_explanations,
    similar_pictures,
)
from pipeline.report.sources.facts import EVALUATE, Facts
from pipeline.report.sources.pictures import picture_reader
from pipeline.report.sources.source import Source

_MISTAKES = 24
_PAIRS = 30
_MOST_CELLS = 200  # classes: more cells slow a browser, and the plot has them
_LEVELS = 9


@dataclass(frozen=True)
class ClassQuality:
    """A class's test results; None where nothing was counted."""

    name: str
    support: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class CalibrationBin:
    """Pictures whose confidence lies in [lower, upper): mean confidence and accuracy."""

    lower: float
    upper: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class ConfusedPair:
    """The number of pictures of `actual` that were classified as `predicted`."""

    actual: str
    predicted: str
    count: int


@dataclass(frozen=True)
class Mistake:
    """A confident wrong prediction. `picture`: the prepared square as JPEG, if it is there.

    `probability` is that of the predicted class, `actual_probability` that of the actual one.
    `heat`: a PNG of where the model looked, to lay over the picture, and `looks_like`: training
    pictures, both where the model can say.
    """

    file: str
    actual: str
    predicted: str
    probability: float
    actual_probability: float | None = None
    picture: bytes | None = None
    heat: bytes | None = None
    looks_like: tuple[SimilarPicture, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """The test results. `low` and `high`: Wilson's 95 % interval of the accuracy.

    `threshold` and `tolerance` are the gate's; `issues`: what it heard from debugger rules.
    `seen`: test pictures that training saw, None where that was not looked at;
    `accuracy_of_unseen`: that of the others.
    `confusion`: counts, row = actual, column = predicted, in the order of `classes`.
    """

    pictures: int
    accuracy: float
    low: float
    high: float
    classes: tuple[ClassQuality, ...]
    confusion: tuple[tuple[int, ...], ...]
    confused_pairs: tuple[ConfusedPair, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    calibration: tuple[CalibrationBin, ...] = ()
    calibration_error: float | None = None
    top_k: int | None = None
    top_k_accuracy: float | None = None
    threshold: float | None = None
    champion: str | None = None
    tolerance: float | None = None
    shortfall: float | None = None
    issues: str | None = None
    seen: tuple[SeenPicture, ...] | None = None
    accuracy_of_unseen: float | None = None
    coverage: Coverage | None = None
    coverage_minimum: float | None = None

    @property
    def gate(self) -> Gate:
        """What the gate asks for, and what it looked at."""
        return Gate(
            threshold=self.threshold,
            tolerance=self.tolerance,
            shortfall=self.shortfall,
            champion=self.champion,
            issues=self.issues,
            coverage=self.coverage.covered if self.coverage else None,
            covered_accuracy=self.coverage.accuracy if self.coverage else None,
            coverage_minimum=self.coverage_minimum,
        )

    @property
    def right(self) -> int:
        """How many of the test pictures were predicted rightly."""
        return sum(row[index] for index, row in enumerate(self.confusion))


@dataclass(frozen=True)
class ClassRow:
    """A class and the wrong class that its pictures were most often taken for."""

    quality: ClassQuality
    taken_for: str
    times: int


@dataclass(frozen=True)
class Cell:
    """A cell of the confusion table: `level` 1 to 9 is how dark it is."""

    count: int
    level: int
    right: bool
    words: str


@dataclass(frozen=True)
class ConfusionRow:
    """A row of the confusion table: a true class and the predictions for its pictures."""

    name: str
    cells: tuple[Cell | None, ...]


def read_evaluation(source: Source, facts: Facts) -> Evaluation:
    """Read a run's test results. Raises Absent when Evaluate did not complete."""
    folder = facts.output(EVALUATE, "evaluation")
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
    interval = wilson_interval(right, pictures)
    top, seen = _top(metrics), read_seen(source, facts)
    error = metrics.get("expected_calibration_error") or {}
    return Evaluation(
        pictures=pictures,
        accuracy=float(metrics["accuracy"]["value"]),
        low=interval.low,
        high=interval.high,
        classes=class_qualities(classes, confusion),
        confusion=confusion,
        confused_pairs=confused_pairs(classes, confusion),
        mistakes=_mistakes(source, facts, predictions, classes),
        calibration=tuple(CalibrationBin(**item) for item in error.get("bins", [])),
        calibration_error=error.get("value"),
        top_k=top.get("k"),
        top_k_accuracy=top.get("value"),
        threshold=parameter(facts, "AccuracyThreshold"),
        champion=champion_words(content.get("champion")),
        tolerance=parameter(facts, "ChampionTolerance"),
        shortfall=shortfall_of(content.get("champion")),
        issues=issues_heard(source, facts),
        seen=seen,
        accuracy_of_unseen=accuracy_without(predictions, seen),
        coverage=read_coverage(content),
        coverage_minimum=parameter(facts, "CoverageMinimum"),
    )


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
    why = read_explanations(source, facts)
    similar = similar_pictures(source, facts, why)
    return tuple(
        Mistake(
            file=row["file"],
            actual=row["label"],
            predicted=row["prediction"],
            probability=max(row["probabilities"]),
            actual_probability=row["probabilities"][number[row["label"]]],
            picture=picture_of(row["file"]),
            heat=why[row["file"]].heat if row["file"] in why else None,
            looks_like=similar.get(row["file"], ()),
        )
        for row in worst
    )


def _top(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    found = [value for name, value in metrics.items() if name.startswith("top_") and "k" in value]
    return found[0] if found else {}


def class_rows(evaluation: Evaluation) -> list[ClassRow]:
    """Return a row for every class, the worst F1 first."""
    rows = []
    for index, quality in enumerate(evaluation.classes):
        mistakes = list(evaluation.confusion[index]) if index < len(evaluation.confusion) else []
        if index < len(mistakes):
            mistakes[index] = 0
        times = max(mistakes, default=0)
        name = evaluation.classes[mistakes.index(times)].name if times else ""
        rows.append(ClassRow(quality, name, times))
    return sorted(rows, key=lambda row: (row.quality.f1 is None, row.quality.f1 or 0.0))


def confusion_rows(evaluation: Evaluation) -> list[ConfusionRow]:
    """Return the confusion matrix as rows, ordered as its plot is; empty above 200 classes."""
    confusion, classes = evaluation.confusion, evaluation.classes
    count = len(confusion)
    if not 0 < count <= _MOST_CELLS:
        return []
    order = list(range(count)) if count <= FEW_CLASSES else neighbour_order(confusion)
    rows = []
    for row in order:
        row_total = sum(confusion[row])
        cells = [
            _cell(confusion[row][column], row_total, classes[row].name, classes[column].name)
            for column in order
        ]
        rows.append(ConfusionRow(classes[row].name, tuple(cells)))
    return rows


def _cell(count: int, row_total: int, actual: str, predicted: str) -> Cell | None:
    if not count:
        return None
    level = max(1, round(_LEVELS * (count / row_total) ** 0.5))
    right = actual == predicted
    words = f"{actual}, right: {count}" if right else f"{actual}, taken for {predicted}: {count}"
    return Cell(count, level, right, words)


def _rows(evaluation: Evaluation) -> dict[str, Any]:
    return {"classes": class_rows(evaluation), "confusion": confusion_rows(evaluation)}


SECTION = Section(
    name="evaluation",
    title="Test results",
    place=20,
    turn=40,
    anchor="test",
    read=lambda run: read_evaluation(run.source, run.facts),
    rows=_rows,
)
