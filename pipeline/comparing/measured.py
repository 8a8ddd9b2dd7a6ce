"""Compare what was measured of two models, and say how sure the difference is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.comparing.answers import (
    NotPairedError,
    PairedAnswers,
    Read,
    pair_answers,
    read_answers,
)
from pipeline.comparing.coverage import Coverage, Promise, read_coverage
from pipeline.comparing.intervals import (
    Interval,
    paired_interval,
    unpaired_interval,
    wilson_interval,
)

_METRICS = "multiclass_classification_metrics"
_SHOWN_DIGITS = 12  # of a fingerprint
_SHOWN_CLASSES = 3


@dataclass(frozen=True)
class Measured:
    """What Evaluate wrote of a model that `name` names, as in "version 3".

    `evaluation` is its evaluation.json and `uri` where that is, {} and "" where it is gone;
    `data` is the fingerprint of the data set it was tested on, "" when it is not known.
    """

    name: str
    evaluation: Mapping[str, Any]
    uri: str
    data: str = ""

    @property
    def metrics(self) -> Mapping[str, Any]:
        """The metrics by name; empty when there are none."""
        metrics = self.evaluation.get(_METRICS)
        return metrics if isinstance(metrics, dict) else {}

    @property
    def accuracy(self) -> float | None:
        """Test accuracy, 0 to 1."""
        return metric_value(self.evaluation, "accuracy")

    @property
    def sample(self) -> tuple[int, int] | None:
        """(right ones, all) of the pictures it was tested on; None if not known."""
        dataset = self.evaluation.get("dataset")
        count = dataset.get("item_count") if isinstance(dataset, dict) else None
        if self.accuracy is None or not isinstance(count, int) or count < 1:
            return None
        return round(self.accuracy * count), count

    @property
    def interval(self) -> Interval | None:
        """The accuracy's 95 % interval; None when the number of pictures is not known."""
        return wilson_interval(*self.sample) if self.sample else None

    def same_test(self, other: "Measured") -> bool:
        """Tell whether both were tested on the same pictures, as far as that is known.

        Data sets that differ in train or valid only have the same test pictures. What an earlier
        version evaluated has no fingerprint of those: then it goes by the whole data set's.
        """
        own, others = (model.evaluation.get("test_fingerprint") for model in (self, other))
        if own and others:
            return bool(own == others)
        return bool(self.data) and self.data == other.data

    @property
    def coverage(self) -> Coverage | None:
        """How right it is on what it is surest of; None when that is not known."""
        return read_coverage(self.evaluation)


@dataclass(frozen=True)
class MeasuredDifference:
    """A number of two models: a metric, or the recall of a class with `count` pictures."""

    name: str
    first: float
    second: float
    count: int | None = None

    @property
    def difference(self) -> float:
        """The first model's number less the second's."""
        return self.first - self.second


@dataclass(frozen=True)
class PairedCounts:
    """Counts of the pictures both models were tested on that only one of them gets right."""

    pictures: int
    only_first: int
    only_second: int


@dataclass(frozen=True)
class AccuracyDifference:
    """The first model's accuracy less the second's, with its 95 % interval.

    Without `pairs`, `reason` says why there are none. An unpaired interval is wider: it does not
    know that both saw the same hard pictures.
    """

    value: float
    interval: Interval
    pairs: PairedCounts | None
    reason: str


@dataclass(frozen=True)
class Measurements:
    """What was measured of two models, side by side; `classes` with the largest difference first.

    `names` are the models'; `promises` what validation promised of each on what it is surest of,
    None where nothing was.
    """

    names: tuple[str, str]
    metrics: tuple[MeasuredDifference, ...]
    accuracy: AccuracyDifference | None
    classes: tuple[MeasuredDifference, ...]
    warnings: tuple[str, ...]
    promises: tuple[Promise | None, Promise | None] = (None, None)


def compare_measured(read: Read, one: Measured, other: Measured) -> Measurements:
    """Compare two models; `read` returns the bytes behind an address."""
    return Measurements(
        names=(one.name, other.name),
        metrics=_metric_differences(one, other),
        accuracy=_accuracy_difference(read, one, other),
        classes=_class_differences(one, other),
        warnings=tuple(_warnings(one, other)),
        promises=(_promise(one), _promise(other)),
    )


