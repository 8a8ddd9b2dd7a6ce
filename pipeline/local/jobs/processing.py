"""Run processing jobs: /opt/ml/processing in a folder, one command, outputs into the store."""

import json
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.addresses import AddressError
from pipeline.local.failures import MAXIMUM_REASON, StepFailed, disk_reason
from pipeline.local.jobs.containers import (
    Job,
    JobOutcome,
    failure_of,
    job_environment,
    limit_of,
    move_output,
    own_folder,
    python_argv,
    say_empty,
    stage_input,
)
from pipeline.local.jobs.opt_ml import Guard
from pipeline.local.processes.command import Command, Ending, StartError, run_to_end
from pipeline.local.store import Document

_KIND = "ProcessingJob"
# Outlives the jobs: one that was killed goes on where it was. SageMaker's have no such folder.
_JOB_CACHE = "job-cache"


def run_processing_job(request: Mapping[str, Any], job: Job) -> JobOutcome:
    """Run a CreateProcessingJob request to its end and keep its Describe document up to date.

    The outcome says what failed; only the store itself raises (StoreError).
    """
    document = {name: value for name, value in request.items() if name != "Tags"}
    document |= {
        "ProcessingJobName": job.name,
        "ProcessingJobArn": job.arn("processing-job", job.name),
        "ProcessingJobStatus": "InProgress",
        "CreationTime": datetime.now(UTC),
        "ProcessingStartTime": datetime.now(UTC),
    }
    _save(document, job)
    try:
        outcome = _run(request, job, document)
    except (StepFailed, StartError, AddressError) as error:
        failure = error if isinstance(error, StepFailed) else StepFailed(job.step, str(error))
        outcome = JobOutcome(document, failure)
    except OSError as error:
        outcome = JobOutcome(document, StepFailed(job.step, disk_reason(error)))
    _finish(outcome, job)
    return outcome


def _run(request: Mapping[str, Any], job: Job, document: Document) -> JobOutcome:
    outputs = _outputs(request, job)
    _stage(request, job, outputs)
    argv = _argv(request, job)
    guard = Guard.start(job, _code_folders(argv, job))
    ending = _execute(request, argv, job)
    message = job.root / "output" / "message"
    exit_message = message.read_text(errors="replace").strip() if message.is_file() else ""
    if exit_message:
        document["ExitMessage"] = exit_message[:MAXIMUM_REASON]
    failure = guard.judge(ending, failure_of(job, ending, exit_message, limit_of(request)))
    if failure or ending.cause == "stopped":
        return JobOutcome(document, failure, stopped=failure is None)
    # an output in another's folder goes first: to its own address
    inner_first = sorted(outputs.items(), key=lambda item: item[1], reverse=True)
    empty = sorted(name for name, place in inner_first if not _keep(job, *place))
    shutil.rmtree(job.root)
    return JobOutcome(document, warnings=say_empty(job, [f"output {name}" for name in empty]))


def _keep(job: Job, folder: Path, uri: str) -> bool:
    """Bring an output into the store; False when it is empty."""
    target = job.store.path(uri)
    if folder.is_symlink():  # written there all the time, if it still is the link that it was
        return folder.resolve() == target.resolve() and any(target.rglob("*"))
    return move_output(folder, target)


def _outputs(request: Mapping[str, Any], job: Job) -> dict[str, tuple[Path, str]]:
    """Return folder and URI by output name."""
    found = {}
    for output in (request.get("ProcessingOutputConfig") or {}).get("Outputs") or []:
        name, place = output["OutputName"], output.get("S3Output")
        if place is None:
            raise StepFailed(job.step, f"output {name}: only S3Output works on this machine")
        found[name] = (job.local(place["LocalPath"]), place["S3Uri"])
    return found


def _stage(request: Mapping[str, Any], job: Job, outputs: Mapping[str, tuple[Path, str]]) -> None:
    for item in request.get("ProcessingInputs") or []:
        name, place = item["InputName"], item.get("S3Input")
        if place is None or place.get("S3DataType", "S3Prefix") != "S3Prefix":
            raise StepFailed(job.step, f"input {name}: only S3Input with S3Prefix works here")
        stage_input(job, place["S3Uri"], job.local(place["LocalPath"]), f"input {name}")
    continuous = {
        output["OutputName"]
        for output in (request.get("ProcessingOutputConfig") or {}).get("Outputs") or []
        if output["S3Output"].get("S3UploadMode") == "Continuous"
    }
    for name, (folder, uri) in outputs.items():
        if name not in continuous:
            own_folder(job, folder)
            continue
        target = job.store.path(uri)
        target.mkdir(parents=True, exist_ok=True)
        own_folder(job, folder.parent)
        folder.symlink_to(target, target_is_directory=True)
    (job.root / "output").mkdir(parents=True, exist_ok=True)
    _write_config(request, job)


def _write_config(request: Mapping[str, Any], job: Job) -> None:
    folder = job.root / "config"
    folder.mkdir(parents=True, exist_ok=True)
    config = dict(request) | {"ProcessingJobArn": job.arn("processing-job", job.name)}
    cluster = request["ProcessingResources"]["ClusterConfig"]
    resources = {
        "current_host": "algo-1",
        "current_instance_type": cluster["InstanceType"],
        "current_group_name": "homogeneousCluster",
        "hosts": ["algo-1"],
    }
    (folder / "processingjobconfig.json").write_text(json.dumps(config, default=str))
    (folder / "resourceconfig.json").write_text(json.dumps(resources))


def _argv(request: Mapping[str, Any], job: Job) -> tuple[str, ...]:
    image = request["AppSpecification"]
    if not image.get("ContainerEntrypoint"):
        raise StepFailed(
            job.step,
            "it has no ContainerEntrypoint, and images do not run on this machine: "
            "name the command in the step",
        )
    argv = [*image["ContainerEntrypoint"], *(image.get("ContainerArguments") or [])]
    return python_argv(tuple(job.rewrite(value) for value in argv))


def _code_folders(argv: tuple[str, ...], job: Job) -> set[Path]:
    """Return the folders of the job's own that the command names files of, by their paths here."""
    paths = [Path(word) for word in " ".join(argv).split()]
    return {path.parent for path in paths if path.is_relative_to(job.root) and path.is_file()}


def _execute(request: Mapping[str, Any], argv: tuple[str, ...], job: Job) -> Ending:
    has_folder = (job.root / "processing").is_dir()
    with job_environment(job.work, job.cores, job.region) as environment:
        own = {k: job.rewrite(v) for k, v in (request.get("Environment") or {}).items()}
        command = Command(
            argv=argv,
            cwd=job.seen_root / "processing" if has_folder else job.seen_root,
            environment=environment | {"JOB_CACHE_DIR": str(job.store.root / _JOB_CACHE)} | own,
            log=job.log,
            opt_ml=job.mounted,
        )
        return run_to_end(
            command,
            job.start,
            job.hear,
            job.should_stop,
            limit_s=limit_of(request),
            grace_s=job.grace_s,
        )


def _finish(outcome: JobOutcome, job: Job) -> None:
    document, failure = outcome.document, outcome.failure
    status = "Failed" if failure else "Stopped" if outcome.stopped else "Completed"
    document |= {
        "ProcessingJobStatus": status,
        "ProcessingEndTime": datetime.now(UTC),
        "LastModifiedTime": datetime.now(UTC),
    }
    if failure:
        document["FailureReason"] = failure.described()[:MAXIMUM_REASON]
    _save(document, job)


def _save(document: Document, job: Job) -> None:
    job.store.put(_KIND, job.name, document, arn=document["ProcessingJobArn"])
