"""Compare two registered versions: what they measured, and how sure the difference is."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.errors import PipelineError, UsageError
from pipeline.registry.intervals import LEVEL, Interval, paired_interval, unpaired_interval
from pipeline.registry.versions import Version, choose_group, find_version, list_arns, read_version
from pipeline.target import Target

_METRICS = "multiclass_classification_metrics"
_SHOWN_DIGITS = 12  # of a fingerprint


@dataclass(frozen=True)
class MeasuredDifference:
    """A number of two versions: a metric, or the recall of a class with `count` pictures."""

    name: str
    first: float
    second: float
    count: int | None = None

    @property
    def difference(self) -> float:
        """The first version's number less the second's."""
        return self.first - self.second


@dataclass(frozen=True)
class PairedCounts:
    """Counts of the pictures both versions were tested on that only one of them gets right."""

    pictures: int
    only_first: int
    only_second: int


@dataclass(frozen=True)
class AccuracyDifference:
    """The first version's accuracy less the second's, with its 95 % interval.

    Without `pairs`, `reason` says why there are none. An unpaired interval is wider: it does not
    know that both saw the same hard pictures.
    """

    value: float
    interval: Interval
    pairs: PairedCounts | None
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return the difference as a dictionary for --json."""
        method = "paired" if self.pairs else "unpaired"
        facts = {"value": self.value, **asdict(self.interval), "level": LEVEL, "method": method}
        pairs = asdict(self.pairs) if self.pairs else None
        return {**facts, "pairs": pairs, "reason": self.reason}