def metric_value(evaluation: Mapping[str, Any], name: str) -> float | None:
    """Return the value of one metric in evaluation.json, or None."""
    metrics = evaluation.get(_METRICS, {})
    facts = metrics.get(name) if isinstance(metrics, dict) else None
    value = facts.get("value") if isinstance(facts, dict) else None
    return float(value) if isinstance(value, int | float) else None


def _metric_differences(one: Measured, other: Measured) -> tuple[MeasuredDifference, ...]:
    """Compare the metrics of both models, except those of the constant classifier."""
    values = [_values(model) for model in (one, other)]
    names = [name for name in values[0] if name in values[1] and "constant" not in name]
    return tuple(MeasuredDifference(name, values[0][name], values[1][name]) for name in names)


def _values(model: Measured) -> dict[str, float]:
    found = {name: metric_value(model.evaluation, name) for name in model.metrics}
    covered = model.coverage.figures() if model.coverage else {}
    return {name: value for name, value in found.items() if value is not None} | covered


def _promise(model: Measured) -> Promise | None:
    return model.coverage.promise if model.coverage else None


def _class_differences(one: Measured, other: Measured) -> tuple[MeasuredDifference, ...]:
    recalls = [_recalls(model) for model in (one, other)]
    both = [
        MeasuredDifference(name, recall, recalls[1][name][0], pictures)
        for name, (recall, pictures) in recalls[0].items()
        if name in recalls[1]
    ]
    return tuple(sorted(both, key=lambda one: (-abs(one.difference), one.name)))


def _recalls(model: Measured) -> dict[str, tuple[float, int]]:
    """(recall, pictures) of every class that had pictures."""
    classes = model.metrics.get("per_class")
    if not isinstance(classes, dict):
        return {}
    return {
        name: (float(facts["recall"]), int(facts.get("count", 0)))
        for name, facts in classes.items()
        if isinstance(facts, dict) and isinstance(facts.get("recall"), int | float)
    }


def _warnings(one: Measured, other: Measured) -> Iterator[str]:
    if not one.same_test(other):
        data = " and ".join(
            f"{model.name} on {model.data[:_SHOWN_DIGITS] or 'unknown data'}"
            for model in (one, other)
        )
        yield (
            f"tested on different data ({data}): "
            "a difference may come from the pictures and not from the model"
        )
    classes = [set(_recalls(model)) for model in (one, other)]
    for model, lacking in ((one, classes[1] - classes[0]), (other, classes[0] - classes[1])):
        if lacking:
            names = ", ".join(sorted(lacking)[:_SHOWN_CLASSES])
            names += ", ..." if len(lacking) > _SHOWN_CLASSES else ""
            yield f"{model.name} was not tested on {len(lacking)} of the other's classes: {names}"


def _accuracy_difference(read: Read, one: Measured, other: Measured) -> AccuracyDifference | None:
    """Compare the accuracies; None when an evaluation lacks it or the number of pictures."""
    try:
        answers = paired_answers(read, one, other)
    except NotPairedError as error:
        return _unpaired_difference(one.sample, other.sample, str(error))
    only = len(answers.only_first), len(answers.only_second)
    pairs = PairedCounts(answers.pictures, *only)
    value = (pairs.only_first - pairs.only_second) / pairs.pictures
    interval = paired_interval(pairs.pictures, pairs.only_first, pairs.only_second)
    return AccuracyDifference(value, interval, pairs, "")


def _unpaired_difference(
    first: tuple[int, int] | None, second: tuple[int, int] | None, reason: str
) -> AccuracyDifference | None:
    if first is None or second is None:
        return None
    value = first[0] / first[1] - second[0] / second[1]
    return AccuracyDifference(value, unpaired_interval(first, second), None, reason)


def paired_answers(read: Read, one: Measured, other: Measured) -> PairedAnswers:
    """Read what both answered on the same pictures. Raises NotPairedError where that is unknown."""
    if not one.same_test(other):
        raise NotPairedError("tested on different data")
    first, second = (read_answers(read, model.uri, model.name) for model in (one, other))
    return pair_answers(first, second)
