"""Compare two registered versions: their settings, what they measured, how sure that is."""

from dataclasses import dataclass

from pipeline.comparing.differences import Difference, differences
from pipeline.comparing.measured import (
    AccuracyDifference,
    MeasuredDifference,
    Measurements,
    compare_measured,
)
from pipeline.comparing.view import unknown_words
from pipeline.errors import UsageError
from pipeline.registry.origins import Origins
from pipeline.registry.versions import Version, choose_group, find_version, list_arns, read_version
from pipeline.target import Target


@dataclass(frozen=True)
class Comparison:
    """Two versions side by side. `settings`: what differs, None when one's are not known.

    `unknown` then says whose.
    """

    first: Version
    second: Version
    measured: Measurements
    settings: tuple[Difference, ...] | None = None
    unknown: str = ""

    @property
    def metrics(self) -> tuple[MeasuredDifference, ...]:
        """The metrics of both."""
        return self.measured.metrics

    @property
    def accuracy(self) -> AccuracyDifference | None:
        """The difference of their accuracies."""
        return self.measured.accuracy

    @property
    def classes(self) -> tuple[MeasuredDifference, ...]:
        """The recalls of the classes of both, the largest difference first."""
        return self.measured.classes

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know before they are compared."""
        return self.measured.warnings


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
        if not version.measured.metrics:
            raise UsageError(
                f"{version.group} version {version.number} has no evaluation.json (any more): "
                "nothing is known of it to compare"
            )
    settings, unknown = _settings(target, one, other)
    measured = compare_measured(target.read, one.measured, other.measured)
    return Comparison(one, other, measured, settings, unknown)


def _settings(
    target: Target, one: Version, other: Version
) -> tuple[tuple[Difference, ...] | None, str]:
    """Return what differs in the settings, or None and whose are not known."""
    origins = Origins(target.sagemaker)
    first, second = (origins.made(version).chosen for version in (one, other))
    if first and second:
        return differences(first, second), ""
    lost = [v.measured.name for v, chosen in ((one, first), (other, second)) if chosen is None]
    return None, unknown_words(lost)
