"""A run from a step takes what another made before it, and nothing that is not as it was."""

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.definition.selection import Selection, SelectionError
from pipeline.local.engine.scheduler import ExecutionResult
from pipeline.local.store import Store
from tests.pipeline.local.runner_support import (
    BUCKET,
    INPUT,
    OUTPUT,
    Json,
    Lab,
    cached,
    definition,
    output_of,
)

WRITE = """
import sys
from pathlib import Path
Path(sys.argv[1]).joinpath("out.txt").write_text(" ".join(sys.argv[2:]))
"""
COPY = """
import sys
from pathlib import Path
source, target, more = sys.argv[1:]
text = Path(source, "out.txt").read_text()
Path(target).joinpath("out.txt").write_text(f"{text} {more}")
if more == "bad":
    raise SystemExit("bad")
"""


@pytest.fixture
def lab(store: Store) -> Lab:
    return Lab(store)


def pipeline_of(lab: Lab, first: str = "a", second: str = "b", third: str = "c") -> Json:
    """First -> Second -> Gate -> Third, and Beside after First; each adds its word."""
    steps = [
        cached(
            lab.processing("First", WRITE, outputs=["data"], arguments=[f"{OUTPUT}/data", first])
        )
    ]
    for name, before, word in (("Second", "First", second), ("Beside", "First", "x")):
        steps.append(_copy(lab, name, before, word))
    third_step = _copy(lab, "Third", "Second", third)
    condition = {"Type": "Equals", "LeftValue": 1, "RightValue": 1}
    branches = {"Conditions": [condition], "IfSteps": [third_step], "ElseSteps": []}
    gate = {"Name": "Gate", "Type": "Condition", "Arguments": branches, "DependsOn": ["Second"]}
    return definition(*steps, gate, parameters={})


def _copy(lab: Lab, name: str, before: str, word: str) -> Json:
    return lab.processing(
        name,
        COPY,
        inputs={"data": output_of(before, "data")},
        outputs=["data"],
        arguments=[f"{INPUT}/data", f"{OUTPUT}/data", word],
    )


def text_of(lab: Lab, result: ExecutionResult, step: str) -> str:
    return lab.read(f"{BUCKET}/runs/{result.execution_id}/{step}/data/out.txt")


def from_second(lab: Lab, source: ExecutionResult | None, **words: Any) -> ExecutionResult:
    arn = source.execution_arn if source else None
    selection = Selection(("Second", "Gate", "Third"), arn)
    return lab.run_definition(pipeline_of(lab, **words), {}, selection=selection)


def test_selected_steps_run_on_what_the_source_made(lab: Lab) -> None:
    source = lab.run_definition(pipeline_of(lab), {})
    result = from_second(lab, source, first="never", second="B")
    assert result.status == "Succeeded"
    assert text_of(lab, result, "Third") == "a B c"
    states = {name: step.status for name, step in result.steps.items()}
    assert states["Beside"] == "Skipped"  # after First, but nobody asked for it
    documents = lab.step_documents()
    assert "Beside" not in documents
    taken = {"SourcePipelineExecutionArn": source.execution_arn}
    assert documents["First"]["SelectiveExecutionResult"] == taken
    assert "SelectiveExecutionResult" not in documents["Second"]
    execution = lab.store.list("PipelineExecution")[-1]
    selected = [{"StepName": name} for name in ("Second", "Gate", "Third")]
    assert execution["SelectiveExecutionConfig"] == taken | {"SelectedSteps": selected}


def test_what_was_taken_can_be_taken_again(lab: Lab) -> None:
    source = lab.run_definition(pipeline_of(lab), {})
    second = from_second(lab, source, second="B")
    third = from_second(lab, second, second="C")
    assert text_of(lab, third, "Third") == "a C c"


def test_selected_steps_hit_the_cache_as_usual(lab: Lab) -> None:
    selection = Selection(("First",))
    lab.run_definition(pipeline_of(lab), {}, selection=selection)
    again = lab.run_definition(pipeline_of(lab), {}, selection=selection)
    assert again.steps["First"].cached
    assert again.steps["Second"].status == "Skipped"


def test_a_run_that_failed_behind_them_has_the_steps_too(lab: Lab) -> None:
    source = lab.run_definition(pipeline_of(lab, second="bad"), {})
    assert source.status == "Failed"
    result = from_second(lab, source)
    assert text_of(lab, result, "Third") == "a b c"


def _gone(lab: Lab, source: ExecutionResult) -> None:
    path = lab.store.path(f"{BUCKET}/runs/{source.execution_id}/First/data")
    path.rename(path.with_name("elsewhere"))


def _changed(lab: Lab, source: ExecutionResult) -> None:
    lab.put(f"{BUCKET}/runs/{source.execution_id}/First/data/out.txt", "another text")


def _forgotten(lab: Lab, source: ExecutionResult) -> None:
    lab.store.delete("ProcessingJob", f"pipelines-{source.execution_id}-First")


def _failed(lab: Lab, source: ExecutionResult) -> None:
    _set(lab, "PipelineExecutionStep", f"{source.execution_id}/First", StepStatus="Failed")


def _stopped(lab: Lab, source: ExecutionResult) -> None:
    _set(lab, "PipelineExecution", source.execution_id, PipelineExecutionStatus="Stopped")


def _another(lab: Lab, source: ExecutionResult) -> None:
    arn = "arn:aws:sagemaker:us-east-1:111122223333:pipeline/other"
    _set(lab, "PipelineExecution", source.execution_id, PipelineArn=arn)


def _set(lab: Lab, kind: str, name: str, **members: str) -> None:
    document = lab.store.get(kind, name) or {}
    arn = document["PipelineExecutionArn"]
    lab.store.put(kind, name, document | members, arn)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_gone, r"results of step First no more: its output s3://\S+ is missing"),
        (_changed, r"results of step First no more: its output data/out.txt has 12 bytes"),
        (_forgotten, "results of step First no more: its job is gone"),
        (_failed, "no results of step First, which Failed"),
        (_stopped, "is Stopped: steps are taken of runs that are Succeeded or Failed"),
        (_another, "is of pipeline other, not of pipeline"),
    ],
)
def test_results_that_are_not_as_they_were_are_refused_before_anything_runs(
    lab: Lab, spoil: Callable[[Lab, ExecutionResult], None], says: str
) -> None:
    source = lab.run_definition(pipeline_of(lab), {})
    spoil(lab, source)
    with pytest.raises(SelectionError, match=says):
        from_second(lab, source)
    assert len(lab.store.list("PipelineExecution")) == 1


def test_a_source_is_needed_and_must_be_there(lab: Lab) -> None:
    with pytest.raises(SelectionError, match=r"Arn: null\. .* \[Second, .* dependencies on \[Fir"):
        from_second(lab, None)
    selection = Selection(("Second", "Gate", "Third"), "arn:aws:sagemaker:nowhere")
    with pytest.raises(SelectionError, match="there is no execution arn:aws:sagemaker:nowhere"):
        lab.run_definition(pipeline_of(lab), {}, selection=selection)
