"""Define the pipeline's parameters: what changes from run to run without compiling again."""

from dataclasses import dataclass, fields

from sagemaker.workflow.parameters import (
    Parameter,
    ParameterFloat,
    ParameterInteger,
    ParameterString,
)

from pipeline.settings.drawing import is_in_parts
from pipeline.settings.model import CoverageAt, Settings


@dataclass(frozen=True)
class Parameters:
    """The pipeline's parameters, with their defaults from the settings.

    `coverage_minimum` is None when the gate asks for no accuracy at a coverage,
    `champion_tolerance` when models are not compared with the approved one, `tuning_max_jobs` when
    what trials search is drawn beforehand.
    """

    data_uri: ParameterString
    processing_instance_type: ParameterString
    training_instance_type: ParameterString
    endpoint_instance_type: ParameterString
    accuracy_threshold: ParameterFloat
    coverage_minimum: ParameterFloat | None
    champion_tolerance: ParameterFloat | None
    tuning_max_jobs: ParameterInteger | None
    tuning_max_parallel_jobs: ParameterInteger
    model_approval_status: ParameterString
    endpoint_name: ParameterString
    git_commit: ParameterString

    def all(self) -> list[Parameter]:
        """Return every parameter that is not None, in the order of the fields."""
        values = [getattr(self, field.name) for field in fields(self)]
        return [value for value in values if value is not None]


def build_parameters(settings: Settings) -> Parameters:
    """Build the pipeline's parameters with defaults from `settings`."""
    return Parameters(
        data_uri=ParameterString("DataUri", settings.data_uri),
        processing_instance_type=ParameterString(
            "ProcessingInstanceType", settings.instances.processing.type
        ),
        training_instance_type=ParameterString(
            "TrainingInstanceType", settings.instances.training.type
        ),
        endpoint_instance_type=ParameterString(
            "EndpointInstanceType", settings.deploy.instance_type
        ),
        accuracy_threshold=ParameterFloat("AccuracyThreshold", settings.gate.accuracy_threshold),
        coverage_minimum=_coverage_minimum(settings.gate.coverage_at),
        champion_tolerance=_champion_tolerance(settings.gate.champion_tolerance),
        tuning_max_jobs=_max_jobs(settings),
        tuning_max_parallel_jobs=ParameterInteger(
            "TuningMaxParallelJobs", settings.tuning.max_parallel_jobs
        ),
        model_approval_status=ParameterString(
            "ModelApprovalStatus",
            settings.registry.approval_status,
            enum_values=["PendingManualApproval", "Approved", "Rejected"],
        ),
        endpoint_name=ParameterString("EndpointName", settings.endpoint_name),
        git_commit=ParameterString("GitCommit", "unknown"),
    )


def _coverage_minimum(asked: CoverageAt | None) -> ParameterFloat | None:
    return None if asked is None else ParameterFloat("CoverageMinimum", asked.minimum)


def _max_jobs(settings: Settings) -> ParameterInteger | None:
    if is_in_parts(settings.tuning):
        return None
    return ParameterInteger("TuningMaxJobs", settings.tuning.max_jobs)


def _champion_tolerance(default: float | None) -> ParameterFloat | None:
    return None if default is None else ParameterFloat("ChampionTolerance", default)
