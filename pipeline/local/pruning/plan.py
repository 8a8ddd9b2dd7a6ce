"""Decide which runs go: old ones that nothing needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from pipeline.local.pruning.needs import ids_in, needed_versions, needing_documents
from pipeline.local.store import Document, Store

_EXECUTING = "Executing"


@dataclass(frozen=True)
class OldRun:
    """A run that goes, with the versions that go with it (group/number and their status)."""

    id: str
    arn: str
    pipeline: str
    status: str
    started: datetime
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """What a prune removes; `needed` are old runs that stay, and why; `kept` counts all that stay.

    `at_work` are the runs that have not ended.
    """

    removed: tuple[OldRun, ...]
    needed: Mapping[str, str]
    kept: int
    at_work: tuple[str, ...]


def run_id(arn: str) -> str:
    """Return the id in an execution's ARN."""
    return arn.rpartition("/")[2]


def make_plan(store: Store, keep: int, older_than: timedelta | None, now: datetime) -> Plan:
    """Plan to keep the newest runs of each pipeline, and all that these and versions need."""
    runs = {run_id(one["PipelineExecutionArn"]): one for one in store.list("PipelineExecution")}
    old = _old(runs, keep, older_than, now)
    reasons = _reasons(store, runs, old)
    gone = old - reasons.keys()
    versions = _versions_of(store, frozenset(gone))
    removed = tuple(
        OldRun(
            id=identity,
            arn=run["PipelineExecutionArn"],
            pipeline=_pipeline(run),
            status=run["PipelineExecutionStatus"],
            started=run["CreationTime"],
            versions={title: status for (by, title), status in versions.items() if by == identity},
        )
        for identity, run in runs.items()
        if identity in gone
    )
    at_work = tuple(name for name, run in runs.items() if _is_at_work(run))
    needed = {name: why for name, why in reasons.items() if name in old}
    return Plan(removed, needed, len(runs) - len(removed), at_work)


def _old(
    runs: Mapping[str, Document], keep: int, older_than: timedelta | None, now: datetime
) -> set[str]:
    """Return the ended runs beyond the newest of their pipeline, of that age."""
    ordered = sorted(runs.items(), key=lambda item: (_pipeline(item[1]), item[1]["CreationTime"]))
    old: set[str] = set()
    for _, group in groupby(ordered, key=lambda item: _pipeline(item[1])):
        old |= {
            identity
            for identity, run in list(group)[:-keep]
            if not _is_at_work(run)
            and (older_than is None or now - run["CreationTime"] > older_than)
        }
    return old


def _reasons(store: Store, runs: Mapping[str, Document], old: set[str]) -> dict[str, str]:
    """Return the runs that must stay beside the newest, and why: also what they need in turn."""
    known = frozenset(runs)
    versions = needed_versions(store)
    reasons: dict[str, str] = {}
    for package in store.list("ModelPackage"):
        if why := versions.get(package["ModelPackageArn"]):
            for identity in ids_in([package], known):
                reasons.setdefault(identity, f"version {_title(package)} {why}")
    for document, why in needing_documents(store):
        for identity in ids_in([document], known):
            reasons.setdefault(identity, why)
    uses = _uses(store, known)
    waiting = [*reasons, *(known - old)]
    while waiting:
        user = waiting.pop()
        for identity in uses.get(user, set()) - reasons.keys():
            reasons[identity] = f"run {user} took results of it"
            waiting.append(identity)
    return reasons


def _uses(store: Store, known: frozenset[str]) -> dict[str, set[str]]:
    """Return the runs whose results each run took, by what its steps name."""
    uses: dict[str, set[str]] = {}
    for step in store.list("PipelineExecutionStep"):
        user = run_id(step["PipelineExecutionArn"])
        uses.setdefault(user, set()).update(ids_in([step], known) - {user})
    return uses


def _versions_of(store: Store, gone: frozenset[str]) -> dict[tuple[str, str], str]:
    """Return the status of each version that goes, by the run it goes with and its title."""
    found = {}
    for package in store.list("ModelPackage"):
        for identity in sorted(ids_in([package], gone))[:1]:
            found[identity, _title(package)] = package.get("ModelApprovalStatus", "")
    return found


def _title(package: Document) -> str:
    return str(package["ModelPackageArn"].rpartition("model-package/")[2])


def _pipeline(run: Document) -> str:
    return run_id(run["PipelineArn"])


def _is_at_work(run: Document) -> bool:
    return bool(run["PipelineExecutionStatus"] == _EXECUTING)
