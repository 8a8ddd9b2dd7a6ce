"""Processing jobs: what a script finds, what is kept of it, and how it can fail."""

import errno
import threading
from pathlib import Path

import pytest

from pipeline.local.failures import StepFailed
from pipeline.local.store import Store
from tests.pipeline.local.runner_support import (
    BUCKET,
    INPUT,
    OUTPUT,
    SLEEP,
    Json,
    Lab,
    s3_output,
    wait_for,
)

WRITE = """
import sys
from pathlib import Path
Path(sys.argv[1]).joinpath("out.txt").write_text(" ".join(sys.argv[2:]))
"""


@pytest.fixture
def lab(store: Store) -> Lab:
    return Lab(store)


def _job(lab: Lab) -> Json:
    (job,) = lab.store.list("ProcessingJob")
    return job


def test_a_script_finds_what_a_container_has(lab: Lab) -> None:
    script = """
    import json, os, sys
    from pathlib import Path
    root = Path(sys.argv[1])
    job = json.loads((root / "config" / "processingjobconfig.json").read_text())
    machine = json.loads((root / "config" / "resourceconfig.json").read_text())
    print(job["ProcessingJobArn"], job["Environment"])
    print(machine["hosts"], machine["current_host"], machine["current_instance_type"])
    print(Path.cwd().relative_to(root), os.environ["WORD"])
    """
    step = lab.processing("A", script, arguments=["/opt/ml"], environment={"WORD": "hello"})
    step["Arguments"]["Tags"] = [{"Key": "project", "Value": "dogs"}]
    result = lab.run(step)
    assert result.status == "Succeeded", result.failure
    folder = lab.store.root / "runs" / result.execution_id / "A"
    assert (folder / "log.txt").read_text().splitlines() == [
        f"{_job(lab)['ProcessingJobArn']} {{'WORD': 'hello'}}",
        "['algo-1'] algo-1 ml.m5.large",
        "processing hello",
    ]
    assert [path.name for path in folder.iterdir()] == ["log.txt"], "its /opt/ml stayed"
    assert "Tags" not in _job(lab)


def test_the_jobs_own_message_is_the_reason(lab: Lab) -> None:
    script = """
    import os, sys
    open(os.environ["EXIT_MESSAGE_FILE"], "w").write("only one class: add another folder")
    sys.exit(3)
    """
    message = {"EXIT_MESSAGE_FILE": "/opt/ml/output/message"}
    result = lab.run(lab.processing("Prepare", script, environment=message))
    assert isinstance(result.failure, StepFailed)
    assert result.failure.reason == "only one class: add another folder"
    job = lab.store.list("ProcessingJob")[0]
    assert job["ExitMessage"] == "only one class: add another folder"
    assert job["FailureReason"].endswith("exit code: 3")


def test_what_a_failed_job_keeps_in_its_cache_is_there_for_the_next(lab: Lab) -> None:
    script = """
    import os, pathlib, sys
    kept = pathlib.Path(os.environ["JOB_CACHE_DIR"]) / "half"
    done = kept.exists()
    kept.parent.mkdir(exist_ok=True, parents=True)
    kept.touch()
    sys.exit(0 if done else 1)
    """
    step = lab.processing("Prepare", script)
    assert [lab.run(step).status for _ in range(2)] == ["Failed", "Succeeded"]


def test_missing_input_fails_the_step_and_names_the_address(lab: Lab) -> None:
    step = lab.processing("Prepare", "", inputs={"data": f"{BUCKET}/nowhere"})
    result = lab.run(step)
    assert isinstance(result.failure, StepFailed)
    assert f"input data: there is nothing at {BUCKET}/nowhere" in result.failure.reason


def test_a_program_that_is_not_there_is_one_clear_line(lab: Lab) -> None:
    step = lab.processing("Prepare", "")
    step["Arguments"]["AppSpecification"]["ContainerEntrypoint"] = ["no-such-program"]
    result = lab.run(step)
    assert "cannot start 'no-such-program'" in str(result.failure)
    assert _job(lab)["ProcessingJobStatus"] == "Failed"


def test_an_output_uploaded_continuously_is_there_while_the_job_runs(lab: Lab) -> None:
    uri = f"{BUCKET}/live"
    step = lab.processing(
        "A",
        "import os, sys\nopen(sys.argv[1] + '/x', 'w').close()\nassert os.path.exists(sys.argv[2])",
        arguments=[f"{OUTPUT}/live", str(lab.store.path(f"{uri}/x"))],
    )
    place = {"Outputs": [s3_output("live", uri, "Continuous")]}
    step["Arguments"]["ProcessingOutputConfig"] = place
    assert lab.run(step).status == "Succeeded"


def test_inputs_may_lie_within_each_other(lab: Lab) -> None:
    script = """
    import sys
    from pathlib import Path
    files = (path for path in Path(sys.argv[1]).iterdir() if path.name != "code")
    print([path.read_text() for path in files])
    """
    lab.put(f"{BUCKET}/data/1.txt", "outer")
    step = lab.processing("A", script, inputs={"all": f"{BUCKET}/data"}, arguments=[INPUT])
    step["Arguments"]["ProcessingInputs"][1]["S3Input"]["LocalPath"] = INPUT
    result = lab.run(step)
    assert result.status == "Succeeded", result.failure
    log = lab.store.root / "runs" / result.execution_id / "A" / "log.txt"
    assert log.read_text() == "['outer']\n"


