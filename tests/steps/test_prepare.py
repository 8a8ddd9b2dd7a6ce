"""Prepare in the definition."""

import pytest

pytestmark = pytest.mark.xdist_group("sdk")


def test_runs_prepare_with_every_path_and_value_as_an_argument(step):
    application = step("Prepare", "preprocessing.resize=128", "preprocessing.crop=112")[
        "Arguments"
    ]["AppSpecification"]

    assert application["ContainerEntrypoint"] == [
        "python3",
        "/opt/ml/processing/input/code/run_script.py",
        "prepare.py",
    ]
    assert application["ContainerArguments"] == [
        *("--data", "/opt/ml/processing/input/data"),
        *("--dataset", "/opt/ml/processing/output/dataset"),
        *("--test", "/opt/ml/processing/output/test"),
        *("--resize", "128", "--split", "0.8,0.1,0.1", "--seed", "0"),
    ]


def test_a_layout_that_is_asked_for_is_one_more_argument(step):
    application = step("Prepare", "data.layout=group/class")["Arguments"]["AppSpecification"]

    assert application["ContainerArguments"][-2:] == ["--layout", "group/class"]


def test_decisions_come_in_as_a_file_and_without_them_nothing_does(step):
    arguments = step("Prepare", "data.decisions=s3://theirs/a/d.csv")["Arguments"]
    inputs = {one["InputName"]: one["S3Input"] for one in arguments["ProcessingInputs"]}

    assert arguments["AppSpecification"]["ContainerArguments"][-2:] == [
        "--decisions",
        "/opt/ml/processing/input/decisions",
    ]
    assert inputs["decisions"]["S3Uri"] == "s3://theirs/a/d.csv"
    without = step("Prepare")["Arguments"]["ProcessingInputs"]
    assert "decisions" not in [one["InputName"] for one in without]


def test_reads_the_data_parameter_and_its_own_code(step):
    inputs = {
        one["InputName"]: one["S3Input"] for one in step("Prepare")["Arguments"]["ProcessingInputs"]
    }

    assert inputs["data"]["S3Uri"] == {"Get": "Parameters.DataUri"}
    assert inputs["data"]["LocalPath"] == "/opt/ml/processing/input/data"
    assert inputs["code"]["S3Uri"].startswith(
        "s3://dog-breeds-111122223333-us-east-1/code/prepare-"
    )


def test_keeps_the_test_split_apart(step):
    outputs = step("Prepare")["Arguments"]["ProcessingOutputConfig"]["Outputs"]

    assert [one["OutputName"] for one in outputs] == ["dataset", "test"]
    assert outputs[1]["S3Output"]["S3Uri"] == {
        "Std:Join": {
            "On": "/",
            "Values": [
                "s3://dog-breeds-111122223333-us-east-1/runs",
                {"Get": "Execution.PipelineExecutionId"},
                "Prepare",
                "test",
            ],
        }
    }


def test_offers_its_facts_to_later_steps(step):
    assert step("Prepare")["PropertyFiles"] == [
        {"PropertyFileName": "Dataset", "OutputName": "dataset", "FilePath": "dataset.json"}
    ]


def test_failures_of_aws_are_retried_and_results_cached(step):
    prepare = step("Prepare", "retry.max_attempts=7", "caching.expire_after=P3D")

    assert prepare["CacheConfig"] == {"Enabled": True, "ExpireAfter": "P3D"}
    assert {policy["MaxAttempts"] for policy in prepare["RetryPolicies"]} == {7}
    assert [kind for policy in prepare["RetryPolicies"] for kind in policy["ExceptionType"]] == [
        "Step.SERVICE_FAULT",
        "Step.THROTTLING",
        "SageMaker.RESOURCE_LIMIT",
        "SageMaker.CAPACITY_ERROR",
        "SageMaker.JOB_INTERNAL_ERROR",
    ]
