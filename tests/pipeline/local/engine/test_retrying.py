"""An execution that failed or was stopped goes on as the same one, with what it has already."""

import threading
from pathlib import Path

import pytest

from pipeline.definition.selection import Selection, SelectionError
from pipeline.local.engine.recovery import AtWorkError, lock_held
from pipeline.local.engine.retrying import RetryError
from pipeline.local.engine.scheduler import ExecutionResult, RunOptions, retry_execution
from pipeline.local.service.api import LocalApi
from pipeline.local.store import Store
from tests.pipeline.local.runner_support import (
    BUCKET,
    OUTPUT,
    SLEEP,
    Json,
    Lab,
    cached,
    run_uri,
    wait_for,
)

# Fails unless the file is there; says in its output how often it was begun.
NEEDS = """
import sys
from pathlib import Path
needed, output = Path(sys.argv[1]), Path(sys.argv[2])
print("tried")
if not needed.exists():
    output.joinpath("half.txt").touch()
    raise SystemExit("not yet")
output.joinpath("out.txt").write_text("done")
"""


@pytest.fixture
def lab(store: Store) -> Lab:
    return Lab(store)


def retry(lab: Lab, result: ExecutionResult) -> ExecutionResult:
    return retry_execution(
        result.execution_arn,
        lab.store,
        listener=lab.heard.append,
        api=LocalApi(lab.store),
        cancel=threading.Event(),
        options=RunOptions(cores=1, grace_s=2.0),
    )


def _steps(lab: Lab, needed: Path) -> list[Json]:
    """First, then Second, which wants a file, then Third."""
    second = lab.processing(
        "Second", NEEDS, outputs=["data"], arguments=[str(needed), f"{OUTPUT}/data"]
    )
    return [
        cached(lab.processing("First", "print('once')")),
        second | {"DependsOn": ["First"]},
        lab.processing("Third", "print('behind')") | {"DependsOn": ["Second"]},
    ]


def test_it_goes_on_where_it_failed(lab: Lab, tmp_path: Path) -> None:
    needed = tmp_path / "needed"
    failed = lab.run(*_steps(lab, needed))
    before = lab.step_documents()["First"]
    needed.touch()
    result = retry(lab, failed)
    assert (result.status, result.execution_arn) == ("Succeeded", failed.execution_arn)
    documents = lab.step_documents()
    assert documents["First"] == before
    assert [documents[n]["AttemptCount"] for n in ("First", "Second", "Third")] == [1, 2, 1]
    assert "FailureReason" not in documents["Second"]
    outputs = lab.store.path(f"{BUCKET}/runs/{result.execution_id}/Second/data")
    assert [path.name for path in outputs.iterdir()] == ["out.txt"]
    (execution,) = lab.store.list("PipelineExecution")
    assert execution["PipelineExecutionStatus"] == "Succeeded"
    assert "FailureReason" not in execution
    work = lab.store.root / "runs" / result.execution_id / "Second"
    assert (work / "log.1.txt").read_text() == "tried\nnot yet\n"
    assert (work / "log.txt").read_text() == "tried\n"


def test_it_may_fail_again_and_be_tried_again(lab: Lab, tmp_path: Path) -> None:
    failed = lab.run(*_steps(lab, tmp_path / "needed"))
    assert retry(lab, failed).status == "Failed"
    (tmp_path / "needed").touch()
    assert retry(lab, failed).status == "Succeeded"
    assert lab.step_documents()["Second"]["AttemptCount"] == 3


