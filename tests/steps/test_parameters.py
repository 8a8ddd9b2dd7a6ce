"""What people can change for one run."""

import pytest

from pipeline.definition.given_parameters import SETTINGS

pytestmark = pytest.mark.xdist_group("sdk")


def test_defaults_come_from_the_settings(compiled):
    parameters = {
        one["Name"]: (one["Type"], one["DefaultValue"])
        for one in compiled("gate.accuracy_threshold=0.75")["Parameters"]
    }

    assert parameters == {
        "DataUri": ("String", "s3://dog-breeds-111122223333-us-east-1/data/"),
        "ProcessingInstanceType": ("String", "ml.m5.xlarge"),
        "TrainingInstanceType": ("String", "ml.m5.2xlarge"),
        "EndpointInstanceType": ("String", "ml.m5.large"),
        "AccuracyThreshold": ("Float", 0.75),
        "ChampionTolerance": ("Float", 0.02),
        "TuningMaxJobs": ("Integer", 6),
        "TuningMaxParallelJobs": ("Integer", 2),
        "ModelApprovalStatus": ("String", "PendingManualApproval"),
        "EndpointName": ("String", "dog-breeds-staging"),
        "GitCommit": ("String", "unknown"),
    }


def test_the_settings_behind_parameters_are_those_of_their_defaults(compiled):
    values = {
        "gate.accuracy_threshold": 0.75,
        "gate.champion_tolerance": 0.01,
        "data.uri": "s3://bucket/dogs/",
        "deploy.instance_type": "ml.c5.large",
        "deploy.endpoint_name": "trial",
        "registry.approval_status": "Rejected",
        "instances.processing.type": "ml.c5.xlarge",
        "instances.training.type": "ml.c5.2xlarge",
        "tuning.max_jobs": 7,
        "tuning.max_parallel_jobs": 3,
    }
    overrides = [f"{key}={value}" for key, value in values.items()]
    overrides.append("gate.coverage_at={accuracy: 0.95, minimum: 0.7}")
    values["gate.coverage_at.minimum"] = 0.7
    declared = compiled(*overrides)["Parameters"]
    defaults = {one["Name"]: one["DefaultValue"] for one in declared}

    assert {name: values[key] for name, key in SETTINGS.items()} == {
        name: value for name, value in defaults.items() if name != "GitCommit"
    }


@pytest.mark.parametrize("overrides", [(), ("gate.champion_tolerance=null",)])
def test_every_parameter_is_used(compiled, overrides):
    steps = str(compiled(*overrides)["Steps"])

    for parameter in compiled(*overrides)["Parameters"]:
        assert f"'Parameters.{parameter['Name']}'" in steps
