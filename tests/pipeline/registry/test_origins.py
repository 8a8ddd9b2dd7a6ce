"""A version is told apart by what its run was made with, as long as that run is known."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pipeline.command_line.running import run_command
from pipeline.comparing.chosen import Chosen
from pipeline.local.engine.executions import Execution, Place
from pipeline.local.service.client import sagemaker_client
from pipeline.local.store import Store
from pipeline.registry.__main__ import main
from pipeline.registry.origins import Made, Origins
from pipeline.registry.versions import Version
from tests.pipeline.schema.schema_support import document

Call = Callable[..., str]
PREPARE = ["--resize", "256", "--split", "0.8,0.1,0.1", "--seed", "0"]
EXTRACT = ["--backbone", "resnet18", "--backbone-seed", "0", "--crop", "224", "--test", "x"]


def definition(views: str) -> dict[str, Any]:
    """What our pipeline tells of its settings; its learning rate is tuned."""

    def processing(name: str, arguments: list[str]) -> dict[str, Any]:
        job = {"AppSpecification": {"ImageUri": "i", "ContainerArguments": arguments}}
        return {"Name": name, "Type": "Processing", "Arguments": job}

    best = {"Get": "Steps.Tune.BestTrainingJob.TunedHyperParameters['lr']"}
    train = {"HyperParameters": {"epochs": "15", "lr": {"Std:Join": {"On": "", "Values": [best]}}}}
    return {
        "Steps": [
            processing("Prepare", PREPARE),
            processing("ExtractFeatures", [*EXTRACT, "--views", views, "--batch-size", "64"]),
            {"Name": "Train", "Type": "Training", "Arguments": train},
        ]
    }


@pytest.fixture
def register(store: Store, register_package: Callable[..., str]) -> Callable[..., str]:
    """`register(views, lr)`: a version of a run with these; answers the run's id."""
    client = sagemaker_client(store)

    def make(views: str, lr: str, pipeline: str = "dogs") -> str:
        execution = Execution(pipeline, definition(views), store, Place())
        execution.begin({})
        name = f"pipelines-{execution.id}-Train"
        arn = Place().arn("training-job", name)
        job = {
            "TrainingJobName": name,
            "TrainingJobArn": arn,
            "TrainingJobStatus": "Completed",
            "SecondaryStatus": "Completed",
            "StoppingCondition": {},
            "CreationTime": execution.started,
            "HyperParameters": {"epochs": "15", "lr": lr},
        }
        store.put("TrainingJob", name, job, arn)
        folder = store.path(f"s3://b/runs/{execution.id}")
        folder.mkdir(parents=True)
        metrics = {"accuracy": {"value": 0.75}}
        measured = {"multiclass_classification_metrics": metrics, "dataset": {"item_count": 40}}
        (folder / "evaluation.json").write_text(json.dumps(measured))
        uri = f"s3://b/runs/{execution.id}/evaluation.json"
        register_package(
            client,
            f"s3://b/runs/{execution.id}/model.tar.gz",
            ModelMetrics={
                "ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": uri}}
            },
            CustomerMetadataProperties={
                "TrainingJob": name,
                "Report": f"s3://b/runs/{execution.id}/report/report.html",
            },
        )
        return execution.id

    return make


@pytest.fixture
def call(store: Store, capsys: pytest.CaptureFixture[str]) -> Call:
    def command(*arguments: str) -> str:
        code = run_command(main, [*arguments, "--state", str(store.root)])
        captured = capsys.readouterr()
        assert (code, captured.err) == (0, "")
        return captured.out

    return command


def test_a_list_tells_versions_apart(call: Call, register: Callable[..., str]) -> None:
    runs = [register("1", "0.001"), register("4", "0.002")]
    _, second, first = (" ".join(line.split()) for line in call("list").splitlines())
    start = "PendingManualApproval 75.0% (59.8 to 85.8)"
    assert first.startswith(f"1 {start} {runs[0]} resnet18 random nothing ")
    assert second.startswith(f"2 {start} {runs[1]} resnet18 random features.views=4 ")
    found = document("registry list", call("list", "--json"))[0]
    assert (found["run"], found["backbone"]) == (runs[1], "resnet18")
    assert [(one["key"], one["first"], one["second"]) for one in found["differs"]] == [
        ("features.views", "4", "1")
    ]


def test_one_is_shown_with_all_that_it_was_made_with(
    call: Call, register: Callable[..., str]
) -> None:
    register("4", "0.002")
    shown = [" ".join(line.split()) for line in call("show", "1").splitlines()]
    assert "features.views 4 1" in shown  # the default beside it
    assert "features.batch_size 64" in shown
    assert "training.lr 0.002 (tuned)" in shown
    found = document("registry show", call("show", "1", "--json"))
    assert (found["settings"]["training.lr"], found["tuned"]) == ("0.002", ["training.lr"])


def test_two_are_compared_by_what_differs(call: Call, register: Callable[..., str]) -> None:
    register("1", "0.001")
    register("4", "0.002")
    shown = [" ".join(line.split()) for line in call("compare", "2", "1").splitlines()]
    start = shown.index("What differs Version 2 Version 1")
    assert shown[start + 1 : start + 3] == [
        "features.views 4 1",
        "training.lr 0.002 (tuned) 0.001 (tuned)",
    ]
    found = document("registry compare", call("compare", "2", "1", "--json"))["settings"]
    assert [one["key"] for one in found] == ["features.views", "training.lr"]


def test_a_run_of_another_pipeline_is_found_too(call: Call, register: Callable[..., str]) -> None:
    register("1", "0.001")
    register("2", "0.001", pipeline="cats")
    assert "features.views=2" in call("list")


def test_a_version_whose_run_is_gone_is_listed_and_that_is_said(
    call: Call, register: Callable[..., str], store: Store
) -> None:
    register("1", "0.001")
    store.delete("PipelineExecution", register("4", "0.001"))
    newest = call("list").splitlines()[1].split()
    assert newest[7:9] == ["-", "-"]
    gone = "what version 2 was made with is not known: its run is not there (any more)"
    assert gone in call("show", "2")
    assert gone in call("compare", "2", "1")
    assert document("registry compare", call("compare", "2", "1", "--json"))["settings"] is None


def test_what_may_not_be_read_on_aws_is_said_once_and_is_not_known(
    capsys: pytest.CaptureFixture[str],
) -> None:
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    client = boto3.client("sagemaker", "eu-west-1", **keys)
    report = {"Report": "s3://b/runs/abcdefghijkl/report/report.html"}
    place = "arn:aws:sagemaker:eu-west-1:111122223333"
    arn = f"{place}:model-package/dogs/1"
    version = Version(1, arn, "dogs", "Approved", datetime.now(UTC), "", report, "", {}, "")
    asked = {"PipelineExecutionArn": f"{place}:pipeline/dogs/execution/abcdefghijkl"}
    with Stubber(client) as stub:
        for _ in range(2):
            stub.add_client_error(
                "describe_pipeline_definition_for_execution",
                "AccessDeniedException",
                "you may not",
                expected_params=asked,
            )
            stub.add_response("list_pipelines", {"PipelineSummaries": []}, {})
        origins = Origins(client, Chosen({}))
        assert [origins.made(version) for _ in range(2)] == [Made(version)] * 2
        stub.assert_no_pending_responses()
    operation = "DescribePipelineDefinitionForExecution"
    expected = f"warning: some settings are not known: {operation}: you may not\n"
    assert capsys.readouterr().err == expected
