"""What is asked of SageMaker to stop a run, or to try it again, and what its refusals become."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pipeline.errors import PipelineError, UsageError
from pipeline.run.again import AskedExecution, retry_run, stop_run
from pipeline.target import readable_errors
from tests.pipeline.aws.aws_support import EXECUTION, NOW, Cloud

ASKS = [("stop", stop_run), ("retry", retry_run)]
Ask = Callable[[Any, tuple[str, ...], str], AskedExecution]


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    made = Cloud()
    yield made
    made.verify()


def _listed(cloud: Cloud) -> None:
    run = {
        "PipelineExecutionArn": EXECUTION,
        "PipelineExecutionStatus": "Failed",
        "StartTime": NOW,
    }
    cloud.expect("sagemaker", "list_pipeline_executions", {"PipelineExecutionSummaries": [run]})


def _steps(cloud: Cloud, *steps: dict[str, Any]) -> None:
    request = {"PipelineExecutionArn": EXECUTION}
    answer = {"PipelineExecutionSteps": list(steps)}
    cloud.expect("sagemaker", "list_pipeline_execution_steps", answer, request)


def test_a_run_that_its_gate_ended_would_end_there_again(cloud: Cloud) -> None:
    _listed(cloud)
    fail = {"Metadata": {"Fail": {"ErrorMessage": "too low"}}, "StepStatus": "Failed"}
    _steps(cloud, {"StepName": "AccuracyTooLow", **fail})
    with pytest.raises(UsageError, match="ended at its step AccuracyTooLow, which would say"):
        retry_run(cloud.aws.client("sagemaker"), ("dog-breeds",), "newest")


@pytest.mark.parametrize(("word", "ask"), ASKS)
@pytest.mark.parametrize("wanted", ["newest", "abcdefghijkl"])
def test_a_run_is_asked_by_its_id_or_the_newest(
    cloud: Cloud, word: str, ask: Ask, wanted: str
) -> None:
    _listed(cloud)
    request = {"PipelineExecutionArn": EXECUTION}
    if word == "retry":
        _steps(cloud, {"StepName": "Train", "StepStatus": "Failed"})
    cloud.expect("sagemaker", f"{word}_pipeline_execution", request, request)
    asked = ask(cloud.aws.client("sagemaker"), ("dog-breeds",), wanted)
    assert json.loads(asked.to_json()) == {"asked": word, "arn": EXECUTION}
    assert asked.summary().endswith(EXECUTION)


@pytest.mark.parametrize(("word", "ask"), ASKS)
def test_a_refusal_is_said_in_sagemakers_words(cloud: Cloud, word: str, ask: Ask) -> None:
    if word == "retry":
        _steps(cloud)
    cloud.refuse("sagemaker", f"{word}_pipeline_execution", "ConflictException", "it has ended")
    with pytest.raises(PipelineError, match="ConflictException: it has ended"), readable_errors():
        ask(cloud.aws.client("sagemaker"), ("dog-breeds",), EXECUTION)


@pytest.mark.parametrize(("word", "ask"), ASKS)
def test_a_run_that_is_not_there_is_not_asked(cloud: Cloud, word: str, ask: Ask) -> None:
    _listed(cloud)
    with pytest.raises(UsageError, match="no run 'abc'; the newest are: abcdefghijkl"):
        ask(cloud.aws.client("sagemaker"), ("dog-breeds",), "abc")
