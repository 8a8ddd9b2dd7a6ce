"""Which steps `--from` runs, of which run it takes the others, and with which parameters."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.definition.selection import SelectionError
from pipeline.errors import UsageError
from pipeline.local.store import Store
from pipeline.report.sources.local_source import LocalSource
from pipeline.run.selecting import FromStep, Selected, select
from tests.pipeline.local.runner_support import Json, definition, output_of, processing_step

ARN = "arn:aws:sagemaker:us-east-1:111122223333"
PIPELINE = f"{ARN}:pipeline/dogs"
PARAMETERS = {"DataUri": "s3://b/data", "Bar": 0.6, "Instance": "ml.m5.large", "GitCommit": "none"}


def _code(step: str, digest: str) -> str:
    return f"s3://b/code/{step}-{digest * 16}/files"


def small_definition(
    digest: str = "a", view: str = "1", image: str = "image:1", **changed: Any
) -> Json:
    """Prepare reads the data, Features what it made, Train what these made, and the bar."""
    prepare = processing_step("Prepare", _code("prepare", digest), outputs=["data"])
    source = {"S3Uri": {"Get": "Parameters.DataUri"}, "LocalPath": "/opt/ml/processing/input/x"}
    prepare["Arguments"]["ProcessingInputs"].append({"InputName": "x", "S3Input": source})
    features = processing_step(
        "Features",
        _code("features", "b"),
        inputs={"data": output_of("Prepare", "data")},
        outputs=["data"],
        arguments=["--views", view],
    )
    features["Arguments"]["AppSpecification"]["ImageUri"] = image
    train = processing_step(
        "Train",
        _code("train", "c"),
        inputs={"data": output_of("Features", "data")},
        arguments=["--bar", {"Get": "Parameters.Bar"}],
    )
    cluster = features["Arguments"]["ProcessingResources"]["ClusterConfig"]
    cluster["InstanceType"] = {"Get": "Parameters.Instance"}
    return definition(prepare, features, train, parameters=PARAMETERS | changed)


def add_run(
    store: Store,
    name: str,
    document: Json,
    status: str = "Succeeded",
    failed: str = "",
    **given: str,
) -> None:
    """A run of that definition whose steps succeeded, but for one."""
    arn = f"{PIPELINE}/execution/{name}"
    values = PARAMETERS | {"GitCommit": "then"} | given
    body = {
        "PipelineArn": PIPELINE,
        "PipelineExecutionArn": arn,
        "PipelineExecutionStatus": status,
        "PipelineDefinition": json.dumps(document),
        "PipelineParameters": [{"Name": n, "Value": str(v)} for n, v in values.items()],
        "CreationTime": _time(store),
        "LastModifiedTime": _time(store),
    }
    store.put("PipelineExecution", name, body, arn=arn)
    for step in document["Steps"]:
        ended = "Failed" if step["Name"] == failed else "Succeeded"
        one = {"PipelineExecutionArn": arn, "StepName": step["Name"], "StepStatus": ended}
        store.put(
            "PipelineExecutionStep", f"{name}/{step['Name']}", one | {"StartTime": _time(store)}
        )


def _time(store: Store) -> datetime:
    return datetime(2026, 11, 29, tzinfo=UTC) + timedelta(store.count("PipelineExecution"))


@pytest.fixture
def runs(store: Store) -> Store:
    pipeline = {"PipelineName": "dogs", "PipelineArn": PIPELINE, "CreationTime": _time(store)}
    store.put("Pipeline", "dogs", pipeline, arn=PIPELINE)
    return store


def chosen(
    runs: Store, document: Json | None = None, source: str | None = None, **given: Any
) -> Selected:
    asked = FromStep("Train", source)
    return select(LocalSource(runs), ("dogs",), document or small_definition(), asked, given)


def test_it_is_the_newest_run_that_has_what_is_needed(runs: Store) -> None:
    add_run(runs, "old", small_definition())
    add_run(runs, "newer", small_definition(), status="Failed", failed="Train")
    add_run(runs, "without", small_definition(), status="Failed", failed="Features")
    add_run(runs, "stopped", small_definition(), status="Stopped")
    add_run(runs, "otherwise", small_definition(view="2"))
    found = chosen(runs)
    assert found.selection.steps == ("Train",)
    assert found.selection.source == f"{PIPELINE}/execution/newer"
    assert found.notes == ("Prepare, Features: as they are in run newer",)
    named = chosen(runs, source="old")
    assert named.selection.source == f"{PIPELINE}/execution/old"


@pytest.mark.parametrize(
    ("run", "says"),
    [
        ("without", "run without has no results of step Features, which is Failed"),
        ("stopped", "run stopped is Stopped: steps are taken of runs that are Succeeded or Failed"),
        ("otherwise", "run otherwise made step Features otherwise: .*2.* -> .*1.*; start from Fea"),
        ("nowhere", "no run 'nowhere'; the newest are: "),
    ],
)
def test_a_run_that_cannot_be_the_source_is_refused_with_the_reason(
    runs: Store, run: str, says: str
) -> None:
    add_run(runs, "without", small_definition(), status="Failed", failed="Features")
    add_run(runs, "stopped", small_definition(), status="Stopped")
    add_run(runs, "otherwise", small_definition(view="2"))
    with pytest.raises(UsageError, match=says):
        chosen(runs, source=run)
    with pytest.raises(SelectionError, match=r"no run has what step Train needs of Features: run "):
        chosen(runs)


def test_other_code_and_another_image_are_said_and_taken(runs: Store) -> None:
    add_run(runs, "old", small_definition())
    assert "Prepare: made by other code" in chosen(runs, small_definition(digest="d")).notes[1]
    assert (
        "Features: made by other code" in chosen(runs, small_definition(image="image:2")).notes[1]
    )


def test_parameters_are_those_of_the_run_and_those_that_are_given(runs: Store) -> None:
    add_run(
        runs, "old", small_definition(), DataUri="s3://b/mine", Bar="0.9", Instance="ml.m5.xlarge"
    )
    found = chosen(runs, Instance="ml.m5.4xlarge")
    assert found.parameters == {"DataUri": "s3://b/mine", "Bar": 0.9, "Instance": "ml.m5.4xlarge"}
    assert found.notes[1:] == ("DataUri=s3://b/mine, as in run old", "Bar=0.9, as in run old")
    assert chosen(runs, Bar="0.7").parameters["Bar"] == "0.7"


def test_a_changed_default_counts_where_it_can_and_is_said_where_it_cannot(runs: Store) -> None:
    add_run(runs, "old", small_definition())
    found = chosen(runs, small_definition(Bar=0.8, DataUri="s3://b/other"))
    assert found.parameters == {"DataUri": "s3://b/data"}
    assert found.notes[1:] == ("DataUri=s3://b/data, as in run old",)


def test_what_only_taken_steps_read_cannot_be_given(runs: Store) -> None:
    add_run(runs, "old", small_definition())
    with pytest.raises(SelectionError, match="run old had DataUri=s3://b/data, which steps taken"):
        chosen(runs, source="old", DataUri="s3://b/other")
    assert chosen(runs, DataUri="s3://b/data").parameters["DataUri"] == "s3://b/data"


def test_where_nothing_is_before_no_run_is_needed(runs: Store) -> None:
    asked = FromStep("Prepare")
    found = select(LocalSource(runs), ("dogs",), small_definition(), asked, {})
    assert found.selection.source is None
    with pytest.raises(SelectionError, match="nothing comes before step Prepare"):
        select(LocalSource(runs), ("dogs",), small_definition(), FromStep("Prepare", "newest"), {})
