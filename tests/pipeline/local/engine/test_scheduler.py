"""Whole runs of small definitions: order, failure, stop, branches, documents."""

import errno
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from pipeline.command_line.step_table import StepProgress
from pipeline.definition.errors import DefinitionError
from pipeline.errors import UsageError
from pipeline.local.engine.executions import Place
from pipeline.local.failures import StepFailed
from pipeline.local.service.api import LocalApi
from pipeline.local.store import Store, StoreError
from tests.patience import PATIENCE
from tests.pipeline.local.runner_support import (
    BUCKET,
    INPUT,
    OUTPUT,
    SLEEP,
    Json,
    Lab,
    definition,
    output_of,
    wait_for,
)

WRITE = """
import sys
from pathlib import Path
Path(sys.argv[1]).joinpath("out.txt").write_text(" ".join(sys.argv[2:]))
"""
# Two of these end only when both run at once.
MEET = f"""
import sys, time
from pathlib import Path
mine, other = (Path(p) for p in sys.argv[1:])
mine.touch()
end = time.time() + {PATIENCE}
while not other.exists():
    assert time.time() < end
    time.sleep(0.01)
"""


@pytest.fixture
def lab(store: Store) -> Lab:
    return Lab(store)


def test_a_step_reads_what_the_step_before_it_wrote(lab: Lab) -> None:
    first = lab.processing("First", WRITE, outputs=["data"], arguments=[f"{OUTPUT}/data", "hello"])
    second = lab.processing(
        "Second",
        "from pathlib import Path\n"
        f"text = Path('{INPUT}'.replace('/opt/ml', __import__('os').environ['ROOT'])) / 'data'\n"
        "print((text / 'out.txt').read_text() + ' world')\n",
        inputs={"data": output_of("First", "data")},
        environment={"ROOT": "/opt/ml"},
    )
    result = lab.run(second, first)
    assert result.status == "Succeeded"
    log = lab.store.root / "runs" / result.execution_id / "Second" / "log.txt"
    assert log.read_text() == "hello world\n"
    assert lab.read(f"{BUCKET}/runs/{result.execution_id}/First/data/out.txt") == "hello"


def test_independent_steps_run_side_by_side(lab: Lab, tmp_path: Path) -> None:
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    result = lab.run(
        lab.processing("A", MEET, arguments=[a, b]), lab.processing("B", MEET, arguments=[b, a])
    )
    assert result.status == "Succeeded"


