"""RegisterModel and Model steps: whole or not at all."""

from typing import Any

import pytest

from pipeline.local.engine.registration import register_model
from pipeline.local.service.api import LocalApi
from pipeline.local.service.operations.context import ApiError
from pipeline.local.store import Store
from tests.pipeline.local.runner_support import BUCKET, ROLE, Json, Lab


@pytest.fixture
def lab(store: Store) -> Lab:
    return Lab(store)


def _register(**extra: Any) -> Json:
    specification = {
        "Containers": [{"Image": "image:1", "ModelDataUrl": f"{BUCKET}/model.tar.gz"}],
        "SupportedContentTypes": ["image/jpeg"],
        "SupportedResponseMIMETypes": ["application/json"],
    }
    arguments = {
        "ModelPackageGroupName": "dogs",
        "InferenceSpecification": specification,
        "ModelApprovalStatus": {"Get": "Parameters.Status"},
        "CustomerMetadataProperties": {"Threshold": {"Get": "Parameters.Threshold"}},
        **extra,
    }
    return {"Name": "Register", "Type": "RegisterModel", "Arguments": arguments}


PARAMETERS = {"Status": "PendingManualApproval", "Threshold": 0.6}


def test_versions_are_registered_and_the_group_is_made(lab: Lab) -> None:
    arns = []
    for _ in range(2):
        result = lab.run(_register(), parameters=PARAMETERS)
        assert result.status == "Succeeded", result.failure
        arns.append(result.steps["Register"].properties["ModelPackageArn"])
        assert lab.heard[-1].message == f"model-package/dogs/{len(arns)}"
    assert [arn.rpartition("/")[2] for arn in arns] == ["1", "2"]
    package = LocalApi(lab.store).call("DescribeModelPackage", {"ModelPackageName": arns[1]})
    assert package["CustomerMetadataProperties"] == {"Threshold": "0.6"}
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    assert lab.step_documents()["Register"]["Metadata"] == {"RegisterModel": {"Arn": arns[1]}}


def test_what_a_killed_run_registered_is_taken_over_once(lab: Lab) -> None:
    report = {"Std:Join": {"On": "/", "Values": ["x", {"Get": "Execution.PipelineExecutionId"}]}}
    step = _register(CustomerMetadataProperties={"Report": report})

    def run(killed: bool = False) -> int:
        result = lab.run(step, parameters=PARAMETERS)
        if killed:
            document = lab.store.get("PipelineExecution", result.execution_id) or {}
            document["PipelineExecutionStatus"] = "Stopped"
            lab.store.put("PipelineExecution", result.execution_id, document, result.execution_arn)
        package = result.steps["Register"].properties
        assert package["CustomerMetadataProperties"]["Report"] == f"x/{result.execution_id}"
        version: int = package["ModelPackageVersion"]
        return version

    assert [run(killed=True), run(killed=True), run(), run()] == [1, 1, 1, 2]
    run(killed=True)
    (api, arn) = LocalApi(lab.store), lab.store.list("ModelPackage")[-1]["ModelPackageArn"]
    api.call("UpdateModelPackage", {"ModelPackageArn": arn, "ModelApprovalStatus": "Rejected"})
    assert run() == 4


def test_a_reference_to_the_package_reaches_later_steps(lab: Lab) -> None:
    members = ("ModelPackageArn", "ModelPackageGroupName", "ModelApprovalStatus")
    arguments = [{"Get": f"Steps.Register.{member}"} for member in members]
    after = lab.processing("After", "import sys\nprint(*sys.argv[1:])", arguments=arguments)
    result = lab.run(_register(), after, parameters=PARAMETERS)
    assert result.status == "Succeeded", result.failure
    log = (lab.store.root / "runs" / result.execution_id / "After" / "log.txt").read_text()
    arn = result.steps["Register"].properties["ModelPackageArn"]
    assert log == f"{arn} dogs PendingManualApproval\n"


def test_a_package_with_a_name_of_its_own_needs_no_group(lab: Lab) -> None:
    step = _register(ModelPackageName="cats")
    del step["Arguments"]["ModelPackageGroupName"]
    result = lab.run(step, parameters=PARAMETERS)
    assert result.status == "Succeeded", result.failure
    arn = result.steps["Register"].properties["ModelPackageArn"]
    assert arn.endswith(":model-package/cats")
    assert not lab.store.list("ModelPackageGroup")


def test_nothing_is_registered_behind_a_failure(lab: Lab) -> None:
    bad = lab.processing("Bad", "raise SystemExit(1)")
    result = lab.run(bad, _register() | {"DependsOn": ["Bad"]}, parameters=PARAMETERS)
    assert result.status == "Failed"
    assert not lab.store.list("ModelPackage")
    assert not lab.store.list("ModelPackageGroup")


class Refusing:
    """The local API, which refuses one operation."""

    def __init__(self, store: Store, operation: str) -> None:
        self._api = LocalApi(store)
        self._refused = operation

    def call(self, operation: str, params: Json) -> Json:
        if operation == self._refused:
            raise ApiError("ThrottlingException", "too many requests")
        return self._api.call(operation, params)


@pytest.mark.parametrize("operation", ["CreateModelPackage", "DescribeModelPackageGroup"])
def test_a_refusal_leaves_no_group_behind(lab: Lab, operation: str) -> None:
    with pytest.raises(ApiError, match="too many"):
        register_model(
            {"ModelPackageGroupName": "dogs"}, lab.store, Refusing(lab.store, operation), "a/b"
        )
    assert not lab.store.list("ModelPackageGroup")


def test_a_model_step_creates_a_model(lab: Lab) -> None:
    container = {"Image": "image:1", "ModelDataUrl": f"{BUCKET}/model.tar.gz"}
    arguments = {"ExecutionRoleArn": ROLE, "PrimaryContainer": container}
    step = {"Name": "CreateModel", "Type": "Model", "Arguments": arguments}
    result = lab.run(step)
    assert result.status == "Succeeded", result.failure
    name = result.steps["CreateModel"].properties["ModelName"]
    assert LocalApi(lab.store).call("DescribeModel", {"ModelName": name})["PrimaryContainer"]
