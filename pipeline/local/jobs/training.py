"""Run training jobs: the training toolkit's contract in a folder, around one script."""

import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.addresses import AddressError
from pipeline.archives import ArchiveError, extract_archive
from pipeline.local.failures import MAXIMUM_REASON, StepFailed, disk_reason
from pipeline.local.jobs.cluster import Host, hosts_of, run_together
from pipeline.local.jobs.containers import (
    Job,
    JobOutcome,
    failure_of,
    job_environment,
    limit_of,
    own_folder,
    pack,
    python_argv,
    say_empty,
    stage_input,
)
from pipeline.local.jobs.debug_rules import RuleWatch, read_configurations
from pipeline.local.jobs.metrics import MetricReader
from pipeline.local.jobs.opt_ml import Guard
from pipeline.local.jobs.toolkit import Toolkit
from pipeline.local.processes.command import Command, Ending, StartError, run_to_end
from pipeline.local.processes.own_opt_ml import OPT_ML
from pipeline.local.store import Document

_KIND = "TrainingJob"
_TENSORS = f"{OPT_ML}/output/tensors"
_TENSORS_END = "training_job_end.ts"
_CHECKPOINTS = f"{OPT_ML}/checkpoints"
_CODE_BYTES = 1024**3


class _Record:
    """A job's Describe document. Its rules change it as well, from a thread of their own."""

    def __init__(self, document: Document, job: Job) -> None:
        self.document = document
        self._job = job
        self._lock = threading.Lock()

    def change(self, members: Document) -> None:
        """Set members and keep the document."""
        with self._lock:
            self.document |= members
            arn = self.document["TrainingJobArn"]
            self._job.store.put(_KIND, self._job.name, self.document, arn=arn)


def run_training_job(
    request: Mapping[str, Any], job: Job, extra: Mapping[str, Any] | None = None
) -> JobOutcome:
    """Run a CreateTrainingJob request to its end and keep its Describe document up to date.

    `extra` are members of the document that the request does not have (TuningJobArn, …). The
    outcome says what failed; only the store itself raises (StoreError). The job's debugger rules
    go on in `job.background`.
    """
    record = _Record(_first_document(request, job) | dict(extra or {}), job)
    record.change({})
    metrics = MetricReader(request["AlgorithmSpecification"].get("MetricDefinitions") or [])
    try:
        rules = _watch_rules(request, job, record)
    except AddressError as error:
        outcome = JobOutcome(record.document, StepFailed(job.step, str(error)))
        _finish(outcome, record, metrics)
        return outcome
    outcome = JobOutcome(record.document, stopped=True)
    try:
        outcome = _attempt(request, record, job, metrics, rules)
        _finish(outcome, record, metrics)
    finally:
        if rules:
            rules.training_ended(outcome.stopped)
    return outcome


def _attempt(
    request: Mapping[str, Any],
    record: _Record,
    job: Job,
    metrics: MetricReader,
    rules: RuleWatch | None,
) -> JobOutcome:
    """Run the job and return its outcome, also when it could not run."""
    try:
        return _run(request, job, record.document, metrics, rules)
    except (StepFailed, StartError, ArchiveError, AddressError) as error:
        failure = error if isinstance(error, StepFailed) else StepFailed(job.step, str(error))
        return JobOutcome(record.document, failure)
    except OSError as error:
        return JobOutcome(record.document, StepFailed(job.step, disk_reason(error)))


