"""Training jobs: the training toolkit's contract in a folder, around one script."""

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.archives import ArchiveError, extract_archive
from pipeline.local.containers import (
    OPT_ML,
    Job,
    JobOutcome,
    failure_of,
    job_environment,
    limit_of,
    move_output,
    pack,
    python_argv,
    stage_input,
)
from pipeline.local.failures import MAXIMUM_REASON, StepFailed, disk_reason
from pipeline.local.metrics import MetricReader
from pipeline.local.processes import Command, Ending, StartError, run_to_end
from pipeline.local.store import Document
from pipeline.local.toolkit import Toolkit

_KIND = "TrainingJob"
_TENSORS = f"{OPT_ML}/output/tensors"
_CHECKPOINTS = f"{OPT_ML}/checkpoints"
_CODE_BYTES = 1024**3


def run_training_job(
    request: Mapping[str, Any], job: Job, extra: Mapping[str, Any] | None = None
) -> JobOutcome:
    """Run a CreateTrainingJob request to its end and keep its Describe document up to date.

    `extra` are members of the document that the request does not have (TuningJobArn, …). The
    outcome says what failed; only the store itself raises (StoreError).
    """
    document = _first_document(request, job) | dict(extra or {})
    _save(document, job)
    metrics = MetricReader(request["AlgorithmSpecification"].get("MetricDefinitions") or [])
    try:
        outcome = _run(request, job, document, metrics)
    except (StepFailed, StartError, ArchiveError) as error:
        failure = error if isinstance(error, StepFailed) else StepFailed(job.step, str(error))
        outcome = JobOutcome(document, failure)
    except OSError as error:
        outcome = JobOutcome(document, StepFailed(job.step, disk_reason(error)))
    _finish(outcome, job, metrics)
    return outcome


def _first_document(request: Mapping[str, Any], job: Job) -> Document:
    now = datetime.now(UTC)
    prefix = request["OutputDataConfig"]["S3OutputPath"].rstrip("/")
    return {name: value for name, value in request.items() if name != "Tags"} | {
        "TrainingJobName": job.name,
        "TrainingJobArn": job.arn("training-job", job.name),
        "ModelArtifacts": {"S3ModelArtifacts": f"{prefix}/{job.name}/output/model.tar.gz"},
        "TrainingJobStatus": "InProgress",
        "SecondaryStatus": "Training",
        "SecondaryStatusTransitions": [{"Status": "Training", "StartTime": now}],
        "CreationTime": now,
        "TrainingStartTime": now,
        "LastModifiedTime": now,
    }


def _run(
    request: Mapping[str, Any], job: Job, document: Document, metrics: MetricReader
) -> JobOutcome:
    toolkit = Toolkit(request, job)
    _prepare(request, job)
    toolkit.write_config()
    code = _unpack_code(toolkit, job)
    ending = _execute(request, job, toolkit, metrics)
    output = job.root / "output"
    said = output / "failure"
    reason = said.read_text(errors="replace").strip() if said.is_file() else ""
    failure = failure_of(job, ending, reason, limit_of(request))
    stopped = ending.cause == "stopped"
    if ending.cause == "timed out":
        document["SecondaryStatus"] = "MaxRuntimeExceeded"
    _publish_tensors(request, job)
    if failure is None and not stopped:
        (output / "success").touch()
        model = job.store.path(document["ModelArtifacts"]["S3ModelArtifacts"])
        pack(job.root / "model", model)
        if any(path.is_file() for path in (output / "data").rglob("*")):
            pack(output / "data", model.with_name("output.tar.gz"))
        shutil.rmtree(code, ignore_errors=True)
        shutil.rmtree(job.root)
    return JobOutcome(document, failure, stopped)


def _prepare(request: Mapping[str, Any], job: Job) -> None:
    for folder in ("input/data", "model", "output/data", "output/intermediate", "code"):
        (job.root / folder).mkdir(parents=True, exist_ok=True)
    for channel in request.get("InputDataConfig") or []:
        name, source = channel["ChannelName"], channel["DataSource"].get("S3DataSource")
        if source is None or source.get("S3DataType", "S3Prefix") != "S3Prefix":
            raise StepFailed(
                job.step, f"channel {name}: only S3DataSource with S3Prefix works here"
            )
        target = job.root / "input" / "data" / name
        stage_input(job, source["S3Uri"], target, f"channel {name}")
    if checkpoints := request.get("CheckpointConfig"):
        place = job.local(checkpoints.get("LocalPath", _CHECKPOINTS))
        stored = job.store.path(checkpoints["S3Uri"])
        stored.mkdir(parents=True, exist_ok=True)
        place.symlink_to(stored, target_is_directory=True)
    if hook := request.get("DebugHookConfig"):
        job.local(hook.get("LocalPath", _TENSORS)).mkdir(parents=True, exist_ok=True)


def _unpack_code(toolkit: Toolkit, job: Job) -> Path:
    code = job.root / "code"
    if toolkit.submit_directory:
        archive = job.store.path(toolkit.submit_directory)
        if not archive.is_file():
            raise StepFailed(job.step, f"there is no code at {toolkit.submit_directory}")
        extract_archive(archive, code, maximum_bytes=_CODE_BYTES)
    return code


def _execute(
    request: Mapping[str, Any], job: Job, toolkit: Toolkit, metrics: MetricReader
) -> Ending:
    def on_line(line: str) -> None:
        for name, value in metrics.read(line):
            job.on_metric(name, value)

    with job_environment(job.work, job.cores, job.region) as environment:
        own = {k: job.rewrite(v) for k, v in (request.get("Environment") or {}).items()}
        command = Command(
            argv=python_argv(toolkit.argv()),
            cwd=job.root / "code",
            environment=environment | toolkit.environment() | own,
            log=job.log,
        )
        return run_to_end(
            command,
            job.start,
            on_line,
            job.should_stop,
            limit_s=limit_of(request),
            grace_s=job.grace_s,
        )


def _publish_tensors(request: Mapping[str, Any], job: Job) -> None:
    """Debugger's tensors go where SageMaker puts them, also when the training failed."""
    if not (hook := request.get("DebugHookConfig")):
        return
    target = job.store.path(f"{hook['S3OutputPath'].rstrip('/')}/{job.name}/debug-output")
    if move_output(job.local(hook.get("LocalPath", _TENSORS)), target):
        # On SageMaker the platform, not the hook, says that no more tensors come.
        (target / "training_job_end.ts").touch()


def _finish(outcome: JobOutcome, job: Job, metrics: MetricReader) -> None:
    document, failure = outcome.document, outcome.failure
    now = datetime.now(UTC)
    timed_out = document["SecondaryStatus"] == "MaxRuntimeExceeded"
    status = "Failed" if failure else "Stopped" if outcome.stopped else "Completed"
    document |= {
        "TrainingJobStatus": "Stopped" if timed_out else status,
        "SecondaryStatus": document["SecondaryStatus"] if timed_out else status,
        "TrainingEndTime": now,
        "LastModifiedTime": now,
        "TrainingTimeInSeconds": max(
            1, round((now - document["TrainingStartTime"]).total_seconds())
        ),
        "FinalMetricDataList": metrics.final(),
    }
    document["SecondaryStatusTransitions"][0]["EndTime"] = now
    document["SecondaryStatusTransitions"].append(
        {"Status": document["SecondaryStatus"], "StartTime": now, "EndTime": now}
    )
    if failure:
        document["FailureReason"] = failure.described()[:MAXIMUM_REASON]
    _save(document, job)


def _save(document: Document, job: Job) -> None:
    job.store.put(_KIND, job.name, document, arn=document["TrainingJobArn"])
