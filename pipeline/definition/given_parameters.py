"""Parse and check pipeline parameters given on a command line."""

import json
from collections.abc import Callable, Mapping, Sequence

from pipeline.errors import UsageError
from pipeline.settings.errors import SettingsError

# The settings that give parameters their defaults, and so their bounds: see steps/parameters.py.
SETTINGS = {
    "AccuracyThreshold": "gate.accuracy_threshold",
    "ChampionTolerance": "gate.champion_tolerance",
    "CoverageMinimum": "gate.coverage_at.minimum",
    "DataUri": "data.uri",
    "EndpointInstanceType": "deploy.instance_type",
    "EndpointName": "deploy.endpoint_name",
    "ModelApprovalStatus": "registry.approval_status",
    "ProcessingInstanceType": "instances.processing.type",
    "TrainingInstanceType": "instances.training.type",
    "TuningMaxJobs": "tuning.max_jobs",
    "TuningMaxParallelJobs": "tuning.max_parallel_jobs",
}
_NUMBERS = (
    "AccuracyThreshold",
    "ChampionTolerance",
    "CoverageMinimum",
    "TuningMaxJobs",
    "TuningMaxParallelJobs",
)


def parse_parameters(given: Sequence[str]) -> dict[str, str]:
    """Parse `Name=Value` texts; the last value of a name counts. Raises UsageError."""
    values: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"--parameter {text}: must look like Name=Value")
        values[name] = value
    return values


def check_parameters(
    given: Mapping[str, str], load_with: Callable[[Sequence[str]], object]
) -> None:
    """Refuse values that the settings behind the parameters would refuse.

    `load_with` loads the settings with overrides, `key.path=value`, and raises SettingsError.
    Raises UsageError: a run would find out after hours, at its gate or its deployment.
    """
    asked = [name for name in SETTINGS if name in given]
    try:
        load_with([f"{SETTINGS[name]}={_as_yaml(name, given[name])}" for name in asked])
    except SettingsError as error:
        message = str(error)
        for name in asked:
            message = message.replace(
                f"--set {SETTINGS[name]}:", f"--parameter {name}={given[name]}:"
            )
        raise UsageError(message) from None


def _as_yaml(name: str, value: str) -> str:
    return value if name in _NUMBERS else json.dumps(value)