def _watch_rules(request: Mapping[str, Any], job: Job, record: _Record) -> RuleWatch | None:
    configurations = read_configurations(request)
    if not configurations or not request.get("DebugHookConfig"):
        return None

    def on_change(statuses: list[Document]) -> None:
        record.change({"DebugRuleEvaluationStatuses": statuses})

    watch = RuleWatch(configurations, _tensors(request, job), job, on_change)
    on_change(watch.statuses())
    job.background.submit(watch.follow)
    return watch


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
    request: Mapping[str, Any],
    job: Job,
    document: Document,
    metrics: MetricReader,
    rules: RuleWatch | None,
) -> JobOutcome:
    with hosts_of(request) as places:
        hosts = [_Machine(request, job, host) for host in places]
        guard = Guard.start(job, [job.root / "code"])
        endings = run_together(
            [partial(host.run, metrics) for host in hosts],
            lambda: job.should_stop() or _is_lost(rules),
        )
    machine, ending = _decisive(hosts, endings)
    output = job.root / "output"
    failure = failure_of(machine.job, ending, machine.failure_message(), limit_of(request))
    failure = guard.judge(ending, failure)
    stopped = ending.cause == "stopped"
    if stopped and rules and rules.stopped_by:
        name = rules.stopped_by.name
        failure = StepFailed(job.step, f"rule {name} stopped the training: {rules.details(name)}")
    if ending.cause == "timed out":
        document["SecondaryStatus"] = "MaxRuntimeExceeded"
    _close_tensors(request, job)
    model = job.store.path(document["ModelArtifacts"]["S3ModelArtifacts"])
    if failure is None and not stopped:
        (output / "success").touch()
        pack(job.root / "model", model)
    with suppress(OSError) if failure else nullcontext():  # the first failure is the one to tell
        _pack_output(output / "data", model.with_name("output.tar.gz"))
    if failure or stopped:
        return JobOutcome(document, failure, stopped)
    warnings = () if _has_files(job.root / "model") else say_empty(job, ["the model"])
    for host in hosts:
        shutil.rmtree(host.job.root)
    return JobOutcome(document, warnings=warnings)


def _pack_output(folder: Path, archive: Path) -> None:
    """Keep what the script left beside its model however the job ended, as on SageMaker."""
    if _has_files(folder):
        pack(folder, archive)


def _has_files(folder: Path) -> bool:
    return any(path.is_file() for path in folder.rglob("*"))


