"""What the chaos benchmark finds wrong, on states made by hand."""

import json
from pathlib import Path
from typing import Any

from benchmarks.chaos import problems, table
from benchmarks.chaos_checks import (
    count_duplicates,
    find_leftovers,
    newest_run,
    repeated_steps,
)
from pipeline.local.store import Store

ARN = "arn:aws:sagemaker:us-east-1:111122223333:pipeline/p/execution"
RESULT = {
    "kills": 2,
    "finished": 2,
    "duplicates": 0,
    "repeated_steps": 0,
    "processes": 0,
    "leftovers": 0,
    "by_kind": {"run": 2},
    "failures": [],
}


def add_run(store: Store, name: str, status: str = "x", **steps: dict[str, Any]) -> None:
    cached = {"CacheConfig": {"Enabled": True}}
    written = [
        {"Name": step, "Type": "Processing", "Arguments": {}} | ({} if step == "C" else cached)
        for step in ("A", "B", "C")
    ]
    definition = json.dumps({"Version": "2020-12-01", "Steps": written})
    arn = f"{ARN}/{name}"
    run = {"PipelineExecutionArn": arn, "PipelineExecutionStatus": status}
    store.put("PipelineExecution", name, run | {"PipelineDefinition": definition}, arn)
    for step, members in steps.items():
        document = {"PipelineExecutionArn": arn, "StepName": step, **members}
        store.put("PipelineExecutionStep", f"{name}/{step}", document)


def test_a_finished_step_that_ran_again_is_found(store: Store) -> None:
    done, taken = {"StepStatus": "Succeeded"}, {"StepStatus": "Succeeded", "CacheHitResult": {}}
    add_run(store, "killed", A=done, B=done, C=done)
    add_run(store, "next", A=taken, B=done, C=done)
    assert newest_run(store.root) == "next"
    assert repeated_steps(store.root, "killed", "next") == ["B"]
    assert repeated_steps(store.root, "killed", None) == ["A", "B"]


def test_versions_of_one_run_or_of_a_killed_one_are_counted(store: Store) -> None:
    for run, status in (("a", "Succeeded"), ("b", "Stopped"), ("c", "Succeeded")):
        add_run(store, run, status)
    made = [("a", "1"), ("a", "2"), ("b", "3"), ("c", "3"), ("c2", "4")]
    for number, (run, model) in enumerate(made):
        container = {"ModelDataUrl": f"s3://b/{model}"}
        package = {
            "ModelPackageArn": str(number),
            "CustomerMetadataProperties": {"Report": f"s3://b/runs/{run}/report.html"},
            "InferenceSpecification": {"Containers": [container]},
        }
        store.put("ModelPackage", str(number), package)
    assert count_duplicates(store.root) == 2  # the second of a, and what b had registered


def test_half_made_files_are_found(store: Store, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    assert find_leftovers(store.root, tmp_path / "tmp") == []
    left = store.root / "s3" / "b" / "x.1.part"
    left.parent.mkdir(parents=True)
    left.touch()
    assert find_leftovers(store.root, tmp_path / "tmp") == [left]


def test_anything_but_a_clean_end_is_a_problem() -> None:
    assert problems(RESULT) == []
    assert problems(RESULT | {"finished": 1, "leftovers": 2}) == [
        "1 of 2 ended well afterwards",
        "2 leftovers",
    ]
    assert "2 kills (2 run)" in table(RESULT)
