"""Resolved arguments get the service's types, or the service's refusal."""

import pytest

from pipeline.definition.errors import UnresolvedError
from pipeline.local.engine.requests import typed_request

REQUEST = {
    "ProcessingJobName": "job",
    "ProcessingResources": {
        "ClusterConfig": {
            "InstanceType": "ml.m5.large",
            "InstanceCount": "1",
            "VolumeSizeInGB": 30,
        }
    },
    "AppSpecification": {"ImageUri": "image:1", "ContainerArguments": ["--epochs", 3, 0.5, True]},
    "RoleArn": "arn:aws:iam::111122223333:role/execution",
    "Environment": {"SEED": 7},
    "ProcessingInputs": [
        {"InputName": "data", "S3Input": {"S3Uri": "file:///home/me", "S3DataType": "S3Prefix"}}
    ],
}


def test_values_become_what_the_shape_says() -> None:
    typed = typed_request("CreateProcessingJob", REQUEST)
    assert typed["AppSpecification"]["ContainerArguments"] == ["--epochs", "3", "0.5", "true"]
    assert typed["Environment"] == {"SEED": "7"}
    assert typed["ProcessingResources"]["ClusterConfig"]["InstanceCount"] == 1
    assert typed["ProcessingInputs"][0]["S3Input"]["S3Uri"] == "file:///home/me"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"RoleArn": "me"}, "'me' at 'roleArn'"),
        ({"Role": "x"}, "Unknown member 'role'"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": "long"}}, "must be of type integer"),
    ],
)
def test_what_the_service_refuses_is_refused_here(change: dict[str, object], message: str) -> None:
    with pytest.raises(UnresolvedError, match=message):
        typed_request("CreateProcessingJob", REQUEST | change)
