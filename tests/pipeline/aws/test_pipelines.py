"""What others do to the pipeline at the same moment: played back, as moto knows no conflicts."""

import json
from typing import Any

import pytest

from pipeline.aws.errors import AwsAccessError, AwsError
from pipeline.aws.pipelines import Wanted, apply
from tests.pipeline.aws.aws_support import PIPELINE, ROLE, Clock, Cloud

DEFINITION = {"Version": "2020-12-01", "Steps": [{"Name": "Prepare", "Rate": 2.0}]}
WANTED = Wanted(
    name="dog-breeds",
    role_arn=ROLE,
    definition=DEFINITION,
    content={"PipelineDefinition": json.dumps(DEFINITION)},
    tags={"project": "dog-breeds"},
)


def described(definition: Any = DEFINITION, **changes: Any) -> dict[str, Any]:
    return {
        "PipelineArn": PIPELINE,
        "PipelineName": "dog-breeds",
        "PipelineDefinition": json.dumps(definition),
        "RoleArn": ROLE,
        "PipelineStatus": "Active",
        **changes,
    }


def expect_described(cloud: Cloud, answer: dict[str, Any]) -> None:
    cloud.expect("sagemaker", "describe_pipeline", answer, {"PipelineName": "dog-breeds"})


def expect_absent(cloud: Cloud) -> None:
    cloud.refuse("sagemaker", "describe_pipeline", "ResourceNotFound", "does not exist")


def expect_tags(cloud: Cloud) -> None:
    tags = {"Tags": [{"Key": "project", "Value": "dog-breeds"}]}
    cloud.expect("sagemaker", "list_tags", tags, {"ResourceArn": PIPELINE})


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ValidationException", "Pipeline names must be unique within an AWS account and region."),
        ("ValidationException", "Pipeline with name (dog-breeds) already exists"),
        ("ConflictException", "another operation is in progress"),
    ],
)
def test_somebody_else_creates_the_same_just_now(
    cloud: Cloud, clock: Clock, code: str, message: str
) -> None:
    expect_absent(cloud)
    cloud.refuse("sagemaker", "create_pipeline", code, message)
    expect_described(cloud, described())
    expect_described(cloud, described())
    expect_tags(cloud)
    assert apply(cloud.aws, WANTED, clock.timing()).action == "unchanged"


def test_a_definition_that_sagemaker_refuses_is_said_in_its_words(
    cloud: Cloud, clock: Clock
) -> None:
    expect_absent(cloud)
    cloud.refuse("sagemaker", "create_pipeline", "ValidationException", "Unable to parse it")
    expect_absent(cloud)
    with pytest.raises(AwsError, match=r"creating the pipeline dog-breeds: .*Unable to parse it"):
        apply(cloud.aws, WANTED, clock.timing())


def test_a_role_that_may_not_be_passed_is_a_usage_error(cloud: Cloud, clock: Clock) -> None:
    expect_absent(cloud)
    cloud.refuse("sagemaker", "create_pipeline", "AccessDeniedException", "iam:PassRole")
    with pytest.raises(AwsAccessError, match="iam:PassRole"):
        apply(cloud.aws, WANTED, clock.timing())


def test_a_conflicting_update_is_made_again_after_another_look(cloud: Cloud, clock: Clock) -> None:
    request = {"PipelineName": "dog-breeds", "RoleArn": ROLE, **WANTED.content}
    expect_described(cloud, described({"Version": "old"}))
    cloud.refuse("sagemaker", "update_pipeline", "ConflictException")
    expect_described(cloud, described({"Version": "theirs"}))
    answer = {"PipelineArn": PIPELINE, "PipelineVersionId": 7}
    cloud.expect("sagemaker", "update_pipeline", answer, request)
    expect_tags(cloud)
    applied = apply(cloud.aws, WANTED, clock.timing())
    assert (applied.action, applied.changes, applied.version) == ("updated", ("definition",), 7)
    assert clock.slept == [1]


def test_a_pipeline_that_is_being_deleted_is_awaited(cloud: Cloud, clock: Clock) -> None:
    expect_described(cloud, described(PipelineStatus="Deleting"))
    expect_absent(cloud)
    cloud.expect("sagemaker", "create_pipeline", {"PipelineArn": PIPELINE})
    assert apply(cloud.aws, WANTED, clock.timing()).action == "created"


def test_endless_conflicts_end(cloud: Cloud, clock: Clock) -> None:
    for _ in range(6):
        expect_described(cloud, described({"Version": "old"}))
        cloud.refuse("sagemaker", "update_pipeline", "ConflictException")
    with pytest.raises(AwsError, match="run again"):
        apply(cloud.aws, WANTED, clock.timing())


@pytest.mark.parametrize(
    ("found", "changes"),
    [
        (described({"Steps": [{"Rate": 2, "Name": "Prepare"}], "Version": "2020-12-01"}), ()),
        (described({**DEFINITION, "Steps": [{"Name": "Prepare", "Rate": 1}]}), ("definition",)),
        (described({**DEFINITION, "Steps": [{"Name": "Prepare", "Rate": True}]}), ("definition",)),
        (described(RoleArn=ROLE + "-old"), ("role",)),
        (described(ParallelismConfiguration={"MaxParallelExecutionSteps": 9}), ()),
    ],
)
def test_only_what_differs_counts(
    cloud: Cloud, clock: Clock, found: dict[str, Any], changes: tuple[str, ...]
) -> None:
    expect_described(cloud, found)
    if changes:
        cloud.expect("sagemaker", "update_pipeline", {"PipelineArn": PIPELINE})
    expect_tags(cloud)
    assert apply(cloud.aws, WANTED, clock.timing()).changes == changes