def test_a_step_waits_for_what_its_depends_on_names(lab: Lab, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    late = lab.processing(
        "Late", "import sys, os\nassert os.path.exists(sys.argv[1])", arguments=[str(mark)]
    )
    early = lab.processing(
        "Early", "import sys, time\ntime.sleep(0.2)\nopen(sys.argv[1], 'w')", arguments=[str(mark)]
    )
    assert lab.run(late | {"DependsOn": ["Early"]}, early).status == "Succeeded"


def test_a_failure_names_step_code_reason_and_log_and_leaves_the_rest_in_order(lab: Lab) -> None:
    bad = lab.processing("Bad", "print('before')\nraise SystemExit('no images found')")
    other = lab.processing("Other", "print('fine')")
    after_other = lab.processing("AfterOther", "raise SystemExit('too late')") | {
        "DependsOn": ["Other"]
    }
    behind = lab.processing("Behind", "print('never')") | {"DependsOn": ["Bad"]}
    result = lab.run(bad, other, after_other, behind, parallel_steps=1)
    assert result.status == "Failed"
    assert isinstance(result.failure, StepFailed)
    assert "step Bad failed (exit code 1): no images found" in str(result.failure)
    assert "| before" in str(result.failure)
    assert result.failure.log is not None
    assert result.failure.log.read_text().endswith("no images found\n")
    states = {name: step.status for name, step in result.steps.items()}
    assert states == {"Bad": "Failed", "Other": "Succeeded", "AfterOther": "Failed"}
    order = [(state.name, state.status) for state in lab.heard]
    assert order.index(("Bad", "Failed")) < order.index(("Other", "Executing"))
    documents = lab.step_documents()
    assert "no images found" in documents["Bad"]["FailureReason"]
    job = documents["Bad"]["Metadata"]["ProcessingJob"]["Arn"]
    assert lab.store.get_by_arn("ProcessingJob", job)
    assert "Behind" not in documents
    execution = lab.store.list("PipelineExecution")[-1]
    assert execution["PipelineExecutionStatus"] == "Failed"
    jobs = {
        job["ProcessingJobArn"]: job["ProcessingJobStatus"]
        for job in lab.store.list("ProcessingJob")
    }
    ended = {
        name: jobs[document["Metadata"]["ProcessingJob"]["Arn"]]
        for name, document in documents.items()
    }
    assert ended == {"Bad": "Failed", "Other": "Completed", "AfterOther": "Failed"}


def _gate(left: Any, right: Any, if_steps: list[Json], else_steps: list[Json]) -> Json:
    condition = {"Type": "GreaterThanOrEqualTo", "LeftValue": left, "RightValue": right}
    return {
        "Name": "Gate",
        "Type": "Condition",
        "Arguments": {"Conditions": [condition], "IfSteps": if_steps, "ElseSteps": else_steps},
    }


ACCURACY = {
    "Std:JsonGet": {
        "PropertyFile": {"Get": "Steps.Evaluate.PropertyFiles.Evaluation"},
        "Path": "metrics['accuracy.top'][0].value",
    }
}
TOO_LOW = {
    "Name": "TooLow",
    "Type": "Fail",
    "Arguments": {
        "ErrorMessage": {
            "Std:Join": {
                "On": " ",
                "Values": ["accuracy", ACCURACY, "is below", {"Get": "Parameters.Threshold"}],
            }
        }
    },
}


def _evaluate(lab: Lab, accuracy: float) -> Json:
    content = json.dumps({"metrics": {"accuracy.top": [{"value": accuracy}]}})
    script = f"import sys\nopen(sys.argv[1] + '/evaluation.json', 'w').write({content!r})"
    step = lab.processing("Evaluate", script, outputs=["out"], arguments=[f"{OUTPUT}/out"])
    file = {"PropertyFileName": "Evaluation", "OutputName": "out", "FilePath": "evaluation.json"}
    return step | {"PropertyFiles": [file]}


@pytest.mark.parametrize(("accuracy", "status"), [(0.9, "Succeeded"), (0.2, "Failed")])
def test_the_branch_taken_runs_and_the_other_is_skipped(
    lab: Lab, accuracy: float, status: str
) -> None:
    better = lab.processing("Better", "print('good')")
    follower = lab.processing("Follower", "") | {"DependsOn": ["Better"]}
    gate = _gate(ACCURACY, {"Get": "Parameters.Threshold"}, [better], [TOO_LOW])
    result = lab.run(_evaluate(lab, accuracy), gate, follower, parameters={"Threshold": 0.6})
    assert result.status == status
    good = status == "Succeeded"
    assert result.steps["Gate"].properties == {"Outcome": str(good)}
    assert lab.step_documents()["Gate"]["Metadata"] == {"Condition": {"Outcome": str(good)}}
    assert result.steps["Better"].status == ("Succeeded" if good else "Skipped")
    assert result.steps["Follower"].status == ("Succeeded" if good else "Skipped")
    assert result.steps["TooLow"].status == ("Skipped" if good else "Failed")
    shown = {state.name: state for state in lab.heard}
    assert {n: s.status for n, s in shown.items()} == {n: s.status for n, s in result.steps.items()}
    assert shown["Gate"].message == f"outcome: {good}"
    if not good:
        assert isinstance(result.failure, StepFailed)
        assert result.failure.reason == "accuracy 0.2 is below 0.6"
        metadata = lab.step_documents()["TooLow"]["Metadata"]
        assert metadata == {"Fail": {"ErrorMessage": "accuracy 0.2 is below 0.6"}}


def test_a_fail_step_stops_what_still_runs(lab: Lab, tmp_path: Path) -> None:
    mark = tmp_path / "started"
    long = lab.processing("Long", SLEEP, arguments=[str(mark)])
    wait = lab.processing(
        "Wait",
        "import os, sys, time\nwhile not os.path.exists(sys.argv[1]): time.sleep(0.01)",
        arguments=[str(mark)],
    )
    fail = {"Name": "No", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}
    result = lab.run(long, wait, fail | {"DependsOn": ["Wait"]})
    assert result.status == "Failed"
    assert result.steps["Long"].status == "Stopped"
    assert isinstance(result.failure, StepFailed)
    assert result.failure.reason == "no"


def test_the_listener_hears_every_state_of_a_step(lab: Lab) -> None:
    lab.run(lab.processing("A", ""))
    assert [state.status for state in lab.heard] == ["Waiting", "Executing", "Succeeded"]
    last = lab.heard[-1]
    assert last.type == "Processing"
    assert last.started and last.ended and last.started <= last.ended


def test_the_local_api_describes_and_lists_what_a_run_left(lab: Lab) -> None:
    parameters = {"Speed": 2, "Fast": True}
    result = lab.run(
        lab.processing("A", "print(1)"), parameters=parameters, place=Place("eu-west-1")
    )
    assert result.execution_arn.startswith("arn:aws:sagemaker:eu-west-1:")
    api = LocalApi(lab.store)
    arn = {"PipelineExecutionArn": result.execution_arn}
    assert api.call("DescribePipelineExecution", arn)["PipelineExecutionStatus"] == "Succeeded"
    (step,) = api.call("ListPipelineExecutionSteps", arn)["PipelineExecutionSteps"]
    assert step["StepStatus"] == "Succeeded"
    assert step["StartTime"] <= step["EndTime"]
    job = step["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
    answer = api.call("DescribeProcessingJob", {"ProcessingJobName": job})
    assert answer["ProcessingJobStatus"] == "Completed"
    given = api.call("ListPipelineParametersForExecution", arn)["PipelineParameters"]
    assert given == [{"Name": "Speed", "Value": "2"}, {"Name": "Fast", "Value": "true"}]
    executions = api.call("ListPipelineExecutions", {"PipelineName": "pipeline"})
    assert len(executions["PipelineExecutionSummaries"]) == 1
    definition_text = api.call("DescribePipelineDefinitionForExecution", arn)["PipelineDefinition"]
    assert json.loads(definition_text)["Steps"][0]["Name"] == "A"


def test_a_wrong_parameter_is_refused_before_anything_runs(lab: Lab) -> None:
    document = definition(lab.processing("A", ""), parameters={"TuningMaxJobs": 3})
    with pytest.raises(UsageError, match=r"no parameter 'TuningMaxJob'.*mean TuningMaxJobs"):
        lab.run_definition(document, {"TuningMaxJob": 4})
    assert not lab.store.list("PipelineExecution")


def test_a_wrong_cache_duration_is_refused_before_anything_runs(lab: Lab) -> None:
    step = lab.processing("A", "") | {"CacheConfig": {"Enabled": True, "ExpireAfter": "soon"}}
    with pytest.raises(DefinitionError, match="ExpireAfter 'soon'"):
        lab.run(step)


def test_what_sagemaker_would_refuse_fails_the_step(lab: Lab) -> None:
    step = lab.processing("A", "")
    step["Arguments"]["RoleArn"] = "me"
    result = lab.run(step)
    assert "CreateProcessingJob would be refused: Value 'me' at 'roleArn'" in str(result.failure)


@pytest.mark.parametrize(("cores", "threads"), [(2, "2"), (None, "3")])
def test_a_job_may_use_the_cores_it_is_given_or_all_of_this_process(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, cores: int | None, threads: str
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2})
    script = "import os, sys\nsys.exit(os.environ['OMP_NUM_THREADS'] + ' threads')"
    result = lab.run(lab.processing("A", script), cores=cores)
    assert isinstance(result.failure, StepFailed)
    assert result.failure.reason == f"{threads} threads"


def test_two_runs_at_once_share_a_store(lab: Lab) -> None:
    step = lab.processing("A", WRITE, outputs=["data"], arguments=[f"{OUTPUT}/data", "x"])
    results: list[Any] = []
    threads = [
        threading.Thread(target=lambda: results.append(Lab(lab.store).run(step))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.status for result in results] == ["Succeeded"] * 3
    assert len({result.execution_id for result in results}) == 3


def test_a_full_disk_outside_of_a_job_fails_the_step_with_the_same_words(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", path.name)

    (tmp_path / "deploy.py").write_text("def handler(event, context): return {}")
    arn = "arn:aws:lambda:us-east-1:111122223333:function:deploy"
    step = {"Name": "Deploy", "Type": "Lambda", "FunctionArn": arn, "Arguments": {}}
    monkeypatch.setattr(Path, "write_text", full)
    result = lab.run(step, lambda_handlers={"deploy": tmp_path / "deploy.py"})
    assert isinstance(result.failure, StepFailed)
    assert result.failure.reason.startswith("No space left on device: event.json (free some space")
    assert lab.step_documents()["Deploy"]["FailureReason"] == result.failure.reason
    execution = lab.store.list("PipelineExecution")[-1]
    assert execution["PipelineExecutionStatus"] == "Failed"
    assert execution["FailureReason"] == result.failure.reason


def test_of_a_long_reason_as_much_is_kept_as_by_sagemaker(lab: Lab) -> None:
    words = "x" * 1030
    result = lab.run({"Name": "No", "Type": "Fail", "Arguments": {"ErrorMessage": words}})
    assert isinstance(result.failure, StepFailed)
    assert result.failure.reason == words
    assert lab.heard[-1].message == words
    for document in (lab.step_documents()["No"], lab.store.list("PipelineExecution")[0]):
        assert document["FailureReason"] == words[:1024]


def test_a_stop_that_comes_after_the_last_step_changes_nothing(lab: Lab) -> None:
    class Stopping(list[StepProgress]):
        """Cancels the run when the last step that runs has succeeded."""

        def append(self, progress: StepProgress) -> None:
            if (progress.name, progress.status) == ("Gate", "Succeeded"):
                lab.cancel.set()

    lab.heard = Stopping()
    behind = lab.processing("Behind", "") | {"DependsOn": ["Skipped"]}
    assert lab.run(behind, _gate(2, 1, [], [lab.processing("Skipped", "")])).status == "Succeeded"


def test_state_that_cannot_be_written_ends_the_run_with_one_line(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Store.put

    def fail(store: Store, kind: str, name: str, *rest: Any, **named: Any) -> None:
        if kind == "ProcessingJob":
            raise StoreError("cannot write state.db: database or disk is full")
        put(store, kind, name, *rest, **named)

    monkeypatch.setattr(Store, "put", fail)
    result = lab.run(lab.processing("A", ""))
    assert "database or disk is full" in str(result.failure)


def test_state_that_cannot_be_written_between_jobs_stops_what_runs(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "mark"
    put = Store.put

    def fail(store: Store, kind: str, name: str, *rest: Any, **named: Any) -> None:
        if kind == "PipelineExecutionStep" and name.endswith("/Unlucky"):
            wait_for(mark)
            raise StoreError("cannot write state.db: database or disk is full")
        put(store, kind, name, *rest, **named)

    monkeypatch.setattr(Store, "put", fail)
    with pytest.raises(StoreError, match="disk is full"):
        lab.run(lab.processing("Long", SLEEP, arguments=[str(mark)]), lab.processing("Unlucky", ""))
    assert lab.step_documents()["Long"]["StepStatus"] == "Stopped"
    assert lab.store.list("PipelineExecution")[0]["PipelineExecutionStatus"] == "Failed"
