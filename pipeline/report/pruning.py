"""Say what a prune frees, or would: for people, and as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pipeline.command_line.documents import json_text
from pipeline.data.progress import human_size
from pipeline.local.pruning.removal import Pruned

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class PrunedRun:
    """A run that goes: its versions, with their status, go with it."""

    run: str
    pipeline: str
    status: str
    started: datetime
    versions: Mapping[str, str]
    bytes: int


@dataclass(frozen=True)
class PruneReport:
    """What a prune removed, or with `dry_run` would; `needed` are old runs that stay, and why.

    `bytes` are free now, `kept` counts all runs that stay.
    """

    removed: tuple[PrunedRun, ...]
    bytes: int
    needed: Mapping[str, str]
    kept: int
    dry_run: bool


def prune_json(pruned: Pruned, dry_run: bool) -> str:
    """Format what goes, and what stays and why."""
    plan = pruned.plan
    runs = tuple(
        PrunedRun(
            run=run.id,
            pipeline=run.pipeline,
            status=run.status,
            started=run.started,
            versions=run.versions,
            bytes=pruned.freed.get(run.id, 0),
        )
        for run in plan.removed
    )
    total = sum(pruned.freed.values())
    return json_text(PruneReport(runs, total, plan.needed, plan.kept, dry_run))


def prune_table(pruned: Pruned) -> "Table":
    """Build the table of the runs that go, a row each."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Run", "Started", "Status", "Frees", "Versions that go with it"):
        table.add_column(name, justify="right" if name == "Frees" else "left")
    for run in pruned.plan.removed:
        versions = ", ".join(f"{title} ({status})" for title, status in run.versions.items())
        size = human_size(pruned.freed.get(run.id, 0))
        cells = (run.id, f"{run.started:%Y-%m-%d %H:%M}", run.status, size, versions)
        table.add_row(*(Text(cell) for cell in cells))
    return table


def prune_lines(pruned: Pruned, dry_run: bool) -> list[str]:
    """Say what stays although it is old, and the sums."""
    plan = pruned.plan
    lines = [f"stays: {name}: {why}" for name, why in plan.needed.items()]
    done = "would be removed" if dry_run else "removed"
    size = human_size(sum(pruned.freed.values()))
    frees = "would be free" if dry_run else "freed"
    noun = "run" if len(plan.removed) == 1 else "runs"
    lines.append(f"{len(plan.removed)} {noun} {done}, {plan.kept} stay; {size} {frees}")
    return lines