class _Machine:
    """One machine of the job, ready to run: its folder is the job's own, or one in it."""

    def __init__(self, request: Mapping[str, Any], job: Job, host: Host) -> None:
        work = job.work if host.index == 0 else job.work / host.name
        self.job = replace(job, work=work, cores=max(1, job.cores // host.count))
        self._first = host.index == 0
        self._request = request
        self._toolkit = Toolkit(request, self.job, host)
        _prepare(request, self.job)
        self._toolkit.write_config()
        _unpack_code(self._toolkit, self.job)

    def run(self, metrics: MetricReader, should_stop: Callable[[], bool]) -> Ending:
        """Run the script to its end; only the first machine's metrics count."""
        job = replace(self.job, should_stop=should_stop)
        reader = metrics if self._first else MetricReader([])
        return _execute(self._request, job, self._toolkit, reader)

    def failure_message(self) -> str:
        """Return what the script wrote down as its reason for failing."""
        path = self.job.root / "output" / "failure"
        return path.read_text(errors="replace").strip() if path.is_file() else ""


def _decisive(machines: Sequence[_Machine], endings: Sequence[Ending]) -> tuple[_Machine, Ending]:
    """Choose the machine whose ending is the job's: the first to fail by itself, else the first."""
    pairs = list(zip(machines, endings, strict=True))
    causes: tuple[Callable[[Ending], bool], ...] = (
        lambda ending: ending.cause == "exited" and ending.code != 0,
        lambda ending: ending.cause != "exited",
    )
    for is_one in causes:
        for machine, ending in pairs:
            if is_one(ending):
                return machine, ending
    return pairs[0]


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
        own_folder(job, place.parent)
        place.symlink_to(stored, target_is_directory=True)
    if hook := request.get("DebugHookConfig"):
        place, stored = job.local(hook.get("LocalPath", _TENSORS)), _tensors(request, job)
        own_folder(job, place.parent)
        stored.mkdir(parents=True, exist_ok=True)
        (stored / _TENSORS_END).unlink(missing_ok=True)  # of an attempt before
        place.symlink_to(stored, target_is_directory=True)


def _unpack_code(toolkit: Toolkit, job: Job) -> None:
    code = job.root / "code"
    if toolkit.submit_directory:
        archive = _archive(toolkit.submit_directory, job)
        if not archive.is_file():
            raise StepFailed(job.step, f"there is no code at {toolkit.submit_directory}")
        extract_archive(archive, code, maximum_bytes=_CODE_BYTES)


def _archive(given: str, job: Job) -> Path:
    """Return the code's archive: an address, or in isolation a file of a channel."""
    if given.startswith("s3://"):
        return job.store.path(given)
    place = Path(given)
    inside = place.is_relative_to(job.seen_root) and ".." not in place.parts
    return job.root / place.relative_to(job.seen_root) if inside else job.store.path(given)


def _execute(
    request: Mapping[str, Any], job: Job, toolkit: Toolkit, metrics: MetricReader
) -> Ending:
    def on_line(line: str) -> None:
        job.hear(line)
        for name, value in metrics.read(line):
            job.on_metric(name, value)

    with job_environment(job.work, job.cores, job.region) as environment:
        own = {k: job.rewrite(v) for k, v in (request.get("Environment") or {}).items()}
        command = Command(
            argv=python_argv(toolkit.argv()),
            cwd=job.seen_root / "code",
            environment=environment | toolkit.environment() | own,
            log=job.log,
            opt_ml=job.mounted,
        )
        return run_to_end(
            command,
            job.start,
            on_line,
            job.should_stop,
            limit_s=limit_of(request),
            grace_s=job.grace_s,
        )


def _tensors(request: Mapping[str, Any], job: Job) -> Path:
    """Return where SageMaker puts what the debugger's hook saves, while it is saved."""
    return job.store.path(debug_output(request, job.name))


def debug_output(request: Mapping[str, Any], name: str) -> str:
    """Return the address of what the hook of that job saves; empty without a hook."""
    hook = request.get("DebugHookConfig")
    return f"{hook['S3OutputPath'].rstrip('/')}/{name}/debug-output" if hook else ""


def _close_tensors(request: Mapping[str, Any], job: Job) -> None:
    """Mark the end of the tensors, also when the training failed; drop links, as S3 would."""
    if not request.get("DebugHookConfig"):
        return
    folder = _tensors(request, job)
    for path in folder.rglob("*"):
        if path.is_symlink():
            path.unlink()
    if any(path.is_file() for path in folder.rglob("*")):
        # On SageMaker the platform, not the hook, says that no more tensors come.
        (folder / _TENSORS_END).touch()
    else:
        shutil.rmtree(folder.parent)


def _is_lost(rules: RuleWatch | None) -> bool:
    return rules is not None and rules.stopped_by is not None


def _finish(outcome: JobOutcome, record: _Record, metrics: MetricReader) -> None:
    document, failure = outcome.document, outcome.failure
    now = datetime.now(UTC)
    timed_out = document["SecondaryStatus"] == "MaxRuntimeExceeded"
    status = "Stopped" if outcome.stopped else "Failed" if failure else "Completed"
    secondary = document["SecondaryStatus"] if timed_out else status
    first = document["SecondaryStatusTransitions"][0] | {"EndTime": now}
    members = {
        "TrainingJobStatus": "Stopped" if timed_out else status,
        "SecondaryStatus": secondary,
        "SecondaryStatusTransitions": [
            first,
            {"Status": secondary, "StartTime": now, "EndTime": now},
        ],
        "TrainingEndTime": now,
        "LastModifiedTime": now,
        "TrainingTimeInSeconds": max(
            1, round((now - document["TrainingStartTime"]).total_seconds())
        ),
        "FinalMetricDataList": metrics.final(),
    }
    if failure:
        members["FailureReason"] = failure.described()[:MAXIMUM_REASON]
    record.change(members)
