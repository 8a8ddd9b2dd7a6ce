"""Read the final training's epochs, from its history.csv or its log."""

import csv
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.report.section import Inputs, Section
from pipeline.report.sources.facts import Description
from pipeline.report.sources.source import Absent, Source
from pipeline.report.sources.training_output import open_output
from pipeline.temporary import temporary_folder

HISTORY_FILE = "history.csv"
_COLUMNS = ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy")
_METRIC = re.compile(r"\b(epoch|train_loss|train_accuracy|valid_loss|valid_accuracy)=(\S+)")


@dataclass(frozen=True)
class Epoch:
    """One row of history.csv. `phase` is "head" or "fine_tuning" when the history says so."""

    epoch: int
    train_loss: float
    train_accuracy: float
    valid_loss: float
    valid_accuracy: float
    phase: str | None = None


@dataclass(frozen=True)
class History:
    """The epochs of the final training, and the one whose weights were kept."""

    epochs: tuple[Epoch, ...]
    best_epoch: int | None = None


def read_history(source: Source, job: Description, output: Path | None) -> tuple[Epoch, ...]:
    """Read the epochs from history.csv; of an unfinished training from its log. Raises Absent."""
    path = output / HISTORY_FILE if output else None
    if path and path.is_file():
        with path.open(newline="", encoding="utf-8") as file:
            epochs = epochs_of_csv(file)
    else:
        epochs = epochs_of_log(source.log(str(job["TrainingJobName"])))
    if not epochs:
        raise Absent(f"{job['TrainingJobName']} completed no epoch")
    return epochs


def epochs_of_csv(lines: Iterable[str]) -> tuple[Epoch, ...]:
    """Parse the epochs from the lines of history.csv."""
    return tuple(epoch_of(row) for row in csv.DictReader(lines))


def job_epochs(source: Source, job: Description) -> tuple[Epoch, ...]:
    """Read the epochs of any training job, a trial's too. Raises Absent."""
    with temporary_folder("trial") as scratch:
        return read_history(source, job, open_output(source, job, scratch))


def epochs_of_log(lines: Sequence[str]) -> tuple[Epoch, ...]:
    """Parse the epochs from a training's metric lines, each once."""
    found = {}
    for line in lines:
        values = dict(_METRIC.findall(line))
        if {"epoch", *_COLUMNS} <= set(values) and values["epoch"].isdecimal():
            epoch = epoch_of(values)
            found[epoch.epoch] = epoch
    return tuple(found.values())


def best_epoch(history: Sequence[Epoch]) -> int | None:
    """Return the epoch that was kept: highest validation accuracy, among equals lowest loss."""
    ranked = [e for e in history if math.isfinite(e.valid_loss)]
    best = max(ranked, key=lambda e: (e.valid_accuracy, -e.valid_loss), default=None)
    return best.epoch if best else None


def epoch_of(row: Mapping[str, str]) -> Epoch:
    """Read an epoch from its columns as text."""
    values = {name: _number(row[name]) for name in _COLUMNS}
    return Epoch(epoch=int(row["epoch"]), **values, phase=row.get("phase") or None)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _read(run: Inputs) -> History:
    epochs = read_history(run.source, run.job, run.output)
    return History(epochs, best_epoch(epochs))


def _json(history: History | None) -> dict[str, Any]:
    found = history or History(())
    return {"history": found.epochs, "best_epoch": found.best_epoch}


SECTION = Section(
    name="history",
    title="Training",
    place=30,
    turn=60,
    of_training=True,
    anchor="training",
    read=_read,
    as_json=_json,
)
