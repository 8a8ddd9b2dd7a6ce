"""Quotas are told by bootstrap: when asked, and after the stack was made."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pipeline.bootstrap.__main__ import main
from pipeline.command_line.running import run_command
from tests.pipeline.aws.aws_support import ACCOUNT, BUCKET, REGION, Cloud
from tests.pipeline.schema.schema_support import document

ENOUGH: dict[str, float] = {
    "ml.m5.2xlarge for processing job usage": 1,
    "ml.m5.2xlarge for training job usage": 1,
    "ml.m5.xlarge for training job usage": 3,
    "ml.m5.large for endpoint usage": 6,
    "Maximum total concurrency that can be allocated across all serverless endpoints": 10,
}
TRIALS = "ml.m5.xlarge for training job usage"
NOT_ALLOWED = ("service-quotas", "list_service_quotas", "AccessDeniedException", "not you")


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    made = Cloud()
    monkeypatch.setattr("pipeline.aws.clients.connect", lambda _settings: made.aws)
    yield made
    made.verify()


@pytest.fixture
def run(cloud: Cloud) -> Callable[..., int]:
    def command(*arguments: str) -> int:
        return run_command(main, ["--set", f"aws.account_id='{ACCOUNT}'", *arguments])

    return command


def expect_quotas(cloud: Cloud, quotas: dict[str, float]) -> None:
    found = [
        {"QuotaName": name, "QuotaCode": "L-1", "Value": float(value)}
        for name, value in quotas.items()
    ]
    cloud.expect("service-quotas", "list_service_quotas", {"Quotas": found})


def expect_a_stack_that_is_up_to_date(cloud: Cloud) -> None:
    before = {
        "BucketName": BUCKET,
        "CreateBucket": "true",
        "ModelPackageGroupName": "dog-breeds",
        "CreateModelPackageGroup": "true",
    }
    stack: dict[str, Any] = {
        "StackId": "arn:1",
        "StackName": "dog-breeds",
        "CreationTime": "2026-01-01T00:00:00Z",
        "StackStatus": "UPDATE_COMPLETE",
        "Parameters": [
            {"ParameterKey": name, "ParameterValue": value} for name, value in before.items()
        ],
    }
    cloud.expect("cloudformation", "describe_stacks", {"Stacks": [stack]})
    cloud.expect("s3", "head_bucket", {"BucketRegion": REGION})
    cloud.expect("s3", "put_object", {})
    cloud.expect("cloudformation", "create_change_set", {"Id": "arn:2", "StackId": "arn:1"})
    reason = "No updates are to be performed."
    failed = {"Status": "FAILED", "StatusReason": reason}
    cloud.expect("cloudformation", "describe_change_set", failed)
    cloud.expect("cloudformation", "delete_change_set", {})


def test_enough_is_exit_code_0(cloud: Cloud, run: Callable[..., int]) -> None:
    expect_quotas(cloud, ENOUGH)
    assert run("--quotas") == 0


def test_too_small_is_exit_code_1_with_the_request(
    cloud: Cloud, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    expect_quotas(cloud, {**ENOUGH, TRIALS: 0})
    assert run("--quotas", "--json") == 1
    printed = capsys.readouterr()
    found = document("bootstrap", printed.out)
    small = [one for one in found["quotas"] if one["verdict"] == "too small"]
    assert [(one["quota"], one["needed"], one["has"]) for one in small] == [(TRIALS, 3, 0.0)]
    assert small[0]["request"].endswith("--quota-code L-1 --desired-value 3")
    assert "too small" in printed.err


def test_whoever_may_not_ask_does_not_know(
    cloud: Cloud, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.refuse(*NOT_ALLOWED)
    assert run("--quotas") == 2
    assert "asking for the quotas of SageMaker: not allowed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("quotas", "said"),
    [(ENOUGH, "the quotas are enough"), ({**ENOUGH, TRIALS: 1}, "too small"), (None, "not known")],
)
def test_the_end_of_bootstrap_says_what_is_too_small_and_does_not_fail_of_it(
    quotas: dict[str, float] | None,
    said: str,
    cloud: Cloud,
    run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    expect_a_stack_that_is_up_to_date(cloud)
    if quotas is None:
        cloud.refuse(*NOT_ALLOWED)
    else:
        expect_quotas(cloud, quotas)
    assert run("--yes") == 0
    assert said in capsys.readouterr().out
