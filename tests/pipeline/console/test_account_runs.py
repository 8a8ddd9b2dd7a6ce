"""Runs of an account: their logs whole, a part at a time, and their end before their end."""

import re
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from urllib.parse import quote

import pytest

from pipeline.local.store import Store
from tests.pipeline.aws.watch_support import Logs
from tests.pipeline.console.account_support import Cloud, visitor
from tests.pipeline.console.registry_support import RegistryVisitor
from tests.pipeline.local.runner_support import OUTPUT, Lab

ARN = "arn:aws:sagemaker:us-east-1:111122223333:pipeline/pipeline"


@pytest.fixture
def cloud(store: Store) -> Cloud:
    return Cloud(store, logs=Logs([f"line {number}" for number in range(2500)]))


@pytest.fixture
def console(cloud: Cloud, tmp_path: Path) -> RegistryVisitor:
    return visitor(cloud, tmp_path / "console")


@pytest.fixture
def run(store: Store) -> str:
    """A run of one step, whose log is whatever the account says."""
    lab = Lab(store)
    step = lab.processing("Prepare", "", outputs=["out"], arguments=[OUTPUT])
    return lab.run(step).execution_id


def add_step(store: Store, run: str, name: str, kind: str, arn: str) -> None:
    """Add a step that ran this."""
    began = datetime(2026, 11, 29, 12, tzinfo=UTC)
    store.put(
        "PipelineExecutionStep",
        f"{run}/{name}",
        {
            "PipelineExecutionArn": f"{ARN}/execution/{run}",
            "StepName": name,
            "StepStatus": "Succeeded",
            "StartTime": began,
            "EndTime": began,
            "Metadata": {kind: {"Arn": arn}},
        },
    )


def shown(page: str) -> list[str]:
    """The lines of a log's page."""
    found = re.search(r"<pre[^>]*>(.*?)</pre>", page, re.S)
    return unescape(found[1]).splitlines() if found else []


def follow(console: RegistryVisitor, page: str, words: str) -> str:
    """Follow a link of a page by its words."""
    found = re.search(rf'<a href="([^"]*)"[^>]*>{words}</a>', page)
    assert found, words
    return console.get(unescape(found[1]))


def test_a_log_is_read_from_its_end_to_its_beginning_and_back(
    console: RegistryVisitor, run: str
) -> None:
    page = console.get(f"/runs/{run}/logs/Prepare")
    seen = [shown(page)]
    for _ in range(2):
        page = follow(console, page, "Earlier lines")
        seen.insert(0, shown(page))
    assert [line for part in seen for line in part] == [f"line {n}" for n in range(2500)]
    page = follow(console, follow(console, page, "Earlier lines"), "Its end")
    page = follow(console, page, "Its beginning")
    assert shown(page)[0] == "line 0" and len(shown(page)) == 1000
    assert shown(follow(console, page, "Later lines"))[0] == "line 1000"


def test_beyond_either_end_there_is_nothing(
    console: RegistryVisitor, cloud: Cloud, run: str
) -> None:
    cloud.logs.lines = ["one"]
    page = follow(console, console.get(f"/runs/{run}/logs/Prepare"), "Its beginning")
    assert shown(page) == ["one"]
    page = follow(console, page, "Later lines")
    assert "There are no lines beyond these." in page and "Later lines" not in page


def test_each_machine_has_its_log(console: RegistryVisitor, cloud: Cloud, run: str) -> None:
    cloud.logs.machines = 2
    page = console.get(f"/runs/{run}/logs/Prepare")
    second = follow(console, page, "algo-<wbr>2-<wbr>16")
    assert "algo-2-16" in unescape(second).replace("<wbr>", "")
    assert "stream=" in follow(console, second, "Earlier lines")
    assert "has no stream" in console.read(f"/runs/{run}/logs/Prepare?stream=other", 404)


def test_lines_are_text(console: RegistryVisitor, cloud: Cloud, run: str) -> None:
    cloud.logs.lines = ["<b>bold</b>\x1b[31m\n"]
    page = console.get(f"/runs/{run}/logs/Prepare")
    assert "<b>" not in page and shown(page) == ["<b>bold</b>[31m"]


