"""Mark runs whose process died (killed, or a power cut) as Stopped."""

import fcntl
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.local.journal import keep_run
from pipeline.local.store import Document, Store
from pipeline.temporary import sweep_parts

_LOCK = "lock"
_LOOKS, _LOOK_S = 20, 0.05
DIED = "The process that ran it ended without a word."
"""Why a run was stopped that nobody stopped."""
# The kinds of documents of jobs, and the member that has the end of one.
JOBS = {
    "ProcessingJob": "ProcessingEndTime",
    "TrainingJob": "TrainingEndTime",
    "HyperParameterTuningJob": "HyperParameterTuningEndTime",
}


class AtWorkError(UsageError):
    """A run is at work, and cannot be begun once more."""


@contextmanager
def lock_held(folder: Path) -> Iterator[int]:
    """Hold a run's lock: while it is held, and no longer, the run is alive.

    Yields its file, which a process that inherits it holds as well. Raises AtWorkError when another
    process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("a") as lock:  # another's number in it must stay
        _lock(lock.fileno(), folder.name)
        note_holder(lock.fileno(), os.getpid())
        yield lock.fileno()


def note_holder(lock: int, process: int) -> None:
    """Write down which process holds a lock."""
    with suppress(OSError):  # a full disk: the lock itself counts
        os.truncate(lock, 0)
        os.write(lock, str(process).encode())


def _lock(lock: int, identity: str) -> None:
    for _ in range(_LOOKS):
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(_LOOK_S)  # who only looks whether it is alive has it for a moment
    raise AtWorkError(f"run {identity} is at work")


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
        with (folder / _LOCK).open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # others may look meanwhile
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def holder_of(folder: Path) -> int | None:
    """Return the number of the process that runs, or ran, the run with that folder."""
    with suppress(OSError, ValueError):
        return int((folder / _LOCK).read_text("ascii"))
    return None


def ask_to_stop(folder: Path) -> bool:
    """Ask the process of a run to stop, as Ctrl-C does; False when the run is not at work here."""
    pid = holder_of(folder)
    if pid is None or not is_alive(folder) or not _has_open(pid, folder / _LOCK):
        return False
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGTERM)
        return True
    return False


def _has_open(pid: int, file: Path) -> bool:
    """Check whether that process is the one: in another container, its number is another's here."""
    try:
        return any(one.resolve() == file.resolve() for one in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def _mark_stopped(store: Store, identity: str, execution: Document) -> None:
    now = datetime.now(UTC)
    arn = execution["PipelineExecutionArn"]
    execution |= {
        "PipelineExecutionStatus": "Stopped",
        "FailureReason": DIED,
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
        "StatusDetails": DIED,
        "LastModifiedTime": now,
    }
