"""What people can change for one run."""

import pytest

pytestmark = pytest.mark.xdist_group("sdk")


def test_defaults_come_from_the_settings(compiled):
    parameters = {
        one["Name"]: (one["Type"], one["DefaultValue"])
        for one in compiled("gate.accuracy_threshold=0.75")["Parameters"]
    }

    assert parameters == {
        "DataUri": ("String", "s3://dog-breeds-111122223333-us-east-1/data"),
        "ProcessingInstanceType": ("String", "ml.m5.xlarge"),
        "TrainingInstanceType": ("String", "ml.m5.2xlarge"),
        "EndpointInstanceType": ("String", "ml.m5.large"),
        "AccuracyThreshold": ("Float", 0.75),
        "TuningMaxJobs": ("Integer", 6),
        "TuningMaxParallelJobs": ("Integer", 2),
        "ModelApprovalStatus": ("String", "PendingManualApproval"),
        "EndpointName": ("String", "dog-breeds-staging"),
        "GitCommit": ("String", "unknown"),
    }


def test_every_parameter_is_used(compiled):
    steps = str(compiled()["Steps"])

    for parameter in compiled()["Parameters"]:
        assert f"'Parameters.{parameter['Name']}'" in steps
