"""Select the fields that SageMaker compares to decide whether a step can be reused.

From AWS's "Default cache key attributes by pipeline step type". Outputs, instances, roles, tags and
limits are not among them: changing those keeps the cache.
"""

from collections.abc import Mapping
from typing import Any

CACHE_FIELDS: Mapping[str, tuple[str, ...]] = {
    "Processing": ("AppSpecification", "Environment", "ProcessingInputs"),
    "Training": (
        "AlgorithmSpecification",
        "CheckpointConfig",
        "DebugHookConfig",
        "DebugRuleConfigurations",
        "Environment",
        "HyperParameters",
        "InputDataConfig",
    ),
    "Tuning": (
        "HyperParameterTuningJobConfig",
        "TrainingJobDefinition.AlgorithmSpecification",
        "TrainingJobDefinition.HyperParameterRanges",
        "TrainingJobDefinition.InputDataConfig",
        "TrainingJobDefinition.StaticHyperParameters",
        "TrainingJobDefinition.TuningObjective",
        "TrainingJobDefinitions",
    ),
}


def cache_fields(step_type: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a step's Arguments in its cache key, as dotted path -> value.

    Fields that are absent are left out. {} for a step type that SageMaker never caches.
    """
    found = {path: _at(arguments, path) for path in CACHE_FIELDS.get(step_type, ())}
    return {path: value for path, value in found.items() if value is not None}


def _at(arguments: Any, path: str) -> Any:
    for name in path.split("."):
        arguments = arguments.get(name) if isinstance(arguments, Mapping) else None
    return arguments
