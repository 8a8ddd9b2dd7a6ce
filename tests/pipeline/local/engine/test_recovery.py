"""A run that was killed is not said to be running for ever, and no other run is touched."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from pipeline.local.engine.recovery import stop_dead_runs
from pipeline.local.service.api import LocalApi
from pipeline.local.store import Document, Store
from tests.pipeline.local.runner_support import Json, Lab, is_gone, wait_for

ROOT = Path(__file__).resolve().parents[4]
KILLED = "The process that ran it ended without a word."
PROGRAM = """
import sys
from pathlib import Path
from pipeline.local.store import Store
from tests.pipeline.local.runner_support import Lab
from tests.pipeline.local.engine.test_recovery import run_busily
run_busily(Lab(Store(Path(sys.argv[1]))), Path(sys.argv[2]))
"""
BUSY = """
import os, signal
from pathlib import Path
mark = Path({mark!r})
mark.with_suffix(".part").write_text(str(os.getpid()))
mark.with_suffix(".part").rename(mark)
signal.pause()
"""
KINDS = (
    "PipelineExecution",
    "PipelineExecutionStep",
    "ProcessingJob",
    "TrainingJob",
    "HyperParameterTuningJob",
)
BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
BUSY_STEPS = ("Prepare", "Train", "Tune")


def run_busily(lab: Lab, marks: Path) -> None:
    """One step that ends, and behind it one of each kind of job, all of them busy."""
    scripts = {name: BUSY.format(mark=str(marks / name)) for name in BUSY_STEPS}
    limits = {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 1}
    ranges = {"CategoricalParameterRanges": [{"Name": "rate", "Values": ["1", "2"]}]}
    config = {"Strategy": "Grid", "ResourceLimits": limits, "ParameterRanges": ranges}
    steps = (
        lab.processing("Prepare", scripts["Prepare"]),
        lab.training("Train", scripts["Train"]),
        lab.tuning("Tune", scripts["Tune"], config),
    )
    behind: list[Json] = [step | {"DependsOn": ["Done"]} for step in steps]
    lab.run(lab.processing("Done", ""), *behind, fork=False)


@pytest.fixture
def killed_run(store: Store, tmp_path: Path) -> Iterator[Callable[[], None]]:
    """A run in a process of its own that is busy with everything; what kills it."""
    (tmp_path / "killed").mkdir()
    argv = [sys.executable, "-c", PROGRAM, str(store.root), str(tmp_path / "killed")]

    def kill() -> None:
        process.kill()
        assert all(is_gone(pid) for pid in pids)

    with subprocess.Popen(argv, cwd=ROOT) as process:
        try:
            pids = [process.pid, *_busy(tmp_path / "killed")]
            yield kill
        finally:
            process.kill()


@pytest.fixture
def living_run(store: Store, tmp_path: Path, killed_run: object) -> Iterator[None]:
    """Another such run, which began later and goes on."""
    (tmp_path / "living").mkdir()
    lab = Lab(Store(store.root))
    thread = Thread(target=run_busily, args=(lab, tmp_path / "living"))
    thread.start()
    try:
        _busy(tmp_path / "living")
        yield
    finally:
        lab.cancel.set()
        thread.join()


def _busy(marks: Path) -> list[int]:
    """The jobs of a run, once all of them are busy."""
    for name in BUSY_STEPS:
        wait_for(marks / name)
    return [int((marks / name).read_text()) for name in BUSY_STEPS]


def _documents(store: Store, number: int) -> dict[str, list[Document]]:
    """Everything that is kept of a run, by kind."""
    run = store.list("PipelineExecution")[number]["PipelineExecutionArn"].rpartition("/")[2]
    return {kind: [d for d in store.list(kind) if run in str(d)] for kind in KINDS}


@pytest.mark.usefixtures("living_run")
def test_what_a_killed_run_left_is_settled_and_nothing_else(
    store: Store, killed_run: Callable[[], None]
) -> None:
    dead, alive = _documents(store, 0), _documents(store, 1)
    stop_dead_runs(store)
    assert _documents(store, 0) == dead, "it is not dead yet"
    killed_run()
    stop_dead_runs(store)
    assert _documents(store, 1) == alive
    _check_settled(store, dead, _documents(store, 0))
    homes = [path.parts[-3] for path in store.root.glob("runs/*/*/home")]
    ran = alive["PipelineExecution"][0]["PipelineExecutionArn"].rpartition("/")[2]
    assert set(homes) == {ran}, "what its jobs were given for a while is gone"


def _check_settled(
    store: Store, before: dict[str, list[Document]], after: dict[str, list[Document]]
) -> None:
    (execution,) = after["PipelineExecution"]
    assert execution["PipelineExecutionStatus"] == "Stopped"
    assert execution["FailureReason"] == KILLED
    assert execution["LastModifiedTime"] > before["PipelineExecution"][0]["LastModifiedTime"]
    done, *left = after["PipelineExecutionStep"]
    assert done == before["PipelineExecutionStep"][0]
    assert [step["StepStatus"] for step in left] == ["Stopped"] * 3
    assert all(step["EndTime"] >= step["StartTime"] for step in left)
    done, prepare = after["ProcessingJob"]
    assert done == before["ProcessingJob"][0]
    assert prepare["ProcessingJobStatus"] == "Stopped"
    assert prepare["ProcessingEndTime"] >= prepare["ProcessingStartTime"]
    assert len(after["TrainingJob"]) == 2
    for job in after["TrainingJob"]:
        assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
        assert job["TrainingEndTime"] >= job["TrainingStartTime"]
    for kind in (kind for kind in KINDS if kind != "PipelineExecutionStep"):
        assert [store.get_by_arn(kind, d[f"{kind}Arn"]) for d in after[kind]] == after[kind]
    (tuning,) = after["HyperParameterTuningJob"]
    name = tuning["HyperParameterTuningJobName"]
    answer = LocalApi(store).call(
        "DescribeHyperParameterTuningJob", {"HyperParameterTuningJobName": name}
    )
    assert answer["HyperParameterTuningJobStatus"] == "Stopped"
    assert answer["HyperParameterTuningEndTime"] >= answer["CreationTime"]


def _begun(store: Store, **members: Any) -> None:
    arn = "arn:aws:sagemaker:us-east-1:111122223333:pipeline/dogs/execution/abc"
    document = {"PipelineExecutionArn": arn, "PipelineExecutionStatus": "Executing", **members}
    store.put("PipelineExecution", "abc", document, arn=arn)


def test_a_rule_that_outlived_its_training_is_settled_as_well(store: Store) -> None:
    _begun(store)
    rules = [
        {"RuleConfigurationName": name, "RuleEvaluationStatus": status, "LastModifiedTime": BEFORE}
        for name, status in (("Overfit", "InProgress"), ("Vanishing", "NoIssuesFound"))
    ]
    job = {
        "TrainingJobName": "pipelines-abc-Train",
        "TrainingJobArn": "arn:t",
        "TrainingJobStatus": "Completed",
        "SecondaryStatus": "Completed",
        "DebugRuleEvaluationStatuses": rules,
    }
    store.put("TrainingJob", "pipelines-abc-Train", job, arn="arn:t")
    stop_dead_runs(store)
    (settled,) = store.list("TrainingJob")
    busy, done = settled.pop("DebugRuleEvaluationStatuses")
    assert (busy["RuleEvaluationStatus"], busy["StatusDetails"]) == ("Stopped", KILLED)
    assert busy["LastModifiedTime"] > BEFORE
    assert done == rules[1]
    assert settled.items() <= job.items()


def test_a_run_that_ends_while_it_is_looked_at_keeps_its_own_end(store: Store) -> None:
    class Late(Store):
        """The run comes to its end just after it was listed."""

        def list(self, kind: str) -> list[Document]:
            found = super().list(kind)
            if kind == "PipelineExecution":
                _begun(self, PipelineExecutionStatus="Succeeded")
            return found

    _begun(store)
    stop_dead_runs(Late(store.root))
    assert store.list("PipelineExecution")[0]["PipelineExecutionStatus"] == "Succeeded"


def test_a_run_is_alive_from_the_moment_that_it_is_said_to_run(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Store.put

    def put_and_settle(self: Store, kind: str, *rest: Any, **named: Any) -> None:
        put(self, kind, *rest, **named)
        if kind == "PipelineExecution":
            stop_dead_runs(self)

    monkeypatch.setattr(Store, "put", put_and_settle)
    lab = Lab(store)
    lab.run(lab.processing("A", ""))
    assert "FailureReason" not in store.list("PipelineExecution")[0]


def test_a_run_begins_with_settling_what_others_left(store: Store) -> None:
    lab = Lab(store)
    lab.run(lab.processing("A", ""))
    _begun(store)
    lab.run(lab.processing("A", ""))
    statuses = [one["PipelineExecutionStatus"] for one in store.list("PipelineExecution")]
    assert statuses == ["Succeeded", "Stopped", "Succeeded"]
