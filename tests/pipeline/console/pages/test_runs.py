"""The list of runs: every run with what tells it apart, a page at a time."""

import json
import re
from pathlib import Path

import pytest

from pipeline.console.run_list import accuracy_of
from pipeline.local.engine.recovery import lock_held
from pipeline.local.store import Store
from tests.pipeline.console.console_support import HOSTILE, Visitor, add_run


def runs_on(text: str) -> list[str]:
    return re.findall(r'<tr id="run-(\w+)"', text)


def test_before_the_first_run_it_says_how_to_make_one_and_makes_no_folder(tmp_path: Path) -> None:
    state = tmp_path / "none"
    text = Visitor(state).get("/runs")
    assert "There are no runs yet" in text and 'href="/start"' in text
    assert not state.exists()


def test_a_run_has_its_state_duration_data_and_commit(visitor: Visitor, store: Store) -> None:
    add_run(
        store, "abc", "Failed", DataUri="file:///home/me/pictures", GitCommit="0123456789abcdef"
    )
    text = visitor.get("/runs")
    row = text[text.index('id="run-abc"') :]
    for words in ("Failed", "1 min 05 s", "2026-11-29 12:00 UTC", ">pictures<", "0123456789<"):
        assert words in row


HIDDEN = {"confusion_matrix": {"accuracy": {"value": 1}}, "accuracy": {"value": 0.25}}


@pytest.mark.parametrize("indent", [1, None])  # as Evaluate writes it, and otherwise
def test_the_accuracy_is_not_a_class_of_that_name(store: Store, indent: int | None) -> None:
    uri = "s3://bucket/evaluation"
    path = store.path(f"{uri}/evaluation.json")
    path.parent.mkdir(parents=True)
    content = {"multiclass_classification_metrics": HIDDEN}
    path.write_text(json.dumps(content, indent=indent))
    output = {"OutputName": "evaluation", "S3Output": {"S3Uri": uri}}
    job = {"ProcessingJobName": "j", "ProcessingJobArn": "a", "ProcessingJobStatus": "Completed"}
    config = {"ProcessingOutputConfig": {"Outputs": [output]}}
    store.put("ProcessingJob", "j", {**job, **config}, arn="a")
    assert accuracy_of(store, {"Metadata": {"ProcessingJob": {"Arn": "a"}}}) == 0.25


def test_500_runs_are_shown_page_by_page_newest_first(visitor: Visitor, store: Store) -> None:
    with store.transaction():
        for number in range(500):
            add_run(store, f"run{number}")
    first, second = visitor.get("/runs"), visitor.get("/runs?page=2")
    assert runs_on(first)[0] == "run499"
    assert runs_on(second)[0] == f"run{499 - len(runs_on(first))}"
    assert "Page 1 of 20" in first
    assert runs_on(visitor.get("/runs?page=20"))[-1] == "run0"
    assert runs_on(visitor.get("/runs?page=99999")) == runs_on(visitor.get("/runs?page=20"))


@pytest.mark.parametrize("page", ["0", "-1", "x", "²", "9" * 5000])
def test_any_other_number_of_a_page_is_the_first_or_last(
    visitor: Visitor, store: Store, page: str
) -> None:
    add_run(store, "abc")
    assert runs_on(visitor.get(f"/runs?page={page}")) == ["abc"]


def test_a_run_at_work_is_told_from_one_whose_process_died(visitor: Visitor, store: Store) -> None:
    for name in ("alive", "dead"):
        add_run(store, name, "Executing")
    with lock_held(store.root / "runs" / "alive"):
        text = visitor.get("/runs")
    alive, dead = text[text.index('id="run-alive"') :], text[text.index('id="run-dead"') :]
    assert "In progress" in alive[:300] or "Executing" in alive[:300]
    assert "data-since" in alive
    assert "Stopped" in dead[:300]


def test_what_came_from_users_stays_text(visitor: Visitor, store: Store) -> None:
    add_run(store, "abc", DataUri=f"file:///x/{HOSTILE}", GitCommit=HOSTILE)
    text = visitor.get("/runs")
    assert "<img" not in text
    assert "{{7*7}}" in text and "49" not in re.findall(r"&amp;(\w+)", text)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("[]", 500),
        ('{"PipelineExecutionArn": "x/odd", "PipelineExecutionStatus": "Failed"}', 200),
        (
            '{"PipelineExecutionArn": "odd", "PipelineExecutionStatus": "Failed", '
            '"CreationTime": "now", "PipelineDefinition": 1}',
            500,
        ),
    ],
)
def test_a_damaged_document_hides_no_other(
    visitor: Visitor, store: Store, body: str, status: int
) -> None:
    add_run(store, "abc")
    add_run(store, "odd")
    with store.transaction() as connection:
        connection.execute("UPDATE documents SET body = ? WHERE name = 'odd'", (body,))
    assert runs_on(visitor.get("/runs")) == ["abc"]
    assert ("pipeline.local check" in visitor.get("/runs/odd", status)) == (status == 500)


def test_two_consoles_show_the_same(visitor: Visitor, store: Store) -> None:
    other = Visitor(store.root)
    add_run(store, "abc")
    for one in (visitor, other):
        assert runs_on(one.get("/runs")) == ["abc"]
