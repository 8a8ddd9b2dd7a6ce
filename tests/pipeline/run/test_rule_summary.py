"""One line about a training's rules."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.store import Store
from pipeline.run.rule_summary import rules_line, summed_up
from tests.pipeline.local.runner_support import BUCKET, write_archive

MODEL = f"{BUCKET}/runs/1/Train/job/output/model.tar.gz"
JOB: dict[str, Any] = {
    "TrainingJobName": "job",
    "TrainingJobArn": "arn",
    "TrainingJobStatus": "Completed",
    "ModelArtifacts": {"S3ModelArtifacts": MODEL},
}


@pytest.mark.parametrize(
    ("rules", "line"),
    [
        ([("A", "NoIssuesFound", ""), ("B", "NoIssuesFound", "")], "2 found no issues"),
        (
            [("A", "NoIssuesFound", ""), ("B", "IssuesFound", "Met: loss grew at step 60")],
            "issues found by B at step 60; 1 found no issues",
        ),
        (
            [("A", "Error", "at step 3 it failed"), ("B", "Stopped", ""), ("C", "Stopped", "")],
            "not evaluated: A; stopped: B, C",
        ),
    ],
)
def test_issues_come_first_and_with_their_step(rules: Any, line: str) -> None:
    assert summed_up(rules) == line


def test_the_newest_statuses_count_and_not_those_at_the_jobs_end(store: Store) -> None:
    now = {"RuleConfigurationName": "Overfit", "RuleEvaluationStatus": "NoIssuesFound"}
    store.put("TrainingJob", "job", JOB | {"DebugRuleEvaluationStatuses": [now]}, arn="arn")
    before = now | {"RuleEvaluationStatus": "InProgress"}
    line = rules_line(JOB | {"DebugRuleEvaluationStatuses": [before]}, store)
    assert line == "1 found no issues"


def test_a_collection_that_saved_nothing_is_said(store: Store) -> None:
    rule = {"name": "Overfit", "status": "NoIssuesFound"}
    content = json.dumps({"rules": [rule], "lost": None, "unmatched": ["logits"]})
    write_archive(store.path(MODEL).with_name("output.tar.gz"), {"debug/rules.json": content})
    assert rules_line(JOB, store) == "1 found no issues; collection logits saved nothing"


def test_lost_debugging_is_said_before_what_rules_found_in_the_rest(store: Store) -> None:
    status = {"RuleConfigurationName": "Overfit", "RuleEvaluationStatus": "NoIssuesFound"}
    store.put("TrainingJob", "job", JOB | {"DebugRuleEvaluationStatuses": [status]}, arn="arn")
    content = json.dumps({"rules": [], "lost": "OSError: disk full"})
    write_archive(store.path(MODEL).with_name("output.tar.gz"), {"debug/rules.json": content})
    line = "debugging was lost (OSError: disk full); 1 found no issues"
    assert rules_line(JOB, store) == line


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ({"debug/rules.json": json.dumps({"rules": [{"name": "A", "status": "Error"}]})}, "A"),
        ({"debug/rules.json": "{"}, None),
        ({"history.csv": "epoch"}, None),
        ({}, None),
    ],
)
def test_a_training_that_judged_itself_tells_in_its_output(
    store: Store, files: dict[str, str], line: str | None
) -> None:
    archive: Path = store.path(MODEL).with_name("output.tar.gz")
    if files:
        write_archive(archive, files)
    assert rules_line(JOB, store) == (f"not evaluated: {line}" if line else None)
