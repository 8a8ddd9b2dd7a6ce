"""A tuning job's request and its trials': what each takes from the other, and what is refused."""

from typing import Any

import pytest

from pipeline.definition.errors import DefinitionError
from pipeline.local.jobs.tuning_documents import only_definition, training_request, trial_name

ONE: dict[str, Any] = {"DefinitionName": "one", "RoleArn": "arn"}


@pytest.mark.parametrize(
    "asked", [{"TrainingJobDefinition": ONE}, {"TrainingJobDefinitions": [ONE]}]
)
def test_one_definition_is_taken_from_either_place(asked: dict[str, Any]) -> None:
    assert only_definition(asked) == ONE


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "one TrainingJobDefinition"),
        ({"TrainingJobDefinitions": [ONE, ONE]}, "one TrainingJobDefinition"),
        (
            {"TrainingJobDefinition": ONE, "TrainingJobDefinitions": [ONE, ONE]},
            "one TrainingJobDefinition",
        ),
        ({"TrainingJobDefinition": ONE, "WarmStartConfig": {"A": 1}}, "WarmStartConfig does not"),
        ({"TrainingJobDefinition": ONE, "Autotune": {"Mode": "Enabled"}}, "Autotune does not"),
    ],
)
def test_what_does_not_run_here_is_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        only_definition(asked)


def test_a_trials_request_has_its_own_values_and_nothing_of_the_search() -> None:
    definition = ONE | {
        "TuningObjective": {"MetricName": "score", "Type": "Maximize"},
        "HyperParameterRanges": {},
        "RetryStrategy": {"MaximumRetryAttempts": 1},
        "StaticHyperParameters": {"lr": "1", "kind": "a", "_tuning_objective_metric": "other"},
        "HyperParameterTuningResourceConfig": {
            "InstanceType": "ml.m5.large",
            "InstanceCount": 2,
            "VolumeSizeInGB": 1,
            "AllocationStrategy": "Prioritized",
        },
    }
    assert training_request(definition, "score", {"lr": "0.1"}) == {
        "RoleArn": "arn",
        "HyperParameters": {"lr": "0.1", "kind": "a", "_tuning_objective_metric": "score"},
        "ResourceConfig": {
            "InstanceType": "ml.m5.large",
            "InstanceCount": 2,
            "VolumeSizeInGB": 1,
        },
    }


def test_names_of_trials_are_in_their_order_and_differ_between_searches() -> None:
    names = [trial_name("tune", number) for number in range(12)]
    assert names == sorted(names)
    assert names[0].startswith("tune-001-")
    assert trial_name("tune-001", 0) != trial_name("tune", 0)
