"""What is kept of a run from its beginning to its end."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.definition.graph import Step
from pipeline.local.engine.executions import Execution, Place
from pipeline.local.store import Store, StoreError

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def test_an_execution_keeps_what_it_began_with(store: Store) -> None:
    execution = Execution("dogs", {"Version": "2020-12-01"}, store, Place())
    execution.begin({"Fast": True, "Count": 3, "Rate": 0.5})
    assert re.fullmatch("[a-z0-9]{12}", execution.id)
    first = store.get("PipelineExecution", execution.id)
    execution.end("Failed", "no pictures")
    last = store.get("PipelineExecution", execution.id)
    assert first and last
    assert first["PipelineParameters"] == [
        {"Name": "Fast", "Value": "true"},
        {"Name": "Count", "Value": "3"},
        {"Name": "Rate", "Value": "0.5"},
    ]
    ended = last.pop("LastModifiedTime")
    assert ended >= first.pop("LastModifiedTime") >= first["CreationTime"]
    assert last == first | {"PipelineExecutionStatus": "Failed", "FailureReason": "no pictures"}


def test_a_run_changes_the_definition_of_its_pipeline_and_nothing_else(store: Store) -> None:
    kept = {
        "PipelineDescription": "breeds",
        "RoleArn": "arn:aws:iam::111122223333:role/mine",
        "CreationTime": LONG_AGO,
    }
    store.put("Pipeline", "dogs", kept | {"PipelineDefinition": "{}"})
    execution = Execution("dogs", {"Version": "2020-12-01"}, store, Place())
    execution.begin({})
    pipeline = store.get_by_arn("Pipeline", execution.pipeline_arn)
    assert pipeline and pipeline.items() >= kept.items()
    assert pipeline["PipelineDefinition"] == '{"Version": "2020-12-01"}'
    assert pipeline["LastRunTime"] == execution.started


def test_a_run_begins_whole_or_not_at_all(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    put = Store.put

    def fail(store: Store, kind: str, *rest: Any, **named: Any) -> None:
        if kind == "PipelineExecution":
            raise StoreError("cannot write state.db: database or disk is full")
        put(store, kind, *rest, **named)

    monkeypatch.setattr(Store, "put", fail)
    with pytest.raises(StoreError):
        Execution("dogs", {}, store, Place()).begin({})
    assert not store.list("Pipeline")


def test_a_step_has_its_own_words_and_the_newest_state(store: Store) -> None:
    words = {"DisplayName": "Find pictures", "Description": "from one folder"}
    step = Step("Prepare", "Processing", words, None, frozenset())
    execution = Execution("dogs", {}, store, Place())
    execution.step(step, {"StepStatus": "Executing", "StartTime": LONG_AGO})
    execution.step(step, {"StepStatus": "Succeeded"})
    assert store.list("PipelineExecutionStep") == [
        {
            "PipelineExecutionArn": execution.arn,
            "StepName": "Prepare",
            "StepType": "Processing",
            "StepDisplayName": "Find pictures",
            "StepDescription": "from one folder",
            "AttemptCount": 1,
            "StepStatus": "Succeeded",
            "StartTime": LONG_AGO,
        }
    ]


def test_times_are_written_as_sagemaker_writes_them(store: Store) -> None:
    variables = Execution("dogs", {}, store, Place()).variables()
    for name in ("StartDateTime", "CurrentDateTime"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", variables[name])