def test_a_run_that_was_stopped_goes_on_too(lab: Lab, tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    def stop() -> None:
        wait_for(mark)
        lab.cancel.set()

    threading.Thread(target=stop).start()
    first = lab.processing("First", "print('once')")
    busy = lab.processing("Busy", SLEEP, arguments=[str(mark)]) | {"DependsOn": ["First"]}
    stopped = lab.run(first, busy)
    assert stopped.status == "Stopped"
    lab.put(f"{BUCKET}/code/Busy/files/Busy.py", "print('short')")
    assert retry(lab, stopped).status == "Succeeded"


CHECKPOINTS = """
import json, os
from pathlib import Path
config = json.loads(Path(os.environ["CHECKPOINT_CONFIG_FILE_PATH"]).read_text())
kept = Path(config["LocalPath"], "epochs")
epoch = len(kept.read_text()) if kept.exists() else 0
print("going on after", epoch)
kept.write_text("." * (epoch + 1))
tensors = Path(json.loads(Path(os.environ["SMDEBUG_CONFIG_FILE_PATH"]).read_text())["LocalPath"])
print("tensors", sorted(path.name for path in tensors.iterdir()))
(tensors / str(epoch)).touch()
raise SystemExit("taken away" if epoch < 2 else 0)
"""


def test_a_training_goes_on_with_its_checkpoints_and_its_tensors(lab: Lab) -> None:
    # Where the definition has them: below a step that succeeded, whose folder stays.
    kept = {"Std:Join": {"On": "/", "Values": [run_uri("Tune"), "train-checkpoints/"]}}
    hook = {"S3OutputPath": f"{BUCKET}/debugger"}
    options = {"CheckpointConfig": {"S3Uri": kept}, "DebugHookConfig": hook}
    train = lab.training("Train", CHECKPOINTS, **options)
    failed = lab.run(train)
    log = lab.store.root / "runs" / failed.execution_id / "Train/log.txt"
    for epoch, status, tensors in ((1, "Failed", ["0"]), (2, "Succeeded", ["0", "1"])):
        assert retry(lab, failed).status == status
        said = [f"going on after {epoch}", f"tensors {tensors}"]
        assert log.read_text().splitlines()[:2] == said


def test_a_selective_run_keeps_what_it_took(lab: Lab, tmp_path: Path) -> None:
    needed = tmp_path / "needed"
    source = lab.run(*_steps(lab, needed))
    selection = Selection(("Second", "Third"), source.execution_arn)
    failed = lab.run(*_steps(lab, needed), selection=selection)
    needed.touch()
    assert retry(lab, failed).status == "Succeeded"
    taken = {"SourcePipelineExecutionArn": source.execution_arn}
    assert lab.step_documents()["First"]["SelectiveExecutionResult"] == taken


def test_what_cannot_be_tried_again_is_said(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "needed").touch()
    done = lab.run(*_steps(lab, tmp_path / "needed"))
    with pytest.raises(RetryError, match="is Succeeded: only what failed or was stopped"):
        retry(lab, done)
    lab.store.put(
        "PipelineExecution",
        "old",
        {"PipelineExecutionArn": "arn:/old", "PipelineExecutionStatus": "Failed"},
        "arn:/old",
    )
    with pytest.raises(RetryError, match="run old is of an earlier version"):
        retry(lab, ExecutionResult("old", "arn:/old", "Failed", {}, None))
    missing = ExecutionResult("e", "arn:nowhere", "Failed", {}, None)
    with pytest.raises(RetryError, match="there is no execution arn:nowhere"):
        retry(lab, missing)
    assert not (lab.store.root / "runs" / "nowhere").exists()


def test_a_selective_run_whose_source_is_gone_fails_with_that_reason(
    lab: Lab, tmp_path: Path
) -> None:
    needed = tmp_path / "needed"
    source = lab.run(*_steps(lab, needed))
    selection = Selection(("Second", "Third"), source.execution_arn)
    failed = lab.run(*_steps(lab, needed), selection=selection)
    lab.store.delete("PipelineExecutionStep", f"{failed.execution_id}/First")
    lab.store.delete("PipelineExecution", source.execution_id)
    with pytest.raises(SelectionError, match="there is no execution"):
        retry(lab, failed)
    (execution,) = lab.store.list("PipelineExecution")
    assert execution["PipelineExecutionStatus"] == "Failed"
    assert "there is no execution" in execution["FailureReason"]


def test_one_retry_at_a_time(lab: Lab, tmp_path: Path) -> None:
    failed = lab.run(*_steps(lab, tmp_path / "needed"))
    with lock_held(lab.store.root / "runs" / failed.execution_id), pytest.raises(AtWorkError):
        retry(lab, failed)


def test_a_run_whose_results_are_gone_is_begun_anew_by_its_user(lab: Lab, tmp_path: Path) -> None:
    failed = lab.run(*_steps(lab, tmp_path / "needed"))
    lab.store.delete("ProcessingJob", f"pipelines-{failed.execution_id}-First")
    with pytest.raises(SelectionError, match="results of step First no more: its job is gone"):
        retry(lab, failed)
    (execution,) = lab.store.list("PipelineExecution")
    assert execution["PipelineExecutionStatus"] == "Failed"
