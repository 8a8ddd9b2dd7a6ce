"""The Lambda's code is published when it differs, once, and is in force when that is said."""

import base64
import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import ANY

from pipeline.aws.errors import AwsAccessError, AwsError
from pipeline.aws.lambda_function import find_function, lambda_archive, publish_code
from pipeline.errors import UsageError
from tests.pipeline.aws.aws_support import Clock, Cloud, Recorded

NAME = "dog-breeds-deploy-endpoint"
OLD, NEW = "old", "new"


@pytest.fixture
def function(moto: Recorded) -> Recorded:
    role = moto.aws.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")
    moto.aws.client("lambda").create_function(
        FunctionName=NAME,
        Runtime="python3.12",
        Role=role["Role"]["Arn"],
        Handler="deploy_endpoint.handler",
        Code={"ZipFile": b"not published yet"},
    )
    moto.requests.clear()
    return moto


def state(sha: str = OLD, status: str = "Successful", **more: Any) -> dict[str, Any]:
    return {
        "FunctionName": NAME,
        "CodeSha256": sha,
        "RevisionId": "revision-1",
        "State": "Active",
        "LastUpdateStatus": status,
        **more,
    }


def expect_state(cloud: Cloud, answer: dict[str, Any]) -> None:
    cloud.expect("lambda", "get_function_configuration", answer, {"FunctionName": NAME})


def expect_update(cloud: Cloud) -> None:
    request = {"FunctionName": NAME, "ZipFile": b"code", "RevisionId": "revision-1"}
    cloud.expect("lambda", "update_function_code", {}, request)


def test_the_archive_holds_the_modules_at_its_root(tree: Path) -> None:
    (tree / "lambda_code/__pycache__").mkdir()
    (tree / "lambda_code/__pycache__/deploy_endpoint.py").write_text("stale")
    (tree / "lambda_code/notes.txt").write_text("not code")
    with zipfile.ZipFile(io.BytesIO(lambda_archive(tree))) as archive:
        assert archive.namelist() == ["deploy_endpoint.py"]
        assert archive.read("deploy_endpoint.py").startswith(b"def handler")
        assert archive.infolist()[0].external_attr >> 16 == 0o644


def test_the_archive_is_the_same_for_the_same_files(tree: Path) -> None:
    before = lambda_archive(tree)
    path = tree / "lambda_code/deploy_endpoint.py"
    path.write_bytes(path.read_bytes())
    path.chmod(0o600)
    assert lambda_archive(tree) == before
    path.write_text("changed")
    assert lambda_archive(tree) != before


def test_a_tree_without_code_for_the_lambda_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no code for the Lambda"):
        lambda_archive(tmp_path)


def test_code_is_published_once(function: Recorded, tree: Path, clock: Clock) -> None:
    archive = lambda_archive(tree)
    assert publish_code(function.aws, NAME, archive, clock.timing()) is True
    assert publish_code(function.aws, NAME, archive, clock.timing()) is False
    (request,) = function.sent("UpdateFunctionCode")
    assert request == {"FunctionName": NAME, "ZipFile": archive, "RevisionId": ANY}


def test_no_function_names_the_command_that_makes_it(moto: Recorded) -> None:
    with pytest.raises(UsageError, match=rf"no Lambda {NAME} .*python -m pipeline\.bootstrap"):
        find_function(moto.aws, NAME)


def test_a_function_that_may_not_be_read_is_said(cloud: Cloud) -> None:
    cloud.refuse("lambda", "get_function_configuration", "AccessDeniedException", "lambda:Get")
    with pytest.raises(AwsAccessError, match="lambda:Get"):
        find_function(cloud.aws, NAME)


def test_an_update_is_awaited_until_it_is_in_force(cloud: Cloud, clock: Clock) -> None:
    expect_state(cloud, state())
    expect_update(cloud)
    expect_state(cloud, state(NEW, "InProgress"))
    expect_state(cloud, state(NEW, "InProgress"))
    expect_state(cloud, state(NEW))
    assert publish_code(cloud.aws, NAME, b"code", clock.timing()) is True
    assert clock.slept == [1, 2]


def test_an_update_that_fails_says_why(cloud: Cloud, clock: Clock) -> None:
    expect_state(cloud, state())
    expect_update(cloud)
    expect_state(cloud, state(NEW, "Failed", LastUpdateStatusReason="the key is disabled"))
    with pytest.raises(AwsError, match="the key is disabled"):
        publish_code(cloud.aws, NAME, b"code", clock.timing())


def test_an_earlier_failed_update_does_not_block_a_new_one(cloud: Cloud, clock: Clock) -> None:
    expect_state(cloud, state(OLD, "Failed"))
    expect_update(cloud)
    expect_state(cloud, state(NEW))
    assert publish_code(cloud.aws, NAME, b"code", clock.timing()) is True


def test_somebody_elses_update_is_awaited_first(cloud: Cloud, clock: Clock) -> None:
    expect_state(cloud, state(OLD, "InProgress"))
    expect_state(cloud, state())
    expect_update(cloud)
    expect_state(cloud, state(NEW))
    assert publish_code(cloud.aws, NAME, b"code", clock.timing()) is True


@pytest.mark.parametrize("code", ["ResourceConflictException", "PreconditionFailedException"])
def test_after_a_clash_the_function_is_looked_at_again(
    cloud: Cloud, clock: Clock, code: str
) -> None:
    expect_state(cloud, state())
    cloud.refuse("lambda", "update_function_code", code, status=409)
    same = base64.b64encode(hashlib.sha256(b"code").digest()).decode()
    expect_state(cloud, state(same))
    assert publish_code(cloud.aws, NAME, b"code", clock.timing()) is False


def test_endless_clashes_end(cloud: Cloud, clock: Clock) -> None:
    for _ in range(6):
        expect_state(cloud, state())
        cloud.refuse("lambda", "update_function_code", "ResourceConflictException", status=409)
    with pytest.raises(AwsError, match="changed by others"):
        publish_code(cloud.aws, NAME, b"code", clock.timing())


def test_an_update_that_never_ends_is_given_up(cloud: Cloud, clock: Clock) -> None:
    for _ in range(34):
        expect_state(cloud, state(OLD, "InProgress"))
    with pytest.raises(AwsError, match="has been updating for 305 s"):
        publish_code(cloud.aws, NAME, b"code", clock.timing())