def test_an_output_in_anothers_folder_is_kept_at_its_own_address(lab: Lab) -> None:
    script = "import sys\nfor path in sys.argv[1:]:\n    open(path, 'w').write(path[-5:])"
    arguments = [f"{OUTPUT}/1.txt", f"{OUTPUT}/in/2.txt"]
    step = lab.processing("A", script, outputs=["all", "in"], arguments=arguments)
    outputs = step["Arguments"]["ProcessingOutputConfig"]["Outputs"]
    outputs[0]["S3Output"]["LocalPath"] = OUTPUT
    result = lab.run(step)
    assert result.status == "Succeeded", result.failure
    kept = lab.store.path(f"{BUCKET}/runs/{result.execution_id}/A")
    files = sorted(path for path in kept.rglob("*") if path.is_file())
    assert [path.relative_to(kept).as_posix() for path in files] == ["all/1.txt", "in/2.txt"]


@pytest.mark.parametrize("mode", ["EndOfJob", "Continuous"])
def test_an_output_that_a_job_left_empty_is_said(lab: Lab, mode: str) -> None:
    arguments = [f"{OUTPUT}/full", "x"]
    step = lab.processing("A", WRITE, outputs=["empty", "full", "none"], arguments=arguments)
    for output in step["Arguments"]["ProcessingOutputConfig"]["Outputs"]:
        output["S3Output"]["S3UploadMode"] = mode
    result = lab.run(step)
    assert result.status == "Succeeded", result.failure
    assert lab.heard[-1].message == "output empty is empty, output none is empty"
    log = lab.store.root / "runs" / result.execution_id / "A" / "log.txt"
    assert log.read_text().splitlines() == [
        "warning: output empty is empty: the job wrote no file to it",
        "warning: output none is empty: the job wrote no file to it",
    ]


def test_a_full_disk_in_a_job_is_the_reason(lab: Lab) -> None:
    script = "with open('/dev/full', 'w') as file:\n    file.write('x')"
    result = lab.run(lab.processing("Features", script))
    assert isinstance(result.failure, StepFailed)
    assert "No space left on device" in result.failure.reason


def test_a_full_disk_while_outputs_are_kept_says_what_to_do(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/state/out.txt")

    step = lab.processing("First", WRITE, outputs=["data"], arguments=[f"{OUTPUT}/data", "x"])
    monkeypatch.setattr("pipeline.local.jobs.containers.shutil.move", full)
    result = lab.run(step)
    assert isinstance(result.failure, StepFailed)
    assert result.failure.reason == (
        "No space left on device: /state/out.txt (free some space and run again: finished steps "
        "are kept)"
    )
    assert _job(lab)["ProcessingJobStatus"] == "Failed"
    monkeypatch.undo()
    assert lab.run(step).status == "Succeeded"


def test_what_a_stopped_job_had_written_is_not_kept(lab: Lab, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    script = "import sys\nopen(sys.argv[2] + '/half', 'w').close()\n" + SLEEP
    step = lab.processing("A", script, outputs=["data"], arguments=[str(mark), f"{OUTPUT}/data"])
    thread = threading.Thread(target=lambda: lab.run(step))
    thread.start()
    wait_for(mark)
    lab.cancel.set()
    thread.join()
    assert _job(lab)["ProcessingJobStatus"] == "Stopped"
    assert not lab.store.path(f"{BUCKET}/runs").exists()


def test_an_output_folder_that_became_a_link_takes_nothing_from_where_it_leads(
    lab: Lab, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    script = "import os, sys\nos.rmdir(sys.argv[1])\nos.symlink(sys.argv[2], sys.argv[1])"
    arguments = [f"{OUTPUT}/data", str(tmp_path)]
    result = lab.run(lab.processing("A", script, outputs=["data"], arguments=arguments))
    assert result.status == "Succeeded", result.failure
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert not lab.store.path(f"{BUCKET}/runs").exists()


def test_a_job_past_its_time_is_ended(lab: Lab, tmp_path: Path) -> None:
    step = lab.processing("A", SLEEP, arguments=[str(tmp_path / "mark")])
    step["Arguments"]["StoppingCondition"] = {"MaxRuntimeInSeconds": 1}
    result = lab.run(step)
    assert isinstance(result.failure, StepFailed)
    assert "longer than MaxRuntimeInSeconds (1 s)" in result.failure.reason
    assert _job(lab)["ProcessingJobStatus"] == "Failed"


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ({"S3DataType": "ManifestFile"}, "input code: only S3Input with S3Prefix works here"),
        ({"S3Uri": f"{BUCKET}/a/../b"}, "points outside its bucket: remove '..' from it"),
        ({"LocalPath": "/data"}, "/data is not under /opt/ml: only that folder is shared"),
    ],
)
def test_a_place_that_cannot_be_used_fails_the_job_too(lab: Lab, place: Json, message: str) -> None:
    step = lab.processing("A", "")
    step["Arguments"]["ProcessingInputs"][0]["S3Input"] |= place
    result = lab.run(step)
    assert message in str(result.failure)
    assert _job(lab)["ProcessingJobStatus"] == "Failed"
    assert message in _job(lab)["FailureReason"]


def test_of_a_long_message_as_much_is_kept_as_by_sagemaker(lab: Lab) -> None:
    script = "import sys\nopen(sys.argv[1], 'w').write('x' * 1030)\nsys.exit(1)"
    lab.run(lab.processing("A", script, arguments=["/opt/ml/output/message"]))
    assert _job(lab)["ExitMessage"] == "x" * 1024
    assert len(_job(lab)["FailureReason"]) == 1024


def test_how_far_a_job_says_to_be_is_heard(lab: Lab) -> None:
    lines = ("decoded: 5 of 10 (1/s, 5 s left)", "decoded: 10 of 10 (1/s, 10 s)")
    lab.run(lab.processing("Prepare", "\n".join(f"print({line!r})" for line in lines)))
    heard = [step.progress for step in lab.heard if step.name == "Prepare"]
    assert "decoded 5 of 10, 5 s left" in heard
    assert heard[-1] == ""
