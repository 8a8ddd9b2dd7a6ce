"""Executions that the API starts, stops and retries: processes of their own, and their ends."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.engine.recovery import holder_of, is_alive, stop_dead_runs
from pipeline.local.service.api import LocalApi
from pipeline.local.store import Document, Store
from tests.pipeline.local.runner_support import (
    BUCKET,
    INPUT,
    OUTPUT,
    SLEEP,
    Json,
    Lab,
    definition,
    is_gone,
    output_of,
    wait_for,
)
from tests.pipeline.local.service.api_support import PREFIX, ROLE, refused

WRITE = "import sys\nopen(sys.argv[1] + '/out.txt', 'w').write(sys.argv[2])"
COPY = """
import sys
text = open(sys.argv[1] + "/out.txt").read()
open(sys.argv[2] + "/out.txt", "w").write(text + " " + sys.argv[3])
"""
TOKEN = "t" * 32


@pytest.fixture
def lab(store: Store) -> Lab:
    return Lab(store)


@pytest.fixture
def api(store: Store) -> LocalApi:
    return LocalApi(store)


def create(api: LocalApi, *steps: Json, parameters: dict[str, Any] | None = None) -> None:
    text = json.dumps(definition(*steps, parameters=parameters or {}))
    request = {"PipelineName": "dogs", "PipelineDefinition": text, "RoleArn": ROLE}
    api.call("CreatePipeline", request)


def start(api: LocalApi, selected: list[str] | None = None, source: str = "", **more: Any) -> str:
    """Start the pipeline, or some of its steps; its ARN."""
    request: Document = {"PipelineName": "dogs", **more}
    if selected:
        config: Document = {"SelectedSteps": [{"StepName": name} for name in selected]}
        config |= {"SourcePipelineExecutionArn": source} if source else {}
        request["SelectiveExecutionConfig"] = config
    return str(api.call("StartPipelineExecution", request)["PipelineExecutionArn"])


def described(api: LocalApi, arn: str) -> Document:
    return api.call("DescribePipelineExecution", {"PipelineExecutionArn": arn})


def ended(api: LocalApi, arn: str) -> str:
    """How an execution ends."""
    for _ in range(1200):
        status = str(described(api, arn)["PipelineExecutionStatus"])
        if status != "Executing":
            return status
        time.sleep(0.1)
    raise AssertionError("it never ended")


def steps_of(api: LocalApi, arn: str) -> dict[str, Document]:
    found = api.call("ListPipelineExecutionSteps", {"PipelineExecutionArn": arn})
    return {one["StepName"]: one for one in found["PipelineExecutionSteps"]}


def two_steps(lab: Lab) -> list[Json]:
    word = {"Get": "Parameters.Word"}
    return [
        lab.processing("First", WRITE, outputs=["data"], arguments=[f"{OUTPUT}/data", word]),
        lab.processing(
            "Second",
            COPY,
            inputs={"data": output_of("First", "data")},
            outputs=["data"],
            arguments=[f"{INPUT}/data", f"{OUTPUT}/data", word],
        ),
    ]


def test_an_execution_runs_by_itself_and_a_part_of_it_again(lab: Lab, api: LocalApi) -> None:
    create(api, *two_steps(lab), parameters={"Word": "a"})
    whole = start(api, PipelineExecutionDisplayName="mine", ClientRequestToken=TOKEN)
    assert start(api, ClientRequestToken=TOKEN) == whole, "one request, sent twice"
    assert ended(api, whole) == "Succeeded"
    assert described(api, whole)["PipelineExecutionDisplayName"] == "mine"
    given = [{"Name": "Word", "Value": "b"}]
    part = start(api, ["Second"], whole, PipelineParameters=given)
    assert ended(api, part) == "Succeeded"
    identity = part.rpartition("/")[2]
    assert lab.read(f"{BUCKET}/runs/{identity}/Second/data/out.txt") == "a b"
    taken = {"SourcePipelineExecutionArn": whole}
    assert steps_of(api, part)["First"]["SelectiveExecutionResult"] == taken
    config = described(api, part)["SelectiveExecutionConfig"]
    assert config == {**taken, "SelectedSteps": [{"StepName": "Second"}]}


def test_one_is_stopped_and_goes_on_where_it_was(lab: Lab, api: LocalApi, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    busy = lab.processing("Busy", SLEEP, arguments=[str(mark)])
    create(api, lab.processing("First", ""), busy | {"DependsOn": ["First"]})
    arn = start(api)
    by_arn = {"PipelineExecutionArn": arn}
    wait_for(mark)
    conflict = refused(api, "RetryPipelineExecution", **by_arn)
    assert (conflict.code, "is at work" in conflict.message) == ("ConflictException", True)
    assert api.call("StopPipelineExecution", by_arn) == by_arn
    assert ended(api, arn) == "Stopped"
    conflict = refused(api, "StopPipelineExecution", **by_arn)
    assert (conflict.code, "it is Stopped" in conflict.message) == ("ConflictException", True)
    lab.put(f"{BUCKET}/code/Busy/files/Busy.py", "print('short')")
    assert api.call("RetryPipelineExecution", by_arn) == by_arn
    assert ended(api, arn) == "Succeeded"
    assert steps_of(api, arn)["Busy"]["AttemptCount"] == 2
    conflict = refused(api, "RetryPipelineExecution", **by_arn)
    assert (conflict.code, "is Succeeded" in conflict.message) == ("ConflictException", True)


def test_a_selective_run_that_is_killed_is_settled_and_can_be_retried(
    lab: Lab, api: LocalApi, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    busy = lab.processing("Busy", SLEEP, arguments=[str(mark)]) | {"DependsOn": ["First"]}
    create(api, lab.processing("First", ""), busy)
    whole = start(api, ["First"])
    assert ended(api, whole) == "Succeeded"
    arn = start(api, ["Busy"], whole)
    wait_for(mark)
    folder = lab.store.root / "runs" / arn.rpartition("/")[2]
    holder = holder_of(folder)
    assert holder is not None
    os.kill(holder, signal.SIGKILL)
    assert is_gone(holder)
    while is_alive(folder):  # what it had forked has its files for a moment
        time.sleep(0.1)
    stop_dead_runs(lab.store)
    assert described(api, arn)["PipelineExecutionStatus"] == "Stopped"
    steps = steps_of(api, arn)
    assert {name: one["StepStatus"] for name, one in steps.items()} == {
        "First": "Succeeded",
        "Busy": "Stopped",
    }
    lab.put(f"{BUCKET}/code/Busy/files/Busy.py", "print('short')")
    api.call("RetryPipelineExecution", {"PipelineExecutionArn": arn})
    assert ended(api, arn) == "Succeeded"


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({"selected": ["Secnd"]}, "did you mean Second?"),
        ({"selected": ["Second"]}, "null. The selected steps [Second] have dependencies on"),
        ({"selected": ["Second"], "source": f"{PREFIX}:pipeline/dogs/execution/e"}, "no execution"),
        ({"selected": ["First"] * 51}, "selectedSteps"),
        ({"PipelineParameters": [{"Name": "Wrd", "Value": "b"}]}, "did you mean Word?"),
        ({"PipelineVersionId": 1}, "PipelineVersionId is not supported"),
    ],
)
def test_what_cannot_be_started_is_refused(
    lab: Lab, api: LocalApi, request_: dict[str, Any], says: str
) -> None:
    create(api, *two_steps(lab), parameters={"Word": "a"})
    config: Document = {}
    if selected := request_.pop("selected", None):
        source = request_.pop("source", "")
        config["SelectedSteps"] = [{"StepName": name} for name in selected]
        config |= {"SourcePipelineExecutionArn": source} if source else {}
        request_["SelectiveExecutionConfig"] = config
    error = refused(api, "StartPipelineExecution", PipelineName="dogs", **request_)
    assert error.code == "ValidationException"
    assert says in error.message
    assert lab.store.list("PipelineExecution") == []
