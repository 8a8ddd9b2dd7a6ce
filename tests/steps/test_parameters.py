"""What people can change for one run."""

import pytest

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


@pytest.mark.parametrize("overrides", [(), ("gate.champion_tolerance=null",)])
def test_every_parameter_is_used(compiled, overrides):
    steps = str(compiled(*overrides)["Steps"])

    for parameter in compiled(*overrides)["Parameters"]:
        assert f"'Parameters.{parameter['Name']}'" in steps
