"""Strike runs and their versions from the state, then remove their folders.

A note of the folders is written in the transaction that strikes them: a prune that was killed is
finished by the next command.
"""

import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.command_line.running import with_state
from pipeline.errors import PipelineError, UsageError, file_reason
from pipeline.local.engine.caching import forget_results
from pipeline.local.engine.recovery import JOBS, stop_dead_runs
from pipeline.local.engine.registration import forget_registration
from pipeline.local.pruning.needs import PACKAGE_TAG, tags_of
from pipeline.local.pruning.plan import OldRun, Plan, make_plan, run_id
from pipeline.local.repair import check_state
from pipeline.local.service.operations.context import OperationContext, name_of
from pipeline.local.service.operations.models import delete_endpoint_config, delete_model
from pipeline.local.service.operations.packages import delete_package
from pipeline.local.store import Document, Store, StoreError

_NOTE = "PrunedRun"
_KEPT_MODELS = "models"


class PruneError(PipelineError):
    """Folders of a pruned run could not be removed; the next prune tries again."""


@dataclass(frozen=True)
class Pruned:
    """A plan, and the bytes that its runs free, or freed, by run."""

    plan: Plan
    freed: Mapping[str, int]


def _plan(store: Store, keep: int, older_than: timedelta | None) -> Plan:
    """Plan a prune. Raises StoreError for a state that does not say all that is needed."""
    what = f"{store.root} is damaged, and may not say what is still needed"
    if problems := check_state(store.root).problems:
        repair = with_state("python -m pipeline.local repair", store.root)
        raise StoreError(f"{what} ({problems[0]}): {repair}")
    try:
        return make_plan(store, keep, older_than, datetime.now(UTC))
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise StoreError(f"{what} ({type(error).__name__}: {error}): nothing is pruned") from error


def plan_prune(store: Store, keep: int, older_than: timedelta | None = None) -> Pruned:
    """Plan a prune and measure what it would free; nothing is changed."""
    plan = _plan(store, keep, older_than)
    return Pruned(plan, {run.id: _size(_folders(store, run)) for run in plan.removed})


def prune(store: Store, keep: int, older_than: timedelta | None = None) -> Pruned:
    """Remove the runs beyond the newest of each pipeline that nothing needs.

    Raises UsageError while a run is at work: it may be taking results of any other from the cache;
    StoreError for a damaged state.
    """
    stop_dead_runs(store)
    with store.transaction():
        plan = _plan(store, keep, older_than)
        if plan.at_work:
            names = ", ".join(plan.at_work)
            raise UsageError(f"a run is at work ({names}): prune when it has ended")
        for run in plan.removed:
            folders = [str(folder.relative_to(store.root)) for folder in _folders(store, run)]
            store.put(_NOTE, run.id, {"Run": run.id, "Folders": folders})
        _strike(store, plan.removed)
    return Pruned(plan, finish_pruning(store))


def finish_pruning(store: Store) -> dict[str, int]:
    """Remove the folders of the runs that were struck; return the bytes freed, by run.

    Raises PruneError when some cannot be removed.
    """
    freed = {}
    for note in store.list(_NOTE):
        folders = [store.root / folder for folder in note["Folders"]]
        freed[note["Run"]] = _size(folders)
        for folder in folders:
            try:
                shutil.rmtree(folder)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise PruneError(
                    f"run {note['Run']} is not wholly gone: {file_reason(error)}"
                ) from error
        store.delete(_NOTE, note["Run"])
    return freed


def _folders(store: Store, run: OldRun) -> list[Path]:
    """Return the folders that are a run's alone, and the kept models of its versions."""
    places = [
        store.root / "runs" / run.id,
        *sorted(store.root.glob(f"s3/*/runs/{run.id}")),
        *sorted(store.root.glob(f"s3/*/debugger/*{run.id}*")),
    ]
    for model in _tagged(store, "Model", run.versions):
        containers = [model.get("PrimaryContainer") or {}, *(model.get("Containers") or [])]
        for uri in filter(None, (one.get("ModelDataUrl") for one in containers)):
            path = store.path(uri)
            if path.is_relative_to(store.root) and path.parts[-4:-3] == (_KEPT_MODELS,):
                places.append(path.parent)
    return [place for place in dict.fromkeys(places) if place.is_dir()]


def _strike(store: Store, runs: Sequence[OldRun]) -> None:
    titles = {title for run in runs for title in run.versions}
    _strike_versions(store, titles)
    ids, arns = {run.id for run in runs}, {run.arn for run in runs}
    for kind in JOBS:
        for job in store.list(kind):
            if ids.intersection(job[f"{kind}Name"].split("-")):
                store.delete(kind, job[f"{kind}Name"])
    for step in store.list("PipelineExecutionStep"):
        if step["PipelineExecutionArn"] in arns:
            identity = run_id(step["PipelineExecutionArn"])
            store.delete("PipelineExecutionStep", f"{identity}/{step['StepName']}")
    for run in runs:
        forget_results(store, run.arn)
        store.delete("PipelineExecution", run.id)


def _strike_versions(store: Store, titles: Collection[str]) -> None:
    """Strike versions, with the configurations and models that deployments made of them."""
    context = OperationContext(store)
    for config in _tagged(store, "EndpointConfig", titles):
        name = config["EndpointConfigName"]
        delete_endpoint_config(context, {"EndpointConfigName": name})
    for model in _tagged(store, "Model", titles):
        delete_model(context, {"ModelName": model["ModelName"]})
    for title in titles:
        if package := store.get("ModelPackage", title):
            forget_registration(store, package["ModelPackageArn"])
            delete_package(context, {"ModelPackageName": title})


def _tagged(store: Store, kind: str, titles: Collection[str]) -> Iterator[Document]:
    for document in store.list(kind) if titles else ():
        package = tags_of(store, document[f"{kind}Arn"]).get(PACKAGE_TAG, "")
        if package and name_of(package) in titles:
            yield document


def _size(folders: Iterable[Path]) -> int:
    """Return the bytes that files take on the disk; links are not followed."""
    files = (path for folder in folders for path in folder.rglob("*"))
    return sum(path.lstat().st_blocks * 512 for path in files)
