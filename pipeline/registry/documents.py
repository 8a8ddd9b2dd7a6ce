"""Define what the registry's commands report to programs."""

from dataclasses import dataclass
from datetime import datetime

from pipeline.command_line.documents import members_of
from pipeline.comparing.differences import Difference
from pipeline.comparing.intervals import Interval
from pipeline.registry.origins import Made
from pipeline.registry.versions import Version


@dataclass(frozen=True)
class VersionFacts:
    """A version itself; `accuracy` is on the test pictures, `interval` the 95 % one around it."""

    version: int
    group: str
    status: str
    reason: str
    accuracy: float | None
    interval: Interval | None
    data_fingerprint: str | None
    git_commit: str | None
    pipeline_version: str | None
    training_job: str | None
    report: str | None
    run: str | None
    created: datetime
    model_data: str
    arn: str


@dataclass(frozen=True)
class MadeVersion(VersionFacts):
    """A version, its backbone, and what it was made with other than the default settings.

    Both are None where its run is gone.
    """

    backbone: str | None
    differs: tuple[Difference, ...] | None


def version_facts(version: Version) -> VersionFacts:
    """Return what is known of a version itself."""
    return VersionFacts(
        version=version.number,
        group=version.group,
        status=version.approval,
        reason=version.reason,
        accuracy=version.accuracy,
        interval=version.measured.interval,
        data_fingerprint=version.metadata.get("DataFingerprint"),
        git_commit=version.metadata.get("GitCommit"),
        pipeline_version=version.metadata.get("PipelineVersion"),
        training_job=version.metadata.get("TrainingJob"),
        report=version.metadata.get("Report"),
        run=version.run,
        created=version.created.replace(microsecond=0),
        model_data=version.model_data,
        arn=version.arn,
    )


def made_version(made: Made) -> MadeVersion:
    """Return a version with its backbone and what differs from the defaults."""
    backbone = made.chosen.values.get("backbone.name") if made.chosen else None
    facts = members_of(version_facts(made.version))
    return MadeVersion(**facts, backbone=backbone, differs=made.differs)
