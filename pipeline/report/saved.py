"""Read the saved tensors of a run, for the command line."""

from dataclasses import dataclass
from typing import Any

from pipeline.errors import UsageError
from pipeline.report.sections.tensors import Series, find_tensors, read_saved
from pipeline.report.sources.facts import read_facts
from pipeline.report.sources.source import Source
from pipeline.report.sources.training_output import open_output, training_job
from pipeline.suggestions import suggest
from pipeline.temporary import temporary_folder


@dataclass(frozen=True)
class SavedTensor:
    """A tensor that was saved: at how many steps, in which modes, and its shape."""

    name: str
    collections: tuple[str, ...]
    steps: int
    modes: tuple[str, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class SavedTensors:
    """All tensors that a training saved, and what the report draws of them.

    `note`: what was left out, "" when nothing was.
    """

    tensors: tuple[SavedTensor, ...]
    steps: int
    note: str
    gradient_norms: tuple[Series, ...]
    update_ratios: tuple[Series, ...]
    losses: tuple[Series, ...]


@dataclass(frozen=True)
class SavedSeries:
    """All tensors that a training saved, and the values of the one that was named."""

    tensors: tuple[SavedTensor, ...]
    series: tuple[Series, ...]


def read_run_tensors(source: Source, arn: str, name: str | None) -> dict[str, Any]:
    """List the tensors that a run's training saved (`tensors`); given a name, also its `series`.

    Raises Absent when it saved none, UsageError when none has that name.
    """
    job = training_job(read_facts(source, arn))
    with temporary_folder("tensors") as scratch:
        folder, _ = find_tensors(source, job, open_output(source, job, scratch))
        found = read_saved(folder, name)
    if name is not None and "series" not in found:
        raise UsageError(_unknown(name, [one["name"] for one in found["tensors"]]))
    return found


def _unknown(name: str, names: list[str]) -> str:
    hint = suggest(name, names, f"there are {len(names)}: list them without it")
    return f"no tensor {name!r} was saved; {hint}"