@dataclass(frozen=True)
class Comparison:
    """A comparison of what two versions measured; `classes` with the largest difference first."""

    first: Version
    second: Version
    metrics: tuple[MeasuredDifference, ...]
    accuracy: AccuracyDifference | None
    classes: tuple[MeasuredDifference, ...]
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison, without the versions themselves, for --json."""
        return {
            "warnings": list(self.warnings),
            "accuracy_difference": self.accuracy.to_dict() if self.accuracy else None,
            "metrics": [_as_dict(one) for one in self.metrics],
            "classes": [_as_dict(one) for one in self.classes],
        }


def find_other(target: Target, group: str | None, first: Version) -> Version:
    """Find the version to compare with by default: the approved champion, else the one before.

    The champion is the newest approved version that is not `first` itself. Raises UsageError.
    """
    name = first.group or choose_group(target, group)
    pages = target.sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=name,
        ModelApprovalStatus="Approved",
        SortBy="CreationTime",
        SortOrder="Descending",
    )
    for page in pages:
        for package in page["ModelPackageSummaryList"]:
            if package["ModelPackageArn"] != first.arn:
                return read_version(target, package["ModelPackageArn"])
    earlier = {n: arn for n, arn in list_arns(target, name).items() if n < first.number}
    if not earlier:
        raise UsageError(
            f"{name} has no other approved version, and none before {first.number}: nothing to "
            "compare it with"
        )
    return read_version(target, earlier[max(earlier)])


def compare_versions(
    target: Target, group: str | None, first: str, second: str | None
) -> Comparison:
    """Compare two versions, each a number, `newest` or an ARN; `second` defaults to find_other's.

    Raises UsageError for versions that are not there, are the same, or were never measured.
    """
    one = find_version(target, group, first)
    other = find_version(target, group, second) if second else find_other(target, group, one)
    if one.arn == other.arn:
        raise UsageError(f"{one.group} version {one.number} is the same: name another to compare")
    for version in (one, other):
        if not _metrics_of(version):
            raise UsageError(
                f"{version.group} version {version.number} has no evaluation.json (any more): "
                "nothing is known of it to compare"
            )
    return Comparison(
        first=one,
        second=other,
        metrics=_metric_differences(one, other),
        accuracy=_accuracy_difference(target, one, other),
        classes=_class_differences(one, other),
        warnings=tuple(_warnings(one, other)),
    )


def fingerprint(version: Version) -> str:
    """Return the fingerprint of the data a version was tested on; "" when it is not known."""
    known = version.evaluation.get("data_fingerprint")
    return str(known or version.metadata.get("DataFingerprint", ""))


def _as_dict(one: MeasuredDifference) -> dict[str, Any]:
    facts = {name: value for name, value in asdict(one).items() if value is not None}
    return {**facts, "difference": one.difference}


def _metrics_of(version: Version) -> Mapping[str, Any]:
    metrics = version.evaluation.get(_METRICS)
    return metrics if isinstance(metrics, dict) else {}


def _metric_differences(one: Version, other: Version) -> tuple[MeasuredDifference, ...]:
    """Compare the metrics of both versions, except those of the constant classifier."""
    values = [_values(version) for version in (one, other)]
    names = [name for name in values[0] if name in values[1] and "constant" not in name]
    return tuple(MeasuredDifference(name, values[0][name], values[1][name]) for name in names)


def _values(version: Version) -> dict[str, float]:
    found = {
        name: facts.get("value")
        for name, facts in _metrics_of(version).items()
        if isinstance(facts, dict)
    }
    return {name: float(v) for name, v in found.items() if isinstance(v, int | float)}


def _class_differences(one: Version, other: Version) -> tuple[MeasuredDifference, ...]:
    recalls = [_recalls(version) for version in (one, other)]
    both = [
        MeasuredDifference(name, recall, recalls[1][name][0], count)
        for name, (recall, count) in recalls[0].items()
        if name in recalls[1]
    ]
    return tuple(sorted(both, key=lambda one: (-abs(one.difference), one.name)))


def _recalls(version: Version) -> dict[str, tuple[float, int]]:
    """(recall, pictures) of every class that had pictures."""
    classes = _metrics_of(version).get("per_class")
    if not isinstance(classes, dict):
        return {}
    return {
        name: (float(facts["recall"]), int(facts.get("count", 0)))
        for name, facts in classes.items()
        if isinstance(facts, dict) and isinstance(facts.get("recall"), int | float)
    }


def _warnings(one: Version, other: Version) -> list[str]:
    found = []
    prints = [fingerprint(version) for version in (one, other)]
    if prints[0] != prints[1] or not prints[0]:
        data = " and ".join(
            f"version {version.number} on {print_[:_SHOWN_DIGITS] or 'unknown data'}"
            for version, print_ in zip((one, other), prints, strict=True)
        )
        found.append(
            f"tested on different data ({data}): "
            "a difference may come from the pictures and not from the model"
        )
    classes = [set(_recalls(version)) for version in (one, other)]
    for version, lacking in ((one, classes[1] - classes[0]), (other, classes[0] - classes[1])):
        if lacking:
            names = ", ".join(sorted(lacking)[:3]) + (", ..." if len(lacking) > 3 else "")
            which = f"{len(lacking)} of the other's classes: {names}"
            found.append(f"version {version.number} was not tested on {which}")
    return found


def _accuracy_difference(target: Target, one: Version, other: Version) -> AccuracyDifference | None:
    """Compare the accuracies; None when an evaluation lacks it or the number of pictures."""
    try:
        pairs = _pairs(target, one, other)
    except _NotPairedError as error:
        return _unpaired_difference(_sample(one), _sample(other), str(error))
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


def _sample(version: Version) -> tuple[int, int] | None:
    """Return (right ones, all) of the pictures a version was tested on; None if not known."""
    dataset = version.evaluation.get("dataset")
    count = dataset.get("item_count") if isinstance(dataset, dict) else None
    if version.accuracy is None or not isinstance(count, int) or count < 1:
        return None
    return round(version.accuracy * count), count


class _NotPairedError(Exception):
    """Versions not known to be tested on the same pictures; the message says why."""


def _pairs(target: Target, one: Version, other: Version) -> PairedCounts:
    if not fingerprint(one) or fingerprint(one) != fingerprint(other):
        raise _NotPairedError("tested on different data")
    first, second = (_predictions(target, version) for version in (one, other))
    if {file: label for file, (label, _) in first.items()} != {
        file: label for file, (label, _) in second.items()
    }:
        raise _NotPairedError("their predictions.jsonl are about different files")
    right = [(first[file][1], second[file][1]) for file in first]
    return PairedCounts(len(right), right.count((True, False)), right.count((False, True)))


def _predictions(target: Target, version: Version) -> dict[str, tuple[str, bool]]:
    """Read (label, whether it was recognised) of every test picture, by its file."""
    from botocore.exceptions import ClientError

    uri = f"{version.evaluation_uri.rpartition('/')[0]}/predictions.jsonl"
    try:
        lines = target.read(uri).decode().splitlines()
        rows: Sequence[Any] = [json.loads(line) for line in lines]
        answers = {row["file"]: (row["label"], row["label"] == row["prediction"]) for row in rows}
    except (OSError, ValueError, LookupError, TypeError, ClientError, PipelineError) as error:
        raise _NotPairedError(f"version {version.number} has no readable {uri}") from error
    if len(answers) != len(rows) or not rows:
        raise _NotPairedError(f"{uri} does not name every picture once")
    return answers
