"""Look at what a killed command and the next one left: runs, versions, processes, files."""

import ctypes
import json
import os
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil

from pipeline.definition.graph import read_graph
from pipeline.local.store import Document, Store

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
_RUN = "PipelineExecution"
_LEFT = (
    "**/*.part",
    "**/*.partial",
    "**/.copy-*",
    "**/sm-local-*",
    "endpoints/model-*",
    "deployments/*",
    "runs/*/*/home",
    "runs/*/*/*/home",
)


def adopt_orphans() -> None:
    """Become the parent of every process whose own parent dies, so that none is overlooked."""
    if ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def left_processes() -> list[str]:
    """Return the command lines of all processes below this one; the dead are buried."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if process.status() == psutil.STATUS_ZOMBIE:
                with suppress(ChildProcessError):
                    os.waitpid(process.pid, os.WNOHANG)
            else:
                found.append(f"process {' '.join(process.cmdline())[:200]}")
    return found


def end_left_processes() -> None:
    """Wait for the processes below this one; kill those that stay."""
    children = psutil.Process().children(recursive=True)
    _, alive = psutil.wait_procs(children, timeout=20)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()


def find_leftovers(state: Path, temporary: Path) -> list[Path]:
    """Return what is half-made or was needed only for a while."""
    found = {path for pattern in _LEFT for path in state.glob(pattern)}
    return sorted({*found, *temporary.iterdir()})


def newest_run(state: Path) -> str | None:
    """Return the id of the newest execution; None without one."""
    runs = _store(state, _RUN)
    return _id(runs[-1]) if runs else None


def repeated_steps(state: Path, killed: str, again: str | None) -> list[str]:
    """Return the steps that a killed run had finished and the next one did not take over.

    Steps that are never cached are not among them: what they make twice is counted apart.
    """
    runs = {_id(run): run for run in _store(state, _RUN)}
    steps = _steps_by_run(state)
    graph = read_graph(_definition(runs[killed]))
    cached = {
        name
        for name, step in graph.steps.items()
        if (step.definition.get("CacheConfig") or {}).get("Enabled")
    }
    done = {step["StepName"] for step in steps.get(killed, []) if step["StepStatus"] == "Succeeded"}
    taken = {step["StepName"] for step in steps.get(again or "", []) if "CacheHitResult" in step}
    return sorted((done & cached) - taken)


def versions(state: Path) -> list[int]:
    """Return the numbers of the registered versions."""
    return [package["ModelPackageVersion"] for package in _store(state, "ModelPackage")]


def count_duplicates(state: Path) -> int:
    """Count versions beyond one of a run, or of a model whose run had not ended; steps likewise.

    A run that was killed after its end, while its report was made, has registered its version: the
    next one is a run of its own.
    """
    packages = _store(state, "ModelPackage")
    made = Counter(package["CustomerMetadataProperties"]["Report"] for package in packages)
    steps = Counter(
        (step["PipelineExecutionArn"], step["StepName"])
        for step in _store(state, "PipelineExecutionStep")
    )
    ended = {
        _id(run) for run in _store(state, _RUN) if run["PipelineExecutionStatus"] == "Succeeded"
    }
    unfinished = [package for package in packages if not ended & set(_words_of(package))]
    models = {_model(package) for package in packages if package not in unfinished}
    twice = sum(_model(package) in models for package in unfinished)
    return twice + sum(count - 1 for counts in (made, steps) for count in counts.values())


def _words_of(package: Document) -> list[str]:
    return str(package["CustomerMetadataProperties"]["Report"]).split("/")


def _model(package: Document) -> str:
    return str(package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"])


def _store(state: Path, kind: str) -> list[Document]:
    if not (state / "state.db").is_file():
        return []
    store = Store(state)
    try:
        return store.list(kind)
    finally:
        store.close()


def _steps_by_run(state: Path) -> dict[str, list[Document]]:
    found: dict[str, list[Document]] = {}
    for step in _store(state, "PipelineExecutionStep"):
        found.setdefault(step["PipelineExecutionArn"].rpartition("/")[2], []).append(step)
    return found


def _definition(run: Document) -> dict[str, object]:
    definition: dict[str, object] = json.loads(run["PipelineDefinition"])
    return definition


def _id(run: Document) -> str:
    return str(run["PipelineExecutionArn"].rpartition("/")[2])
