"""Mark runs whose process died (killed, or a power cut) as Stopped."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from pipeline.local.journal import keep_run
from pipeline.local.store import Document, Store
from pipeline.temporary import sweep_parts

_REASON = "The process that ran it ended without a word."
# The kinds of documents of jobs, and the member that has the end of one.
JOBS = {
    "ProcessingJob": "ProcessingEndTime",
    "TrainingJob": "TrainingEndTime",
    "HyperParameterTuningJob": "HyperParameterTuningEndTime",
}


@contextmanager
def lock_held(folder: Path) -> Iterator[None]:
    """Hold a run's lock: while it is held, and no longer, the run is alive."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def stop_dead_runs(store: Store) -> None:
    """Record as Stopped every execution whose process died, with all that it began."""
    for execution in store.list("PipelineExecution"):
        if execution["PipelineExecutionStatus"] != "Executing":
            continue
        identity = execution["PipelineExecutionArn"].rpartition("/")[2]
        if not is_alive(store.root / "runs" / identity):
            with store.transaction():
                # It may have come to its own end since it was listed.
                newest = store.get("PipelineExecution", identity) or {}
                if newest.get("PipelineExecutionStatus") == "Executing":
                    _mark_stopped(store, identity, newest)
            with suppress(OSError):
                keep_run(store.root / "runs" / identity, store.rows)
            _sweep(store.root, identity)


def _sweep(root: Path, identity: str) -> None:
    """Remove what a killed run left half-done; what its steps had finished, and wrote, stays."""
    own = root / "runs" / identity
    for pattern in ("*/home", "*/*/home"):
        for folder in own.glob(pattern):
            shutil.rmtree(folder, ignore_errors=True)
    folders = (own, *root.glob(f"s3/*/runs/{identity}"))
    sweep_parts(path for folder in folders for path in folder.rglob("*.part"))


def is_alive(folder: Path) -> bool:
    """Check whether the run with that folder is at work."""
    try:
        with (folder / "lock").open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _mark_stopped(store: Store, identity: str, execution: Document) -> None:
    now = datetime.now(UTC)
    arn = execution["PipelineExecutionArn"]
    execution |= {
        "PipelineExecutionStatus": "Stopped",
        "FailureReason": _REASON,
        "LastModifiedTime": now,
    }
    store.put("PipelineExecution", identity, execution, arn=arn)
    for step in store.list("PipelineExecutionStep"):
        if step["PipelineExecutionArn"] == arn and step["StepStatus"] == "Executing":
            step |= {"StepStatus": "Stopped", "EndTime": now}
            name = step["StepName"]
            store.put("PipelineExecutionStep", f"{identity}/{name}", step, f"{arn}/step/{name}")
    for kind in JOBS:
        for job in store.list(kind):
            if identity in job[f"{kind}Name"] and (members := _last_members(kind, job, now)):
                store.put(kind, job[f"{kind}Name"], job | members, job[f"{kind}Arn"])


def _last_members(kind: str, job: Document, now: datetime) -> Document:
    """Return what ends a dead job's document; nothing when the job had ended."""
    members: Document = {}
    if job[f"{kind}Status"] == "InProgress":
        members = {f"{kind}Status": "Stopped", JOBS[kind]: now, "LastModifiedTime": now}
        if kind == "TrainingJob":
            members["SecondaryStatus"] = "Stopped"
    rules = job.get("DebugRuleEvaluationStatuses") or []
    if any(rule["RuleEvaluationStatus"] == "InProgress" for rule in rules):
        # Rules outlive their training.
        members["DebugRuleEvaluationStatuses"] = [_last_of(rule, now) for rule in rules]
    return members


def _last_of(rule: Document, now: datetime) -> Document:
    if rule["RuleEvaluationStatus"] != "InProgress":
        return rule
    return rule | {
        "RuleEvaluationStatus": "Stopped",
        "StatusDetails": _REASON,
        "LastModifiedTime": now,
    }