@pytest.mark.parametrize("mark", ["a b", "\x00", "é", "x" * 501])
def test_what_is_no_mark_is_refused(
    console: RegistryVisitor, cloud: Cloud, run: str, mark: str
) -> None:
    for side in ("before", "after"):
        page = console.read(f"/runs/{run}/logs/Prepare?{side}={quote(mark)}", 404)
        assert "marks no place in a log" in page
    assert "GetLogEvents" not in cloud.sent


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (("GetLogEvents", ("AccessDeniedException", "not you")), "may not be read with these"),
        (("DescribeLogStreams", ("ResourceNotFoundException", "gone")), "Its log is empty"),
        (("GetLogEvents", ("InvalidParameterException", "bad")), "cannot be read: bad"),
    ],
)
def test_a_log_that_cannot_be_read_says_why(
    console: RegistryVisitor,
    cloud: Cloud,
    run: str,
    refusal: tuple[str, tuple[str, str]],
    said: str,
) -> None:
    cloud.refused.update([refusal])
    page = console.read(f"/runs/{run}/logs/Prepare")
    assert said in page and "aws logs tail /aws/sagemaker/ProcessingJobs" in page


def test_a_trial_has_a_log_and_a_job_of_others_has_none(
    console: RegistryVisitor, store: Store, run: str
) -> None:
    job = "arn:aws:sagemaker:us-east-1:111122223333:hyper-parameter-tuning-job/abc-tune-x"
    add_step(store, run, "Tune", "TuningJob", job)
    assert shown(console.get(f"/runs/{run}/logs/Tune/abc-tune-x-001-ff"))[-1] == "line 2499"
    for other in ("Tune", "Tune/other-001", "Tune/abc-tune-x-..%2f", "Prepare/abc", "Nothing"):
        assert "this run has no log" in console.read(f"/runs/{run}/logs/{other}", 404)


def test_a_function_has_the_lines_of_its_steps_time(
    console: RegistryVisitor, cloud: Cloud, store: Store, run: str
) -> None:
    arn = "arn:aws:lambda:us-east-1:111122223333:function:pipeline-deploy"
    add_step(store, run, "Deploy", "Lambda", arn)
    page = console.get(f"/runs/{run}/logs/Deploy")
    assert shown(page)[0] == "line 0"
    assert shown(follow(console, page, "Later lines"))[0] == "line 1000"
    assert "GetLogEvents" not in cloud.sent


def test_a_run_is_stopped_behind_a_question(
    console: RegistryVisitor, cloud: Cloud, store: Store, run: str
) -> None:
    assert "Stop it" not in console.get(f"/runs/{run}")
    assert "is not at work any more: it is Succeeded" in console.post(f"/runs/{run}/stop").text
    execution = store.get("PipelineExecution", run)
    assert execution is not None
    arn = f"{ARN}/execution/{run}"
    store.put(
        "PipelineExecution", run, {**execution, "PipelineExecutionStatus": "Executing"}, arn=arn
    )
    console.console.place.look_again()
    assert "Its jobs in the account end, for everybody" in console.read(f"/runs/{run}")
    answer = console.post(f"/runs/{run}/stop")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/runs/{run}")
    assert cloud.stopped == [arn]
    assert "Stopping" in console.read(f"/runs/{run}")


def test_a_run_that_failed_is_retried_behind_a_question(
    console: RegistryVisitor, cloud: Cloud, store: Store, run: str
) -> None:
    assert "Retry it" not in console.get(f"/runs/{run}")
    assert f"run {run} is Succeeded: only what failed" in console.post(f"/runs/{run}/retry").text
    execution = store.get("PipelineExecution", run)
    assert execution is not None
    arn = f"{ARN}/execution/{run}"
    failed = {**execution, "PipelineExecutionStatus": "Failed"}
    store.put("PipelineExecution", run, failed, arn=arn)
    console.console.place.look_again()
    assert "with the definition and parameters that it has" in console.read(f"/runs/{run}")
    answer = console.post(f"/runs/{run}/retry")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/runs/{run}")
    assert cloud.retried == [arn]
    assert "Stop it" in console.read(f"/runs/{run}")


def test_who_may_not_stop_is_told(
    console: RegistryVisitor, cloud: Cloud, store: Store, run: str
) -> None:
    execution = store.get("PipelineExecution", run)
    assert execution is not None
    arn = f"{ARN}/execution/{run}"
    store.put(
        "PipelineExecution", run, {**execution, "PipelineExecutionStatus": "Executing"}, arn=arn
    )
    cloud.refused["StopPipelineExecution"] = ("AccessDeniedException", "stopping is not for you")
    answer = console.post(f"/runs/{run}/stop")
    assert answer.status_code == 403 and "stopping is not for you" in answer.text
