"""An execution gets what its definition declares, the commit, and is started once."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import ANY

from pipeline.aws.errors import AwsError
from pipeline.aws.start import StartRequest, start
from pipeline.definition.selection import Selection
from pipeline.errors import UsageError
from pipeline.settings.model import Settings
from tests.pipeline.aws.aws_support import BUCKET, EXECUTION, Clock, Cloud

DEFINITION = {
    "Version": "2020-12-01",
    "Parameters": [
        {"Name": "DataUri", "Type": "String", "DefaultValue": f"s3://{BUCKET}/data"},
        {"Name": "AccuracyThreshold", "Type": "Float", "DefaultValue": 0.6},
        {"Name": "TuningMaxJobs", "Type": "Integer", "DefaultValue": 6},
        {"Name": "Verbose", "Type": "Boolean", "DefaultValue": False},
        {
            "Name": "ModelApprovalStatus",
            "Type": "String",
            "DefaultValue": "PendingManualApproval",
            "EnumValues": ["PendingManualApproval", "Approved"],
        },
        {"Name": "EndpointName", "Type": "String", "DefaultValue": "dog-breeds-staging"},
        {"Name": "GitCommit", "Type": "String", "DefaultValue": "unknown"},
    ],
    "Steps": [],
}
COMMIT = "3f2a1b9c" + "0" * 32


@pytest.fixture(autouse=True)
def outside_of_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither a repository around the temporary folder nor a build is to be seen."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.delenv("CODEBUILD_RESOLVED_SOURCE_VERSION", raising=False)


def request_for(settings: Settings, root: Path, **parameters: Any) -> StartRequest:
    return StartRequest(settings, DEFINITION, parameters, root)


def expect_data(cloud: Cloud, count: int = 1) -> None:
    request = {"Bucket": BUCKET, "Prefix": "data/", "MaxKeys": 1}
    cloud.expect("s3", "list_objects_v2", {"KeyCount": count}, request)


def expect_start(cloud: Cloud, parameters: dict[str, str], **more: Any) -> None:
    request = {
        "PipelineName": "dog-breeds",
        "PipelineExecutionDisplayName": ANY,
        "PipelineParameters": [{"Name": n, "Value": v} for n, v in parameters.items()],
        "ClientRequestToken": ANY,
        **more,
    }
    answer = {"PipelineExecutionArn": EXECUTION}
    cloud.expect("sagemaker", "start_pipeline_execution", answer, request)


def test_defaults_are_left_to_sagemaker(
    cloud: Cloud, clock: Clock, settings: Settings, tmp_path: Path
) -> None:
    expect_data(cloud)
    expect_start(cloud, {})
    result = start(cloud.aws, request_for(settings, tmp_path), timing=clock.timing())
    assert (result.arn, result.display_name) == (EXECUTION, "20261121-034700")
    assert result.summary() == f"started 20261121-034700: {EXECUTION}"
    assert json.loads(result.to_json())["arn"] == EXECUTION


def test_selected_steps_are_sent_with_the_run_that_has_the_others(
    cloud: Cloud, clock: Clock, settings: Settings, tmp_path: Path
) -> None:
    expect_data(cloud)
    config = {
        "SourcePipelineExecutionArn": EXECUTION,
        "SelectedSteps": [{"StepName": "Train"}, {"StepName": "Evaluate"}],
    }
    expect_start(cloud, {}, SelectiveExecutionConfig=config)
    selection = Selection(("Train", "Evaluate"), EXECUTION)
    request = replace(request_for(settings, tmp_path), selection=selection)
    assert start(cloud.aws, request, timing=clock.timing()).arn == EXECUTION


def test_given_parameters_are_typed_and_sent_as_text(
    cloud: Cloud, clock: Clock, settings: Settings, tmp_path: Path
) -> None:
    expect_data(cloud)
    expect_start(cloud, {"AccuracyThreshold": "0.8", "TuningMaxJobs": "12", "Verbose": "true"})
    request = request_for(
        settings, tmp_path, AccuracyThreshold="0.80", TuningMaxJobs="12", Verbose=True
    )
    result = start(cloud.aws, request, timing=clock.timing())
    assert result.arn == EXECUTION


def test_data_are_a_folder_and_nothing_beside_it_that_begins_alike(
    settings: Settings, cloud: Cloud, tmp_path: Path
) -> None:
    request = {"Bucket": "b", "Prefix": "dogs/", "MaxKeys": 1}
    cloud.expect("s3", "list_objects_v2", {"KeyCount": 1}, request)
    expect_start(cloud, {"DataUri": "s3://b/dogs/"})
    result = start(cloud.aws, request_for(settings, tmp_path, DataUri="s3://b/dogs"))
    assert result.parameters == {"DataUri": "s3://b/dogs/"}


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"AcuracyThreshold": "0.8"}, "did you mean AccuracyThreshold"),
        ({"AccuracyThreshold": "high"}, "is of type Float: 'high' is not"),
        ({"TuningMaxJobs": "1.5"}, "is of type Integer"),
        ({"ModelApprovalStatus": "Yes"}, "must be one of PendingManualApproval, Approved"),
    ],
)
def test_parameters_that_do_not_fit_are_refused_before_anything_is_asked(
    cloud: Cloud, settings: Settings, tmp_path: Path, parameters: dict[str, str], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        start(cloud.aws, request_for(settings, tmp_path, **parameters))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"EndpointName": "dog-breeds-blue"}, "whose name begins with dog-breeds--"),
        ({"EndpointName": "dog-breeds2--blue"}, "whose name begins with dog-breeds--"),
        ({"ModelApprovalStatus": "Approved"}, "registers PendingManualApproval versions only"),
    ],
)
def test_what_roles_refuse_is_said_before_hours_of_work(
    given: dict[str, str], words: str, cloud: Cloud, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=words):
        start(cloud.aws, request_for(settings, tmp_path, **given))


def test_a_value_that_is_too_long_is_refused(
    cloud: Cloud, settings: Settings, tmp_path: Path
) -> None:
    expect_data(cloud)
    with pytest.raises(UsageError, match="GitCommit has 2000 characters; at most 1024"):
        start(cloud.aws, request_for(settings, tmp_path, GitCommit="x" * 2000))


@pytest.mark.parametrize(
    ("built", "given", "sent", "name"),
    [
        (COMMIT, {}, COMMIT, "20261121-034700-3f2a1b9c"),
        (COMMIT, {"GitCommit": "mine"}, "mine", ANY),
        (f"{COMMIT}-dirty", {}, f"{COMMIT}-dirty", "20261121-034700-3f2a1b9c-dirty"),
    ],
)
def test_the_commit_of_a_build_is_recorded_unless_another_is_given(
    *,
    cloud: Cloud,
    clock: Clock,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    built: str,
    given: dict[str, str],
    sent: str,
    name: Any,
) -> None:
    monkeypatch.setenv("CODEBUILD_RESOLVED_SOURCE_VERSION", built)
    expect_data(cloud)
    expect_start(cloud, {"GitCommit": sent}, PipelineExecutionDisplayName=name)
    result = start(cloud.aws, request_for(settings, tmp_path, **given), timing=clock.timing())
    assert result.arn == EXECUTION


def test_a_definition_without_a_commit_gets_none(
    cloud: Cloud, clock: Clock, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODEBUILD_RESOLVED_SOURCE_VERSION", COMMIT)
    expect_start(cloud, {})
    request = replace(request_for(settings, tmp_path), definition={"Steps": []})
    result = start(cloud.aws, request, timing=clock.timing())
    assert result.arn == EXECUTION


def test_a_version_is_started_as_it_is(
    cloud: Cloud, clock: Clock, settings: Settings, tmp_path: Path
) -> None:
    expect_data(cloud)
    expect_start(cloud, {}, PipelineVersionId=7)
    request = replace(request_for(settings, tmp_path), version=7)
    result = start(cloud.aws, request, timing=clock.timing())
    assert result.arn == EXECUTION


def test_no_pictures_says_how_to_get_them_there(
    cloud: Cloud, settings: Settings, tmp_path: Path
) -> None:
    expect_data(cloud, count=0)
    with pytest.raises(UsageError, match=r"nothing at DataUri .*python -m pipeline\.data upload"):
        start(cloud.aws, request_for(settings, tmp_path))


def test_pictures_on_this_machine_are_no_use_to_sagemaker(
    cloud: Cloud, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="SageMaker cannot read: upload"):
        start(cloud.aws, request_for(settings, tmp_path, DataUri="file:///home/me/dogs"))


def test_a_bucket_for_pictures_that_is_not_there_is_named(
    cloud: Cloud, settings: Settings, tmp_path: Path
) -> None:
    cloud.refuse("s3", "list_objects_v2", "NoSuchBucket", status=404)
    with pytest.raises(UsageError, match=f"there is no bucket {BUCKET}"):
        start(cloud.aws, request_for(settings, tmp_path))


def test_pictures_that_we_may_not_see_are_left_to_the_jobs(
    cloud: Cloud, clock: Clock, settings: Settings, tmp_path: Path
) -> None:
    cloud.refuse("s3", "list_objects_v2", "AccessDenied", status=403)
    expect_start(cloud, {})
    result = start(cloud.aws, request_for(settings, tmp_path), timing=clock.timing())
    assert result.arn == EXECUTION


def test_a_pipeline_that_was_never_upserted_is_a_usage_error(
    cloud: Cloud, settings: Settings, tmp_path: Path
) -> None:
    expect_data(cloud)
    cloud.refuse("sagemaker", "start_pipeline_execution", "ResourceNotFound")
    with pytest.raises(UsageError, match="put it there with --upsert first"):
        start(cloud.aws, request_for(settings, tmp_path))


def test_a_conflict_is_tried_again_with_the_same_token(
    cloud: Cloud, clock: Clock, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "t" * 32
    monkeypatch.setattr("pipeline.aws.start._token", lambda: token)
    expect_data(cloud)
    cloud.refuse("sagemaker", "start_pipeline_execution", "ConflictException")
    expect_start(cloud, {}, ClientRequestToken=token)
    result = start(cloud.aws, request_for(settings, tmp_path), timing=clock.timing())
    assert result.arn == EXECUTION
    assert clock.slept == [2]


def test_endless_conflicts_end(
    cloud: Cloud, clock: Clock, settings: Settings, tmp_path: Path
) -> None:
    expect_data(cloud)
    for _ in range(5):
        cloud.refuse("sagemaker", "start_pipeline_execution", "ConflictException")
    with pytest.raises(AwsError, match="run again"):
        start(cloud.aws, request_for(settings, tmp_path), timing=clock.timing())
